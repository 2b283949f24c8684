/* SPDX-License-Identifier: MIT */
#include "store/inside.h"

#include "base/mem.h"
#include "base/own.h"
#include "base/path.h"
#include "os/os.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

const struct ncm_store store_of_ollama = {.kind = &ncm_kind_ollama, .dirfd = -1, .staging = -1};

/* Links as they are judged on one way down. */
struct way {
	const struct ncm_store *store; /* whose folders are part of it */
	uint32_t owner;                /* of the store's folder */
	enum store_links links;
};

static bool leads_to_layout(const struct ncm_store *store, const char *prefix)
{
	const char *folder;

	for (size_t i = 0; (folder = ncm_store_folder_at(store, i)); i++) {
		if (strcmp(folder, prefix) == 0 || ncm_path_below(folder, prefix))
			return true;
	}
	return false;
}

static bool is_trusted(const struct way *way, uint32_t user)
{
	return user == 0 || user == way->owner;
}

/* Who runs this has no rights of somebody else's: the owner of the store is to come no further by a link of his than
 * by his own hands. */
static bool is_for(const struct way *way, uint32_t maker, const struct os_stat *folder)
{
	return is_trusted(way, folder->owner) && (maker == os_user() || ncm_user_rules(maker, folder));
}

/* The folder that a link leads to, if it is followed; ELOOP if not. */
static int follow(const struct way *way, int at, int link, const char *prefix)
{
	char target[PATH_MAX];
	struct os_stat status;
	ssize_t size;
	uint32_t maker;
	int folder;

	errno = ELOOP;
	if (os_fstat(link, &status) < 0 || !is_trusted(way, status.owner) ||
	    (way->links == STORE_LINKS_OF_STORE && !leads_to_layout(way->store, prefix)))
		return -1;
	size = os_readlink(link, "", target, sizeof target - 1);
	if (size < 0)
		return -1;
	target[size] = '\0';
	maker = status.owner;
	folder = os_open(at, target, OS_FOLDER);
	if (folder < 0 || (os_fstat(folder, &status) == 0 && is_for(way, maker, &status)))
		return folder;
	os_close(folder);
	errno = ELOOP;
	return -1;
}

/* One step down, to the folder `name`, which is `prefix` below the store. What is followed is the link that was judged,
 * whatever has its name by then. */
static int step(const struct way *way, int at, const char *name, const char *prefix)
{
	NCM_AUTO_CLOSE int link = os_open(at, name, OS_PATH | OS_NO_LINK);
	struct os_stat status;

	if (link < 0 || os_fstat(link, &status) < 0)
		return -1;
	if (status.kind != OS_IS_LINK)
		return os_open(at, name, OS_FOLDER | OS_NO_LINK);
	return follow(way, at, link, prefix);
}

/* One part of the path at a time, none of them "..". */
static int walk_down(const struct way *way, int dirfd, const char *relative)
{
	NCM_AUTO_FREE char *prefix = ncm_strdup(relative);
	NCM_AUTO_CLOSE int held = -1;
	int at = dirfd;

	for (char *part = prefix; part;) {
		char *slash = strchr(part, '/');
		int next;

		if (slash)
			*slash = '\0';
		errno = EXDEV;
		next = strcmp(part, "..") == 0 ? -1 : step(way, at, part, prefix);
		if (next < 0 || !slash)
			return next;
		if (held >= 0)
			os_close(held);
		held = at = next;
		*slash = '/';
		part = slash + 1;
	}
	return -1;
}

int store_dir_by(const struct ncm_store *store, int dirfd, const char *relative, enum store_links links)
{
	struct way way = {.store = store, .links = links};
	const int fd = ncm_dir_beneath(dirfd, relative);
	struct os_stat root;

	if (fd >= 0 || (errno != ELOOP && errno != EXDEV && errno != ENOTDIR))
		return fd;
	if (os_fstat(dirfd, &root) < 0)
		return -1;
	way.owner = root.owner;
	return walk_down(&way, dirfd, relative);
}

int store_dir_inside(const struct ncm_store *store, int dirfd, const char *relative)
{
	return store_dir_by(store, dirfd, relative, STORE_LINKS_OF_STORE);
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

int store_open_by(const struct ncm_store *store, int dirfd, const char *relative, enum store_links links, int flags)
{
	const int fd = os_open_beneath(dirfd, relative, flags);
	NCM_AUTO_FREE char *folder = NULL;
	const char *name;
	NCM_AUTO_CLOSE int parent = -1;

	if (fd >= 0 || (errno != ELOOP && errno != EXDEV && errno != ENOTDIR))
		return fd;
	folder = parent_of(relative, &name);
	parent = store_dir_by(store, dirfd, folder, links);
	return parent < 0 ? -1 : os_open(parent, name, flags | OS_NO_LINK);
}

int store_open_inside(const struct ncm_store *store, int dirfd, const char *relative)
{
	return store_open_by(store, dirfd, relative, STORE_LINKS_OF_STORE, OS_READ);
}

char *store_link_on_the_way(const struct ncm_store *store, int dirfd, const char *relative)
{
	for (const char *slash = strchr(relative, '/'); slash; slash = strchr(slash + 1, '/')) {
		char *prefix = ncm_strndup(relative, (size_t)(slash - relative));
		NCM_AUTO_CLOSE int fd = store_dir_inside(store, dirfd, prefix);

		if (fd < 0 && (errno == ELOOP || errno == EXDEV))
			return prefix;
		free(prefix);
		if (fd < 0)
			break;
	}
	return NULL;
}
