/* SPDX-License-Identifier: MIT */
/* Memory for many small things that go together: taken piece by piece, given back at once. */
#ifndef NCM_BASE_ARENA_H
#define NCM_BASE_ARENA_H

#include <stddef.h>

/* All zero: empty. */
struct ncm_arena {
	struct ncm_arena_block *blocks;
	char *at;
	size_t left;
};

/* Memory that lives until ncm_arena_free, aligned for any type. Its bytes are not set. */
void *ncm_arena_take(struct ncm_arena *arena, size_t size) __attribute__((returns_nonnull));
void ncm_arena_free(struct ncm_arena *arena);

#endif
