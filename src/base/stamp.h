/* SPDX-License-Identifier: MIT */
/* Is a file still the one that was read? */
#ifndef NCM_BASE_STAMP_H
#define NCM_BASE_STAMP_H

#include "os/file.h"

#include <stdbool.h>
#include <stdint.h>

struct ncm_stamp {
	enum { STAMP_UNKNOWN, STAMP_ABSENT, STAMP_THERE } state;
	uint64_t device;
	uint64_t inode;
	uint64_t size;
	int64_t mtime_ns;
	int64_t ctime_ns;
};

/* Takes the stamp of what is at a path; before it is read. */
struct ncm_stamp ncm_stamp_take(const char *path);
/* Whether the path leads to the same file with the same bytes (or still to none). False if that cannot be told, as of a
 * file that had been written to just before its stamp was taken: a write right after it may leave the same times. */
bool ncm_stamp_holds(const struct ncm_stamp *stamp, const char *path);

#endif
