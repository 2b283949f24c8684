/* SPDX-License-Identifier: MIT */
/* Names of an address's parameters, and what their values look like. */
#ifndef NCM_BASE_SECRET_NAMES_H
#define NCM_BASE_SECRET_NAMES_H

#include <stdbool.h>

/* Whether a parameter of that name is a key, a signature, or a part of what is signed. Case, '-', '_' and '.' do not
 * matter. */
bool ncm_names_secret(const char *name);
/* Whether a parameter of that name chooses a file, so that its value may look like anything. */
bool ncm_names_choice(const char *name);
/* Whether a value has a word such as people do not write: long, of letters and digits or of both cases. */
bool ncm_looks_random(const char *value);

#endif
