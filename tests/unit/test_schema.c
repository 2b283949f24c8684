/* SPDX-License-Identifier: MIT */
#include "base/buffer.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "check.h"
#include "manifest/schema.h"

static void gather(void *context, const char *path, const char *reason)
{
	ncm_buffer_printf(context, "%s: %s\n", path, reason);
}

static json_t *parse(const char *text)
{
	json_t *value = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);

	CHECK(value);
	return value;
}

/* All faults of a value, one a line; "" if there is none. What is wrong with the schema is the only one. */
static char *faults(const char *schema_text, const char *value_text)
{
	NCM_AUTO_JSON json_t *json = parse(schema_text), *value = parse(value_text);
	NCM_AUTO_FREE char *wrong = NULL;
	NCM_AUTO_SCHEMA struct ncm_schema *schema = ncm_schema_compile(json, &wrong);
	struct ncm_buffer found = {0};

	CHECK((schema == NULL) == (wrong != NULL));
	if (wrong)
		gather(&found, "$", wrong);
	else
		CHECK(ncm_schema_check(schema, value, gather, &found) == (found.size == 0));
	return ncm_buffer_take(&found);
}

static void expect(const char *schema, const char *value, const char *expected)
{
	NCM_AUTO_FREE char *found = faults(schema, value);

	CHECK_STR(found, expected);
}

static void types_are_told_in_words(void)
{
	expect("{\"type\":\"integer\"}", "7", "");
	expect("{\"type\":\"integer\"}", "\"12\"", "$: is a string, must be an integer\n");
	expect("{\"type\":\"integer\"}", "1.0", "$: is a number with a point or an exponent, must be an integer\n");
	expect("{\"type\":\"integer\"}", "1e3", "$: is a number with a point or an exponent, must be an integer\n");
	expect("{\"type\":\"number\"}", "1", "");
	expect("{\"type\":\"boolean\"}", "null", "$: is null, must be true or false\n");
	expect("{\"type\":[\"string\",\"object\"]}", "[]", "$: is an array, must be a string or an object\n");
	expect("{\"type\":[\"string\",\"null\"]}", "null", "");
}

static void objects(void)
{
	const char *schema = "{\"type\":\"object\",\"required\":[\"id\"],\"additionalProperties\":false,"
			     "\"patternProperties\":{\"^x-\":true},"
			     "\"properties\":{\"id\":{\"type\":\"string\"},\"size\":{\"type\":\"integer\"}}}";

	expect(schema, "{\"id\":\"a\",\"x-mine\":[1]}", "");
	expect(schema, "{\"siez\":1}",
	       "$: the key \"id\" is missing\n$.siez: unknown key \"siez\" (did you mean \"size\"?)\n");
	expect(schema, "{\"id\":\"a\",\"zzzzzzz\":1}", "$.zzzzzzz: unknown key \"zzzzzzz\"\n");
	expect(schema, "{\"id\":1,\"size\":null}",
	       "$.id: is an integer, must be a string\n$.size: is null, must be an integer\n");
	expect("{\"additionalProperties\":{\"type\":\"integer\"}}", "{\"a\":1,\"b\":\"c\"}",
	       "$.b: is a string, must be an integer\n");
}

static void arrays(void)
{
	expect("{\"items\":{\"type\":\"string\"},\"minItems\":1,\"maxItems\":2,\"uniqueItems\":true}", "[\"a\",\"b\"]",
	       "");
	expect("{\"minItems\":1}", "[]", "$: has 0 items, must have at least 1\n");
	expect("{\"maxItems\":1}", "[1,2]", "$: has 2 items, must have at most 1\n");
	expect("{\"uniqueItems\":true}", "[\"a\",\"b\",\"a\"]", "$: holds \"a\" twice\n");
	expect("{\"uniqueItems\":true}", "[{\"a\":1,\"b\":2},{\"b\":2,\"a\":1}]", "$: holds {\"a\":1,\"b\":2} twice\n");
	expect("{\"uniqueItems\":true}", "[1,\"1\"]", "");
	expect("{\"uniqueItems\":true}", "[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,[7],16]", "$: holds 16 twice\n");
	expect("{\"items\":{\"type\":\"string\"}}", "[\"a\",2]", "$[1]: is an integer, must be a string\n");
}

