/* SPDX-License-Identifier: MIT */
#include "manifest/words.h"

#include "base/mem.h"

#include <string.h>

/* Of ASCII alone, as strcasecmp has it. */
static void lower(const char *word, size_t size, char *to)
{
	for (size_t i = 0; i < size; i++)
		to[i] = (char)(word[i] >= 'A' && word[i] <= 'Z' ? word[i] + ('a' - 'A') : word[i]);
}

void ncm_word_index_add(struct ncm_word_index *index, const char *word, size_t number)
{
	const size_t size = strlen(word);
	char *key = ncm_arena_take(&index->memory, size + 1);
	struct ncm_word_hit *hit = ncm_arena_take(&index->memory, sizeof *hit);
	const struct ncm_word_hit **head;

	lower(word, size, key);
	if (ncm_text_map_add(&index->words, key, size, index->count))
		(void)NCM_PUSH(index->hits, index->count);
	head = &index->hits[*ncm_text_map_find(&index->words, key, size)];
	*hit = (struct ncm_word_hit){number, *head};
	*head = hit;
}

const struct ncm_word_hit *ncm_word_index_find(const struct ncm_word_index *index, const char *word)
{
	const size_t size = strlen(word);
	NCM_AUTO_FREE char *key = ncm_malloc(size);
	const uint32_t *place;

	lower(word, size, key);
	place = ncm_text_map_find(&index->words, key, size);
	return place ? index->hits[*place] : NULL;
}

void ncm_word_index_free(struct ncm_word_index *index)
{
	ncm_text_map_free(&index->words);
	ncm_arena_free(&index->memory);
	free(index->hits);
	*index = (struct ncm_word_index){0};
}
