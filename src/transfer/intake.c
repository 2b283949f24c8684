/* SPDX-License-Identifier: MIT */
/* The block buffer between network, disk and hash: write-behind, read-ahead, and back-pressure when it is full. */
#include "transfer/intake.h"

#include "base/file.h"
#include "base/mem.h"
#include "os/os.h"

#include <assert.h>
#include <ncmodel/event.h>
#include <string.h>

/* Bounds what a power cut costs. */
static const uint64_t SYNC_EVERY_BYTES = 256 << 20;
/* Fewer blocks than these wait for no slow hash: the network is about to bring more. */
static const size_t CROWD = NCM_POOL_BLOCKS / 4;
/* The hash has so much before it, in memory or on the way there: what it works on, and as much again. */
static const uint64_t READ_AHEAD_BYTES = 2 * (uint64_t)NCM_HASH_BATCH * NCM_BLOCK_BYTES;

#define OWNER(task, type, member) ((type *)(void *)((char *)(task)-offsetof(type, member)))

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
	pool->count = 0;
}

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
	ncm_error_clear(&intake->error);
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

	if (!block->writing && !block->reading && !block->hashing && !needed)
		ncm_pool_give(block);
}

static void write_block(struct ncm_task *task)
{
	struct ncm_block *block = OWNER(task, struct ncm_block, task);

	(void)ncm_partial_write(block->intake->partial, block->at + block->from, block->data + block->from,
				block->to - block->from, &block->error);
}

static void read_block(struct ncm_task *task)
{
	struct ncm_block *block = OWNER(task, struct ncm_block, task);

	(void)ncm_partial_read(block->intake->partial, block->at + block->from, block->data + block->from,
			       block->to - block->from, &block->error);
}

/* It is in memory and on disk now, whichever it was before. */
static void moved_block(struct ncm_task *task)
{
	struct ncm_block *block = OWNER(task, struct ncm_block, task);
	struct ncm_intake *intake = block->intake;

	intake->moving--;
	block->writing = block->reading = false;
	block->written = true;
	if (block->error.code != NCM_OK)
		note_error(intake, &block->error);
	release_if_done(intake, block);
}

static void move_block(struct ncm_intake *intake, struct ncm_block *block, void (*work)(struct ncm_task *task))
{
	block->task = (struct ncm_task){.work = work, .done = moved_block};
	intake->moving++;
	ncm_crew_add(intake->crew, &block->task);
}

void ncm_intake_flush(struct ncm_intake *intake, struct ncm_block **filling)
{
	struct ncm_block *block = *filling;

	*filling = NULL;
	if (!block)
		return;
	if (block->to == block->from) {
		ncm_pool_give(block);
		return;
	}
	block->filling = false;
	block->writing = true;
	move_block(intake, block, write_block);
}

