/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/path.h"
#include "base/stamp.h"
#include "base/strings.h"
#include "base/text_map.h"
#include "base/thread.h"
#include "temp.h"

#include <ncmodel/error.h>
#include <ncmodel/limits.h>
#include <ncmodel/text.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <sys/stat.h>

static void escaped(const char *text, const char *expected)
{
	NCM_AUTO_FREE char *out = ncm_escape(text, 0);

	CHECK_STR(out, expected);
}

static void shown(const char *typed, const char *expected)
{
	NCM_AUTO_FREE char *out = ncm_typed_shown(typed);

	CHECK_STR(out, expected);
}

static void an_address_is_told_without_its_secrets(void)
{
	shown("llama3.2:3b", "llama3.2:3b");
	shown("hf:org/repo?x", "hf:org/repo?x");
	shown("https://host/a/b.gguf", "https://host/a/b.gguf");
	shown("https://user:pass@host:1/b@c?key=1#sha256=2", "https://host:1/b@c");
	shown("ftp://a@b@host", "ftp://host");
	shown("http://host?user@x", "http://host");
	shown("://", "://");
}

/* Of any length, from anywhere to anywhere, and not a byte beside it. */
static void bytes_are_copied_past_the_caches_as_by_memcpy(void)
{
	static unsigned char from[20000], to[20000], expected[20000];

	srand(1);
	for (size_t i = 0; i < sizeof from; i++)
		from[i] = (unsigned char)rand();
	for (int round = 0; round < 20000; round++) {
		const size_t at = (size_t)rand() % 200, start = (size_t)rand() % 200;
		const size_t size = (size_t)rand() % (round % 2 ? 300 : sizeof from - 200);

		memset(to, round, sizeof to);
		memset(expected, round, sizeof expected);
		memcpy(expected + at, from + start, size);
		ncm_copy_away(to + at, from + start, size);
		CHECK(memcmp(to, expected, sizeof to) == 0);
	}
}

static void foreign_bytes_are_escaped(void)
{
	escaped("plain text, \xc3\xa9 and \xe2\x82\xac", "plain text, \xc3\xa9 and \xe2\x82\xac");
	escaped("\x1b[31mred\x1b]52;c;x\x07", "\\x1b[31mred\\x1b]52;c;x\\x07");
	escaped("line\r\nbreak\ttab\x7f", "line\\x0d\\x0abreak\\x09tab\\x7f");
	escaped("c1 \xc2\x9b rtl \xe2\x80\xae bom \xef\xbb\xbf", "c1 \\u{9b} rtl \\u{202e} bom \\u{feff}");
	escaped("overlong \xc0\xaf cut \xe2\x82", "overlong \\xc0\\xaf cut \\xe2\\x82");
	escaped("surrogate \xed\xa0\x80", "surrogate \\xed\\xa0\\x80");
}

static void long_foreign_text_is_cut_with_its_length(void)
{
	char text[1001];
	NCM_AUTO_FREE char *out = NULL;

	memset(text, 'a', 1000);
	text[1000] = '\0';
	out = ncm_escape(text, 0);
	CHECK(strlen(out) < NCM_LIMIT_MESSAGE + 32);
	CHECK(strstr(out, "(1000 bytes)"));
}

static void sizes_read_and_print(void)
{
	char buf[32];
	uint64_t value;

	CHECK_STR(ncm_format_size(0, buf, sizeof buf), "0 B");
	CHECK_STR(ncm_format_size(999, buf, sizeof buf), "999 B");
	CHECK_STR(ncm_format_size(2019377696, buf, sizeof buf), "2.02 GB");
	CHECK_STR(ncm_format_size(10364416768, buf, sizeof buf), "10.4 GB");
	CHECK_STR(ncm_format_size(999999, buf, sizeof buf), "1.00 MB");
	CHECK(ncm_parse_size("2GiB", &value) == 0 && value == UINT64_C(2) << 30);
	CHECK(ncm_parse_size("1.5M", &value) == 0 && value == 1500000);
	CHECK(ncm_parse_size("500", &value) == 0 && value == 500);
	CHECK(ncm_parse_size("-1", &value) < 0);
	CHECK(ncm_parse_size("", &value) < 0);
	CHECK(ncm_parse_size("12X", &value) < 0);
	CHECK(ncm_parse_size("99999999999P", &value) < 0);
	CHECK(ncm_parse_bandwidth("100M", &value) == 0 && value == 12500000);
	CHECK(ncm_parse_bandwidth("100Mbit/s", &value) == 0 && value == 12500000);
	CHECK(ncm_parse_bandwidth("12MB/s", &value) == 0 && value == 12000000);
	CHECK(ncm_parse_bandwidth("fast", &value) < 0);
	CHECK_STR(ncm_format_duration(7500, buf, sizeof buf), "2h 5m");
	CHECK_STR(ncm_format_duration(61, buf, sizeof buf), "1m 1s");
}

