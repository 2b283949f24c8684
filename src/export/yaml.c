/* SPDX-License-Identifier: MIT */
#include "export/export.h"

#include "base/escape.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static void indent(struct ncm_buffer *out, size_t depth)
{
	ncm_buffer_printf(out, "%*s", (int)(2 * depth), "");
}

/* UTF-8's next character; jansson's strings are valid. */
static size_t decode(const char *text, uint32_t *character)
{
	const unsigned char first = (unsigned char)*text;
	const size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	*character = length == 1 ? first : first & (0x7fu >> length);
	for (size_t i = 1; i < length; i++)
		*character = *character << 6 | ((unsigned char)text[i] & 0x3f);
	return length;
}

/* What YAML does not take as it is (YAML 1.2.2, 5.1), and what would turn lines around in an editor. */
static bool is_to_escape(uint32_t c)
{
	return ncm_char_is_unsafe(c) || c == 0xfeff || c == 0xfffe || c == 0xffff;
}

static void put_text(const char *text, struct ncm_buffer *out)
{
	ncm_buffer_puts(out, "\"");
	while (*text) {
		uint32_t character;
		const size_t length = decode(text, &character);

		if (character == '"' || character == '\\')
			ncm_buffer_printf(out, "\\%c", (int)character);
		else if (is_to_escape(character))
			ncm_buffer_printf(out, character > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)character);
		else
			ncm_buffer_add(out, text, length);
		text += length;
	}
	ncm_buffer_puts(out, "\"");
}

/* Words that YAML 1.1 or 1.2 reads as something else than text. */
static bool is_reserved(const char *word)
{
	static const char *const words[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", NULL};
	size_t i = 0;

	while (words[i] && strcasecmp(words[i], word) != 0)
		i++;
	return words[i] != NULL;
}

static void put_key(const char *key, struct ncm_buffer *out)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";

	if (*key && key[strspn(key, letters)] == '\0' && !is_reserved(key))
		ncm_buffer_puts(out, key);
	else
		put_text(key, out);
}

static void put_scalar(const json_t *value, struct ncm_buffer *out)
{
	if (json_is_string(value))
		put_text(json_string_value(value), out);
	else if (json_is_integer(value))
		ncm_buffer_printf(out, "%lld", (long long)json_integer_value(value));
	else if (json_is_boolean(value))
		ncm_buffer_puts(out, json_is_true(value) ? "true" : "false");
	else if (json_is_array(value))
		ncm_buffer_puts(out, "[]");
	else
		ncm_buffer_puts(out, json_is_object(value) ? "{}" : "null");
}

static bool is_block(const json_t *value)
{
	return (json_is_object(value) && json_object_size(value) > 0) ||
	       (json_is_array(value) && json_array_size(value) > 0);
}

static void put_block(const json_t *value, size_t depth, bool goes_on, struct ncm_buffer *out);

static void put_member(const char *key, const json_t *value, size_t depth, struct ncm_buffer *out)
{
	put_key(key, out);
	ncm_buffer_puts(out, ":");
	if (is_block(value)) {
		ncm_buffer_puts(out, "\n");
		put_block(value, depth + 1, false, out);
		return;
	}
	ncm_buffer_puts(out, " ");
	put_scalar(value, out);
	ncm_buffer_puts(out, "\n");
}

static void put_item(const json_t *value, size_t depth, struct ncm_buffer *out)
{
	indent(out, depth);
	ncm_buffer_puts(out, "- ");
	if (is_block(value)) {
		put_block(value, depth + 1, true, out);
		return;
	}
	put_scalar(value, out);
	ncm_buffer_puts(out, "\n");
}

/* With `goes_on` its first line has begun. */
static void put_block(const json_t *value, size_t depth, bool goes_on, struct ncm_buffer *out)
{
	const char *key;
	json_t *member;
	size_t i;

	json_array_foreach(value, i, member) put_item(member, depth, out);
	json_object_foreach((json_t *)(uintptr_t)value, key, member)
	{
		if (!goes_on)
			indent(out, depth);
		put_member(key, member, depth, out);
		goes_on = false;
	}
}

void export_yaml(const json_t *value, struct ncm_buffer *out)
{
	put_block(value, 0, false, out);
}
