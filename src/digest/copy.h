/* SPDX-License-Identifier: MIT */
/*
 * Copying a file: read once, and what is written is hashed meanwhile (relay.h). What the source has as a hole the copy
 * has, too.
 */
#ifndef NCM_DIGEST_COPY_H
#define NCM_DIGEST_COPY_H

#include "digest/relay.h"

/*
 * A file that is read from its start, holes as holes, as the read of a relay. What is in the page cache stays there,
 * and nothing else comes to it.
 */
struct ncm_file_reading; /* opaque */

/* `fd` is borrowed. Reads as many bytes as it has now, unless it shrinks. */
struct ncm_file_reading *ncm_file_reading_start(int fd);
/* Returns 1, 0 at the end, or -1 with errno. */
int ncm_file_reading_next(struct ncm_file_reading *reading, void *buffer, struct ncm_relayed *piece);
void ncm_file_reading_end(struct ncm_file_reading *reading);

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
