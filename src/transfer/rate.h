/* SPDX-License-Identifier: MIT */
/*
 * A bound on the bytes per second of all streams together: a token bucket. libcurl's own limit holds for one transfer
 * alone, and 7.88 lets whatever the socket has ready pass it.
 */
#ifndef NCM_TRANSFER_RATE_H
#define NCM_TRANSFER_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ncm_rate {
	uint64_t limit; /* bytes per second; 0: none */
	double allowed; /* bytes that may come now; below 0 after a piece that was larger */
	double filled_at;
};

void ncm_rate_refill(struct ncm_rate *rate, double now);
/* Whether bytes may be taken now; takes them if so. */
bool ncm_rate_take(struct ncm_rate *rate, size_t size);

#endif
