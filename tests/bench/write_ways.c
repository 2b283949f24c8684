// SPDX-License-Identifier: MIT
#include "write_ways.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>
#if __has_include(<liburing.h>)
#include <liburing.h>
#define HAVE_URING 1
#endif

#define MIB ((off_t)1 << 20)
#define ALIGNMENT 4096
#define BUFFERS_MAX 16
#define DONTCACHE 0x80 // RWF_DONTCACHE of Linux 6.14, which older headers lack

const struct way ways[] = {
    {.name = "page cache"},
    {.name = "page cache, dropped every 8 MiB", .flush = 8},
    {.name = "page cache, dropped every 32 MiB", .flush = 32},
    {.name = "page cache, RWF_DONTCACHE", .flags = DONTCACHE},
    {.name = "page cache, 1 writer thread", .threads = 1},
    {.name = "O_DIRECT", .direct = 1},
    {.name = "O_DIRECT, 1 writer thread", .direct = 1, .threads = 1},
    {.name = "O_DIRECT, 2 writer threads", .direct = 1, .threads = 2},
    {.name = "O_DIRECT, io_uring depth 4", .direct = 1, .depth = 4},
    {.name = "O_DIRECT, io_uring depth 8", .direct = 1, .depth = 8},
};
const size_t way_count = sizeof(ways) / sizeof(ways[0]);

struct sink {
	struct way way;
	int fd;
	size_t block;
	int buffers;
	unsigned char *buffer[BUFFERS_MAX];
	off_t place[BUFFERS_MAX];
	enum { FREE, FILLED, BUSY } state[BUFFERS_MAX];
	// background threads: all below the lock
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread[BUFFERS_MAX];
	int started, ending, error;
	// pages to drop: the window that was last sent to disk, and where the next begins
	off_t sent, written;
#ifdef HAVE_URING
	struct io_uring ring;
	int in_flight;
#endif
};

const char *room_name(enum room room)
{
	static const char *const names[] = {"grows", "sparse", "fallocate"};

	return names[room];
}

int sink_room(int fd, enum room room, off_t size)
{
	if (room == ROOM_SPARSE)
		return ftruncate(fd, size) ? errno : 0;
	if (room == ROOM_ALLOCATE)
		return fallocate(fd, 0, 0, size) ? errno : 0;
	return 0;
}

static int write_block(struct sink *sink, unsigned char *data, off_t place)
{
	size_t done = 0;

	while (done < sink->block) {
		struct iovec part = {data + done, sink->block - done};
		ssize_t n = pwritev2(sink->fd, &part, 1, place + (off_t)done, sink->way.flags);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? errno : EIO;
		done += (size_t)n;
	}
	return 0;
}

/*
 * Starts the write-back of what was written since the last time, waits for the window before that one and drops it, so
 * that the disk always has one window to work on. With blocks from several parts of the file the whole file is the
 * window.
 */
