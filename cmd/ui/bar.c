/* SPDX-License-Identifier: MIT */
#include "ui/bar.h"

#include "ui/text.h"

#include <stdlib.h>

const char *bar_sign(size_t part)
{
	static const char *const full[] = {"█", "▓", "▒", "░"}, *const plain[] = {"#", "=", "-", "+"};

	return (text_is_utf8() ? full : plain)[part];
}

/* Adds it `times` times, as far as there is room. Returns what room is left. */
static size_t add(char **text, const char *sign, size_t times, size_t room)
{
	for (; times > 0 && room > 0; times--, room--) {
		char *longer = text_format("%s%s", *text, sign);

		free(*text);
		*text = longer;
	}
	return room;
}

char *bar_stacked(const uint64_t *parts, size_t count, uint64_t whole, size_t columns)
{
	char *text = text_copy("");
	size_t room = columns;
	double scale = 0;

	for (size_t i = 0; i < count; i++)
		scale += (double)parts[i];
	scale = scale > (double)whole ? scale : (double)whole;
	for (size_t i = 0; i < count && scale > 0; i++) {
		const size_t wide = (size_t)((double)parts[i] / scale * (double)columns + 0.5);

		room = add(&text, bar_sign(i), wide == 0 && parts[i] > 0 ? 1 : wide, room);
	}
	(void)add(&text, text_is_utf8() ? "·" : ".", room, room);
	return text;
}
