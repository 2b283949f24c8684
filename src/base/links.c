/* SPDX-License-Identifier: MIT */
#include "base/links.h"

#include "base/mem.h"
#include "base/own.h"
#include "base/path.h"
#include "os/os.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

enum { MOST_LINKS = 40 }; /* as Linux has it */

struct way {
	int at;         /* the folder that was reached */
	bool trusting;  /* root's and the user's links alone are followed */
	char *stranger; /* the first that is not one of these */
	struct {
		uint32_t maker;
		char *path;
	} links[MOST_LINKS];
	size_t count;
};

static int go_to(struct way *way, int folder)
{
	if (folder < 0)
		return -1;
	if (way->at >= 0)
		os_close(way->at);
	way->at = folder;
	return 0;
}

/* "<the folder where we are>/name". The caller frees it. */
static char *path_of(const struct way *way, const char *name)
{
	char folder[PATH_MAX];

	if (os_path_of(way->at, folder, sizeof folder) < 0)
		*folder = '\0';
	return ncm_path_join(folder, name);
}

static int walk(struct way *way, char *path);

static bool is_stranger(struct way *way, const char *name, uint32_t maker)
{
	if (!way->trusting || maker == 0 || maker == os_user())
		return false;
	way->stranger = path_of(way, name);
	errno = EACCES;
	return true;
}

/* Goes where the link that is open leads. */
static int follow(struct way *way, int link, const char *name, uint32_t maker)
{
	char target[PATH_MAX];

	if (is_stranger(way, name, maker))
		return -1;
	errno = ELOOP;
	if (way->count == MOST_LINKS)
		return -1;
	if (os_readlink(link, "", target, sizeof target) < 0)
		return -1;
	way->links[way->count].maker = maker;
	way->links[way->count++].path = path_of(way, name);
	return walk(way, target);
}

static int step(struct way *way, const char *name)
{
	NCM_AUTO_CLOSE int next = os_open(way->at, name, OS_PATH | OS_NO_LINK);
	struct os_stat status;

	if (next < 0 || os_fstat(next, &status) < 0)
		return -1;
	if (status.kind == OS_IS_LINK)
		return follow(way, next, name, status.owner);
	return go_to(way, os_open(next, ".", OS_PATH | OS_FOLDER));
}

/* One part of the path at a time. */
static int walk(struct way *way, char *path)
{
	char *rest = NULL;

	if (ncm_path_is_absolute(path) && go_to(way, os_open(OS_HERE, "/", OS_PATH | OS_FOLDER)) < 0)
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
	struct os_stat folder;

	for (size_t i = 0; i < way->count; i++) {
		if (os_fstat(way->at, &folder) < 0 || !ncm_user_rules(way->links[i].maker, &folder))
			return way->links[i].path;
	}
	return NULL;
}

static void end(struct way *way)
{
	for (size_t i = 0; i < way->count; i++)
		free(way->links[i].path);
	if (way->at >= 0)
		os_close(way->at);
}

int ncm_dir_by_links(const char *path, char **stray)
{
	NCM_AUTO_FREE char *parts = ncm_path_absolute(path);
	struct way way = {.at = -1};
	int failure;
	const char *link;
	int fd = -1;

	if (!os_is_root())
		return os_open(OS_HERE, path, OS_FOLDER);
	if (walk(&way, parts) == 0)
		fd = os_open(way.at, ".", OS_FOLDER);
	failure = fd < 0 ? errno : 0;
	link = way.at >= 0 ? stray_link(&way) : NULL;
	if (link && stray)
		*stray = ncm_strdup(link);
	if (link)
		failure = EACCES;
	end(&way);
	if (failure && fd >= 0)
		os_close(fd);
	errno = failure;
	return failure ? -1 : fd;
}

/* The last part of the path: whatever has the name, or where a link of that name leads. */
static int walk_to_name(struct way *way, const char *path, char **name)
{
	NCM_AUTO_FREE char *parts = ncm_strdup(path);
	char *slash = strrchr(parts, '/');
	char target[PATH_MAX];
	NCM_AUTO_CLOSE int last = -1;
	struct os_stat status;

	free(*name);
	*name = ncm_strdup(slash ? slash + 1 : parts);
	parts[slash ? (size_t)(slash - parts) : 0] = '\0';
	if (slash == parts && go_to(way, os_open(OS_HERE, "/", OS_PATH | OS_FOLDER)) < 0)
		return -1;
	if (walk(way, parts) < 0)
		return -1;
	last = os_open(way->at, *name, OS_PATH | OS_NO_LINK);
	if (last < 0 || os_fstat(last, &status) < 0)
		return errno == ENOENT ? 0 : -1;
	if (status.kind != OS_IS_LINK)
		return 0;
	if (is_stranger(way, *name, status.owner))
		return -1;
	errno = ELOOP;
	if (way->count == MOST_LINKS || os_readlink(last, "", target, sizeof target) < 0)
		return -1;
	way->links[way->count++].path = NULL;
	return walk_to_name(way, target, name);
}

int ncm_parent_by_trusted_links(const char *folder, const char *below, char **name, char **stranger)
{
	struct way way = {.at = os_open(OS_HERE, folder, OS_PATH | OS_FOLDER), .trusting = true};
	const int failed = way.at < 0 ? -1 : walk_to_name(&way, below, name);
	const int fd = failed ? -1 : os_open(way.at, ".", OS_FOLDER);
	const int failure = errno;

	*stranger = way.stranger;
	end(&way);
	errno = failure;
	return fd;
}
