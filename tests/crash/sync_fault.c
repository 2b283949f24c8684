/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a program, it lets the syncs of one folder fail, as a disk that is dying does:
 *
 *   NCM_FAIL_SYNC   the folder, absolute, without links
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int fsync(int fd)
{
	static int (*real)(int);
	const char *folder = getenv("NCM_FAIL_SYNC");
	char link[64], path[PATH_MAX];
	ssize_t size;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	size = readlink(link, path, sizeof path - 1);
	path[size < 0 ? 0 : size] = '\0';
	if (folder && strcmp(path, folder) == 0) {
		errno = EIO;
		return -1;
	}
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "fsync");
	return real(fd);
}