bool ncm_intake_has_room(const struct ncm_intake *intake, const struct ncm_block *filling, uint64_t at, size_t size)
{
	size_t within = (size_t)(at % NCM_BLOCK_BYTES);
	size_t blocks = (within + size + NCM_BLOCK_BYTES - 1) / NCM_BLOCK_BYTES;

	if (filling)
		blocks--;
	/* What is so far ahead would push out what the hash is soon to get to. */
	if (intake->crowded && at + size > intake->hashed + (uint64_t)NCM_POOL_BLOCKS * NCM_BLOCK_BYTES)
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

static void hash_bytes(struct ncm_task *task)
{
	struct ncm_intake *intake = OWNER(task, struct ncm_intake, hash.task);

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

/* Where the bytes end that are on disk from there on. */
static uint64_t end_on_disk(const struct ncm_intake *intake, uint64_t at)
{
	uint64_t end;

	pthread_mutex_lock(&intake->partial->mutex);
	end = ncm_ranges_end_of(&intake->partial->on_disk, at);
	pthread_mutex_unlock(&intake->partial->mutex);
	return end;
}

/* Bytes on disk from there on, as far as one block goes and they are not in memory. */
static struct ncm_range find_on_disk(const struct ncm_intake *intake, uint64_t at)
{
	struct ncm_range range = {at, at - at % NCM_BLOCK_BYTES + NCM_BLOCK_BYTES};
	const uint64_t end = end_on_disk(intake, at);

	if (range.end > end)
		range.end = end;
	for (size_t i = 0; i < intake->pool->count; i++) {
		const struct ncm_block *block = intake->pool->blocks[i];
		uint64_t start = block->at + block->from;

		if (is_mine(intake, block) && !block->filling && start > range.start && start < range.end)
			range.end = start;
	}
	return range;
}

/* What left memory comes back before the hash gets to it, so that it does not wait for the disk. */
static void read_back(struct ncm_intake *intake)
{
	const uint64_t limit = intake->hashed + READ_AHEAD_BYTES;
	uint64_t at = intake->hashed;

	while (at < limit) {
		struct ncm_block *block = find_block(intake, at);
		struct ncm_range range;

		if (block) {
			at = block->at + block->to;
			continue;
		}
		range = find_on_disk(intake, at);
		block = range.end > range.start ? ncm_pool_take(intake->pool) : NULL;
		if (!block)
			return;
		block->intake = intake;
		block->from = (size_t)(at % NCM_BLOCK_BYTES);
		block->at = at - block->from;
		block->to = (size_t)(range.end - block->at);
		block->reading = true;
		move_block(intake, block, read_block);
		at = range.end;
	}
}

/*
 * Tells the blocks that the hash can reach from those behind a gap. When it is the hash that is slow, most of the
 * complete ones are of the first kind: then one will be free soon, and none is given up to be read again.
 */
static void mark_ahead(struct ncm_intake *intake)
{
	uint64_t reach = intake->hashed;
	size_t mine = 0, reached = 0;
	struct ncm_block *block;
	uint64_t end;

	do {
		end = reach;
		while ((block = find_block(intake, reach)))
			reach = block->at + block->to;
		reach = end_on_disk(intake, reach);
	} while (reach > end);
	for (size_t i = 0; i < intake->pool->count; i++) {
		block = intake->pool->blocks[i];
		if (!is_mine(intake, block))
			continue;
		block->ahead = block->at + block->from > reach;
		reached += !block->ahead && !block->filling;
		mine++;
	}
	intake->crowded = reached >= CROWD && reached > mine / 2;
	for (size_t i = 0; intake->crowded && i < intake->pool->count; i++) {
		block = intake->pool->blocks[i];
		block->ahead = block->ahead && !is_mine(intake, block);
	}
}

static void hash_more(struct ncm_intake *intake)
{
	uint64_t at = intake->hashed;
	struct ncm_block *block;

	intake->hash.count = 0;
	while (intake->hash.count < NCM_HASH_BATCH && (block = find_block(intake, at)) && !block->reading) {
		intake->hash.blocks[intake->hash.count++] = block;
		block->hashing = true;
		at = block->at + block->to;
	}
	if (intake->hash.count == 0)
		return;
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

/* Whether somebody is about to let go of a block in use. */
static bool is_moving(const struct ncm_block *block)
{
	const struct ncm_intake *intake = block->intake;
	const bool is_next = block->at + block->from <= intake->hashed && intake->hashed < block->at + block->to;

	return block->filling || block->writing || block->reading || block->hashing || is_next ||
	       intake->error.code != NCM_OK; /* its fetch ends */
}

bool ncm_intake_can_go_on(const struct ncm_intake *intake)
{
	const struct ncm_pool *pool = intake->pool;

	if (!intake->tally || find_block(intake, intake->hashed) || ncm_pool_free_count(pool) > 0)
		return true;
	for (size_t i = 0; i < pool->count; i++) {
		if (is_moving(pool->blocks[i]))
			return true;
	}
	return false;
}

void ncm_intake_tick(struct ncm_intake *intake)
{
	if (intake->error.code != NCM_OK || ncm_interrupted())
		return;
	if (intake->tally) {
		mark_ahead(intake);
		read_back(intake);
	}
	if (intake->tally && !intake->hash.running)
		hash_more(intake);
	if (!intake->sync.running && ncm_partial_unsynced(intake->partial) >= SYNC_EVERY_BYTES) {
		intake->sync.running = true;
		intake->sync.task = (struct ncm_task){.work = sync_data, .done = synced_data};
		ncm_crew_add(intake->crew, &intake->sync.task);
	}
	assert(ncm_intake_can_go_on(intake));
}

bool ncm_intake_busy(const struct ncm_intake *intake)
{
	return intake->moving > 0 || intake->hash.running || intake->sync.running;
}
