/* SPDX-License-Identifier: MIT */
/*
 * Files sent into the cache in the background, while their run does other work: two at once, each in two parts at once,
 * so at most two MiB of memory. Nobody's work fails by it.
 */
#ifndef NCM_CACHE_FILL_H
#define NCM_CACHE_FILL_H

#include "cache/send.h"

struct cache_filler; /* opaque */

enum cache_fill_end {
	CACHE_FILL_THERE, /* the cache has it */
	CACHE_FILL_WRONG, /* it cannot be sent, now or later */
	CACHE_FILL_LEFT,  /* to a later run */
};
/* Told once of each content that was added and has a thread, from any. */
typedef void cache_filled(void *context, const struct ncm_sha256 *sha256, enum cache_fill_end end);

/* The cache is borrowed, and the sink, which several threads tell, until cache_filler_end. */
struct cache_filler *cache_filler_new(const struct cache *cache, const struct ncm_sink *sink, cache_filled *filled,
				      void *context);

/* What is to be sent. All is copied. */
struct cache_fill {
	const char *model, *path;
	struct ncm_sha256 sha256;
	uint64_t size;
	const struct ncm_checkpoints *checkpoints; /* of size 0: none are known */
	unsigned slot;                             /* in the run's events */
};
/* A content that was added before is not sent again. */
void cache_filler_add(struct cache_filler *filler, const struct cache_fill *what);

/* Waits until all is sent, or cannot be: the first trouble is told as a warning, and ends the rest. */
void cache_filler_end(struct cache_filler *filler);

#endif
