/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "check.h"
#include "digest/checkpoint.h"
#include "digest/hash.h"
#include "temp.h"
#include "verify/repair.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { SPAN = NCM_CHECKPOINT_SPAN, SIZE = 3 * SPAN + 1000 };

static char *folder;
static int dirfd, partial;
static uint8_t *content; /* what the file should be */
static struct ncm_checkpoints right;

static void start(void)
{
	folder = temp_folder();
	dirfd = ncm_dir_open(folder, false, NULL);
	CHECK(dirfd >= 0 && ncm_checkpoints_write(dirfd, &right, NULL) == 0);
	partial = openat(dirfd, "partial", O_RDWR | O_CREAT, 0600);
	CHECK(partial >= 0);
}

static void forget(const struct ncm_sha256 *sha256)
{
	NCM_AUTO_CLOSE int own = openat(dirfd, ".ncmodel/checkpoints", O_RDONLY | O_DIRECTORY);

	ncm_checkpoints_remove_in(own, sha256);
}

static void stop(void)
{
	close(partial);
	close(dirfd);
	temp_remove(folder);
}

/* The file, with one bit of each of these bytes flipped; UINT64_MAX ends the list. */
static void write_damaged(const uint64_t *flips)
{
	NCM_AUTO_CLOSE int fd = openat(dirfd, "file", O_RDWR | O_CREAT | O_TRUNC, 0644);

	CHECK(fd >= 0 && ncm_pwrite_all(fd, content, SIZE, 0) == 0);
	for (; *flips != UINT64_MAX; flips++) {
		const uint8_t byte = content[*flips] ^ 0x80;

		CHECK(ncm_pwrite_all(fd, &byte, 1, *flips) == 0);
	}
}

/* What the engine fetches: these bytes and no others. */
static void fetch(const struct ncm_verify_range *range)
{
	CHECK(ncm_pwrite_all(partial, content + range->start, (size_t)(range->end - range->start), range->start) == 0);
}

static bool is_right(void)
{
	NCM_AUTO_CLOSE int fd = openat(dirfd, "file", O_RDONLY);
	struct ncm_sha256 digest;
	uint64_t size = 0;

	CHECK(fd >= 0 && ncm_sha256_fd(fd, UINT64_MAX, &digest, &size, NULL, NULL) == 0);
	return size == SIZE && ncm_sha256_equal(&digest, &right.sha256);
}

static enum ncm_errc repair(const struct ncm_verify_range *ranges, size_t count, const char *says)
{
	const struct ncm_repair job = {.store = &(struct ncm_store){.kind = &ncm_kind_folders},
				       .store_dirfd = dirfd,
				       .home = dirfd,
				       .relative = "file",
				       .sha256 = &right.sha256,
				       .size = SIZE,
				       .ranges = ranges,
				       .count = count,
				       .partial_fd = partial};
	struct ncm_error err = NCM_ERROR_INIT;
	struct os_stat status = {.size = UINT64_MAX};
	enum ncm_errc code;

	if (ncm_repair_in_place(&job, &status, &err) == 0) {
		CHECK_U64(status.size, SIZE);
		CHECK(!says);
		return NCM_OK;
	}
	if (!says || !strstr(err.message, says))
		fprintf(stderr, "%s\n", err.message);
	CHECK(says && strstr(err.message, says));
	code = err.code;
	ncm_error_clear(&err);
	return code;
}

static const struct ncm_verify_range first = {0, SPAN}, middle = {SPAN, 2 * SPAN}, last = {3 * SPAN, SIZE};
static const struct ncm_verify_range two = {SPAN, 3 * SPAN};

static void damaged_spans_are_replaced(void)
{
	static const struct {
		struct ncm_verify_range ranges[2];
		size_t count;
		uint64_t flips[3];
	} cases[] = {
	    {{{0, SPAN}}, 1, {5, UINT64_MAX}},
	    {{{SPAN, 2 * SPAN}}, 1, {2 * SPAN - 1, UINT64_MAX}},
	    {{{3 * SPAN, SIZE}}, 1, {SIZE - 1, UINT64_MAX}},
	    {{{SPAN, 3 * SPAN}}, 1, {SPAN, 2 * SPAN, UINT64_MAX}},
	    {{{0, SPAN}, {2 * SPAN, SIZE}}, 2, {0, 3 * SPAN + 7, UINT64_MAX}},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		start();
		write_damaged(cases[i].flips);
		CHECK(!is_right());
		for (size_t k = 0; k < cases[i].count; k++)
			fetch(&cases[i].ranges[k]);
		CHECK(repair(cases[i].ranges, cases[i].count, NULL) == NCM_OK);
		CHECK(is_right());
		stop();
	}
}

