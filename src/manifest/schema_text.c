/* SPDX-License-Identifier: MIT */
#include "manifest/schema_text.h"

#include "base/mem.h"

#include <string.h>

const char *schema_kind_of(const json_t *value)
{
	static const char *const kinds[] = {
	    [JSON_OBJECT] = "an object",
	    [JSON_ARRAY] = "an array",
	    [JSON_STRING] = "a string",
	    [JSON_INTEGER] = "an integer",
	    [JSON_REAL] = "a number with a point or an exponent",
	    [JSON_TRUE] = "true",
	    [JSON_FALSE] = "false",
	    [JSON_NULL] = "null",
	};

	return kinds[json_typeof(value)];
}

static const char *with_article(const char *type)
{
	static const char *const names[][2] = {
	    {"object", "an object"}, {"array", "an array"}, {"string", "a string"},
	    {"number", "a number"},  {"null", "null"},      {"boolean", "true or false"},
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strcmp(type, names[i][0]) == 0)
			return names[i][1];
	}
	return "an integer";
}

void schema_add_types(const json_t *type, struct ncm_buffer *expected)
{
	const size_t count = json_is_array(type) ? json_array_size(type) : 1;

	for (size_t i = 0; type && i < count; i++) {
		const char *name = json_string_value(json_is_array(type) ? json_array_get(type, i) : type);

		ncm_buffer_printf(expected, "%s%s", expected->size > 0 ? " or " : "", with_article(name));
	}
}

char *schema_shown(const json_t *value)
{
	if (json_is_object(value) || json_is_array(value))
		return ncm_strdup(schema_kind_of(value));
	return json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
}

char *schema_shown_whole(const json_t *value)
{
	return json_dumps(value, JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_COMPACT);
}
