/* SPDX-License-Identifier: MIT */
/*
 * Whose word is it that a file is ours to delete, or to be replaced by a repair? models.json and the notes of removals
 * name files by their paths, and whoever may write these can name any file. So what they say is a claim, and it counts
 * for no more than its author:
 *
 * A claim is believed of a file only if who made it could remove that file himself: root and the user who runs this;
 * who owns the file, or the folder that holds it; who may write that folder by one of his groups, unless it is sticky.
 *
 * What anybody may write has no author: neither it nor what lies in a folder that anybody may write is believed of any
 * file; but where a file system keeps no modes (exFAT, say) and lets everybody write, everybody may remove its files.
 * models.json is rewritten by everybody who pulls, and keeps what others put there; so the owner of its folder,
 * who could have put it there, counts as one of its authors, and so does each member of a group that may write the file
 * or the folder: such a group is believed where all of it may remove files. (Who has a file or a folder in a folder of
 * such a group could write there, and so is one of them, or somebody for whom one of them put it there.) A note is
 * written by one run alone, if nobody else may write it and it has no other name; but who owns the folder of notes, or
 * the one that holds that, could have given that name to any other file of its owner's (what root fetched for him,
 * say), and is one of its authors, too.
 */
#include "registry/authority.h"

#include "base/ability.h"
#include "base/mem.h"
#include "base/own.h"
#include "base/path.h"
#include "base/user.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

enum {
	PASSWD_BYTES = 65536,
};

static bool could_remove(uid_t user, const struct stat *folder, const struct stat *file)
{
	const mode_t by_group = S_IWGRP | S_IXGRP;

	if (user == 0 || user == geteuid() || user == file->st_uid || user == folder->st_uid)
		return true;
	return (folder->st_mode & by_group) == by_group && !(folder->st_mode & S_ISVTX) &&
	       os_user_has_group(user, folder->st_gid);
}

static bool group_may_remove(gid_t group, const struct stat *folder)
{
	const mode_t by_group = S_IWGRP | S_IXGRP;

	return folder->st_gid == group && (folder->st_mode & by_group) == by_group && !(folder->st_mode & S_ISVTX);
}

static bool anybody_may_remove(const struct stat *folder)
{
	return (folder->st_mode & S_IWOTH) && !(folder->st_mode & S_ISVTX);
}

bool authority_is_believed(const struct authority *authority, const struct stat *folder, const struct stat *file)
{
	if (authority->anybody)
		return authority->modeless && folder->st_dev == authority->device &&
		       file->st_dev == authority->device && anybody_may_remove(folder);
	for (size_t i = 0; i < authority->count; i++) {
		if (!could_remove(authority->users[i], folder, file))
			return false;
	}
	for (size_t i = 0; i < authority->group_count; i++) {
		if (!group_may_remove(authority->groups[i], folder))
			return false;
	}
	return true;
}

/* The deepest folder on the way to a path that is there. */
static bool nearest_folder(const char *path, struct stat *status)
{
	NCM_AUTO_FREE char *folder = ncm_strdup(path);
	char *slash;

	while ((slash = strrchr(folder, '/'))) {
		slash[slash == folder] = '\0';
		if (stat(folder, status) == 0)
			return true;
		if (errno != ENOENT || slash == folder)
			return false;
	}
	return false;
}

bool authority_is_believed_of(const struct authority *authority, const char *path)
{
	struct stat folder, file;

	if (!nearest_folder(path, &folder))
		return false;
	if (lstat(path, &file) < 0) {
		if (errno != ENOENT)
			return false;
		file.st_uid = folder.st_uid;
		file.st_dev = folder.st_dev;
	}
	/* Who may write what says so may write the folder too. */
	if (authority->anybody && anybody_may_remove(&folder))
		return true;
	return authority_is_believed(authority, &folder, &file);
}

/* A group of its own that a user has by convention, so that what he makes may be writable by it. */
static bool is_alone(gid_t group, uid_t user)
{
	NCM_AUTO_FREE char *room = ncm_malloc(PASSWD_BYTES);
	NCM_AUTO_FREE char *names = ncm_malloc(PASSWD_BYTES);
	struct passwd owner, *found_owner = NULL;
	struct group entry, *found = NULL;

	if (getgrgid_r(group, &entry, room, PASSWD_BYTES, &found) != 0 || !found ||
	    getpwuid_r(user, &owner, names, PASSWD_BYTES, &found_owner) != 0 || !found_owner)
		return false;
	for (char **member = found->gr_mem; *member; member++) {
		if (strcmp(*member, found_owner->pw_name) != 0)
			return false;
	}
	return strcmp(found->gr_name, found_owner->pw_name) == 0;
}

