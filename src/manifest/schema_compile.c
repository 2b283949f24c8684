/* SPDX-License-Identifier: MIT */
#include "manifest/schema.h"

#include "base/json.h"
#include "base/mem.h"
#include "manifest/schema_node.h"
#include "manifest/schema_self.h"

#include <string.h>

static const struct schema_node *compile(struct ncm_schema *schema, const json_t *json);

/* Whether all of a pattern is one branch between '^' and '$'. The regular expressions of glibc take an anchor at the
 * end of "[a-z]{0,95}$" to heart at each byte; the longest match ends where it would, or nothing does. */
static bool is_anchored(const char *text)
{
	const size_t size = strlen(text);

	return size >= 3 && *text == '^' && text[size - 1] == '$' && text[size - 2] != '\\' && !strchr(text, '|');
}

static struct schema_pattern *compile_pattern(struct ncm_schema *schema, const char *text)
{
	struct schema_pattern *pattern = ncm_arena_take(&schema->memory, sizeof *pattern);
	NCM_AUTO_FREE char *compiled = ncm_strdup(text);

	*pattern = (struct schema_pattern){.text = text, .to_end = is_anchored(text)};
	compiled[strlen(text) - pattern->to_end] = '\0';
	if (*text == '^' && !strpbrk(text + 1, "^$.[]()|*+?{}\\"))
		pattern->start = text + 1;
	else
		/* That it compiles is known: ncm_schema_self_check tried. */
		(void)regcomp(&pattern->compiled, compiled, REG_EXTENDED);
	*NCM_PUSH(schema->patterns, schema->pattern_count) = pattern;
	return pattern;
}

static struct schema_members compile_members(struct ncm_schema *schema, const json_t *map, bool are_patterns)
{
	struct schema_members members = {ncm_arena_take(&schema->memory, json_object_size(map) * sizeof *members.items),
					 0};
	const char *name;
	json_t *json;

	json_object_foreach((json_t *)map, name, json)
	{
		const struct schema_pattern *pattern = are_patterns ? compile_pattern(schema, name) : NULL;

		members.items[members.count++] = (struct schema_member){name, pattern, compile(schema, json)};
	}
	return members;
}

static struct schema_list compile_list(struct ncm_schema *schema, const json_t *array)
{
	struct schema_list list = {ncm_arena_take(&schema->memory, json_array_size(array) * sizeof *list.items), 0};
	const json_t *json;
	size_t i;

	json_array_foreach(array, i, json) list.items[list.count++] = compile(schema, json);
	return list;
}

static const struct schema_node *compile_member(struct ncm_schema *schema, const json_t *json, const char *keyword)
{
	const json_t *member = json_object_get(json, keyword);

	return member ? compile(schema, member) : NULL;
}

static const struct schema_node *target_of(const struct ncm_schema *schema, const json_t *json)
{
	const json_t *target = ncm_schema_target(schema->json, json);

	for (size_t i = 0; target != json && i < schema->definition_count; i++) {
		if (schema->definitions[i].json == target)
			return schema->definitions[i].node;
	}
	return NULL;
}

/* The json_types, as bits, that a word means. */
static unsigned types_of_word(const char *word)
{
	static const struct {
		const char *word;
		unsigned types;
	} words[] = {
	    {"object", 1u << JSON_OBJECT},
	    {"array", 1u << JSON_ARRAY},
	    {"string", 1u << JSON_STRING},
	    {"integer", 1u << JSON_INTEGER}, /* not 1.0: whoever means a whole number writes one */
	    {"number", 1u << JSON_INTEGER | 1u << JSON_REAL},
	    {"boolean", 1u << JSON_TRUE | 1u << JSON_FALSE},
	    {"null", 1u << JSON_NULL},
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strcmp(words[i].word, word) == 0)
			return words[i].types;
	}
	return 0;
}

static unsigned types_allowed(const json_t *type)
{
	unsigned types = 0;
	const json_t *word;
	size_t i;

	if (!type)
		return ~0u;
	if (json_is_string(type))
		return types_of_word(json_string_value(type));
	json_array_foreach(type, i, word) types |= types_of_word(json_string_value(word));
	return types;
}

static uint64_t bound_or(const json_t *json, const char *keyword, uint64_t otherwise)
{
	uint64_t bound;

	return ncm_json_u64(json, keyword, &bound) ? bound : otherwise;
}

