/* SPDX-License-Identifier: MIT */
#include "digest/copy.h"

#include "base/file.h"
#include "base/mem.h"
#include "digest/ahead.h"
#include "digest/beside.h"

#include <errno.h>
#include <ncmodel/event.h>
#include <string.h>

enum {
	PIECE = NCM_READER_LARGEST,
	WRITE_OUT = 16 << 20, /* so many bytes are given to the disk at one time, while more are coming */
};

struct copy {
	struct ncm_copying *copying; /* NULL: nobody wants to know */
	int to;
	struct ncm_reader reader;
	struct ncm_beside *beside; /* NULL: nothing is hashed */
	void *buffers[2];
	uint64_t at, written_out;
};

/* The disk works while we do; else all of it would be left to the sync. */
static void write_out(struct copy *copy)
{
	if (copy->at - copy->written_out < WRITE_OUT)
		return;
	os_write_out(copy->to, copy->written_out, copy->at - copy->written_out);
	copy->written_out = copy->at;
}

static void tell(const struct copy *copy, uint64_t bytes)
{
	if (copy->copying && copy->copying->progress)
		copy->copying->progress(copy->copying->context, bytes);
}

/* Returns 0, or -1 with errno. */
static int put(struct copy *copy, const void *data, size_t size)
{
	int failed, saved;

	ncm_beside_give(copy->beside, data, size);
	failed = ncm_pwrite_all(copy->to, data, size, copy->at);
	saved = errno;
	ncm_beside_wait(copy->beside);
	errno = saved;
	copy->at += size;
	write_out(copy);
	tell(copy, size);
	return failed;
}

static int interrupted(void)
{
	if (!ncm_interrupted())
		return 0;
	errno = EINTR;
	return -1;
}

static int put_range(struct copy *copy, uint64_t end)
{
	const void *data;
	ssize_t got = 0;
	int failed = 0;

	while (!failed && copy->at < end) {
		got = ncm_reader_fill(&copy->reader, copy->at, end, copy->buffers[0], PIECE, &data);
		if (got <= 0)
			return (int)got;
		failed = put(copy, data, (size_t)got);
	}
	return failed;
}

static int put_ahead(struct copy *copy, struct ncm_ahead *ahead)
{
	const void *data;
	ssize_t got;
	int failed = 0, saved;

	while (!failed && (got = ncm_ahead_next(ahead, &data)) != 0)
		failed = got < 0 ? -1 : put(copy, data, (size_t)got);
	saved = errno;
	ncm_ahead_stop(ahead);
	errno = saved;
	return failed;
}

/* Bytes that are there. */
static int put_data(struct copy *copy, uint64_t end)
{
	struct ncm_ahead *ahead =
	    end - copy->at > PIECE ? ncm_ahead_start(&copy->reader, copy->at, end, copy->buffers, PIECE) : NULL;

	return ahead ? put_ahead(copy, ahead) : put_range(copy, end);
}

/* Zeros that nobody has to write. */
static int put_hole(struct copy *copy, uint64_t end)
{
	memset(copy->buffers[0], 0, PIECE);
	while (copy->at < end) {
		const size_t size = end - copy->at < PIECE ? (size_t)(end - copy->at) : PIECE;

		if (interrupted() < 0)
			return -1;
		ncm_beside_give(copy->beside, copy->buffers[0], size);
		ncm_beside_wait(copy->beside);
		copy->at += size;
		tell(copy, size);
	}
	copy->written_out = copy->at;
	return 0;
}

/* Where the bytes after `at` begin, or their end: the file's, if the file system does not tell of holes. */
static uint64_t next(int64_t (*find)(int fd, uint64_t offset), const struct copy *copy, uint64_t otherwise,
		     uint64_t size)
{
	const int64_t found = find(copy->reader.fd, copy->at);

	if (found < 0)
		return errno == ENXIO ? size : otherwise;
	return (uint64_t)found < size ? (uint64_t)found : size;
}

static int put_all(struct copy *copy, uint64_t size)
{
	int failed = 0;

	while (!failed && copy->at < size) {
		const uint64_t data = next(os_next_data, copy, copy->at, size);
		uint64_t hole;

		if (data > copy->at)
			failed = put_hole(copy, data);
		if (failed || copy->at == size)
			break;
		hole = next(os_next_hole, copy, size, size);
		failed = put_data(copy, hole);
		if (copy->at < hole) /* it shrank meanwhile */
			break;
	}
	return failed ? -1 : os_truncate(copy->to, copy->at);
}

/* A disk that is too small says so now, not after an hour of copying. Not every file system can. */
static int reserve(int fd, const struct os_stat *status)
{
	const bool has_holes = status->blocks * 512 < status->size;

	if (status->size == 0 || has_holes || os_reserve(fd, 0, status->size) == 0)
		return 0;
	return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? -1 : 0;
}

static int copy_all(struct ncm_copying *copying, int from, int to, struct ncm_beside *beside)
{
	struct copy copy = {.copying = copying, .to = to, .beside = beside};
	struct os_stat status;
	int failed, saved;

	if (os_fstat(from, &status) < 0 || reserve(to, &status) < 0)
		return -1;
	ncm_reader_open(&copy.reader, from);
	for (size_t i = 0; i < 2; i++)
		copy.buffers[i] = ncm_reader_buffer(PIECE);
	failed = put_all(&copy, status.size);
	saved = errno;
	for (size_t i = 0; i < 2; i++)
		free(copy.buffers[i]);
	ncm_reader_close(&copy.reader);
	errno = saved;
	return failed;
}

int ncm_copy_hashed(struct ncm_copying *copying)
{
	struct ncm_tally *tally = ncm_tally_new();
	struct ncm_beside *beside = ncm_beside_start(tally);
	const int failed = copy_all(copying, copying->from, copying->to, beside);
	const int saved = errno;

	ncm_beside_stop(beside);
	if (failed)
		ncm_tally_free(tally);
	else
		ncm_tally_end(tally, &copying->sha256, &copying->checkpoints);
	errno = saved;
	return failed;
}

int ncm_copy_plain(int from, int to)
{
	return copy_all(NULL, from, to, NULL);
}
