/* SPDX-License-Identifier: MIT */
/* "Did you mean": the words closest to what was typed. */
#ifndef NCM_BASE_NEAREST_H
#define NCM_BASE_NEAREST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The letters to insert, drop, change or swap to get from one word to the other; ASCII case does not count. Words are
 * compared by their first 128 bytes. */
size_t ncm_edit_distance(const char *a, const char *b);

/* Whether so many edits may be typing errors in a word of that length: one in a short word, a third of a longer one. */
bool ncm_is_near(size_t distance, size_t length);

/* Keeps the nearest of the words that it is offered, and those that begin so; what is not near is another word. The
 * words are borrowed. */
enum { NCM_NEAREST = 3 };
struct ncm_nearest {
	const char *to;
	const char *words[NCM_NEAREST];
	size_t distances[NCM_NEAREST];
	size_t count;
};
void ncm_nearest_offer(struct ncm_nearest *nearest, const char *word);
/* Offers a word whose distance (may be NCM_NOT_NEAR) is known. */
void ncm_nearest_offer_at(struct ncm_nearest *nearest, const char *word, size_t distance);
#define NCM_NOT_NEAR SIZE_MAX
/* As ncm_edit_distance to a name, or, a little farther, to one of its parts: "codr" is near "deepseek-coder-v2".
 * NCM_NOT_NEAR: neither is near. */
size_t ncm_name_distance(const char *typed, const char *name);
/* The best word, or NULL. */
const char *ncm_nearest_close(const struct ncm_nearest *nearest);
/* "a, b or c", or NULL if nothing was offered. The caller frees it. */
char *ncm_nearest_list(const struct ncm_nearest *nearest);

#endif
