/* SPDX-License-Identifier: MIT */
#include "base/links.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/user.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_LINKS = 40 }; /* as Linux has it */

struct way {
	int at; /* the folder that was reached */
	struct {
		uid_t maker;
		char *path;
	} links[MOST_LINKS];
	size_t count;
};

static int go_to(struct way *way, int folder)
{
	if (folder < 0)
		return -1;
	if (way->at >= 0)
		close(way->at);
	way->at = folder;
	return 0;
}

/* "<the folder where we are>/name". The caller frees it. */
static char *path_of(const struct way *way, const char *name)
{
	char self[32], folder[PATH_MAX];
	ssize_t size;

	snprintf(self, sizeof self, "/proc/self/fd/%d", way->at);
	size = readlink(self, folder, sizeof folder - 1);
	folder[size > 0 ? size : 0] = '\0';
	return ncm_path_join(folder, name);
}

static int walk(struct way *way, char *path);

/* Goes where the link that is open leads. */
static int follow(struct way *way, int link, const char *name, uid_t maker)
{
	char target[PATH_MAX];
	ssize_t size;

	errno = ELOOP;
	if (way->count == MOST_LINKS)
		return -1;
	size = readlinkat(link, "", target, sizeof target - 1);
	if (size < 0)
		return -1;
	target[size] = '\0';
	way->links[way->count].maker = maker;
	way->links[way->count++].path = path_of(way, name);
	return walk(way, target);
}

static int step(struct way *way, const char *name)
{
	NCM_AUTO_CLOSE int next = openat(way->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;

	if (next < 0 || fstat(next, &status) < 0)
		return -1;
	if (S_ISLNK(status.st_mode))
		return follow(way, next, name, status.st_uid);
	return go_to(way, openat(next, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

/* One part of the path at a time. */
static int walk(struct way *way, char *path)
{
	char *rest = NULL;

	if (*path == '/' && go_to(way, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		return -1;
	for (char *name = strtok_r(path, "/", &rest); name; name = strtok_r(NULL, "/", &rest)) {
		if (step(way, name) < 0)
			return -1;
	}
	return 0;
}

/* The first link whose maker does not rule the folder that was reached. */
static const char *stray_link(const struct way *way)
{
	struct stat folder;

	for (size_t i = 0; i < way->count; i++) {
		if (fstat(way->at, &folder) < 0 || !ncm_user_rules(way->links[i].maker, &folder))
			return way->links[i].path;
	}
	return NULL;
}

int ncm_dir_by_links(const char *path, char **stray)
{
	NCM_AUTO_FREE char *parts = ncm_path_absolute(path);
	struct way way = {.at = -1};
	int failure;
	const char *link;
	int fd = -1;

	if (geteuid() != 0)
		return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (walk(&way, parts) == 0)
		fd = openat(way.at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	failure = fd < 0 ? errno : 0;
	link = way.at >= 0 ? stray_link(&way) : NULL;
	if (link && stray)
		*stray = ncm_strdup(link);
	if (link)
		failure = EACCES;
	for (size_t i = 0; i < way.count; i++)
		free(way.links[i].path);
	if (way.at >= 0)
		close(way.at);
	if (failure && fd >= 0)
		close(fd);
	errno = failure;
	return failure ? -1 : fd;
}
