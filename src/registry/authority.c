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
#include "os/os.h"

#include <errno.h>
#include <string.h>

static bool could_remove(uint32_t user, const struct os_stat *folder, const struct os_stat *file)
{
	const unsigned by_group = OS_GROUP_WRITES | OS_GROUP_ENTERS;

	if (user == 0 || user == os_user() || user == file->owner || user == folder->owner)
		return true;
	return (folder->mode & by_group) == by_group && !(folder->mode & OS_STICKY) &&
	       os_user_has_group(user, folder->group);
}

static bool group_may_remove(uint32_t group, const struct os_stat *folder)
{
	const unsigned by_group = OS_GROUP_WRITES | OS_GROUP_ENTERS;

	return folder->group == group && (folder->mode & by_group) == by_group && !(folder->mode & OS_STICKY);
}

static bool anybody_may_remove(const struct os_stat *folder)
{
	return (folder->mode & OS_ALL_WRITE) && !(folder->mode & OS_STICKY);
}

bool authority_is_believed(const struct authority *authority, const struct os_stat *folder, const struct os_stat *file)
{
	if (authority->anybody)
		return authority->modeless && folder->device == authority->device &&
		       file->device == authority->device && anybody_may_remove(folder);
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
static bool nearest_folder(const char *path, struct os_stat *status)
{
	NCM_AUTO_FREE char *folder = ncm_strdup(path);
	char *slash;

	while ((slash = strrchr(folder, '/'))) {
		slash[slash == folder] = '\0';
		if (os_stat(OS_HERE, folder, status) == 0)
			return true;
		if (errno != ENOENT || slash == folder)
			return false;
	}
	return false;
}

bool authority_is_believed_of(const struct authority *authority, const char *path)
{
	struct os_stat folder, file;

	if (!nearest_folder(path, &folder))
		return false;
	if (os_lstat(OS_HERE, path, &file) < 0) {
		if (errno != ENOENT)
			return false;
		file.owner = folder.owner;
		file.device = folder.device;
	}
	/* Who may write what says so may write the folder too. */
	if (authority->anybody && anybody_may_remove(&folder))
		return true;
	return authority_is_believed(authority, &folder, &file);
}

/* A group of its own that a user has by convention, so that what he makes may be writable by it, is himself. */
static void add_group(struct authority *authority, const struct os_stat *status)
{
	if ((status->mode & OS_GROUP_WRITES) && !os_group_is_alone(status->group, status->owner))
		authority->groups[authority->group_count++] = status->group;
}

/*
 * What lies in a folder of a group, and has the folder's group, was made (or put there) by one of that group, or by the
 * folder's owner or root: its own user is one of them, whether or not the user database knows him.
 */
static bool is_by_group(const struct os_stat *made, const struct os_stat *folder)
{
	return ncm_own_is_groups(folder) && made->group == folder->group &&
	       !os_group_is_alone(folder->group, folder->owner);
}

static void add_writer(struct authority *authority, const struct os_stat *file, const struct os_stat *folder)
{
	if (!is_by_group(file, folder))
		authority->users[authority->count++] = file->owner;
}

static bool is_same(const struct os_stat *one, const struct os_stat *other)
{
	return one->device == other->device && one->inode == other->inode;
}

/* The owner of a folder, unless that lies in a folder of its group that somebody else shares: then he is of the group.
 */
static void add_owner(struct authority *authority, int at, const char *path, const struct os_stat *status)
{
	NCM_AUTO_FREE char *above = ncm_asprintf("%s/..", path);
	struct os_stat folder;

	if (os_stat(at, above, &folder) == 0 && !is_same(&folder, status) && is_by_group(status, &folder)) {
		if (folder.owner == status->owner)
			add_owner(authority, at, above, &folder);
		return;
	}
	authority->users[authority->count++] = status->owner;
}

/* Whether anybody may put a file of his own in the place of one there. */
static bool is_open_to_all(int folder, const char *relative, struct os_stat *status)
{
	return os_stat(folder, relative, status) < 0 || (status->mode & OS_ALL_WRITE) != 0;
}

static void set_modeless(struct authority *authority, uint64_t device, unsigned lacks)
{
	authority->modeless = (lacks & NCM_LACKS_MODES) != 0;
	authority->device = device;
}

struct authority authority_of_registry(const char *path)
{
	NCM_AUTO_FREE char *name = ncm_strndup(path, (size_t)(ncm_path_base(path) - path));
	struct authority authority = {.count = 0};
	struct os_stat folder = {0}, file;

	/* Where there is none it says nothing. */
	if (os_stat(OS_HERE, path, &file) < 0) {
		authority.anybody = errno != ENOENT;
		return authority;
	}
	authority.owner = file.owner;
	authority.anybody = is_open_to_all(OS_HERE, name, &folder) || (file.mode & OS_ALL_WRITE) != 0;
	if (authority.anybody && file.device == folder.device)
		set_modeless(&authority, folder.device, ncm_lacks_at(name));
	add_writer(&authority, &file, &folder);
	add_owner(&authority, OS_HERE, name, &folder);
	add_group(&authority, &file);
	add_group(&authority, &folder);
	return authority;
}

struct authority authority_of_note(int notes, int note)
{
	struct authority authority = {.count = 0};
	struct os_stat folder, beside, file = {0};

	authority.anybody = os_fstat(note, &file) < 0 || is_open_to_all(notes, ".", &folder) ||
			    is_open_to_all(notes, "..", &beside) || file.kind != OS_IS_FILE || file.links != 1 ||
			    (file.mode & (OS_GROUP_WRITES | OS_ALL_WRITE)) != 0;
	if (authority.anybody) {
		if (file.kind == OS_IS_FILE)
			set_modeless(&authority, file.device, ncm_lacks_of(notes));
		return authority;
	}
	authority.owner = file.owner;
	add_writer(&authority, &file, &folder);
	add_owner(&authority, notes, ".", &folder);
	add_owner(&authority, notes, "..", &beside);
	/* In a sticky folder the group renames nothing but its own. */
	if (!(folder.mode & OS_STICKY))
		add_group(&authority, &folder);
	if (!(beside.mode & OS_STICKY))
		add_group(&authority, &beside);
	return authority;
}
