/* SPDX-License-Identifier: MIT */
/*
 * Putting right bytes into the damaged spans of a file, where it lies. The file keeps its name and its other bytes; a
 * crash leaves each block damaged or right, and the next verify tells which.
 */
#ifndef NCM_VERIFY_REPAIR_H
#define NCM_VERIFY_REPAIR_H

#include "store/store.h"

#include "os/os.h"

#include <ncmodel/verify.h>

struct ncm_repair {
	const struct ncm_store *store;
	int store_dirfd;      /* its folder */
	int home;             /* the one with the checkpoints: ncm_store_home */
	const char *relative; /* the file below it */
	const struct ncm_sha256 *sha256;
	uint64_t size;
	/* What a verify in this run named (ncm_verify_file.damaged); all other spans held then. */
	const struct ncm_verify_range *ranges;
	size_t count;
	int partial_fd; /* the ranges' bytes, each at its own offset; elsewhere it may be empty */
};

/*
 * Proves each span of the ranges by the checkpoints, and only then writes it into the file and syncs. When all are
 * written the whole file is right. *status receives the file's new state. Classes: CHECKSUM
 * (a span that was fetched does not hold; or there are no ranges, or no checkpoints any more), DAMAGED (the file is no
 * longer the one that was verified), IO (it may not be written to, …), NO_SPACE, INTERRUPTED. After CHECKSUM, DAMAGED
 * and IO the whole file is to be fetched and renamed over; spans before the failure are written and right.
 */
int ncm_repair_in_place(const struct ncm_repair *repair, struct os_stat *status, struct ncm_error *err);

#endif
