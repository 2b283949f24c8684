/* SPDX-License-Identifier: MIT */
#include "transfer/intake.h"

#include "base/file.h"
#include "base/mem.h"

#include <ncmodel/event.h>
#include <string.h>

/* Bounds what a power cut costs. */
static const uint64_t SYNC_EVERY_BYTES = 256 << 20;
/* One task reads back so much at most, so that an interrupt need not wait and the writes get their turn. */
static const uint64_t READ_BACK_BYTES = 16 << 20;

#define OWNER(task, type, member) ((type *)(void *)((char *)(task)-offsetof(type, member)))

void ncm_intake_begin(struct ncm_intake *intake, struct ncm_partial *partial, struct ncm_pool *pool,
		      struct ncm_crew *crew, bool hashing)
{
	*intake = (struct ncm_intake){.partial = partial, .pool = pool, .crew = crew};
	intake->tally = hashing ? ncm_tally_new() : NULL;
}

static bool is_mine(const struct ncm_intake *intake, const struct ncm_block *block)
{
	return block->intake == intake;
}

void ncm_intake_end(struct ncm_intake *intake)
{
	for (size_t i = 0; intake->pool && i < intake->pool->count; i++) {
		if (is_mine(intake, intake->pool->blocks[i]))
			ncm_pool_give(intake->pool->blocks[i]);
	}
	ncm_tally_free(intake->tally);
	free(intake->hash.scratch);
	ncm_error_clear(&intake->error);
	ncm_error_clear(&intake->hash.error);
	ncm_error_clear(&intake->sync.error);
	*intake = (struct ncm_intake){0};
}

static void note_error(struct ncm_intake *intake, struct ncm_error *err)
{
	if (intake->error.code == NCM_OK)
		ncm_error_move(&intake->error, err);
	ncm_error_clear(err);
}

static void release_if_done(struct ncm_intake *intake, struct ncm_block *block)
{
	bool needed = intake->tally && intake->error.code == NCM_OK && block->at + block->to > intake->hashed;

	if (!block->writing && !block->hashing && !needed)
		ncm_pool_give(block);
}

static void write_block(struct ncm_task *task)
{
	struct ncm_block *block = OWNER(task, struct ncm_block, task);

	(void)ncm_partial_write(block->intake->partial, block->at + block->from, block->data + block->from,
				block->to - block->from, &block->error);
}

static void wrote_block(struct ncm_task *task)
{
	struct ncm_block *block = OWNER(task, struct ncm_block, task);
	struct ncm_intake *intake = block->intake;

	intake->writing--;
	block->writing = false;
	block->written = true;
	if (block->error.code != NCM_OK)
		note_error(intake, &block->error);
	release_if_done(intake, block);
}

static void submit(struct ncm_intake *intake, struct ncm_block *block)
{
	block->filling = false;
	block->writing = true;
	block->task = (struct ncm_task){.work = write_block, .done = wrote_block};
	intake->writing++;
	ncm_crew_add(intake->crew, &block->task);
}

void ncm_intake_flush(struct ncm_intake *intake, struct ncm_block **filling)
{
	struct ncm_block *block = *filling;

	*filling = NULL;
	if (!block)
		return;
	if (block->to > block->from)
		submit(intake, block);
	else
		ncm_pool_give(block);
}

bool ncm_intake_has_room(const struct ncm_intake *intake, const struct ncm_block *filling, uint64_t at, size_t size)
{
	size_t within = (size_t)(at % NCM_BLOCK_BYTES);
	size_t blocks = (within + size + NCM_BLOCK_BYTES - 1) / NCM_BLOCK_BYTES;

	if (filling)
		blocks--;
	/* What is so far ahead of a hash that is busy would push out what the hash has yet to get to. */
	if (intake->fed && at + size > intake->hashed + (uint64_t)NCM_POOL_BLOCKS * NCM_BLOCK_BYTES)
		return false;
	return blocks == 0 || ncm_pool_free_count(intake->pool) >= blocks;
}

void ncm_intake_put(struct ncm_intake *intake, struct ncm_block **filling, uint64_t at, const char *data, size_t size)
{
	bool completed = false;

	while (size > 0) {
		struct ncm_block *block = *filling;
		size_t room;

		if (!block) {
			block = *filling = ncm_pool_take(intake->pool);
			block->intake = intake;
			block->filling = true;
			block->began = ncm_monotonic();
			block->from = block->to = (size_t)(at % NCM_BLOCK_BYTES);
			block->at = at - block->from;
		}
		room = NCM_BLOCK_BYTES - block->to;
		if (room > size)
			room = size;
		memcpy(block->data + block->to, data, room);
		block->to += room;
		data += room;
		at += room;
		size -= room;
		if (block->to == NCM_BLOCK_BYTES) {
			ncm_intake_flush(intake, filling);
			completed = true;
		}
	}
	/* A fast connection keeps the loop busy for many blocks: the hash must not wait until it comes around. */
	if (completed) {
		ncm_crew_collect(intake->crew);
		ncm_intake_tick(intake);
	}
}

static void hash_from_disk(struct ncm_intake *intake)
{
	uint64_t at = intake->hash.range.start, end = intake->hash.range.end;

	if (!intake->hash.scratch)
		intake->hash.scratch = ncm_aligned_alloc(NCM_BLOCK_ALIGN, NCM_BLOCK_BYTES);
	while (at < end && !ncm_interrupted()) {
		/* Aligned after the first, so that it can go past the page cache. */
		size_t size = (size_t)(NCM_BLOCK_BYTES - at % NCM_BLOCK_BYTES);

		if (size > end - at)
			size = (size_t)(end - at);
		if (ncm_partial_read(intake->partial, at, intake->hash.scratch, size, &intake->hash.error) < 0)
			return;
		ncm_tally_update(intake->tally, intake->hash.scratch, size);
		at += size;
	}
}

