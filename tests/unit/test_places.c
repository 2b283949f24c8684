/* SPDX-License-Identifier: MIT */
#include "base/buffer.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/places.h"
#include "check.h"

struct heard {
	struct ncm_buffer pairs;
	bool clash; /* what is answered */
};

static bool hear(void *context, const struct ncm_spot *upper, const struct ncm_spot *lower, bool below)
{
	struct heard *heard = context;

	ncm_buffer_printf(&heard->pairs, "%zu%s%zu ", upper->number, below ? "/" : "=", lower->number);
	return heard->clash;
}

static void expect(const struct ncm_spot *places, size_t count, bool clash, const char *pairs)
{
	struct heard heard = {.clash = clash};

	ncm_places_check(places, count, hear, &heard);
	CHECK_STR(heard.pairs.data ? heard.pairs.data : "", pairs);
	ncm_buffer_free(&heard.pairs);
}

static void nothing_and_one_are_no_pair(void)
{
	expect(NULL, 0, true, "");
	expect(&(struct ncm_spot){"s", "a", false, 0}, 1, true, "");
}

static void equal_and_nested_names_are_pairs(void)
{
	const struct ncm_spot places[] = {
	    {"s", "d/x/y", false, 0}, {"s", "d/x", false, 1},   {"s", "D/X", false, 2},
	    {"t", "d/x", false, 3},   {"s", "d/x-y", false, 4}, {"s", "d/x.z/y", false, 5},
	};

	expect(places, 6, true, "1=2 1/0 ");
	expect(places, 6, false, "1=2 1/0 2/0 ");
}

/* One that may be there does not hide one above it that may not. */
static void the_search_goes_up_until_there_is_a_clash(void)
{
	const struct ncm_spot places[] = {{"s", "a", false, 0}, {"s", "a/b", false, 1}, {"s", "a/b/c", false, 2}};

	expect(places, 3, true, "0/1 1/2 ");
	expect(places, 3, false, "0/1 1/2 0/2 ");
}

static void a_folder_has_room_for_others(void)
{
	const struct ncm_spot places[] = {
	    {"s", "d", true, 0}, {"s", "d", true, 1}, {"s", "d/a", false, 2}, {"s", "d/b", true, 3}};
	const struct ncm_spot file_too[] = {{"s", "d", true, 0}, {"s", "d", false, 1}, {"s", "d/a", false, 2}};

	expect(places, 4, true, "");
	expect(file_too, 3, true, "0=1 1/2 ");
}

/* Two stores of which one lies in the other are one place, when the roots are their paths. */
static void roots_may_lie_in_one_another(void)
{
	const struct ncm_spot places[] = {{"/srv/ai", "models/x", false, 0}, {"/srv/ai/models", "x", false, 1}};

	expect(places, 2, true, "0=1 ");
}

static double seconds_for(size_t count)
{
	NCM_AUTO_FREE struct ncm_spot *places = ncm_calloc(count, sizeof *places);
	struct heard heard = {.clash = true};
	double start;

	for (size_t i = 0; i < count; i++)
		places[i] = (struct ncm_spot){"s", ncm_asprintf("d%zu/x", i), false, i};
	start = ncm_monotonic();
	ncm_places_check(places, count, hear, &heard);
	start = ncm_monotonic() - start;
	CHECK(!heard.pairs.data);
	for (size_t i = 0; i < count; i++)
		free((char *)places[i].path);
	return start;
}

static void many_take_no_longer_than_sorting(void)
{
	const double few = seconds_for(5000), many = seconds_for(50000);

	CHECK(many < 30 * few + 0.2);
}

int main(void)
{
	RUN(nothing_and_one_are_no_pair);
	RUN(equal_and_nested_names_are_pairs);
	RUN(the_search_goes_up_until_there_is_a_clash);
	RUN(a_folder_has_room_for_others);
	RUN(roots_may_lie_in_one_another);
	RUN(many_take_no_longer_than_sorting);
	return 0;
}
