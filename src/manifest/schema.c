/* SPDX-License-Identifier: MIT */
#include "manifest/schema.h"

#include "base/buffer.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "manifest/schema_self.h"

#include <regex.h>
#include <string.h>

struct pattern {
	const char *text; /* of the schema, which outlives the check */
	regex_t compiled;
};

struct check {
	const json_t *root;
	ncm_schema_fault fault; /* NULL while a branch is only tried */
	void *context;
	struct ncm_buffer path;
	struct pattern *patterns; /* each is compiled once, however many values it meets */
	size_t pattern_count;
	size_t faults;
	unsigned depth;
};

/* Schemas that one value can be held against inside one another: one that leads to itself ends here. */
enum { DEPTH_MAX = 12 };

static void check_value(struct check *check, const json_t *schema, const json_t *value);

__attribute__((format(printf, 2, 3))) static void tell(struct check *check, const char *format, ...)
{
	NCM_AUTO_FREE char *reason = NULL;
	va_list args;

	check->faults++;
	if (!check->fault)
		return;
	va_start(args, format);
	reason = ncm_vasprintf(format, args);
	va_end(args);
	check->fault(check->context, check->path.data, reason);
}

static void check_member(struct check *check, const json_t *schema, const char *key, const json_t *value)
{
	const unsigned depth = check->depth;
	size_t mark = check->path.size;

	check->depth = 0;
	ncm_buffer_printf(&check->path, ".%s", key);
	check_value(check, schema, value);
	check->depth = depth;
	check->path.size = mark;
	check->path.data[mark] = '\0';
}

static void check_item(struct check *check, const json_t *schema, size_t index, const json_t *value)
{
	const unsigned depth = check->depth;
	size_t mark = check->path.size;

	check->depth = 0;
	ncm_buffer_printf(&check->path, "[%zu]", index);
	check_value(check, schema, value);
	check->depth = depth;
	check->path.size = mark;
	check->path.data[mark] = '\0';
}

static bool matches(struct check *check, const char *text, const char *value)
{
	struct pattern *pattern;

	for (size_t i = 0; i < check->pattern_count; i++) {
		if (check->patterns[i].text == text)
			return regexec(&check->patterns[i].compiled, value, 0, NULL, 0) == 0;
	}
	pattern = NCM_PUSH(check->patterns, check->pattern_count);
	pattern->text = text;
	/* That it compiles is known: ncm_schema_self_check tried. */
	(void)regcomp(&pattern->compiled, text, REG_EXTENDED | REG_NOSUB);
	return regexec(&pattern->compiled, value, 0, NULL, 0) == 0;
}

static bool has_type(const json_t *value, const char *type)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return strcmp(type, "object") == 0;
	case JSON_ARRAY:
		return strcmp(type, "array") == 0;
	case JSON_STRING:
		return strcmp(type, "string") == 0;
	case JSON_INTEGER:
		return strcmp(type, "integer") == 0 || strcmp(type, "number") == 0;
	case JSON_REAL: /* 1.0 too: whoever means a whole number writes one */
		return strcmp(type, "number") == 0;
	case JSON_TRUE:
	case JSON_FALSE:
		return strcmp(type, "boolean") == 0;
	case JSON_NULL:
		return strcmp(type, "null") == 0;
	}
	return false;
}

static const char *kind_of(const json_t *value)
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

/* Whether a schema's "type" has nothing against the value; its words are added to `expected`. */
static bool type_allows(const json_t *schema, const json_t *value, struct ncm_buffer *expected)
{
	const json_t *type = json_object_get(schema, "type");
	const size_t count = json_is_array(type) ? json_array_size(type) : 1;
	bool allowed = false;

	if (!type)
		return true;
	for (size_t i = 0; i < count; i++) {
		const char *name = json_string_value(json_is_array(type) ? json_array_get(type, i) : type);

		ncm_buffer_printf(expected, "%s%s", expected->size > 0 ? " or " : "", with_article(name));
		allowed = allowed || has_type(value, name);
	}
	return allowed;
}

static void check_additional(struct check *check, const json_t *schema, const char *key, const json_t *value)
{
	const json_t *rule = json_object_get(schema, "additionalProperties");
	struct ncm_nearest nearest = {.to = key};
	const char *known, *meant;
	json_t *ignored;
	size_t mark = check->path.size;

	if (!rule || json_is_true(rule))
		return;
	if (!json_is_false(rule)) {
		check_member(check, rule, key, value);
		return;
	}
	json_object_foreach(json_object_get(schema, "properties"), known, ignored) ncm_nearest_offer(&nearest, known);
	meant = ncm_nearest_close(&nearest);
	ncm_buffer_printf(&check->path, ".%s", key);
	if (meant)
		tell(check, "unknown key \"%s\" (did you mean \"%s\"?)", key, meant);
	else
		tell(check, "unknown key \"%s\"", key);
	check->path.size = mark;
	check->path.data[mark] = '\0';
}