static void errors_carry_context(void)
{
	struct ncm_error err = NCM_ERROR_INIT;

	CHECK(ncm_error_set(&err, NCM_E_AUTH, "no %s", "token") == -1);
	ncm_error_wrap(&err, "model %s", "x");
	ncm_error_hint(&err, "set HF_TOKEN");
	CHECK_STR(err.message, "model x: no token");
	ncm_error_wrap(&err, "x");
	CHECK_STR(err.message, "x: no token");
	ncm_error_wrap(&err, "x");
	CHECK_STR(err.message, "x: no token");
	CHECK_STR(err.hint, "set HF_TOKEN");
	CHECK(ncm_errc_exit(err.code) == 6);
	ncm_error_errno(&err, ENOSPC, "cannot write");
	CHECK(err.code == NCM_E_NO_SPACE && err.hint == NULL);
	ncm_error_clear(&err);
	CHECK(err.code == NCM_OK && err.message == NULL);
	CHECK(ncm_error_set(NULL, NCM_E_IO, "nobody cares") == -1);
	for (int code = NCM_OK; code < NCM_E_COUNT; code++)
		CHECK(ncm_errc_name((enum ncm_errc)code) != NULL);
}

static void a_file_is_replaced_whole(void)
{
	char dir[] = "/tmp/ncm-base-XXXXXX";
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *path = NULL;
	NCM_AUTO_FREE char *text = NULL;
	struct stat status;
	int fd;

	CHECK(mkdtemp(dir));
	fd = ncm_dir_open(dir, false, &err);
	CHECK(fd >= 0);
	CHECK(ncm_write_atomic(fd, "file", "old", 3, NCM_OWN_FILE, &err) == 0);
	CHECK(ncm_write_atomic(fd, "file", "newer", 5, NCM_OWN_PRIVATE, &err) == 0);
	path = ncm_path_join(dir, "file");
	text = ncm_read_file(path, 100, NULL);
	CHECK_STR(text, "newer");
	CHECK(stat(path, &status) == 0 && (status.st_mode & 0777) == 0600);
	CHECK(ncm_read_file(path, 4, NULL) == NULL && errno == EFBIG);
	CHECK(mkfifoat(fd, "fifo", 0600) == 0);
	free(path);
	path = ncm_path_join(dir, "fifo");
	CHECK(ncm_read_file(path, 4, NULL) == NULL); /* does not hang */
	CHECK(ncm_remove_beneath(fd, "file") == 0 && ncm_remove_beneath(fd, "fifo") == 0);
	close(fd);
	CHECK(rmdir(dir) == 0); /* no temporary file was left */
}

/* The temporary name has to fit too. */
static void a_file_of_the_longest_name_is_replaced(void)
{
	char folder[] = "/tmp/ncm-base-XXXXXX", name[NAME_MAX + 1];
	NCM_AUTO_CLOSE int dirfd = open(mkdtemp(folder), O_RDONLY | O_DIRECTORY);

	for (size_t size = NAME_MAX - 24; size <= NAME_MAX; size++) {
		memset(name, 0, sizeof name);
		for (size_t i = 0; i + 1 < size; i += 2)
			memcpy(name + i, "\xc3\xa9", 2);
		CHECK(ncm_write_atomic(dirfd, name, "x", 1, NCM_OWN_FILE, NULL) == 0);
		CHECK(ncm_write_atomic(dirfd, name, "y", 1, NCM_OWN_FILE, NULL) == 0);
		CHECK(unlinkat(dirfd, name, 0) == 0);
	}
	CHECK(rmdir(folder) == 0); /* nothing is left over */
}

static void a_held_lock_is_busy(void)
{
	char dir[] = "/tmp/ncm-base-XXXXXX";
	struct ncm_error err = NCM_ERROR_INIT;
	int fd, lock, again;

	CHECK(mkdtemp(dir));
	fd = ncm_dir_open(dir, false, &err);
	lock = ncm_lock_beneath(fd, "lock", "the store", true, NULL, &err);
	CHECK(lock >= 0);
	again = ncm_lock_beneath(fd, "lock", "the store", true, NULL, &err);
	CHECK(again == -1 && err.code == NCM_E_BUSY);
	ncm_error_clear(&err);
	close(lock);
	again = ncm_lock_beneath(fd, "lock", "the store", true, NULL, &err);
	CHECK(again >= 0);
	close(again);
	ncm_remove_beneath(fd, "lock");
	close(fd);
	rmdir(dir);
}

