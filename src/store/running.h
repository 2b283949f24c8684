/* SPDX-License-Identifier: MIT */
/* Which programs run on this machine, as far as /proc shows it. */
#ifndef NCM_STORE_RUNNING_H
#define NCM_STORE_RUNNING_H

#include <stdbool.h>
#include <sys/types.h>

/* Whether a program of that name (as the kernel has it) runs as this user. */
bool running_as(const char *name, uid_t user);

#endif