static void add_group(struct authority *authority, const struct stat *status)
{
	if ((status->st_mode & S_IWGRP) && !is_alone(status->st_gid, status->st_uid))
		authority->groups[authority->group_count++] = status->st_gid;
}

/*
 * What lies in a folder of a group, and has the folder's group, was made (or put there) by one of that group, or by the
 * folder's owner or root: its own user is one of them, whether or not the user database knows him.
 */
static bool is_by_group(const struct stat *made, const struct stat *folder)
{
	return ncm_own_is_groups(OS_STAT(folder)) && made->st_gid == folder->st_gid &&
	       !is_alone(folder->st_gid, folder->st_uid);
}

static void add_writer(struct authority *authority, const struct stat *file, const struct stat *folder)
{
	if (!is_by_group(file, folder))
		authority->users[authority->count++] = file->st_uid;
}

static bool is_same(const struct stat *one, const struct stat *other)
{
	return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

/* The owner of a folder, unless that lies in a folder of its group that somebody else shares: then he is of the group.
 */
static void add_owner(struct authority *authority, int at, const char *path, const struct stat *status)
{
	NCM_AUTO_FREE char *above = ncm_asprintf("%s/..", path);
	struct stat folder;

	if (fstatat(at, above, &folder, 0) == 0 && !is_same(&folder, status) && is_by_group(status, &folder)) {
		if (folder.st_uid == status->st_uid)
			add_owner(authority, at, above, &folder);
		return;
	}
	authority->users[authority->count++] = status->st_uid;
}

/* Whether anybody may put a file of his own in the place of one there. */
static bool is_open_to_all(int folder, const char *relative, struct stat *status)
{
	return fstatat(folder, relative, status, 0) < 0 || (status->st_mode & S_IWOTH) != 0;
}

static void set_modeless(struct authority *authority, dev_t device, unsigned lacks)
{
	authority->modeless = (lacks & NCM_LACKS_MODES) != 0;
	authority->device = device;
}

struct authority authority_of_registry(const char *path)
{
	NCM_AUTO_FREE char *name = ncm_strndup(path, (size_t)(ncm_path_base(path) - path));
	struct authority authority = {.count = 0};
	struct stat folder = {0}, file;

	/* Where there is none it says nothing. */
	if (stat(path, &file) < 0) {
		authority.anybody = errno != ENOENT;
		return authority;
	}
	authority.owner = file.st_uid;
	authority.anybody = is_open_to_all(AT_FDCWD, name, &folder) || (file.st_mode & S_IWOTH) != 0;
	if (authority.anybody && file.st_dev == folder.st_dev)
		set_modeless(&authority, folder.st_dev, ncm_lacks_at(name));
	add_writer(&authority, &file, &folder);
	add_owner(&authority, AT_FDCWD, name, &folder);
	add_group(&authority, &file);
	add_group(&authority, &folder);
	return authority;
}

struct authority authority_of_note(int notes, int note)
{
	struct authority authority = {.count = 0};
	struct stat folder, beside, file = {0};

	authority.anybody = fstat(note, &file) < 0 || is_open_to_all(notes, ".", &folder) ||
			    is_open_to_all(notes, "..", &beside) || !S_ISREG(file.st_mode) || file.st_nlink != 1 ||
			    (file.st_mode & (S_IWGRP | S_IWOTH)) != 0;
	if (authority.anybody) {
		if (S_ISREG(file.st_mode))
			set_modeless(&authority, file.st_dev, ncm_lacks_of(notes));
		return authority;
	}
	authority.owner = file.st_uid;
	add_writer(&authority, &file, &folder);
	add_owner(&authority, notes, ".", &folder);
	add_owner(&authority, notes, "..", &beside);
	/* In a sticky folder the group renames nothing but its own. */
	if (!(folder.st_mode & S_ISVTX))
		add_group(&authority, &folder);
	if (!(beside.st_mode & S_ISVTX))
		add_group(&authority, &beside);
	return authority;
}
