/* SPDX-License-Identifier: MIT */
/*
 * jansson keeps no positions. To tell the line of a fault, the text (known to be valid) is walked along the JSON path.
 */
#include "base/json.h"

#include "base/mem.h"

#include <ctype.h>
#include <string.h>

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
