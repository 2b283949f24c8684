/* SPDX-License-Identifier: MIT */
/* What checkpoints do for a verify, and cannot do to it. */
#include "digest/checkpoint.h"
#include "verify_case.h"

enum { SPAN = NCM_CHECKPOINT_SPAN };

/* The content of every large file here: its first bytes. No two spans are alike. */
static uint8_t *large;
static const size_t large_size = 4 * (size_t)SPAN;

static void fill_large(void)
{
	large = ncm_malloc(large_size);
	for (size_t i = 0; i < large_size; i++)
		large[i] = (uint8_t)((i * UINT64_C(0x9E3779B97F4A7C15)) >> 56);
}

/* Not synced: nothing here outlives the machine. */
static void write_large(const char *name, size_t size)
{
	NCM_AUTO_FREE char *path = ncm_path_join(folder, name);
	NCM_AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	CHECK(fd >= 0 && ncm_pwrite_all(fd, large, size, 0) == 0);
}

static void add_large(const char *name, size_t size)
{
	struct ncm_reg_file *file = &files[file_count];

	add(name, "", "llama-cpp", "weights");
	write_large(name, size);
	file->size = size;
	ncm_sha256_of(large, size, &file->sha256);
}

static void flip(const char *name, uint64_t at)
{
	NCM_AUTO_FREE char *path = ncm_path_join(folder, name);
	NCM_AUTO_CLOSE int fd = open(path, O_RDWR);
	uint8_t byte;

	CHECK(fd >= 0 && pread(fd, &byte, 1, (off_t)at) == 1);
	byte ^= 1;
	CHECK(pwrite(fd, &byte, 1, (off_t)at) == 1);
}

static int open_store(void)
{
	NCM_AUTO_FREE char *path = ncm_path_join(folder, "ai/models");

	return ncm_dir_open(path, false, NULL);
}

/* The store's checkpoints of the first `size` bytes of `large`. False if there are none of use. */
static bool kept(size_t size, struct ncm_checkpoints *points)
{
	NCM_AUTO_CLOSE int dirfd = open_store();
	struct ncm_sha256 digest;

	ncm_sha256_of(large, size, &digest);
	return ncm_checkpoints_read(dirfd, &digest, size, points) == 0;
}

static bool has_checkpoints(size_t size)
{
	struct ncm_checkpoints points = {0};
	const bool has = kept(size, &points);

	ncm_checkpoints_clear(&points);
	return has;
}

static void put_checkpoints(const struct ncm_checkpoints *points)
{
	NCM_AUTO_CLOSE int dirfd = open_store();

	CHECK(ncm_checkpoints_write(dirfd, points, NULL) == 0);
}

/* What a verify of one file says of its damage: "0-16777215 33554432-50331647", or "ok". Borrowed until the next. */
static const char *damage(void)
{
	static char text[256];
	struct ncm_verify_report *report = verify(false);
	const struct ncm_verify_file *file = &report->files[0];
	size_t at = 0;

	CHECK_U64(report->count, 1);
	CHECK(file->verdict == NCM_VERDICT_OK || file->verdict == NCM_VERDICT_DAMAGED);
	strcpy(text, file->verdict == NCM_VERDICT_OK ? "ok" : "damaged");
	for (size_t i = 0; i < file->damaged_count; i++) {
		const struct ncm_verify_range *range = &file->damaged[i];
		NCM_AUTO_FREE char *named = ncm_asprintf("%" PRIu64 "-%" PRIu64, range->start, range->end - 1);

		CHECK(strstr(file->detail, named));
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i ? " " : "", named);
	}
	ncm_verify_free(report);
	return text;
}

static void a_first_verify_makes_checkpoints(void)
{
	static const size_t sizes[] = {0, 1, SPAN - 1, SPAN, SPAN + 1, 2 * SPAN, 3 * SPAN - 5, 3 * SPAN};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		start();
		add_large("ai/models/a.gguf", sizes[i]);
		put("a");
		CHECK(!has_checkpoints(sizes[i]));
		CHECK_STR(damage(), "ok");
		CHECK(has_checkpoints(sizes[i]) == (sizes[i] > SPAN));
		CHECK_STR(damage(), "ok");
		stop();
	}
}

