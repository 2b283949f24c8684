/* SPDX-License-Identifier: MIT */
#include "digest/ahead.h"

#include "base/mem.h"

#include <errno.h>
#include <pthread.h>

enum { BUFFERS = 2 };

/* A buffer's turn: empty, then filled by the reading thread, then empty again. */
struct slot {
	void *buffer;
	const void *data;
	ssize_t size; /* 0: the end; -1: failed */
	int failure;
	bool full;
};

struct ncm_ahead {
	struct ncm_reader *reader;
	uint64_t at;
	uint64_t end;
	size_t size;
	size_t turn; /* of who takes */
	bool stopped;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct slot slots[BUFFERS];
};

/* False if it was stopped meanwhile. */
static bool await(struct ncm_ahead *ahead, const struct slot *slot, bool full)
{
	bool go_on;

	pthread_mutex_lock(&ahead->mutex);
	while (slot->full != full && !ahead->stopped)
		pthread_cond_wait(&ahead->changed, &ahead->mutex);
	go_on = !ahead->stopped;
	pthread_mutex_unlock(&ahead->mutex);
	return go_on;
}

static void pass(struct ncm_ahead *ahead, struct slot *slot, bool full)
{
	pthread_mutex_lock(&ahead->mutex);
	slot->full = full;
	pthread_cond_signal(&ahead->changed);
	pthread_mutex_unlock(&ahead->mutex);
}

static void *read_all(void *argument)
{
	struct ncm_ahead *ahead = argument;
	ssize_t got = 1;

	for (size_t turn = 0; got > 0; turn++) {
		struct slot *slot = &ahead->slots[turn % BUFFERS];

		if (!await(ahead, slot, false))
			break;
		got = ahead->at < ahead->end ? ncm_reader_fill(ahead->reader, ahead->at, ahead->end, slot->buffer,
							       ahead->size, &slot->data)
					     : 0;
		slot->size = got;
		slot->failure = errno;
		if (got > 0)
			ahead->at += (uint64_t)got;
		pass(ahead, slot, true);
	}
	return NULL;
}

static void free_ahead(struct ncm_ahead *ahead)
{
	pthread_cond_destroy(&ahead->changed);
	pthread_mutex_destroy(&ahead->mutex);
	free(ahead);
}

struct ncm_ahead *ncm_ahead_start(struct ncm_reader *reader, uint64_t at, uint64_t end, void *const buffers[2],
				  size_t size)
{
	struct ncm_ahead *ahead = ncm_calloc(1, sizeof *ahead);

	*ahead = (struct ncm_ahead){.reader = reader, .at = at, .end = ncm_reader_end(reader, end), .size = size};
	for (size_t i = 0; i < BUFFERS; i++)
		ahead->slots[i].buffer = buffers[i];
	pthread_mutex_init(&ahead->mutex, NULL);
	pthread_cond_init(&ahead->changed, NULL);
	if (pthread_create(&ahead->thread, NULL, read_all, ahead) == 0)
		return ahead;
	free_ahead(ahead);
	return NULL;
}

ssize_t ncm_ahead_next(struct ncm_ahead *ahead, const void **data)
{
	struct slot *slot = &ahead->slots[ahead->turn % BUFFERS];

	if (ahead->turn > 0)
		pass(ahead, &ahead->slots[(ahead->turn - 1) % BUFFERS], false);
	await(ahead, slot, true);
	*data = slot->data;
	if (slot->size > 0)
		ahead->turn++;
	else
		errno = slot->failure;
	return slot->size;
}

void ncm_ahead_stop(struct ncm_ahead *ahead)
{
	if (!ahead)
		return;
	pthread_mutex_lock(&ahead->mutex);
	ahead->stopped = true;
	pthread_cond_signal(&ahead->changed);
	pthread_mutex_unlock(&ahead->mutex);
	pthread_join(ahead->thread, NULL);
	free_ahead(ahead);
}

int ncm_reader_ahead(struct ncm_reader *reader, uint64_t start, uint64_t end, void *buffer, size_t size,
		     ncm_reader_take take, void *context)
{
	NCM_AUTO_FREE void *second = NULL;
	struct ncm_ahead *ahead = NULL;
	const void *data;
	ssize_t got;
	int saved;

	end = ncm_reader_end(reader, end);
	if (end > start && end - start > size) {
		second = ncm_reader_buffer(size);
		ahead = ncm_ahead_start(reader, start, end, (void *[]){buffer, second}, size);
	}
	if (!ahead)
		return ncm_reader_range(reader, start, end, buffer, size, take, context);
	while ((got = ncm_ahead_next(ahead, &data)) > 0)
		take(context, data, (size_t)got);
	saved = errno;
	ncm_ahead_stop(ahead);
	errno = saved;
	return (int)got;
}
