/* SPDX-License-Identifier: MIT */
/* From words, whatever their case, to the numbers of all that they name. */
#ifndef NCM_MANIFEST_WORDS_H
#define NCM_MANIFEST_WORDS_H

#include "base/arena.h"
#include "base/text_map.h"

struct ncm_word_hit {
	size_t number;
	const struct ncm_word_hit *next; /* or NULL */
};

/* All zero: empty. */
struct ncm_word_index {
	struct ncm_arena memory;
	struct ncm_text_map words; /* in lower case, to numbers of `hits` */
	const struct ncm_word_hit **hits;
	size_t count;
};

void ncm_word_index_add(struct ncm_word_index *index, const char *word, size_t number);
/* All numbers of a word, the last added first, or NULL. They live as long as the index. */
const struct ncm_word_hit *ncm_word_index_find(const struct ncm_word_index *index, const char *word);
void ncm_word_index_free(struct ncm_word_index *index);

#endif
