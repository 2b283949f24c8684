/* SPDX-License-Identifier: MIT */
/* A tree made of what a scan hands on: the parser's own takes several times as long. */
#include "base/json_scan.h"

#include "base/buffer.h"

static json_t *build_string(const struct ncm_json_part *part)
{
	struct ncm_arena decoded = {0};
	json_t *string;

	if (!part->escaped)
		return json_stringn_nocheck(part->text, part->size);
	string = json_string_nocheck(ncm_json_part_decode(part, &decoded));
	ncm_arena_free(&decoded);
	return string;
}

static json_t *build_scalar(struct ncm_json_scan *scan)
{
	struct ncm_json_part part;

	if (!ncm_json_scan_value(scan, &part))
		return NULL;
	switch (part.kind) {
	case NCM_JSON_STRING:
		return build_string(&part);
	case NCM_JSON_INTEGER:
		return json_integer(ncm_json_part_integer(&part));
	case NCM_JSON_REAL:
		return json_real(ncm_json_part_number(&part));
	case NCM_JSON_NULL:
		return json_null();
	default:
		return json_boolean(part.kind == NCM_JSON_TRUE);
	}
}

/* `name` is for the keys of this object alone: what a key holds has keys of its own. */
static json_t *build_object(struct ncm_json_scan *scan)
{
	json_t *object = json_object();
	struct ncm_buffer name = {0};
	struct ncm_json_part key;

	ncm_json_scan_enter(scan);
	while (ncm_json_scan_key(scan, &key)) {
		name.size = 0;
		ncm_buffer_add(&name, key.text, key.size);
		json_object_set_new_nocheck(object, name.data, ncm_json_scan_tree(scan));
	}
	ncm_buffer_free(&name);
	return object;
}

static json_t *build_array(struct ncm_json_scan *scan)
{
	json_t *array = json_array();

	ncm_json_scan_enter(scan);
	while (ncm_json_scan_item(scan))
		json_array_append_new(array, ncm_json_scan_tree(scan));
	return array;
}

json_t *ncm_json_scan_tree(struct ncm_json_scan *scan)
{
	switch (ncm_json_scan_next(scan)) {
	case NCM_JSON_OBJECT:
		return build_object(scan);
	case NCM_JSON_ARRAY:
		return build_array(scan);
	default:
		return build_scalar(scan);
	}
}
