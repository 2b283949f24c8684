/* SPDX-License-Identifier: MIT */
#include "base/own.h"

#include "base/ability.h"
#include "base/escape.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { STATUS_BYTES = 16384 };

static const struct modes {
	mode_t widest; /* what the umask takes from */
	mode_t shared; /* what it cannot take where the folder is shared */
} modes[] = {
    [NCM_OWN_FILE] = {0666, 0060},   [NCM_OWN_WORD] = {0644, 0040},   [NCM_OWN_PRIVATE] = {0600, 0060},
    [NCM_OWN_FOLDER] = {0777, 0070}, [NCM_OWN_CLOSED] = {0770, 0070},
};

static bool is_shared(const struct stat *folder)
{
	return (folder->st_mode & (S_ISGID | S_IWGRP)) == (S_ISGID | S_IWGRP);
}

bool ncm_own_is_groups(const struct stat *folder)
{
	return (folder->st_mode & (S_IWGRP | S_IXGRP | S_IWOTH | S_ISVTX)) == (S_IWGRP | S_IXGRP);
}

bool ncm_own_is_roots(const struct stat *folder)
{
	return folder->st_uid == 0 && ((folder->st_mode & S_ISVTX) || !(folder->st_mode & (S_IWGRP | S_IWOTH)));
}

static bool is_foreign(const struct stat *folder)
{
	return geteuid() == 0 && folder->st_uid != 0;
}

/* What the new thing's mode is to be, of the one that it was made with. */
static mode_t mode_for(const struct stat *made, const struct stat *folder, enum ncm_own_kind kind)
{
	const mode_t mode = made->st_mode & 07777;
	const bool by_group = (mode & S_IWGRP) && ncm_own_is_groups(folder) && made->st_gid == folder->st_gid;

	if (is_shared(folder))
		return mode | modes[kind].shared;
	if (kind == NCM_OWN_CLOSED && !by_group)
		return mode & ~(mode_t)0077;
	return mode;
}

static int set_mode(int fd, const struct stat *made, mode_t mode)
{
	return mode == (made->st_mode & 07777) ? 0 : fchmod(fd, mode);
}

/* fd is of what we have just made, and it has no other name. Where there are no owners it is as it is. */
static void dress(int fd, const struct stat *made, const struct stat *folder, enum ncm_own_kind kind)
{
	struct stat given = *made;

	if (is_foreign(folder) && kind != NCM_OWN_WORD) {
		if (fchown(fd, folder->st_uid, folder->st_gid) < 0)
			return;
		given.st_gid = folder->st_gid;
	}
	(void)set_mode(fd, made, mode_for(&given, folder, kind));
}

int ncm_own_create(int folder, const char *name, int flags, enum ncm_own_kind kind)
{
	const int fd = openat(folder, name, flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, modes[kind].widest);
	struct stat above, made;

	if (fd >= 0 && fstat(folder, &above) == 0 && fstat(fd, &made) == 0 && made.st_nlink == 1)
		dress(fd, &made, &above, kind);
	return fd;
}

