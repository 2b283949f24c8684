/* SPDX-License-Identifier: MIT */
/* What a form says is what is read and what is refused, and in which words. */
#include "base/buffer.h"
#include "base/json_file.h"
#include "base/mem.h"
#include "base/strings.h"
#include "check.h"

#include <string.h>

struct inner {
	char *name;
	uint64_t size;
	bool has_size;
};

struct outer {
	char *id;
	uint64_t count;
	unsigned jobs;
	double score;
	bool flag;
	struct ncm_strings words;
	struct inner *items;
	size_t item_count;
	struct inner *named;
	size_t named_count;
	char **paths;
	size_t path_count;
	struct ncm_json_part part;
};

static bool is_lower(const char *text)
{
	return *text && text[strspn(text, "abcdefghijklmnopqrstuvwxyz")] == '\0';
}

static const struct ncm_json_form any = {.kind = NCM_FORM_ANY}, text = {.kind = NCM_FORM_TEXT},
				  text_or_null = {.kind = NCM_FORM_TEXT, .or_null = true},
				  few = {.kind = NCM_FORM_TEXT, .least = 1, .most = 3},
				  lower = {.kind = NCM_FORM_TEXT, .is = is_lower, .expected = "lower-case letters"},
				  secret = {.kind = NCM_FORM_TEXT,
					    .is = is_lower,
					    .expected = "letters",
					    .hidden = true},
				  count = {.kind = NCM_FORM_U64},
				  jobs = {.kind = NCM_FORM_UNSIGNED, .least = 1, .most = 16},
				  one = {.kind = NCM_FORM_U64, .least = 1, .most = 1},
				  large = {.kind = NCM_FORM_U64, .most = 9007199254740992},
				  score = {.kind = NCM_FORM_NUMBER, .most = 1},
				  above = {.kind = NCM_FORM_NUMBER, .above = true}, flag = {.kind = NCM_FORM_BOOL};
static const char *const levels[] = {"high", "low", NULL};
static const struct ncm_json_form level = {.kind = NCM_FORM_TEXT, .words = levels};
static const struct ncm_json_form words = {.kind = NCM_FORM_LIST, .of = &lower, .least = 1, .most = 20, .unique = true};
static const struct ncm_json_field inner_fields[] = {
    {"name", &text, offsetof(struct inner, name), true, 0},
    {"size", &count, offsetof(struct inner, size), false, offsetof(struct inner, has_size)},
};
static const struct ncm_json_form inner = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(inner_fields)};
static const struct ncm_json_form items = {.kind = NCM_FORM_LIST, .of = &inner, .size = sizeof(struct inner)};
static const struct ncm_json_form named = {.kind = NCM_FORM_MAP,
					   .of = &count,
					   .size = sizeof(struct inner),
					   .at = offsetof(struct inner, size),
					   .is = is_lower,
					   .expected = "lower-case letters",
					   .own_keys = true};
static const struct ncm_json_form paths = {.kind = NCM_FORM_LIST, .of = &few, .size = sizeof(char *)};
static const struct ncm_json_form part = {.kind = NCM_FORM_NUMBER, .as_part = true, .or_null = true};

static const struct ncm_json_field outer_fields[] = {
    {"id", &text, offsetof(struct outer, id), true, 0},
    {"count", &count, offsetof(struct outer, count), false, 0},
    {"jobs", &jobs, offsetof(struct outer, jobs), false, 0},
    {"score", &score, offsetof(struct outer, score), false, 0},
    {"flag", &flag, offsetof(struct outer, flag), false, 0},
    {"words", &words, offsetof(struct outer, words), false, 0},
    {"items", &items, NCM_ITEMS(struct outer, items, item_count), false, 0},
    {"named", &named, NCM_ITEMS(struct outer, named, named_count), false, 0},
    {"paths", &paths, NCM_ITEMS(struct outer, paths, path_count), false, 0},
    {"part", &part, offsetof(struct outer, part), false, 0},
    {"looked_at", &few, NCM_NOT_KEPT, false, 0},
};
static const struct ncm_json_form outer = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(outer_fields)};

