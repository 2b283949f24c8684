/* SPDX-License-Identifier: MIT */
#include "base/own.h"

#include "base/ability.h"
#include "base/escape.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static const struct modes {
	unsigned widest; /* what the umask takes from */
	unsigned shared; /* what it cannot take where the folder is shared */
} modes[] = {
    [NCM_OWN_FILE] = {0666, 0060},   [NCM_OWN_WORD] = {0644, 0040},   [NCM_OWN_PRIVATE] = {0600, 0060},
    [NCM_OWN_FOLDER] = {0777, 0070}, [NCM_OWN_CLOSED] = {0770, 0070},
};

static bool is_shared(const struct os_stat *folder)
{
	return (folder->mode & (OS_SETGID | OS_GROUP_WRITES)) == (OS_SETGID | OS_GROUP_WRITES);
}

bool ncm_own_is_groups(const struct os_stat *folder)
{
	return (folder->mode & (OS_GROUP_WRITES | OS_GROUP_ENTERS | OS_ALL_WRITE | OS_STICKY)) ==
	       (OS_GROUP_WRITES | OS_GROUP_ENTERS);
}

bool ncm_own_is_roots(const struct os_stat *folder)
{
	return folder->owner == 0 && ((folder->mode & OS_STICKY) || !(folder->mode & (OS_GROUP_WRITES | OS_ALL_WRITE)));
}

static bool is_foreign(const struct os_stat *folder)
{
	return os_is_root() && folder->owner != 0;
}

/* What the new thing's mode is to be, of the one that it was made with. */
static unsigned mode_for(const struct os_stat *made, const struct os_stat *folder, enum ncm_own_kind kind)
{
	const unsigned mode = made->mode;
	const bool by_group = (mode & OS_GROUP_WRITES) && ncm_own_is_groups(folder) && made->group == folder->group;

	if (is_shared(folder))
		return mode | modes[kind].shared;
	if (kind == NCM_OWN_CLOSED && !by_group)
		return mode & ~0077u;
	return mode;
}

static int set_mode(int fd, const struct os_stat *made, unsigned mode)
{
	return mode == made->mode ? 0 : os_set_mode(fd, mode);
}

/* fd is of what we have just made, and it has no other name. Where there are no owners it is as it is. */
static void dress(int fd, const struct os_stat *made, const struct os_stat *folder, enum ncm_own_kind kind)
{
	struct os_stat given = *made;

	if (is_foreign(folder) && kind != NCM_OWN_WORD) {
		if (os_set_owner(fd, folder->owner, folder->group) < 0)
			return;
		given.group = folder->group;
	}
	(void)set_mode(fd, made, mode_for(&given, folder, kind));
}

int ncm_own_create(int folder, const char *name, int flags, enum ncm_own_kind kind)
{
	const int fd = os_create(folder, name, flags, modes[kind].widest);
	struct os_stat above, made;

	if (fd >= 0 && os_fstat(folder, &above) == 0 && os_fstat(fd, &made) == 0 && made.links == 1)
		dress(fd, &made, &above, kind);
	return fd;
}

