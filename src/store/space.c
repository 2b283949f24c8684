/* SPDX-License-Identifier: MIT */
#include "store/store.h"

#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"

#include <errno.h>
#include <string.h>

int ncm_space_of(const char *path, struct ncm_space *space, struct ncm_error *err)
{
	NCM_AUTO_FREE char *at = ncm_path_absolute(path);
	struct os_space room;
	struct os_stat status;

	while (os_stat(OS_HERE, at, &status) < 0) {
		char *slash = strrchr(at, '/');

		if ((errno != ENOENT && errno != ENOTDIR) || at[1] == '\0')
			return ncm_error_errno(err, errno, "cannot look at the disk of %s", path);
		slash[slash == at] = '\0'; /* the root keeps its slash */
	}
	if (os_space(at, &room) < 0)
		return ncm_error_errno(err, errno, "cannot look at the disk of %s", path);
	*space = (struct ncm_space){.device = status.device, .known = room.known, .free = UINT64_MAX};
	if (room.known) {
		space->free = room.free;
		space->total = room.total;
	}
	return 0;
}
