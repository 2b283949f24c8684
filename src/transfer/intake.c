/* SPDX-License-Identifier: MIT */
/* The block buffer between network, disk and hash: write-behind and back-pressure when it is full. */
#include "transfer/intake.h"

#include "base/file.h"
#include "base/mem.h"

#include <assert.h>
#include <ncmodel/event.h>

/* Bounds what a power cut costs. */
static const uint64_t SYNC_EVERY_BYTES = 256 << 20;

#define OWNER(task, type, member) ((type *)(void *)((char *)(task)-offsetof(type, member)))

void ncm_intake_begin(struct ncm_intake *intake, struct ncm_partial *partial, struct ncm_pool *pool,
		      struct ncm_crew *crew, bool hashing, const struct ncm_checkpoints *known)
{
	*intake = (struct ncm_intake){
	    .partial = partial, .pool = pool, .crew = crew, .hashes = hashing, .known = hashing ? known : NULL};
	if (hashing)
		ncm_strands_begin(intake);
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
	ncm_strands_end(intake);
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

void ncm_intake_release(struct ncm_intake *intake, struct ncm_block *block)
{
	bool needed = intake->error.code == NCM_OK && ncm_strands_want(intake, block);

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
	ncm_intake_release(intake, block);
}

static void move_block(struct ncm_intake *intake, struct ncm_block *block, void (*work)(struct ncm_task *task))
{
	block->task = (struct ncm_task){.work = work, .done = moved_block};
	intake->moving++;
	ncm_crew_add(intake->crew, &block->task);
}

void ncm_intake_read(struct ncm_intake *intake, struct ncm_block *block)
{
	block->reading = true;
	move_block(intake, block, read_block);
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
	if (intake->crowded && at + size > intake->strands[0].hashed + (uint64_t)NCM_POOL_BLOCKS * NCM_BLOCK_BYTES)
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
		ncm_copy_away(block->data + block->to, data, room);
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
	if (intake->error.code != NCM_OK || intake->stopped || ncm_interrupted())
		return;
	if (intake->hashes)
		ncm_strands_tick(intake);
	if (!intake->sync.running && ncm_partial_unsynced(intake->partial) >= SYNC_EVERY_BYTES) {
		intake->sync.running = true;
		intake->sync.task = (struct ncm_task){.work = sync_data, .done = synced_data};
		ncm_crew_add(intake->crew, &intake->sync.task);
	}
	assert(ncm_intake_can_go_on(intake));
}

bool ncm_intake_busy(const struct ncm_intake *intake)
{
	return intake->moving > 0 || ncm_strands_running(intake) || intake->sync.running;
}

bool ncm_intake_is_hashed(const struct ncm_intake *intake, uint64_t size)
{
	if (intake->known)
		return intake->proved == ncm_span_count(intake->known);
	return !intake->hashes || intake->strands[0].hashed == size;
}

bool ncm_intake_digest(struct ncm_intake *intake, struct ncm_sha256 *digest, struct ncm_checkpoints *checkpoints)
{
	const struct ncm_checkpoints *known = intake->known;

	if (known) { /* every span leads to the next, from the standard's initial value to this digest */
		*digest = known->sha256;
		ncm_checkpoints_copy(checkpoints, known);
	} else if (intake->hashes) {
		ncm_tally_end(intake->tally, digest, checkpoints);
		intake->tally = NULL;
	}
	return intake->hashes;
}
