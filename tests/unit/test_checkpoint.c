/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "check.h"
#include "digest/checkpoint.h"
#include "digest/hash.h"
#include "temp.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SPAN = NCM_CHECKPOINT_SPAN, HEADER = 72, MOST = 3 * SPAN };

static char *folder;
static int dirfd;
static uint8_t *content; /* MOST bytes, no two spans alike */

static void start(void)
{
	folder = temp_folder();
	dirfd = ncm_dir_open(folder, false, NULL);
	CHECK(dirfd >= 0);
}

static void forget(const struct ncm_sha256 *sha256)
{
	NCM_AUTO_CLOSE int own = openat(dirfd, ".ncmodel/checkpoints", O_RDONLY | O_DIRECTORY);

	ncm_checkpoints_remove_in(own, sha256);
}

static void stop(void)
{
	close(dirfd);
	temp_remove(folder);
}

static struct ncm_checkpoints tally(const uint8_t *data, size_t size)
{
	struct ncm_tally *tally = ncm_tally_new();
	struct ncm_checkpoints points;
	struct ncm_sha256 digest;

	ncm_tally_update(tally, data, size);
	ncm_tally_end(tally, &digest, &points);
	return points;
}

static char *name_of(const struct ncm_sha256 *sha256)
{
	char hex[NCM_SHA256_HEX + 1];

	return ncm_asprintf(".ncmodel/checkpoints/%s", ncm_sha256_hex(sha256, hex));
}

/* Not synced, which hundreds of variants would take long for. */
static void replace(const char *name, const void *data, size_t size)
{
	NCM_AUTO_CLOSE int fd = openat(dirfd, name, O_WRONLY | O_TRUNC);

	CHECK(fd >= 0 && ncm_pwrite_all(fd, data, size, 0) == 0);
}

static bool can_read(const struct ncm_sha256 *sha256, uint64_t size)
{
	struct ncm_checkpoints points = {0};
	const bool read = ncm_checkpoints_read(dirfd, sha256, size, &points) == 0;

	CHECK(read == (points.states != NULL));
	ncm_checkpoints_clear(&points);
	return read;
}

static void what_is_written_is_read(void)
{
	static const size_t sizes[] = {SPAN + 1, 2 * SPAN - 1, 2 * SPAN, 2 * SPAN + 1, 3 * SPAN};

	start();
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct ncm_checkpoints points = tally(content, sizes[i]), again = {0};

		CHECK(!ncm_checkpoints_exist(dirfd, &points.sha256, sizes[i]));
		CHECK(!can_read(&points.sha256, sizes[i]));
		CHECK(ncm_checkpoints_write(dirfd, &points, NULL) == 0);
		CHECK(ncm_checkpoints_exist(dirfd, &points.sha256, sizes[i]));
		CHECK(ncm_checkpoints_read(dirfd, &points.sha256, sizes[i], &again) == 0);
		CHECK_U64(again.size, sizes[i]);
		CHECK_U64(again.count, points.count);
		CHECK(ncm_sha256_equal(&again.sha256, &points.sha256));
		CHECK(memcmp(again.states, points.states, points.count * sizeof *points.states) == 0);
		ncm_checkpoints_clear(&again);
		/* Another size of the same digest cannot be: one of the two numbers is wrong. */
		CHECK(!can_read(&points.sha256, sizes[i] - 1));
		CHECK(!can_read(&points.sha256, sizes[i] + 1));
		forget(&points.sha256);
		CHECK(!can_read(&points.sha256, sizes[i]));
		forget(&points.sha256);
		ncm_checkpoints_clear(&points);
	}
	stop();
}

static void one_span_needs_none(void)
{
	static const size_t sizes[] = {0, 1, SPAN - 1, SPAN};
	struct stat status;

	start();
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct ncm_checkpoints points = tally(content, sizes[i]);

		CHECK_U64(points.count, 0);
		CHECK(ncm_checkpoints_write(dirfd, &points, NULL) == 0);
		CHECK(!can_read(&points.sha256, sizes[i]));
		ncm_checkpoints_clear(&points);
	}
	CHECK(fstatat(dirfd, ".ncmodel", &status, 0) < 0 && errno == ENOENT);
	stop();
}