static void compile_any(struct ncm_schema *schema, const json_t *json, struct schema_node *node)
{
	node->forbids = json_is_false(json);
	node->target = target_of(schema, json);
	node->types = json_object_get(json, "type");
	node->allowed = types_allowed(node->types);
	node->words = json_object_get(json, "enum");
	node->constant = json_object_get(json, "const");
	node->one_of = compile_list(schema, json_object_get(json, "oneOf"));
	node->any_of = compile_list(schema, json_object_get(json, "anyOf"));
}

static void compile_containers(struct ncm_schema *schema, const json_t *json, struct schema_node *node)
{
	node->properties = compile_members(schema, json_object_get(json, "properties"), false);
	for (size_t i = 0; i < node->properties.count; i++) {
		const char *name = node->properties.items[i].name;

		ncm_text_map_add(&node->by_name, name, strlen(name), i);
	}
	node->patterns = compile_members(schema, json_object_get(json, "patternProperties"), true);
	node->required = json_object_get(json, "required");
	node->additional = compile_member(schema, json, "additionalProperties");
	node->items = compile_member(schema, json, "items");
	node->least_items = bound_or(json, "minItems", 0);
	node->most_items = bound_or(json, "maxItems", UINT64_MAX);
	node->unique = ncm_json_bool(json, "uniqueItems");
}

static void compile_scalars(struct ncm_schema *schema, const json_t *json, struct schema_node *node)
{
	static const char *const bounds[SCHEMA_BOUNDS] = {
	    [BOUND_LEAST] = "minimum",
	    [BOUND_MOST] = "maximum",
	    [BOUND_ABOVE] = "exclusiveMinimum",
	    [BOUND_BELOW] = "exclusiveMaximum",
	};
	const char *pattern = ncm_json_string(json, "pattern");

	node->least_length = bound_or(json, "minLength", 0);
	node->most_length = bound_or(json, "maxLength", UINT64_MAX);
	node->pattern = pattern ? compile_pattern(schema, pattern) : NULL;
	for (size_t i = 0; i < SCHEMA_BOUNDS; i++)
		node->bounds[i] = json_object_get(json, bounds[i]);
}

static struct schema_node *add_node(struct ncm_schema *schema)
{
	struct schema_node *node = ncm_arena_take(&schema->memory, sizeof *node);

	*node = (struct schema_node){0};
	*NCM_PUSH(schema->nodes, schema->node_count) = node;
	return node;
}

static void fill(struct ncm_schema *schema, const json_t *json, struct schema_node *node)
{
	compile_any(schema, json, node);
	compile_containers(schema, json, node);
	compile_scalars(schema, json, node);
}

static const struct schema_node *compile(struct ncm_schema *schema, const json_t *json)
{
	struct schema_node *node = add_node(schema);

	fill(schema, json, node);
	return node;
}

/* All have their places before the first is filled: they lead to one another. */
static void compile_definitions(struct ncm_schema *schema)
{
	const char *name;
	json_t *json;

	json_object_foreach(json_object_get(schema->json, "$defs"), name, json)
	{
		(void)name;
		*NCM_PUSH(schema->definitions, schema->definition_count) =
		    (struct schema_definition){json, add_node(schema)};
	}
	for (size_t i = 0; i < schema->definition_count; i++)
		fill(schema, schema->definitions[i].json, schema->definitions[i].node);
}

struct ncm_schema *ncm_schema_compile(json_t *json, char **wrong)
{
	struct ncm_schema *schema;

	*wrong = ncm_schema_self_check(json);
	if (*wrong)
		return NULL;
	schema = ncm_calloc(1, sizeof *schema);
	schema->json = json_incref(json);
	compile_definitions(schema);
	schema->root = compile(schema, json);
	return schema;
}

void ncm_schema_free(struct ncm_schema *schema)
{
	if (!schema)
		return;
	for (size_t i = 0; i < schema->node_count; i++)
		ncm_text_map_free(&schema->nodes[i]->by_name);
	for (size_t i = 0; i < schema->pattern_count; i++) {
		if (!schema->patterns[i]->start)
			regfree(&schema->patterns[i]->compiled);
	}
	free(schema->nodes);
	free(schema->patterns);
	free(schema->definitions);
	ncm_arena_free(&schema->memory);
	json_decref(schema->json);
	free(schema);
}
