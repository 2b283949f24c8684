/* SPDX-License-Identifier: MIT */
/* Files, folders and disks as POSIX has them. */
#include "os/os.h"
#include "os/system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

int os_native_folder(int folder)
{
	return folder == OS_HERE ? AT_FDCWD : folder;
}

int os_open(int folder, const char *path, int flags)
{
	return openat(os_native_folder(folder), path, os_native_flags(flags), 0);
}

int os_create(int folder, const char *name, int flags, unsigned mode)
{
	return openat(os_native_folder(folder), name, os_native_flags(flags) | O_CREAT | O_EXCL | O_NOFOLLOW,
		      (mode_t)mode);
}

/* One component below the folder. */
/* A link in the place of a folder is "no folder" by openat, and a link by openat2: who reads the error asks for links.
 */
static int tell_link(int folder, const char *component)
{
	const int saved = errno;
	struct stat status;
	const bool is_link = saved == ENOTDIR && fstatat(folder, component, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
			     S_ISLNK(status.st_mode);

	errno = is_link ? ELOOP : saved;
	return -1;
}

static int open_component(int folder, const char *name, size_t size, int flags)
{
	char component[NAME_MAX + 1];
	int fd;

	if (size > NAME_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(component, name, size);
	component[size] = '\0';
	if (size == 0 || strcmp(component, "..") == 0) {
		errno = EXDEV;
		return -1;
	}
	fd = openat(folder, component, flags | O_NOFOLLOW, 0);
	return fd < 0 ? tell_link(folder, component) : fd;
}

int os_open_walking(int folder, const char *relative, int flags)
{
	const int step = os_native_flags(OS_PATH | OS_FOLDER);
	int at = folder, next = -1, saved;

	if (*relative == '/') {
		errno = EXDEV;
		return -1;
	}
	for (;;) {
		const size_t size = strcspn(relative, "/");
		const bool last = relative[size] == '\0';

		next = open_component(at, relative, size, last ? flags : step);
		saved = errno;
		if (at != folder)
			close(at);
		errno = saved;
		if (next < 0 || last)
			return next;
		at = next;
		relative += size + 1;
	}
}

int os_dup(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

int os_close(int fd)
{
	return close(fd);
}

static enum os_kind kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return OS_IS_FILE;
	case S_IFDIR:
		return OS_IS_FOLDER;
	case S_IFLNK:
		return OS_IS_LINK;
	default:
		return OS_IS_OTHER;
	}
}

static struct os_stat stat_of(const struct stat *native)
{
	struct os_stat status = {
	    .kind = kind_of(native->st_mode),
	    .mode = native->st_mode & 07777,
	    .device = (uint64_t)native->st_dev,
	    .inode = (uint64_t)native->st_ino,
	    .size = (uint64_t)native->st_size,
	    .links = (uint64_t)native->st_nlink,
	    .blocks = (uint64_t)native->st_blocks,
	    .owner = native->st_uid,
	    .group = native->st_gid,
	};
	os_take_times(native, &status);
	return status;
}

int os_fstat(int fd, struct os_stat *status)
{
	struct stat native;

	if (fstat(fd, &native) < 0)
		return -1;
	*status = stat_of(&native);
	return 0;
}

static int stat_at(int folder, const char *path, int flags, struct os_stat *status)
{
	struct stat native;

	if (fstatat(os_native_folder(folder), path, &native, flags) < 0)
		return -1;
	*status = stat_of(&native);
	return 0;
}

int os_stat(int folder, const char *path, struct os_stat *status)
{
	return stat_at(folder, path, 0, status);
}

int os_lstat(int folder, const char *path, struct os_stat *status)
{
	return stat_at(folder, path, AT_SYMLINK_NOFOLLOW, status);
}

bool os_is_same(const struct os_stat *a, const struct os_stat *b)
{
	return a->device == b->device && a->inode == b->inode;
}

int os_access(int folder, const char *path, unsigned wanted)
{
	const int mode =
	    (wanted & OS_MAY_READ ? R_OK : 0) | (wanted & OS_MAY_WRITE ? W_OK : 0) | (wanted & OS_MAY_ENTER ? X_OK : 0);

	/* The rights that we run by; asked for so alone where it makes a difference, because a sandbox may not know
	 * how. */
	return faccessat(os_native_folder(folder), path, mode,
			 mode != F_OK && (geteuid() != getuid() || getegid() != getgid()) ? AT_EACCESS : 0);
}

bool os_has(int folder, const char *path)
{
	struct os_stat status;

	return os_lstat(folder, path, &status) == 0;
}

ssize_t os_read(int fd, void *data, size_t size)
{
	return read(fd, data, size);
}

ssize_t os_write(int fd, const void *data, size_t size)
{
	return write(fd, data, size);
}

ssize_t os_pread(int fd, void *data, size_t size, uint64_t offset)
{
	return pread(fd, data, size, (off_t)offset);
}

ssize_t os_pwrite(int fd, const void *data, size_t size, uint64_t offset)
{
	return pwrite(fd, data, size, (off_t)offset);
}

int os_seek(int fd, uint64_t offset)
{
	return lseek(fd, (off_t)offset, SEEK_SET) < 0 ? -1 : 0;
}

int os_truncate(int fd, uint64_t size)
{
	return ftruncate(fd, (off_t)size);
}

int64_t os_next_data(int fd, uint64_t offset)
{
	return lseek(fd, (off_t)offset, SEEK_DATA);
}

int64_t os_next_hole(int fd, uint64_t offset)
{
	return lseek(fd, (off_t)offset, SEEK_HOLE);
}

int os_lock(int fd, enum os_lock kind)
{
	return flock(fd, (kind == OS_LOCK_SHARED ? LOCK_SH : LOCK_EX) | LOCK_NB);
}

int os_set_mode(int fd, unsigned mode)
{
	return fchmod(fd, (mode_t)mode);
}

int os_set_owner(int fd, uint32_t owner, uint32_t group)
{
	return fchown(fd, owner, group);
}

static struct timespec time_of(int64_t ns)
{
	const int64_t second = 1000000000, rest = (ns % second + second) % second;

	if (ns == OS_NOW)
		return (struct timespec){.tv_nsec = UTIME_NOW};
	return (struct timespec){.tv_sec = (time_t)((ns - rest) / second), .tv_nsec = (long)rest};
}

int os_set_times(int fd, int64_t atime_ns, int64_t mtime_ns)
{
	const struct timespec times[2] = {time_of(atime_ns), time_of(mtime_ns)};

	return futimens(fd, times);
}

bool os_is_mine(const struct os_stat *status)
{
	return status->owner == geteuid();
}

struct os_list *os_list(int folder)
{
	DIR *list = folder < 0 ? NULL : fdopendir(folder);
	const int saved = errno;

	if (!list && folder >= 0)
		close(folder);
	if (list)
		rewinddir(list);
	else
		errno = saved;
	return (struct os_list *)list;
}

const char *os_list_next(struct os_list *list)
{
	const struct dirent *entry;

	do {
		errno = 0;
		entry = readdir((DIR *)list);
	} while (entry && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
	return entry ? entry->d_name : NULL;
}

int os_list_folder(struct os_list *list)
{
	return dirfd((DIR *)list);
}

void os_list_end(struct os_list *list)
{
	if (list)
		closedir((DIR *)list);
}

int os_mkdir(int folder, const char *name, unsigned mode)
{
	return mkdirat(os_native_folder(folder), name, (mode_t)mode);
}

int os_symlink(const char *target, int folder, const char *name)
{
	return symlinkat(target, os_native_folder(folder), name);
}

int os_link(int from_folder, const char *from, int to_folder, const char *to)
{
	return linkat(os_native_folder(from_folder), from, os_native_folder(to_folder), to, 0);
}

int os_rename(int from_folder, const char *from, int to_folder, const char *to)
{
	return renameat(os_native_folder(from_folder), from, os_native_folder(to_folder), to);
}

int os_unlink(int folder, const char *name)
{
	return unlinkat(os_native_folder(folder), name, 0);
}

int os_rmdir(int folder, const char *name)
{
	return unlinkat(os_native_folder(folder), name, AT_REMOVEDIR);
}

char *os_real_path(const char *path)
{
	return realpath(path, NULL);
}

char *os_current_folder(void)
{
	return getcwd(NULL, 0);
}

static uint64_t bytes_of(uint64_t blocks, uint64_t size)
{
	uint64_t bytes;

	return __builtin_mul_overflow(blocks, size, &bytes) ? UINT64_MAX : bytes;
}

static void take_space(const struct statvfs *room, struct os_space *space)
{
	*space = (struct os_space){.known = room->f_blocks > 0,
				   .read_only = (room->f_flag & ST_RDONLY) != 0,
				   .free = bytes_of(room->f_bavail, room->f_frsize),
				   .total = bytes_of(room->f_blocks, room->f_frsize)};
}

int os_space_of(int fd, struct os_space *space)
{
	struct statvfs room;

	if (fstatvfs(fd, &room) < 0)
		return -1;
	take_space(&room, space);
	return 0;
}

int os_space(const char *path, struct os_space *space)
{
	struct statvfs room;

	if (statvfs(path, &room) < 0)
		return -1;
	take_space(&room, space);
	return 0;
}

size_t os_page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}