static void gather(void *context, const char *place, const char *path, const char *reason)
{
	CHECK(place);
	ncm_buffer_printf(context, "%s: %s\n", path, reason);
}

/* The faults of a value, one a line, are the expected ones. */
static void expect(const struct ncm_json_form *form, const char *json, const char *expected)
{
	struct ncm_buffer found = {0};
	NCM_AUTO_FREE char *held = NULL;

	CHECK(ncm_json_read_text(json, strlen(json), form, NULL, NULL, gather, &found) == (found.size == 0));
	held = ncm_buffer_take(&found);
	CHECK_STR(held, expected);
}

static void types_are_told_in_words(void)
{
	expect(&count, "7", "");
	expect(&count, "\"12\"", "$: is a string, must be an integer\n");
	expect(&count, "1.0", "$: is a number with a point or an exponent, must be an integer\n");
	expect(&count, "1e3", "$: is a number with a point or an exponent, must be an integer\n");
	expect(&score, "1", "");
	expect(&flag, "null", "$: is null, must be true or false\n");
	expect(&text, "[{\"a\": [1]}]", "$: is an array, must be a string\n");
	expect(&outer, "[]", "$: is an array, must be an object\n");
	expect(&items, "{}", "$: is an object, must be an array\n");
	expect(&text_or_null, "null", "");
	expect(&text_or_null, "true", "$: is true, must be a string or null\n");
	expect(&any, "[[], {}, null]", "");
}

static void objects(void)
{
	expect(&inner, "{\"name\": \"a\", \"x-mine\": [1]}", "");
	expect(&inner, "{\"siez\": 1}",
	       "$.siez: unknown key \"siez\" (did you mean \"size\"?)\n$: the key \"name\" is missing\n");
	expect(&inner, "{\"name\": \"a\", \"zzzzzzz\": {\"name\": 1}}", "$.zzzzzzz: unknown key \"zzzzzzz\"\n");
	expect(&inner, "{\"name\": 1, \"size\": null}",
	       "$.name: is an integer, must be a string\n$.size: is null, must be an integer\n");
	expect(&(struct ncm_json_form){.kind = NCM_FORM_OBJECT, .open = true, NCM_FIELDS(inner_fields)},
	       "{\"zz\": 1, \"name\": \"\"}", "");
	expect(&named, "{\"a\": 1, \"x-b\": \"c\", \"d\": \"e\"}", "$.d: is a string, must be an integer\n");
	expect(&named, "{\"A\": 1}", "$.A: its name must be lower-case letters\n");
}

static void lists(void)
{
	expect(&words, "[]", "$: must not be empty\n");
	expect(&words, "[\"a\", 2]", "$[1]: is an integer, must be a string\n");
	expect(&words, "[\"a\", \"B\"]", "$[1]: is \"B\", must be lower-case letters\n");
	expect(&(struct ncm_json_form){.kind = NCM_FORM_LIST, .of = &text, .least = 2}, "[\"\"]",
	       "$: has 1 items, must have at least 2\n");
	expect(&(struct ncm_json_form){.kind = NCM_FORM_LIST, .of = &text, .most = 1}, "[\"\", 2, {}]",
	       "$: has 3 items, must have at most 1\n");
}

static void texts(void)
{
	expect(&few, "\"\"", "$: must not be empty\n");
	/* Code points, not bytes. */
	expect(&few, "\"\303\244\303\266\303\274\"", "");
	expect(&few, "\"abcd\"", "$: has 4 characters, must have at most 3\n");
	expect(&lower, "\"a\\n\"", "$: is \"a\n\", must be lower-case letters\n");
	expect(&secret, "\"hunter2\"", "$: must be letters\n");
	expect(&level, "\"low\"", "");
	expect(&level, "\"hihg\"", "$: is \"hihg\", must be one of \"high\", \"low\" (did you mean \"high\"?)\n");
	expect(&level, "7", "$: is an integer, must be a string\n");
}

