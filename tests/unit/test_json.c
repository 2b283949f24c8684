/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "base/json.h"
#include "base/mem.h"

#include <ncmodel/limits.h>

static bool parses_bytes(const char *text, size_t size)
{
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_JSON json_t *value = ncm_json_parse(text, size, "test", NCM_E_MANIFEST, &err);

	CHECK(value || err.code == NCM_E_MANIFEST);
	ncm_error_clear(&err);
	return value != NULL;
}

static bool parses(const char *text)
{
	return parses_bytes(text, strlen(text));
}

static void hostile_texts_are_refused(void)
{
	CHECK(parses("{\"a\": [1, 2.5, null, true, \"\\u00e9\"]}"));
	CHECK(!parses("{\"a\": 1, \"a\": 2}"));
	CHECK(!parses("{\"a\": 1, \"\\u0061\": 2}"));
	CHECK(!parses("{\"a\": NaN}"));
	CHECK(!parses("{\"a\": 1e400}"));
	CHECK(!parses("{\"a\": 9223372036854775808}"));
	CHECK(!parses("{\"a\": 01}"));
	CHECK(!parses("{\"a\": \"\\u0000\"}"));
	CHECK(!parses("{} x"));
	CHECK(!parses(""));
}

/* jansson passes over one behind a number. */
static void a_nul_byte_is_refused_wherever_it_stands(void)
{
	static const char text[] = "{\"a\": [1\n, 2]}\n";
	const size_t size = sizeof text - 1;

	CHECK(parses_bytes(text, size));
	for (size_t at = 0; at <= size; at++) {
		char changed[sizeof text];

		memcpy(changed, text, at);
		changed[at] = '\0';
		memcpy(changed + at + 1, text + at, size - at);
		CHECK(!parses_bytes(changed, size + 1));
	}
}

static void a_nul_byte_is_told_with_its_line(void)
{
	static const char text[] = "{\n\"a\": 1\0\n}";
	struct ncm_error err = NCM_ERROR_INIT;

	CHECK(!ncm_json_parse(text, sizeof text - 1, "test", NCM_E_MANIFEST, &err));
	CHECK_STR(err.message, "test:2: not valid JSON: it holds a NUL byte");
	ncm_error_clear(&err);
}

static void nesting_is_bounded(void)
{
	char text[2 * NCM_LIMIT_JSON_DEPTH + 3];
	size_t depth = NCM_LIMIT_JSON_DEPTH;

	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	text[2 * depth] = '\0';
	CHECK(parses(text));
	memset(text, '[', depth + 1);
	memset(text + depth + 1, ']', depth + 1);
	text[2 * depth + 2] = '\0';
	CHECK(!parses(text));
	CHECK(parses("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[\"]"));
}

static void members_of_another_type_count_as_absent(void)
{
	const char *text = "{\"s\": \"x\", \"n\": 5, \"neg\": -1, \"r\": 1.0, \"l\": [\"a\", 1, \"b\"]}";
	NCM_AUTO_JSON json_t *value = ncm_json_parse(text, strlen(text), "test", NCM_E_MANIFEST, NULL);
	uint64_t number = 0;
	double real = 0;

	CHECK_STR(ncm_json_string(value, "s"), "x");
	CHECK(ncm_json_string(value, "n") == NULL);
	CHECK(ncm_json_u64(value, "n", &number) && number == 5);
	CHECK(!ncm_json_u64(value, "neg", &number));
	CHECK(!ncm_json_u64(value, "r", &number));
	CHECK(!ncm_json_u64(value, "s", &number));
	CHECK(ncm_json_number(value, "n", &real));
}

static void a_path_finds_its_line(void)
{
	const char *text = "{\n  \"a\": 1,\n  \"list\": [\n    {\"x\": \"]}\"},\n    [1, 2,\n 3],\n    {\"y\":\n "
			   "{\"z.w\": 2, \"z\":\n true}}\n  ],\n"
			   "  \"last\": 9\n}\n";
	size_t size = strlen(text);

	CHECK_U64(ncm_json_line(text, size, "$"), 1);
	CHECK_U64(ncm_json_line(text, size, "$.a"), 2);
	CHECK_U64(ncm_json_line(text, size, "$.list[0].x"), 4);
	CHECK_U64(ncm_json_line(text, size, "$.list[1][2]"), 6);
	CHECK_U64(ncm_json_line(text, size, "$.list[2].y.z"), 9);
	CHECK_U64(ncm_json_line(text, size, "$.last"), 11);
	CHECK_U64(ncm_json_line(text, size, "$.nope"), 0);
	CHECK_U64(ncm_json_line(text, size, "$.list[7]"), 0);
	CHECK_U64(ncm_json_line(text, size, "$.a.b"), 0);
}

static void foreign_bytes_become_valid_json(void)
{
	NCM_AUTO_JSON json_t *object = json_object();
	NCM_AUTO_FREE char *text = NULL;

	ncm_json_set_string(object, "bad", "a\xff");
	CHECK_STR(ncm_json_string(object, "bad"), "a\\xff");
	text = ncm_json_dump(object);
	CHECK(text[strlen(text) - 1] == '\n');
	ncm_json_set_string(object, "bad", NULL);
	CHECK(json_object_size(object) == 0);
}

int main(void)
{
	RUN(hostile_texts_are_refused);
	RUN(a_nul_byte_is_refused_wherever_it_stands);
	RUN(a_nul_byte_is_told_with_its_line);
	RUN(nesting_is_bounded);
	RUN(members_of_another_type_count_as_absent);
	RUN(a_path_finds_its_line);
	RUN(foreign_bytes_become_valid_json);
	return 0;
}
