/* SPDX-License-Identifier: MIT */
#include "oci/challenge.h"

#include "base/buffer.h"
#include "base/mem.h"

#include <string.h>
#include <strings.h>

void oci_challenge_clear(struct oci_challenge *challenge)
{
	free(challenge->realm);
	free(challenge->service);
	free(challenge->scope);
	*challenge = (struct oci_challenge){0};
}

/* Reads a token or a quoted string (RFC 9110, 5.6). *at moves behind it. The caller frees it. */
static char *read_value(const char **at)
{
	struct ncm_buffer value = {0};
	const char *c = *at;

	if (*c != '"') {
		size_t length = strcspn(c, ", \t");

		*at = c + length;
		return ncm_strndup(c, length);
	}
	for (c++; *c && *c != '"'; c++) {
		if (*c == '\\' && c[1])
			c++;
		ncm_buffer_add(&value, c, 1);
	}
	*at = *c ? c + 1 : c;
	return ncm_buffer_take(&value);
}

static bool is_word(const char *text, size_t length, const char *word)
{
	return length == strlen(word) && strncasecmp(text, word, length) == 0;
}

static void take_parameter(struct oci_challenge *challenge, const char *name, size_t length, char *value)
{
	char **field = NULL;

	if (is_word(name, length, "realm"))
		field = &challenge->realm;
	else if (is_word(name, length, "service"))
		field = &challenge->service;
	else if (is_word(name, length, "scope"))
		field = &challenge->scope;
	if (field && !*field)
		*field = value;
	else
		free(value);
}

/* A parameter belongs to the scheme that was named last. */
enum scheme { NO_SCHEME, BEARER, AFTER_BEARER };

void oci_challenge_parse(const char *text, struct oci_challenge *challenge)
{
	enum scheme scheme = NO_SCHEME;

	*challenge = (struct oci_challenge){0};
	for (const char *c = text; *c;) {
		const char *word = c + strspn(c, ", \t");
		const size_t length = strcspn(word, "=, \t");

		c = word + length;
		if (*c == '=') {
			char *value;

			c++;
			value = read_value(&c);
			if (scheme == BEARER)
				take_parameter(challenge, word, length, value);
			else
				free(value);
		} else if (length > 0) {
			const bool first = scheme == NO_SCHEME && is_word(word, length, "Bearer");

			scheme = first ? BEARER : scheme == BEARER ? AFTER_BEARER : scheme;
			challenge->basic = challenge->basic || is_word(word, length, "Basic");
		}
	}
}
