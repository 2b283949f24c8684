/* SPDX-License-Identifier: MIT */
#include "store/store.h"

#include "base/mem.h"
#include "base/path.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

int ncm_space_of(const char *path, struct ncm_space *space, struct ncm_error *err)
{
	NCM_AUTO_FREE char *at = ncm_path_absolute(path);
	struct statvfs room;
	struct stat status;

	while (stat(at, &status) < 0) {
		char *slash = strrchr(at, '/');

		if ((errno != ENOENT && errno != ENOTDIR) || at[1] == '\0')
			return ncm_error_errno(err, errno, "cannot look at the disk of %s", path);
		slash[slash == at] = '\0'; /* the root keeps its slash */
	}
	if (statvfs(at, &room) < 0)
		return ncm_error_errno(err, errno, "cannot look at the disk of %s", path);
	*space = (struct ncm_space){.device = status.st_dev, .known = room.f_blocks > 0, .free = UINT64_MAX};
	if (!space->known)
		return 0;
	if (__builtin_mul_overflow((uint64_t)room.f_bavail, (uint64_t)room.f_frsize, &space->free))
		space->free = UINT64_MAX;
	if (__builtin_mul_overflow((uint64_t)room.f_blocks, (uint64_t)room.f_frsize, &space->total))
		space->total = UINT64_MAX;
	return 0;
}
