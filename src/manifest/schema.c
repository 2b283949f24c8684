/* SPDX-License-Identifier: MIT */
#include "manifest/schema.h"

#include "base/buffer.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "manifest/schema_node.h"
#include "manifest/schema_text.h"

#include <string.h>

/* Where a value lies: made into text only for a fault. */
struct at {
	const struct at *above; /* NULL: the whole document */
	const char *key;        /* or NULL: */
	size_t index;
};

struct check {
	ncm_schema_fault fault; /* NULL while a branch is only tried */
	void *context;
	const struct at *at;
	size_t faults;
	unsigned depth;
};

/* Schemas that one value can be held against inside one another: one that leads to itself ends here. */
enum { DEPTH_MAX = 12 };

static void check_value(struct check *check, const struct schema_node *schema, const json_t *value);

static void add_path(const struct at *at, struct ncm_buffer *path)
{
	if (!at) {
		ncm_buffer_puts(path, "$");
		return;
	}
	add_path(at->above, path);
	if (at->key)
		ncm_buffer_printf(path, ".%s", at->key);
	else
		ncm_buffer_printf(path, "[%zu]", at->index);
}

__attribute__((format(printf, 2, 3))) static void tell(struct check *check, const char *format, ...)
{
	NCM_AUTO_FREE char *reason = NULL, *path = NULL;
	struct ncm_buffer text = {0};
	va_list args;

	check->faults++;
	if (!check->fault)
		return;
	va_start(args, format);
	reason = ncm_vasprintf(format, args);
	va_end(args);
	add_path(check->at, &text);
	path = ncm_buffer_take(&text);
	check->fault(check->context, path, reason);
}

/* A value that lies in the one at hand. */
static void check_below(struct check *check, const struct schema_node *schema, const char *key, size_t index,
			const json_t *value)
{
	const struct at at = {check->at, key, index};
	const unsigned depth = check->depth;

	check->depth = 0;
	check->at = &at;
	check_value(check, schema, value);
	check->at = at.above;
	check->depth = depth;
}

static bool matches(const struct schema_pattern *pattern, const char *value)
{
	regmatch_t match;

	if (pattern->start)
		return strncmp(value, pattern->start, strlen(pattern->start)) == 0;
	return regexec(&pattern->compiled, value, 1, &match, 0) == 0 &&
	       (!pattern->to_end || value[match.rm_eo] == '\0');
}

static bool type_allows(const struct schema_node *schema, const json_t *value)
{
	return schema->allowed >> json_typeof(value) & 1;
}

static void tell_unknown(struct check *check, const struct schema_node *schema, const char *key)
{
	const struct at at = {check->at, key, 0};
	struct ncm_nearest nearest = {.to = key};
	const char *meant;

	for (size_t i = 0; i < schema->properties.count; i++)
		ncm_nearest_offer(&nearest, schema->properties.items[i].name);
	meant = ncm_nearest_close(&nearest);
	check->at = &at;
	if (meant)
		tell(check, "unknown key \"%s\" (did you mean \"%s\"?)", key, meant);
	else
		tell(check, "unknown key \"%s\"", key);
	check->at = at.above;
}

static void check_member(struct check *check, const struct schema_node *schema, const char *key, const json_t *value)
{
	const uint32_t *number = ncm_text_map_find(&schema->by_name, key, strlen(key));
	bool known = number != NULL;

	if (number)
		check_below(check, schema->properties.items[*number].node, key, 0, value);
	for (size_t i = 0; i < schema->patterns.count; i++) {
		const struct schema_member *rule = &schema->patterns.items[i];

		if (!matches(rule->pattern, key))
			continue;
		known = true;
		check_below(check, rule->node, key, 0, value);
	}
	if (known || !schema->additional)
		return;
	if (schema->additional->forbids)
		tell_unknown(check, schema, key);
	else
		check_below(check, schema->additional, key, 0, value);
}

static void check_object(struct check *check, const struct schema_node *schema, const json_t *value)
{
	const json_t *name;
	const char *key;
	json_t *member;
	size_t i;

	json_array_foreach(schema->required, i, name)
	{
		if (!json_object_get(value, json_string_value(name)))
			tell(check, "the key \"%s\" is missing", json_string_value(name));
	}
	json_object_foreach((json_t *)value, key, member) check_member(check, schema, key, member);
}

