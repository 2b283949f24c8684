/* SPDX-License-Identifier: MIT */
#include "base/stamp.h"

#include "base/file.h"
#include "os/os.h"

#include <errno.h>

static const int64_t NS_PER_S = 1000000000;
/* How far apart two times must be to be told apart: a file system that counts no parts of a second may count by two
 * (FAT), any other counts as fine as the kernel's clock ticks, of which this is two of the slowest. */
static const int64_t COARSE_NS = 2000000000, FINE_NS = 20000000;

static struct ncm_stamp stamp_of(const char *path)
{
	struct os_stat status;

	if (os_stat(OS_HERE, path, &status) < 0)
		return (struct ncm_stamp){.state = errno == ENOENT ? STAMP_ABSENT : STAMP_UNKNOWN};
	return (struct ncm_stamp){.state = STAMP_THERE,
				  .device = status.device,
				  .inode = status.inode,
				  .size = status.size,
				  .mtime_ns = status.mtime_ns,
				  .ctime_ns = status.ctime_ns};
}

struct ncm_stamp ncm_stamp_take(const char *path)
{
	struct ncm_stamp stamp = stamp_of(path);
	const int64_t apart = stamp.ctime_ns % NS_PER_S == 0 ? COARSE_NS : FINE_NS;
	if (stamp.state == STAMP_THERE && os_now_ns() - stamp.ctime_ns <= apart)
		stamp.state = STAMP_UNKNOWN;
	return stamp;
}

bool ncm_stamp_holds(const struct ncm_stamp *stamp, const char *path)
{
	const struct ncm_stamp now = stamp_of(path);

	return stamp->state != STAMP_UNKNOWN && now.state == stamp->state && now.device == stamp->device &&
	       now.inode == stamp->inode && now.size == stamp->size && now.mtime_ns == stamp->mtime_ns &&
	       now.ctime_ns == stamp->ctime_ns;
}
