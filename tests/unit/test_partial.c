/* SPDX-License-Identifier: MIT */
/* Partial files: bytes in any order, what an earlier run left, and what somebody put in the way. On a disk and in RAM.
 */
#include "partial_case.h"

#include "transfer/intake.h"
#include "transfer/partial.h"
#include "transfer/ranges.h"

#include <sys/vfs.h>

enum { KIB = 1 << 10, MIB = 1 << 20 };

static unsigned char *bytes; /* of the file that is to be; aligned */
static const size_t room = 10 * MIB;
static uint32_t state = 20260102;

static uint32_t random_below(uint32_t limit)
{
	state = state * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)state * limit) >> 32);
}

static struct ncm_transfer_item make_sized(uint64_t size)
{
	struct ncm_transfer_item item = make_item();

	item.has_size = true;
	item.size = size;
	return item;
}

static struct ncm_transfer_item make_pinned(uint64_t size)
{
	struct ncm_transfer_item item = make_sized(size);

	item.has_sha256 = true;
	ncm_sha256_of(bytes, size, &item.sha256);
	return item;
}

static void open_partial(struct ncm_partial *partial, const struct ncm_transfer_item *item)
{
	struct ncm_error err = NCM_ERROR_INIT;

	if (ncm_partial_open(partial, item, &err) < 0)
		fprintf(stderr, "%s\n", err.message);
	CHECK(err.code == NCM_OK && partial->fd >= 0);
}

/* Opens it and begins it with an answer of that size. */
static void begin_partial(struct ncm_partial *partial, const struct ncm_transfer_item *item, const char *etag,
			  uint64_t size)
{
	struct ncm_error err = NCM_ERROR_INIT;

	open_partial(partial, item);
	if (ncm_partial_begin(partial, etag, true, size, &err) < 0)
		fprintf(stderr, "%s\n", err.message);
	CHECK(err.code == NCM_OK);
}

static void write_range(struct ncm_partial *partial, uint64_t start, uint64_t end)
{
	CHECK(ncm_partial_write(partial, start, bytes + start, end - start, NULL) == 0);
}

/* Lays down what a killed run leaves: these bytes and a journal of them. */
static void leave_behind(const struct ncm_transfer_item *item, const char *etag, uint64_t start, uint64_t end)
{
	struct ncm_partial partial;

	begin_partial(&partial, item, etag, item->has_size ? item->size : room);
	write_range(&partial, start, end);
	ncm_partial_close(&partial, false);
}

static void check_file(uint64_t start, uint64_t end)
{
	size_t size;
	NCM_AUTO_FREE char *text = get(PARTIAL, &size);

	CHECK(size >= end);
	CHECK(memcmp(text + start, bytes + start, end - start) == 0);
}

static void check_here(const struct ncm_partial *partial, uint64_t start, uint64_t end)
{
	CHECK_U64(partial->on_disk.count, end > start);
	if (end > start)
		CHECK(partial->on_disk.ranges[0].start == start && partial->on_disk.ranges[0].end == end);
}

static void discard(struct ncm_partial *partial)
{
	ncm_partial_close(partial, true);
	CHECK(!exists(PARTIAL) && !exists(JOURNAL));
}

/* Reads the file back piece by piece as the hash does, and at random. */
static void check_reads(const struct ncm_partial *partial, uint64_t size)
{
	unsigned char *memory = ncm_aligned_alloc(NCM_BLOCK_ALIGN, NCM_BLOCK_BYTES);

	for (unsigned i = 0; i < 200; i++) {
		uint64_t at = random_below((uint32_t)size);
		size_t take = 1 + random_below(NCM_BLOCK_BYTES);

		if (i % 3 == 0) /* what can go past the page cache */
			at -= at % NCM_BLOCK_ALIGN;
		if (i % 6 == 0)
			take = NCM_BLOCK_BYTES;
		if (take > size - at)
			take = (size_t)(size - at);
		memset(memory, 0xaa, NCM_BLOCK_BYTES);
		CHECK(ncm_partial_read(partial, at, memory, take, NULL) == 0);
		CHECK(memcmp(memory, bytes + at, take) == 0);
	}
	free(memory);
}