static void check_object(struct check *check, const json_t *schema, const json_t *value)
{
	const json_t *properties = json_object_get(schema, "properties");
	json_t *patterns = json_object_get(schema, "patternProperties");
	const json_t *name;
	const char *key, *text;
	json_t *member, *rule;
	size_t i;

	json_array_foreach(json_object_get(schema, "required"), i, name)
	{
		if (!json_object_get(value, json_string_value(name)))
			tell(check, "the key \"%s\" is missing", json_string_value(name));
	}
	json_object_foreach((json_t *)value, key, member)
	{
		const json_t *own = json_object_get(properties, key);
		bool known = own != NULL;

		if (own)
			check_member(check, own, key, member);
		json_object_foreach(patterns, text, rule)
		{
			if (!matches(check, text, key))
				continue;
			known = true;
			check_member(check, rule, key, member);
		}
		if (!known)
			check_additional(check, schema, key, member);
	}
}

/* Items become keys of an object: linear, however long the array is. */
static void check_unique(struct check *check, const json_t *value)
{
	NCM_AUTO_JSON json_t *seen = json_object();
	const json_t *item;
	size_t i;

	json_array_foreach(value, i, item)
	{
		NCM_AUTO_FREE char *text = json_dumps(item, JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_COMPACT);

		if (json_object_get(seen, text)) {
			tell(check, "holds %s twice", text);
			return;
		}
		json_object_set_new(seen, text, json_true());
	}
}

static void check_array(struct check *check, const json_t *schema, const json_t *value)
{
	const json_t *items = json_object_get(schema, "items");
	const size_t size = json_array_size(value);
	const json_t *item;
	uint64_t bound;
	size_t i;

	if (ncm_json_u64(schema, "minItems", &bound) && size < bound)
		tell(check, "has %zu items, must have at least %llu", size, (unsigned long long)bound);
	if (ncm_json_u64(schema, "maxItems", &bound) && size > bound) {
		tell(check, "has %zu items, must have at most %llu", size, (unsigned long long)bound);
		return;
	}
	if (ncm_json_bool(schema, "uniqueItems"))
		check_unique(check, value);
	if (!items)
		return;
	json_array_foreach(value, i, item) check_item(check, items, i, item);
}

