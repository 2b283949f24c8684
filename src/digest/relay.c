/* SPDX-License-Identifier: MIT */
#include "digest/relay.h"

#include "base/mem.h"
#include "digest/reader.h"

#include <errno.h>
#include <ncmodel/event.h>
#include <pthread.h>

enum { BUFFERS = 8 };

struct slot {
	void *buffer;
	struct ncm_relayed piece;
};

struct ring {
	struct ncm_relay *relay;
	struct slot slots[BUFFERS];
	size_t filled, hashed, written; /* pieces, from the start */
	bool over;                      /* nothing more is read */
	int failure;                    /* errno */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
};

static void fail(struct ring *ring, int errnum)
{
	if (!ring->failure)
		ring->failure = errnum;
	ring->over = true;
}

static bool is_full(const struct ring *ring)
{
	const size_t last = ring->hashed < ring->written ? ring->hashed : ring->written;

	return ring->filled - last == BUFFERS;
}

/* What each stage does with the mutex held: it waits for its turn, and tells that it is over. */
static bool await_room(struct ring *ring)
{
	bool has_room;

	pthread_mutex_lock(&ring->mutex);
	while (is_full(ring) && !ring->over)
		pthread_cond_wait(&ring->changed, &ring->mutex);
	if (ncm_interrupted())
		fail(ring, EINTR);
	has_room = !ring->over;
	pthread_mutex_unlock(&ring->mutex);
	return has_room;
}

static bool await_piece(struct ring *ring, const size_t *done)
{
	bool is_there;

	pthread_mutex_lock(&ring->mutex);
	while (*done == ring->filled && !ring->over)
		pthread_cond_wait(&ring->changed, &ring->mutex);
	is_there = *done < ring->filled && !ring->failure;
	pthread_mutex_unlock(&ring->mutex);
	return is_there;
}

static void pass(struct ring *ring, size_t *done, int failure)
{
	pthread_mutex_lock(&ring->mutex);
	if (failure)
		fail(ring, failure);
	else
		(*done)++;
	pthread_cond_broadcast(&ring->changed);
	pthread_mutex_unlock(&ring->mutex);
}

static void end(struct ring *ring)
{
	pthread_mutex_lock(&ring->mutex);
	ring->over = true;
	pthread_cond_broadcast(&ring->changed);
	pthread_mutex_unlock(&ring->mutex);
}

static void *read_all(void *argument)
{
	struct ring *ring = argument;
	struct ncm_relay *relay = ring->relay;

	while (await_room(ring)) {
		struct slot *slot = &ring->slots[ring->filled % BUFFERS];
		int more;

		slot->piece = (struct ncm_relayed){0};
		more = relay->read(relay->context, slot->buffer, &slot->piece);
		if (more == 0)
			break;
		pass(ring, &ring->filled, more < 0 ? errno : 0);
	}
	end(ring);
	return NULL;
}

static void *hash_all(void *argument)
{
	struct ring *ring = argument;

	while (await_piece(ring, &ring->hashed)) {
		const struct ncm_relayed *piece = &ring->slots[ring->hashed % BUFFERS].piece;

		if (ring->relay->tally)
			ncm_tally_update(ring->relay->tally, piece->data, piece->size);
		pass(ring, &ring->hashed, 0);
	}
	return NULL;
}

static void write_all(struct ring *ring)
{
	struct ncm_relay *relay = ring->relay;

	while (await_piece(ring, &ring->written)) {
		const struct ncm_relayed *piece = &ring->slots[ring->written % BUFFERS].piece;

		pass(ring, &ring->written, relay->write(relay->context, piece) < 0 ? errno : 0);
	}
}

static void work(struct ring *ring)
{
	pthread_t reader, hasher;
	bool reads, hashes;

	reads = pthread_create(&reader, NULL, read_all, ring) == 0;
	hashes = pthread_create(&hasher, NULL, hash_all, ring) == 0;
	if (!reads || !hashes) {
		pthread_mutex_lock(&ring->mutex);
		fail(ring, EAGAIN);
		pthread_cond_broadcast(&ring->changed);
		pthread_mutex_unlock(&ring->mutex);
	}
	write_all(ring);
	if (reads)
		pthread_join(reader, NULL);
	if (hashes)
		pthread_join(hasher, NULL);
}

int ncm_relay_run(struct ncm_relay *relay)
{
	struct ring ring = {.relay = relay};

	for (size_t i = 0; i < BUFFERS; i++)
		ring.slots[i].buffer = ncm_reader_buffer(NCM_RELAY_PIECE);
	pthread_mutex_init(&ring.mutex, NULL);
	pthread_cond_init(&ring.changed, NULL);
	work(&ring);
	pthread_cond_destroy(&ring.changed);
	pthread_mutex_destroy(&ring.mutex);
	for (size_t i = 0; i < BUFFERS; i++)
		free(ring.slots[i].buffer);
	errno = ring.failure;
	return ring.failure ? -1 : 0;
}
