/* SPDX-License-Identifier: MIT */
#include "yaml/yaml.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/strings.h"

#include <string.h>
#include <yaml.h>

/* An alias counts as all that it stands for: a short text may mean a very long one. Anchors are looked for in a row. */
enum { DEEPEST = 64, MOST_NODES = 100000, MOST_ANCHORS = 1000 };

struct anchor {
	char *name;
	json_t *value;
	size_t nodes;
};

struct reading {
	yaml_parser_t parser;
	yaml_event_t event;
	struct anchor *anchors;
	size_t anchor_count;
	size_t nodes;
	const char *what;
	struct ncm_error *err;
};

static json_t *fail(const struct reading *reading, const char *why)
{
	ncm_error_set(reading->err, NCM_E_MANIFEST, "%s:%zu: %s", reading->what, reading->event.start_mark.line + 1,
		      why);
	return NULL;
}

static int next(struct reading *reading)
{
	const yaml_parser_t *parser = &reading->parser;

	yaml_event_delete(&reading->event);
	if (yaml_parser_parse(&reading->parser, &reading->event))
		return 0;
	ncm_error_set(reading->err, NCM_E_MANIFEST, "%s:%zu: not valid YAML: %s", reading->what,
		      parser->problem_mark.line + 1, parser->problem ? parser->problem : "out of memory");
	return -1;
}

static json_t *plain(const char *text)
{
	static const char *const yes[] = {"yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", NULL};
	static const char *const no[] = {"no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", NULL};
	static const char *const null[] = {"", "~", "null", "Null", "NULL", NULL};

	if (ncm_is_among(text, yes))
		return json_true();
	if (ncm_is_among(text, no))
		return json_false();
	return ncm_is_among(text, null) ? json_null() : json_string(text);
}

/* Applications that read YAML safely refuse tags of others'. */
static bool is_standard(const yaml_char_t *tag)
{
	static const char *const known[] = {YAML_NULL_TAG, YAML_BOOL_TAG, YAML_STR_TAG, YAML_INT_TAG, YAML_FLOAT_TAG,
					    YAML_SEQ_TAG,  YAML_MAP_TAG,  "!",          NULL};

	return !tag || ncm_is_among((const char *)tag, known);
}

static json_t *read_scalar(const struct reading *reading)
{
	const char *text = (const char *)reading->event.data.scalar.value;
	json_t *value;

	if (!is_standard(reading->event.data.scalar.tag))
		return fail(reading, "a tag that only its own application understands");
	if (reading->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !reading->event.data.scalar.tag)
		return plain(text);
	value = json_stringn(text, reading->event.data.scalar.length);
	return value ? value : fail(reading, "a text that is not valid UTF-8");
}

static json_t *read_node(struct reading *reading, unsigned depth);

static json_t *read_list(struct reading *reading, unsigned depth)
{
	NCM_AUTO_JSON json_t *list = json_array();

	if (!is_standard(reading->event.data.sequence_start.tag))
		return fail(reading, "a tag that only its own application understands");
	for (;;) {
		json_t *item;

		if (next(reading) < 0)
			return NULL;
		if (reading->event.type == YAML_SEQUENCE_END_EVENT)
			return json_incref(list);
		item = read_node(reading, depth);
		if (!item)
			return NULL;
		json_array_append_new(list, item);
	}
}

static int merge(const struct reading *reading, json_t *into, json_t *from)
{
	json_t *item;
	size_t i;

	if (json_is_object(from))
		return json_object_update_missing(into, from);
	json_array_foreach(from, i, item)
	{
		if (json_is_object(item))
			json_object_update_missing(into, item);
	}
	if (json_is_array(from))
		return 0;
	fail(reading, "what is merged by \"<<\" is no mapping");
	return -1;
}

