/* SPDX-License-Identifier: MIT */
/*
 * Proving one span of a file by its checkpoints. Span i leads from state i - 1 (the standard's initial value for the
 * first) to state i; the last span, with the padding, to the file's digest. Any order, any thread. A span that holds
 * says only "this step is right": the file is proved when all of them hold, so nothing in the checkpoints is trusted.
 */
#ifndef NCM_DIGEST_SPAN_H
#define NCM_DIGEST_SPAN_H

#include "digest/tally.h"

/* How many states a file of this size has: one before each span but the first. */
size_t ncm_checkpoints_expected(uint64_t size);
/* How many spans: count + 1, so that an empty file has one, which is empty. */
size_t ncm_span_count(const struct ncm_checkpoints *checkpoints);
/* Where a span begins, and where the byte after it is. */
uint64_t ncm_span_start(size_t span);
uint64_t ncm_span_end(const struct ncm_checkpoints *checkpoints, size_t span);

/* A span being proved. Plain data; the checkpoints are borrowed. */
struct ncm_span_proof {
	const struct ncm_checkpoints *checkpoints;
	size_t span;
	struct ncm_sha256_run run;
};

void ncm_span_begin(struct ncm_span_proof *proof, const struct ncm_checkpoints *checkpoints, size_t span);
/* Takes the span's next bytes, in pieces of any size. */
void ncm_span_update(struct ncm_span_proof *proof, const void *data, size_t size);
/* Whether the step holds: exactly the span's bytes were given, and they lead where the checkpoints say. */
bool ncm_span_holds(const struct ncm_span_proof *proof);

#endif