static bool is_among(const json_t *values, size_t count, const json_t *value)
{
	for (size_t i = 0; i < count; i++) {
		if (json_equal(json_array_get(values, i), value))
			return true;
	}
	return false;
}

/* A few are compared with one another. More become keys of an object: linear, however long the array is. */
static void check_unique(struct check *check, const json_t *value)
{
	enum { FEW = 16 };
	const bool few = json_array_size(value) <= FEW;
	NCM_AUTO_JSON json_t *seen = few ? NULL : json_object();
	const json_t *item;
	size_t i;

	json_array_foreach(value, i, item)
	{
		NCM_AUTO_FREE char *text = NULL;

		if (few && !is_among(value, i, item))
			continue;
		text = schema_shown_whole(item);
		if (few || json_object_get(seen, text)) {
			tell(check, "holds %s twice", text);
			return;
		}
		json_object_set_new(seen, text, json_true());
	}
}

static void check_array(struct check *check, const struct schema_node *schema, const json_t *value)
{
	const size_t size = json_array_size(value);
	const json_t *item;
	size_t i;

	if (size < schema->least_items)
		tell(check, "has %zu items, must have at least %llu", size, (unsigned long long)schema->least_items);
	if (size > schema->most_items) {
		tell(check, "has %zu items, must have at most %llu", size, (unsigned long long)schema->most_items);
		return;
	}
	if (schema->unique)
		check_unique(check, value);
	if (!schema->items)
		return;
	json_array_foreach(value, i, item) check_below(check, schema->items, NULL, i, item);
}