static void numbers(void)
{
	expect(&jobs, "0", "$: is 0, must be an integer from 1 to 16\n");
	expect(&jobs, "17", "$: is 17, must be an integer from 1 to 16\n");
	expect(&count, "-1", "$: is -1, must be an integer, 0 or more\n");
	expect(&count, "9223372036854775807", "");
	expect(&one, "2", "$: is 2, must be 1\n");
	expect(&score, "1.5", "$: is 1.5, must be a number from 0 to 1\n");
	expect(&above, "0", "$: is 0, must be a number above 0\n");
	expect(&above, "0.1", "");
	/* Not told apart by a double. */
	expect(&large, "9007199254740993", "$: is 9007199254740993, must be an integer from 0 to 9007199254740992\n");
}

static void free_outer(struct outer *read)
{
	for (size_t i = 0; i < read->item_count; i++)
		free(read->items[i].name);
	for (size_t i = 0; i < read->named_count; i++)
		free(read->named[i].name);
	for (size_t i = 0; i < read->path_count; i++)
		free(read->paths[i]);
	free(read->items);
	free(read->named);
	free(read->paths);
	free(read->id);
	ncm_strings_free(&read->words);
}

static void what_is_read_is_kept(void)
{
	const char *json =
	    "{\"id\": \"a\\u00e9\\n\", \"count\": 7, \"jobs\": 2, \"score\": 0.5, \"flag\": true, \"words\": [\"a\", "
	    "\"b\"],"
	    "\"items\": [{\"name\": \"x\", \"size\": 0}, {\"size\": 4, \"name\": \"y\"}, {\"name\": \"z\"}],"
	    "\"named\": {\"q\": 5}, \"paths\": [\"p\"], \"part\": 1.25, \"looked_at\": \"abc\"}";
	struct outer read = {.id = ncm_strdup("before")};

	CHECK(ncm_json_read_text(json, strlen(json), &outer, &read, NULL, gather, NULL));
	CHECK_STR(read.id, "a\303\251\n");
	CHECK_U64(read.count, 7);
	CHECK(read.jobs == 2 && read.score == 0.5 && read.flag && read.words.count == 2);
	CHECK_STR(read.words.items[1], "b");
	CHECK(read.item_count == 3 && read.items[0].has_size && read.items[1].size == 4 && !read.items[2].has_size);
	CHECK_STR(read.items[1].name, "y");
	CHECK(read.named_count == 1 && read.named[0].size == 5);
	CHECK_STR(read.named[0].name, "q");
	CHECK_STR(read.paths[0], "p");
	CHECK(read.part.size == 4 && memcmp(read.part.text, "1.25", 4) == 0);
	free_outer(&read);
}

/* Objects of two forms at one depth have notes of each other's keys. */
static void fields_are_those_of_their_form(void)
{
	static const struct ncm_json_field fields[] = {{"size", &text, NCM_NOT_KEPT, true, 0}};
	static const struct ncm_json_form other = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(fields)};
	static const struct ncm_json_field both[] = {{"a", &inner, NCM_NOT_KEPT, true, 0},
						     {"b", &other, NCM_NOT_KEPT, true, 0},
						     {"c", &inner, NCM_NOT_KEPT, true, 0}};

	expect(&(struct ncm_json_form){.kind = NCM_FORM_OBJECT, NCM_FIELDS(both)},
	       "{\"a\": {\"name\": \"n\", \"size\": 1}, \"b\": {\"size\": \"s\", \"name\": 2}, \"c\": {\"name\": "
	       "\"n\", \"size\": 1}}",
	       "$.b.name: unknown key \"name\"\n");
}

