/* SPDX-License-Identifier: MIT */
/*
 * What is secret: parameters of addresses, by their names and by what their values look like; and the secrets that this
 * process has, so that a text which quotes one, a server's for example, is told without it.
 */
#ifndef NCM_BASE_SECRETS_H
#define NCM_BASE_SECRETS_H

#include <stdbool.h>

/* Whether a parameter of that name is a key, a signature, or a part of what is signed. Case, '-', '_' and '.' do not
 * matter. */
bool ncm_names_secret(const char *name);
/* Whether a parameter of that name chooses a file, so that its value may look like anything. */
bool ncm_names_choice(const char *name);
/* Whether a value has a word such as people do not write: long, of letters and digits or of both cases. */
bool ncm_looks_random(const char *value);

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
