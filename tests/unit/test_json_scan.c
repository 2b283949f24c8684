/* SPDX-License-Identifier: MIT */
/* The scanner beside the parser: what one accepts the other does, and they read the same values. */
#include "base/json.h"
#include "base/json_scan.h"
#include "base/mem.h"
#include "base/text_map.h"
#include "check.h"

#include <ncmodel/limits.h>

/* A value as a tree, made of what the scan hands on. */
static json_t *scanned(const char *text, size_t size)
{
	/* At the end of its memory, so that a byte read too far is found out. */
	char *copied = memcpy(ncm_malloc(size + 1), text, size);
	struct ncm_json_scan *scan;
	struct ncm_json_part part;
	json_t *tree;

	copied[size] = '\0';
	scan = ncm_json_scan_new(copied, size);
	tree = ncm_json_scan_tree(scan);
	if (!ncm_json_scan_end(scan)) {
		CHECK(ncm_json_scan_fault(scan));
		CHECK(ncm_json_scan_place(scan) >= copied && ncm_json_scan_place(scan) <= copied + size);
		json_decref(tree);
		tree = NULL;
	}
	ncm_json_scan_free(scan);
	scan = ncm_json_scan_new(copied, size);
	/* Passed over in one go it is judged alike. */
	CHECK((ncm_json_scan_value(scan, &part) && ncm_json_scan_end(scan)) == (tree != NULL));
	ncm_json_scan_free(scan);
	free(copied);
	return tree;
}

static void check_alike(const char *text, size_t size)
{
	NCM_AUTO_JSON json_t *expected = ncm_json_parse(text, size, "x", NCM_E_MANIFEST, NULL);
	NCM_AUTO_JSON json_t *got = scanned(text, size);

	/* The parser takes no bare value. */
	if (got && !json_is_object(got) && !json_is_array(got))
		return;
	if (!expected != !got || (expected && !json_equal(expected, got))) {
		NCM_AUTO_FREE char *dump = got ? json_dumps(got, JSON_ENCODE_ANY) : NULL;

		fprintf(stderr, "%.*s\nthe parser %s it, the scan %s it: %s\n", (int)size, text,
			expected ? "takes" : "refuses", got ? "takes" : "refuses", dump ? dump : "");
		exit(1);
	}
}

static const char *const texts[] = {
    "{}",
    "[]",
    " [ ] \r\n\t",
    "{\"a\": 1, \"b\": [true, false, null], \"c\": {\"d\": \"e\"}}",
    "[{\"a\":1,\"b\":2},{\"a\":1,\"b\":2},{\"a\":1,\"a\":2}]",
    "[{\"a\":1,\"b\":2},{\"a\":1},{\"a\":1,\"b\":2,\"c\":3},{\"a\":1,\"b\":2,\"c\":3,\"b\":4}]",
    "[{\"b\":1,\"a\":2},{\"a\":1,\"b\":2},{\"a\":1,\"b\":2},{\"b\":1,\"b\":2}]",
    "[{\"\\u0061\":1},{\"\\u0061\":1},{\"a\":1,\"\\u0061\":2}]",
    "[{\"a\\\"\":1},{\"a\\\"\":1},{\"a\":1}]",
    "[{\"a\\\\\":1},{\"a\\\\\":1},{\"a\\\":1}]",
    "[{\"\":1,\"x\":1},{\"\":1,\"x\":1},{\"x\":1,\"\":1},{\"\":1,\"\":2}]",
    "[{\"a\":{\"a\":{\"a\":1}}},{\"a\":{\"a\":{\"a\":1,\"b\":2}}}]",
    "[\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\\b\\f\\n\\r\\t\\/\\\\\\\"\"]",
    "[\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 and a long tail of plain text behind it\"]",
    "[\"\\ud83d\"]",
    "[\"\\ude00\\ud83d\"]",
    "[\"\\ud83d\\u0041\"]",
    "[\"\\u0000\"]",
    "[\"\\u00g0\"]",
    "[\"\\x\"]",
    "[\"\\\"]",
    "[\"\xc0\x80\", \"\xed\xa0\x80\", \"\xf4\x90\x80\x80\"]",
    "[\"\\u007f\\u0080\\u07ff\\u0800\\u08ff\\uffff\\ud800\\udc00\\udbff\\udfff\"]",
    "[\"\xff\"]",
    "[\"\xe2\x82\"]",
    "[\"tab\there\"]",
    "[\"unended",
    "[0, -0, 1, -1, 10, 0.5, -0.5, 1.25e3, 1E+2, 1e-2, 6.5, 0.84, 0.1, 0.30000000000000004]",
    "[123456789012345, 1234567890123456, 12345678901234.5, 0.000000000000001, 3.141592653589793238]",
    "[9223372036854775807, -9223372036854775808, 1769850300000000001]",
    "[9223372036854775808]",
    "[-9223372036854775809]",
    "[123456789012345678901234567890]",
    "[1e308, 1e-400, 5e-324]",
    "[1e309]",
    "[01]",
    "[-]",
    "[1.]",
    "[.5]",
    "[1e]",
    "[+1]",
    "[1 2]",
    "[1,]",
    "[,1]",
    "{\"a\":1,}",
    "{\"a\" 1}",
    "{\"a\":}",
    "{a:1}",
    "{1:1}",
    "[tru]",
    "[truex]",
    "[nullnull]",
    "[NaN]",
    "[}",
    "{]",
    "[] []",
    "[]]",
    "\xef\xbb\xbf[]",
    "",
    "   ",
};