/* Who feeds it asks for its run before he knows that nothing follows. */
static void the_end_is_none(void)
{
	for (size_t spans = 0; spans <= 2; spans++) {
		struct ncm_tally *tally = ncm_tally_new();
		struct ncm_checkpoints points;
		struct ncm_sha256 digest;
		size_t room;

		ncm_tally_update(tally, content, spans * SPAN);
		(void)ncm_tally_run(tally, &room);
		ncm_tally_end(tally, &digest, &points);
		CHECK_U64(points.count, ncm_checkpoints_expected(spans * SPAN));
		ncm_checkpoints_clear(&points);
	}
}

static uint64_t number_at(const uint8_t *at, size_t bytes)
{
	uint64_t value = 0;

	for (size_t i = 0; i < bytes; i++)
		value = value << 8 | at[i];
	return value;
}

/* The format is an interface: other versions of this program read it. */
static void the_format_is_as_documented(void)
{
	struct ncm_checkpoints points = tally(content, 2 * SPAN + 5);
	NCM_AUTO_FREE char *name = name_of(&points.sha256);
	NCM_AUTO_FREE char *path = NULL, *text = NULL;
	const uint8_t *bytes;
	struct ncm_sha256 sum;
	size_t size = 0;

	start();
	CHECK(ncm_checkpoints_write(dirfd, &points, NULL) == 0);
	path = ncm_path_join(folder, name);
	text = ncm_read_file(path, 4096, &size);
	bytes = (const uint8_t *)text;
	CHECK(text);
	CHECK_U64(size, 72 + 2 * 32 + 32);
	CHECK(memcmp(bytes, "NCMCHKPT", 8) == 0);
	CHECK_U64(number_at(bytes + 8, 4), 1);
	CHECK_U64(number_at(bytes + 12, 4), 0);
	CHECK_U64(number_at(bytes + 16, 8), 2 * SPAN + 5);
	CHECK_U64(number_at(bytes + 24, 8), 16777216);
	CHECK_U64(number_at(bytes + 32, 8), 2);
	CHECK(memcmp(bytes + 40, points.sha256.bytes, 32) == 0);
	CHECK(memcmp(bytes + 72, points.states[0].bytes, 32) == 0);
	CHECK(memcmp(bytes + 104, points.states[1].bytes, 32) == 0);
	ncm_sha256_of(bytes, size - 32, &sum);
	CHECK(memcmp(bytes + size - 32, sum.bytes, 32) == 0);
	ncm_checkpoints_clear(&points);
	stop();
}

static void damaged_checkpoints_are_not_used(void)
{
	struct ncm_checkpoints points = tally(content, 2 * SPAN + 5);
	NCM_AUTO_FREE char *name = name_of(&points.sha256);
	NCM_AUTO_FREE char *path = NULL, *text = NULL;
	size_t size = 0;

	start();
	CHECK(ncm_checkpoints_write(dirfd, &points, NULL) == 0);
	path = ncm_path_join(folder, name);
	text = ncm_read_file(path, 4096, &size);
	CHECK(text && can_read(&points.sha256, points.size));
	for (size_t i = 0; i < size; i++) {
		text[i] ^= 0x10;
		replace(name, text, size);
		CHECK(!can_read(&points.sha256, points.size));
		text[i] ^= 0x10;
	}
	for (size_t cut = 0; cut < size; cut++) {
		replace(name, text, cut);
		CHECK(!can_read(&points.sha256, points.size));
	}
	{
		NCM_AUTO_FREE char *longer = ncm_calloc(size + 1, 1);

		memcpy(longer, text, size);
		replace(name, longer, size + 1);
		CHECK(!can_read(&points.sha256, points.size));
	}
	replace(name, text, size);
	CHECK(can_read(&points.sha256, points.size));
	ncm_checkpoints_clear(&points);
	stop();
}

