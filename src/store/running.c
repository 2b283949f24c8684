/* SPDX-License-Identifier: MIT */
#include "store/running.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool has_name(int process, const char *name)
{
	const int fd = openat(process, "comm", O_RDONLY | O_CLOEXEC);
	char text[64];
	const ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

	if (fd >= 0)
		close(fd);
	if (size <= 0)
		return false;
	text[size] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return strcmp(text, name) == 0;
}

static bool is_it(int proc, const char *pid, const char *name, uid_t user)
{
	const int process = openat(proc, pid, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat status;
	const bool found =
	    process >= 0 && fstat(process, &status) == 0 && status.st_uid == user && has_name(process, name);

	if (process >= 0)
		close(process);
	return found;
}

bool running_as(const char *name, uid_t user)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	bool found = false;

	while (proc && !found && (entry = readdir(proc))) {
		if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
			found = is_it(dirfd(proc), entry->d_name, name, user);
	}
	if (proc)
		closedir(proc);
	return found;
}
