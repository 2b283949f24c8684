/* SPDX-License-Identifier: MIT */
/* The journal of a partial file: what is read of it, whatever a kill, a power cut or somebody else made of its text. */
#include "partial_case.h"

#include "base/buffer.h"

static const char sha256_hex[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; /* "abc" */

static char *text_of(const char *id, const char *lines)
{
	return ncm_asprintf("ncmodel partial 1\n{\"url\":\"" URL
			    "\",\"etag\":\"\\\"one\\\"\",\"size\":5000,\"sha256\":\"%s\","
			    "\"boot_id\":\"%s\"}\n%s",
			    sha256_hex, id, lines);
}

/* Reads a journal of that text. */
static int read_text(const char *text, size_t size, struct ncm_ranges *trusted)
{
	struct ncm_identity identity;
	int result;

	put(JOURNAL, text, size);
	result = read_trusted(&identity, trusted);
	if (result == 0) {
		CHECK_STR(identity.url, URL);
		CHECK_STR(identity.etag, "\"one\"");
		CHECK(identity.has_size && identity.size == 5000 && identity.has_sha256);
	} else {
		CHECK(!identity.url && !identity.etag && !identity.has_size && !identity.has_sha256);
		CHECK_U64(trusted->count, 0);
	}
	ncm_identity_clear(&identity);
	return result;
}

/* Checks how many bytes are believed after these lines, in this boot and after a reboot. */
static void check_lines(const char *lines, uint64_t same_boot, uint64_t other_boot)
{
	char id[64];

	boot_id(id);
	for (int other = 0; other < 2; other++) {
		NCM_AUTO_FREE char *text = text_of(other ? "another" : id, lines);
		struct ncm_ranges trusted = {0};
		uint64_t expected = other ? other_boot : same_boot;

		CHECK(read_text(text, strlen(text), &trusted) == 0);
		if (ncm_ranges_sum(&trusted) != expected)
			fprintf(stderr, "%s, lines:\n%s\n", other ? "other boot" : "same boot", lines);
		CHECK_U64(ncm_ranges_sum(&trusted), expected);
		ncm_ranges_clear(&trusted);
	}
}

static void what_is_written_is_read(void)
{
	struct ncm_identity identity = {.url = (char *)(uintptr_t)URL, .has_size = true, .size = 5000}, read;
	struct ncm_ranges there = {0}, trusted = {0};
	char id[64];
	int fd;

	boot_id(id);
	identity.etag = (char *)(uintptr_t) "\"a \\ b\"";
	identity.has_sha256 = true;
	CHECK(ncm_sha256_parse(sha256_hex, &identity.sha256) == 0);
	ncm_ranges_add(&there, 0, 100);
	ncm_ranges_add(&there, 200, 300);
	fd = ncm_journal_begin(folder_fd, PARTIAL, &identity, &there, true, NULL);
	CHECK(fd >= 0);
	CHECK(ncm_journal_written(fd, &(struct ncm_range){100, 150}) == 0);
	CHECK(ncm_journal_synced(fd, 3) == 0);
	CHECK(ncm_journal_written(fd, &(struct ncm_range){1000, 2000}) == 0);
	close(fd);

	CHECK(read_trusted(&read, &trusted) == 0);
	CHECK_STR(read.url, URL);
	CHECK_STR(read.etag, identity.etag);
	CHECK(read.has_size && read.size == 5000 && read.has_sha256);
	CHECK(ncm_sha256_equal(&read.sha256, &identity.sha256));
	ncm_identity_clear(&read);
	ncm_ranges_add(&there, 100, 150);
	ncm_ranges_add(&there, 1000, 2000);
	check_set(&trusted, &there);
	ncm_ranges_clear(&trusted);

	pretend_reboot();
	ncm_ranges_remove(&there, 1000, 2000);
	trusted = read_journal();
	check_set(&trusted, &there);
	ncm_ranges_clear(&trusted);
	ncm_ranges_clear(&there);
	ncm_journal_remove(folder_fd, PARTIAL);
	CHECK(!exists(JOURNAL));
	ncm_journal_remove(folder_fd, PARTIAL); /* again */
}

/* The text is a format: later versions read what this one left. */
static void the_text_is_as_documented(void)
{
	struct ncm_identity identity = {.url = (char *)(uintptr_t)URL};
	struct ncm_ranges there = {0};
	NCM_AUTO_FREE char *expected = NULL;
	char id[64];
	int fd;

	boot_id(id);
	ncm_ranges_add(&there, 7, 1048576);
	fd = ncm_journal_begin(folder_fd, PARTIAL, &identity, &there, false, NULL);
	CHECK(fd >= 0 && ncm_journal_written(fd, &(struct ncm_range){0, 7}) == 0 && ncm_journal_synced(fd, 2) == 0);
	close(fd);
	expected =
	    ncm_asprintf("ncmodel partial 1\n{\"url\":\"" URL "\",\"boot_id\":\"%s\"}\n+ 7 1048576\n+ 0 7\n= 2\n", id);
	check_text(JOURNAL, expected);
	ncm_ranges_clear(&there);
	/* Nothing is there yet: nothing to vouch for. */
	fd = ncm_journal_begin(folder_fd, PARTIAL, &identity, &there, true, NULL);
	CHECK(fd >= 0 && close(fd) == 0);
	free(expected);
	expected = ncm_asprintf("ncmodel partial 1\n{\"url\":\"" URL "\",\"boot_id\":\"%s\"}\n", id);
	check_text(JOURNAL, expected);
	ncm_journal_remove(folder_fd, PARTIAL);
}

static const char *const some_lines[] = {"+ 0 10\n", "+ 20 30\n", "= 1\n", "+ 10 20\n",    "+ 100 200\n",
					 "= 3\n",    "+ 30 40\n", "= 5\n", "+ 4000 5000\n"};
enum { LINES = sizeof some_lines / sizeof *some_lines };

/* What the first `count` lines say, after a reboot or not. */
static struct ncm_ranges meaning(size_t count, bool other_boot)
{
	struct ncm_range ranges[LINES];
	struct ncm_ranges all = {0};
	size_t known = 0, vouched = 0;

	for (size_t i = 0; i < count; i++) {
		if (sscanf(some_lines[i], "= %zu", &vouched) == 1)
			continue;
		CHECK(sscanf(some_lines[i], "+ %" SCNu64 " %" SCNu64, &ranges[known].start, &ranges[known].end) == 2);
		known++;
	}
	for (size_t i = 0; i < (other_boot ? vouched : known); i++)
		ncm_ranges_add(&all, ranges[i].start, ranges[i].end);
	return all;
}

/* A journal of some_lines; *body is where they begin. */
static char *whole_text(bool other_boot, size_t *body)
{
	char id[64];
	NCM_AUTO_FREE char *head = NULL;
	struct ncm_buffer text = {0};

	boot_id(id);
	head = text_of(other_boot ? "another" : id, "");
	*body = strlen(head);
	ncm_buffer_puts(&text, head);
	for (size_t i = 0; i < LINES; i++)
		ncm_buffer_puts(&text, some_lines[i]);
	return ncm_buffer_take(&text);
}

static void any_torn_end_takes_only_its_line(void)
{
	for (int other = 0; other < 2; other++) {
		size_t body;
		NCM_AUTO_FREE char *text = whole_text(other, &body);

		for (size_t size = 0; size <= strlen(text); size++) {
			struct ncm_ranges trusted = {0}, expected;
			size_t whole = 0;

			for (size_t at = body; at < size; at++)
				whole += text[at] == '\n';
			expected = meaning(whole, other);
			CHECK(read_text(text, size, &trusted) == (size < body ? -1 : 0));
			check_set(&trusted, &expected);
			ncm_ranges_clear(&trusted);
			ncm_ranges_clear(&expected);
		}
	}
}

/* A part of a file that a power cut took reads as NULs: nothing behind it counts. */
static void a_hole_ends_what_is_read(void)
{
	for (int other = 0; other < 2; other++) {
		size_t body, at;
		NCM_AUTO_FREE char *text = whole_text(other, &body);
		size_t size = strlen(text);

		at = body;
		for (size_t i = 0; i < LINES; at += strlen(some_lines[i]), i++) {
			NCM_AUTO_FREE char *holed = ncm_strdup(text);
			struct ncm_ranges trusted = {0}, expected = meaning(i, other);

			memset(holed + at, 0, strlen(some_lines[i]));
			CHECK(read_text(holed, size, &trusted) == 0);
			check_set(&trusted, &expected);
			ncm_ranges_clear(&trusted);
			holed[at] = some_lines[i][0]; /* only its first byte came through … */
			CHECK(read_text(holed, size, &trusted) == 0);
			check_set(&trusted, &expected);
			ncm_ranges_clear(&trusted);
			memcpy(holed + at, some_lines[i], strlen(some_lines[i]));
			holed[at + 1] = '\0'; /* … or all but one */
			CHECK(read_text(holed, size, &trusted) == 0);
			check_set(&trusted, &expected);
			ncm_ranges_clear(&trusted);
			ncm_ranges_clear(&expected);
		}
		for (at = 0; at < body; at++) {
			NCM_AUTO_FREE char *holed = ncm_strdup(text);
			struct ncm_ranges trusted = {0};

			holed[at] = '\0';
			CHECK(read_text(holed, size, &trusted) == -1);
		}
	}
}

/* Behind the last line there may be NULs too: the file's length was on disk before its bytes. */
static void nuls_at_the_end_take_nothing(void)
{
	size_t body;
	NCM_AUTO_FREE char *text = whole_text(false, &body);
	NCM_AUTO_FREE char *longer = ncm_calloc(strlen(text) + 4096, 1);
	struct ncm_ranges trusted = {0}, expected = meaning(LINES, false);

	memcpy(longer, text, strlen(text));
	CHECK(read_text(longer, strlen(text) + 4096, &trusted) == 0);
	check_set(&trusted, &expected);
	ncm_ranges_clear(&trusted);
	ncm_ranges_clear(&expected);
}

static void what_vouches_for_lines_that_are_not_there_ends_it(void)
{
	check_lines("+ 0 10\n= 1\n+ 10 20\n", 20, 10);
	check_lines("+ 0 10\n= 2\n+ 10 20\n= 2\n", 10, 0); /* a "+" line was lost before it */
	check_lines("= 1\n+ 0 10\n", 0, 0);
	check_lines("~ 0 10\n+ 10 20\n= 1\n~ 20 30\n+ 30 40\n", 20, 10); /* what was begun is not counted */
	check_lines("~ 10 10\n+ 10 20\n", 0, 0);
	check_lines("= 0\n+ 0 10\n", 10, 0);
	check_lines("+ 0 10\n+ 10 20\n= 2\n= 3\n+ 20 30\n", 20, 20);
	check_lines("+ 0 10\n= 18446744073709551615\n+ 10 20\n", 10, 0);
	check_lines("+ 0 10\n= 18446744073709551617\n+ 10 20\n", 10, 0); /* 1 modulo 2^64 */
	check_lines("+ 0 10\n= -1\n+ 10 20\n", 10, 0);
	check_lines("+ 0 10\n= +1\n+ 10 20\n", 10, 0);
	check_lines("+ 0 10\n=1\n+ 10 20\n", 10, 0);
	check_lines("+ 0 10\n=\n+ 10 20\n", 10, 0);
	check_lines("+ 0 10\n= 1 \n+ 10 20\n", 10, 0);
	check_lines("+ 0 10\n= 1 1\n+ 10 20\n", 10, 0);
}

static void what_is_no_line_ends_it(void)
{
	static const char *const bad[] = {"",
					  "+",
					  "+ 1",
					  "+ 1 ",
					  "+ 1 2 3",
					  "+ 1 2 ",
					  " + 1 2",
					  "+  1 2",
					  "+ 1  2",
					  "+ -1 2",
					  "+ 1 -2",
					  "+ 0x1 5",
					  "+ 5 5",
					  "+ 9 3",
					  "+1 2",
					  "- 1 2",
					  "+ 1 2\r",
					  "+\t1 2",
					  "+ 1 18446744073709551616",
					  "+ 1.0 2.0",
					  "# note",
					  "+ 10+ 1 2",
					  "+ 1 2= 1",
					  "+ 1 2\v",
					  "{\"a\":1}"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		NCM_AUTO_FREE char *lines = ncm_asprintf("+ 100 110\n= 1\n%s\n+ 200 210\n= 1\n", bad[i]);

		check_lines(lines, 10, 10);
	}
	check_lines("+ 0 18446744073709551615\n", UINT64_MAX, 0); /* the file's length bounds it */
}

/* A journal whose beginning is not right says nothing at all. */
static void a_head_that_is_not_right_says_nothing(void)
{
	static const char *const bad[] = {
	    "",
	    "ncmodel partial 1",
	    "ncmodel partial 1\n",
	    "ncmodel partial 2\n{}\n+ 0 10\n",
	    "ncmodel partial 1\r\n{}\r\n+ 0 10\r\n",
	    "\nncmodel partial 1\n{}\n+ 0 10\n",
	    "ncmodel partial 1\n\n+ 0 10\n",
	    "ncmodel partial 1\n+ 0 10\n",
	    "ncmodel partial 1\n{\n+ 0 10\n",
	    "ncmodel partial 1\n{} x\n+ 0 10\n",
	    "ncmodel partial 1\n{\"sha256\":\"ba78\"}\n+ 0 10\n",
	    "ncmodel partial 1\n{\"sha256\":\"../../../../../../../../../../etc/x\"}\n+ 0 1\n",
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct ncm_identity identity;
		struct ncm_ranges trusted = {0};

		put(JOURNAL, bad[i], strlen(bad[i]));
		if (read_trusted(&identity, &trusted) == 0)
			fprintf(stderr, "was read: %s\n", bad[i]);
		CHECK(read_trusted(&identity, &trusted) == -1);
		CHECK(trusted.count == 0 && !identity.url && !identity.etag);
	}
}

/* Types that are not as we write them are as good as not there: such bytes fit no item. */
static void odd_types_in_the_head_are_nothing(void)
{
	static const char *const odd[] = {"{\"url\":7,\"etag\":[],\"size\":-5,\"sha256\":null,\"boot_id\":{},\"x\":1}",
					  "[1]", "{}", "\"x\"", "7"};
	const struct ncm_transfer_item item = make_item();

	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		NCM_AUTO_FREE char *text = ncm_asprintf("ncmodel partial 1\n%s\n+ 0 10\n", odd[i]);
		struct ncm_identity identity;
		struct ncm_ranges trusted = {0};

		put(JOURNAL, text, strlen(text));
		if (read_trusted(&identity, &trusted) < 0)
			continue;
		CHECK(!identity.url && !identity.etag && !identity.has_size && !identity.has_sha256);
		CHECK(!ncm_identity_fits(&identity, &item));
		CHECK_U64(trusted.count, 0); /* who knows which boot */
	}
}

