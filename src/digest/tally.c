/* SPDX-License-Identifier: MIT */
#include "digest/tally.h"

#include "base/mem.h"
#include "digest/reader.h"
#include "digest/span.h"

#include <errno.h>

struct ncm_tally {
	struct ncm_sha256_run run;
	struct ncm_sha256_state *states;
	size_t count;
};

struct ncm_tally *ncm_tally_new(void)
{
	struct ncm_tally *tally = ncm_calloc(1, sizeof *tally);

	ncm_sha256_run_start(&tally->run);
	return tally;
}

struct ncm_tally *ncm_tally_after(const struct ncm_checkpoints *checkpoints, size_t spans)
{
	struct ncm_tally *tally = ncm_tally_new();

	if (spans == 0)
		return tally;
	ncm_sha256_run_from(&tally->run, &checkpoints->states[spans - 1], (uint64_t)spans * NCM_CHECKPOINT_SPAN);
	/* The state where it starts is kept again by the first byte that follows. */
	for (size_t i = 0; i + 1 < spans; i++)
		*NCM_PUSH(tally->states, tally->count) = checkpoints->states[i];
	return tally;
}

struct ncm_sha256_run *ncm_tally_run(struct ncm_tally *tally, size_t *room)
{
	const size_t within = (size_t)(tally->run.length % NCM_CHECKPOINT_SPAN);

	/* Kept only when a byte follows: the end of the file needs no checkpoint, it has the digest. */
	if (within == 0 && tally->run.length > 0 && tally->count < tally->run.length / NCM_CHECKPOINT_SPAN)
		*NCM_PUSH(tally->states, tally->count) = tally->run.state;
	*room = NCM_CHECKPOINT_SPAN - within;
	return &tally->run;
}

void ncm_tally_update(struct ncm_tally *tally, const void *data, size_t size)
{
	const uint8_t *at = data;

	while (size > 0) {
		size_t room;
		struct ncm_sha256_run *run = ncm_tally_run(tally, &room);
		const size_t take = size < room ? size : room;

		ncm_sha256_run_update(run, at, take);
		at += take;
		size -= take;
	}
}

uint64_t ncm_tally_length(const struct ncm_tally *tally)
{
	return tally->run.length;
}

void ncm_tally_end(struct ncm_tally *tally, struct ncm_sha256 *digest, struct ncm_checkpoints *checkpoints)
{
	const size_t expected = ncm_checkpoints_expected(tally->run.length);

	ncm_sha256_run_digest(&tally->run, digest);
	/* Who asked for the run, and had nothing more for it, made the end of the file one. */
	if (tally->count > expected)
		tally->count = expected;
	if (checkpoints) {
		*checkpoints = (struct ncm_checkpoints){
		    .size = tally->run.length, .sha256 = *digest, .count = tally->count, .states = tally->states};
		tally->states = NULL;
	}
	ncm_tally_free(tally);
}

void ncm_tally_free(struct ncm_tally *tally)
{
	if (!tally)
		return;
	free(tally->states);
	free(tally);
}

struct tallying {
	struct ncm_tally *tally;
	void (*progress)(void *context, uint64_t bytes);
	void *context;
};

static void take(void *context, const void *data, size_t size)
{
	const struct tallying *tallying = context;

	ncm_tally_update(tallying->tally, data, size);
	if (tallying->progress)
		tallying->progress(tallying->context, size);
}

int ncm_tally_fd(int fd, uint64_t size, struct ncm_sha256 *digest, struct ncm_checkpoints *checkpoints,
		 void (*progress)(void *context, uint64_t bytes), void *context)
{
	NCM_AUTO_FREE void *buffer = ncm_reader_buffer(NCM_READER_LARGEST);
	struct tallying tallying = {ncm_tally_new(), progress, context};
	struct ncm_reader reader;
	int failed, saved;

	ncm_reader_open(&reader, fd);
	failed = ncm_reader_ahead(&reader, 0, size, buffer, NCM_READER_LARGEST, take, &tallying);
	saved = errno;
	ncm_reader_close(&reader);
	if (!failed) {
		ncm_tally_end(tallying.tally, digest, checkpoints);
		return 0;
	}
	ncm_tally_free(tallying.tally);
	errno = saved;
	return -1;
}

void ncm_checkpoints_copy(struct ncm_checkpoints *to, const struct ncm_checkpoints *from)
{
	*to = *from;
	to->states = ncm_calloc(from->count + 1, sizeof *to->states);
	for (size_t i = 0; i < from->count; i++)
		to->states[i] = from->states[i];
}

void ncm_checkpoints_clear(struct ncm_checkpoints *checkpoints)
{
	free(checkpoints->states);
	*checkpoints = (struct ncm_checkpoints){0};
}