static size_t code_points(const json_t *value)
{
	const char *text = json_string_value(value);
	size_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static void check_string(struct check *check, const struct schema_node *schema, const json_t *value)
{
	const char *text = json_string_value(value);
	const size_t size = code_points(value);

	if (size < schema->least_length) {
		if (size == 0)
			tell(check, "must not be empty");
		else
			tell(check, "has %zu characters, must have at least %llu", size,
			     (unsigned long long)schema->least_length);
	}
	if (size > schema->most_length)
		tell(check, "has %zu characters, must have at most %llu", size,
		     (unsigned long long)schema->most_length);
	else if (schema->pattern && !matches(schema->pattern, text))
		tell(check, "\"%s\" does not have the form %s", text, schema->pattern->text);
}

static int compare_numbers(const json_t *a, const json_t *b)
{
	if (json_is_integer(a) && json_is_integer(b))
		return (json_integer_value(a) > json_integer_value(b)) -
		       (json_integer_value(a) < json_integer_value(b));
	return (json_number_value(a) > json_number_value(b)) - (json_number_value(a) < json_number_value(b));
}

static void check_number(struct check *check, const struct schema_node *schema, const json_t *value)
{
	static const struct {
		int refused[2]; /* results of the comparison */
		const char *words;
	} bounds[SCHEMA_BOUNDS] = {
	    [BOUND_LEAST] = {{-1, -1}, "at least"},
	    [BOUND_MOST] = {{1, 1}, "at most"},
	    [BOUND_ABOVE] = {{-1, 0}, "more than"},
	    [BOUND_BELOW] = {{1, 0}, "less than"},
	};

	for (size_t i = 0; i < SCHEMA_BOUNDS; i++) {
		const json_t *bound = schema->bounds[i];
		int order = bound ? compare_numbers(value, bound) : 2;
		NCM_AUTO_FREE char *is = NULL, *limit = NULL;

		if (order != bounds[i].refused[0] && order != bounds[i].refused[1])
			continue;
		is = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
		limit = json_dumps(bound, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
		tell(check, "is %s, must be %s %s", is, bounds[i].words, limit);
	}
}

static void check_enum(struct check *check, const json_t *words, const json_t *value)
{
	NCM_AUTO_FREE char *is = NULL;
	struct ncm_buffer list = {0};
	struct ncm_nearest nearest = {.to = json_is_string(value) ? json_string_value(value) : ""};
	const char *meant;
	const json_t *word;
	size_t i;

	if (is_among(words, json_array_size(words), value))
		return;
	is = schema_shown(value);
	json_array_foreach(words, i, word)
	{
		NCM_AUTO_FREE char *text = schema_shown(word);

		ncm_buffer_printf(&list, "%s%s", i > 0 ? ", " : "", text);
		if (json_is_string(word) && json_is_string(value))
			ncm_nearest_offer(&nearest, json_string_value(word));
	}
	meant = ncm_nearest_close(&nearest);
	if (meant)
		tell(check, "is %s, must be one of %s (did you mean \"%s\"?)", is, list.data, meant);
	else
		tell(check, "is %s, must be one of %s", is, list.data ? list.data : "nothing");
	ncm_buffer_free(&list);
}

static void check_const(struct check *check, const json_t *wanted, const json_t *value)
{
	NCM_AUTO_FREE char *is = NULL, *must = NULL;

	if (json_equal(wanted, value))
		return;
	is = schema_shown(value);
	must = schema_shown(wanted);
	tell(check, "is %s, must be %s", is, must);
}

static size_t try_branch(struct check *check, const struct schema_node *branch, const json_t *value)
{
	ncm_schema_fault fault = check->fault;
	size_t before = check->faults, found;

	check->fault = NULL;
	check_value(check, branch, value);
	check->fault = fault;
	found = check->faults - before;
	check->faults = before;
	return found;
}

/* The schema whose "type" counts for a branch. */
static const struct schema_node *typed(const struct schema_node *branch)
{
	return branch->target ? branch->target : branch;
}

static void tell_no_branch(struct check *check, const struct schema_list *branches, const json_t *value)
{
	struct ncm_buffer expected = {0};

	for (size_t i = 0; i < branches->count; i++)
		schema_add_types(typed(branches->items[i])->types, &expected);
	tell(check, "is %s, must be %s", schema_kind_of(value), expected.data ? expected.data : "something else");
	ncm_buffer_free(&expected);
}

/* The faults of the branch that was most probably meant are told: the only one of the value's type, else the one with
 * the fewest. */
static void check_branches(struct check *check, const struct schema_list *branches, const json_t *value, bool only_one)
{
	size_t of_type = 0, right = 0, fewest = SIZE_MAX;
	const struct schema_node *best = NULL;

	for (size_t i = 0; i < branches->count; i++) {
		if (type_allows(typed(branches->items[i]), value)) {
			of_type++;
			best = branches->items[i];
		}
	}
	for (size_t i = 0; i < branches->count && of_type > 1; i++) {
		size_t faults = try_branch(check, branches->items[i], value);

		right += faults == 0;
		if (faults < fewest) {
			fewest = faults;
			best = branches->items[i];
		}
	}
	if (of_type == 0)
		tell_no_branch(check, branches, value);
	else if (right == 0)
		check_value(check, best, value);
	else if (right > 1 && only_one)
		tell(check, "fits more than one of the forms that it may have");
}

static void tell_type(struct check *check, const struct schema_node *schema, const json_t *value)
{
	struct ncm_buffer expected = {0};

	schema_add_types(schema->types, &expected);
	tell(check, "is %s, must be %s", schema_kind_of(value), expected.data);
	ncm_buffer_free(&expected);
}

static void check_rules(struct check *check, const struct schema_node *schema, const json_t *value)
{
	if (schema->target)
		check_value(check, schema->target, value);
	if (!type_allows(schema, value)) {
		tell_type(check, schema, value);
		return;
	}
	if (schema->words)
		check_enum(check, schema->words, value);
	if (schema->constant)
		check_const(check, schema->constant, value);
	if (json_is_object(value))
		check_object(check, schema, value);
	else if (json_is_array(value))
		check_array(check, schema, value);
	else if (json_is_string(value))
		check_string(check, schema, value);
	else if (json_is_number(value))
		check_number(check, schema, value);
	if (schema->one_of.count > 0)
		check_branches(check, &schema->one_of, value, true);
	if (schema->any_of.count > 0)
		check_branches(check, &schema->any_of, value, false);
}

static void check_value(struct check *check, const struct schema_node *schema, const json_t *value)
{
	if (schema->forbids) {
		tell(check, "is not allowed here");
	} else if (check->depth >= DEPTH_MAX) {
		tell(check, "the schema leads to itself here");
	} else {
		check->depth++;
		check_rules(check, schema, value);
		check->depth--;
	}
}

bool ncm_schema_check(const struct ncm_schema *schema, const json_t *value, ncm_schema_fault fault, void *context)
{
	struct check check = {.fault = fault, .context = context};

	check_value(&check, schema->root, value);
	return check.faults == 0;
}