static void wrong_bytes_are_never_written(void)
{
	static const uint64_t flips[] = {SPAN + 5, 2 * SPAN + 5, UINT64_MAX};
	NCM_AUTO_FREE uint8_t *before = ncm_malloc(SIZE), *after = ncm_malloc(SIZE);
	NCM_AUTO_CLOSE int fd = -1;

	start();
	write_damaged(flips);
	fd = openat(dirfd, "file", O_RDONLY);
	CHECK(pread(fd, before, SIZE, 0) == SIZE);
	/* Nothing was fetched: a hole; then bytes with one bit that is wrong; then the end is missing. */
	CHECK(repair(&middle, 1, "bytes 16777216-33554431 that were fetched are not the right") == NCM_E_CHECKSUM);
	content[2 * SPAN - 1] ^= 1;
	fetch(&middle);
	content[2 * SPAN - 1] ^= 1;
	CHECK(repair(&middle, 1, "are not the right ones") == NCM_E_CHECKSUM);
	CHECK(ftruncate(partial, 0) == 0);
	fetch(&(struct ncm_verify_range){SPAN, 2 * SPAN - 1});
	CHECK(repair(&middle, 1, "are not the right ones") == NCM_E_CHECKSUM);
	CHECK(pread(fd, after, SIZE, 0) == SIZE && memcmp(before, after, SIZE) == 0);
	/* Of two spans the first is right: it is written, the other is not. */
	fetch(&middle);
	CHECK(repair(&two, 1, "bytes 33554432-50331647") == NCM_E_CHECKSUM);
	CHECK(pread(fd, after, SIZE, 0) == SIZE);
	CHECK(memcmp(after, content, 2 * SPAN) == 0 &&
	      memcmp(after + 2 * SPAN, before + 2 * SPAN, SIZE - 2 * SPAN) == 0);
	fetch(&two);
	CHECK(repair(&two, 1, NULL) == NCM_OK && is_right());
	stop();
}

static void without_checkpoints_nothing_is_proved(void)
{
	static const uint64_t flips[] = {5, UINT64_MAX};
	struct ncm_checkpoints forged = {.size = SIZE, .sha256 = right.sha256, .count = right.count};

	start();
	write_damaged(flips);
	fetch(&first);
	CHECK(repair(&first, 0, "nothing says which part") == NCM_E_CHECKSUM);
	forget(&right.sha256);
	CHECK(repair(&first, 1, "nothing says which part") == NCM_E_CHECKSUM);
	/* States of other bytes do not let the right ones in either: the whole file is fetched then. */
	forged.states = ncm_calloc(right.count, sizeof *forged.states);
	CHECK(ncm_checkpoints_write(dirfd, &forged, NULL) == 0);
	ncm_checkpoints_clear(&forged);
	CHECK(repair(&first, 1, "are not the right ones") == NCM_E_CHECKSUM);
	CHECK(!is_right());
	stop();
}

static void only_the_file_that_was_verified(void)
{
	static const uint64_t flips[] = {SIZE - 1, UINT64_MAX};

	start();
	fetch(&last);
	CHECK(repair(&last, 1, "cannot repair file in its place") == NCM_E_IO);
	write_damaged(flips);
	CHECK(renameat(dirfd, "file", dirfd, "other") == 0 && symlinkat("other", dirfd, "file") == 0);
	CHECK(repair(&last, 1, "cannot repair file in its place") == NCM_E_IO);
	CHECK(unlinkat(dirfd, "file", 0) == 0 && mkfifoat(dirfd, "file", 0600) == 0);
	CHECK(repair(&last, 1, "was changed while") == NCM_E_DAMAGED);
	CHECK(renameat(dirfd, "other", dirfd, "file") == 0);
	{
		NCM_AUTO_CLOSE int fd = openat(dirfd, "file", O_RDWR);

		CHECK(ftruncate(fd, SIZE + 1) == 0);
		CHECK(repair(&last, 1, "was changed while") == NCM_E_DAMAGED);
		CHECK(ftruncate(fd, SIZE) == 0);
	}
	CHECK(repair(&last, 1, NULL) == NCM_OK && is_right());
	stop();
}

/* A write that ends half-way leaves a file that is damaged or right, and that the next repair mends. */
static void a_repair_that_ends_early_is_begun_again(void)
{
	static const uint64_t flips[] = {SPAN, 3 * SPAN - 1, UINT64_MAX};
	struct rlimit limit;
	pid_t pid;
	int status = 0;

	start();
	write_damaged(flips);
	fetch(&two);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		/* The kernel refuses every byte beyond this one. */
		signal(SIGXFSZ, SIG_IGN);
		CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
		limit.rlim_cur = 2 * SPAN + 12345;
		CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
		_exit(repair(&two, 1, "cannot write to file") != NCM_E_IO);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(!is_right());
	CHECK(repair(&two, 1, NULL) == NCM_OK && is_right());
	/* Once more over what is right already. */
	CHECK(repair(&two, 1, NULL) == NCM_OK && is_right());
	stop();
}

int main(void)
{
	struct ncm_tally *tally = ncm_tally_new();
	struct ncm_sha256 digest;

	content = ncm_malloc(SIZE);
	for (size_t i = 0; i < SIZE; i++)
		content[i] = (uint8_t)((i * UINT64_C(0x9E3779B97F4A7C15)) >> 56);
	ncm_tally_update(tally, content, SIZE);
	ncm_tally_end(tally, &digest, &right);
	RUN(damaged_spans_are_replaced);
	RUN(wrong_bytes_are_never_written);
	RUN(without_checkpoints_nothing_is_proved);
	RUN(only_the_file_that_was_verified);
	RUN(a_repair_that_ends_early_is_begun_again);
	ncm_checkpoints_clear(&right);
	free(content);
	return 0;
}