static void drop_pages(struct sink *sink, off_t place)
{
	off_t window = sink->way.flush * MIB;

	sink->written += (off_t)sink->block;
	if (!sink->way.flush || sink->written - sink->sent < window)
		return;
	int in_order = place + (off_t)sink->block == sink->written;
	off_t from = in_order ? sink->sent : 0, length = in_order ? sink->written - sink->sent : 0;
	sync_file_range(sink->fd, from, length, SYNC_FILE_RANGE_WRITE);
	off_t before = in_order && from >= window ? from - window : 0;
	if (in_order && from > before)
		sync_file_range(sink->fd, before, from - before,
				SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
	posix_fadvise(sink->fd, before, in_order ? from - before : 0, POSIX_FADV_DONTNEED);
	sink->sent = sink->written;
}

static int find(const struct sink *sink, int state)
{
	for (int i = 0; i < sink->buffers; i++)
		if ((int)sink->state[i] == state)
			return i;
	return -1;
}

static void *writer(void *argument)
{
	struct sink *sink = argument;

	pthread_mutex_lock(&sink->lock);
	for (;;) {
		int i = find(sink, FILLED);
		if (i < 0 && sink->ending)
			break;
		if (i < 0) {
			pthread_cond_wait(&sink->changed, &sink->lock);
			continue;
		}
		sink->state[i] = BUSY;
		pthread_mutex_unlock(&sink->lock);
		int error = write_block(sink, sink->buffer[i], sink->place[i]);
		pthread_mutex_lock(&sink->lock);
		sink->state[i] = FREE;
		if (error && !sink->error)
			sink->error = error;
		pthread_cond_broadcast(&sink->changed);
	}
	pthread_mutex_unlock(&sink->lock);
	return NULL;
}

#ifdef HAVE_URING
static int reap(struct sink *sink)
{
	struct io_uring_cqe *done;
	int error = -io_uring_wait_cqe(&sink->ring, &done);

	if (error)
		return error;
	size_t i = (size_t)io_uring_cqe_get_data64(done);
	if (done->res != (int)sink->block)
		error = done->res < 0 ? -done->res : EIO; // a short direct write is as good as a failure here
	io_uring_cqe_seen(&sink->ring, done);
	sink->state[i] = FREE;
	sink->in_flight--;
	return error;
}

static int submit(struct sink *sink, size_t i)
{
	struct io_uring_sqe *entry = io_uring_get_sqe(&sink->ring);

	if (!entry)
		return EBUSY;
	io_uring_prep_write(entry, sink->fd, sink->buffer[i], (unsigned)sink->block,
			    (unsigned long long)sink->place[i]);
	io_uring_sqe_set_data64(entry, i);
	int n = io_uring_submit(&sink->ring);
	if (n < 0)
		return -n;
	sink->state[i] = BUSY;
	sink->in_flight++;
	return 0;
}

static int ring_open(struct sink *sink)
{
	return io_uring_queue_init((unsigned)sink->way.depth, &sink->ring, 0);
}

static int ring_close(struct sink *sink)
{
	int error = 0;

	while (sink->in_flight && !error)
		error = reap(sink);
	io_uring_queue_exit(&sink->ring);
	return error;
}
#else
static int reap(struct sink *sink)
{
	(void)sink;
	return ENOSYS;
}

static int submit(struct sink *sink, size_t i)
{
	(void)sink, (void)i;
	return ENOSYS;
}

static int ring_open(struct sink *sink)
{
	(void)sink;
	return -ENOSYS;
}

static int ring_close(struct sink *sink)
{
	(void)sink;
	return ENOSYS;
}
#endif

static void free_sink(struct sink *sink)
{
	for (int i = 0; i < sink->buffers; i++)
		free(sink->buffer[i]);
	free(sink);
}

struct sink *sink_open(const struct way *way, int fd, size_t block)
{
	struct sink *sink = calloc(1, sizeof(*sink));

	if (!sink)
		return NULL;
	sink->way = *way, sink->fd = fd, sink->block = block;
	sink->buffers = way->depth ? way->depth : way->threads ? 2 * way->threads + 1 : 1;
	for (int i = 0; i < sink->buffers; i++)
		if (posix_memalign((void **)&sink->buffer[i], ALIGNMENT, block)) {
			sink->buffers = i;
			free_sink(sink);
			return NULL;
		}
	if (way->depth && ring_open(sink)) {
		free_sink(sink);
		return NULL;
	}
	pthread_mutex_init(&sink->lock, NULL);
	pthread_cond_init(&sink->changed, NULL);
	while (sink->started < way->threads && !pthread_create(&sink->thread[sink->started], NULL, writer, sink))
		sink->started++;
	return sink;
}

unsigned char *sink_buffer(struct sink *sink, int *error)
{
	int i;

	*error = 0;
	if (!sink->way.threads && !sink->way.depth)
		return sink->buffer[0];
	if (sink->way.depth) {
		while ((i = find(sink, FREE)) < 0 && !*error)
			*error = reap(sink);
		return *error ? NULL : sink->buffer[i];
	}
	pthread_mutex_lock(&sink->lock);
	while ((i = find(sink, FREE)) < 0 && !sink->error)
		pthread_cond_wait(&sink->changed, &sink->lock);
	*error = sink->error;
	pthread_mutex_unlock(&sink->lock);
	return *error ? NULL : sink->buffer[i];
}

int sink_write(struct sink *sink, unsigned char *buffer, off_t place)
{
	int i = 0;

	while (sink->buffer[i] != buffer)
		i++;
	sink->place[i] = place;
	if (sink->way.depth)
		return submit(sink, (size_t)i);
	if (sink->way.threads) {
		pthread_mutex_lock(&sink->lock);
		sink->state[i] = FILLED;
		pthread_cond_broadcast(&sink->changed);
		pthread_mutex_unlock(&sink->lock);
		return 0;
	}
	int error = write_block(sink, buffer, place);
	if (!error)
		drop_pages(sink, place);
	return error;
}

int sink_close(struct sink *sink)
{
	int error = 0;

	if (!sink)
		return 0;
	if (sink->way.depth)
		error = ring_close(sink);
	pthread_mutex_lock(&sink->lock);
	sink->ending = 1;
	pthread_cond_broadcast(&sink->changed);
	pthread_mutex_unlock(&sink->lock);
	for (int i = 0; i < sink->started; i++)
		pthread_join(sink->thread[i], NULL);
	if (sink->error)
		error = sink->error;
	if (sink->way.flush) {
		// Whatever is still dirty must be on disk before it can be dropped.
		if (!error && fdatasync(sink->fd))
			error = errno;
		posix_fadvise(sink->fd, 0, 0, POSIX_FADV_DONTNEED);
	}
	free_sink(sink);
	return error;
}
