/* SPDX-License-Identifier: MIT */
/* Which strands of the hash go to a core together, and how long one waits for others (batching). */
#include "base/file.h"
#include "transfer/intake.h"

#include <string.h>

/* A strand waits no longer than this for others to go with, and not at all when memory is short because of it. */
static const double COMPANY_SECONDS = 0.01;
static const size_t FEW_FREE = 2;

#define OWNER(task, type, member) ((type *)(void *)((char *)(task)-offsetof(type, member)))

/* The strand's next bytes in one piece: no block goes beyond a checkpoint. False if its blocks are done. */
static bool next_piece(struct ncm_strand *strand, struct ncm_sha256_piece *piece)
{
	struct ncm_sha256_run *run = ncm_strand_run(strand);

	for (size_t i = 0; i < strand->count; i++) {
		const struct ncm_block *block = strand->blocks[i];
		const size_t from = (size_t)(run->length - block->at);

		if (run->length >= block->at + block->to)
			continue;
		*piece = (struct ncm_sha256_piece){run, block->data + from, block->to - from};
		return true;
	}
	return false;
}

static void hash_bytes(struct ncm_task *task)
{
	struct ncm_hashing *hashing = OWNER(task, struct ncm_hashing, task);
	struct ncm_sha256_piece pieces[NCM_SHA256_LANES];
	size_t count;

	do {
		size_t least = SIZE_MAX;

		count = 0;
		for (size_t i = 0; i < hashing->count; i++) {
			if (!next_piece(hashing->strands[i], &pieces[count]))
				continue;
			least = pieces[count].size < least ? pieces[count].size : least;
			count++;
		}
		for (size_t i = 0; i < count; i++)
			pieces[i].size = least;
		if (count > 0)
			ncm_sha256_runs_update(pieces, count);
	} while (count > 0);
}

static void hashed_bytes(struct ncm_task *task)
{
	struct ncm_hashing *hashing = OWNER(task, struct ncm_hashing, task);
	struct ncm_intake *intakes[NCM_SHA256_LANES];
	const size_t count = hashing->count;

	hashing->running = false;
	for (size_t i = 0; i < count; i++) {
		intakes[i] = hashing->strands[i]->intake;
		ncm_strand_advance(hashing->strands[i]);
	}
	/* A tick may give up a file's strands, and hand this over anew with others. */
	for (size_t i = 0; i < count; i++)
		ncm_intake_tick(intakes[i]);
}

static struct ncm_hashing *free_hashing(const struct ncm_pool *pool)
{
	for (size_t i = 0; i < NCM_HASHING; i++) {
		if (!pool->hashing[i].running)
			return &pool->hashing[i];
	}
	return NULL;
}

/* Puts a strand that can go on where it belongs: who waits for longest comes first, and so many are enough. */
static void line_up(struct ncm_strand *strand, struct ncm_strand **ready, size_t *count, size_t most)
{
	size_t at = *count;

	while (at > 0 && ready[at - 1]->ready_at > strand->ready_at)
		at--;
	if (at == most)
		return;
	if (*count < most)
		++*count;
	memmove(&ready[at + 1], &ready[at], (*count - at - 1) * sizeof(struct ncm_strand *));
	ready[at] = strand;
}

/* How many strands of a file may go together: where each connection brings spans, the next one's is about to begin. */
static size_t count_live(const struct ncm_intake *intake)
{
	size_t count = 0;

	for (size_t i = 0; i < NCM_STRANDS; i++)
		count += ncm_strand_is_live(&intake->strands[i]);
	return intake->known && count > 0 && count < intake->streams ? intake->streams : count;
}

/* The strands that go together next: up to `most`. *live: how many there are at all. */
static size_t find_ready(const struct ncm_pool *pool, double now, struct ncm_strand **ready, size_t most, size_t *live)
{
	size_t count = 0;

	*live = 0;
	for (struct ncm_intake *intake = pool->intakes; intake; intake = intake->next) {
		*live += count_live(intake);
		for (size_t i = 0; i < NCM_STRANDS; i++) {
			struct ncm_strand *strand = &intake->strands[i];

			if (!ncm_strand_is_live(strand) || strand->running || ncm_strand_gather(strand) == 0)
				continue;
			if (strand->ready_at == 0)
				strand->ready_at = now;
			line_up(strand, ready, &count, most);
		}
	}
	return count;
}

/* The last of a file: nothing comes for which it could wait. */
static bool is_last(const struct ncm_strand *strand)
{
	const struct ncm_block *block = strand->blocks[strand->count - 1];
	const struct ncm_identity *identity = &strand->intake->partial->identity;

	return identity->has_size && block->at + block->to >= identity->size;
}

/* Whether strands that could go on should wait for others, so that a core has as many as it does best. */
static bool should_wait(const struct ncm_pool *pool, struct ncm_strand *const *ready, size_t count, double now)
{
	const bool short_of_memory = ncm_pool_free_count(pool) < FEW_FREE;

	if (now - ready[0]->ready_at >= COMPANY_SECONDS)
		return false;
	for (size_t i = 0; i < count; i++) {
		/* What is on its way to the disk keeps its memory anyhow. */
		if (is_last(ready[i]) || (short_of_memory && ready[i]->blocks[0]->written))
			return false;
	}
	return true;
}

static void start(struct ncm_crew *crew, struct ncm_hashing *hashing)
{
	size_t blocks = NCM_HASH_BATCH;

	/* Of each as many: else the longest would go its last way alone. */
	for (size_t i = 0; i < hashing->count; i++)
		blocks = hashing->strands[i]->count < blocks ? hashing->strands[i]->count : blocks;
	for (size_t i = 0; i < hashing->count; i++) {
		struct ncm_strand *strand = hashing->strands[i];

		strand->count = blocks;
		strand->running = true;
		strand->ready_at = 0;
		for (size_t k = 0; k < blocks; k++)
			strand->blocks[k]->hashing = true;
	}
	hashing->running = true;
	hashing->task = (struct ncm_task){.work = hash_bytes, .done = hashed_bytes};
	ncm_crew_add(crew, &hashing->task);
}

void ncm_strands_start(struct ncm_pool *pool, struct ncm_crew *crew)
{
	const size_t lanes = ncm_sha256_lanes();
	const double now = ncm_monotonic();
	struct ncm_hashing *hashing;
	size_t live;

	while ((hashing = free_hashing(pool))) {
		hashing->count = find_ready(pool, now, hashing->strands, lanes, &live);
		if (hashing->count == 0 || (hashing->count < lanes && hashing->count < live &&
					    should_wait(pool, hashing->strands, hashing->count, now)))
			return;
		start(crew, hashing);
	}
}

bool ncm_strands_wait(const struct ncm_pool *pool)
{
	bool wait = false;

	for (const struct ncm_intake *intake = pool->intakes; intake; intake = intake->next) {
		for (size_t i = 0; i < NCM_STRANDS; i++)
			wait = wait || (ncm_strand_is_live(&intake->strands[i]) && intake->strands[i].ready_at > 0);
	}
	return wait;
}
