/* SPDX-License-Identifier: MIT */
/* Adds up files: as their sizes say, and as the disk has them, where several names can be one file. */
#ifndef NCM_UPKEEP_TALLY_H
#define NCM_UPKEEP_TALLY_H

#include "os/os.h"

#include <stddef.h>
#include <stdint.h>

struct tally {
	struct tally_name {
		uint64_t device;
		uint64_t inode;
		uint64_t links;
		uint64_t blocks; /* bytes */
	} * names;
	size_t count;
	uint64_t bytes; /* apparent */
};

uint64_t tally_blocks(const struct os_stat *status); /* bytes that it takes on disk */
void tally_add(struct tally *tally, const struct os_stat *status);
/* Adds all of `from`. */
void tally_add_all(struct tally *tally, const struct tally *from);
/* Bytes on disk, each inode once; *saved (may be NULL) is what copies instead of links would take more. */
uint64_t tally_on_disk(struct tally *tally, uint64_t *saved);
void tally_clear(struct tally *tally);

#endif