static void count_job(void *context, size_t index)
{
	atomic_fetch_add((atomic_size_t *)context, index + 1);
}

static void every_parallel_job_runs_once(void)
{
	atomic_size_t sum = 0;

	ncm_parallel(4, 1000, count_job, &sum);
	CHECK_U64(sum, 500500);
	ncm_parallel(0, 0, count_job, &sum);
	CHECK_U64(sum, 500500);
}

static void arrays_grow(void)
{
	uint64_t *items = NULL;
	size_t count = 0;

	for (uint64_t i = 0; i < 1000; i++) {
		uint64_t *slot = NCM_PUSH(items, count);

		CHECK_U64(*slot, 0);
		*slot = i;
	}
	for (uint64_t i = 0; i < 1000; i++)
		CHECK_U64(items[i], i);
	free(items);
}

/* A list that somebody else made has room for what is in it and no more. */
static void a_list_of_others_grows(void)
{
	for (size_t count = 0; count < 40; count++) {
		struct ncm_strings list = {.items = count > 0 ? ncm_malloc(count * sizeof(char *)) : NULL,
					   .count = count};

		for (size_t i = 0; i < count; i++)
			list.items[i] = ncm_strdup("theirs");
		for (size_t i = 0; i < 20; i++)
			ncm_strings_add(&list, "ours");
		CHECK_U64(list.count, count + 20);
		CHECK(count == 0 || strcmp(list.items[count - 1], "theirs") == 0);
		CHECK_STR(list.items[count + 19], "ours");
		ncm_strings_free(&list);
	}
}

enum { TEXTS = 1 << 15, TEXT_BYTES = 16 * 15 };

static double seconds_to_add(const char *texts)
{
	struct ncm_text_map map = {0};
	const double start = ncm_monotonic();

	for (size_t i = 0; i < TEXTS; i++)
		CHECK(ncm_text_map_add(&map, texts + i * TEXT_BYTES, TEXT_BYTES, i));
	for (size_t i = 0; i < TEXTS; i++)
		CHECK_U64(*ncm_text_map_find(&map, texts + i * TEXT_BYTES, TEXT_BYTES), i);
	ncm_text_map_free(&map);
	return ncm_monotonic() - start;
}

/*
 * Texts whose differences cancel in a chain of "xor, multiply by an odd number, fold by half" whatever it starts with:
 * the top bit of a word survives the multiplication alone, and the next word takes back what it and its fold changed.
 */
static void hostile_texts_do_not_fall_together(void)
{
	NCM_AUTO_FREE char *hostile = ncm_calloc(TEXTS, TEXT_BYTES);
	NCM_AUTO_FREE char *harmless = ncm_calloc(TEXTS, TEXT_BYTES);
	double usual, worst;

	for (size_t i = 0; i < TEXTS; i++) {
		for (size_t pair = 0; pair < TEXT_BYTES / 16; pair++) {
			const uint64_t change = i >> pair & 1;
			const uint64_t words[2] = {change << 63, change << 63 ^ change << 31};

			memcpy(hostile + i * TEXT_BYTES + pair * 16, words, sizeof words);
		}
		memcpy(harmless + i * TEXT_BYTES, &i, sizeof i);
	}
	usual = seconds_to_add(harmless);
	worst = seconds_to_add(hostile);
	CHECK(worst < 20 * usual + 0.2);
}

static bool is_soon_unsettled(const char *path)
{
	enum { TRIES = 100 };
	NCM_AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool held = true;

	for (unsigned i = 0; i < TRIES && held; i++) {
		struct ncm_stamp stamp;

		CHECK(fd >= 0 && ncm_pwrite_all(fd, "one", 3, 0) == 0);
		stamp = ncm_stamp_take(path);
		held = ncm_stamp_holds(&stamp, path);
	}
	return !held;
}