/* Writes a file in random pieces, each within one block, in random order. */
static void write_in_pieces(struct ncm_partial *partial, uint64_t size)
{
	struct ncm_ranges missing = {0};

	ncm_ranges_add(&missing, 0, size);
	while (missing.count > 0) {
		const struct ncm_range *range = &missing.ranges[random_below((uint32_t)missing.count)];
		uint64_t start = range->start + random_below((uint32_t)(range->end - range->start));
		uint64_t end = range->end, block;

		if (random_below(2))
			start = range->start;
		block = start - start % NCM_BLOCK_BYTES + NCM_BLOCK_BYTES;
		end = end < block ? end : block;
		if (random_below(2))
			end = start + 1 + random_below((uint32_t)(end - start));
		write_range(partial, start, end);
		ncm_ranges_remove(&missing, start, end);
	}
	ncm_ranges_clear(&missing);
}

static void check_pieces(uint64_t size, bool direct)
{
	struct ncm_transfer_item item = make_sized(size);
	struct ncm_partial partial;
	struct ncm_ranges all = {0}, trusted;

	begin_partial(&partial, &item, "\"one\"", size);
	if (!direct && partial.direct_fd >= 0) { /* as where the file system refuses it */
		close(partial.direct_fd);
		partial.direct_fd = -1;
		partial.drained = true;
	}
	write_in_pieces(&partial, size);
	ncm_ranges_add(&all, 0, size);
	check_set(&partial.on_disk, &all);
	CHECK_U64(ncm_partial_unsynced(&partial), size);
	check_reads(&partial, size);
	check_file(0, size);
	if (exists(JOURNAL)) {
		trusted = read_journal();
		check_set(&trusted, &all);
		ncm_ranges_clear(&trusted);
	} else {
		CHECK(size < 64 * KIB); /* fetching again costs less */
	}
	ncm_ranges_clear(&all);
	discard(&partial);
}

/* Unaligned pieces, past the page cache and through it, in any order. */
static void what_is_written_in_pieces_is_read_back(void)
{
	static const uint64_t sizes[] = {1,           4095,    4096,        4097,           100 * KIB + 7,
					 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 9 * MIB + 12345};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		check_pieces(sizes[i], true);
		check_pieces(sizes[i], false);
	}
}

static void large_files_go_past_the_page_cache_if_they_can(void)
{
	struct ncm_transfer_item item = make_sized(8 * MIB);
	struct ncm_partial partial;
	int direct;

	begin_partial(&partial, &item, "\"one\"", 8 * MIB);
	direct = openat(folder_fd, PARTIAL, O_RDWR | O_DIRECT);
	CHECK((direct >= 0) == (partial.direct_fd >= 0));
	CHECK(partial.drained == (partial.direct_fd < 0));
	if (direct < 0)
		printf("this file system refuses direct writes\n");
	else
		close(direct);
	discard(&partial);
	item = make_sized(8 * MIB - 1); /* likely to be used soon */
	begin_partial(&partial, &item, "\"one\"", 8 * MIB - 1);
	CHECK(partial.direct_fd < 0 && !partial.drained);
	discard(&partial);
}

static void what_is_not_there_cannot_be_read(void)
{
	unsigned char *memory = ncm_aligned_alloc(NCM_BLOCK_ALIGN, NCM_BLOCK_BYTES);
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_transfer_item item = make_sized(9 * MIB);
	struct ncm_partial partial;

	begin_partial(&partial, &item, NULL, 9 * MIB);
	write_range(&partial, 0, 5000);
	CHECK(ncm_partial_read(&partial, 0, memory, 5000, &err) == 0);
	CHECK(ncm_partial_read(&partial, 9 * MIB - 10, memory, 11, &err) == -1);
	CHECK(err.code == NCM_E_IO && strstr(err.message, PARTIAL));
	ncm_error_clear(&err);
	CHECK(ncm_partial_read(&partial, 9 * MIB, memory, 1, &err) == -1);
	ncm_error_clear(&err);
	discard(&partial);
	free(memory);
}

