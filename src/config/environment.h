/* SPDX-License-Identifier: MIT */
/* The environment, for whoever finds what others put down there. */
#ifndef NCM_CONFIG_ENVIRONMENT_H
#define NCM_CONFIG_ENVIRONMENT_H

#include <stdbool.h>

/* A variable's value; an empty one counts as unset: NULL. */
const char *config_env(const char *name);
/* Whether a variable says yes: "1", "on", "yes" or "true" in any case. */
bool config_is_on(const char *name);
/* The user's home folder, absolute. The caller frees it. */
char *config_home(void);
/* $<variable>, else <home>/<fallback>. The caller frees it. */
char *config_xdg(const char *variable, const char *fallback);
/* Absolute; "~/" is the home folder, a relative path lies below `base` (NULL: the working folder). The caller frees it.
 */
char *config_path(const char *base, const char *path);

#endif
