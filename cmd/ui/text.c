/* SPDX-License-Identifier: MIT */
#include "ui/text.h"

#include <ncmodel/limits.h>
#include <ncmodel/text.h>

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	LONGEST_PATH = 1024, /* bytes shown */
};

void text_free_variable(void *variable)
{
	free(*(void **)variable);
}

static void *need(void *memory)
{
	if (!memory) {
		fputs("ncmodel: out of memory\n", stderr);
		abort();
	}
	return memory;
}

void *memory_grow(void *memory, size_t count, size_t size)
{
	char *grown = need(count > SIZE_MAX / size ? NULL : realloc(memory, count * size));

	memset(grown + (count - 1) * size, 0, size);
	return grown;
}

char *text_copy(const char *text)
{
	return need(strdup(text));
}

char *text_format(const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	return need(text);
}

/* Of a sign that this program writes itself; "" for others. */
static const char *ascii_form(uint32_t character)
{
	switch (character) {
	case 0x2013: /* – */
	case 0x2014: /* — */
		return "-";
	case 0x2026: /* … */
		return "...";
	case 0x2192: /* → */
		return "->";
	default:
		return "";
	}
}

/* A CI system trims spaces before it looks for "::" and finds "##[" anywhere in a line. */
static char *disarm(char *text)
{
	char *out = text;
	char *at;

	if (!strchr(text, '#') && !strchr(text, ':'))
		return text;
	while ((at = strstr(out, "##["))) {
		char *changed = text_format("%.*s\\x23%s", (int)(at - out), out, at + 1);

		free(out);
		out = changed;
	}
	at = strstr(out, "::");
	if (at) {
		const char *before = out;

		while (before < at && !isalnum((unsigned char)*before))
			before++;
		if (before == at) {
			char *changed = text_format("%.*s\\x3a%s", (int)(at - out), out, at + 1);

			free(out);
			out = changed;
		}
	}
	return out;
}

static bool utf8;

void text_set_utf8(bool locale_is)
{
	utf8 = locale_is;
}

bool text_is_utf8(void)
{
	return utf8;
}

/* Takes and gives a text: what the locale has no signs for as code points. */
static char *in_locale(char *text)
{
	if (text_is_utf8())
		return text;
	for (size_t at = 0; text[at]; at++) {
		uint32_t character;
		size_t length;
		char code[16];
		char *changed;

		if (!(text[at] & 0x80))
			continue;
		length = text_decode(text + at, &character);
		snprintf(code, sizeof code, "\\u{%x}", (unsigned)character);
		changed = text_format("%.*s%s%s", (int)at, text, *ascii_form(character) ? ascii_form(character) : code,
				      text + at + length);
		free(text);
		text = changed;
	}
	return text;
}

char *text_safe_long(const char *foreign, size_t max)
{
	return disarm(in_locale(need(ncm_escape(foreign ? foreign : "", max))));
}

char *text_word(const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+,=";
	char *word, *at;

	if (*text && text[strspn(text, plain)] == '\0')
		return text_copy(text);
	at = word = need(malloc(4 * strlen(text) + 3));
	*at++ = '\'';
	for (; *text; text++) {
		if (*text == '\'')
			at = stpcpy(at, "'\\'");
		*at++ = *text;
	}
	strcpy(at, "'");
	return word;
}

char *text_safe_path(const char *foreign)
{
	return text_safe_long(foreign, LONGEST_PATH);
}

char *text_safe(const char *foreign)
{
	return text_safe_long(foreign, 0);
}

bool text_is_safe(const char *foreign)
{
	size_t size = 0;

	while (foreign[size] >= ' ' && foreign[size] <= '~' && !strchr(":#?&", foreign[size]))
		size++;
	return foreign[size] == '\0' && size <= NCM_LIMIT_MESSAGE;
}

size_t text_decode(const char *text, uint32_t *character)
{
	const unsigned char *bytes = (const unsigned char *)text;
	size_t length = bytes[0] < 0xc2 ? 1 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : bytes[0] < 0xf5 ? 4 : 1;
	uint32_t value = length == 1 ? bytes[0] : bytes[0] & (0xffu >> (length + 1));

	if (bytes[0] == 0)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((bytes[i] & 0xc0) != 0x80) {
			*character = bytes[0];
			return 1;
		}
		value = value << 6 | (bytes[i] & 0x3fu);
	}
	*character = value;
	return length;
}

/* Locale-independent: combining marks take no column; East Asian wide characters and emoji take two (UAX #11). */
static size_t character_width(uint32_t c)
{
	static const uint32_t none[][2] = {{0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},
					   {0x64b, 0x65f},   {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
					   {0x20d0, 0x20f0}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};
	static const uint32_t wide[][2] = {{0x1100, 0x115f},   {0x2e80, 0x303e},  {0x3041, 0xa4cf}, {0xac00, 0xd7a3},
					   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},  {0xff00, 0xff60}, {0xffe0, 0xffe6},
					   {0x1f300, 0x1faff}, {0x20000, 0x3fffd}};

	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		if (c >= none[i][0] && c <= none[i][1])
			return 0;
	}
	for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
		if (c >= wide[i][0] && c <= wide[i][1])
			return 2;
	}
	return 1;
}

