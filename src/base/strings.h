/* SPDX-License-Identifier: MIT */
/* Strings, and lists of them. ncm_strings_add, ncm_strings_free and ncm_strings_contain are public (manifest.h). */
#ifndef NCM_BASE_STRINGS_H
#define NCM_BASE_STRINGS_H

#include <ncmodel/manifest.h>

/* The same text, or both NULL. */
bool ncm_same_text(const char *a, const char *b);
/* Whether two words are the same but for case, spaces, '-' and '_': "Quick chat" and "QuickChat". */
bool ncm_same_words(const char *one, const char *other);
/* Whether a word (or NULL: then not) is one of a list that ends with NULL. */
bool ncm_is_among(const char *word, const char *const *words);
/* With ASCII letters in lower case. The caller frees it. */
char *ncm_lower(const char *text);
/* Appends a string and becomes its owner. */
void ncm_strings_take(struct ncm_strings *strings, char *text);
/* Appends a copy of a word (or NULL) that is not there yet. */
void ncm_strings_add_new(struct ncm_strings *strings, const char *word);
/* Appends copies of all of `from`. */
void ncm_strings_add_all(struct ncm_strings *strings, const struct ncm_strings *from);
/* Sorts them, and drops those that are there twice. */
void ncm_strings_unite(struct ncm_strings *strings);
/* Whether a list that was united holds the word. */
bool ncm_strings_hold(const struct ncm_strings *sorted, const char *word);

#endif
