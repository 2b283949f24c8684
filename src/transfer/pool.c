/* SPDX-License-Identifier: MIT */
#include "transfer/pool.h"

#include "base/mem.h"
#include "os/os.h"

static bool is_spare(const struct ncm_block *block)
{
	return !block->intake ||
	       (block->written && block->ahead && !block->filling && !block->writing && !block->hashing);
}

static bool begins_piece(size_t block)
{
	return block % (NCM_POOL_PIECE / NCM_BLOCK_BYTES) == 0;
}

static struct ncm_block *make(struct ncm_pool *pool)
{
	struct ncm_block *block = ncm_calloc(1, sizeof *block);

	if (begins_piece(pool->count)) {
		block->data = ncm_aligned_alloc(NCM_POOL_PIECE, NCM_POOL_PIECE);
		/* Every byte is copied in, written from and hashed by another thread: each of them walks fewer pages.
		 */
		os_want_huge_pages(block->data, NCM_POOL_PIECE);
	} else {
		block->data = pool->blocks[pool->count - 1]->data + NCM_BLOCK_BYTES;
	}
	return pool->blocks[pool->count++] = block;
}

struct ncm_block *ncm_pool_take(struct ncm_pool *pool)
{
	struct ncm_block *best = NULL;

	for (size_t i = 0; i < pool->count; i++) {
		struct ncm_block *block = pool->blocks[i];

		if (!block->intake)
			return block;
		if (is_spare(block) && (!best || block->at > best->at))
			best = block;
	}
	if (pool->count < NCM_POOL_BLOCKS)
		return make(pool);
	if (best)
		ncm_pool_give(best);
	return best;
}

size_t ncm_pool_free_count(const struct ncm_pool *pool)
{
	size_t count = NCM_POOL_BLOCKS - pool->count;

	for (size_t i = 0; i < pool->count; i++)
		count += is_spare(pool->blocks[i]);
	return count;
}

void ncm_pool_give(struct ncm_block *block)
{
	ncm_error_clear(&block->error);
	block->intake = NULL;
	block->filling = block->writing = block->reading = block->hashing = block->written = block->ahead = false;
}

void ncm_pool_end(struct ncm_pool *pool)
{
	for (size_t i = 0; i < pool->count; i++) {
		ncm_error_clear(&pool->blocks[i]->error);
		if (begins_piece(i))
			free(pool->blocks[i]->data);
		free(pool->blocks[i]);
	}
	free(pool->hashing);
	pool->hashing = NULL;
	pool->count = 0;
}
