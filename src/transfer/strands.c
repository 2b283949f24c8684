/* SPDX-License-Identifier: MIT */
/* The hash's side of the block buffer: which bytes its strands want, read-ahead, and what of a span is proved. */
#include "base/file.h"
#include "base/mem.h"
#include "transfer/intake.h"

#include <string.h>

/* Fewer blocks than these wait for no slow hash: the network is about to bring more. */
static const size_t CROWD = NCM_POOL_BLOCKS / 4;
/* The hash has so much before it, in memory or on the way there: what it works on, and as much again. */
static const uint64_t READ_AHEAD_BYTES = 2 * (uint64_t)NCM_HASH_BATCH * NCM_BLOCK_BYTES;

static bool is_mine(const struct ncm_intake *intake, const struct ncm_block *block)
{
	return block->intake == intake;
}

bool ncm_strand_is_live(const struct ncm_strand *strand)
{
	return strand->live && !strand->intake->stopped && !(strand->intake->unknown && strand->intake->known) &&
	       strand->intake->error.code == NCM_OK;
}

static size_t span_of(uint64_t at)
{
	return (size_t)(at / NCM_CHECKPOINT_SPAN);
}

void ncm_strands_begin(struct ncm_intake *intake)
{
	struct ncm_pool *pool = intake->pool;

	intake->next = pool->intakes;
	pool->intakes = intake;
	if (!pool->hashing)
		pool->hashing = ncm_calloc(NCM_HASHING, sizeof *pool->hashing);
	if (intake->known) {
		intake->spans = ncm_calloc(ncm_span_count(intake->known), 1);
		return;
	}
	intake->tally = ncm_tally_new();
	intake->strands[0] = (struct ncm_strand){.intake = intake, .live = true, .end = UINT64_MAX};
}

void ncm_strands_end(struct ncm_intake *intake)
{
	struct ncm_intake **link = intake->pool ? &intake->pool->intakes : NULL;

	while (link && *link && *link != intake)
		link = &(*link)->next;
	if (link && *link)
		*link = intake->next;
	ncm_tally_free(intake->tally);
	free(intake->spans);
}

bool ncm_strands_running(const struct ncm_intake *intake)
{
	bool running = false;

	for (size_t i = 0; i < NCM_STRANDS; i++)
		running = running || intake->strands[i].running;
	return running;
}

/* The strand that is at these bytes, or will come to them. */
static const struct ncm_strand *strand_at(const struct ncm_intake *intake, uint64_t at)
{
	for (size_t i = 0; i < NCM_STRANDS; i++) {
		const struct ncm_strand *strand = &intake->strands[i];

		if (strand->live && at < strand->end && (!intake->known || span_of(at) == strand->proof.span))
			return strand;
	}
	return NULL;
}

