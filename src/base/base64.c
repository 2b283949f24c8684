/* SPDX-License-Identifier: MIT */
#include "base/base64.h"

#include "base/mem.h"
#include "os/os.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *ncm_base64(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	char *text = ncm_malloc((size + 2) / 3 * 4 + 1), *out = text;

	for (size_t i = 0; i < size; i += 3) {
		const size_t here = size - i < 3 ? size - i : 3;
		const uint32_t group = (uint32_t)bytes[i] << 16 | (here > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
				       (here > 2 ? bytes[i + 2] : 0);

		*out++ = digits[group >> 18];
		*out++ = digits[group >> 12 & 63];
		*out++ = here > 1 ? digits[group >> 6 & 63] : '=';
		*out++ = here > 2 ? digits[group & 63] : '=';
	}
	*out = '\0';
	return text;
}

/* The value of one group of four with `wanted` bytes in it; false if it is none. */
static bool read_group(const char *text, size_t wanted, uint32_t *group)
{
	*group = 0;
	for (size_t i = 0; i < 4; i++) {
		const char *digit = i <= wanted && text[i] ? strchr(digits, text[i]) : NULL;

		if (i <= wanted && !digit)
			return false;
		*group = *group << 6 | (digit ? (uint32_t)(digit - digits) : 0);
	}
	return (*group & (0xffffffu >> (8 * wanted))) == 0; /* no bits that belong to no byte */
}

char *ncm_base64_decode(const char *text, size_t length, size_t *size)
{
	const bool one = length > 0 && text[length - 1] == '=', two = one && length > 1 && text[length - 2] == '=';
	char *bytes;

	if (length % 4 != 0)
		return NULL;
	*size = length / 4 * 3 - one - two;
	bytes = ncm_malloc(*size + 1);
	for (size_t i = 0, at = 0; i < length; i += 4) {
		const size_t wanted = *size - at < 3 ? *size - at : 3;
		uint32_t group;

		if (!read_group(text + i, wanted, &group)) {
			os_wipe(bytes, at);
			free(bytes);
			return NULL;
		}
		for (size_t k = 0; k < wanted; k++)
			bytes[at++] = (char)(group >> (16 - 8 * k) & 0xff);
	}
	bytes[*size] = '\0';
	return bytes;
}