static void strings(void)
{
	expect("{\"pattern\":\"^[a-z]{1,3}$\"}", "\"abc\"", "");
	expect("{\"pattern\":\"^[a-z]{1,3}$\"}", "\"abcd\"", "$: \"abcd\" does not have the form ^[a-z]{1,3}$\n");
	expect("{\"pattern\":\"^a(b|bc)?(cd)?$\"}", "\"abcd\"", "");
	expect("{\"pattern\":\"^a(b)?(bc)?$\"}", "\"abc\"", "");
	expect("{\"pattern\":\"^ab*$\"}", "\"abbc\"", "$: \"abbc\" does not have the form ^ab*$\n");
	expect("{\"pattern\":\"^a\\\\$\"}", "\"a$b\"", "");
	expect("{\"pattern\":\"^a$|^b\"}", "\"bc\"", "");
	/* A line break is no end of a string. */
	expect("{\"pattern\":\"^a$\"}", "\"a\\n\"", "$: \"a\n\" does not have the form ^a$\n");
	expect("{\"minLength\":1}", "\"\"", "$: must not be empty\n");
	/* Code points, not bytes. */
	expect("{\"maxLength\":3}", "\"äöü\"", "");
	expect("{\"maxLength\":2}", "\"äöü\"", "$: has 3 characters, must have at most 2\n");
}

static void numbers(void)
{
	expect("{\"minimum\":0,\"maximum\":1}", "1", "");
	expect("{\"minimum\":0}", "-1", "$: is -1, must be at least 0\n");
	expect("{\"maximum\":1}", "1.5", "$: is 1.5, must be at most 1\n");
	expect("{\"exclusiveMinimum\":0}", "0", "$: is 0, must be more than 0\n");
	expect("{\"exclusiveMinimum\":0}", "0.1", "");
	/* Not told apart by a double. */
	expect("{\"maximum\":9007199254740992}", "9007199254740993",
	       "$: is 9007199254740993, must be at most 9007199254740992\n");
}

static void words(void)
{
	expect("{\"enum\":[\"high\",\"low\",3]}", "3", "");
	expect("{\"enum\":[\"high\",\"low\"]}", "\"hihg\"",
	       "$: is \"hihg\", must be one of \"high\", \"low\" (did you mean \"high\"?)\n");
	expect("{\"enum\":[\"high\",\"low\"]}", "7", "$: is 7, must be one of \"high\", \"low\"\n");
	expect("{\"const\":1}", "2", "$: is 2, must be 1\n");
}

static void branches(void)
{
	const char *either =
	    "{\"oneOf\":[{\"type\":\"number\",\"minimum\":0},{\"type\":\"object\",\"required\":[\"min\"]}]}";

	expect(either, "4", "");
	expect(either, "{\"min\":1}", "");
	/* The branch of the value's type is the one that was meant. */
	expect(either, "{}", "$: the key \"min\" is missing\n");
	expect(either, "-1", "$: is -1, must be at least 0\n");
	expect(either, "\"x\"", "$: is a string, must be a number or an object\n");
	expect("{\"oneOf\":[{\"minimum\":1},{\"maximum\":9}]}", "5",
	       "$: fits more than one of the forms that it may have\n");
	expect("{\"anyOf\":[{\"minimum\":1},{\"maximum\":9}]}", "5", "");
	expect("{\"anyOf\":[{\"type\":\"string\",\"pattern\":\"^a\"},{\"type\":\"string\",\"pattern\":\"^b\"}]}",
	       "\"c\"", "$: \"c\" does not have the form ^a\n");
}

static void references(void)
{
	expect("{\"$defs\":{\"s\":{\"type\":\"string\"}},\"items\":{\"$ref\":\"#/$defs/s\"}}", "[\"a\",1]",
	       "$[1]: is an integer, must be a string\n");
	expect("{\"$defs\":{\"s\":{\"type\":\"string\"}},\"$ref\":\"#/$defs/s\",\"maxLength\":1}", "\"ab\"",
	       "$: has 2 characters, must have at most 1\n");
	/* A tree is fine; a schema that leads to itself without going down ends. */
	expect("{\"$defs\":{\"t\":{\"items\":{\"$ref\":\"#/$defs/t\"}}},\"$ref\":\"#/$defs/t\"}", "[[],[[]]]", "");
	expect("{\"$defs\":{\"t\":{\"anyOf\":[{\"$ref\":\"#/$defs/t\"}]}},\"$ref\":\"#/$defs/t\"}", "1",
	       "$: the schema leads to itself here\n");
}

