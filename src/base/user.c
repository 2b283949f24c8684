/* SPDX-License-Identifier: MIT */
#include "base/user.h"

#include "base/mem.h"

#include <grp.h>
#include <pwd.h>

enum {
	PASSWD_BYTES = 65536,
	MOST_GROUPS = 65536,
};

bool ncm_user_has_group(uid_t user, gid_t group)
{
	NCM_AUTO_FREE char *room = ncm_malloc(PASSWD_BYTES);
	NCM_AUTO_FREE gid_t *groups = ncm_calloc(MOST_GROUPS, sizeof *groups);
	struct passwd entry, *found = NULL;
	int count = MOST_GROUPS;

	if (getpwuid_r(user, &entry, room, PASSWD_BYTES, &found) != 0 || !found ||
	    getgrouplist(found->pw_name, found->pw_gid, groups, &count) < 0)
		return false;
	for (int i = 0; i < count; i++) {
		if (groups[i] == group)
			return true;
	}
	return false;
}

bool ncm_user_rules(uid_t user, const struct stat *folder)
{
	const mode_t by_group = S_IWGRP | S_IXGRP, by_all = S_IWOTH | S_IXOTH;

	if (user == 0 || user == folder->st_uid)
		return true;
	if (folder->st_mode & S_ISVTX)
		return false;
	return (folder->st_mode & by_all) == by_all ||
	       ((folder->st_mode & by_group) == by_group && ncm_user_has_group(user, folder->st_gid));
}
