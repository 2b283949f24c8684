/* SPDX-License-Identifier: MIT */
#include "transfer/answer.h"

#include "base/buffer.h"
#include "base/mem.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "UTF-8'en'na%C3%AFve.bin" (RFC 8187). */
static char *decode_extended(const char *value)
{
	struct ncm_buffer out = {0};
	const char *text = strchr(value, '\'');

	if (!text || !(text = strchr(text + 1, '\'')) || strncasecmp(value, "utf-8'", 6) != 0)
		return NULL;
	for (text++; *text; text++) {
		int high = *text == '%' ? hex_digit(text[1]) : -1;
		int low = high >= 0 ? hex_digit(text[2]) : -1;
		char byte = low >= 0 ? (char)(high * 16 + low) : *text;

		if (byte == '\0')
			break;
		ncm_buffer_add(&out, &byte, 1);
		text += low >= 0 ? 2 : 0;
	}
	return ncm_buffer_take(&out);
}

/* A parameter's value at *at, a quoted string or a token; *at is moved behind it. */
static char *take_value(const char **at)
{
	struct ncm_buffer out = {0};
	const char *c = *at;

	if (*c == '"') {
		for (c++; *c && *c != '"'; c++) {
			if (*c == '\\' && c[1])
				c++;
			ncm_buffer_add(&out, c, 1);
		}
		c += *c == '"';
	} else {
		size_t length = strcspn(c, "; \t");

		ncm_buffer_add(&out, c, length);
		c += length;
	}
	*at = c;
	return ncm_buffer_take(&out);
}

char *ncm_disposition_name(const char *value)
{
	NCM_AUTO_FREE char *plain = NULL, *extended = NULL;
	const char *at = value + strcspn(value, ";");
	char **best;
	char *name;

	while (*at) {
		size_t length;
		char **slot = NULL;
		NCM_AUTO_FREE char *text = NULL;

		at += strspn(at, "; \t");
		length = strcspn(at, "=; \t");
		if (length == 9 && strncasecmp(at, "filename*", 9) == 0)
			slot = &extended;
		else if (length == 8 && strncasecmp(at, "filename", 8) == 0)
			slot = &plain;
		at += length;
		at += strspn(at, " \t");
		if (*at != '=')
			continue;
		at++;
		at += strspn(at, " \t");
		text = take_value(&at);
		if (slot && !*slot)
			*slot = slot == &extended ? decode_extended(text) : ncm_strdup(text);
	}
	best = extended && *extended ? &extended : &plain;
	name = *best && **best ? *best : NULL;
	if (name)
		*best = NULL;
	return name;
}