static void synced_bytes_survive_a_reboot(void)
{
	struct ncm_transfer_item item = make_pinned(9 * MIB);
	struct ncm_partial partial;
	struct ncm_error err = NCM_ERROR_INIT;

	begin_partial(&partial, &item, NULL, 9 * MIB);
	write_range(&partial, MIB, 2 * MIB);
	write_range(&partial, 0, MIB);
	CHECK_U64(ncm_partial_unsynced(&partial), 2 * MIB);
	CHECK(ncm_partial_sync(&partial, &err) == 0);
	CHECK_U64(ncm_partial_unsynced(&partial), 0);
	write_range(&partial, 2 * MIB, 3 * MIB);
	CHECK_U64(ncm_partial_unsynced(&partial), MIB);
	ncm_partial_close(&partial, false);
	CHECK_U64(ncm_transfer_present(&item), 3 * MIB);
	pretend_reboot();
	CHECK_U64(ncm_transfer_present(&item), 2 * MIB);
	open_partial(&partial, &item);
	check_here(&partial, 0, 2 * MIB);
	CHECK(partial.inherited);
	/* What was inherited was made to last, and the journal is of this boot again. */
	pretend_reboot();
	CHECK_U64(ncm_transfer_present(&item), 2 * MIB);
	discard(&partial);
}

/* Leaves a journal with these lines alone. */
static void put_lines(const char *lines)
{
	NCM_AUTO_FREE char *text = get(JOURNAL, NULL);
	char *body = strchr(strchr(text, '\n') + 1, '\n') + 1;
	NCM_AUTO_FREE char *cut = ncm_asprintf("%.*s%s", (int)(body - text), text, lines);

	put(JOURNAL, cut, strlen(cut));
}

/* The file itself shows that the bytes are there, where a hole is not to be taken for a block of zeros. */
static void a_kill_between_a_write_and_its_line_costs_nothing(void)
{
	static const char as_written[] = "~ 0 1048576\n+ 0 1048576\n+ 0 1048576\n~ 2097152 3145728\n"
					 "+ 2097152 3145728\n+ 3145728 3149824\n";
	struct ncm_transfer_item item = make_pinned(9 * MIB);
	const struct ncm_range first = {0, MIB};
	struct ncm_partial partial;
	NCM_AUTO_FREE char *text = NULL;
	bool tells;

	begin_partial(&partial, &item, NULL, 9 * MIB);
	tells = partial.direct_fd >= 0 && ncm_range_is_hole(partial.fd, &first);
	write_range(&partial, 0, MIB);
	write_range(&partial, 0, MIB); /* no hole any more */
	write_range(&partial, 2 * MIB, 3 * MIB);
	write_range(&partial, 3 * MIB, 3 * MIB + 4096); /* no whole block */
	ncm_partial_close(&partial, false);
	text = get(JOURNAL, NULL);
	CHECK((strstr(text, as_written) != NULL) == tells);
	put_lines("~ 0 1048576\n~ 1048576 2097152\n~ 2097152 3145728\n~ 3145728 4194304\n");
	CHECK_U64(ncm_transfer_present(&item), 2 * MIB);
	put_lines("~ 0 1048576\n+ 3145728 3149824\n~ 5242880 18446744073709551615\n");
	CHECK_U64(ncm_transfer_present(&item), MIB + 4096);
	pretend_reboot();
	CHECK_U64(ncm_transfer_present(&item), 0);
	ncm_transfer_discard(folder_fd, PARTIAL);
}

