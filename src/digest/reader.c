/* SPDX-License-Identifier: MIT */
#include "digest/reader.h"

#include "base/file.h"
#include "base/mem.h"
#include "os/os.h"

#include <errno.h>
#include <ncmodel/event.h>
#include <string.h>

enum {
	BLOCK = 4096,                      /* direct reads begin and end at multiples of it, on disk and in memory */
	PAGES = NCM_READER_LARGEST / 4096, /* at most: pages may be larger */
};

void ncm_reader_open(struct ncm_reader *reader, int fd)
{
	reader->fd = fd;
	reader->direct = os_reopen(fd, OS_READ | OS_DIRECT);
	reader->knows_cache = os_tells_cached(fd);
	atomic_init(&reader->refused, false);
	/* Read-ahead would bring in what we then take for somebody else's. */
	os_read_at_random(fd);
	if (reader->direct >= 0)
		os_read_at_random(reader->direct);
}

void ncm_reader_close(struct ncm_reader *reader)
{
	if (reader->direct >= 0)
		os_close(reader->direct);
	reader->direct = -1;
}

void *ncm_reader_buffer(size_t size)
{
	void *buffer = aligned_alloc(BLOCK, size);

	/* Memory that is not aligned only costs the direct reads. */
	return buffer ? buffer : ncm_malloc(size);
}

/* Which pages of a stretch of the file are in the page cache. */
struct presence {
	enum os_cached what;
	unsigned char pages[PAGES];
};

static void look(const struct ncm_reader *reader, uint64_t at, size_t size, struct presence *presence)
{
	presence->what = reader->knows_cache ? os_cached(reader->fd, at, size, presence->pages) : OS_CACHED_UNKNOWN;
	if (presence->what == OS_CACHED_NONE)
		memset(presence->pages, 0, sizeof presence->pages);
}

/* Drops what was not there before, and nothing else. After an honest direct read there is nothing to drop. */
static void drop(int fd, uint64_t at, size_t size, const struct presence *before)
{
	const size_t page = os_page_size(), pages = (size + page - 1) / page;

	for (size_t i = 0, end; before->what != OS_CACHED_UNKNOWN && i < pages; i = end) {
		for (end = i + 1; end < pages && (before->pages[end] & 1) == (before->pages[i] & 1); end++)
			;
		if (!(before->pages[i] & 1))
			os_drop_cache(fd, at + i * page, (end - i) * page);
	}
}

/* A direct read may stop where the next could not begin: what it left over comes through the cache. */
static ssize_t read_rest(const struct ncm_reader *reader, void *buffer, size_t done, size_t size, uint64_t at)
{
	const ssize_t rest = ncm_pread_all(reader->fd, (char *)buffer + done, size - done, at + done);

	return rest < 0 ? -1 : (ssize_t)done + rest;
}

static ssize_t read_past_cache(struct ncm_reader *reader, void *buffer, size_t size, uint64_t at)
{
	const size_t aligned = (size + BLOCK - 1) / BLOCK * BLOCK;
	ssize_t got;

	if (reader->direct >= 0 && !atomic_load_explicit(&reader->refused, memory_order_relaxed)) {
		got = os_pread(reader->direct, buffer, aligned, at);
		if (got >= 0)
			return (size_t)got < size ? read_rest(reader, buffer, (size_t)got, size, at) : (ssize_t)size;
		if (errno == EINTR)
			return -1;
		/* Larger blocks than a page, or a file system that only opens so. A real error comes again below. */
		atomic_store_explicit(&reader->refused, true, memory_order_relaxed);
	}
	return ncm_pread_all(reader->fd, buffer, size, at);
}

ssize_t ncm_reader_fill(struct ncm_reader *reader, uint64_t at, uint64_t end, void *buffer, size_t size,
			const void **data)
{
	/* Whole pages are looked at, read past the cache and dropped. */
	const size_t before = (size_t)(at % os_page_size());
	const uint64_t start = at - before;
	const size_t room = size - (size_t)(start % size);
	const size_t want = end - start < room ? (size_t)(end - start) : room;
	struct presence presence;
	ssize_t got;

	look(reader, start, want, &presence);
	do {
		if (ncm_interrupted()) {
			errno = EINTR;
			return -1;
		}
		got = presence.what == OS_CACHED_ALL ? ncm_pread_all(reader->fd, buffer, want, start)
						     : read_past_cache(reader, buffer, want, start);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -1;
	if (presence.what != OS_CACHED_ALL)
		drop(reader->fd, start, want, &presence);
	*data = (const char *)buffer + before;
	return (size_t)got > before ? got - (ssize_t)before : 0;
}

uint64_t ncm_reader_end(const struct ncm_reader *reader, uint64_t end)
{
	struct os_stat status;

	if (os_fstat(reader->fd, &status) < 0 || end < status.size)
		return end;
	return status.size;
}

int ncm_reader_range(struct ncm_reader *reader, uint64_t start, uint64_t end, void *buffer, size_t size,
		     ncm_reader_take take, void *context)
{
	const uint64_t stop = ncm_reader_end(reader, end);
	const void *data;
	ssize_t got = 0;

	for (uint64_t at = start; at < stop; at += (uint64_t)got) {
		got = ncm_reader_fill(reader, at, stop, buffer, size, &data);
		if (got <= 0)
			return (int)got;
		take(context, data, (size_t)got);
	}
	return 0;
}