size_t text_width(const char *text)
{
	size_t width = 0, length;
	uint32_t character;

	for (; *text && (unsigned char)*text < 0x80; text++) /* mostly all of it */
		width++;
	for (; (length = text_decode(text, &character)) > 0; text += length)
		width += character_width(character);
	return width;
}

/* Bytes of the longest beginning of the text that takes at most `width` columns. */
static size_t prefix_bytes(const char *text, size_t width)
{
	const char *at = text;
	uint32_t character;
	size_t length;

	while ((length = text_decode(at, &character)) > 0 && character_width(character) <= width) {
		width -= character_width(character);
		at += length;
	}
	return (size_t)(at - text);
}

char *text_shorten(const char *text, size_t width)
{
	const size_t whole = text_width(text);
	size_t head, tail;

	if (whole <= width)
		return text_copy(text);
	if (width < 2)
		return text_copy(width ? (text_is_utf8() ? "…" : "~") : "");
	head = prefix_bytes(text, width / 2);
	tail = prefix_bytes(text, whole - (width - 1 - width / 2));
	if (text_width(text + tail) > width - 1 - width / 2) { /* a wide character straddles the cut */
		uint32_t character;

		tail += text_decode(text + tail, &character);
	}
	return text_format("%.*s%s%s", (int)head, text, text_is_utf8() ? "…" : "~", text + tail);
}

static bool is_url_or_path(const char *word)
{
	const char *sign = strstr(word, "://");

	return *word == '/' || (sign && sign < word + strcspn(word, " "));
}

/*
 * Bytes of the first line when the text is wrapped to `width` columns: all of it if it fits, else up to the last space,
 * else up to behind the last sign that parts a name ("/", "-", …), else as much as fits, at least a character. An URL
 * or a path stays whole: it is copied from there.
 */
static size_t text_line(const char *text, size_t width)
{
	size_t most = prefix_bytes(text, width), at;
	uint32_t character;

	if (text[most] == '\0' || text[most] == ' ')
		return most;
	for (at = most; at > 0 && text[at - 1] != ' '; at--)
		;
	for (; at > 0 && text[at - 1] == ' '; at--)
		;
	if (at > 0)
		return at;
	if (is_url_or_path(text))
		return strcspn(text, " ");
	for (at = most; at > 1 && !strchr("/-:,.@", text[at - 1]); at--)
		;
	return at > 1 ? at : most > 0 ? most : text_decode(text, &character);
}

char *text_wrap(const char *text, size_t width, size_t indent)
{
	const size_t room = width > indent + 8 ? width - indent : 8;
	size_t length = width > 0 ? text_line(text, room) : strlen(text);
	char *wrapped = text_format("%.*s", (int)length, text);

	for (text += length; *text; text += length) {
		char *longer;

		text += strspn(text, " ");
		length = text_line(text, room);
		longer = text_format("%s\n%*s%.*s", wrapped, (int)indent, "", (int)length, text);
		free(wrapped);
		wrapped = longer;
	}
	return wrapped;
}

const char *text_plural(uint64_t count, const char *one, const char *many)
{
	return count == 1 ? one : many;
}

void words_add(struct ncm_strings *words, const char *word)
{
	ncm_strings_add(words, word);
}

void words_add_new(struct ncm_strings *words, const char *word)
{
	for (size_t i = 0; i < words->count; i++) {
		if (strcmp(words->items[i], word) == 0)
			return;
	}
	words_add(words, word);
}

char *words_join(const struct ncm_strings *words, const char *separator)
{
	char *joined = text_copy("");
	size_t size = 0;

	for (size_t i = 0; i < words->count; i++) {
		AUTO_FREE char *safe = text_is_safe(words->items[i]) ? NULL : text_safe(words->items[i]);
		const char *word = safe ? safe : words->items[i], *before = i > 0 ? separator : "";
		const size_t more = strlen(before) + strlen(word);

		joined = memory_grow(joined, size + more + 1, 1);
		memcpy(joined + size, before, strlen(before));
		memcpy(joined + size + strlen(before), word, strlen(word) + 1);
		size += more;
	}
	return joined;
}

char *text_size(uint64_t bytes, const struct ncm_doubt *doubt)
{
	char size[32];

	ncm_format_size(bytes, size, sizeof size);
	if (doubt->unknown == 0)
		return text_format("%s%s", doubt->expected > 0 ? "~" : "", size);
	if (bytes == 0)
		return text_format("%zu of unknown size", doubt->unknown);
	return text_format("%s%s and %zu of unknown size", doubt->expected > 0 ? "~" : "", size, doubt->unknown);
}

char *text_vram(double least, double most, bool at_least)
{
	if (most <= 0)
		return text_copy("");
	if (least > 0 && least < most)
		return text_format("%g-%g GB", least, most);
	return text_format("%g%s GB", most, at_least ? "+" : "");
}