static void a_stamp_holds_while_the_file_is_the_same(void)
{
	char *folder = temp_folder();
	NCM_AUTO_FREE char *path = ncm_path_join(folder, "file");
	NCM_AUTO_FREE char *below = ncm_path_join(path, "below");
	struct ncm_stamp stamp = ncm_stamp_take(path);

	CHECK(ncm_stamp_holds(&stamp, path));
	temp_write_bytes(folder, "file", "one", 3);
	CHECK(!ncm_stamp_holds(&stamp, path));
	/* Another write may leave the same times; on a busy machine the first one may be long ago all the same. */
	CHECK(is_soon_unsettled(path));
	usleep(200000);
	stamp = ncm_stamp_take(path);
	CHECK(ncm_stamp_holds(&stamp, path));
	/* Other bytes, written in place and given the times of the old ones. */
	{
		const struct timespec times[2] = {{stamp.mtime_ns / 1000000000, stamp.mtime_ns % 1000000000},
						  {stamp.mtime_ns / 1000000000, stamp.mtime_ns % 1000000000}};
		NCM_AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

		CHECK(fd >= 0 && ncm_pwrite_all(fd, "two", 3, 0) == 0 && futimens(fd, times) == 0);
	}
	CHECK(!ncm_stamp_holds(&stamp, path));
	/* A file in the place of its folder: not known, and so not the same. */
	stamp = ncm_stamp_take(below);
	CHECK(!ncm_stamp_holds(&stamp, below));
	temp_remove(folder);
}

static void the_same_words(void)
{
	static const char *const same[][2] = {{"Quick chat", "QuickChat"}, {"a-b_c", "ABC"}, {" x ", "x"}, {"", "-"}};
	static const char *const others[][2] = {{"C++", "C"}, {"ab", "abc"}, {"abc", "ab"}, {"a.b", "ab"}};

	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		CHECK(ncm_same_words(same[i][0], same[i][1]) && ncm_same_words(same[i][1], same[i][0]));
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		CHECK(!ncm_same_words(others[i][0], others[i][1]));
}

static void nearest_words(void)
{
	struct ncm_nearest nearest = {.to = "phi4-mini"};
	NCM_AUTO_FREE char *list = NULL;

	CHECK_U64(ncm_edit_distance("size", "siez"), 1);
	CHECK_U64(ncm_edit_distance("", "abc"), 3);
	CHECK_U64(ncm_edit_distance("ABC", "abd"), 1);
	CHECK_U64(ncm_name_distance("codr", "deepseek-coder-v2"), 2);
	CHECK_U64(ncm_name_distance("phi4", "phi4"), 0);
	ncm_nearest_offer(&nearest, "llama3.2-3b");
	ncm_nearest_offer(&nearest, "phi-4-mini");
	ncm_nearest_offer(&nearest, "phi3-mini");
	ncm_nearest_offer(&nearest, "octopus-v2");
	ncm_nearest_offer(&nearest, "Phi-4-Mini");
	CHECK_STR(ncm_nearest_close(&nearest), "phi-4-mini");
	list = ncm_nearest_list(&nearest);
	CHECK_STR(list, "phi-4-mini or phi3-mini");
	/* Another word is no typing error, however few letters it has. */
	CHECK(ncm_is_near(1, 3) && !ncm_is_near(2, 3) && ncm_is_near(1, 5) && !ncm_is_near(2, 5));
	CHECK(ncm_is_near(2, 6) && !ncm_is_near(1, 1) && ncm_is_near(3, 9) && !ncm_is_near(4, 9));
	CHECK_U64(ncm_name_distance("foo", "root"), NCM_NOT_NEAR);
}

static void similar_words(void)
{
	struct ncm_nearest nearest = {.to = "model-q4_k_m.gguf"};
	NCM_AUTO_FREE char *list = NULL;

	ncm_nearest_offer(&nearest, "README.md");
	CHECK(ncm_nearest_list(&nearest) == NULL);
	ncm_nearest_offer(&nearest, "model-Q4_K_S.gguf");
	ncm_nearest_offer(&nearest, "model-Q4_K_M.gguf");
	list = ncm_nearest_list(&nearest);
	CHECK_STR(list, "model-Q4_K_M.gguf or model-Q4_K_S.gguf");
}

int main(void)
{
	RUN(bytes_are_copied_past_the_caches_as_by_memcpy);
	RUN(foreign_bytes_are_escaped);
	RUN(an_address_is_told_without_its_secrets);
	RUN(long_foreign_text_is_cut_with_its_length);
	RUN(sizes_read_and_print);
	RUN(errors_carry_context);
	RUN(a_file_is_replaced_whole);
	RUN(a_file_of_the_longest_name_is_replaced);
	RUN(a_held_lock_is_busy);
	RUN(every_parallel_job_runs_once);
	RUN(arrays_grow);
	RUN(a_list_of_others_grows);
	RUN(a_stamp_holds_while_the_file_is_the_same);
	RUN(hostile_texts_do_not_fall_together);
	RUN(the_same_words);
	RUN(nearest_words);
	RUN(similar_words);
	return 0;
}