bool ncm_strands_want(const struct ncm_intake *intake, const struct ncm_block *block)
{
	const struct ncm_strand *strand = strand_at(intake, block->at);

	if (strand)
		return block->at + block->to > strand->hashed;
	return intake->known && intake->spans[span_of(block->at)] == NCM_SPAN_OPEN;
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

static bool is_next(const struct ncm_block *block)
{
	const struct ncm_strand *strand = strand_at(block->intake, block->at);

	return strand && block->at + block->from <= strand->hashed && strand->hashed < block->at + block->to;
}

/*
 * A block for what a strand wants next. By spans one may wait for it while others keep all memory for what comes
 * later: then the farthest of this file that is on disk, and no strand's next, is given up.
 */
static struct ncm_block *take_block(struct ncm_intake *intake, bool wanted_next)
{
	struct ncm_block *block = ncm_pool_take(intake->pool), *best = NULL;

	for (size_t i = 0; !block && intake->known && wanted_next && i < intake->pool->count; i++) {
		struct ncm_block *other = intake->pool->blocks[i];

		if (is_mine(intake, other) && other->written && !other->filling && !other->writing && !other->reading &&
		    !other->hashing && !is_next(other) && (!best || other->at > best->at))
			best = other;
	}
	if (best)
		ncm_pool_give(best);
	return block ? block : best;
}

/* What left memory comes back before the hash gets to it, so that it does not wait for the disk. */
static void read_back(struct ncm_intake *intake, const struct ncm_strand *strand)
{
	const uint64_t ahead = intake->known ? READ_AHEAD_BYTES / NCM_SHA256_LANES : READ_AHEAD_BYTES;
	const uint64_t limit = strand->end < strand->hashed + ahead ? strand->end : strand->hashed + ahead;
	uint64_t at = strand->hashed;

	while (at < limit) {
		struct ncm_block *block = find_block(intake, at);
		struct ncm_range range;

		if (block) {
			at = block->at + block->to;
			continue;
		}
		range = find_on_disk(intake, at);
		block = range.end > range.start ? take_block(intake, at == strand->hashed) : NULL;
		if (!block)
			return;
		block->intake = intake;
		block->from = (size_t)(at % NCM_BLOCK_BYTES);
		block->at = at - block->from;
		block->to = (size_t)(range.end - block->at);
		ncm_intake_read(intake, block);
		at = range.end;
	}
}

/* How far a strand can get without the network. */
static uint64_t reach_of(const struct ncm_intake *intake, const struct ncm_strand *strand)
{
	uint64_t reach = strand->hashed, end;
	const struct ncm_block *block;

	do {
		end = reach;
		while ((block = find_block(intake, reach)))
			reach = block->at + block->to;
		reach = end_on_disk(intake, reach);
	} while (reach > end && reach < strand->end);
	return reach;
}

/*
 * Tells the blocks that the hash can reach from those behind a gap. When it is the hash that is slow, most of the
 * complete ones are of the first kind: then one will be free soon, and none is given up to be read again.
 */
static void mark_ahead(struct ncm_intake *intake)
{
	uint64_t reaches[NCM_STRANDS] = {0};
	size_t mine = 0, reached = 0;
	struct ncm_block *block;

	for (size_t i = 0; i < NCM_STRANDS; i++)
		reaches[i] = intake->strands[i].live ? reach_of(intake, &intake->strands[i]) : 0;
	for (size_t i = 0; i < intake->pool->count; i++) {
		const struct ncm_strand *strand;

		block = intake->pool->blocks[i];
		if (!is_mine(intake, block))
			continue;
		strand = strand_at(intake, block->at);
		block->ahead = !strand || block->at + block->from > reaches[strand - intake->strands];
		reached += !block->ahead && !block->filling;
		mine++;
	}
	/* By spans the hash is no chain that all have to wait for. */
	intake->crowded = !intake->known && reached >= CROWD && reached > mine / 2;
	for (size_t i = 0; intake->crowded && i < intake->pool->count; i++) {
		block = intake->pool->blocks[i];
		block->ahead = block->ahead && !is_mine(intake, block);
	}
}

static void open_strand(struct ncm_intake *intake, size_t span)
{
	for (size_t i = 0; intake->spans[span] == NCM_SPAN_OPEN && i < NCM_STRANDS; i++) {
		struct ncm_strand *strand = &intake->strands[i];

		if (strand->live || strand->running)
			continue;
		*strand = (struct ncm_strand){.intake = intake,
					      .live = true,
					      .hashed = ncm_span_start(span),
					      .end = ncm_span_end(intake->known, span)};
		ncm_span_begin(&strand->proof, intake->known, span);
		intake->spans[span] = NCM_SPAN_UNDER_WAY;
	}
}

static size_t count_live(const struct ncm_intake *intake)
{
	size_t count = 0;

	for (size_t i = 0; i < NCM_STRANDS; i++)
		count += ncm_strand_is_live(&intake->strands[i]);
	return count;
}

/* What an earlier run left, and what left memory before a strand was free for it. */
static void open_on_disk(struct ncm_intake *intake)
{
	const struct ncm_ranges *on_disk = &intake->partial->on_disk;
	size_t free = count_live(intake) < NCM_SHA256_LANES ? NCM_SHA256_LANES - count_live(intake) : 0;

	pthread_mutex_lock(&intake->partial->mutex);
	for (size_t i = 0; i < on_disk->count && free > 0; i++) {
		size_t span = span_of(on_disk->ranges[i].start + NCM_CHECKPOINT_SPAN - 1);

		for (; free > 0 && span < ncm_span_count(intake->known) &&
		       ncm_span_end(intake->known, span) <= on_disk->ranges[i].end;
		     span++) {
			if (intake->spans[span] != NCM_SPAN_OPEN)
				continue;
			open_strand(intake, span);
			free--;
		}
	}
	pthread_mutex_unlock(&intake->partial->mutex);
}

/* A span's strand begins with its first byte, while that is in memory; else when all of it is on disk. */
static void open_strands(struct ncm_intake *intake)
{
	for (size_t i = 0; i < intake->pool->count; i++) {
		const struct ncm_block *block = intake->pool->blocks[i];

		if (is_mine(intake, block) && !block->filling && block->from == 0 &&
		    block->at % NCM_CHECKPOINT_SPAN == 0)
			open_strand(intake, span_of(block->at));
	}
	open_on_disk(intake);
}

size_t ncm_strand_gather(struct ncm_strand *strand)
{
	uint64_t at = strand->hashed;
	struct ncm_block *block;

	strand->count = 0;
	while (strand->count < NCM_HASH_BATCH && at < strand->end && (block = find_block(strand->intake, at)) &&
	       !block->reading) {
		strand->blocks[strand->count++] = block;
		at = block->at + block->to;
	}
	return strand->count;
}

struct ncm_sha256_run *ncm_strand_run(struct ncm_strand *strand)
{
	size_t room;

	return strand->intake->tally ? ncm_tally_run(strand->intake->tally, &room) : &strand->proof.run;
}

/* At a span's end: whether the step holds. */
static void judge(struct ncm_strand *strand)
{
	struct ncm_intake *intake = strand->intake;

	if (!intake->known || strand->hashed < strand->end)
		return;
	strand->live = false;
	if (ncm_span_holds(&strand->proof)) {
		intake->spans[strand->proof.span] = NCM_SPAN_PROVED;
		intake->proved++;
	} else {
		intake->spans[strand->proof.span] = NCM_SPAN_BAD;
		intake->bad++;
	}
}

void ncm_strand_advance(struct ncm_strand *strand)
{
	strand->running = false;
	strand->hashed = ncm_strand_run(strand)->length;
	judge(strand);
	for (size_t k = 0; k < strand->count; k++) {
		strand->blocks[k]->hashing = false;
		ncm_intake_release(strand->intake, strand->blocks[k]);
	}
}

/* The file's own strand goes on from where the spans are proved without a gap. */
static void forget_known(struct ncm_intake *intake)
{
	size_t proved = 0;

	while (proved < intake->known->count && intake->spans[proved] == NCM_SPAN_PROVED)
		proved++;
	intake->tally = ncm_tally_after(intake->known, proved);
	intake->known = NULL;
	memset(intake->strands, 0, sizeof intake->strands);
	intake->strands[0] = (struct ncm_strand){
	    .intake = intake, .live = true, .hashed = ncm_tally_length(intake->tally), .end = UINT64_MAX};
	/* What was kept for a span, or proved, is wanted or not as the file's order says. */
	for (size_t i = 0; i < intake->pool->count; i++) {
		struct ncm_block *block = intake->pool->blocks[i];

		if (is_mine(intake, block) && !block->filling)
			ncm_intake_release(intake, block);
	}
}

void ncm_strands_forget_known(struct ncm_intake *intake)
{
	intake->unknown = intake->known != NULL;
}

void ncm_strands_tick(struct ncm_intake *intake)
{
	if (intake->unknown && intake->known && !ncm_strands_running(intake))
		forget_known(intake);
	if (intake->known && !intake->unknown)
		open_strands(intake);
	mark_ahead(intake);
	for (size_t i = 0; i < NCM_STRANDS; i++) {
		if (intake->strands[i].live)
			read_back(intake, &intake->strands[i]);
	}
	if (!intake->unknown || !intake->known)
		ncm_strands_start(intake->pool, intake->crew);
}

static bool is_in_span(const struct ncm_intake *intake, const struct ncm_block *block, size_t span)
{
	return is_mine(intake, block) && span_of(block->at) == span;
}

/* Its blocks are let go of. False: the crew has one of them. */
static bool clear_span(const struct ncm_intake *intake, size_t span)
{
	for (size_t i = 0; i < intake->pool->count; i++) {
		const struct ncm_block *block = intake->pool->blocks[i];

		if (is_in_span(intake, block, span) &&
		    (block->writing || block->reading || block->hashing || block->filling))
			return false;
	}
	for (size_t i = 0; i < intake->pool->count; i++) {
		if (is_in_span(intake, intake->pool->blocks[i], span))
			ncm_pool_give(intake->pool->blocks[i]);
	}
	return true;
}

bool ncm_strands_find_bad(const struct ncm_intake *intake, size_t *span)
{
	const size_t count = intake->known && !intake->unknown ? ncm_span_count(intake->known) : 0;
	const unsigned char *bad = intake->bad > 0 && count > 0 ? memchr(intake->spans, NCM_SPAN_BAD, count) : NULL;

	if (bad)
		*span = (size_t)(bad - intake->spans);
	return bad;
}

bool ncm_strands_take_bad(struct ncm_intake *intake, size_t span)
{
	if (!clear_span(intake, span))
		return false;
	intake->spans[span] = NCM_SPAN_OPEN;
	intake->bad--;
	ncm_partial_forget(intake->partial, ncm_span_start(span), ncm_span_end(intake->known, span));
	return true;
}

/* Whether somebody is about to let go of a block in use. */
static bool is_moving(const struct ncm_block *block)
{
	return block->filling || block->writing || block->reading || block->hashing || is_next(block) ||
	       block->intake->error.code != NCM_OK; /* its fetch ends */
}

/* It has what it needs next, or waits for the network. */
static bool has_next(const struct ncm_intake *intake, const struct ncm_strand *strand)
{
	return !strand->live || find_block(intake, strand->hashed);
}

bool ncm_intake_can_go_on(const struct ncm_intake *intake)
{
	const struct ncm_pool *pool = intake->pool;
	bool all = true;

	for (size_t i = 0; i < NCM_STRANDS; i++)
		all = all && has_next(intake, &intake->strands[i]);
	if (!intake->hashes || (all && !intake->known) || ncm_pool_free_count(pool) > 0)
		return true;
	for (size_t i = 0; i < pool->count; i++) {
		if (is_moving(pool->blocks[i]))
			return true;
	}
	return false;
}
