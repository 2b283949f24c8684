/* SPDX-License-Identifier: MIT */
/*
 * Spans of files on their way from where they lie to where they belong: each is read once, proven by its checkpoints
 * (span.h) and written, in any order, on all cores and several side by side on each.
 */
#ifndef NCM_DIGEST_TRANSIT_H
#define NCM_DIGEST_TRANSIT_H

#include "digest/span.h"

struct ncm_transit {
	int from; /* where its bytes begin; borrowed, as all here */
	uint64_t from_at;
	int to; /* where they go; -1: nowhere, they are only proven */
	uint64_t to_at;
	const struct ncm_checkpoints *checkpoints; /* of its file */
	size_t span;
	/* results */
	bool holds;
	int failure;       /* errno of a read or write; ENODATA: `from` ends before; EINTR: the user interrupted */
	bool write_failed; /* it was the write */
};

/* Fills in the results of all; tells of the bytes of each span that is through (may be NULL; one thread at a time). */
void ncm_transits_run(struct ncm_transit *transits, size_t count, void (*progress)(void *context, uint64_t bytes),
		      void *context);

#endif
