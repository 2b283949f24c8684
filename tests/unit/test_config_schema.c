/* SPDX-License-Identifier: MIT */
/* The configuration's reader and manifests/schema/config.schema.json say the same of every key and value. */
#include "check.h"

#include "base/json.h"
#include "base/mem.h"
#include "config/parts.h"
#include "manifest/schema.h"
#include "temp.h"

#include <ncmodel/text.h>

static json_t *schema_json;
static struct ncm_schema *schema;
static char *folder;

static void read_schema(void)
{
	NCM_AUTO_FREE char *path = ncm_asprintf("%s/manifests/schema/config.schema.json", getenv("NCM_TEST_SOURCE"));
	NCM_AUTO_FREE char *wrong = NULL;

	schema_json = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	CHECK(schema_json);
	schema = ncm_schema_compile(schema_json, &wrong);
	if (!schema)
		fprintf(stderr, "%s\n", wrong);
	CHECK(schema);
}

static void ignore(void *context, const char *path, const char *reason)
{
	(void)context, (void)path, (void)reason;
}

static bool reader_takes(const char *text)
{
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *file = ncm_asprintf("%s/config.json", folder);
	struct ncm_config *config;

	temp_write(folder, "config.json", text);
	config = ncm_config_load(file, &err);
	CHECK(config || err.code == NCM_E_MANIFEST);
	ncm_config_free(config);
	ncm_error_clear(&err);
	return config != NULL;
}

static bool schema_takes(const char *text)
{
	NCM_AUTO_JSON json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

	CHECK(value);
	return ncm_schema_check(schema, value, ignore, NULL);
}

static bool agree(const char *text)
{
	const bool reader = reader_takes(text), same = reader == schema_takes(text);

	if (!same)
		fprintf(stderr, "%s: the reader %s it, the schema does not agree\n", text,
			reader ? "takes" : "refuses");
	CHECK(same);
	return reader;
}

static void every_key_is_in_both(void)
{
	const json_t *properties = json_object_get(schema_json, "properties");
	size_t count = 0;

	for (; config_key(count); count++)
		CHECK(json_object_get(properties, config_key(count)));
	CHECK_U64(json_object_size(properties), count + 1); /* "$schema" */
}

static const char *const values[] = {
    "null",
    "true",
    "false",
    "0",
    "1",
    "2",
    "16",
    "17",
    "100",
    "101",
    "3600",
    "3601",
    "-1",
    "1.5",
    "1e3",
    "9007199254740993",
    "\"\"",
    "\"x\"",
    "\"~\"",
    "\"~/a\"",
    "\"noa,nexus\"",
    "\"1\"",
    "\"2GiB\"",
    "\"20M\"",
    "\"1.5gib\"",
    "\"1.GB\"",
    "\"20 MB\"",
    "\"20 M B\"",
    "\"5i\"",
    "\"2Gb\"",
    "\"2GBB\"",
    "\" 2G\"",
    "\"-2G\"",
    "\"12345678901234567890\"",
    "\"https://a.example\"",
    "\"HTTP://a.example:8080/x/y/\"",
    "\"https://[::1]:443/\"",
    "\"https://u:p@a.example\"",
    "\"https://a.example?x\"",
    "\"https://a.example/?x\"",
    "\"https://a.example/a#b\"",
    "\"ftp://a.example\"",
    "\"https://\"",
    "\"https:///x\"",
    "\"https://a b\"",
    "\"https://a/ b\"",
    "\"https://a/[x]~^$;=!\"",
    "\"https://a/\\\"\"",
    "\"https://a/\\u00e9\"",
    "\"https://a/<\"",
    "\"https://a/\\\\\"",
    "\"https://a\\n\"",
    "[]",
    "[\"a\"]",
    "[\"a\",\"b\"]",
    "[\"a.example:5000\"]",
    "[\"A_b-c\",\"[fd00::1]:80\"]",
    "[\"a:0\"]",
    "[\"a:123456\"]",
    "[\"a:5x\"]",
    "[\"a:\"]",
    "[\"[]:1\"]",
    "[\"[::1\"]",
    "[\"[g]\"]",
    "[\"http://a\"]",
    "[\"a/b\"]",
    "[\"a b\"]",
    "[\"\"]",
    "[\"a\",\"\"]",
    "[1]",
    "[null]",
    "{}",
    "{\"a\":\"b\"}",
    "{\"a\":\"\"}",
    "{\"a\":1}",
    "{\"ollama\":\"/srv/ollama\"}",
    "{\"huggingface\":\"https://a.example\"}",
    "{\"huggingface\":\"a.example\"}",
    "{\"huggingface\":\"\"}",
    "{\"hugingface\":\"https://a\"}",
    "{\"civitai\":\"https://a\",\"ollama\":\"http://b/\"}",
    "{\"civitai\":null}",
    "{\"x-mine\":1}",
    "{\"$schema\":\"x\"}",
    "{\"https://a.example/\":\"https://b.example/x\"}",
    "{\"https://a.example/\":\"b\"}",
    "{\"a\":\"https://b.example\"}",
    "{\"https://a/\":1}",
    "{\"https://u@a/\":\"https://b\"}",
};

