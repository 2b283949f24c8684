/* SPDX-License-Identifier: MIT */
#include "search.h"

#include "ui/text.h"

#include <string.h>

static bool is_in(const char *word, const char *text)
{
	return text && strcasestr(text, word);
}

static bool is_in_any(const char *word, const struct ncm_strings *texts)
{
	for (size_t i = 0; i < texts->count; i++) {
		if (is_in(word, texts->items[i]))
			return true;
	}
	return false;
}

static bool has_registered(const void *of, const char *word)
{
	const struct ncm_reg_model *model = of;
	const struct ncm_card *card = &model->card;
	const char *const texts[] = {model->id,        model->display_name, model->kind,        model->architecture,
				     card->base_model, card->model_name,    card->version_name, model->source};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (is_in(word, texts[i]))
			return true;
	}
	return is_in_any(word, &card->trigger_words) || is_in_any(word, &model->tags) ||
	       is_in_any(word, &model->use_cases) || is_in_any(word, &model->aliases);
}

static bool has_offered(const void *of, const char *word)
{
	const struct ncm_model *model = of;
	const char *const texts[] = {model->id, model->name, model->kind, model->architecture, model->description};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (is_in(word, texts[i]))
			return true;
	}
	return is_in_any(word, &model->aliases) || is_in_any(word, &model->tags) || is_in_any(word, &model->use_cases);
}

static bool finds(const char *text, const void *model, bool (*has)(const void *model, const char *word))
{
	AUTO_FREE char *words = text_copy(text ? text : "");
	char *rest = words;

	for (char *word; (word = strsep(&rest, " ")) != NULL;) {
		if (*word && !has(model, word))
			return false;
	}
	return true;
}

bool search_finds_registered(const char *text, const struct ncm_reg_model *model)
{
	return finds(text, model, has_registered);
}

bool search_finds_offered(const char *text, const struct ncm_model *model)
{
	return finds(text, model, has_offered);
}
