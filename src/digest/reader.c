/* SPDX-License-Identifier: MIT */
#include "digest/reader.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <ncmodel/event.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	BLOCK = 4096,                      /* direct reads begin and end at multiples of it, on disk and in memory */
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

	/* Memory that is not aligned only costs the direct reads. */
	return buffer ? buffer : ncm_malloc(size);
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

/* cachestat(2), of Linux 6.5, which the C library does not know yet. Its number is the same on these machines. */
#if !defined(SYS_cachestat) && (defined(__x86_64__) || defined(__aarch64__) || defined(__riscv))
#define SYS_cachestat 451
#endif

/* How many pages of a stretch the page cache has, or -1 if the kernel does not count them. */
static ssize_t count_pages(int fd, uint64_t at, size_t size)
{
#ifdef SYS_cachestat
	const struct {
		uint64_t offset, length;
	} range = {at, size};
	struct {
		uint64_t cached, dirty, writeback, evicted, recently_evicted;
	} counts;

	if (syscall(SYS_cachestat, fd, &range, &counts, 0) == 0)
		return (ssize_t)counts.cached;
#else
	(void)fd, (void)at, (void)size;
#endif
	return -1;
}

/* Page by page, which takes eight times as long as counting them. */
static void look_at_each(int fd, uint64_t at, size_t size, struct presence *presence)
{
	void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, (off_t)at);

	if (map == MAP_FAILED)
		return;
	presence->known = mincore(map, size, presence->pages) == 0;
	munmap(map, size);
	presence->all = presence->known;
	for (size_t i = 0, pages = pages_of(size); presence->all && i < pages; i++)
		presence->all = presence->pages[i] & 1;
}

static void look(const struct ncm_reader *reader, uint64_t at, size_t size, struct presence *presence)
{
	ssize_t count;

	presence->known = presence->all = false;
	if (!reader->knows_cache)
		return;
	count = count_pages(reader->fd, at, size);
	if (count == (ssize_t)pages_of(size)) {
		presence->known = presence->all = true;
	} else if (count == 0) {
		presence->known = true;
		memset(presence->pages, 0, sizeof presence->pages);
	} else {
		look_at_each(reader->fd, at, size, presence);
	}
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
		got = pread(reader->direct, buffer, aligned, (off_t)at);
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
	const size_t before = (size_t)(at % page_size());
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
		got = presence.all ? ncm_pread_all(reader->fd, buffer, want, start)
				   : read_past_cache(reader, buffer, want, start);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -1;
	if (!presence.all)
		drop(reader->fd, start, want, &presence);
	*data = (const char *)buffer + before;
	return (size_t)got > before ? got - (ssize_t)before : 0;
}

uint64_t ncm_reader_end(const struct ncm_reader *reader, uint64_t end)
{
	struct stat status;

	if (fstat(reader->fd, &status) < 0 || end < (uint64_t)status.st_size)
		return end;
	return (uint64_t)status.st_size;
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
