/* SPDX-License-Identifier: MIT */
/*
 * SHA-256 with its state in the open. OpenSSL's low-level functions are deprecated but the only ones that show the
 * state and use the CPU's SHA instructions; they are named in sha256_state.c alone, so that another implementation can
 * take their place.
 */
#ifndef NCM_DIGEST_SHA256_STATE_H
#define NCM_DIGEST_SHA256_STATE_H

#include <ncmodel/digest.h>

enum { NCM_SHA256_BLOCK = 64 };

/* The chaining value after a whole number of 64-byte blocks, as FIPS 180-4 writes a digest: big-endian words. */
struct ncm_sha256_state {
	uint8_t bytes[32];
};

/* Goes on from *state over whole blocks: `size` is a multiple of 64. */
void ncm_sha256_state_advance(struct ncm_sha256_state *state, const void *blocks, size_t size);
bool ncm_sha256_state_equal(const struct ncm_sha256_state *a, const struct ncm_sha256_state *b);

/* A hash under way. Plain data: it may be copied, and needs no end. */
struct ncm_sha256_run {
	struct ncm_sha256_state state;   /* after the whole blocks so far */
	uint64_t length;                 /* bytes so far */
	uint8_t block[NCM_SHA256_BLOCK]; /* its first length % 64 bytes wait for the rest of their block */
};

/* Starts at the message's first byte, or after its first `length` bytes (a multiple of 64), which led to `state`. */
void ncm_sha256_run_start(struct ncm_sha256_run *run);
void ncm_sha256_run_from(struct ncm_sha256_run *run, const struct ncm_sha256_state *state, uint64_t length);
/* Takes the next bytes, in pieces of any size. */
void ncm_sha256_run_update(struct ncm_sha256_run *run, const void *data, size_t size);
/* The next bytes of a message. */
struct ncm_sha256_piece {
	struct ncm_sha256_run *run;
	const void *data;
	size_t size;
};

/* Each run takes its piece, side by side on one core: up to NCM_SHA256_LANES different runs (sha256_lanes.h). */
void ncm_sha256_runs_update(const struct ncm_sha256_piece *pieces, size_t count);
/* The digest of a message that ends here. The run stays as it is. */
void ncm_sha256_run_digest(const struct ncm_sha256_run *run, struct ncm_sha256 *digest);

#endif