static size_t code_points(const json_t *value)
{
	const char *text = json_string_value(value);
	size_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static void check_string(struct check *check, const json_t *schema, const json_t *value)
{
	const char *pattern = ncm_json_string(schema, "pattern");
	const size_t size = code_points(value);
	uint64_t bound;

	if (ncm_json_u64(schema, "minLength", &bound) && size < bound) {
		if (size == 0)
			tell(check, "must not be empty");
		else
			tell(check, "has %zu characters, must have at least %llu", size, (unsigned long long)bound);
	}
	if (ncm_json_u64(schema, "maxLength", &bound) && size > bound)
		tell(check, "has %zu characters, must have at most %llu", size, (unsigned long long)bound);
	else if (pattern && !matches(check, pattern, json_string_value(value)))
		tell(check, "\"%s\" does not have the form %s", json_string_value(value), pattern);
}

static int compare_numbers(const json_t *a, const json_t *b)
{
	if (json_is_integer(a) && json_is_integer(b))
		return (json_integer_value(a) > json_integer_value(b)) -
		       (json_integer_value(a) < json_integer_value(b));
	return (json_number_value(a) > json_number_value(b)) - (json_number_value(a) < json_number_value(b));
}

static void check_number(struct check *check, const json_t *schema, const json_t *value)
{
	static const struct {
		const char *keyword;
		int refused[2]; /* results of the comparison */
		const char *words;
	} bounds[] = {
	    {"minimum", {-1, -1}, "at least"},
	    {"maximum", {1, 1}, "at most"},
	    {"exclusiveMinimum", {-1, 0}, "more than"},
	    {"exclusiveMaximum", {1, 0}, "less than"},
	};

	for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
		const json_t *bound = json_object_get(schema, bounds[i].keyword);
		int order = bound ? compare_numbers(value, bound) : 2;
		NCM_AUTO_FREE char *is = NULL, *limit = NULL;

		if (order != bounds[i].refused[0] && order != bounds[i].refused[1])
			continue;
		is = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
		limit = json_dumps(bound, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
		tell(check, "is %s, must be %s %s", is, bounds[i].words, limit);
	}
}

static char *shown(const json_t *value)
{
	if (json_is_object(value) || json_is_array(value))
		return ncm_strdup(kind_of(value));
	return json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
}

static bool is_among(const json_t *words, const json_t *value)
{
	const json_t *word;
	size_t i;

	json_array_foreach(words, i, word)
	{
		if (json_equal(word, value))
			return true;
	}
	return false;
}

static void check_enum(struct check *check, const json_t *words, const json_t *value)
{
	NCM_AUTO_FREE char *is = NULL;
	struct ncm_buffer list = {0};
	struct ncm_nearest nearest = {.to = json_is_string(value) ? json_string_value(value) : ""};
	const char *meant;
	const json_t *word;
	size_t i;

	if (is_among(words, value))
		return;
	is = shown(value);
	json_array_foreach(words, i, word)
	{
		NCM_AUTO_FREE char *text = shown(word);

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
	is = shown(value);
	must = shown(wanted);
	tell(check, "is %s, must be %s", is, must);
}

static size_t try_branch(struct check *check, const json_t *branch, const json_t *value)
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

/* The faults of the branch that was most probably meant are told: the only one of the value's type, else the one with
 * the fewest. */
static void check_branches(struct check *check, const json_t *branches, const json_t *value, bool only_one)
{
	struct ncm_buffer expected = {0};
	size_t of_type = 0, right = 0, fewest = SIZE_MAX, i;
	const json_t *branch, *best = NULL;

	json_array_foreach(branches, i, branch)
	{
		if (type_allows(ncm_schema_target(check->root, branch), value, &expected)) {
			of_type++;
			best = branch;
		}
	}
	for (i = 0; i < json_array_size(branches) && of_type > 1; i++) {
		size_t faults = try_branch(check, json_array_get(branches, i), value);

		right += faults == 0;
		if (faults < fewest) {
			fewest = faults;
			best = json_array_get(branches, i);
		}
	}
	if (of_type == 0)
		tell(check, "is %s, must be %s", kind_of(value), expected.data ? expected.data : "something else");
	else if (right == 0)
		check_value(check, best, value);
	else if (right > 1 && only_one)
		tell(check, "fits more than one of the forms that it may have");
	ncm_buffer_free(&expected);
}

static void check_rules(struct check *check, const json_t *schema, const json_t *value)
{
	struct ncm_buffer expected = {0};
	bool right_type;

	if (json_object_get(schema, "$ref"))
		check_value(check, ncm_schema_target(check->root, schema), value);
	right_type = type_allows(schema, value, &expected);
	if (!right_type)
		tell(check, "is %s, must be %s", kind_of(value), expected.data);
	ncm_buffer_free(&expected);
	if (!right_type)
		return;
	if (json_object_get(schema, "enum"))
		check_enum(check, json_object_get(schema, "enum"), value);
	if (json_object_get(schema, "const"))
		check_const(check, json_object_get(schema, "const"), value);
	if (json_is_object(value))
		check_object(check, schema, value);
	else if (json_is_array(value))
		check_array(check, schema, value);
	else if (json_is_string(value))
		check_string(check, schema, value);
	else if (json_is_number(value))
		check_number(check, schema, value);
	if (json_object_get(schema, "oneOf"))
		check_branches(check, json_object_get(schema, "oneOf"), value, true);
	if (json_object_get(schema, "anyOf"))
		check_branches(check, json_object_get(schema, "anyOf"), value, false);
}

static void check_value(struct check *check, const json_t *schema, const json_t *value)
{
	if (json_is_false(schema)) {
		tell(check, "is not allowed here");
	} else if (check->depth >= DEPTH_MAX) {
		tell(check, "the schema leads to itself here");
	} else if (json_is_object(schema)) {
		check->depth++;
		check_rules(check, schema, value);
		check->depth--;
	}
}

bool ncm_schema_check(const json_t *schema, const json_t *value, ncm_schema_fault fault, void *context)
{
	struct check check = {.root = schema, .fault = fault, .context = context};
	NCM_AUTO_FREE char *wrong = ncm_schema_self_check(schema);

	if (wrong) {
		fault(context, "$", wrong);
		return false;
	}
	ncm_buffer_puts(&check.path, "$");
	check_value(&check, schema, value);
	for (size_t i = 0; i < check.pattern_count; i++)
		regfree(&check.patterns[i].compiled);
	free(check.patterns);
	ncm_buffer_free(&check.path);
	return check.faults == 0;
}
