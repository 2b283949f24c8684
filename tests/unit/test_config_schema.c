/* SPDX-License-Identifier: MIT */
/* The configuration's table and manifests/schema/config.schema.json have the same keys and defaults; what values they
 * take is for tests/property/test_schemas.py to compare. */
#include "check.h"

#include "base/json.h"
#include "base/mem.h"
#include "config/parts.h"
#include "temp.h"

#include <ncmodel/text.h>

static json_t *schema_json;
static char *folder;

static void read_schema(void)
{
	NCM_AUTO_FREE char *path = ncm_asprintf("%s/manifests/schema/config.schema.json", getenv("NCM_TEST_SOURCE"));

	schema_json = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	CHECK(schema_json);
}

static void every_key_is_in_both(void)
{
	const json_t *properties = json_object_get(schema_json, "properties");
	size_t count = 0;

	for (; config_key(count); count++)
		CHECK(json_object_get(properties, config_key(count)));
	CHECK_U64(json_object_size(properties), count + 1); /* "$schema" */
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
	CHECK(config->cache_fill == json_is_true(DEFAULT("cache_fill")));
	CHECK(config->cache_refs == json_is_true(DEFAULT("cache_refs")));
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
	RUN(defaults_are_true);
	json_decref(schema_json);
	temp_remove(folder);
	return 0;
}
