/* SPDX-License-Identifier: MIT */
/* Sets of byte ranges (an interval set), and which ranges of a file are holes (a sparse file's). */
#include "transfer/ranges.h"

#include "base/mem.h"
#include "os/os.h"

#include <errno.h>
#include <string.h>

void ncm_ranges_clear(struct ncm_ranges *set)
{
	free(set->ranges);
	*set = (struct ncm_ranges){0};
}

void ncm_ranges_copy(struct ncm_ranges *to, const struct ncm_ranges *from)
{
	ncm_ranges_clear(to);
	for (size_t i = 0; i < from->count; i++)
		*NCM_PUSH(to->ranges, to->count) = from->ranges[i];
}

/* The first range that ends at or after `at`. */
static size_t find(const struct ncm_ranges *set, uint64_t at)
{
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->ranges[middle].end < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Puts `with` (`count` ranges) in place of those from `first` to before `last`. */
static void replace(struct ncm_ranges *set, size_t first, size_t last, const struct ncm_range *with, size_t count)
{
	size_t behind = set->count - last;

	if (count > last - first)
		(void)NCM_PUSH(set->ranges, set->count); /* one more at most */
	if (!set->ranges)
		return;
	memmove(set->ranges + first + count, set->ranges + last, behind * sizeof *set->ranges);
	if (count > 0)
		memcpy(set->ranges + first, with, count * sizeof *with);
	set->count = first + count + behind;
}

void ncm_ranges_add(struct ncm_ranges *set, uint64_t start, uint64_t end)
{
	size_t first = find(set, start), last = first;
	struct ncm_range range = {start, end};

	if (start >= end)
		return;
	for (; last < set->count && set->ranges[last].start <= end; last++) {
		if (set->ranges[last].start < range.start)
			range.start = set->ranges[last].start;
		if (set->ranges[last].end > range.end)
			range.end = set->ranges[last].end;
	}
	replace(set, first, last, &range, 1);
}

void ncm_ranges_remove(struct ncm_ranges *set, uint64_t start, uint64_t end)
{
	size_t first = find(set, start), last = first, count = 0;
	struct ncm_range kept[2];

	if (start >= end)
		return;
	for (; last < set->count && set->ranges[last].start < end; last++) {
		const struct ncm_range range = set->ranges[last];

		if (range.start < start)
			kept[count++] = (struct ncm_range){range.start, range.end < start ? range.end : start};
		if (range.end > end)
			kept[count++] = (struct ncm_range){end, range.end};
	}
	replace(set, first, last, kept, count);
}

uint64_t ncm_ranges_end_of(const struct ncm_ranges *set, uint64_t at)
{
	size_t i = find(set, at + 1);

	return i < set->count && set->ranges[i].start <= at ? set->ranges[i].end : at;
}

bool ncm_ranges_gap(const struct ncm_ranges *set, uint64_t limit, struct ncm_range *gap)
{
	return ncm_ranges_gap_from(set, 0, limit, gap);
}

bool ncm_ranges_gap_from(const struct ncm_ranges *set, uint64_t start, uint64_t limit, struct ncm_range *gap)
{
	uint64_t at = ncm_ranges_end_of(set, start);
	size_t next = find(set, at + 1);

	if (at >= limit)
		return false;
	*gap = (struct ncm_range){at, limit};
	if (next < set->count && set->ranges[next].start < limit)
		gap->end = set->ranges[next].start;
	return true;
}

uint64_t ncm_ranges_sum(const struct ncm_ranges *set)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < set->count; i++)
		sum += set->ranges[i].end - set->ranges[i].start;
	return sum;
}

bool ncm_range_is_hole(int fd, const struct ncm_range *range)
{
	int64_t data;

	if (os_next_hole(fd, range->start) != (int64_t)range->start)
		return false;
	data = os_next_data(fd, range->start);
	return data < 0 ? errno == ENXIO : data >= (int64_t)range->end;
}

bool ncm_range_has_no_hole(int fd, const struct ncm_range *range)
{
	return os_next_hole(fd, range->start) >= (int64_t)range->end;
}
