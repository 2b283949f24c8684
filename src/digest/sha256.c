/* SPDX-License-Identifier: MIT */
#include <ncmodel/digest.h>

#include <string.h>

/* A table, because models.json may hold a hundred thousand digests, and no branch foresees a digit of one. */
static int nibble(char c, bool any_case)
{
	static const signed char values[UINT8_MAX + 1] = {
	    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
	    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
	    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16}; /* one more than the value */

	return !any_case && c >= 'A' && c <= 'F' ? -1 : values[(unsigned char)c] - 1;
}

static int parse(const char *text, struct ncm_sha256 *digest, bool any_case)
{
	struct ncm_sha256 value;

	if (!text)
		return -1;
	if (strncmp(text, "sha256:", 7) == 0)
		text += 7;
	for (size_t i = 0; i < sizeof value.bytes; i++) {
		int high = nibble(text[2 * i], any_case);
		int low = high < 0 ? -1 : nibble(text[2 * i + 1], any_case);

		if (low < 0)
			return -1;
		value.bytes[i] = (uint8_t)(high << 4 | low);
	}
	if (text[NCM_SHA256_HEX] != '\0')
		return -1;
	*digest = value;
	return 0;
}

int ncm_sha256_parse(const char *text, struct ncm_sha256 *digest)
{
	return parse(text, digest, false);
}

int ncm_sha256_parse_any_case(const char *text, struct ncm_sha256 *digest)
{
	return parse(text, digest, true);
}

char *ncm_sha256_hex(const struct ncm_sha256 *digest, char hex[NCM_SHA256_HEX + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < sizeof digest->bytes; i++) {
		hex[2 * i] = digits[digest->bytes[i] >> 4];
		hex[2 * i + 1] = digits[digest->bytes[i] & 15];
	}
	hex[NCM_SHA256_HEX] = '\0';
	return hex;
}

bool ncm_sha256_equal(const struct ncm_sha256 *a, const struct ncm_sha256 *b)
{
	return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool ncm_sha256_is_zero(const struct ncm_sha256 *digest)
{
	static const struct ncm_sha256 zero;

	return ncm_sha256_equal(digest, &zero);
}