static void damage_is_named_to_the_span(void)
{
	static const struct {
		size_t size;
		uint64_t flips[3];
		const char *where;
	} cases[] = {
	    {3 * SPAN, {0}, "0-16777215"},
	    {3 * SPAN, {SPAN}, "16777216-33554431"},
	    {3 * SPAN, {2 * SPAN - 1}, "16777216-33554431"},
	    {3 * SPAN, {3 * SPAN - 1}, "33554432-50331647"},
	    {2 * SPAN + 1, {2 * SPAN}, "33554432-33554432"},
	    {SPAN + 5, {SPAN + 4}, "16777216-16777220"},
	    {4 * SPAN, {SPAN + 9, 2 * SPAN}, "16777216-50331647"},
	    {4 * SPAN, {7, 2 * SPAN, 3 * SPAN}, "0-16777215 33554432-67108863"},
	    {4 * SPAN, {7, SPAN - 1, 3 * SPAN}, "0-16777215 50331648-67108863"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		start();
		add_large("ai/models/a.gguf", cases[i].size);
		put("a");
		CHECK_STR(damage(), "ok");
		for (size_t k = 0; k < 3 && (k == 0 || cases[i].flips[k]); k++)
			flip("ai/models/a.gguf", cases[i].flips[k]);
		CHECK_STR(damage(), cases[i].where);
		/* The checkpoints of the right bytes are still there: it stays so, until the bytes are right again. */
		CHECK_STR(damage(), cases[i].where);
		for (size_t k = 0; k < 3 && (k == 0 || cases[i].flips[k]); k++)
			flip("ai/models/a.gguf", cases[i].flips[k]);
		CHECK_STR(damage(), "ok");
		stop();
	}
}

static void without_checkpoints_damage_has_no_place(void)
{
	start();
	add_large("ai/models/a.gguf", 2 * SPAN);
	put("a");
	flip("ai/models/a.gguf", 3);
	CHECK_STR(damage(), "damaged");
	/* Those of wrong bytes are worth nothing. */
	CHECK(!has_checkpoints(2 * SPAN));
	flip("ai/models/a.gguf", 3);
	CHECK_STR(damage(), "ok");
	CHECK(has_checkpoints(2 * SPAN));
	stop();
}

static void what_holds_is_not_read_again(void)
{
	struct ncm_verify_report *report;

	start();
	add_large("ai/models/a.gguf", 4 * SPAN);
	put("a");
	for (int round = 0; round < 2; round++) {
		report = verify(false);
		CHECK_U64(report->bytes, 4 * SPAN);
		ncm_verify_free(report);
	}
	/* To be sure that it is damaged, it is hashed on from the span that does not hold. */
	flip("ai/models/a.gguf", 2 * SPAN + 1);
	report = verify(false);
	CHECK_U64(report->bytes, 4 * SPAN + 2 * SPAN);
	CHECK(report->files[0].verdict == NCM_VERDICT_DAMAGED);
	{
		struct ncm_sha256 digest;

		large[2 * SPAN + 1] ^= 1;
		ncm_sha256_of(large, 4 * SPAN, &digest);
		large[2 * SPAN + 1] ^= 1;
		CHECK(ncm_sha256_equal(&digest, &report->files[0].sha256_found));
	}
	ncm_verify_free(report);
	stop();
}

/* Whatever the checkpoints say of a right file, it is right; and they are made anew. */
static void bad_checkpoints_do_no_harm(void)
{
	struct ncm_checkpoints right = {0}, again = {0}, bad;
	NCM_AUTO_FREE char *path = NULL;
	char hex[NCM_SHA256_HEX + 1];

	start();
	add_large("ai/models/a.gguf", 3 * SPAN);
	put("a");
	CHECK_STR(damage(), "ok");
	CHECK(kept(3 * SPAN, &right));
	/* A flipped state with a sum that fits, and all states another file's. */
	for (size_t i = 0; i < right.count; i++) {
		bad = right;
		bad.states = ncm_calloc(right.count, sizeof *bad.states);
		memcpy(bad.states, right.states, right.count * sizeof *bad.states);
		bad.states[i].bytes[5] ^= 1;
		put_checkpoints(&bad);
		CHECK_STR(damage(), "ok");
		CHECK(kept(3 * SPAN, &again));
		CHECK(memcmp(again.states, right.states, right.count * sizeof *right.states) == 0);
		ncm_checkpoints_clear(&again);
		memset(bad.states, 0x55, right.count * sizeof *bad.states);
		put_checkpoints(&bad);
		CHECK_STR(damage(), "ok");
		CHECK(kept(3 * SPAN, &again));
		CHECK(memcmp(again.states, right.states, right.count * sizeof *right.states) == 0);
		ncm_checkpoints_clear(&again);
		ncm_checkpoints_clear(&bad);
	}
	/* Cut off; and bytes of the right length that are no checkpoints. */
	{
		NCM_AUTO_FREE char *name =
		    ncm_asprintf("ai/models/.ncmodel/checkpoints/%s", ncm_sha256_hex(&right.sha256, hex));

		path = ncm_path_join(folder, name);
	}
	CHECK(truncate(path, 100) == 0);
	CHECK_STR(damage(), "ok");
	CHECK(has_checkpoints(3 * SPAN));
	CHECK(truncate(path, 0) == 0 && truncate(path, 72 + 2 * 32 + 32) == 0);
	CHECK_STR(damage(), "ok");
	CHECK(has_checkpoints(3 * SPAN));
	ncm_checkpoints_clear(&right);
	stop();
}

/* The attack that checkpoints must not make possible: other bytes, with states that lead through them. */
static void forged_checkpoints_pass_nothing(void)
{
	struct ncm_checkpoints right = {0}, forged;
	struct ncm_tally *tally = ncm_tally_new();
	struct ncm_sha256 digest;

	start();
	add_large("ai/models/a.gguf", 3 * SPAN);
	put("a");
	CHECK_STR(damage(), "ok");
	CHECK(kept(3 * SPAN, &right));
	flip("ai/models/a.gguf", SPAN + 1);
	large[SPAN + 1] ^= 1;
	ncm_tally_update(tally, large, 3 * SPAN);
	ncm_tally_end(tally, &digest, &forged);
	large[SPAN + 1] ^= 1;
	forged.sha256 = right.sha256;
	put_checkpoints(&forged);
	/* Only the last step breaks, so that is what is named. It is damaged all the same. */
	CHECK_STR(damage(), "33554432-50331647");
	forged.states[0] = right.states[0];
	forged.states[1] = right.states[1];
	put_checkpoints(&forged);
	CHECK_STR(damage(), "16777216-33554431");
	/* The same states below a right file. */
	flip("ai/models/a.gguf", SPAN + 1);
	forged.states[1].bytes[0] ^= 1;
	put_checkpoints(&forged);
	CHECK_STR(damage(), "ok");
	ncm_checkpoints_clear(&forged);
	ncm_checkpoints_clear(&right);
	stop();
}

static void checkpoints_stay_in_their_store(void)
{
	NCM_AUTO_FREE char *checkpoints = NULL, *elsewhere = NULL, *other = NULL;

	/* A file outside every store is hashed as a whole, each time. */
	start();
	other = ncm_path_join(folder, "other/.ncmodel");
	temp_write(folder, "other/x", "");
	add_large("other/a.gguf", 2 * SPAN);
	put("a");
	CHECK_STR(damage(), "ok");
	CHECK_STR(damage(), "ok");
	CHECK(access(other, F_OK) < 0 && errno == ENOENT);
	stop();
	/* A store that cannot keep them is verified all the same. */
	start();
	add_large("ai/models/a.gguf", 2 * SPAN);
	put("a");
	checkpoints = ncm_path_join(folder, "ai/models/.ncmodel/checkpoints");
	elsewhere = ncm_path_join(folder, "elsewhere");
	temp_write(folder, "elsewhere/x", "");
	CHECK(symlink(elsewhere, checkpoints) == 0);
	CHECK_STR(damage(), "ok");
	CHECK(!has_checkpoints(2 * SPAN));
	flip("ai/models/a.gguf", 0);
	CHECK_STR(damage(), "damaged");
	stop();
}

static void add_numbered(size_t number)
{
	NCM_AUTO_FREE char *name = ncm_asprintf("ai/models/%zu.gguf", number);

	add_large(name, number % 4 * SPAN + number);
}

/* Several files by many threads, some with checkpoints and some without; and two names of one file. */
static void many_files_at_once(void)
{
	struct ncm_verify_report *report;
	NCM_AUTO_FREE char *first = NULL, *second = NULL;

	start();
	for (size_t i = 1; i < 6; i += 2)
		add_numbered(i);
	put("some");
	report = verify(false);
	CHECK_U64(report->models_ok, 1);
	ncm_verify_free(report);
	for (size_t i = 0; i < 6; i++)
		add_numbered(i);
	first = ncm_path_join(folder, "ai/models/3.gguf");
	second = ncm_path_join(folder, "ai/models/twin.gguf");
	CHECK(link(first, second) == 0);
	files[file_count] = files[3];
	files[file_count++].abs = ncm_strdup(second);
	put("some");
	report = verify(false);
	CHECK_U64(report->count, 7);
	CHECK_U64(report->models_ok, 1);
	ncm_verify_free(report);
	flip("ai/models/3.gguf", 2 * SPAN);
	flip("ai/models/2.gguf", 2 * SPAN);
	report = verify(false);
	for (size_t i = 0; i < report->count; i++) {
		const char *name = ncm_path_base(report->files[i].file->abs);
		const bool bad = strchr("23t", name[0]);

		CHECK((report->files[i].verdict == NCM_VERDICT_DAMAGED) == bad);
		CHECK_U64(report->files[i].damaged_count, bad);
		CHECK(!bad || report->files[i].damaged[0].start == 2 * SPAN);
	}
	ncm_verify_free(report);
	stop();
}

static void hear_large(void *context, const struct ncm_event *event)
{
	CHECK(event->done <= event->total);
	hear(context, event);
}

static void progress_counts_what_is_read_again(void)
{
	struct ncm_verify_report *report;

	start();
	add_large("ai/models/a.gguf", 3 * SPAN);
	put("a");
	for (int round = 0; round < 3; round++) {
		struct heard heard = {0};
		const struct ncm_sink sink = {hear_large, &heard};

		if (round == 2)
			flip("ai/models/a.gguf", 5);
		report = ncm_verify(&config, &(struct ncm_selector){.phases = 0}, false, &sink, NULL);
		CHECK(report);
		CHECK_U64(heard.named, 1);
		CHECK_U64(heard.done, round == 2 ? 6 * SPAN : 3 * SPAN);
		CHECK_U64(heard.total, heard.done);
		ncm_verify_free(report);
	}
	stop();
}

int main(void)
{
	fill_large();
	RUN(a_first_verify_makes_checkpoints);
	RUN(damage_is_named_to_the_span);
	RUN(without_checkpoints_damage_has_no_place);
	RUN(what_holds_is_not_read_again);
	RUN(bad_checkpoints_do_no_harm);
	RUN(forged_checkpoints_pass_nothing);
	RUN(checkpoints_stay_in_their_store);
	RUN(many_files_at_once);
	RUN(progress_counts_what_is_read_again);
	free(large);
	return 0;
}
