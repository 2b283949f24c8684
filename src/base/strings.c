/* SPDX-License-Identifier: MIT */
#include "base/strings.h"

#include "base/mem.h"

#include <string.h>
#include <strings.h>

bool ncm_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool ncm_same_words(const char *one, const char *other)
{
	static const char joints[] = " \t-_";

	for (;; one++, other++) {
		one += strspn(one, joints);
		other += strspn(other, joints);
		if (*one == '\0' || *other == '\0')
			return *one == *other;
		if (strncasecmp(one, other, 1) != 0)
			return false;
	}
}

bool ncm_is_among(const char *word, const char *const *words)
{
	for (; word && *words; words++) {
		if (strcmp(word, *words) == 0)
			return true;
	}
	return false;
}

char *ncm_lower(const char *text)
{
	char *lower = ncm_strdup(text);

	for (char *at = lower; *at; at++) {
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at - 'A' + 'a');
	}
	return lower;
}

void ncm_strings_take(struct ncm_strings *strings, char *text)
{
	if (strings->count >= strings->room) {
		strings->room = strings->count ? strings->count * 2 : 1;
		strings->items = ncm_realloc_array(strings->items, strings->room, sizeof *strings->items);
	}
	strings->items[strings->count++] = text;
}

void ncm_strings_add(struct ncm_strings *strings, const char *text)
{
	ncm_strings_take(strings, ncm_strdup(text));
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

bool ncm_strings_mean(const struct ncm_strings *strings, const char *word)
{
	for (size_t i = 0; i < strings->count; i++) {
		if (ncm_same_words(strings->items[i], word))
			return true;
	}
	return false;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void ncm_strings_unite(struct ncm_strings *strings)
{
	size_t kept = 0;

	if (strings->count > 1)
		qsort(strings->items, strings->count, sizeof *strings->items, compare);
	for (size_t i = 0; i < strings->count; i++) {
		if (kept > 0 && strcmp(strings->items[kept - 1], strings->items[i]) == 0)
			free(strings->items[i]);
		else
			strings->items[kept++] = strings->items[i];
	}
	strings->count = kept;
}

bool ncm_strings_hold(const struct ncm_strings *sorted, const char *word)
{
	return sorted->count > 0 && bsearch(&word, sorted->items, sorted->count, sizeof *sorted->items, compare);
}