static json_t *read_mapping(struct reading *reading, unsigned depth)
{
	NCM_AUTO_JSON json_t *object = json_object();
	NCM_AUTO_JSON json_t *merged = json_object();

	if (!is_standard(reading->event.data.mapping_start.tag))
		return fail(reading, "a tag that only its own application understands");
	for (;;) {
		NCM_AUTO_FREE char *key = NULL;
		NCM_AUTO_JSON json_t *value = NULL;
		bool merges;

		if (next(reading) < 0)
			return NULL;
		if (reading->event.type == YAML_MAPPING_END_EVENT) {
			json_object_update_missing(object, merged);
			return json_incref(object);
		}
		if (reading->event.type != YAML_SCALAR_EVENT)
			return fail(reading, "a key that is no scalar");
		key = ncm_strdup((const char *)reading->event.data.scalar.value);
		merges = strcmp(key, "<<") == 0 && reading->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
		if (next(reading) < 0 || !(value = read_node(reading, depth)))
			return NULL;
		if (merges ? merge(reading, merged, value) < 0 : json_object_set(object, key, value) < 0)
			return merges ? NULL : fail(reading, "a key that is not valid UTF-8");
	}
}

static json_t *read_alias(struct reading *reading)
{
	const char *name = (const char *)reading->event.data.alias.anchor;

	for (size_t i = reading->anchor_count; i > 0; i--) {
		const struct anchor *anchor = &reading->anchors[i - 1];

		if (strcmp(anchor->name, name) != 0)
			continue;
		reading->nodes += anchor->nodes;
		return reading->nodes > MOST_NODES ? fail(reading, "more than a settings file has")
						   : json_deep_copy(anchor->value);
	}
	return fail(reading, "an alias of nothing before it");
}

static const yaml_char_t *anchor_of(const yaml_event_t *event)
{
	return event->type == YAML_SCALAR_EVENT           ? event->data.scalar.anchor
	       : event->type == YAML_SEQUENCE_START_EVENT ? event->data.sequence_start.anchor
	       : event->type == YAML_MAPPING_START_EVENT  ? event->data.mapping_start.anchor
							  : NULL;
}

static json_t *read_value(struct reading *reading, unsigned depth)
{
	switch (reading->event.type) {
	case YAML_SCALAR_EVENT:
		return read_scalar(reading);
	case YAML_SEQUENCE_START_EVENT:
		return read_list(reading, depth + 1);
	case YAML_MAPPING_START_EVENT:
		return read_mapping(reading, depth + 1);
	case YAML_ALIAS_EVENT:
		return read_alias(reading);
	default:
		return fail(reading, "not a value");
	}
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as DEEPEST */
static json_t *read_node(struct reading *reading, unsigned depth)
{
	NCM_AUTO_FREE char *anchor = ncm_strdup_null((const char *)anchor_of(&reading->event));
	const size_t before = reading->nodes;
	json_t *value;

	if (depth > DEEPEST || ++reading->nodes > MOST_NODES || reading->anchor_count > MOST_ANCHORS)
		return fail(reading, depth > DEEPEST ? "nested too deeply" : "more than a settings file has");
	value = read_value(reading, depth);
	if (value && anchor)
		*NCM_PUSH(reading->anchors, reading->anchor_count) =
		    (struct anchor){ncm_strdup(anchor), json_incref(value), reading->nodes - before};
	return value;
}

/* The stream's start, and one document in it or none. */
static json_t *read_stream(struct reading *reading)
{
	NCM_AUTO_JSON json_t *value = NULL;

	if (next(reading) < 0 || next(reading) < 0)
		return NULL;
	if (reading->event.type == YAML_STREAM_END_EVENT)
		return json_null();
	if (next(reading) < 0 || !(value = read_node(reading, 0)) || next(reading) < 0 || next(reading) < 0)
		return NULL;
	if (reading->event.type != YAML_STREAM_END_EVENT)
		return fail(reading, "a second document");
	return json_incref(value);
}

json_t *ncm_yaml_parse(const char *text, size_t size, const char *what, struct ncm_error *err)
{
	struct reading reading = {.what = what, .err = err};
	json_t *value;

	if (!yaml_parser_initialize(&reading.parser))
		abort();
	yaml_parser_set_input_string(&reading.parser, (const unsigned char *)text, size);
	value = read_stream(&reading);
	yaml_event_delete(&reading.event);
	yaml_parser_delete(&reading.parser);
	for (size_t i = 0; i < reading.anchor_count; i++) {
		free(reading.anchors[i].name);
		json_decref(reading.anchors[i].value);
	}
	free(reading.anchors);
	return value;
}