/* What a forger or a later version could write: a sum that fits, and something else that does not. */
static void a_right_sum_is_not_enough(void)
{
	static const struct {
		size_t at, bytes;
		uint64_t value;
	} cases[] = {
	    {8, 4, 2},                  /* another version */
	    {12, 4, 1},                 /* a flag that we do not know */
	    {16, 8, 2 * SPAN + 6},      /* another size */
	    {16, 8, UINT64_MAX},        /* … beyond any limit */
	    {24, 8, 1 << 20},           /* another span */
	    {32, 8, 1},                 /* fewer states than are there */
	    {32, 8, 3},                 /* more */
	    {32, 8, UINT64_C(1) << 60}, /* … so many that their size overflows */
	    {40, 8, 0},                 /* another file's */
	};
	struct ncm_checkpoints points = tally(content, 2 * SPAN + 5);
	NCM_AUTO_FREE char *name = name_of(&points.sha256);
	NCM_AUTO_FREE char *path = NULL, *text = NULL;
	size_t size = 0;

	start();
	CHECK(ncm_checkpoints_write(dirfd, &points, NULL) == 0);
	path = ncm_path_join(folder, name);
	text = ncm_read_file(path, 4096, &size);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		NCM_AUTO_FREE uint8_t *forged = ncm_malloc(size);
		struct ncm_sha256 sum;

		memcpy(forged, text, size);
		for (size_t k = 0; k < cases[i].bytes; k++)
			forged[cases[i].at + k] = (uint8_t)(cases[i].value >> (8 * (cases[i].bytes - 1 - k)));
		ncm_sha256_of(forged, size - 32, &sum);
		memcpy(forged + size - 32, sum.bytes, 32);
		replace(name, forged, size);
		CHECK(!can_read(&points.sha256, points.size));
	}
	ncm_checkpoints_clear(&points);
	stop();
}

static void sizes_are_bounded(void)
{
	struct ncm_checkpoints points = {.size = UINT64_C(1) << 41, .count = (UINT64_C(1) << 17) - 1};

	start();
	points.states = ncm_calloc(points.count, sizeof *points.states);
	/* More than a file may have is neither kept nor believed. */
	CHECK(ncm_checkpoints_write(dirfd, &points, NULL) == 0);
	CHECK(!can_read(&points.sha256, points.size));
	CHECK(!can_read(&points.sha256, UINT64_MAX));
	ncm_checkpoints_clear(&points);
	/* States that are not those of a whole file are a mistake of ours, and are told. */
	points = tally(content, 2 * SPAN + 1);
	points.count--;
	CHECK(ncm_checkpoints_write(dirfd, &points, NULL) < 0);
	ncm_checkpoints_clear(&points);
	stop();
}

static void what_stands_in_the_way_is_not_followed(void)
{
	struct ncm_checkpoints points = tally(content, SPAN + 1);
	NCM_AUTO_FREE char *name = name_of(&points.sha256);
	NCM_AUTO_FREE char *path = NULL, *moved = NULL;
	struct ncm_error err = NCM_ERROR_INIT;

	start();
	CHECK(ncm_checkpoints_write(dirfd, &points, NULL) == 0);
	path = ncm_path_join(folder, name);
	moved = ncm_path_join(folder, "moved");
	CHECK(rename(path, moved) == 0 && symlink(moved, path) == 0);
	CHECK(!can_read(&points.sha256, points.size));
	CHECK(unlink(path) == 0 && mkfifo(path, 0600) == 0);
	CHECK(!can_read(&points.sha256, points.size));
	/* A write replaces it. */
	CHECK(ncm_checkpoints_write(dirfd, &points, NULL) == 0);
	CHECK(can_read(&points.sha256, points.size));
	/* A link instead of the folder leads out of the store. */
	CHECK(ncm_remove_beneath(dirfd, ".ncmodel/checkpoints") == 0);
	CHECK(mkdirat(dirfd, "elsewhere", 0755) == 0);
	CHECK(symlinkat("../elsewhere", dirfd, ".ncmodel/checkpoints") == 0);
	CHECK(ncm_checkpoints_write(dirfd, &points, &err) < 0);
	CHECK(err.code == NCM_E_POLICY);
	ncm_error_clear(&err);
	CHECK(!can_read(&points.sha256, points.size));
	ncm_checkpoints_clear(&points);
	stop();
}

static bool holds(const struct ncm_checkpoints *points, size_t span, const uint8_t *data, size_t piece)
{
	struct ncm_span_proof proof;

	ncm_span_begin(&proof, points, span);
	for (uint64_t at = ncm_span_start(span), end = ncm_span_end(points, span); at < end; at += piece)
		ncm_span_update(&proof, data + at, end - at < piece ? (size_t)(end - at) : piece);
	return ncm_span_holds(&proof);
}

