/* SPDX-License-Identifier: MIT */
#include "store/walk.h"

#include "base/mem.h"
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ncmodel/event.h>
#include <stdbool.h>
#include <string.h>

enum { LEVELS = 32 };

struct walk {
	bool all;
	void (*found)(void *context, const struct ncm_walk_entry *entry);
	void (*unseen)(void *context, const char *path, int errnum); /* or NULL */
	void *context;
};

static int descend(const struct walk *walk, int dirfd, const char *relative, const char *below, unsigned level);

static bool is_passed_by(const char *name, bool all)
{
	static const char *const names[] = {".", "..", ".ncmodel", ".git", "__pycache__"};

	for (size_t i = 0; i < (all ? 2 : sizeof names / sizeof *names); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

static int tell_unseen(const struct walk *walk, const char *path, int errnum)
{
	if (walk->unseen)
		walk->unseen(walk->context, path, errnum);
	return -1;
}

/* One entry. Returns 0, or -1 if it is a folder that could not be seen. */
static int look_at(const struct walk *walk, int dirfd, const char *name, const char *below, unsigned level)
{
	NCM_AUTO_FREE char *path = NULL;
	struct stat status;

	path = ncm_path_join(below, name);
	if (fstatat(dirfd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : tell_unseen(walk, path, errno);
	if (S_ISDIR(status.st_mode))
		return level < LEVELS ? descend(walk, dirfd, name, path, level + 1)
				      : tell_unseen(walk, path, ENAMETOOLONG);
	walk->found(walk->context, &(struct ncm_walk_entry){dirfd, name, path, &status});
	return 0;
}

static int descend(const struct walk *walk, int dirfd, const char *relative, const char *below, unsigned level)
{
	int fd = ncm_dir_beneath(dirfd, relative);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int failed = dir ? 0 : tell_unseen(walk, below, errno);

	if (fd >= 0 && !dir)
		close(fd);
	while (dir && !ncm_interrupted()) {
		errno = 0;
		entry = readdir(dir);
		if (!entry && errno != 0)
			failed = tell_unseen(walk, below, errno);
		if (!entry)
			break;
		if (!is_passed_by(entry->d_name, walk->all) && look_at(walk, fd, entry->d_name, below, level) < 0)
			failed = -1;
	}
	if (dir)
		closedir(dir);
	return ncm_interrupted() ? -1 : failed;
}

int ncm_walk(int dirfd, const char *relative, void (*found)(void *context, const struct ncm_walk_entry *entry),
	     void *context)
{
	return descend(&(struct walk){.found = found, .context = context}, dirfd, relative, "", 0);
}

int ncm_walk_tell(int dirfd, const char *relative, bool all,
		  void (*found)(void *context, const struct ncm_walk_entry *entry),
		  void (*unseen)(void *context, const char *path, int errnum), void *context)
{
	return descend(&(struct walk){.all = all, .found = found, .unseen = unseen, .context = context}, dirfd,
		       relative, "", 0);
}

int ncm_walk_all(int dirfd, const char *relative, void (*found)(void *context, const struct ncm_walk_entry *entry),
		 void *context)
{
	return descend(&(struct walk){.all = true, .found = found, .context = context}, dirfd, relative, "", 0);
}
