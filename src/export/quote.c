/* SPDX-License-Identifier: MIT */
#include "export/export.h"

#include "base/escape.h"

#include <string.h>

bool export_is_plain(const char *text)
{
	size_t left = strlen(text);
	uint32_t character;

	while (left > 0) {
		const size_t size = ncm_utf8_decode(text, left, &character);

		if (size == 0 || ncm_char_is_unsafe(character))
			return false;
		text += size;
		left -= size;
	}
	return true;
}

char *export_compose_text(const char *text)
{
	struct ncm_buffer out = {0};

	for (; *text; text++)
		ncm_buffer_add(&out, *text == '$' ? "$$" : text, *text == '$' ? 2 : 1);
	return ncm_buffer_take(&out);
}

char *export_systemd_word(const char *text)
{
	struct ncm_buffer out = {0};

	ncm_buffer_puts(&out, "\"");
	for (; *text; text++) {
		const unsigned char byte = (unsigned char)*text;

		if (byte == '"' || byte == '\\')
			ncm_buffer_printf(&out, "\\%c", byte);
		else if (byte == '%' || byte == '$')
			ncm_buffer_printf(&out, "%c%c", byte, byte);
		else if (byte < ' ' || byte == 0x7f)
			ncm_buffer_printf(&out, "\\x%02x", byte);
		else
			ncm_buffer_add(&out, text, 1);
	}
	ncm_buffer_puts(&out, "\"");
	return ncm_buffer_take(&out);
}

/* In single quotes all three take everything as it is but the quote itself and a line break. */
char *export_variable(const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@+,";
	struct ncm_buffer out = {0};

	if (strchr(text, '\'') || !export_is_plain(text))
		return NULL;
	if (text[strspn(text, plain)] == '\0')
		ncm_buffer_puts(&out, text);
	else
		ncm_buffer_printf(&out, "'%s'", text);
	return ncm_buffer_take(&out);
}

char *export_xml_text(const char *text)
{
	struct ncm_buffer out = {0};

	for (; *text; text++) {
		if (*text == '&' || *text == '<' || *text == '>')
			ncm_buffer_puts(&out, *text == '&' ? "&amp;" : *text == '<' ? "&lt;" : "&gt;");
		else
			ncm_buffer_add(&out, text, 1);
	}
	return ncm_buffer_take(&out);
}

/* Backslashes mean something before a quote alone: there each is doubled. */
char *export_windows_word(const char *text)
{
	struct ncm_buffer out = {0};

	ncm_buffer_puts(&out, "\"");
	while (*text) {
		const size_t slashes = strspn(text, "\\");
		const bool is_before_quote = text[slashes] == '"' || text[slashes] == '\0';

		for (size_t i = 0; i < slashes; i++)
			ncm_buffer_puts(&out, is_before_quote ? "\\\\" : "\\");
		text += slashes;
		if (*text == '"')
			ncm_buffer_puts(&out, "\\");
		if (*text)
			ncm_buffer_add(&out, text++, 1);
	}
	ncm_buffer_puts(&out, "\"");
	return ncm_buffer_take(&out);
}
