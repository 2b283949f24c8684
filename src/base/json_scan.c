/* SPDX-License-Identifier: MIT */
#include "base/json_scan.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/text_map.h"

#include <ncmodel/limits.h>
#include <string.h>

struct piece {
	const char *text;
	size_t size;
	bool plain; /* written without escapes */
	unsigned note;
};

/*
 * The keys of the object that is open at one depth. Objects mostly have the keys of the one before them, in its order:
 * as long as that holds, none of them can be there twice.
 */
struct keys {
	struct piece *list;
	size_t known; /* in the list, all different */
	size_t count; /* of this object; up to there the list is its own */
	bool differs; /* from the object before: since then `seen` has them, too */
	struct ncm_text_map seen;
};

/* The NUL behind the text fits nowhere in the grammar, so that only runs of many bytes look at `end`. */
struct ncm_json_scan {
	const char *at;
	const char *end;
	const char *fault;
	unsigned depth;
	bool first; /* nothing read yet in the array or object just entered */
	struct keys keys[NCM_LIMIT_JSON_DEPTH + 1];
	struct ncm_arena decoded;
};

struct ncm_json_scan *ncm_json_scan_new(const char *text, size_t size)
{
	struct ncm_json_scan *scan = ncm_calloc(1, sizeof *scan);

	scan->at = text;
	scan->end = text + size;
	return scan;
}

void ncm_json_scan_free(struct ncm_json_scan *scan)
{
	if (!scan)
		return;
	for (size_t i = 0; i < sizeof scan->keys / sizeof *scan->keys; i++) {
		ncm_text_map_free(&scan->keys[i].seen);
		free(scan->keys[i].list);
	}
	ncm_arena_free(&scan->decoded);
	free(scan);
}

const char *ncm_json_scan_place(const struct ncm_json_scan *scan)
{
	return scan->at;
}

const char *ncm_json_scan_fault(const struct ncm_json_scan *scan)
{
	return scan->fault;
}

static bool fail(struct ncm_json_scan *scan, const char *fault)
{
	if (!scan->fault)
		scan->fault = scan->at < scan->end ? fault : "it ends too early";
	return false;
}

/* Eight bytes, the first one lowest. */
static uint64_t load(const char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof word);
	return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap64(word) : word;
}

/* Every byte of a word. */
static uint64_t every(unsigned char byte)
{
	return byte * UINT64_C(0x0101010101010101);
}

static inline void skip_space(struct ncm_json_scan *scan)
{
	const char *at = scan->at;

	while (*at == '\n' || *at == ' ' || *at == '\r' || *at == '\t') {
		at++;
		while (scan->end - at >= 8) { /* indentation */
			const uint64_t other = load(at) ^ every(' ');

			at += other ? (unsigned)__builtin_ctzll(other) / 8 : 8;
			if (other)
				break;
		}
	}
	scan->at = at;
}

/* The first byte that is not plain: a quote, a backslash, a control character, or no ASCII. */
static inline const char *plain_end(const char *at, const char *end)
{
	while (end - at >= 8) {
		const uint64_t word = load(at);
		const uint64_t quote = word ^ every('"'), backslash = word ^ every('\\');
		/* A high bit for each byte that is 0, or below 0x20; bytes above the lowest such one may be wrong. */
		const uint64_t found =
		    ((quote - every(1)) & ~quote) | ((backslash - every(1)) & ~backslash) | (word - every(0x20)) | word;

		if (found & every(0x80))
			return at + (unsigned)__builtin_ctzll(found & every(0x80)) / 8;
		at += 8;
	}
	while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' && *at != '\\')
		at++;
	return at;
}

static int hex_value(char digit)
{
	return digit >= '0' && digit <= '9'   ? digit - '0'
	       : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
	       : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
					      : -1;
}