static void every_value_is_judged_alike(void)
{
	const json_t *properties = json_object_get(schema_json, "properties");
	const char *key;
	const json_t *unused;

	json_object_foreach((json_t *)properties, key, unused)
	{
		unsigned taken = 0;

		for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
			NCM_AUTO_FREE char *text = ncm_asprintf("{\"%s\": %s}", key, values[i]);

			taken += agree(text);
		}
		CHECK(taken > 0);
		CHECK(taken < sizeof values / sizeof *values || strcmp(key, "$schema") == 0);
	}
}

static void whole_files_are_judged_alike(void)
{
	CHECK(agree("{}"));
	CHECK(!agree("[]"));
	CHECK(!agree("{\"rot\": \"~\"}"));
	CHECK(agree("{\"x-mine\": {\"anything\": 1}, \"$schema\": \"config.schema.json\"}"));
	CHECK(!agree("{\"X-mine\": 1}"));
}

/* What the schema calls the default is what holds without a file. */
static void defaults_are_true(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_config *config = ncm_config_load(NULL, &err);
	const json_t *properties = json_object_get(schema_json, "properties");
	const json_t *services = json_object_get(json_object_get(properties, "endpoints"), "properties");
	uint64_t reserve = 0;

#define DEFAULT(key) json_object_get(json_object_get(properties, key), "default")
	CHECK(config);
	CHECK_STR(config->layout, json_string_value(DEFAULT("layout")));
	CHECK_STR(config->profile, json_string_value(DEFAULT("profile")));
	CHECK(ncm_parse_size(json_string_value(DEFAULT("reserve")), &reserve) == 0);
	CHECK_U64(config->reserve, reserve);
	CHECK_U64(config->limit_rate, json_integer_value(DEFAULT("limit_rate")));
	CHECK_U64(config->speed_limit, json_integer_value(DEFAULT("speed_limit")));
	CHECK_U64(config->speed_time, json_integer_value(DEFAULT("speed_time")));
	CHECK_U64(config->jobs, json_integer_value(DEFAULT("jobs")));
	CHECK_U64(config->connections, json_integer_value(DEFAULT("connections")));
	CHECK_U64(config->timeout, json_integer_value(DEFAULT("timeout")));
	CHECK_U64(config->retries, json_integer_value(DEFAULT("retries")));
	CHECK(config->allow_private == json_is_true(DEFAULT("allow_private")));
	CHECK(config->allow_http_token == json_is_true(DEFAULT("allow_http_token")));
	CHECK_U64(json_object_size(services), config->endpoint_count + 1); /* "$schema" */
	for (size_t i = 0; i < config->endpoint_count; i++)
		CHECK_STR(config->endpoints[i].url,
			  json_string_value(
			      json_object_get(json_object_get(services, config->endpoints[i].service), "default")));
	ncm_config_free(config);
}

int main(void)
{
	NCM_AUTO_FREE char *source = ncm_strdup(getenv("NCM_TEST_SOURCE"));

	clearenv();
	setenv("NCM_TEST_SOURCE", source, 1);
	folder = temp_folder();
	setenv("HOME", folder, 1);
	read_schema();
	RUN(every_key_is_in_both);
	RUN(every_value_is_judged_alike);
	RUN(whole_files_are_judged_alike);
	RUN(defaults_are_true);
	ncm_schema_free(schema);
	json_decref(schema_json);
	temp_remove(folder);
	return 0;
}
