/* SPDX-License-Identifier: MIT */
/* A set of byte ranges of a file: sorted, apart from one another. Pure: no files, no locks. */
#ifndef NCM_TRANSFER_EXTENTS_H
#define NCM_TRANSFER_EXTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes from `start` to before `end`. */
struct ncm_range {
	uint64_t start, end;
};

struct ncm_extents {
	struct ncm_range *ranges;
	size_t count;
};

void ncm_extents_clear(struct ncm_extents *extents);
void ncm_extents_copy(struct ncm_extents *to, const struct ncm_extents *from);
void ncm_extents_add(struct ncm_extents *extents, uint64_t start, uint64_t end);
void ncm_extents_remove(struct ncm_extents *extents, uint64_t start, uint64_t end);
/* Where the range that holds `at` ends; `at` itself if none does. */
uint64_t ncm_extents_end_of(const struct ncm_extents *extents, uint64_t at);
/* The first range below `limit` that is not in the set. False if there is none. */
bool ncm_extents_gap(const struct ncm_extents *extents, uint64_t limit, struct ncm_range *gap);
/* How many bytes are in the set. */
uint64_t ncm_extents_sum(const struct ncm_extents *extents);

#endif