static void a_faulty_schema_is_told(void)
{
	expect("{\"properties\":{\"a\":{\"minimun\":1}}}", "{}",
	       "$: the schema itself is faulty at #/properties/a: the keyword \"minimun\" is not known\n");
	expect("{\"items\":{\"$ref\":\"#/$defs/gone\"}}", "[]",
	       "$: the schema itself is faulty at #/items/$ref: has a value that it cannot have\n");
	expect("{\"pattern\":\"[a\"}", "\"a\"",
	       "$: the schema itself is faulty at #/pattern: has a value that it cannot have\n");
	expect("{\"type\":\"text\"}", "\"a\"",
	       "$: the schema itself is faulty at #/type: has a value that it cannot have\n");
}

static void the_shipped_schemas_are_understood(void)
{
	static const char *const names[] = {"manifest", "layout", "lock", "models"};
	const char *data = getenv("NCMODEL_DATADIR");

	for (size_t i = 0; data && i < sizeof names / sizeof *names; i++) {
		NCM_AUTO_FREE char *path = ncm_asprintf("%s/schema/%s.schema.json", data, names[i]);
		NCM_AUTO_JSON json_t *json = ncm_json_read(path, NCM_E_MANIFEST, NULL), *value = json_object();
		NCM_AUTO_FREE char *wrong = NULL;
		NCM_AUTO_SCHEMA struct ncm_schema *schema = json ? ncm_schema_compile(json, &wrong) : NULL;
		struct ncm_buffer found = {0};

		CHECK(schema);
		CHECK(!ncm_schema_check(schema, value, gather, &found));
		ncm_buffer_free(&found);
	}
}

static void nearest_words(void)
{
	struct ncm_nearest nearest = {.to = "phi4-mini"};
	NCM_AUTO_FREE char *list = NULL;

	CHECK_U64(ncm_edit_distance("size", "siez"), 1);
	CHECK_U64(ncm_edit_distance("", "abc"), 3);
	CHECK_U64(ncm_edit_distance("ABC", "abd"), 1);
	CHECK_U64(ncm_name_distance("codr", "deepseek-coder-v2"), 2);
	CHECK_U64(ncm_name_distance("phi4", "phi4"), 0);
	ncm_nearest_offer(&nearest, "llama3.2-3b");
	ncm_nearest_offer(&nearest, "phi-4-mini");
	ncm_nearest_offer(&nearest, "phi3-mini");
	ncm_nearest_offer(&nearest, "octopus-v2");
	ncm_nearest_offer(&nearest, "Phi-4-Mini");
	CHECK_STR(ncm_nearest_close(&nearest), "phi-4-mini");
	list = ncm_nearest_list(&nearest);
	CHECK_STR(list, "phi-4-mini or phi3-mini");
	/* Another word is no typing error, however few letters it has. */
	CHECK(ncm_is_near(1, 3) && !ncm_is_near(2, 3) && ncm_is_near(1, 5) && !ncm_is_near(2, 5));
	CHECK(ncm_is_near(2, 6) && !ncm_is_near(1, 1) && ncm_is_near(3, 9) && !ncm_is_near(4, 9));
	CHECK_U64(ncm_name_distance("foo", "root"), NCM_NOT_NEAR);
}

static void similar_words(void)
{
	struct ncm_nearest nearest = {.to = "model-q4_k_m.gguf"};
	NCM_AUTO_FREE char *list = NULL;

	ncm_nearest_offer(&nearest, "README.md");
	CHECK(ncm_nearest_list(&nearest) == NULL);
	ncm_nearest_offer(&nearest, "model-Q4_K_S.gguf");
	ncm_nearest_offer(&nearest, "model-Q4_K_M.gguf");
	list = ncm_nearest_list(&nearest);
	CHECK_STR(list, "model-Q4_K_M.gguf or model-Q4_K_S.gguf");
}

int main(void)
{
	RUN(types_are_told_in_words);
	RUN(objects);
	RUN(arrays);
	RUN(strings);
	RUN(numbers);
	RUN(words);
	RUN(branches);
	RUN(references);
	RUN(a_faulty_schema_is_told);
	RUN(the_shipped_schemas_are_understood);
	RUN(nearest_words);
	RUN(similar_words);
	return 0;
}
