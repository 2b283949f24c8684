/* SPDX-License-Identifier: MIT */
/*
 * Globs: '*' any bytes ('/' too), '?' one byte, "[a-z]" and "[!a-z]" one of a set; nothing is quoted. In time at most
 * pattern times text, whatever a manifest holds, which fnmatch does not promise.
 */
#include "source/shared.h"

#include "base/mem.h"

#include <string.h>

/* Matches one byte against the set at `pattern`. Returns the set's length if it matches, else 0. *is_set tells whether
 * it is one: '[' without an end stands for itself. */
static size_t match_set(const char *pattern, char byte, bool *is_set)
{
	const unsigned char *c = (const unsigned char *)pattern + 1;
	const unsigned char wanted = (unsigned char)byte;
	bool negated = *c == '!' || *c == '^';
	const unsigned char *first = c + negated;
	bool found = false;

	for (c = first; *c && (*c != ']' || c == first); c++) {
		if (c[1] == '-' && c[2] && c[2] != ']') {
			found = found || (wanted >= c[0] && wanted <= c[2]);
			c += 2;
		} else {
			found = found || *c == wanted;
		}
	}
	*is_set = *c == ']';
	return *is_set && found != negated ? (size_t)((const char *)c + 1 - pattern) : 0;
}

/* How much of the pattern one byte matches; 0: it does not. */
static size_t match_one(const char *pattern, char byte)
{
	bool is_set = false;
	size_t length;

	if (*pattern == '?')
		return 1;
	if (*pattern == '[') {
		length = match_set(pattern, byte, &is_set);
		if (is_set)
			return length;
	}
	return *pattern == byte ? 1 : 0;
}

bool ncm_source_glob(const char *pattern, const char *text)
{
	const char *star = NULL, *resume = NULL;

	while (*text) {
		size_t length;

		if (*pattern == '*') {
			star = ++pattern;
			resume = text;
			continue;
		}
		length = *pattern ? match_one(pattern, *text) : 0;
		if (length > 0) {
			pattern += length;
			text++;
		} else if (star) { /* the last '*' takes one byte more */
			pattern = star;
			text = ++resume;
		} else {
			return false;
		}
	}
	return pattern[strspn(pattern, "*")] == '\0';
}

/* As the hub's own client has it, a pattern that ends in '/' is all below it. */
static bool matches_any(const struct ncm_strings *patterns, const char *path)
{
	for (size_t i = 0; i < patterns->count; i++) {
		const char *pattern = patterns->items[i];
		const size_t length = strlen(pattern);
		NCM_AUTO_FREE char *all =
		    length > 0 && pattern[length - 1] == '/' ? ncm_asprintf("%s*", pattern) : NULL;

		if (ncm_source_glob(all ? all : pattern, path))
			return true;
	}
	return false;
}

bool ncm_source_passes(const struct ncm_strings *include, const struct ncm_strings *exclude, const char *path)
{
	return (include->count == 0 || matches_any(include, path)) && !matches_any(exclude, path);
}
