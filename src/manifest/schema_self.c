/* SPDX-License-Identifier: MIT */
#include "manifest/schema_self.h"

#include "base/json.h"
#include "base/mem.h"

#include <regex.h>
#include <stdbool.h>
#include <string.h>

/* What the value of a keyword has to be. */
enum operand {
	ANNOTATION,
	SCHEMA,
	SCHEMA_LIST,
	SCHEMA_MAP,
	PATTERN_MAP,
	PATTERN,
	TYPES,
	COUNT,
	NUMBER,
	FLAG,
	ANY,
	WORDS,
	LIST,
	REFERENCE,
};

static const struct {
	const char *name;
	enum operand operand;
} keywords[] = {
    {"$schema", ANNOTATION},
    {"$id", ANNOTATION},
    {"$comment", ANNOTATION},
    {"title", ANNOTATION},
    {"description", ANNOTATION},
    {"default", ANNOTATION},
    {"examples", ANNOTATION},
    {"$defs", SCHEMA_MAP},
    {"$ref", REFERENCE},
    {"type", TYPES},
    {"properties", SCHEMA_MAP},
    {"patternProperties", PATTERN_MAP},
    {"required", WORDS},
    {"additionalProperties", SCHEMA},
    {"enum", LIST},
    {"const", ANY},
    {"pattern", PATTERN},
    {"minimum", NUMBER},
    {"maximum", NUMBER},
    {"exclusiveMinimum", NUMBER},
    {"exclusiveMaximum", NUMBER},
    {"minLength", COUNT},
    {"maxLength", COUNT},
    {"minItems", COUNT},
    {"maxItems", COUNT},
    {"uniqueItems", FLAG},
    {"items", SCHEMA},
    {"oneOf", SCHEMA_LIST},
    {"anyOf", SCHEMA_LIST},
};

const json_t *ncm_schema_target(const json_t *root, const json_t *schema)
{
	enum { HOPS = 8 };
	const char *reference = NULL;

	for (unsigned hop = 0; hop < HOPS; hop++) {
		reference = ncm_json_string(schema, "$ref");
		if (!reference)
			return schema;
		if (strncmp(reference, "#/$defs/", 8) != 0)
			return NULL;
		schema = json_object_get(json_object_get(root, "$defs"), reference + 8);
		if (!schema)
			return NULL;
	}
	return NULL;
}

static char *self_check(const json_t *root, const json_t *schema);

static char *check_map(const json_t *root, const json_t *map, bool patterns)
{
	const char *key;
	json_t *member;

	if (!json_is_object(map))
		return ncm_strdup(": is not an object");
	json_object_foreach((json_t *)map, key, member)
	{
		regex_t compiled;
		NCM_AUTO_FREE char *reason = self_check(root, member);

		if (reason)
			return ncm_asprintf("/%s%s", key, reason);
		if (patterns && regcomp(&compiled, key, REG_EXTENDED | REG_NOSUB) != 0)
			return ncm_asprintf(": \"%s\" is not a pattern", key);
		if (patterns)
			regfree(&compiled);
	}
	return NULL;
}

static char *check_list(const json_t *root, const json_t *list)
{
	const json_t *item;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) == 0)
		return ncm_strdup(": is not a list of schemas");
	json_array_foreach(list, i, item)
	{
		NCM_AUTO_FREE char *reason = self_check(root, item);

		if (reason)
			return ncm_asprintf("/%zu%s", i, reason);
	}
	return NULL;
}

static bool is_type(const json_t *name)
{
	static const char *const types[] = {"object", "array", "string", "integer", "number", "boolean", "null"};

	for (size_t i = 0; json_is_string(name) && i < sizeof types / sizeof *types; i++) {
		if (strcmp(json_string_value(name), types[i]) == 0)
			return true;
	}
	return false;
}

static bool are_types(const json_t *value)
{
	const json_t *name;
	size_t i;

	if (!json_is_array(value))
		return is_type(value);
	json_array_foreach(value, i, name)
	{
		if (!is_type(name))
			return false;
	}
	return json_array_size(value) > 0;
}

static bool are_words(const json_t *value)
{
	const json_t *word;
	size_t i;

	json_array_foreach(value, i, word)
	{
		if (!json_is_string(word))
			return false;
	}
	return json_is_array(value);
}

static bool is_pattern(const json_t *value)
{
	regex_t compiled;

	if (!json_is_string(value) || regcomp(&compiled, json_string_value(value), REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	regfree(&compiled);
	return true;
}

static char *check_operand(const json_t *root, const json_t *schema, enum operand operand, const json_t *value)
{
	bool right = true;

	switch (operand) {
	case ANNOTATION:
	case ANY:
		break;
	case SCHEMA:
		return self_check(root, value);
	case SCHEMA_LIST:
		return check_list(root, value);
	case SCHEMA_MAP:
		return check_map(root, value, false);
	case PATTERN_MAP:
		return check_map(root, value, true);
	case PATTERN:
		right = is_pattern(value);
		break;
	case TYPES:
		right = are_types(value);
		break;
	case COUNT:
		right = json_is_integer(value) && json_integer_value(value) >= 0;
		break;
	case NUMBER:
		right = json_is_number(value);
		break;
	case FLAG:
		right = json_is_boolean(value);
		break;
	case WORDS:
		right = are_words(value);
		break;
	case LIST:
		right = json_is_array(value);
		break;
	case REFERENCE:
		right = ncm_schema_target(root, schema) != NULL;
		break;
	}
	return right ? NULL : ncm_strdup(": has a value that it cannot have");
}

static char *self_check(const json_t *root, const json_t *schema)
{
	const char *key;
	json_t *value;

	if (json_is_boolean(schema))
		return NULL;
	if (!json_is_object(schema))
		return ncm_strdup(": is not a schema");
	json_object_foreach((json_t *)schema, key, value)
	{
		NCM_AUTO_FREE char *reason = NULL;
		size_t i = 0;

		while (i < sizeof keywords / sizeof *keywords && strcmp(keywords[i].name, key) != 0)
			i++;
		if (i == sizeof keywords / sizeof *keywords)
			return ncm_asprintf(": the keyword \"%s\" is not known", key);
		reason = check_operand(root, schema, keywords[i].operand, value);
		if (reason)
			return ncm_asprintf("/%s%s", key, reason);
	}
	return NULL;
}

char *ncm_schema_self_check(const json_t *schema)
{
	NCM_AUTO_FREE char *reason = self_check(schema, schema);

	return reason ? ncm_asprintf("the schema itself is faulty at #%s", reason) : NULL;
}
