/* SPDX-License-Identifier: MIT */
/* What the system knows of its users. */
#ifndef NCM_BASE_USER_H
#define NCM_BASE_USER_H

#include <stdbool.h>
#include <sys/stat.h>

/* Whether the user is of that group, by the system's user database; one that it does not know is of none. */
bool ncm_user_has_group(uid_t user, gid_t group);
/* Whether the user could put files into the folder and take all others' out of it, as far as its mode tells. */
bool ncm_user_rules(uid_t user, const struct stat *folder);

#endif