static void hash_bytes(struct ncm_task *task)
{
	struct ncm_intake *intake = OWNER(task, struct ncm_intake, hash.task);

	if (intake->hash.count == 0)
		hash_from_disk(intake);
	for (size_t i = 0; i < intake->hash.count; i++) {
		const struct ncm_block *block = intake->hash.blocks[i];
		size_t from = (size_t)(ncm_tally_length(intake->tally) - block->at);

		ncm_tally_update(intake->tally, block->data + from, block->to - from);
	}
}

static void hashed_bytes(struct ncm_task *task)
{
	struct ncm_intake *intake = OWNER(task, struct ncm_intake, hash.task);

	intake->hash.running = false;
	intake->hashed = ncm_tally_length(intake->tally);
	if (intake->hash.error.code != NCM_OK)
		note_error(intake, &intake->hash.error);
	for (size_t i = 0; i < intake->hash.count; i++) {
		intake->hash.blocks[i]->hashing = false;
		release_if_done(intake, intake->hash.blocks[i]);
	}
	ncm_intake_tick(intake);
}

/* The complete block with the byte at that offset, if it is in memory. */
static struct ncm_block *find_block(const struct ncm_intake *intake, uint64_t at)
{
	for (size_t i = 0; i < intake->pool->count; i++) {
		struct ncm_block *block = intake->pool->blocks[i];

		if (is_mine(intake, block) && !block->filling && block->at + block->from <= at &&
		    at < block->at + block->to)
			return block;
	}
	return NULL;
}

/* Bytes on disk from `hashed` on, up to the next that are in memory. */
static void find_on_disk(struct ncm_intake *intake)
{
	struct ncm_range *range = &intake->hash.range;

	pthread_mutex_lock(&intake->partial->mutex);
	*range = (struct ncm_range){intake->hashed, ncm_extents_end_of(&intake->partial->on_disk, intake->hashed)};
	pthread_mutex_unlock(&intake->partial->mutex);
	if (range->end > range->start + READ_BACK_BYTES)
		range->end = range->start + READ_BACK_BYTES;
	for (size_t i = 0; i < intake->pool->count; i++) {
		const struct ncm_block *block = intake->pool->blocks[i];
		uint64_t start = block->at + block->from;

		if (is_mine(intake, block) && !block->filling && start > range->start && start < range->end)
			range->end = start;
	}
}

/*
 * Tells the blocks that the hash can reach from those behind a gap. While it has any to do, soon one will be free:
 * none is given up to be read again.
 */
static void mark_ahead(struct ncm_intake *intake)
{
	uint64_t reach = intake->hashed;
	struct ncm_block *block;
	uint64_t end;

	do {
		end = reach;
		while ((block = find_block(intake, reach)))
			reach = block->at + block->to;
		pthread_mutex_lock(&intake->partial->mutex);
		reach = ncm_extents_end_of(&intake->partial->on_disk, reach);
		pthread_mutex_unlock(&intake->partial->mutex);
	} while (reach > end);
	intake->fed = find_block(intake, intake->hashed) != NULL;
	for (size_t i = 0; i < intake->pool->count; i++) {
		block = intake->pool->blocks[i];
		if (is_mine(intake, block))
			block->ahead = !intake->fed && block->at + block->from > reach;
	}
}

static void hash_more(struct ncm_intake *intake)
{
	uint64_t at = intake->hashed;
	struct ncm_block *block;

	intake->hash.count = 0;
	while (intake->hash.count < NCM_HASH_BATCH && (block = find_block(intake, at))) {
		intake->hash.blocks[intake->hash.count++] = block;
		block->hashing = true;
		at = block->at + block->to;
	}
	if (intake->hash.count == 0) {
		find_on_disk(intake);
		if (intake->hash.range.start == intake->hash.range.end)
			return;
	}
	intake->hash.running = true;
	intake->hash.task = (struct ncm_task){.work = hash_bytes, .done = hashed_bytes};
	ncm_crew_add(intake->crew, &intake->hash.task);
}

static void sync_data(struct ncm_task *task)
{
	struct ncm_intake *intake = OWNER(task, struct ncm_intake, sync.task);

	(void)ncm_partial_sync(intake->partial, &intake->sync.error);
}

static void synced_data(struct ncm_task *task)
{
	struct ncm_intake *intake = OWNER(task, struct ncm_intake, sync.task);

	intake->sync.running = false;
	intake->lost = intake->lost || intake->sync.error.code != NCM_OK;
	if (intake->lost)
		note_error(intake, &intake->sync.error);
}

void ncm_intake_tick(struct ncm_intake *intake)
{
	if (intake->error.code != NCM_OK || ncm_interrupted())
		return;
	if (intake->tally)
		mark_ahead(intake);
	if (intake->tally && !intake->hash.running)
		hash_more(intake);
	if (!intake->sync.running && ncm_partial_unsynced(intake->partial) >= SYNC_EVERY_BYTES) {
		intake->sync.running = true;
		intake->sync.task = (struct ncm_task){.work = sync_data, .done = synced_data};
		ncm_crew_add(intake->crew, &intake->sync.task);
	}
}

bool ncm_intake_busy(const struct ncm_intake *intake)
{
	return intake->writing > 0 || intake->hash.running || intake->sync.running;
}
