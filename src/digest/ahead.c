/* SPDX-License-Identifier: MIT */
/* Two buffers: while one is worked on, a second thread fills the other. */
#include "base/mem.h"
#include "digest/reader.h"

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

struct ahead {
	struct ncm_reader *reader;
	uint64_t at;
	uint64_t end;
	size_t size;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct slot slots[BUFFERS];
};

static void await(struct ahead *ahead, const struct slot *slot, bool full)
{
	pthread_mutex_lock(&ahead->mutex);
	while (slot->full != full)
		pthread_cond_wait(&ahead->changed, &ahead->mutex);
	pthread_mutex_unlock(&ahead->mutex);
}

static void pass(struct ahead *ahead, struct slot *slot, bool full)
{
	pthread_mutex_lock(&ahead->mutex);
	slot->full = full;
	pthread_cond_signal(&ahead->changed);
	pthread_mutex_unlock(&ahead->mutex);
}

static void *read_all(void *argument)
{
	struct ahead *ahead = argument;
	ssize_t got = 1;

	for (size_t turn = 0; got > 0; turn++) {
		struct slot *slot = &ahead->slots[turn % BUFFERS];

		await(ahead, slot, false);
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

static int take_all(struct ahead *ahead, ncm_reader_take take, void *context)
{
	for (size_t turn = 0;; turn++) {
		struct slot *slot = &ahead->slots[turn % BUFFERS];

		await(ahead, slot, true);
		if (slot->size <= 0) {
			errno = slot->failure;
			return (int)slot->size;
		}
		take(context, slot->data, (size_t)slot->size);
		pass(ahead, slot, false);
	}
}

int ncm_reader_ahead(struct ncm_reader *reader, uint64_t start, uint64_t end, void *buffer, size_t size,
		     ncm_reader_take take, void *context)
{
	struct ahead ahead = {.reader = reader, .at = start, .end = ncm_reader_end(reader, end), .size = size};
	NCM_AUTO_FREE void *second = NULL;
	pthread_t thread;
	int failed, saved;

	if (start >= ahead.end || ahead.end - start <= size)
		return ncm_reader_range(reader, start, end, buffer, size, take, context);
	second = ncm_reader_buffer(size);
	ahead.slots[0].buffer = buffer;
	ahead.slots[1].buffer = second;
	pthread_mutex_init(&ahead.mutex, NULL);
	pthread_cond_init(&ahead.changed, NULL);
	if (pthread_create(&thread, NULL, read_all, &ahead) == 0) {
		failed = take_all(&ahead, take, context);
		saved = errno;
		pthread_join(thread, NULL);
	} else {
		failed = ncm_reader_range(reader, start, end, buffer, size, take, context);
		saved = errno;
	}
	pthread_cond_destroy(&ahead.changed);
	pthread_mutex_destroy(&ahead.mutex);
	errno = saved;
	return failed;
}
