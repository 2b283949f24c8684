/* SPDX-License-Identifier: MIT */
/* Opening, making and removing below a folder that we were given. */
#include "base/path.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/mem.h"
#include "os/os.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int ncm_dir_open(const char *path, bool create, struct ncm_error *err)
{
	int fd = os_open(OS_HERE, path, OS_FOLDER);

	if (fd < 0 && errno == ENOENT && create) {
		NCM_AUTO_FREE char *parent = ncm_path_absolute(path);
		char *slash = strrchr(parent, '/');
		NCM_AUTO_CLOSE int up = -1;

		if (slash == parent)
			return ncm_error_errno(err, ENOENT, "cannot open the folder %s", path);
		*slash = '\0';
		up = ncm_dir_open(parent, true, err);
		if (up < 0)
			return -1;
		if (ncm_own_mkdir(up, slash + 1, NCM_OWN_FOLDER) < 0 && errno != EEXIST)
			return ncm_error_errno(err, errno, "cannot make the folder %s", path);
		if (ncm_sync_dir(up) < 0)
			return ncm_error_errno(err, errno, "cannot sync the folder %s", parent);
		fd = os_open(up, slash + 1, OS_FOLDER);
	}
	if (fd < 0)
		return ncm_error_errno(err, errno, "cannot open the folder %s", path);
	return fd;
}

int ncm_dir_beneath(int dirfd, const char *relative)
{
	if (!relative || !*relative)
		return os_open(dirfd, ".", OS_FOLDER);
	return os_open_beneath(dirfd, relative, OS_FOLDER);
}

int ncm_mkdir_beneath(int dirfd, const char *relative, struct ncm_error *err)
{
	int at = ncm_dir_beneath(dirfd, NULL);

	if (at < 0)
		return ncm_error_errno(err, errno, "cannot open a folder");
	for (const char *rest = relative ? relative : ""; *rest;) {
		size_t size = strcspn(rest, "/");
		NCM_AUTO_FREE char *name = ncm_strndup(rest, size);
		int next = os_open_beneath(at, name, OS_FOLDER);

		if (next < 0 && errno == ENOENT) {
			if (ncm_own_mkdir(at, name, NCM_OWN_FOLDER) == 0 ? ncm_sync_dir(at) == 0 : errno == EEXIST)
				next = os_open_beneath(at, name, OS_FOLDER);
		}
		if (next < 0) {
			int saved = errno;

			os_close(at);
			errno = saved;
			if (saved == ELOOP || saved == EXDEV || saved == ENOTDIR)
				return ncm_error_set(err, NCM_E_POLICY, "refused: %s leads through a link or a file",
						     relative);
			return ncm_error_errno(err, saved, "cannot make the folder %s", relative);
		}
		os_close(at);
		at = next;
		rest += size;
		rest += *rest == '/';
	}
	return at;
}

int ncm_parent_beneath(int dirfd, const char *relative, bool create, const char **name, struct ncm_error *err)
{
	const char *slash = strrchr(relative, '/');
	NCM_AUTO_FREE char *parent = slash ? ncm_strndup(relative, (size_t)(slash - relative)) : ncm_strdup("");
	int fd;

	*name = slash ? slash + 1 : relative;
	if (create)
		return ncm_mkdir_beneath(dirfd, parent, err);
	fd = ncm_dir_beneath(dirfd, parent);
	if (fd < 0)
		return ncm_error_errno(err, errno, "cannot open the folder of %s", relative);
	return fd;
}

static int remove_entry(int dirfd, const char *name);

static int remove_children(int dirfd)
{
	struct os_list *list = os_list(dirfd);
	const char *name;
	int failed = list ? 0 : -1;

	while (!failed && (name = os_list_next(list)))
		failed = remove_entry(os_list_folder(list), name);
	os_list_end(list);
	return failed;
}

static int remove_entry(int dirfd, const char *name)
{
	int child;

	if (os_unlink(dirfd, name) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -1;
	child = os_open(dirfd, name, OS_FOLDER | OS_NO_LINK);
	if (child < 0 || remove_children(child) < 0)
		return -1;
	return os_rmdir(dirfd, name);
}

int ncm_remove_beneath(int dirfd, const char *relative)
{
	const char *name;
	NCM_AUTO_CLOSE int parent = ncm_parent_beneath(dirfd, relative, false, &name, NULL);

	if (parent < 0)
		return errno == ENOENT ? 0 : -1;
	return remove_entry(parent, name);
}
