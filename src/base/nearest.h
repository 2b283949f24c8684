/* SPDX-License-Identifier: MIT */
/* "Did you mean": the words closest to what was typed. */
#ifndef NCM_BASE_NEAREST_H
#define NCM_BASE_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

/* The letters to insert, drop, change or swap to get from one word to the other; ASCII case does not count. Words are
 * compared by their first 128 bytes. */
size_t ncm_edit_distance(const char *a, const char *b);

/* Keeps the nearest of the words that it is offered. The words are borrowed. */
enum { NCM_NEAREST = 3 };
struct ncm_nearest {
	const char *to;
	const char *words[NCM_NEAREST];
	size_t distances[NCM_NEAREST];
	size_t count;
};
void ncm_nearest_offer(struct ncm_nearest *nearest, const char *word);
/* Offers a word whose distance is known. */
void ncm_nearest_offer_at(struct ncm_nearest *nearest, const char *word, size_t distance);
/* Offers a word unless more than half of it would be another text: such a name was not meant. */
void ncm_nearest_offer_similar(struct ncm_nearest *nearest, const char *word);
/* As ncm_edit_distance to a name, or, a little farther, to one of its parts: "codr" is near "deepseek-coder-v2". */
size_t ncm_name_distance(const char *typed, const char *name);
/* The best word if it is so close that it was probably meant, else NULL. */
const char *ncm_nearest_close(const struct ncm_nearest *nearest);
/* Whether the best word may have been meant: at most half of it would be another text. */
bool ncm_nearest_is_similar(const struct ncm_nearest *nearest);
/* "a, b or c", or NULL if nothing was offered. The caller frees it. */
char *ncm_nearest_list(const struct ncm_nearest *nearest);

#endif
