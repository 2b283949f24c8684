/* SPDX-License-Identifier: MIT */
/* What manifests say of sizes: an unknown one is not 0, and an expected one is not known. */
#include <ncmodel/manifest.h>

static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

void ncm_doubt_add(struct ncm_doubt *sum, const struct ncm_doubt *doubt)
{
	sum->expected = add(sum->expected, doubt->expected);
	sum->unknown += doubt->unknown;
}

static uint64_t stated(const struct ncm_file_spec *spec, struct ncm_doubt *doubt)
{
	uint64_t size = 0;

	if (spec->has_size)
		return spec->size;
	for (size_t i = 0; i < spec->layer_count; i++)
		size = add(size, spec->layers[i].size);
	if (spec->layer_count > 0)
		return size;
	ncm_doubt_add(doubt, &(const struct ncm_doubt){spec->expected_size, spec->expected_size == 0});
	return spec->expected_size;
}

uint64_t ncm_size_stated(const struct ncm_file_spec *files, size_t count, struct ncm_doubt *doubt)
{
	uint64_t size = 0;

	for (size_t i = 0; i < count; i++)
		size = add(size, stated(&files[i], doubt));
	return size;
}