/* The answer says something new of the file: a new journal, which vouches for no more than the old one. */
static void a_new_validator_makes_a_new_journal(void)
{
	struct ncm_transfer_item item = make_item();
	struct ncm_partial partial;
	struct ncm_identity identity;
	struct ncm_ranges trusted = {0};

	begin_partial(&partial, &item, NULL, 9 * MIB);
	write_range(&partial, 0, MIB);
	CHECK(ncm_partial_begin(&partial, "\"one\"", true, 9 * MIB, NULL) == 0);
	write_range(&partial, MIB, 2 * MIB);
	CHECK(read_trusted(&identity, &trusted) == 0);
	CHECK_STR(identity.etag, "\"one\"");
	CHECK_U64(identity.size, 9 * MIB);
	CHECK_U64(ncm_ranges_sum(&trusted), 2 * MIB);
	ncm_identity_clear(&identity);
	ncm_ranges_clear(&trusted);
	CHECK(ncm_partial_sync(&partial, NULL) == 0);
	CHECK(ncm_partial_begin(&partial, "\"two\"", true, 9 * MIB, NULL) == 0);
	write_range(&partial, 2 * MIB, 3 * MIB);
	pretend_reboot();
	trusted = read_journal();
	CHECK_U64(ncm_ranges_sum(&trusted), 2 * MIB); /* all was synced when it was made */
	ncm_ranges_clear(&trusted);
	CHECK(ncm_partial_begin(&partial, "\"three\"", true, 9 * MIB, NULL) == 0);
	pretend_reboot();
	trusted = read_journal();
	CHECK_U64(ncm_ranges_sum(&trusted), 0); /* not all was */
	discard(&partial);
}

static void only_what_fits_is_inherited(void)
{
	struct ncm_transfer_item item = make_pinned(9 * MIB), other = make_pinned(9 * MIB);
	struct ncm_partial partial;

	leave_behind(&item, NULL, MIB, 3 * MIB);
	CHECK_U64(ncm_transfer_present(&item), 2 * MIB);
	other.sha256.bytes[0] ^= 1;
	CHECK_U64(ncm_transfer_present(&other), 0);
	other = make_pinned(9 * MIB);
	other.size--;
	CHECK_U64(ncm_transfer_present(&other), 0);
	other = make_sized(9 * MIB); /* no digest, and there was no validator */
	CHECK_U64(ncm_transfer_present(&other), 0);
	open_partial(&partial, &item);
	check_here(&partial, MIB, 3 * MIB);
	ncm_partial_close(&partial, false);
	/* What does not fit is emptied before anything else is written. */
	open_partial(&partial, &other);
	check_here(&partial, 0, 0);
	CHECK(!partial.inherited && !exists(JOURNAL));
	check_text(PARTIAL, "");
	discard(&partial);

	/* By a validator: of the same URL alone. */
	item = make_sized(9 * MIB);
	leave_behind(&item, "\"one\"", 0, MIB);
	CHECK_U64(ncm_transfer_present(&item), MIB);
	open_partial(&partial, &item);
	CHECK_STR(partial.identity.etag, "\"one\"");
	ncm_partial_close(&partial, false);
	CHECK(unlinkat(folder_fd, JOURNAL, 0) == 0); /* not a word of it: worth nothing */
	CHECK_U64(ncm_transfer_present(&item), 0);
	ncm_transfer_discard(folder_fd, PARTIAL);
}

static void set_length(off_t length)
{
	NCM_AUTO_CLOSE int fd = openat(folder_fd, PARTIAL, O_WRONLY | O_CREAT, 0600);

	CHECK(fd >= 0 && ftruncate(fd, length) == 0);
}

static void the_files_length_bounds_what_the_journal_says(void)
{
	struct ncm_transfer_item item = make_pinned(9 * MIB);
	struct ncm_partial partial;

	leave_behind(&item, NULL, 0, 3 * MIB);
	set_length(2 * MIB + 5);
	CHECK_U64(ncm_transfer_present(&item), 2 * MIB + 5);
	open_partial(&partial, &item);
	check_here(&partial, 0, 2 * MIB + 5);
	ncm_partial_close(&partial, false);
	/* Gone: the journal alone is nothing. */
	CHECK(unlinkat(folder_fd, PARTIAL, 0) == 0);
	CHECK_U64(ncm_transfer_present(&item), 0);
	open_partial(&partial, &item);
	check_here(&partial, 0, 0);
	ncm_partial_close(&partial, true);
	/* Longer than the file: another's, whatever the journal says. */
	leave_behind(&item, NULL, 0, 3 * MIB);
	set_length(9 * MIB + 1);
	CHECK_U64(ncm_transfer_present(&item), 0);
	open_partial(&partial, &item);
	check_here(&partial, 0, 0);
	check_text(PARTIAL, "");
	discard(&partial);
}

