/* SPDX-License-Identifier: MIT */
#include "link/work.h"

#include <errno.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

/* One range into one file, which is where the kernel's structure has its flexible member. */
union request {
	struct file_dedupe_range range;
	char room[sizeof(struct file_dedupe_range) + sizeof(struct file_dedupe_range_info)];
};

/* Returns how many bytes are shared now, or -1 with errno. */
static int64_t dedupe_range(int from, int to, uint64_t at, uint64_t size)
{
	union request request;
	struct file_dedupe_range_info *info = request.range.info;

	memset(&request, 0, sizeof request);
	request.range.src_offset = at;
	request.range.src_length = size;
	request.range.dest_count = 1;
	info->dest_fd = to;
	info->dest_offset = at;
	if (ioctl(from, FIDEDUPERANGE, &request) < 0)
		return -1;
	if (info->status == FILE_DEDUPE_RANGE_DIFFERS) {
		errno = ESTALE;
		return -1;
	}
	if (info->status < 0) {
		errno = -info->status;
		return -1;
	}
	return (int64_t)info->bytes_deduped;
}

bool dedupe_is_possible(int from, int to)
{
	/* The kernel looks at everything but the bytes. */
	return dedupe_range(from, to, 0, 0) == 0;
}

int dedupe(int from, int to, uint64_t size)
{
	const uint64_t step = 16 << 20; /* what btrfs takes at once */

	for (uint64_t at = 0; at < size;) {
		const uint64_t left = size - at;
		const int64_t done = ncm_interrupted() ? 0 : dedupe_range(from, to, at, left < step ? left : step);

		if (done <= 0) {
			if (done == 0)
				errno = ncm_interrupted() ? EINTR : EOPNOTSUPP;
			return -1;
		}
		at += (uint64_t)done;
	}
	return 0;
}