/* The number of "\uXXXX", or -1. */
static int32_t unicode_escape(const char *at)
{
	int32_t value = 0;

	if (at[0] != '\\' || at[1] != 'u')
		return -1;
	for (unsigned i = 2; i < 6; i++) {
		const int digit = hex_value(at[i]);

		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

static bool is_high(int32_t value)
{
	return value >= 0xd800 && value <= 0xdbff;
}

static bool is_low(int32_t value)
{
	return value >= 0xdc00 && value <= 0xdfff;
}

static bool read_escape(struct ncm_json_scan *scan)
{
	int32_t value;

	if (scan->at[1] != 'u') {
		if (scan->at[1] == '\0' || !strchr("\"\\/bfnrt", scan->at[1]))
			return fail(scan, "there is no such escape");
		scan->at += 2;
		return true;
	}
	value = unicode_escape(scan->at);
	if (value < 0 || is_low(value) || (is_high(value) && !is_low(unicode_escape(scan->at + 6))))
		return fail(scan, "this escape is no character");
	if (value == 0)
		return fail(scan, "a string may not hold NUL");
	scan->at += is_high(value) ? 12 : 6;
	return true;
}

/* What is not plain in a string. */
static bool read_special(struct ncm_json_scan *scan)
{
	uint32_t character;
	size_t length;

	if (*scan->at == '\\')
		return read_escape(scan);
	if ((unsigned char)*scan->at < 0x20)
		return fail(scan, "a string may not hold a control character");
	length = ncm_utf8_decode(scan->at, (size_t)(scan->end - scan->at), &character);
	if (length == 0)
		return fail(scan, "this is not UTF-8");
	scan->at += length;
	return true;
}

static bool read_string(struct ncm_json_scan *scan, struct ncm_json_part *part)
{
	scan->at++;
	part->kind = NCM_JSON_STRING;
	part->text = scan->at;
	part->escaped = false;
	while (*(scan->at = plain_end(scan->at, scan->end)) != '"') {
		part->escaped = part->escaped || *scan->at == '\\';
		if (!read_special(scan))
			return false;
	}
	part->size = (size_t)(scan->at - part->text);
	scan->at++;
	return true;
}

static bool skip_digits(struct ncm_json_scan *scan)
{
	const char *start = scan->at;

	while (*scan->at >= '0' && *scan->at <= '9')
		scan->at++;
	return scan->at > start;
}

/* `exponent` tells whether the number has one, and so can be too large for a double. */
static bool skip_number(struct ncm_json_scan *scan, enum ncm_json_kind *kind, bool *exponent)
{
	*kind = NCM_JSON_INTEGER;
	*exponent = false;
	if (*scan->at == '-')
		scan->at++;
	if (*scan->at == '0')
		scan->at++;
	else if (!skip_digits(scan))
		return false;
	if (*scan->at == '.') {
		scan->at++;
		*kind = NCM_JSON_REAL;
		if (!skip_digits(scan))
			return false;
	}
	if (*scan->at == 'e' || *scan->at == 'E') {
		scan->at++;
		*kind = NCM_JSON_REAL;
		*exponent = true;
		if (*scan->at == '+' || *scan->at == '-')
			scan->at++;
		if (!skip_digits(scan))
			return false;
	}
	return true;
}

/* Whether an int64_t or a double can hold it. */
static bool fits(const struct ncm_json_part *part, bool exponent)
{
	enum { SURE_INTEGER = 18, SURE_REAL = 300 }; /* digits */
	int64_t integer;
	json_t *tree;

	if (part->kind == NCM_JSON_INTEGER)
		return part->size <= SURE_INTEGER || ncm_json_part_int64(part, &integer);
	if (!exponent && part->size <= SURE_REAL)
		return true;
	tree = ncm_json_part_tree(part);
	if (!tree)
		return false;
	json_decref(tree);
	return true;
}

static bool read_number(struct ncm_json_scan *scan, struct ncm_json_part *part)
{
	bool exponent;

	part->text = scan->at;
	part->escaped = false;
	if (!skip_number(scan, &part->kind, &exponent))
		return fail(scan, "a digit was expected");
	part->size = (size_t)(scan->at - part->text);
	return fits(part, exponent) || fail(scan, "the number before this is too large");
}

static bool read_word(struct ncm_json_scan *scan, struct ncm_json_part *part)
{
	static const struct {
		const char *word;
		enum ncm_json_kind kind;
	} words[] = {{"null", NCM_JSON_NULL}, {"true", NCM_JSON_TRUE}, {"false", NCM_JSON_FALSE}};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		const size_t size = strlen(words[i].word);

		if (strncmp(scan->at, words[i].word, size) != 0)
			continue;
		*part = (struct ncm_json_part){.kind = words[i].kind, .text = scan->at, .size = size};
		scan->at += size;
		return true;
	}
	return fail(scan, "a value was expected");
}

enum ncm_json_kind ncm_json_scan_next(struct ncm_json_scan *scan)
{
	if (scan->fault)
		return NCM_JSON_NONE;
	skip_space(scan);
	switch (*scan->at) {
	case '{':
		return NCM_JSON_OBJECT;
	case '[':
		return NCM_JSON_ARRAY;
	case '"':
		return NCM_JSON_STRING;
	case 'n':
		return NCM_JSON_NULL;
	case 't':
		return NCM_JSON_TRUE;
	case 'f':
		return NCM_JSON_FALSE;
	default:
		return NCM_JSON_INTEGER;
	}
}

bool ncm_json_scan_enter(struct ncm_json_scan *scan)
{
	const enum ncm_json_kind kind = ncm_json_scan_next(scan);

	if (kind == NCM_JSON_NONE)
		return false;
	if (kind != NCM_JSON_OBJECT && kind != NCM_JSON_ARRAY)
		return fail(scan, "'{' or '[' was expected");
	if (scan->depth == NCM_LIMIT_JSON_DEPTH)
		return fail(scan, "it is nested too deep");
	scan->depth++;
	scan->at++;
	scan->first = true;
	scan->keys[scan->depth].count = 0;
	scan->keys[scan->depth].differs = false;
	return true;
}

/* Whether another member or value comes in what is open; if not, it is left. */
static bool more(struct ncm_json_scan *scan, char close, const char *expected)
{
	if (scan->fault)
		return false;
	skip_space(scan);
	if (*scan->at == close) {
		scan->at++;
		scan->depth--;
		scan->first = false;
		return false;
	}
	if (!scan->first) {
		if (*scan->at != ',')
			return fail(scan, expected);
		scan->at++;
		skip_space(scan);
	}
	scan->first = false;
	return true;
}

bool ncm_json_scan_item(struct ncm_json_scan *scan)
{
	return more(scan, ']', "',' or ']' was expected");
}

/* Returns whether the key is the object's first of that name. */
static bool note_key(struct keys *keys, const struct ncm_json_part *key, bool plain)
{
	if (!keys->differs) {
		keys->differs = true;
		keys->known = keys->count;
		ncm_text_map_clear(&keys->seen);
		for (size_t i = 0; i < keys->known; i++)
			ncm_text_map_add(&keys->seen, keys->list[i].text, keys->list[i].size, i);
	}
	keys->count++;
	*NCM_PUSH(keys->list, keys->known) = (struct piece){key->text, key->size, plain, 0};
	return ncm_text_map_add(&keys->seen, key->text, key->size, keys->count);
}

/* Reads the key if it is the one that the object before had here. */
static bool read_likely_key(struct ncm_json_scan *scan, struct keys *keys, struct ncm_json_part *key)
{
	const struct piece *likely;

	if (keys->differs || keys->count >= keys->known)
		return false;
	likely = &keys->list[keys->count];
	if (!likely->plain || (size_t)(scan->end - scan->at) < likely->size + 2 || scan->at[likely->size + 1] != '"' ||
	    memcmp(scan->at + 1, likely->text, likely->size) != 0)
		return false;
	*key = (struct ncm_json_part){.kind = NCM_JSON_STRING, .text = scan->at + 1, .size = likely->size};
	scan->at += likely->size + 2;
	keys->count++;
	return true;
}

static bool read_key(struct ncm_json_scan *scan, struct ncm_json_part *key)
{
	struct keys *keys = &scan->keys[scan->depth];
	bool plain;

	if (*scan->at != '"')
		return fail(scan, "a key in quotes was expected");
	if (read_likely_key(scan, keys, key))
		return true;
	if (!read_string(scan, key))
		return false;
	plain = !key->escaped;
	if (!plain) {
		key->text = ncm_json_part_decode(key, &scan->decoded);
		key->size = strlen(key->text);
		key->escaped = false;
	}
	return note_key(keys, key, plain) || fail(scan, "the key before this is there twice");
}

unsigned *ncm_json_scan_note(struct ncm_json_scan *scan)
{
	const struct keys *keys = &scan->keys[scan->depth];

	return &keys->list[keys->count - 1].note;
}

bool ncm_json_scan_key(struct ncm_json_scan *scan, struct ncm_json_part *key)
{
	if (!more(scan, '}', "',' or '}' was expected") || !read_key(scan, key))
		return false;
	if (*scan->at != ':') {
		skip_space(scan);
		if (*scan->at != ':')
			return fail(scan, "':' was expected");
	}
	scan->at++;
	return true;
}

/* Recurses no deeper than NCM_LIMIT_JSON_DEPTH. */
static bool read_container(struct ncm_json_scan *scan, enum ncm_json_kind kind, struct ncm_json_part *part)
{
	const char *start = scan->at;
	struct ncm_json_part key, value;

	if (!ncm_json_scan_enter(scan))
		return false;
	while (kind == NCM_JSON_OBJECT ? ncm_json_scan_key(scan, &key) : ncm_json_scan_item(scan))
		ncm_json_scan_value(scan, &value);
	*part = (struct ncm_json_part){.kind = kind, .text = start, .size = (size_t)(scan->at - start)};
	return !scan->fault;
}

static bool read_value(struct ncm_json_scan *scan, struct ncm_json_part *value)
{
	const enum ncm_json_kind kind = ncm_json_scan_next(scan);

	switch (kind) {
	case NCM_JSON_NONE:
		return false;
	case NCM_JSON_STRING:
		return read_string(scan, value);
	case NCM_JSON_OBJECT:
	case NCM_JSON_ARRAY:
		return read_container(scan, kind, value);
	default:
		return *scan->at == '-' || (*scan->at >= '0' && *scan->at <= '9') ? read_number(scan, value)
										  : read_word(scan, value);
	}
}

bool ncm_json_scan_value(struct ncm_json_scan *scan, struct ncm_json_part *value)
{
	if (read_value(scan, value))
		return true;
	value->kind = NCM_JSON_NONE;
	return false;
}

bool ncm_json_scan_end(struct ncm_json_scan *scan)
{
	if (scan->fault)
		return false;
	skip_space(scan);
	return scan->at == scan->end || fail(scan, "something follows the document");
}
