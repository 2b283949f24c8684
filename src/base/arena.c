/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include "base/mem.h"

#include <stddef.h>

/* A block is twice as large as the one before it: few things are small, many are taken at once. */
enum { FIRST_BYTES = 256 << 10, MOST_BYTES = 16 << 20 };

struct ncm_arena_block {
	struct ncm_arena_block *next;
	size_t size;
	max_align_t memory[];
};

static void add_block(struct ncm_arena *arena, size_t size)
{
	struct ncm_arena_block *block = ncm_malloc(sizeof *block + size);

	block->next = arena->blocks;
	block->size = size;
	arena->blocks = block;
	arena->at = (char *)block->memory;
	arena->left = size;
}

static size_t next_size(const struct ncm_arena *arena)
{
	if (!arena->blocks)
		return FIRST_BYTES;
	return arena->blocks->size < MOST_BYTES / 2 ? 2 * arena->blocks->size : MOST_BYTES;
}

void *ncm_arena_take(struct ncm_arena *arena, size_t size)
{
	const size_t whole = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	void *taken;

	if (whole > arena->left) {
		const size_t next = next_size(arena);

		add_block(arena, whole > next ? whole : next);
	}
	taken = arena->at;
	arena->at += whole;
	arena->left -= whole;
	return taken;
}

void ncm_arena_free(struct ncm_arena *arena)
{
	while (arena->blocks) {
		struct ncm_arena_block *next = arena->blocks->next;

		free(arena->blocks);
		arena->blocks = next;
	}
	*arena = (struct ncm_arena){0};
}
