/* SPDX-License-Identifier: MIT */
#include "base/path.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

char *ncm_path_join(const char *dir, const char *name)
{
	size_t size = dir ? strlen(dir) : 0;

	if (size == 0 || *name == '/')
		return ncm_strdup(name);
	if (!*name)
		return ncm_strdup(dir);
	return ncm_asprintf("%s%s%s", dir, size > 0 && dir[size - 1] == '/' ? "" : "/", name);
}

char *ncm_path_absolute(const char *path)
{
	NCM_AUTO_FREE char *current = *path == '/' ? NULL : getcwd(NULL, 0);
	NCM_AUTO_FREE char *joined = ncm_path_join(current, path);
	struct ncm_buffer out = {0};

	for (const char *at = joined; *at;) {
		size_t size;

		at += strspn(at, "/");
		size = strcspn(at, "/");
		if (size == 2 && at[0] == '.' && at[1] == '.') {
			while (out.size > 0 && out.data[--out.size] != '/')
				;
			if (out.data)
				out.data[out.size] = '\0';
		} else if (size > 0 && !(size == 1 && at[0] == '.')) {
			ncm_buffer_puts(&out, "/");
			ncm_buffer_add(&out, at, size);
		}
		at += size;
	}
	if (out.size == 0)
		ncm_buffer_puts(&out, "/");
	return ncm_buffer_take(&out);
}

const char *ncm_path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

char *ncm_path_folder(const char *path)
{
	return ncm_strndup(path, (size_t)(ncm_path_base(path) - path));
}

const char *ncm_path_below(const char *path, const char *folder)
{
	const size_t size = strlen(folder);

	if (size == 0 || (size == 1 && *folder == '/' && *path == '/'))
		return path + size;
	return strncmp(path, folder, size) == 0 && path[size] == '/' ? path + size + 1 : NULL;
}

bool ncm_path_has_suffix(const char *path, const char *suffix)
{
	size_t size = strlen(path), tail = strlen(suffix);

	return size >= tail && strcasecmp(path + size - tail, suffix) == 0;
}

size_t ncm_path_archive_ending(const char *path)
{
	static const char *const endings[] = {".zip", ".tar.gz", ".tgz", ".tar.xz", ".tar.zst", ".tar"};

	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		if (ncm_path_has_suffix(path, endings[i]))
			return strlen(endings[i]);
	}
	return 0;
}

/* One component below dirfd, links refused. */
static int open_component(int dirfd, const char *name, size_t size, int flags, mode_t mode)
{
	NCM_AUTO_FREE char *component = ncm_strndup(name, size);

	if (size == 0 || strcmp(component, "..") == 0) {
		errno = EXDEV;
		return -1;
	}
	return openat(dirfd, component, flags | O_NOFOLLOW | O_CLOEXEC, mode);
}

/* Where the kernel (or a sandbox) lacks openat2: one component at a time, none of them a link. */
static int open_walking(int dirfd, const char *relative, int flags, mode_t mode)
{
	NCM_AUTO_CLOSE int held = -1;
	int at = dirfd;

	if (*relative == '/') {
		errno = EXDEV;
		return -1;
	}
	for (;;) {
		size_t size = strcspn(relative, "/");
		int next;

		if (relative[size] == '\0')
			return open_component(at, relative, size, flags, mode);
		next = open_component(at, relative, size, O_PATH | O_DIRECTORY, 0);
		if (next < 0)
			return -1;
		if (held >= 0)
			close(held);
		held = at = next;
		relative += size + 1;
	}
}

int ncm_open_beneath(int dirfd, const char *relative, int flags, mode_t mode)
{
	struct open_how how = {
	    .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
	    .mode = flags & (O_CREAT | O_TMPFILE) ? mode : 0,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	do {
		fd = syscall(SYS_openat2, dirfd, relative, &how, sizeof how);
	} while (fd < 0 && (errno == EINTR || errno == EAGAIN)); /* EAGAIN: a rename raced with the look-up */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		return open_walking(dirfd, relative, flags, mode);
	return (int)fd;
}

int ncm_dir_open(const char *path, bool create, struct ncm_error *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

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
		fd = openat(up, slash + 1, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return ncm_error_errno(err, errno, "cannot open the folder %s", path);
	return fd;
}

int ncm_dir_beneath(int dirfd, const char *relative)
{
	if (!relative || !*relative)
		return openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return ncm_open_beneath(dirfd, relative, O_RDONLY | O_DIRECTORY, 0);
}

int ncm_mkdir_beneath(int dirfd, const char *relative, struct ncm_error *err)
{
	int at = ncm_dir_beneath(dirfd, NULL);

	if (at < 0)
		return ncm_error_errno(err, errno, "cannot open a folder");
	for (const char *rest = relative ? relative : ""; *rest;) {
		size_t size = strcspn(rest, "/");
		NCM_AUTO_FREE char *name = ncm_strndup(rest, size);
		int next = ncm_open_beneath(at, name, O_RDONLY | O_DIRECTORY, 0);

		if (next < 0 && errno == ENOENT) {
			if (ncm_own_mkdir(at, name, NCM_OWN_FOLDER) == 0 ? ncm_sync_dir(at) == 0 : errno == EEXIST)
				next = ncm_open_beneath(at, name, O_RDONLY | O_DIRECTORY, 0);
		}
		if (next < 0) {
			int saved = errno;

			close(at);
			errno = saved;
			if (saved == ELOOP || saved == EXDEV || saved == ENOTDIR)
				return ncm_error_set(err, NCM_E_POLICY, "refused: %s leads through a link or a file",
						     relative);
			return ncm_error_errno(err, saved, "cannot make the folder %s", relative);
		}
		close(at);
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
	DIR *dir = fdopendir(dirfd);
	struct dirent *entry;
	int failed = 0;

	if (!dir) {
		close(dirfd);
		return -1;
	}
	while (!failed && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			failed = remove_entry(dirfd, entry->d_name);
	}
	closedir(dir);
	return failed;
}

static int remove_entry(int dirfd, const char *name)
{
	int child;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -1;
	child = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (child < 0 || remove_children(child) < 0)
		return -1;
	return unlinkat(dirfd, name, AT_REMOVEDIR);
}

int ncm_remove_beneath(int dirfd, const char *relative)
{
	const char *name;
	NCM_AUTO_CLOSE int parent = ncm_parent_beneath(dirfd, relative, false, &name, NULL);

	if (parent < 0)
		return errno == ENOENT ? 0 : -1;
	return remove_entry(parent, name);
}
