/* SPDX-License-Identifier: MIT */
/* Sets of byte ranges. */
#include "check.h"

#include "transfer/ranges.h"

enum { SPACE = 200, STEPS = 20000 };

static void check_ranges(const struct ncm_ranges *set, const struct ncm_range *expected, size_t count)
{
	CHECK_U64(set->count, count);
	for (size_t i = 0; i < count; i++) {
		CHECK_U64(set->ranges[i].start, expected[i].start);
		CHECK_U64(set->ranges[i].end, expected[i].end);
	}
}

/* Checks the set against a list of range bounds. */
#define CHECK_SET(set, ...)                                                                                            \
	do {                                                                                                           \
		static const struct ncm_range expected_[] = {__VA_ARGS__};                                             \
		check_ranges(&(set), expected_, sizeof expected_ / sizeof *expected_);                                 \
	} while (0)

static void ranges_that_touch_become_one(void)
{
	struct ncm_ranges set = {0};

	ncm_ranges_add(&set, 10, 20);
	ncm_ranges_add(&set, 30, 40);
	CHECK_SET(set, {10, 20}, {30, 40});
	ncm_ranges_add(&set, 20, 25);
	CHECK_SET(set, {10, 25}, {30, 40});
	ncm_ranges_add(&set, 26, 30);
	CHECK_SET(set, {10, 25}, {26, 40});
	ncm_ranges_add(&set, 25, 26);
	CHECK_SET(set, {10, 40});
	ncm_ranges_add(&set, 0, 5);
	ncm_ranges_add(&set, 50, 60);
	ncm_ranges_add(&set, 70, 80);
	CHECK_SET(set, {0, 5}, {10, 40}, {50, 60}, {70, 80});
	ncm_ranges_add(&set, 4, 71);
	CHECK_SET(set, {0, 80});
	ncm_ranges_add(&set, 7, 7); /* no bytes */
	ncm_ranges_add(&set, 90, 80);
	CHECK_SET(set, {0, 80});
	CHECK_U64(ncm_ranges_sum(&set), 80);
	ncm_ranges_clear(&set);
	CHECK(set.count == 0 && set.ranges == NULL);
}

static void what_is_removed_leaves_its_sides(void)
{
	struct ncm_ranges set = {0};

	ncm_ranges_remove(&set, 0, 10); /* of nothing */
	CHECK_U64(set.count, 0);
	ncm_ranges_add(&set, 0, 100);
	ncm_ranges_remove(&set, 40, 60);
	CHECK_SET(set, {0, 40}, {60, 100});
	ncm_ranges_remove(&set, 40, 60);
	ncm_ranges_remove(&set, 50, 50);
	CHECK_SET(set, {0, 40}, {60, 100});
	ncm_ranges_remove(&set, 0, 1);
	ncm_ranges_remove(&set, 99, 200);
	CHECK_SET(set, {1, 40}, {60, 99});
	ncm_ranges_remove(&set, 30, 70);
	CHECK_SET(set, {1, 30}, {70, 99});
	ncm_ranges_add(&set, 40, 50);
	ncm_ranges_remove(&set, 30, 99); /* several whole ones */
	CHECK_SET(set, {1, 30});
	ncm_ranges_remove(&set, 0, UINT64_MAX);
	CHECK_U64(set.count, 0);
	CHECK_U64(ncm_ranges_sum(&set), 0);
	ncm_ranges_clear(&set);
}

static void a_file_to_its_unknown_end_is_a_range_too(void)
{
	struct ncm_ranges set = {0};

	ncm_ranges_add(&set, 0, UINT64_MAX);
	CHECK_U64(ncm_ranges_sum(&set), UINT64_MAX);
	CHECK_U64(ncm_ranges_end_of(&set, UINT64_C(1) << 50), UINT64_MAX);
	ncm_ranges_remove(&set, 123456, UINT64_MAX);
	CHECK_SET(set, {0, 123456});
	ncm_ranges_add(&set, UINT64_MAX - 1, UINT64_MAX);
	CHECK_U64(ncm_ranges_end_of(&set, UINT64_MAX - 1), UINT64_MAX);
	CHECK_U64(ncm_ranges_end_of(&set, UINT64_MAX - 2), UINT64_MAX - 2);
	ncm_ranges_clear(&set);
}

