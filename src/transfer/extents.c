/* SPDX-License-Identifier: MIT */
#include "transfer/extents.h"

#include "base/mem.h"

#include <string.h>

void ncm_extents_clear(struct ncm_extents *extents)
{
	free(extents->ranges);
	*extents = (struct ncm_extents){0};
}

void ncm_extents_copy(struct ncm_extents *to, const struct ncm_extents *from)
{
	ncm_extents_clear(to);
	for (size_t i = 0; i < from->count; i++)
		*NCM_PUSH(to->ranges, to->count) = from->ranges[i];
}

/* The first range that ends at or after `at`. */
static size_t find(const struct ncm_extents *extents, uint64_t at)
{
	size_t low = 0, high = extents->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (extents->ranges[middle].end < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Puts `with` (`count` ranges) in place of those from `first` to before `last`. */
static void replace(struct ncm_extents *extents, size_t first, size_t last, const struct ncm_range *with, size_t count)
{
	size_t behind = extents->count - last;

	if (count > last - first)
		(void)NCM_PUSH(extents->ranges, extents->count); /* one more at most */
	if (!extents->ranges)
		return;
	memmove(extents->ranges + first + count, extents->ranges + last, behind * sizeof *extents->ranges);
	if (count > 0)
		memcpy(extents->ranges + first, with, count * sizeof *with);
	extents->count = first + count + behind;
}

void ncm_extents_add(struct ncm_extents *extents, uint64_t start, uint64_t end)
{
	size_t first = find(extents, start), last = first;
	struct ncm_range range = {start, end};

	if (start >= end)
		return;
	for (; last < extents->count && extents->ranges[last].start <= end; last++) {
		if (extents->ranges[last].start < range.start)
			range.start = extents->ranges[last].start;
		if (extents->ranges[last].end > range.end)
			range.end = extents->ranges[last].end;
	}
	replace(extents, first, last, &range, 1);
}

void ncm_extents_remove(struct ncm_extents *extents, uint64_t start, uint64_t end)
{
	size_t first = find(extents, start), last = first, count = 0;
	struct ncm_range kept[2];

	if (start >= end)
		return;
	for (; last < extents->count && extents->ranges[last].start < end; last++) {
		const struct ncm_range range = extents->ranges[last];

		if (range.start < start)
			kept[count++] = (struct ncm_range){range.start, range.end < start ? range.end : start};
		if (range.end > end)
			kept[count++] = (struct ncm_range){end, range.end};
	}
	replace(extents, first, last, kept, count);
}

uint64_t ncm_extents_end_of(const struct ncm_extents *extents, uint64_t at)
{
	size_t i = find(extents, at + 1);

	return i < extents->count && extents->ranges[i].start <= at ? extents->ranges[i].end : at;
}

bool ncm_extents_gap(const struct ncm_extents *extents, uint64_t limit, struct ncm_range *gap)
{
	uint64_t at = ncm_extents_end_of(extents, 0);
	size_t next = find(extents, at + 1);

	if (at >= limit)
		return false;
	*gap = (struct ncm_range){at, limit};
	if (next < extents->count && extents->ranges[next].start < limit)
		gap->end = extents->ranges[next].start;
	return true;
}

uint64_t ncm_extents_sum(const struct ncm_extents *extents)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < extents->count; i++)
		sum += extents->ranges[i].end - extents->ranges[i].start;
	return sum;
}
