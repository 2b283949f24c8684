/* SPDX-License-Identifier: MIT */
/* The secrets that this process has, so that a text which quotes one, a server's for example, is told without it. */
#ifndef NCM_BASE_SECRET_VALUES_H
#define NCM_BASE_SECRET_VALUES_H

#include <stdbool.h>

/* Remembers one; a short one, which could be a word, is not. From any thread. */
void ncm_secret_note(const char *value);
/* Remembers a variable of the environment that may hold one, so that no program which we start gets it. `name` is
 * static.
 */
void ncm_secret_note_variable(const char *name);
/* Whether "NAME=value" is of such a variable. */
bool ncm_secret_is_variable(const char *entry);
/* Wipes all. */
void ncm_secrets_forget(void);
/* Takes a text and gives it with "[secret]" in the place of each. From any thread. */
char *ncm_secrets_masked(char *text);

#endif
