/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include "base/mem.h"

#include <stddef.h>

enum { BLOCK_BYTES = 256 << 10 };

struct ncm_arena_block {
	struct ncm_arena_block *next;
	max_align_t memory[];
};

static void add_block(struct ncm_arena *arena, size_t size)
{
	struct ncm_arena_block *block = ncm_malloc(sizeof *block + size);

	block->next = arena->blocks;
	arena->blocks = block;
	arena->at = (char *)block->memory;
	arena->left = size;
}

void *ncm_arena_take(struct ncm_arena *arena, size_t size)
{
	const size_t whole = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	void *taken;

	if (whole > arena->left)
		add_block(arena, whole > BLOCK_BYTES ? whole : BLOCK_BYTES);
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
