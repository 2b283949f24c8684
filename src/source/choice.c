/* SPDX-License-Identifier: MIT */
/* A choice among many files, "?include=GLOB&exclude=GLOB…", as a part of an URI: what remembers the URI remembers it.
 */
#include "source/shared.h"

#include "base/mem.h"
#include "base/strings.h"

#include <string.h>

enum { MOST_GLOBS = 100 };

static const char include_mark[] = "include=", exclude_mark[] = "exclude=";

bool ncm_source_is_choice(const char *text)
{
	return *text == '?' && (strncmp(text + 1, include_mark, strlen(include_mark)) == 0 ||
				strncmp(text + 1, exclude_mark, strlen(exclude_mark)) == 0);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In one order, so that the same choice is the same URI. */
static void sort(struct ncm_strings *globs)
{
	if (globs->count > 1)
		qsort(globs->items, globs->count, sizeof *globs->items, compare);
}

static int add_glob(const char *text, size_t length, struct ncm_strings *globs)
{
	NCM_AUTO_FREE char *glob = ncm_source_decode(text, length);

	if (!glob || !*glob || globs->count >= MOST_GLOBS)
		return -1;
	ncm_strings_add_new(globs, glob);
	return 0;
}

int ncm_source_parse_choice(const char *text, struct ncm_strings *include, struct ncm_strings *exclude)
{
	while (*text) {
		const size_t length = strcspn(text, "&"), mark = strlen(include_mark);
		const bool includes = strncmp(text, include_mark, mark) == 0;

		if ((!includes && strncmp(text, exclude_mark, mark) != 0) ||
		    add_glob(text + mark, length - mark, includes ? include : exclude) < 0)
			return -1;
		text += length + (text[length] == '&');
	}
	sort(include);
	sort(exclude);
	return 0;
}

void ncm_source_add_choice(const struct ncm_strings *more, struct ncm_strings *globs)
{
	for (size_t i = 0; i < more->count; i++)
		ncm_strings_add_new(globs, more->items[i]);
	sort(globs);
}

void ncm_source_add_encoded(struct ncm_buffer *out, const char *text, const char *plain)
{
	for (const char *c = text; *c; c++) {
		const bool word = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');

		if (word || strchr("-._", *c) || strchr(plain, *c))
			ncm_buffer_add(out, c, 1);
		else
			ncm_buffer_printf(out, "%%%02X", (unsigned char)*c);
	}
}

static void spell_globs(const struct ncm_strings *globs, const char *mark, bool *first, struct ncm_buffer *out)
{
	for (size_t i = 0; i < globs->count; i++) {
		ncm_buffer_printf(out, "%s%s", *first ? "?" : "&", mark);
		ncm_source_add_encoded(out, globs->items[i], "*/[]!+=,");
		*first = false;
	}
}

void ncm_source_spell_choice(const struct ncm_strings *include, const struct ncm_strings *exclude,
			     struct ncm_buffer *out)
{
	bool first = true;

	spell_globs(include, include_mark, &first, out);
	spell_globs(exclude, exclude_mark, &first, out);
}
