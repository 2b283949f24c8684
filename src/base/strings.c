/* SPDX-License-Identifier: MIT */
#include "base/strings.h"

#include "base/mem.h"

#include <strings.h>

void ncm_strings_add(struct ncm_strings *strings, const char *text)
{
	*NCM_PUSH(strings->items, strings->count) = ncm_strdup(text);
}

void ncm_strings_add_new(struct ncm_strings *strings, const char *word)
{
	if (word && !ncm_strings_contain(strings, word))
		ncm_strings_add(strings, word);
}

void ncm_strings_add_all(struct ncm_strings *strings, const struct ncm_strings *from)
{
	for (size_t i = 0; i < from->count; i++)
		ncm_strings_add(strings, from->items[i]);
}

void ncm_strings_free(struct ncm_strings *strings)
{
	for (size_t i = 0; i < strings->count; i++)
		free(strings->items[i]);
	free(strings->items);
	*strings = (struct ncm_strings){0};
}

bool ncm_strings_contain(const struct ncm_strings *strings, const char *word)
{
	for (size_t i = 0; i < strings->count; i++) {
		if (strcasecmp(strings->items[i], word) == 0)
			return true;
	}
	return false;
}
