/* SPDX-License-Identifier: MIT */
/* What a file shares with an older version of it: which bytes of it are in no volume. */
#include "bundle/bundle.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>

bool bundle_is_of_base(const struct ncm_bundle_file *file, uint64_t at, uint64_t *end)
{
	const struct ncm_bundle_base *base = file->base;
	size_t low = 0, high = base ? base->count : 0;

	while (low < high) { /* the first range that ends behind it */
		const size_t middle = low + (high - low) / 2;

		if (base->ranges[middle].end <= at)
			low = middle + 1;
		else
			high = middle;
	}
	if (!base || low == base->count) {
		*end = file->size;
		return false;
	}
	*end = at < base->ranges[low].start ? base->ranges[low].start : base->ranges[low].end;
	return at >= base->ranges[low].start;
}

uint64_t bundle_base_bytes(const struct ncm_bundle_base *base)
{
	uint64_t bytes = 0;

	for (size_t i = 0; base && i < base->count; i++)
		bytes += base->ranges[i].end - base->ranges[i].start;
	return bytes;
}

void bundle_base_add(struct ncm_bundle_base *base, uint64_t start, uint64_t end)
{
	if (base->count > 0 && base->ranges[base->count - 1].end == start)
		base->ranges[base->count - 1].end = end;
	else
		*NCM_PUSH(base->ranges, base->count) = (struct ncm_bundle_range){start, end};
}

void bundle_base_free(struct ncm_bundle_base *base)
{
	if (base)
		free(base->ranges);
	free(base);
}

json_t *bundle_base_json(const struct ncm_bundle_base *base)
{
	json_t *object = json_object(), *ranges = json_array();
	char hex[NCM_SHA256_HEX + 1];

	ncm_json_set_string(object, "sha256", ncm_sha256_hex(&base->sha256, hex));
	ncm_json_set_u64(object, "size", base->size);
	for (size_t i = 0; i < base->count; i++) {
		json_t *range = json_object();

		ncm_json_set_u64(range, "start", base->ranges[i].start);
		ncm_json_set_u64(range, "end", base->ranges[i].end);
		json_array_append_new(ranges, range);
	}
	json_object_set_new(object, "ranges", ranges);
	return object;
}

static bool read_range(struct ncm_bundle_base *base, const json_t *json, uint64_t size)
{
	const uint64_t before = base->count > 0 ? base->ranges[base->count - 1].end : 0;
	uint64_t start, end;

	if (!ncm_json_u64(json, "start", &start) || !ncm_json_u64(json, "end", &end) || start < before ||
	    start >= end || end > size || end > base->size || start % NCM_CHECKPOINT_SPAN != 0 ||
	    (end % NCM_CHECKPOINT_SPAN != 0 && end != size))
		return false;
	bundle_base_add(base, start, end);
	return true;
}

struct ncm_bundle_base *bundle_base_read(const json_t *json, uint64_t size)
{
	struct ncm_bundle_base *base = ncm_calloc(1, sizeof *base);
	const json_t *ranges = json_object_get(json, "ranges");
	const char *hex = ncm_json_string(json, "sha256");
	bool sound = hex && ncm_sha256_parse(hex, &base->sha256) == 0 && ncm_json_u64(json, "size", &base->size) &&
		     json_array_size(ranges) > 0;

	for (size_t i = 0; i < json_array_size(ranges) && sound; i++)
		sound = read_range(base, json_array_get(ranges, i), size);
	if (sound)
		return base;
	bundle_base_free(base);
	return NULL;
}
