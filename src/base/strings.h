/* SPDX-License-Identifier: MIT */
/* Lists of strings. ncm_strings_free and ncm_strings_contain are public (manifest.h). */
#ifndef NCM_BASE_STRINGS_H
#define NCM_BASE_STRINGS_H

#include <ncmodel/manifest.h>

/* Appends a copy. */
void ncm_strings_add(struct ncm_strings *strings, const char *text);
/* Appends a copy of a word (or NULL) that is not there yet. */
void ncm_strings_add_new(struct ncm_strings *strings, const char *word);
/* Appends copies of all of `from`. */
void ncm_strings_add_all(struct ncm_strings *strings, const struct ncm_strings *from);

#endif
