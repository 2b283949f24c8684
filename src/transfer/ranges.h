/* SPDX-License-Identifier: MIT */
/* A set of byte ranges of a file (an interval set): sorted, apart from one another. Pure but for the holes below. */
#ifndef NCM_TRANSFER_RANGES_H
#define NCM_TRANSFER_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes from `start` to before `end`. */
struct ncm_range {
	uint64_t start, end;
};

struct ncm_ranges {
	struct ncm_range *ranges;
	size_t count;
};

void ncm_ranges_clear(struct ncm_ranges *set);
void ncm_ranges_copy(struct ncm_ranges *to, const struct ncm_ranges *from);
void ncm_ranges_add(struct ncm_ranges *set, uint64_t start, uint64_t end);
void ncm_ranges_remove(struct ncm_ranges *set, uint64_t start, uint64_t end);
/* Where the range that holds `at` ends; `at` itself if none does. */
uint64_t ncm_ranges_end_of(const struct ncm_ranges *set, uint64_t at);
/* The first range below `limit` that is not in the set. False if there is none. */
bool ncm_ranges_gap(const struct ncm_ranges *set, uint64_t limit, struct ncm_range *gap);
/* The same of those from `start` on. */
bool ncm_ranges_gap_from(const struct ncm_ranges *set, uint64_t start, uint64_t limit, struct ncm_range *gap);
/* How many bytes are in the set. */
uint64_t ncm_ranges_sum(const struct ncm_ranges *set);

/*
 * What the file system tells of a file's holes: bytes that were never written, reserved or not. One that knows of none
 * says that every byte up to the file's end was written; then nothing is a hole here, and nothing follows from that.
 */
/* Whether all of it is a hole, for certain. Moves the file's offset, as the next one does. */
bool ncm_range_is_hole(int fd, const struct ncm_range *range);
/* Whether none of it is. */
bool ncm_range_has_no_hole(int fd, const struct ncm_range *range);

#endif
