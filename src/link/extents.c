/* SPDX-License-Identifier: MIT */
/* Two files whose blocks lie in the same places of the disk share them: nothing is left to be gained. */
#include "link/work.h"

#include "digest/hash.h"

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

enum { BATCH = 128 };

struct extent {
	uint64_t logical, physical, length, unwritten;
};

struct reading {
	struct ncm_hash *hash;
	struct extent last; /* not hashed yet: what follows may go on where it ends */
	size_t count;
	bool exact;
};

static void hash_last(struct reading *reading)
{
	if (reading->last.length > 0)
		ncm_hash_update(reading->hash, &reading->last, sizeof reading->last);
}

/* False if it does not say where the bytes are. */
static bool take(struct reading *reading, const struct fiemap_extent *extent)
{
	struct extent *last = &reading->last;
	const struct extent next = {extent->fe_logical, extent->fe_physical, extent->fe_length,
				    extent->fe_flags & FIEMAP_EXTENT_UNWRITTEN};

	if (extent->fe_flags & (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_DATA_INLINE))
		return false;
	/* Of compressed extents btrfs tells where they begin, not which part of one is meant. */
	if (extent->fe_flags & FIEMAP_EXTENT_ENCODED)
		reading->exact = false;
	reading->count++;
	if (last->length > 0 && last->logical + last->length == next.logical &&
	    last->physical + last->length == next.physical && last->unwritten == next.unwritten) {
		last->length += next.length;
		return true;
	}
	hash_last(reading);
	*last = next;
	return true;
}

static bool read_all(int fd, struct reading *reading)
{
	union {
		struct fiemap map;
		char room[sizeof(struct fiemap) + BATCH * sizeof(struct fiemap_extent)];
	} batch;
	uint64_t at = 0;

	for (;;) {
		memset(&batch, 0, sizeof batch);
		batch.map.fm_start = at;
		batch.map.fm_length = FIEMAP_MAX_OFFSET - at;
		batch.map.fm_flags = FIEMAP_FLAG_SYNC;
		batch.map.fm_extent_count = BATCH;
		if (ioctl(fd, FS_IOC_FIEMAP, &batch) < 0)
			return false;
		for (size_t i = 0; i < batch.map.fm_mapped_extents; i++) {
			const struct fiemap_extent *extent = &batch.map.fm_extents[i];

			if (!take(reading, extent))
				return false;
			at = extent->fe_logical + extent->fe_length;
			if (extent->fe_flags & FIEMAP_EXTENT_LAST)
				return true;
		}
		if (batch.map.fm_mapped_extents == 0)
			return true;
	}
}

bool extents_read(int fd, struct ncm_sha256 *extents, bool *exact)
{
	struct reading reading = {.hash = ncm_hash_new(NCM_HASH_SHA256), .exact = true};
	const bool told = read_all(fd, &reading) && reading.count > 0;

	hash_last(&reading);
	ncm_hash_sha256(reading.hash, extents);
	*exact = reading.exact;
	return told;
}