/* Whatever a single byte becomes, reading ends, and says nothing of bytes that no line could name. */
static void any_byte_may_be_another(void)
{
	size_t body;
	NCM_AUTO_FREE char *text = whole_text(false, &body);
	static const char others[] = {'\0', '\n', ' ', '+', '=', '9', '"', '{', '\\', (char)0xff};

	for (size_t at = 0; text[at]; at++) {
		for (size_t i = 0; i < sizeof others; i++) {
			char before = text[at];
			struct ncm_identity identity;
			struct ncm_ranges trusted = {0};

			text[at] = others[i];
			put(JOURNAL, text, strlen(text) + (others[i] == '\0'));
			(void)read_trusted(&identity, &trusted);
			ncm_identity_clear(&identity);
			ncm_ranges_clear(&trusted);
			text[at] = before;
		}
	}
}

static bool fits(const char *url, const char *etag, uint64_t size, const char *hex,
		 const struct ncm_transfer_item *item)
{
	struct ncm_identity identity = {.url = (char *)(uintptr_t)url,
					.etag = (char *)(uintptr_t)etag,
					.has_size = size > 0,
					.size = size,
					.has_sha256 = hex != NULL};

	if (hex)
		CHECK(ncm_sha256_parse(hex, &identity.sha256) == 0);
	return ncm_identity_fits(&identity, item);
}

