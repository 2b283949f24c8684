/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include "base/buffer.h"
#include "base/escape.h"
#include "base/file.h"
#include "base/json_scan.h"
#include "base/mem.h"
#include "base/strings.h"

#include <ctype.h>
#include <errno.h>
#include <ncmodel/limits.h>
#include <ncmodel/text.h>
#include <string.h>

/* Before the parser sees it: it would recurse as deep as the text says. Brackets in strings do not count. */
static bool too_deep(const char *text, size_t size)
{
	unsigned depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < size; i++) {
		if (in_string) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				in_string = false;
		} else if (text[i] == '"') {
			in_string = true;
		} else if (text[i] == '{' || text[i] == '[') {
			if (++depth > NCM_LIMIT_JSON_DEPTH)
				return true;
		} else if ((text[i] == '}' || text[i] == ']') && depth > 0) {
			depth--;
		}
	}
	return false;
}

/* The line of a byte that no JSON text has and that jansson passes over behind a number, or 0. */
static size_t line_of_nul(const char *text, size_t size)
{
	const char *nul = memchr(text, '\0', size);
	size_t line = 1;

	for (const char *at = text; nul && at < nul; at++)
		line += *at == '\n';
	return nul ? line : 0;
}

json_t *ncm_json_parse(const char *text, size_t size, const char *what, enum ncm_errc fault, struct ncm_error *err)
{
	const size_t nul = line_of_nul(text, size);
	json_error_t reason;
	json_t *value;

	if (nul > 0) {
		ncm_error_set(err, fault, "%s:%zu: not valid JSON: it holds a NUL byte", what, nul);
		return NULL;
	}
	if (too_deep(text, size)) {
		ncm_error_set(err, fault, "%s: nested deeper than %u levels", what, NCM_LIMIT_JSON_DEPTH);
		return NULL;
	}
	value = json_loadb(text, size, JSON_REJECT_DUPLICATES, &reason);
	if (!value)
		ncm_error_set(err, fault, "%s:%d: not valid JSON: %s", what, reason.line < 0 ? 1 : reason.line,
			      reason.text);
	return value;
}

/* ncm_json_parse of a text that a NUL follows: several times as fast. */
static json_t *parse_text(const char *text, size_t size, const char *what, enum ncm_errc fault, struct ncm_error *err)
{
	struct ncm_json_scan *scan = ncm_json_scan_new(text, size);
	json_t *value = ncm_json_scan_tree(scan);
	const bool whole = ncm_json_scan_end(scan) && (json_is_object(value) || json_is_array(value));

	ncm_json_scan_free(scan);
	if (whole)
		return value;
	/* What is wrong with it, the parser tells. */
	json_decref(value);
	return ncm_json_parse(text, size, what, fault, err);
}

int ncm_json_check(const char *text, size_t size, const char *what, enum ncm_errc fault, struct ncm_error *err)
{
	struct ncm_json_scan *scan = ncm_json_scan_new(text, size);
	struct ncm_json_part part;
	const bool whole = ncm_json_scan_value(scan, &part) && ncm_json_scan_end(scan) &&
			   (part.kind == NCM_JSON_OBJECT || part.kind == NCM_JSON_ARRAY);
	json_t *value;

	ncm_json_scan_free(scan);
	if (whole)
		return 0;
	/* What is wrong with it, the parser tells. */
	value = ncm_json_parse(text, size, what, fault, err);
	json_decref(value);
	return value ? 0 : -1;
}

json_t *ncm_json_read(const char *path, enum ncm_errc fault, struct ncm_error *err)
{
	size_t size = 0;
	NCM_AUTO_FREE char *text = ncm_read_file(path, NCM_LIMIT_MANIFEST_BYTES, &size);
	int saved = errno;

	if (!text) {
		if (saved == EFBIG)
			ncm_error_set(err, fault, "%s: larger than %u bytes", path, NCM_LIMIT_MANIFEST_BYTES);
		else
			ncm_error_errno(err, saved, "cannot read %s", path);
		errno = saved;
		return NULL;
	}
	return parse_text(text, size, path, fault, err);
}

/* One that a terminal obeys, or that hides: as JSON escapes it. */
static void add_escaped(struct ncm_buffer *out, uint32_t character)
{
	if (character > 0xffff)
		ncm_buffer_printf(out, "\\u%04x\\u%04x", (unsigned)(0xd7c0 + (character >> 10)),
				  (unsigned)(0xdc00 | (character & 0x3ff)));
	else
		ncm_buffer_printf(out, "\\u%04x", (unsigned)character);
}

/* What stands outside texts is ASCII, and jansson escapes those below a blank itself. */
char *ncm_json_dump(const json_t *value)
{
	NCM_AUTO_FREE char *text = json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
	struct ncm_buffer out = {0};
	const char *at = text ? text : "null";
	size_t left = strlen(at);

	while (left > 0) {
		uint32_t character = 0;
		const size_t size = ncm_utf8_decode(at, left, &character);

		if (size > 0 && character >= 0x7f && ncm_char_is_unsafe(character))
			add_escaped(&out, character);
		else
			ncm_buffer_add(&out, at, size > 0 ? size : 1);
		at += size > 0 ? size : 1;
		left -= size > 0 ? size : 1;
	}
	ncm_buffer_add(&out, "\n", 1);
	return ncm_buffer_take(&out);
}

