/* SPDX-License-Identifier: MIT */
#include "base/escape.h"

#include "base/address.h"
#include "base/buffer.h"
#include "base/mem.h"

#include <ncmodel/limits.h>
#include <ncmodel/text.h>

#include <string.h>

size_t ncm_utf8_decode(const char *text, size_t size, uint32_t *character)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *bytes = (const unsigned char *)text;
	size_t length;
	uint32_t value;

	if (size == 0)
		return 0;
	if (bytes[0] < 0x80) {
		*character = bytes[0];
		return 1;
	}
	length = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;
	if (bytes[0] < 0xc2 || bytes[0] > 0xf4 || length > size)
		return 0;
	value = bytes[0] & (0xffu >> (length + 1));
	for (size_t i = 1; i < length; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (bytes[i] & 0x3fu);
	}
	if (value < smallest[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	*character = value;
	return length;
}

bool ncm_char_is_unsafe(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f)      /* C0, DEL, C1 */
	       || c == 0xad || c == 0x61c || c == 0x180e /* soft hyphen, Arabic letter mark, Mongolian separator */
	       || (c >= 0x200b && c <= 0x200f)           /* zero width, direction marks */
	       || (c >= 0x2028 && c <= 0x202e)           /* line separators, embeddings, overrides */
	       || (c >= 0x2060 && c <= 0x206f)           /* word joiner, isolates */
	       || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
	       (c >= 0xe0000 && c <= 0xe007f); /* BOM, annotations, tags */
}

/* How much at the start is printable ASCII, which is most of what there is. */
static size_t plain_size(const char *text, size_t size)
{
	size_t plain = 0;

	while (plain < size && text[plain] >= 0x20 && text[plain] < 0x7f)
		plain++;
	return plain;
}

char *ncm_escape(const char *foreign, size_t max)
{
	NCM_AUTO_FREE char *text = ncm_text_shown(foreign);
	struct ncm_buffer out = {0};
	size_t size = strlen(text);
	size_t shown = max ? max : NCM_LIMIT_MESSAGE;
	size_t at = 0;

	if (shown > size)
		shown = size;
	while (at < shown) {
		const size_t plain = plain_size(text + at, shown - at);
		uint32_t character = 0;
		size_t length;

		ncm_buffer_add(&out, text + at, plain);
		at += plain;
		if (at == shown)
			break;
		length = ncm_utf8_decode(text + at, size - at, &character);
		if (length == 0 || (length == 1 && ncm_char_is_unsafe(character))) {
			ncm_buffer_printf(&out, "\\x%02x", (unsigned char)text[at]);
			at++;
		} else if (ncm_char_is_unsafe(character)) {
			ncm_buffer_printf(&out, "\\u{%x}", character);
			at += length;
		} else {
			ncm_buffer_add(&out, text + at, length);
			at += length;
		}
	}
	if (at < size)
		ncm_buffer_printf(&out, "…(%zu bytes)", size);
	return ncm_buffer_take(&out);
}

size_t ncm_utf8_fit(const char *text, size_t most)
{
	const size_t size = strnlen(text, most + 1);

	if (size <= most)
		return size;
	while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80)
		most--;
	return most;
}

char *ncm_shell_word(const char *text)
{
	struct ncm_buffer out = {0};

	ncm_buffer_puts(&out, "'");
	for (; *text; text++) {
		if (*text == '\'')
			ncm_buffer_puts(&out, "'\\''");
		else
			ncm_buffer_add(&out, text, 1);
	}
	ncm_buffer_puts(&out, "'");
	return ncm_buffer_take(&out);
}
