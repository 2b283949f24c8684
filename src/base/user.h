/* SPDX-License-Identifier: MIT */
/* What the system knows of its users. */
#ifndef NCM_BASE_USER_H
#define NCM_BASE_USER_H

#include "os/file.h"

#include <stdbool.h>

/* Whether the user could put files into the folder and take all others' out of it, as far as its mode tells. */
bool ncm_user_rules(uint32_t user, const struct os_stat *folder);

#endif