static void twins_are_found(void)
{
	const char *few_words = "[\"a\", \"b\", \"\\u0061\"]";
	const char *many = "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\",\"k\",\"l\",\"m\",\"n\",\"o\","
			   "\"p\",\"q\",\"b\"]";
	struct ncm_strings list = {0};
	struct ncm_buffer found = {0};

	CHECK(!ncm_json_read_text(few_words, strlen(few_words), &words, &list, NULL, gather, &found));
	CHECK_STR(found.data, "$: holds \"a\" twice\n");
	ncm_strings_free(&list);
	CHECK(!ncm_json_read_text(many, strlen(many), &words, &list, NULL, gather, &found));
	CHECK(strstr(found.data, "$: holds \"b\" twice\n"));
	ncm_strings_free(&list);
	ncm_buffer_free(&found);
}

static void a_files_faults_have_their_lines(void)
{
	static const char json[] = "{\n\"id\": 5,\n\"items\": [\n{},\n{\"name\": \"n\",\n \"a.b[0]\": 1}]}\n";
	struct outer read = {0};
	struct ncm_error err = NCM_ERROR_INIT;

	CHECK(ncm_json_read_file_text("f.json", json, sizeof json - 1, &outer, &read, NULL, NCM_E_MANIFEST, &err) < 0);
	CHECK(err.code == NCM_E_MANIFEST);
	CHECK_STR(err.message, "f.json:2: $.id: is an integer, must be a string\n"
			       "f.json:4: $.items[0]: the key \"name\" is missing\n"
			       "f.json:6: $.items[1].a.b[0]: unknown key \"a.b[0]\"");
	CHECK(read.item_count == 2);
	free_outer(&read);
	CHECK(ncm_json_read_file_text("f.json", "{\n\"a\": ", 7, &outer, NULL, NULL, NCM_E_MANIFEST, &err) < 0);
	CHECK(strstr(err.message, "f.json:2: not valid JSON"));
	CHECK(ncm_json_read_file_text("f.json", "{\"a\": 1, \"a\": 1}", 16, &outer, NULL, NULL, NCM_E_MANIFEST, &err) <
	      0);
	CHECK(strstr(err.message, "not valid JSON: duplicate"));
	ncm_error_clear(&err);
}

static void faults_are_capped(void)
{
	struct ncm_buffer json = {0};
	struct ncm_error err = NCM_ERROR_INIT;
	size_t lines = 1;

	ncm_buffer_puts(&json, "[1");
	for (unsigned i = 1; i < 120; i++)
		ncm_buffer_puts(&json, ",\n1");
	ncm_buffer_puts(&json, "]");
	CHECK(ncm_json_read_file_text("f", json.data, json.size, &items, NULL, NULL, NCM_E_MANIFEST, &err) < 0);
	for (const char *at = err.message; *at; at++)
		lines += *at == '\n';
	CHECK_U64(lines, 51);
	CHECK(strstr(err.message, "\nand 70 more"));
	ncm_error_clear(&err);
	ncm_buffer_free(&json);
}

static void newer_versions_are_seen(void)
{
	static const char newer[] = "{\"a\": {\"schema_version\": 9}, \"schema_version\": 2}";
	int64_t version = 0;

	CHECK(ncm_json_is_newer(newer, sizeof newer - 1, 1, &version) && version == 2);
	CHECK(!ncm_json_is_newer(newer, sizeof newer - 1, 2, &version));
	CHECK(!ncm_json_is_newer("{\"schema_version\": \"3\"}", 23, 1, &version));
	CHECK(!ncm_json_is_newer("[]", 2, 1, &version));
}

int main(void)
{
	RUN(types_are_told_in_words);
	RUN(objects);
	RUN(lists);
	RUN(texts);
	RUN(numbers);
	RUN(what_is_read_is_kept);
	RUN(fields_are_those_of_their_form);
	RUN(twins_are_found);
	RUN(a_files_faults_have_their_lines);
	RUN(faults_are_capped);
	RUN(newer_versions_are_seen);
	return 0;
}