static void only_bytes_of_the_same_file_fit(void)
{
	static const char other_hex[] = "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d";
	struct ncm_transfer_item item = make_item();

	/* No digest: the validator of the same URL, and no other size. */
	CHECK(fits(URL, "\"one\"", 0, NULL, &item));
	CHECK(fits(URL, "\"one\"", 5000, NULL, &item));
	CHECK(fits(URL, "\"one\"", 5000, sha256_hex, &item)); /* pinned then, not now */
	CHECK(!fits(URL, NULL, 5000, NULL, &item));
	CHECK(!fits("https://h.example/other.bin", "\"one\"", 5000, NULL, &item));
	CHECK(!fits(NULL, "\"one\"", 5000, NULL, &item));
	item.has_size = true;
	item.size = 5000;
	CHECK(fits(URL, "\"one\"", 5000, NULL, &item));
	CHECK(fits(URL, "\"one\"", 0, NULL, &item));
	CHECK(!fits(URL, "\"one\"", 5001, NULL, &item));
	/* A digest: it alone, wherever the bytes came from; and no other size. */
	item.has_sha256 = true;
	CHECK(ncm_sha256_parse(sha256_hex, &item.sha256) == 0);
	CHECK(fits("https://mirror.example/x", NULL, 5000, sha256_hex, &item));
	CHECK(fits(NULL, NULL, 0, sha256_hex, &item));
	CHECK(!fits(URL, "\"one\"", 5000, other_hex, &item));
	CHECK(!fits(URL, "\"one\"", 5000, NULL, &item));
	CHECK(!fits(URL, "\"one\"", 5001, sha256_hex, &item));
}

