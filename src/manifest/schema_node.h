/* SPDX-License-Identifier: MIT */
/* A schema as it is held against values: its keywords looked up and its patterns compiled, once. */
#ifndef NCM_MANIFEST_SCHEMA_NODE_H
#define NCM_MANIFEST_SCHEMA_NODE_H

#include "base/arena.h"
#include "base/text_map.h"

#include <jansson.h>
#include <regex.h>
#include <stdbool.h>
#include <stdint.h>

struct schema_pattern {
	const char *text;
	const char *start; /* "^x-" asks only for a start, which needs no regular expression; else NULL */
	bool to_end;       /* the value must end where the longest match does: what '$' says, which is compiled out */
	regex_t compiled;
};

/* What is said of the members of a name, or of all whose names have a form. */
struct schema_member {
	const char *name;
	const struct schema_pattern *pattern; /* or NULL */
	const struct schema_node *node;
};

struct schema_members {
	struct schema_member *items;
	size_t count;
};

struct schema_list {
	const struct schema_node **items;
	size_t count;
};

enum schema_bound { BOUND_LEAST, BOUND_MOST, BOUND_ABOVE, BOUND_BELOW, SCHEMA_BOUNDS };

/* One schema; texts and values are the JSON's. What is not said is NULL, or has the widest bounds. */
struct schema_node {
	bool forbids;                     /* the schema `false` */
	const struct schema_node *target; /* of "$ref", in the end */
	unsigned allowed;                 /* by "type": a bit for each json_type */
	const json_t *types;              /* the same as it is written */
	const json_t *words;              /* "enum" */
	const json_t *constant;
	/* of objects */
	struct schema_members properties; /* as they are written, and by name: */
	struct ncm_text_map by_name;
	struct schema_members patterns;
	const json_t *required;
	const struct schema_node *additional;
	/* of arrays */
	const struct schema_node *items;
	uint64_t least_items, most_items;
	bool unique;
	/* of strings */
	uint64_t least_length, most_length;
	const struct schema_pattern *pattern;
	/* of numbers */
	const json_t *bounds[SCHEMA_BOUNDS];
	struct schema_list one_of, any_of;
};

/* What "$ref" may lead to: compiled once, so that a circle ends. */
struct schema_definition {
	const json_t *json;
	struct schema_node *node;
};

struct ncm_schema {
	json_t *json;
	const struct schema_node *root;
	struct ncm_arena memory; /* of nodes and patterns */
	struct schema_node **nodes;
	size_t node_count;
	struct schema_pattern **patterns;
	size_t pattern_count;
	struct schema_definition *definitions; /* "$defs" */
	size_t definition_count;
};

#endif
