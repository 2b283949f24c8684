/* SPDX-License-Identifier: MIT */
#include "base/user.h"

#include "base/mem.h"
#include "os/os.h"

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
