/* SPDX-License-Identifier: MIT */
/*
 * SHA-256 that keeps its state every 16 MiB. With those checkpoints any core can later prove a part of the file: from
 * checkpoint i the part's bytes must lead to checkpoint i+1. They need no trust: if every step holds, from the
 * standard's initial value to the digest, then the digest is the whole file's.
 */
#ifndef NCM_DIGEST_TALLY_H
#define NCM_DIGEST_TALLY_H

#include "digest/sha256_state.h"

enum { NCM_CHECKPOINT_SPAN = 16 << 20 };

struct ncm_checkpoints {
	uint64_t size; /* of the file */
	struct ncm_sha256 sha256;
	size_t count;                    /* (size - 1) / NCM_CHECKPOINT_SPAN; 0 for an empty file */
	struct ncm_sha256_state *states; /* states[i]: after (i + 1) * NCM_CHECKPOINT_SPAN bytes */
};

struct ncm_tally; /* opaque */

struct ncm_tally *ncm_tally_new(void);
/* As if the first `spans` spans (at most checkpoints->count) had been taken, whose steps the caller has proved. */
struct ncm_tally *ncm_tally_after(const struct ncm_checkpoints *checkpoints, size_t spans);
void ncm_tally_update(struct ncm_tally *tally, const void *data, size_t size);
/*
 * For who feeds several tallies side by side (ncm_sha256_runs_update): the run of this one, ready for at most *room
 * bytes, up to the next checkpoint.
 */
struct ncm_sha256_run *ncm_tally_run(struct ncm_tally *tally, size_t *room);
/* Bytes so far. */
uint64_t ncm_tally_length(const struct ncm_tally *tally);
/* Ends it and frees it. *checkpoints (may be NULL) receives what was kept; free with ncm_checkpoints_clear. */
void ncm_tally_end(struct ncm_tally *tally, struct ncm_sha256 *digest, struct ncm_checkpoints *checkpoints);
void ncm_tally_free(struct ncm_tally *tally);
/*
 * Hashes `size` bytes of a regular file from offset 0 (UINT64_MAX: to the end), leaving the page cache as it is and
 * telling progress (may be NULL) after each piece. *checkpoints (may be NULL) as by ncm_tally_end; its size is what was
 * read. Returns 0, or -1 with errno (EINTR when interrupted by the user).
 */
int ncm_tally_fd(int fd, uint64_t size, struct ncm_sha256 *digest, struct ncm_checkpoints *checkpoints,
		 void (*progress)(void *context, uint64_t bytes), void *context);
/* A copy of its own; free with ncm_checkpoints_clear. What *to held is not freed. */
void ncm_checkpoints_copy(struct ncm_checkpoints *to, const struct ncm_checkpoints *from);
void ncm_checkpoints_clear(struct ncm_checkpoints *checkpoints);

#endif
