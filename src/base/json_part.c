/* SPDX-License-Identifier: MIT */
/* What the parts of a scanned text stand for, and trees of them. They have passed the scan: nothing is checked again.
 */
#include "base/json_scan.h"

#include "base/buffer.h"

#include <string.h>

bool ncm_json_part_is(const struct ncm_json_part *part, const char *text)
{
	return strncmp(text, part->text, part->size) == 0 && text[part->size] == '\0';
}

bool ncm_json_part_int64(const struct ncm_json_part *part, int64_t *integer)
{
	const bool negative = *part->text == '-';
	int64_t value = 0;

	for (size_t i = negative; i < part->size; i++) {
		const int digit = part->text[i] - '0';

		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, negative ? -digit : digit, &value))
			return false;
	}
	*integer = value;
	return true;
}

int64_t ncm_json_part_integer(const struct ncm_json_part *part)
{
	int64_t integer = 0;

	(void)ncm_json_part_int64(part, &integer);
	return integer;
}

/*
 * Up to 15 digits and a power of ten up to 10^15 are doubles without rounding; their quotient is then the nearest
 * double to what is written. (Clinger, How to read floating point numbers accurately, 1990.)
 */
static bool short_number(const struct ncm_json_part *part, double *value)
{
	enum { EXACT_DIGITS = 15 };
	static const double powers[EXACT_DIGITS + 1] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
							1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
	const bool negative = *part->text == '-';
	bool fraction = false;
	unsigned digits = 0, decimals = 0;
	int64_t mantissa = 0;

	for (size_t i = negative; i < part->size; i++) {
		if (part->text[i] == '.') {
			fraction = true;
			continue;
		}
		if (part->text[i] < '0' || part->text[i] > '9' || ++digits > EXACT_DIGITS)
			return false;
		mantissa = mantissa * 10 + (part->text[i] - '0');
		decimals += fraction;
	}
	*value = (double)mantissa / powers[decimals];
	if (negative)
		*value = -*value;
	return true;
}

double ncm_json_part_number(const struct ncm_json_part *part)
{
	double value;
	json_t *tree;

	if (short_number(part, &value))
		return value;
	tree = ncm_json_part_tree(part);
	value = json_number_value(tree);
	json_decref(tree);
	return value;
}

static uint32_t hex_number(const char *digits)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < 4; i++) {
		const char digit = digits[i];

		value = value << 4 | (uint32_t)(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
	}
	return value;
}

/* "\uXXXX", or the two of a surrogate pair. Returns how much was read. */
static size_t decode_unicode(const char *at, char **out)
{
	uint32_t c = hex_number(at + 2);
	const bool pair = c >= 0xd800 && c <= 0xdfff;
	char *to = *out;

	if (pair)
		c = 0x10000 + ((c - 0xd800) << 10) + (hex_number(at + 8) - 0xdc00);
	if (c < 0x80) {
		*to++ = (char)c;
	} else {
		const unsigned rest = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
		static const unsigned char heads[] = {0, 0xc0, 0xe0, 0xf0};

		*to++ = (char)(heads[rest] | c >> (6 * rest));
		for (unsigned left = rest; left > 0; left--)
			*to++ = (char)(0x80 | (c >> (6 * (left - 1)) & 0x3f));
	}
	*out = to;
	return pair ? 12 : 6;
}

char *ncm_json_part_decode(const struct ncm_json_part *part, struct ncm_arena *arena)
{
	static const char letters[] = "bfnrt", meanings[] = "\b\f\n\r\t";
	const char *at = part->text, *end = part->text + part->size;
	char *start = ncm_arena_take(arena, part->size + 1);
	char *out = start;

	while (at < end) {
		const char *letter;

		if (*at != '\\') {
			*out++ = *at++;
		} else if (at[1] == 'u') {
			at += decode_unicode(at, &out);
		} else {
			letter = strchr(letters, at[1]);
			*out++ = letter ? meanings[letter - letters] : at[1];
			at += 2;
		}
	}
	*out = '\0';
	return start;
}

json_t *ncm_json_part_tree(const struct ncm_json_part *part)
{
	const size_t quote = part->kind == NCM_JSON_STRING;

	return json_loadb(part->text - quote, part->size + 2 * quote, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
}

/* A tree made of what a scan hands on: the parser's own takes several times as long. */
static json_t *build_string(const struct ncm_json_part *part)
{
	struct ncm_arena decoded = {0};
	json_t *string;

	if (!part->escaped)
		return json_stringn_nocheck(part->text, part->size);
	string = json_string_nocheck(ncm_json_part_decode(part, &decoded));
	ncm_arena_free(&decoded);
	return string;
}

static json_t *build_scalar(struct ncm_json_scan *scan)
{
	struct ncm_json_part part;

	if (!ncm_json_scan_value(scan, &part))
		return NULL;
	switch (part.kind) {
	case NCM_JSON_STRING:
		return build_string(&part);
	case NCM_JSON_INTEGER:
		return json_integer(ncm_json_part_integer(&part));
	case NCM_JSON_REAL:
		return json_real(ncm_json_part_number(&part));
	case NCM_JSON_NULL:
		return json_null();
	default:
		return json_boolean(part.kind == NCM_JSON_TRUE);
	}
}

/* `name` is for the keys of this object alone: what a key holds has keys of its own. */
static json_t *build_object(struct ncm_json_scan *scan)
{
	json_t *object = json_object();
	struct ncm_buffer name = {0};
	struct ncm_json_part key;

	ncm_json_scan_enter(scan);
	while (ncm_json_scan_key(scan, &key)) {
		name.size = 0;
		ncm_buffer_add(&name, key.text, key.size);
		json_object_set_new_nocheck(object, name.data, ncm_json_scan_tree(scan));
	}
	ncm_buffer_free(&name);
	return object;
}

static json_t *build_array(struct ncm_json_scan *scan)
{
	json_t *array = json_array();

	ncm_json_scan_enter(scan);
	while (ncm_json_scan_item(scan))
		json_array_append_new(array, ncm_json_scan_tree(scan));
	return array;
}

json_t *ncm_json_scan_tree(struct ncm_json_scan *scan)
{
	switch (ncm_json_scan_next(scan)) {
	case NCM_JSON_OBJECT:
		return build_object(scan);
	case NCM_JSON_ARRAY:
		return build_array(scan);
	default:
		return build_scalar(scan);
	}
}