static void the_first_gap_is_found(void)
{
	struct ncm_ranges set = {0};
	struct ncm_range gap;

	CHECK(!ncm_ranges_gap(&set, 0, &gap));
	CHECK(ncm_ranges_gap(&set, 50, &gap) && gap.start == 0 && gap.end == 50);
	ncm_ranges_add(&set, 10, 20);
	CHECK(ncm_ranges_gap(&set, 50, &gap) && gap.start == 0 && gap.end == 10);
	CHECK(ncm_ranges_gap(&set, 5, &gap) && gap.start == 0 && gap.end == 5);
	ncm_ranges_add(&set, 0, 10);
	CHECK(ncm_ranges_gap(&set, 50, &gap) && gap.start == 20 && gap.end == 50);
	CHECK(!ncm_ranges_gap(&set, 20, &gap));
	ncm_ranges_add(&set, 30, 60);
	CHECK(ncm_ranges_gap(&set, 50, &gap) && gap.start == 20 && gap.end == 30);
	CHECK(ncm_ranges_gap(&set, UINT64_MAX, &gap) && gap.start == 20 && gap.end == 30);
	ncm_ranges_add(&set, 20, 30);
	CHECK(!ncm_ranges_gap(&set, 60, &gap));
	CHECK(ncm_ranges_gap(&set, 61, &gap) && gap.start == 60 && gap.end == 61);
	ncm_ranges_clear(&set);
}

static uint32_t random_below(uint32_t *state, uint32_t limit)
{
	*state = *state * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)*state * limit) >> 32);
}

/* The set must say of each byte what a plain array of bytes says, in as few ranges as that needs. */
static void check_against(const struct ncm_ranges *set, const unsigned char *bytes)
{
	size_t runs = 0, sum = 0;
	bool gap_seen = false;
	struct ncm_range gap;

	for (size_t at = 0; at < SPACE; at++) {
		uint64_t end = at;

		while (end < SPACE && bytes[end])
			end++;
		CHECK_U64(ncm_ranges_end_of(set, at), end);
		if (!bytes[at] && !gap_seen) {
			gap_seen = true;
			CHECK(ncm_ranges_gap(set, SPACE, &gap));
			CHECK_U64(gap.start, at);
			for (end = at; end < SPACE && !bytes[end]; end++)
				;
			CHECK_U64(gap.end, end);
		}
		runs += bytes[at] && (at == 0 || !bytes[at - 1]);
		sum += bytes[at];
	}
	CHECK(gap_seen || !ncm_ranges_gap(set, SPACE, &gap));
	CHECK_U64(set->count, runs);
	CHECK_U64(ncm_ranges_sum(set), sum);
}

static void random_steps_agree_with_a_plain_array(void)
{
	const char *given = getenv("NCM_TEST_SEED");
	uint32_t state = given ? (uint32_t)strtoul(given, NULL, 10) : 20260101;
	unsigned char bytes[SPACE] = {0};
	struct ncm_ranges set = {0}, copy = {0};

	printf("seed %" PRIu32 " (NCM_TEST_SEED)\n", state);
	for (unsigned i = 0; i < STEPS; i++) {
		uint32_t start = random_below(&state, SPACE), end = start + random_below(&state, 40);
		bool add = random_below(&state, 2);

		end = end > SPACE ? SPACE : end;
		memset(bytes + start, add, end - start);
		if (add)
			ncm_ranges_add(&set, start, end);
		else
			ncm_ranges_remove(&set, start, end);
		check_against(&set, bytes);
	}
	ncm_ranges_copy(&copy, &set);
	check_against(&copy, bytes);
	ncm_ranges_add(&set, 0, SPACE); /* a copy is its own */
	check_against(&copy, bytes);
	ncm_ranges_clear(&set);
	ncm_ranges_clear(&copy);
}

int main(void)
{
	RUN(ranges_that_touch_become_one);
	RUN(what_is_removed_leaves_its_sides);
	RUN(a_file_to_its_unknown_end_is_a_range_too);
	RUN(the_first_gap_is_found);
	RUN(random_steps_agree_with_a_plain_array);
	return 0;
}
