/* SPDX-License-Identifier: MIT */
/*
 * Blocks on the disk: where those of a file lie (extents: two files whose blocks lie in the same places share them, and
 * nothing is left to be gained), letting two files share them (deduplication, reflinks), and what a registered model
 * takes with them, where several of its names may be one copy.
 */
#include "link/work.h"

#include "base/file.h"
#include "base/mem.h"
#include "digest/hash.h"
#include "os/os.h"

#include <errno.h>
#include <string.h>

struct extent {
	uint64_t logical, physical, length, unwritten;
};

struct reading {
	struct ncm_hash *hash;
	struct extent last; /* not hashed yet: what follows may go on where it ends */
	size_t count;
	bool exact;
	bool nowhere; /* it does not say where the bytes are */
};

static void hash_last(struct reading *reading)
{
	if (reading->last.length > 0)
		ncm_hash_update(reading->hash, &reading->last, sizeof reading->last);
}

static bool add_extent(void *context, const struct os_extent *told)
{
	struct reading *reading = context;
	struct extent *last = &reading->last;
	const struct extent next = {told->logical, told->physical, told->length, told->unwritten};

	if (told->nowhere) {
		reading->nowhere = true;
		return false;
	}
	/* Of compressed extents btrfs tells where they begin, not which part of one is meant. */
	if (told->encoded)
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

bool extents_read(int fd, struct ncm_sha256 *extents, bool *exact)
{
	struct reading reading = {.hash = ncm_hash_new(NCM_HASH_SHA256), .exact = true};
	const bool told = os_extents(fd, add_extent, &reading) == 0 && !reading.nowhere && reading.count > 0;

	hash_last(&reading);
	ncm_hash_sha256(reading.hash, extents);
	*exact = reading.exact;
	return told;
}

bool dedupe_is_possible(int from, int to)
{
	/* The kernel looks at everything but the bytes. */
	return os_share_range(from, to, 0, 0) == 0;
}

int dedupe(int from, int to, uint64_t size)
{
	const uint64_t step = 16 << 20; /* what btrfs takes at once */

	for (uint64_t at = 0; at < size;) {
		const uint64_t left = size - at;
		const int64_t done = ncm_interrupted() ? 0 : os_share_range(from, to, at, left < step ? left : step);

		if (done <= 0) {
			if (done == 0)
				errno = ncm_interrupted() ? EINTR : EOPNOTSUPP;
			return -1;
		}
		at += (uint64_t)done;
	}
	return 0;
}

static bool have_same_blocks(const char *a, const char *b)
{
	NCM_AUTO_CLOSE int one = os_open(OS_HERE, a, OS_READ);
	NCM_AUTO_CLOSE int other = os_open(OS_HERE, b, OS_READ);
	struct ncm_sha256 blocks[2];
	bool exact[2];

	return one >= 0 && other >= 0 && extents_read(one, &blocks[0], &exact[0]) &&
	       extents_read(other, &blocks[1], &exact[1]) && exact[0] && exact[1] &&
	       ncm_sha256_equal(&blocks[0], &blocks[1]);
}

static bool are_one_copy(const struct ncm_reg_file *a, const struct ncm_reg_file *b)
{
	struct os_stat one, other;

	if (os_stat(OS_HERE, a->abs, &one) < 0 || os_stat(OS_HERE, b->abs, &other) < 0 || one.device != other.device)
		return false;
	return one.inode == other.inode || have_same_blocks(a->abs, b->abs);
}

/* Content that was not recorded is nobody's copy. */
static bool is_counted(const struct ncm_reg_model *model, size_t file)
{
	static const struct ncm_sha256 unknown;
	const struct ncm_reg_file *files = model->files;

	for (size_t i = 0; i < file && !ncm_sha256_equal(&files[file].sha256, &unknown); i++) {
		if (ncm_sha256_equal(&files[i].sha256, &files[file].sha256) && are_one_copy(&files[i], &files[file]))
			return true;
	}
	return false;
}

uint64_t ncm_link_disk_size(const struct ncm_reg_model *model)
{
	uint64_t size = model->file_count > 0 ? 0 : model->size;

	for (size_t i = 0; i < model->file_count; i++)
		size += is_counted(model, i) ? 0 : model->files[i].size;
	return size;
}