int ncm_own_open(int dirfd, const char *relative, int flags, enum ncm_own_kind kind)
{
	for (;;) {
		const char *name;
		NCM_AUTO_CLOSE int folder = -1;
		int fd = ncm_open_beneath(dirfd, relative, flags | O_NOFOLLOW, 0);

		if (fd >= 0 || errno != ENOENT)
			return fd;
		if (!strchr(relative, '/'))
			fd = ncm_own_create(dirfd, relative, flags, kind);
		else if ((folder = ncm_parent_beneath(dirfd, relative, false, &name, NULL)) >= 0)
			fd = ncm_own_create(folder, name, flags, kind);
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
}

static bool is_empty(int fd)
{
	const int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;
	bool empty = entries != NULL;

	if (!entries && copy >= 0)
		close(copy);
	while (empty && (entry = readdir(entries)))
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	if (entries)
		closedir(entries);
	return empty;
}

/* Not every file system counts parts of a second. */
static bool is_since(const struct timespec *at, const struct timespec *before)
{
	return at->tv_sec > before->tv_sec ||
	       (at->tv_sec == before->tv_sec && (at->tv_nsec == 0 || at->tv_nsec >= before->tv_nsec));
}

/* Whoever may write the folder above could have put another folder in the new one's place before it was opened: an
 * older one, or one that holds something. */
static bool is_just_made(int fd, const struct timespec *before, struct stat *made)
{
	return fstat(fd, made) == 0 && made->st_uid == geteuid() && is_since(&made->st_mtim, before) && is_empty(fd);
}

/* A name that nobody could know of before it is there. The caller frees it. */
static char *passing_name(const char *name)
{
	char suffix[17];

	ncm_random_hex(suffix, sizeof suffix);
	return ncm_asprintf(".%.*s.%s.tmp", (int)ncm_utf8_fit(name, NAME_MAX - 32), name, suffix);
}

static int give_name(int folder, const char *from, const char *to)
{
	struct stat there;

	if (renameat2(folder, from, folder, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (!ncm_is_without_flags(errno))
		return -1;
	/* Without that flag a folder still replaces nothing but an empty one, and a link no folder. */
	if (fstatat(folder, to, &there, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return errno == ENOENT ? renameat(folder, from, folder, to) : -1;
}

/* Under a passing name until it is whose it is to be. */
static int make_dressed(int folder, const char *name, const struct stat *above, enum ncm_own_kind kind)
{
	NCM_AUTO_FREE char *passing = passing_name(name);
	NCM_AUTO_CLOSE int fd = -1;
	struct timespec before;
	struct stat made;
	int saved;

	clock_gettime(CLOCK_REALTIME_COARSE, &before);
	if (mkdirat(folder, passing, modes[kind].widest) < 0)
		return -1;
	fd = openat(folder, passing, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && is_just_made(fd, &before, &made))
		dress(fd, &made, above, kind);
	if (give_name(folder, passing, name) == 0)
		return 0;
	saved = errno;
	(void)unlinkat(folder, passing, AT_REMOVEDIR);
	errno = saved;
	return -1;
}

int ncm_own_mkdir(int folder, const char *name, enum ncm_own_kind kind)
{
	struct stat above, there;

	if (fstat(folder, &above) < 0)
		return -1;
	if (fstatat(folder, name, &there, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	if (is_foreign(&above) || is_shared(&above) || kind == NCM_OWN_CLOSED)
		return make_dressed(folder, name, &above, kind);
	return mkdirat(folder, name, modes[kind].widest);
}

/* The link that is open: the one that was made, for nobody else has one of that text and time there. */
static bool is_that_link(int link, const char *target, const struct timespec *before)
{
	char text[PATH_MAX];
	const ssize_t size = readlinkat(link, "", text, sizeof text - 1);
	struct stat made;

	if (size < 0 || fstat(link, &made) < 0 || made.st_uid != geteuid() || made.st_nlink != 1)
		return false;
	text[size] = '\0';
	return strcmp(text, target) == 0 && is_since(&made.st_mtim, before);
}

int ncm_own_symlink(const char *target, int folder, const char *name)
{
	NCM_AUTO_CLOSE int link = -1;
	struct timespec before;
	struct stat above;

	clock_gettime(CLOCK_REALTIME_COARSE, &before);
	if (symlinkat(target, folder, name) < 0)
		return -1;
	if (fstat(folder, &above) < 0 || !is_foreign(&above))
		return 0;
	link = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (link >= 0 && is_that_link(link, target, &before))
		(void)!fchownat(link, "", above.st_uid, above.st_gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
	return 0;
}

/* Asked of the kernel: to ask umask() is to change it for every thread. Where nothing tells, the closest one. */
static mode_t umask_now(void)
{
	NCM_AUTO_FREE char *status = ncm_read_file("/proc/self/status", STATUS_BYTES, NULL);
	const char *line = status ? strstr(status, "\nUmask:") : NULL;
	unsigned mask = 077;

	if (line)
		(void)sscanf(line, " Umask: %o", &mask);
	return (mode_t)mask;
}

/* Where the user has it in hand. What was begun for nobody else, by another umask or before there were others to think
 * of, becomes what it would be now. */
static void fit_ours(int fd, const struct stat *file, const struct stat *above)
{
	struct stat now = *file;

	if (file->st_uid != geteuid() || file->st_nlink != 1)
		return;
	if ((file->st_mode & 0777) == 0600)
		now.st_mode |= 0066 & ~umask_now();
	if (is_shared(above) && file->st_gid != above->st_gid)
		(void)!fchown(fd, (uid_t)-1, above->st_gid);
	(void)set_mode(fd, file, mode_for(&now, above, NCM_OWN_FILE));
}

bool ncm_own_fit(int fd, int folder, bool made)
{
	struct stat above, file;

	if (fstat(folder, &above) < 0 || fstat(fd, &file) < 0)
		return true;
	if (!is_foreign(&above) || file.st_uid == above.st_uid) {
		fit_ours(fd, &file, &above);
		return true;
	}
	if (!made || file.st_nlink != 1)
		return false;
	dress(fd, &file, &above, NCM_OWN_FILE);
	return true;
}

void ncm_own_like(int fd, const struct stat *old)
{
	struct stat made;

	if (geteuid() == 0)
		(void)!fchown(fd, old->st_uid, old->st_gid);
	else if (fstat(fd, &made) == 0 && made.st_gid != old->st_gid)
		(void)!fchown(fd, (uid_t)-1, old->st_gid);
	(void)fchmod(fd, old->st_mode & 0777);
}

bool ncm_own_share(int fd, int above)
{
	struct stat folder, status;

	if (fstat(above, &folder) < 0 || fstat(fd, &status) < 0 || !is_shared(&folder) || !ncm_own_is_groups(&folder) ||
	    status.st_uid != geteuid() || (is_shared(&status) && status.st_gid == folder.st_gid))
		return false;
	return fchown(fd, (uid_t)-1, folder.st_gid) == 0 &&
	       fchmod(fd, (status.st_mode & 07777) | S_ISGID | modes[NCM_OWN_FOLDER].shared) == 0;
}