static void both_judge_alike(void)
{
	char digits[420];

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		check_alike(texts[i], strlen(texts[i]));
	/* The parser passes over a NUL between two tokens; the scan does not. */
	CHECK(!scanned("[\"a\0b\"]", 7) && !scanned("[1\0]", 4) && !scanned("[]\0", 3));
	/* A number without an exponent can be too large, too. */
	for (size_t size = 300; size < 320; size++) {
		memset(digits, '9', sizeof digits);
		digits[0] = '[';
		memcpy(digits + size, ".5]", 3);
		check_alike(digits, size + 3);
	}
}

static void nesting_is_bounded(void)
{
	char text[2 * NCM_LIMIT_JSON_DEPTH + 4];

	for (unsigned depth = NCM_LIMIT_JSON_DEPTH; depth <= NCM_LIMIT_JSON_DEPTH + 1; depth++) {
		NCM_AUTO_JSON json_t *got = NULL;

		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		check_alike(text, 2 * depth);
		got = scanned(text, 2 * depth);
		CHECK((got != NULL) == (depth == NCM_LIMIT_JSON_DEPTH));
	}
}

static uint64_t state;

/* xorshift64: the same texts in every run. */
static size_t below(size_t limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (size_t)(state % limit);
}

static size_t spoil(char *text, size_t size, size_t room)
{
	static const char bytes[] = "{}[]\",:\\u0123456789abcdefEe+-. \n\t\x01\x7f\xc3\xa9\xed\xa0\xf4\xff";
	const size_t at = below(size + 1), much = below(9);

	switch (below(4)) {
	case 0: /* another byte */
		if (at < size)
			text[at] = bytes[below(sizeof bytes - 1)];
		return size;
	case 1: /* a byte more */
		if (size == room)
			return size;
		memmove(text + at + 1, text + at, size - at);
		text[at] = bytes[below(sizeof bytes - 1)];
		return size + 1;
	case 2: /* some bytes fewer */
		if (at + much > size)
			return at;
		memmove(text + at, text + at + much, size - at - much);
		return size - much;
	default: /* a piece twice */
		if (at + much > size || size + much > room)
			return size;
		memmove(text + at + much, text + at, size - at);
		return size + much;
	}
}

static void spoilt_texts_are_judged_alike(void)
{
	enum { ROUNDS = 40000, ROOM = 512 };
	static const char entry[] =
	    "[{\n    \"name\": \"a\",\n    \"size_mb\": 4168,\n    \"use_cases\": [\n      \"Vision\"\n    ],\n"
	    "    \"score\": 0.84, \"none\": null, \"files\": [{\"path\": \"m/\\u00e9.gguf\", \"size\": 12}]\n  },\n"
	    "  {\n    \"name\": \"b\",\n    \"size_mb\": 1e2,\n    \"use_cases\": []\n  }]";
	char text[ROOM];

	state = 20260131;
	for (unsigned round = 0; round < ROUNDS; round++) {
		const char *from = below(2) ? entry : texts[below(sizeof texts / sizeof *texts)];
		size_t size = strlen(from);

		memcpy(text, from, size);
		for (size_t spoilt = 1 + below(3); spoilt > 0; spoilt--)
			size = spoil(text, size, ROOM);
		check_alike(text, size);
	}
}

static void a_fault_says_what_and_where(void)
{
	static const struct {
		const char *text;
		size_t place;
		const char *fault;
	} faults[] = {
	    {"[1, 2", 5, "it ends too early"},
	    {"[1 2]", 3, "',' or ']' was expected"},
	    {"{\"a\": 1 \"b\"}", 8, "',' or '}' was expected"},
	    {"{\"a\": 1, \"a\": 2}", 12, "the key before this is there twice"},
	    {"[\"\xff\"]", 2, "this is not UTF-8"},
	    {"[] x", 3, "something follows the document"},
	};

	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		struct ncm_json_scan *scan = ncm_json_scan_new(faults[i].text, strlen(faults[i].text));
		struct ncm_json_part part;

		CHECK(!ncm_json_scan_value(scan, &part) || !ncm_json_scan_end(scan));
		CHECK_STR(ncm_json_scan_fault(scan), faults[i].fault);
		CHECK_U64(ncm_json_scan_place(scan) - faults[i].text, faults[i].place);
		/* It stays so. */
		CHECK(!ncm_json_scan_value(scan, &part) && part.kind == NCM_JSON_NONE);
		CHECK(!ncm_json_scan_key(scan, &part) && !ncm_json_scan_item(scan) && !ncm_json_scan_enter(scan));
		ncm_json_scan_free(scan);
	}
}

static void many_keys_are_told_apart(void)
{
	enum { KEYS = 20000 };
	struct ncm_text_map map = {0};
	char(*names)[16] = ncm_calloc(KEYS, sizeof *names);

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < KEYS; i++) {
			const size_t size = (size_t)snprintf(names[i], sizeof names[i], "key %u", i);

			CHECK(!ncm_text_map_find(&map, names[i], size));
			CHECK(ncm_text_map_add(&map, names[i], size, i + round));
			CHECK(!ncm_text_map_add(&map, names[i], size, 0));
		}
		for (unsigned i = 0; i < KEYS; i++)
			CHECK_U64(*ncm_text_map_find(&map, names[i], strlen(names[i])), i + round);
		CHECK(!ncm_text_map_find(&map, names[0], strlen(names[0]) - 1));
		ncm_text_map_clear(&map);
	}
	ncm_text_map_free(&map);
	free(names);
}

int main(void)
{
	RUN(both_judge_alike);
	RUN(nesting_is_bounded);
	RUN(spoilt_texts_are_judged_alike);
	RUN(a_fault_says_what_and_where);
	RUN(many_keys_are_told_apart);
	return 0;
}
