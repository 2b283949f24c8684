/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "check.h"
#include "digest/copy.h"
#include "digest/hash.h"
#include "temp.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST = 40 << 20, ROUNDS = 24, PAGE = 4096 };

static char *folder;
static int dirfd;
static uint8_t *content, *copied; /* MOST bytes each */
static uint32_t seed = 18;

static uint32_t random_below(uint32_t end)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)seed * end) >> 32);
}

static int create(const char *name)
{
	const int fd = openat(dirfd, name, O_RDWR | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0);
	return fd;
}

/* Stretches of data and holes, which begin anywhere; *has_holes: some are so large that every disk has them. */
static size_t make_source(int fd, bool *has_holes)
{
	const size_t size = random_below(8) == 0 ? random_below(3) : random_below(MOST);
	const bool sparse = random_below(2);

	*has_holes = false;
	memset(content, 0, MOST);
	for (size_t at = 0; at < size;) {
		const size_t rest = size - at, length = 1 + random_below(random_below(2) ? 9 << 20 : 3 * PAGE);
		const size_t end = at + (length < rest ? length : rest);

		if (sparse && random_below(2)) {
			*has_holes |= end - at > 2 << 20;
		} else {
			for (size_t i = at; i < end; i++)
				content[i] = (uint8_t)(i * 31 + (i >> 11) + seed);
			CHECK(pwrite(fd, content + at, end - at, (off_t)at) == (ssize_t)(end - at));
		}
		at = end;
	}
	CHECK(ftruncate(fd, (off_t)size) == 0);
	return size;
}

static void check_copy(int fd, size_t size)
{
	struct stat status;

	CHECK(fstat(fd, &status) == 0 && (size_t)status.st_size == size);
	CHECK(pread(fd, copied, MOST, 0) == (ssize_t)size && memcmp(copied, content, size) == 0);
}

static uint64_t blocks_of(int fd)
{
	struct stat status;

	CHECK(fsync(fd) == 0 && fstat(fd, &status) == 0);
	return (uint64_t)status.st_blocks * 512;
}

static void count(void *context, uint64_t bytes)
{
	*(uint64_t *)context += bytes;
}

static void check_digests(const struct ncm_copying *copying, int from, size_t size)
{
	struct ncm_checkpoints checkpoints;
	struct ncm_sha256 digest;

	ncm_sha256_of(content, size, &digest);
	CHECK(ncm_sha256_equal(&copying->sha256, &digest));
	CHECK(ncm_tally_fd(from, size, &digest, &checkpoints, NULL, NULL) == 0);
	CHECK(copying->checkpoints.size == size && copying->checkpoints.count == checkpoints.count);
	for (size_t i = 0; i < checkpoints.count; i++)
		CHECK(ncm_sha256_state_equal(&checkpoints.states[i], &copying->checkpoints.states[i]));
	ncm_checkpoints_clear(&checkpoints);
}

/* The oracle knows the bytes. */
static void copies_are_equal_and_keep_their_holes(void)
{
	folder = temp_folder();
	dirfd = ncm_dir_open(folder, false, NULL);
	content = ncm_malloc(MOST);
	copied = ncm_malloc(MOST);
	for (size_t round = 0; round < ROUNDS; round++) {
		NCM_AUTO_CLOSE int from = create("from"), to = create("to"), plain = create("plain");
		bool has_holes;
		const size_t size = make_source(from, &has_holes);
		uint64_t told = 0;
		struct ncm_copying copying = {.from = from, .to = to, .progress = count, .context = &told};

		CHECK(ncm_copy_hashed(&copying) == 0);
		CHECK(told == size);
		check_copy(to, size);
		check_digests(&copying, from, size);
		CHECK(ncm_copy_plain(from, plain) == 0);
		check_copy(plain, size);
		if (has_holes) {
			CHECK(blocks_of(to) <= blocks_of(from) + (1 << 20));
			CHECK(blocks_of(plain) <= blocks_of(from) + (1 << 20));
		}
		ncm_checkpoints_clear(&copying.checkpoints);
	}
	free(content);
	free(copied);
	close(dirfd);
	temp_remove(folder);
}

static void failures_are_told(void)
{
	NCM_AUTO_CLOSE int null = open("/dev/null", O_RDWR), full = open("/dev/full", O_WRONLY);
	NCM_AUTO_CLOSE int from = -1, closed = -1;
	struct ncm_copying copying = {.to = full};

	folder = temp_folder();
	dirfd = ncm_dir_open(folder, false, NULL);
	temp_write_bytes(folder, "some", "bytes", 5);
	from = openat(dirfd, "some", O_RDONLY);
	copying.from = from;
	errno = 0;
	CHECK(ncm_copy_hashed(&copying) < 0 && errno == ENOSPC);
	closed = openat(dirfd, "some", O_WRONLY);
	copying = (struct ncm_copying){.from = closed, .to = null};
	errno = 0;
	CHECK(ncm_copy_hashed(&copying) < 0 && errno == EBADF);
	close(dirfd);
	temp_remove(folder);
}

int main(void)
{
	RUN(copies_are_equal_and_keep_their_holes);
	RUN(failures_are_told);
	return 0;
}
