/* SPDX-License-Identifier: MIT */
#include "store/inside.h"

#include "base/mem.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static bool leads_to_layout(const struct ncm_store *store, const char *prefix)
{
	for (size_t i = 0; i < store->folder_count; i++) {
		const char *folder = store->folders[i].path;

		if (strcmp(folder, prefix) == 0 || ncm_path_below(folder, prefix))
			return true;
	}
	return false;
}

/* errno is ELOOP if it is a link and no part of the store. */
static bool is_part(const struct ncm_store *store, uid_t owner, const char *prefix, const struct stat *link)
{
	errno = ELOOP;
	return leads_to_layout(store, prefix) && (link->st_uid == 0 || link->st_uid == owner);
}

/* One step down, to the folder `name`, which is `prefix` below the store. What is followed is the link that was judged,
 * whatever has its name by then. */
static int step(const struct ncm_store *store, uid_t owner, int at, const char *name, const char *prefix)
{
	NCM_AUTO_CLOSE int link = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char target[PATH_MAX];
	struct stat status;
	ssize_t size;

	if (link < 0 || fstat(link, &status) < 0)
		return -1;
	if (!S_ISLNK(status.st_mode))
		return openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (!is_part(store, owner, prefix, &status))
		return -1;
	size = readlinkat(link, "", target, sizeof target - 1);
	if (size < 0)
		return -1;
	target[size] = '\0';
	return openat(at, target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* One part of the path at a time, none of them "..". */
static int walk_down(const struct ncm_store *store, int dirfd, const char *relative)
{
	NCM_AUTO_FREE char *prefix = ncm_strdup(relative);
	NCM_AUTO_CLOSE int held = -1;
	struct stat root;
	int at = dirfd;

	if (fstat(dirfd, &root) < 0)
		return -1;
	for (char *part = prefix; part;) {
		char *slash = strchr(part, '/');
		int next;

		if (slash)
			*slash = '\0';
		errno = EXDEV;
		next = strcmp(part, "..") == 0 ? -1 : step(store, root.st_uid, at, part, prefix);
		if (next < 0 || !slash)
			return next;
		if (held >= 0)
			close(held);
		held = at = next;
		*slash = '/';
		part = slash + 1;
	}
	return -1;
}

int store_dir_inside(const struct ncm_store *store, int dirfd, const char *relative)
{
	const int fd = ncm_dir_beneath(dirfd, relative);

	if (fd >= 0 || (errno != ELOOP && errno != EXDEV && errno != ENOTDIR))
		return fd;
	return walk_down(store, dirfd, relative);
}

/* The folder above, without a slash behind it; *name is the rest. The caller frees it. */
static char *parent_of(const char *relative, const char **name)
{
	*name = ncm_path_base(relative);
	return *name == relative ? ncm_strdup("") : ncm_strndup(relative, (size_t)(*name - relative - 1));
}

int store_parent_inside(const struct ncm_store *store, int dirfd, const char *relative, const char **name)
{
	NCM_AUTO_FREE char *parent = parent_of(relative, name);

	return store_dir_inside(store, dirfd, parent);
}

/* The deepest folder of the path that is there, and from it on the rest is made. */
static int make_inside(const struct ncm_store *store, int dirfd, const char *folder)
{
	NCM_AUTO_FREE char *prefix = ncm_strdup(folder);
	NCM_AUTO_CLOSE int deepest = -1;
	size_t size = strlen(prefix);

	while ((deepest = store_dir_inside(store, dirfd, prefix)) < 0) {
		char *slash = strrchr(prefix, '/');

		if (errno != ENOENT || size == 0)
			return -1;
		size = slash ? (size_t)(slash - prefix) : 0;
		prefix[size] = '\0';
	}
	return ncm_mkdir_beneath(deepest, folder[size] == '/' ? folder + size + 1 : folder + size, NULL);
}

int store_make_parent_inside(const struct ncm_store *store, int dirfd, const char *relative, const char **name)
{
	NCM_AUTO_FREE char *parent = parent_of(relative, name);

	return make_inside(store, dirfd, parent);
}

int store_open_inside(const struct ncm_store *store, int dirfd, const char *relative)
{
	const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
	const int fd = ncm_open_beneath(dirfd, relative, flags, 0);
	const char *name;
	NCM_AUTO_CLOSE int parent = -1;

	if (fd >= 0 || (errno != ELOOP && errno != EXDEV && errno != ENOTDIR))
		return fd;
	parent = store_parent_inside(store, dirfd, relative, &name);
	return parent < 0 ? -1 : openat(parent, name, flags | O_NOFOLLOW | O_CLOEXEC);
}
