/* SPDX-License-Identifier: MIT */
#include "digest/copy.h"

#include "base/file.h"
#include "base/mem.h"
#include "digest/reader.h"

#include <errno.h>
#include <string.h>

enum {
	WRITE_OUT = 16 << 20, /* so many bytes are given to the disk at one time, while more are coming */
};

struct ncm_file_reading {
	struct ncm_reader reader;
	uint64_t at, size;
	uint64_t data_end; /* the bytes from `at` to here are there */
	char *zeros;       /* NULL until there is a hole */
};

struct ncm_file_reading *ncm_file_reading_start(int fd)
{
	struct ncm_file_reading *reading = ncm_calloc(1, sizeof *reading);
	struct os_stat status;

	reading->size = os_fstat(fd, &status) == 0 ? status.size : UINT64_MAX; /* its first read fails, too */
	ncm_reader_open(&reading->reader, fd);
	return reading;
}

/* Where the next bytes or the next hole begin; `otherwise`, if the file system does not tell of holes. */
static uint64_t next(int64_t (*find)(int fd, uint64_t offset), const struct ncm_file_reading *reading,
		     uint64_t otherwise)
{
	const int64_t found = find(reading->reader.fd, reading->at);

	if (found < 0)
		return errno == ENXIO ? reading->size : otherwise;
	return (uint64_t)found < reading->size ? (uint64_t)found : reading->size;
}

static int give_hole(struct ncm_file_reading *reading, uint64_t end, struct ncm_relayed *piece)
{
	const uint64_t size = end - reading->at;

	if (!reading->zeros)
		reading->zeros = ncm_calloc(1, NCM_RELAY_PIECE);
	piece->data = reading->zeros;
	piece->size = size < NCM_RELAY_PIECE ? (size_t)size : NCM_RELAY_PIECE;
	piece->is_hole = true;
	reading->at += piece->size;
	return 1;
}

static int give_data(struct ncm_file_reading *reading, void *buffer, struct ncm_relayed *piece)
{
	const ssize_t got =
	    ncm_reader_fill(&reading->reader, reading->at, reading->data_end, buffer, NCM_RELAY_PIECE, &piece->data);

	if (got <= 0) {
		reading->size = reading->at; /* it shrank */
		return (int)got;
	}
	piece->size = (size_t)got;
	reading->at += piece->size;
	return 1;
}

int ncm_file_reading_next(struct ncm_file_reading *reading, void *buffer, struct ncm_relayed *piece)
{
	uint64_t data;

	if (reading->at >= reading->size)
		return 0;
	if (reading->at < reading->data_end)
		return give_data(reading, buffer, piece);
	data = next(os_next_data, reading, reading->at);
	if (data > reading->at)
		return give_hole(reading, data, piece);
	reading->data_end = next(os_next_hole, reading, reading->size);
	return give_data(reading, buffer, piece);
}

void ncm_file_reading_end(struct ncm_file_reading *reading)
{
	ncm_reader_close(&reading->reader);
	free(reading->zeros);
	free(reading);
}

struct copy {
	struct ncm_file_reading *reading;
	const struct ncm_copying *copying; /* NULL: nobody wants to know */
	int to;
	uint64_t at, written_out;
};

static int read_piece(void *context, void *buffer, struct ncm_relayed *piece)
{
	return ncm_file_reading_next(((struct copy *)context)->reading, buffer, piece);
}

/* The disk works while we do; else all of it would be left to the sync. */
static void write_out(struct copy *copy)
{
	if (copy->at - copy->written_out < WRITE_OUT)
		return;
	os_write_out(copy->to, copy->written_out, copy->at - copy->written_out);
	copy->written_out = copy->at;
}

static int write_piece(void *context, const struct ncm_relayed *piece)
{
	struct copy *copy = context;

	if (!piece->is_hole && ncm_pwrite_all(copy->to, piece->data, piece->size, copy->at) < 0)
		return -1;
	copy->at += piece->size;
	write_out(copy);
	if (copy->copying && copy->copying->progress)
		copy->copying->progress(copy->copying->context, piece->size);
	return 0;
}

/* A disk that is too small says so now, not after an hour of copying. Not every file system can. */
static int reserve(int from, int to)
{
	struct os_stat status;

	if (os_fstat(from, &status) < 0)
		return -1;
	if (status.size == 0 || status.blocks * 512 < status.size || os_reserve(to, 0, status.size) == 0)
		return 0;
	return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? -1 : 0;
}

static int copy_all(const struct ncm_copying *copying, int from, int to, struct ncm_tally *tally)
{
	struct copy copy = {.copying = copying, .to = to};
	struct ncm_relay relay = {.read = read_piece, .write = write_piece, .context = &copy, .tally = tally};
	int failed, saved;

	if (reserve(from, to) < 0)
		return -1;
	copy.reading = ncm_file_reading_start(from);
	failed = ncm_relay_run(&relay);
	saved = errno;
	ncm_file_reading_end(copy.reading);
	errno = saved;
	return failed ? -1 : os_truncate(to, copy.at);
}

int ncm_copy_hashed(struct ncm_copying *copying)
{
	struct ncm_tally *tally = ncm_tally_new();
	const int failed = copy_all(copying, copying->from, copying->to, tally);
	const int saved = errno;

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