/* What stands in the journal's place is neither followed nor waited for. */
static void what_is_in_the_journals_place_is_not_followed(void)
{
	const struct ncm_identity identity = {.url = (char *)(uintptr_t)URL};
	const struct ncm_ranges nothing = {0};
	struct ncm_identity read;
	struct ncm_ranges trusted = {0};
	NCM_AUTO_FREE char *text = text_of("another", "+ 0 10\n= 1\n");
	struct ncm_error err = NCM_ERROR_INIT;
	int fd;

	put("victim", text, strlen(text));
	CHECK(unlinkat(folder_fd, JOURNAL, 0) == 0);
	CHECK(read_trusted(&read, &trusted) == -1); /* not there */
	CHECK(symlinkat("victim", folder_fd, JOURNAL) == 0);
	CHECK(symlinkat("victim", folder_fd, JOURNAL ".new") == 0);
	CHECK(read_trusted(&read, &trusted) == -1);
	fd = ncm_journal_begin(folder_fd, PARTIAL, &identity, &nothing, false, NULL);
	CHECK(fd >= 0 && ncm_journal_written(fd, &(struct ncm_range){0, 5}) == 0 && close(fd) == 0);
	check_text("victim", text);
	CHECK(!exists(JOURNAL ".new"));
	/* A second name of somebody's file: a new journal is not written into it. */
	CHECK(unlinkat(folder_fd, JOURNAL, 0) == 0);
	CHECK(linkat(folder_fd, "victim", folder_fd, JOURNAL, 0) == 0);
	CHECK(linkat(folder_fd, "victim", folder_fd, JOURNAL ".new", 0) == 0);
	fd = ncm_journal_begin(folder_fd, PARTIAL, &identity, &nothing, false, NULL);
	CHECK(fd >= 0 && ncm_journal_written(fd, &(struct ncm_range){0, 5}) == 0 && close(fd) == 0);
	check_text("victim", text);
	ncm_journal_remove(folder_fd, PARTIAL);
	/* A pipe: nobody writes into it. */
	CHECK(mkfifoat(folder_fd, JOURNAL, 0600) == 0);
	CHECK(read_trusted(&read, &trusted) == -1);
	ncm_journal_remove(folder_fd, PARTIAL);
	/* A folder: told, and nothing is left beside it. */
	CHECK(mkdirat(folder_fd, JOURNAL, 0700) == 0);
	CHECK(read_trusted(&read, &trusted) == -1);
	CHECK(ncm_journal_begin(folder_fd, PARTIAL, &identity, &nothing, false, &err) == -1);
	CHECK(err.code == NCM_E_IO && strstr(err.message, JOURNAL));
	ncm_error_clear(&err);
	CHECK(!exists(JOURNAL ".new"));
	CHECK(unlinkat(folder_fd, JOURNAL, AT_REMOVEDIR) == 0);
	CHECK(unlinkat(folder_fd, "victim", 0) == 0);
}