static void every_span_of_a_right_file_holds(void)
{
	static const struct {
		size_t size, spans;
	} cases[] = {{0, 1},        {1, 1},        {SPAN - 1, 1},      {SPAN, 1},
		     {SPAN + 1, 2}, {2 * SPAN, 2}, {2 * SPAN + 64, 3}, {3 * SPAN, 3}};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ncm_checkpoints points = tally(content, cases[i].size);

		CHECK_U64(ncm_span_count(&points), cases[i].spans);
		CHECK_U64(ncm_span_end(&points, cases[i].spans - 1), cases[i].size);
		for (size_t span = cases[i].spans; span-- > 0;)
			CHECK(holds(&points, span, content, span == 1 ? 65521 : 1 << 20));
		ncm_checkpoints_clear(&points);
	}
}

static void a_span_holds_for_its_own_bytes_alone(void)
{
	const size_t size = 2 * SPAN + 5;
	static const size_t flips[] = {0, SPAN - 1, SPAN, 2 * SPAN - 1, 2 * SPAN, 2 * SPAN + 4};
	struct ncm_checkpoints points = tally(content, size);
	struct ncm_span_proof proof;

	for (size_t i = 0; i < sizeof flips / sizeof *flips; i++) {
		content[flips[i]] ^= 1;
		for (size_t span = 0; span < 3; span++)
			CHECK(holds(&points, span, content, 1 << 20) == (span != flips[i] / SPAN));
		content[flips[i]] ^= 1;
	}
	/* Too few bytes and too many, of the last span too. */
	ncm_span_begin(&proof, &points, 1);
	ncm_span_update(&proof, content + SPAN, SPAN - 64);
	CHECK(!ncm_span_holds(&proof));
	ncm_span_update(&proof, content + 2 * SPAN - 64, 64);
	CHECK(ncm_span_holds(&proof));
	ncm_span_update(&proof, content + 2 * SPAN, 64);
	CHECK(!ncm_span_holds(&proof));
	ncm_span_begin(&proof, &points, 2);
	ncm_span_update(&proof, content + 2 * SPAN, 4);
	CHECK(!ncm_span_holds(&proof));
	/* A flipped state breaks both steps that it has a part in. */
	points.states[0].bytes[31] ^= 1;
	CHECK(!holds(&points, 0, content, 1 << 20));
	CHECK(!holds(&points, 1, content, 1 << 20));
	CHECK(holds(&points, 2, content, 1 << 20));
	ncm_checkpoints_clear(&points);
}

/* Whoever writes both the file and its checkpoints still has to get from one of his states to the true digest. */
static void forged_states_cannot_reach_the_digest(void)
{
	const size_t size = 2 * SPAN + 5;
	struct ncm_checkpoints points = tally(content, size), forged;
	size_t broken = 0;

	content[SPAN + 7] ^= 1;
	forged = tally(content, size);
	forged.sha256 = points.sha256;
	for (size_t span = 0; span < 3; span++)
		broken += !holds(&forged, span, content, 1 << 20);
	CHECK_U64(broken, 1);
	/* His states for a part, the true ones after it: the seam breaks. */
	forged.states[1] = points.states[1];
	CHECK(holds(&forged, 0, content, 1 << 20) && !holds(&forged, 1, content, 1 << 20));
	content[SPAN + 7] ^= 1;
	ncm_checkpoints_clear(&forged);
	ncm_checkpoints_clear(&points);
}

int main(void)
{
	content = ncm_malloc(MOST);
	for (size_t i = 0; i < MOST; i++)
		content[i] = (uint8_t)((i * UINT64_C(0x9E3779B97F4A7C15)) >> 56);
	RUN(what_is_written_is_read);
	RUN(one_span_needs_none);
	RUN(the_end_is_none);
	RUN(the_format_is_as_documented);
	RUN(damaged_checkpoints_are_not_used);
	RUN(a_right_sum_is_not_enough);
	RUN(sizes_are_bounded);
	RUN(what_stands_in_the_way_is_not_followed);
	RUN(every_span_of_a_right_file_holds);
	RUN(a_span_holds_for_its_own_bytes_alone);
	RUN(forged_states_cannot_reach_the_digest);
	free(content);
	return 0;
}
