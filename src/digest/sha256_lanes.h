/* SPDX-License-Identifier: MIT */
/*
 * SHA-256's compression of several messages side by side on one core (interleaving, multi-buffer hashing). One chain
 * of rounds waits for its own latency: the CPU's SHA instructions could begin twice as many as one message gives them.
 * Two or three messages that take turns keep them busy. OpenSSL offers no such thing with a state that can be set.
 */
#ifndef NCM_DIGEST_SHA256_LANES_H
#define NCM_DIGEST_SHA256_LANES_H

#include "digest/sha256_state.h"

/* More than three bring nothing: the registers do not hold their states. */
enum { NCM_SHA256_LANES = 3 };

/* A message under way: where it stands, and its next whole blocks. Both are borrowed; the states are all different. */
struct ncm_sha256_lane {
	struct ncm_sha256_state *state;
	const uint8_t *blocks;
};

/* Takes `blocks` blocks of 64 bytes of each of `count` lanes (1 to NCM_SHA256_LANES). Allocates nothing. */
void ncm_sha256_lanes_advance(const struct ncm_sha256_lane *lanes, size_t count, size_t blocks);

/* How many messages this machine should hash side by side: 1 to NCM_SHA256_LANES. One where that brings nothing. */
size_t ncm_sha256_lanes(void);

#endif
