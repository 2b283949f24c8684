/* SPDX-License-Identifier: MIT */
#include "verify/check.h"

#include "base/file.h"
#include "verify/job.h"

#include <errno.h>
#include <stdlib.h>

void check_take_status(struct check *check, const struct stat *status)
{
	check->regular = S_ISREG(status->st_mode);
	check->device = status->st_dev;
	check->inode = status->st_ino;
	check->size = (uint64_t)status->st_size;
	check->mtime_ns = ncm_mtime_ns(status);
}

void check_look(struct check *check)
{
	struct stat status;

	if (lstat(check->path, &status) < 0)
		check->failure = errno;
	else
		check_take_status(check, &status);
}

void checks_free(struct check *checks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(checks[i].damaged);
	free(checks);
}
