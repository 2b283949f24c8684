/* SPDX-License-Identifier: MIT */
#include "source/card.h"

#include "base/address.h"
#include "base/escape.h"
#include "base/mem.h"
#include "base/strings.h"

#include <stddef.h>
#include <string.h>

enum { MOST_WORDS = 64, LONGEST = 500 };

static const size_t texts[] = {offsetof(struct ncm_card, base_model), offsetof(struct ncm_card, model_name),
			       offsetof(struct ncm_card, version_name), offsetof(struct ncm_card, page),
			       offsetof(struct ncm_card, preview)};
enum { TEXTS = sizeof texts / sizeof *texts };

static char **text_of(struct ncm_card *card, size_t number)
{
	return (char **)((char *)card + texts[number]);
}

void card_copy(struct ncm_card *to, const struct ncm_card *from)
{
	*to = (struct ncm_card){0};
	card_fill(to, from);
}

void card_fill(struct ncm_card *card, const struct ncm_card *from)
{
	struct ncm_card other = *from;

	for (size_t i = 0; i < TEXTS; i++)
		card_say(text_of(card, i), *text_of(&other, i));
	if (card->trigger_words.count == 0)
		ncm_strings_add_all(&card->trigger_words, &from->trigger_words);
	if (!(card->preferred_weight > 0))
		card->preferred_weight = from->preferred_weight;
}

void card_clear(struct ncm_card *card)
{
	for (size_t i = 0; i < TEXTS; i++)
		free(*text_of(card, i));
	ncm_strings_free(&card->trigger_words);
	*card = (struct ncm_card){0};
}

static char *cut(const char *text, size_t size)
{
	NCM_AUTO_FREE char *whole = ncm_strndup(text, size);

	return ncm_strndup(whole, size > LONGEST ? ncm_utf8_fit(whole, LONGEST) : size);
}

void card_add_word(struct ncm_card *card, const char *word, size_t size)
{
	NCM_AUTO_FREE char *own = NULL;

	while (size > 0 && strchr(" \t\r\n", *word))
		word++, size--;
	while (size > 0 && strchr(" \t\r\n", word[size - 1]))
		size--;
	if (size == 0 || card->trigger_words.count >= MOST_WORDS)
		return;
	own = cut(word, size);
	ncm_strings_add_new(&card->trigger_words, own);
}

void card_say(char **text, const char *value)
{
	if (!*text && value && *value && !ncm_text_has_secret(value))
		*text = cut(value, strlen(value));
}
