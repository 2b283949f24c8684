/* SPDX-License-Identifier: MIT */
#include "digest/reader.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <ncmodel/event.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	BLOCK = 4096,                      /* direct reads begin and end at multiples of it, on disk and in memory */
	PIECE = 128 << 10,                 /* from the page cache: small enough to be hashed from the CPU's own cache */
	PAGES = NCM_READER_LARGEST / 4096, /* at most: pages may be larger */
};

/* The kernel tells only who owns the file or may write to it; to others it says that everything is there. */
static bool cache_is_told(int fd)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return false;
	return status.st_uid == geteuid() || geteuid() == 0 || faccessat(fd, "", W_OK, AT_EMPTY_PATH | AT_EACCESS) == 0;
}

void ncm_reader_open(struct ncm_reader *reader, int fd)
{
	char path[32];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	reader->fd = fd;
	reader->direct = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	reader->knows_cache = cache_is_told(fd);
	atomic_init(&reader->refused, false);
	/* Read-ahead would bring in what we then take for somebody else's. */
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	if (reader->direct >= 0)
		(void)posix_fadvise(reader->direct, 0, 0, POSIX_FADV_RANDOM);
}

void ncm_reader_close(struct ncm_reader *reader)
{
	if (reader->direct >= 0)
		close(reader->direct);
	reader->direct = -1;
}

void *ncm_reader_buffer(size_t size)
{
	void *buffer = aligned_alloc(BLOCK, size);

	/* As ncm_malloc, which cannot align. */
	return buffer ? buffer : ncm_malloc(SIZE_MAX);
}

/* Which pages of a stretch of the file are in the page cache. */
struct presence {
	bool known, all;
	unsigned char pages[PAGES];
};

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t pages_of(size_t size)
{
	return (size + page_size() - 1) / page_size();
}

static void look(const struct ncm_reader *reader, uint64_t at, size_t size, struct presence *presence)
{
	void *map;

	presence->known = presence->all = false;
	if (!reader->knows_cache)
		return;
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, reader->fd, (off_t)at);
	if (map == MAP_FAILED)
		return;
	presence->known = mincore(map, size, presence->pages) == 0;
	munmap(map, size);
	presence->all = presence->known;
	for (size_t i = 0, pages = pages_of(size); presence->all && i < pages; i++)
		presence->all = presence->pages[i] & 1;
}

/* Drops what was not there before, and nothing else. After an honest direct read there is nothing to drop. */
static void drop(int fd, uint64_t at, size_t size, const struct presence *before)
{
	const size_t page = page_size(), pages = pages_of(size);

	for (size_t i = 0, end; before->known && i < pages; i = end) {
		for (end = i + 1; end < pages && (before->pages[end] & 1) == (before->pages[i] & 1); end++)
			;
		if (!(before->pages[i] & 1))
			(void)posix_fadvise(fd, (off_t)(at + i * page), (off_t)((end - i) * page), POSIX_FADV_DONTNEED);
	}
}

static ssize_t read_past_cache(struct ncm_reader *reader, void *buffer, size_t size, uint64_t at)
{
	const size_t aligned = (size + BLOCK - 1) / BLOCK * BLOCK;
	ssize_t got;

	if (reader->direct >= 0 && !atomic_load_explicit(&reader->refused, memory_order_relaxed)) {
		got = pread(reader->direct, buffer, aligned, (off_t)at);
		if (got >= 0)
			return (size_t)got < size ? got : (ssize_t)size;
		if (errno == EINTR)
			return -1;
		/* Larger blocks than a page, or a file system that only opens so. A real error comes again below. */
		atomic_store_explicit(&reader->refused, true, memory_order_relaxed);
	}
	return pread(reader->fd, buffer, size, (off_t)at);
}

struct reading {
	struct ncm_reader *reader;
	void *buffer;
	ncm_reader_take take;
	void *context;
};

static ssize_t read_once(const struct reading *reading, uint64_t at, size_t size, bool cached)
{
	ssize_t got;

	do {
		if (ncm_interrupted()) {
			errno = EINTR;
			return -1;
		}
		got = cached ? pread(reading->reader->fd, reading->buffer, size, (off_t)at)
			     : read_past_cache(reading->reader, reading->buffer, size, at);
	} while (got < 0 && errno == EINTR);
	return got;
}

/* Hands over all that the page cache holds of a stretch, in small pieces. Returns how many bytes, or -1. */
static ssize_t take_cached(const struct reading *reading, uint64_t at, size_t size)
{
	size_t done = 0;

	while (done < size) {
		const size_t want = size - done < PIECE ? size - done : PIECE;
		const ssize_t got = read_once(reading, at + done, want, true);

		if (got < 0)
			return -1;
		if (got == 0)
			break;
		reading->take(reading->context, reading->buffer, (size_t)got);
		done += (size_t)got;
	}
	return (ssize_t)done;
}

/*
 * Hands over a stretch that lies within one bufferful of the file, or less at the file's end or where the kernel gives
 * less. Returns how many bytes, or -1.
 */
static ssize_t take_stretch(const struct reading *reading, uint64_t at, size_t size)
{
	/* Whole pages are looked at, read past the cache and dropped. */
	const size_t before = (size_t)(at % page_size());
	struct presence presence;
	ssize_t got;

	look(reading->reader, at - before, before + size, &presence);
	if (presence.all)
		return take_cached(reading, at, size);
	got = read_once(reading, at - before, before + size, false);
	drop(reading->reader->fd, at - before, before + size, &presence);
	if (got < 0)
		return -1;
	if ((size_t)got <= before)
		return 0;
	reading->take(reading->context, (const char *)reading->buffer + before, (size_t)got - before);
	return got - (ssize_t)before;
}

int ncm_reader_range(struct ncm_reader *reader, uint64_t start, uint64_t end, void *buffer, size_t size,
		     ncm_reader_take take, void *context)
{
	const struct reading reading = {reader, buffer, take, context};
	struct stat status;

	if (fstat(reader->fd, &status) < 0)
		return -1;
	if (end > (uint64_t)status.st_size)
		end = (uint64_t)status.st_size;
	for (uint64_t at = start; at < end;) {
		/* From one multiple of the buffer's size to the next, so that pages before `at` have room too. */
		const uint64_t room = size - at % size;
		const ssize_t got = take_stretch(&reading, at, (size_t)(end - at < room ? end - at : room));

		if (got < 0)
			return -1;
		if (got == 0)
			break;
		at += (uint64_t)got;
	}
	return 0;
}
