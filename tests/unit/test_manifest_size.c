/* SPDX-License-Identifier: MIT */
/* What manifests say of sizes: exact ones, those of layers, expected ones, none. */
#include "check.h"

#include <ncmodel/manifest.h>

static void what_is_stated_is_added_up_by_how_well_it_is_known(void)
{
	struct ncm_layer_pin layers[] = {{.size = 3}, {.size = 4}};
	const struct ncm_file_spec files[] = {
	    {.has_size = true, .size = 100, .expected_size = 7},
	    {.layers = layers, .layer_count = 2, .expected_size = 7},
	    {.expected_size = 1000},
	    {.role = NULL},
	    {.has_size = true},
	};
	struct ncm_doubt doubt = {0};

	CHECK_U64(ncm_size_stated(files, 2, &doubt), 107);
	CHECK(doubt.expected == 0 && doubt.unknown == 0);
	CHECK_U64(ncm_size_stated(files, 5, &doubt), 1107);
	CHECK(doubt.expected == 1000 && doubt.unknown == 1);
	CHECK_U64(ncm_size_stated(NULL, 0, &doubt), 0);
	CHECK(doubt.expected == 1000 && doubt.unknown == 1);
}

static void a_sum_that_is_too_large_stays_the_largest(void)
{
	const struct ncm_file_spec files[] = {{.has_size = true, .size = UINT64_MAX}, {.expected_size = UINT64_MAX}};
	struct ncm_doubt doubt = {.expected = 1};

	CHECK_U64(ncm_size_stated(files, 2, &doubt), UINT64_MAX);
	CHECK_U64(doubt.expected, UINT64_MAX);
	ncm_doubt_add(&doubt, &(const struct ncm_doubt){5, 2});
	CHECK(doubt.expected == UINT64_MAX && doubt.unknown == 2);
}

int main(void)
{
	RUN(what_is_stated_is_added_up_by_how_well_it_is_known);
	RUN(a_sum_that_is_too_large_stays_the_largest);
	return 0;
}
