/* SPDX-License-Identifier: MIT */
/*
 * For the rooms that still ask the system themselves (tests/data/test_rooms.py lists them): what base's headers gave
 * them, and the ways between their `struct stat` and ours. Goes with the last of them.
 */
#ifndef NCM_OS_UNMOVED_H
#define NCM_OS_UNMOVED_H

#include "os/file.h"
#include "os/process.h"

#include <sys/stat.h>
#include <unistd.h>

struct os_stat os_stat_of(const struct stat *native);
#define OS_STAT(native) (&(struct os_stat[]){os_stat_of(native)}[0])

static inline int64_t ncm_mtime_ns(const struct stat *status)
{
	return os_stat_of(status).mtime_ns;
}

/* As os_open_beneath, with open(2)'s flags; it makes nothing. */
static inline int ncm_open_beneath(int dirfd, const char *relative, int flags, mode_t unused)
{
	(void)unused;
	return os_open_beneath(dirfd, relative, flags);
}

#endif