int ncm_own_open(int dirfd, const char *relative, int flags, enum ncm_own_kind kind)
{
	for (;;) {
		const char *name;
		NCM_AUTO_CLOSE int folder = -1;
		int fd = os_open_beneath(dirfd, relative, flags | OS_NO_LINK);

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
	struct os_list *entries = os_list(os_open(fd, ".", OS_FOLDER));
	const bool empty = entries && !os_list_next(entries);

	os_list_end(entries);
	return empty;
}

/* Not every file system counts parts of a second. */
static bool is_since(int64_t at, int64_t before)
{
	const int64_t second = 1000000000;

	return at >= before || (at % second == 0 && at / second == before / second);
}

/* Whoever may write the folder above could have put another folder in the new one's place before it was opened: an
 * older one, or one that holds something. */
static bool is_just_made(int fd, int64_t before, struct os_stat *made)
{
	return os_fstat(fd, made) == 0 && os_is_mine(made) && is_since(made->mtime_ns, before) && is_empty(fd);
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
	struct os_stat there;

	if (os_rename_new(folder, from, folder, to) == 0)
		return 0;
	if (!ncm_is_without_flags(errno))
		return -1;
	/* Without that flag a folder still replaces nothing but an empty one, and a link no folder. */
	if (os_lstat(folder, to, &there) == 0) {
		errno = EEXIST;
		return -1;
	}
	return errno == ENOENT ? os_rename(folder, from, folder, to) : -1;
}

/* Under a passing name until it is whose it is to be. */
static int make_dressed(int folder, const char *name, const struct os_stat *above, enum ncm_own_kind kind)
{
	NCM_AUTO_FREE char *passing = passing_name(name);
	NCM_AUTO_CLOSE int fd = -1;
	const int64_t before = os_now_coarse_ns();
	struct os_stat made;
	int saved;

	if (os_mkdir(folder, passing, modes[kind].widest) < 0)
		return -1;
	fd = os_open(folder, passing, OS_FOLDER | OS_NO_LINK);
	if (fd >= 0 && is_just_made(fd, before, &made))
		dress(fd, &made, above, kind);
	if (give_name(folder, passing, name) == 0)
		return 0;
	saved = errno;
	(void)os_rmdir(folder, passing);
	errno = saved;
	return -1;
}

int ncm_own_mkdir(int folder, const char *name, enum ncm_own_kind kind)
{
	struct os_stat above, there;

	if (os_fstat(folder, &above) < 0)
		return -1;
	if (os_lstat(folder, name, &there) == 0) {
		errno = EEXIST;
		return -1;
	}
	if (is_foreign(&above) || is_shared(&above) || kind == NCM_OWN_CLOSED)
		return make_dressed(folder, name, &above, kind);
	return os_mkdir(folder, name, modes[kind].widest);
}

/* The link that is open: the one that was made, for nobody else has one of that text and time there. */
static bool is_that_link(int link, const char *target, int64_t before)
{
	char text[PATH_MAX];
	const ssize_t size = os_readlink(link, "", text, sizeof text);
	struct os_stat made;

	if (size < 0 || os_fstat(link, &made) < 0 || !os_is_mine(&made) || made.links != 1)
		return false;
	return strcmp(text, target) == 0 && is_since(made.mtime_ns, before);
}

int ncm_own_symlink(const char *target, int folder, const char *name)
{
	NCM_AUTO_CLOSE int link = -1;
	const int64_t before = os_now_coarse_ns();
	struct os_stat above;

	if (os_symlink(target, folder, name) < 0)
		return -1;
	if (os_fstat(folder, &above) < 0 || !is_foreign(&above))
		return 0;
	link = os_open(folder, name, OS_PATH | OS_NO_LINK);
	if (link >= 0 && is_that_link(link, target, before))
		(void)!os_set_link_owner(link, above.owner, above.group);
	return 0;
}

/* Where nothing tells, the closest one. */
static unsigned umask_now(void)
{
	const int mask = os_umask();

	return mask < 0 ? 077 : (unsigned)mask;
}

/* Where the user has it in hand. What was begun for nobody else, by another umask or before there were others to think
 * of, becomes what it would be now. */
static void fit_ours(int fd, const struct os_stat *file, const struct os_stat *above)
{
	struct os_stat now = *file;

	if (!os_is_mine(file) || file->links != 1)
		return;
	if ((file->mode & 0777) == 0600)
		now.mode |= 0066 & ~umask_now();
	if (is_shared(above) && file->group != above->group)
		(void)!os_set_owner(fd, OS_UNCHANGED, above->group);
	(void)set_mode(fd, file, mode_for(&now, above, NCM_OWN_FILE));
}

bool ncm_own_fit(int fd, int folder, bool made)
{
	struct os_stat above, file;

	if (os_fstat(folder, &above) < 0 || os_fstat(fd, &file) < 0)
		return true;
	if (!is_foreign(&above) || file.owner == above.owner) {
		fit_ours(fd, &file, &above);
		return true;
	}
	if (!made || file.links != 1)
		return false;
	dress(fd, &file, &above, NCM_OWN_FILE);
	return true;
}

void ncm_own_like(int fd, const struct os_stat *old)
{
	struct os_stat made;

	if (os_is_root())
		(void)!os_set_owner(fd, old->owner, old->group);
	else if (os_fstat(fd, &made) == 0 && made.group != old->group)
		(void)!os_set_owner(fd, OS_UNCHANGED, old->group);
	(void)os_set_mode(fd, old->mode & 0777);
}

bool ncm_own_share(int fd, int above)
{
	struct os_stat folder, status;

	if (os_fstat(above, &folder) < 0 || os_fstat(fd, &status) < 0 || !is_shared(&folder) ||
	    !ncm_own_is_groups(&folder) || !os_is_mine(&status) || (is_shared(&status) && status.group == folder.group))
		return false;
	return os_set_owner(fd, OS_UNCHANGED, folder.group) == 0 &&
	       os_set_mode(fd, status.mode | OS_SETGID | modes[NCM_OWN_FOLDER].shared) == 0;
}

bool ncm_user_rules(uint32_t user, const struct os_stat *folder)
{
	const unsigned by_group = OS_GROUP_WRITES | OS_GROUP_ENTERS, by_all = OS_ALL_WRITE | OS_ALL_ENTER;

	if (user == 0 || user == folder->owner)
		return true;
	if (folder->mode & OS_STICKY)
		return false;
	return (folder->mode & by_all) == by_all ||
	       ((folder->mode & by_group) == by_group && os_user_has_group(user, folder->group));
}