const char *ncm_json_string(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

bool ncm_json_u64(const json_t *object, const char *key, uint64_t *value)
{
	const json_t *member = json_object_get(object, key);

	if (!json_is_integer(member) || json_integer_value(member) < 0)
		return false;
	*value = (uint64_t)json_integer_value(member);
	return true;
}

bool ncm_json_number(const json_t *object, const char *key, double *value)
{
	const json_t *member = json_object_get(object, key);

	if (!json_is_number(member))
		return false;
	*value = json_number_value(member);
	return true;
}

bool ncm_json_bool(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

/* jansson refuses invalid UTF-8; foreign bytes are then kept in their escaped form. */
static json_t *string_value(const char *text)
{
	json_t *value = json_string(text);

	if (!value) {
		NCM_AUTO_FREE char *escaped = ncm_escape(text, strlen(text));

		value = json_string(escaped);
	}
	return value;
}

json_t *ncm_json_string_array(const struct ncm_strings *strings)
{
	json_t *array = json_array();

	for (size_t i = 0; i < strings->count; i++)
		json_array_append_new(array, string_value(strings->items[i]));
	return array;
}

void ncm_json_set_string(json_t *object, const char *key, const char *text)
{
	if (text)
		json_object_set_new(object, key, string_value(text));
	else
		json_object_del(object, key);
}

void ncm_json_set_or_null(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, text ? string_value(text) : json_null());
}

void ncm_json_set_u64(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

/* jansson keeps no positions. To tell the line of a fault, the text (known to be valid) is walked along the JSON path.
 */
struct walk {
	const char *at;
	const char *end;
};

static void skip_space(struct walk *walk)
{
	while (walk->at < walk->end && isspace((unsigned char)*walk->at))
		walk->at++;
}

static void skip_string(struct walk *walk)
{
	walk->at++;
	while (walk->at < walk->end && *walk->at != '"')
		walk->at += *walk->at == '\\' ? 2 : 1;
	walk->at++;
}

static void skip_value(struct walk *walk)
{
	unsigned depth = 0;

	skip_space(walk);
	if (walk->at < walk->end && !strchr("\"{[", *walk->at)) {
		while (walk->at < walk->end && !strchr(",]} \t\r\n", *walk->at))
			walk->at++;
		return;
	}
	do {
		if (walk->at >= walk->end)
			return;
		if (*walk->at == '"') {
			skip_string(walk);
			continue;
		}
		if (*walk->at == '{' || *walk->at == '[')
			depth++;
		else if (*walk->at == '}' || *walk->at == ']')
			depth--;
		walk->at++;
	} while (depth > 0);
}

/* Moves behind '{' or '[', a comma, or to the closing bracket. Returns whether a member follows. */
static bool next_member(struct walk *walk)
{
	skip_space(walk);
	if (walk->at < walk->end && (*walk->at == '{' || *walk->at == '[' || *walk->at == ','))
		walk->at++;
	skip_space(walk);
	return walk->at < walk->end && *walk->at != '}' && *walk->at != ']';
}

static bool enter_key(struct walk *walk, const char *key, size_t size)
{
	while (next_member(walk)) {
		const char *start = walk->at;
		NCM_AUTO_JSON json_t *name = NULL;
		bool found;

		skip_string(walk);
		name = json_loadb(start, (size_t)(walk->at - start), JSON_DECODE_ANY, NULL);
		found = json_is_string(name) && json_string_length(name) == size &&
			memcmp(json_string_value(name), key, size) == 0;
		skip_space(walk);
		walk->at++; /* ':' */
		skip_space(walk);
		if (found)
			return true;
		skip_value(walk);
	}
	return false;
}

static bool enter_index(struct walk *walk, unsigned long index)
{
	while (next_member(walk)) {
		if (index-- == 0)
			return true;
		skip_value(walk);
	}
	return false;
}

const char *ncm_json_find(const char *text, size_t size, const char *path)
{
	struct walk walk = {text, text + size};

	if (*path == '$')
		path++;
	skip_space(&walk);
	while (*path) {
		if (*path == '[') {
			char *rest;
			unsigned long index = strtoul(path + 1, &rest, 10);

			if (walk.at >= walk.end || *walk.at != '[' || !enter_index(&walk, index))
				return NULL;
			path = *rest == ']' ? rest + 1 : rest;
		} else {
			size_t length;

			path += *path == '.';
			length = strcspn(path, ".[");
			if (walk.at >= walk.end || *walk.at != '{' || !enter_key(&walk, path, length))
				return NULL;
			path += length;
		}
	}
	return walk.at;
}

size_t ncm_json_line(const char *text, size_t size, const char *path)
{
	const char *found = ncm_json_find(text, size, path);
	size_t line = 1;

	for (const char *at = text; found && at < found; at++)
		line += *at == '\n';
	return found ? line : 0;
}