/* A file as long as the pinned one is worth a look: its digest decides. */
static void a_whole_file_without_a_journal_is_looked_at(void)
{
	struct ncm_transfer_item item = make_pinned(9 * MIB);
	struct ncm_partial partial;

	put(PARTIAL, bytes, 9 * MIB);
	CHECK_U64(ncm_transfer_present(&item), 9 * MIB);
	open_partial(&partial, &item);
	check_here(&partial, 0, 9 * MIB);
	ncm_partial_close(&partial, false);
	CHECK(unlinkat(folder_fd, JOURNAL, 0) == 0);
	set_length(9 * MIB - 1);
	CHECK_U64(ncm_transfer_present(&item), 0);
	set_length(9 * MIB);
	item.has_sha256 = false;
	CHECK_U64(ncm_transfer_present(&item), 0);
	ncm_transfer_discard(folder_fd, PARTIAL);
}

static void check_victim(const char *name)
{
	NCM_AUTO_FREE char *text = get(name, NULL);

	CHECK_STR(text, "somebody's");
}

/* A link, a device or a second name is never written through; what it leads to stays as it is. */
static void what_is_in_the_way_is_not_written_through(void)
{
	struct ncm_transfer_item item = make_sized(100 * KIB);

	for (int kind = 0; kind < 4; kind++) {
		struct ncm_partial partial;

		put("victim", "somebody's", 10);
		if (kind == 0)
			CHECK(symlinkat("victim", folder_fd, PARTIAL) == 0);
		else if (kind == 1)
			CHECK(symlinkat("nowhere", folder_fd, PARTIAL) == 0);
		else if (kind == 2)
			CHECK(linkat(folder_fd, "victim", folder_fd, PARTIAL, 0) == 0);
		else
			CHECK(mkfifoat(folder_fd, PARTIAL, 0600) == 0);
		if (kind != 2)
			CHECK_U64(ncm_transfer_present(&item), 0);
		begin_partial(&partial, &item, "\"one\"", 100 * KIB);
		write_range(&partial, 0, 100 * KIB);
		ncm_partial_close(&partial, false);
		check_file(0, 100 * KIB);
		check_victim("victim");
		CHECK(!exists("nowhere"));
		CHECK(unlinkat(folder_fd, "victim", 0) == 0);
		ncm_transfer_discard(folder_fd, PARTIAL);
	}
}

static void a_folder_in_the_way_is_told(void)
{
	struct ncm_transfer_item item = make_sized(100 * KIB);
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_partial partial;

	CHECK(mkdirat(folder_fd, PARTIAL, 0700) == 0);
	CHECK(ncm_partial_open(&partial, &item, &err) == -1);
	CHECK(err.code == NCM_E_IO && strstr(err.message, PARTIAL));
	ncm_error_clear(&err);
	ncm_partial_close(&partial, false);
	CHECK(exists(PARTIAL));
	CHECK(unlinkat(folder_fd, PARTIAL, AT_REMOVEDIR) == 0);
}

static void discarding_removes_no_more_than_its_own(void)
{
	struct ncm_transfer_item item = make_sized(100 * KIB);
	struct ncm_partial partial;

	put("other.part", "x", 1);
	put("other.part.journal", "x", 1);
	begin_partial(&partial, &item, "\"one\"", 100 * KIB);
	CHECK(exists(PARTIAL) && exists(JOURNAL));
	discard(&partial);
	ncm_transfer_discard(folder_fd, PARTIAL); /* again */
	CHECK(exists("other.part") && exists("other.part.journal"));
	ncm_transfer_discard(folder_fd, "other.part");
	ncm_partial_close(&partial, true); /* closed already */
}

static void restarting_leaves_no_word_of_the_old_bytes(void)
{
	struct ncm_transfer_item item = make_pinned(9 * MIB);
	struct ncm_partial partial;

	leave_behind(&item, "\"one\"", 0, 3 * MIB);
	open_partial(&partial, &item);
	CHECK(ncm_partial_restart(&partial, NULL) == 0);
	CHECK(!exists(JOURNAL) && !partial.identity.etag && !partial.inherited);
	check_text(PARTIAL, "");
	check_here(&partial, 0, 0);
	CHECK_U64(ncm_transfer_present(&item), 0);
	/* It goes on from there. */
	CHECK(ncm_partial_begin(&partial, "\"two\"", true, 9 * MIB, NULL) == 0);
	write_range(&partial, 5 * MIB, 6 * MIB);
	CHECK(ncm_partial_sync(&partial, NULL) == 0);
	ncm_partial_close(&partial, false);
	pretend_reboot();
	CHECK_U64(ncm_transfer_present(&item), MIB);
	ncm_transfer_discard(folder_fd, PARTIAL);
}

