/* SPDX-License-Identifier: MIT */
/*
 * Copying a file: read once, and what is written is hashed while it is. Three things go on at one time, each in its own
 * thread: the next bytes are read, these are hashed, and written. What the source has as a hole the copy has, too.
 */
#ifndef NCM_DIGEST_COPY_H
#define NCM_DIGEST_COPY_H

#include "digest/tally.h"

struct ncm_copying {
	int from;                                        /* a regular file; borrowed */
	int to;                                          /* a new, empty one; borrowed */
	void (*progress)(void *context, uint64_t bytes); /* after each piece; or NULL */
	void *context;
	/* results */
	struct ncm_sha256 sha256; /* of the bytes that were written */
	struct ncm_checkpoints checkpoints;
};

/*
 * Copies all of it; free the checkpoints with ncm_checkpoints_clear. Nothing is synced. Returns 0, or -1 with errno
 * (EINTR when the user interrupted; ENOSPC before the first byte, where the file system can tell).
 */
int ncm_copy_hashed(struct ncm_copying *copying);
/* The same with nobody hashing. */
int ncm_copy_plain(int from, int to);

#endif
