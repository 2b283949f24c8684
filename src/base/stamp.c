/* SPDX-License-Identifier: MIT */
#include "base/stamp.h"

#include "base/file.h"

#include <errno.h>
#include <time.h>

static const int64_t NS_PER_S = 1000000000;
/* How far apart two times must be to be told apart: a file system that counts no parts of a second may count by two
 * (FAT), any other counts as fine as the kernel's clock ticks, of which this is two of the slowest. */
static const int64_t COARSE_NS = 2000000000, FINE_NS = 20000000;

static int64_t ns_of(const struct timespec *time)
{
	return (int64_t)time->tv_sec * NS_PER_S + time->tv_nsec;
}

static struct ncm_stamp stamp_of(const char *path)
{
	struct stat status;

	if (stat(path, &status) < 0)
		return (struct ncm_stamp){.state = errno == ENOENT ? STAMP_ABSENT : STAMP_UNKNOWN};
	return (struct ncm_stamp){.state = STAMP_THERE,
				  .device = status.st_dev,
				  .inode = status.st_ino,
				  .size = status.st_size,
				  .mtime_ns = ncm_mtime_ns(&status),
				  .ctime_ns = ns_of(&status.st_ctim)};
}

struct ncm_stamp ncm_stamp_take(const char *path)
{
	struct ncm_stamp stamp = stamp_of(path);
	const int64_t apart = stamp.ctime_ns % NS_PER_S == 0 ? COARSE_NS : FINE_NS;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (stamp.state == STAMP_THERE && ns_of(&now) - stamp.ctime_ns <= apart)
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