static void a_journal_without_end_is_not_read(void)
{
	struct ncm_identity identity;
	struct ncm_ranges trusted = {0};
	NCM_AUTO_FREE char *text = text_of("another", "+ 0 10\n= 1\n");
	NCM_AUTO_CLOSE int fd = -1;

	put(JOURNAL, text, strlen(text));
	fd = openat(folder_fd, JOURNAL, O_WRONLY);
	CHECK(ftruncate(fd, (64 << 20) + 1) == 0);
	CHECK(read_trusted(&identity, &trusted) == -1);
	CHECK_U64(trusted.count, 0);
	ncm_journal_remove(folder_fd, PARTIAL);
}

int main(void)
{
	CHECK(open_folder("/tmp"));
	RUN(what_is_written_is_read);
	RUN(the_text_is_as_documented);
	RUN(any_torn_end_takes_only_its_line);
	RUN(a_hole_ends_what_is_read);
	RUN(nuls_at_the_end_take_nothing);
	RUN(what_vouches_for_lines_that_are_not_there_ends_it);
	RUN(what_is_no_line_ends_it);
	RUN(a_head_that_is_not_right_says_nothing);
	RUN(odd_types_in_the_head_are_nothing);
	RUN(any_byte_may_be_another);
	RUN(only_bytes_of_the_same_file_fit);
	RUN(what_is_in_the_journals_place_is_not_followed);
	RUN(a_journal_without_end_is_not_read);
	close_folder();
	return 0;
}