static void a_finished_file_is_as_long_as_it_should_be(void)
{
	struct ncm_transfer_item item = make_pinned(9 * MIB);
	struct ncm_partial partial;
	struct ncm_sha256 wrong = {{1}};
	struct ncm_error err = NCM_ERROR_INIT;
	struct stat status;

	begin_partial(&partial, &item, NULL, 9 * MIB);
	write_in_pieces(&partial, 9 * MIB);
	CHECK(ncm_partial_finish(&partial, &wrong, &item, &err) == -1);
	CHECK(err.code == NCM_E_CHECKSUM && ncm_sha256_equal(&item.bad_sha256, &wrong));
	ncm_error_clear(&err);
	CHECK(ncm_partial_finish(&partial, &item.sha256, &item, &err) == 0);
	CHECK(ncm_sha256_equal(&item.final_sha256, &item.sha256));
	CHECK(partial.fd < 0 && partial.direct_fd < 0);
	ncm_partial_close(&partial, false);
	check_file(0, 9 * MIB);
	CHECK(fstatat(folder_fd, PARTIAL, &status, 0) == 0 && status.st_size == 9 * MIB);
	ncm_transfer_discard(folder_fd, PARTIAL);

	/* Some ranges only: holes up to its size, and nobody asks for the digest. */
	begin_partial(&partial, &item, NULL, 9 * MIB);
	write_range(&partial, 1000, 2000);
	CHECK(ncm_partial_finish(&partial, NULL, &item, &err) == 0);
	ncm_partial_close(&partial, false);
	check_file(1000, 2000);
	CHECK(fstatat(folder_fd, PARTIAL, &status, 0) == 0 && status.st_size == 9 * MIB);
	ncm_transfer_discard(folder_fd, PARTIAL);
}

static void run_all(void)
{
	RUN(what_is_written_in_pieces_is_read_back);
	RUN(large_files_go_past_the_page_cache_if_they_can);
	RUN(what_is_not_there_cannot_be_read);
	RUN(synced_bytes_survive_a_reboot);
	RUN(a_kill_between_a_write_and_its_line_costs_nothing);
	RUN(a_new_validator_makes_a_new_journal);
	RUN(only_what_fits_is_inherited);
	RUN(the_files_length_bounds_what_the_journal_says);
	RUN(a_whole_file_without_a_journal_is_looked_at);
	RUN(what_is_in_the_way_is_not_written_through);
	RUN(a_folder_in_the_way_is_told);
	RUN(discarding_removes_no_more_than_its_own);
	RUN(restarting_leaves_no_word_of_the_old_bytes);
	RUN(a_finished_file_is_as_long_as_it_should_be);
}

int main(void)
{
	static const char *const parents[] = {"/var/tmp", "/dev/shm"};
	const char *given = getenv("NCM_TEST_SEED");

	if (given)
		state = (uint32_t)strtoul(given, NULL, 10);
	printf("seed %" PRIu32 " (NCM_TEST_SEED)\n", state);
	bytes = ncm_aligned_alloc(NCM_BLOCK_ALIGN, room);
	for (size_t i = 0; i < room; i++)
		bytes[i] = (unsigned char)random_below(256);
	for (size_t i = 0; i < sizeof parents / sizeof *parents; i++) {
		struct statfs system;

		if (!open_folder(parents[i])) {
			printf("skipped: no folder to be had in %s\n", parents[i]);
			continue;
		}
		CHECK(fstatfs(folder_fd, &system) == 0);
		printf("%s: file system 0x%lx\n", folder, (unsigned long)system.f_type);
		run_all();
		close_folder();
	}
	free(bytes);
	return 0;
}
