/* SPDX-License-Identifier: MIT */
/* What a script puts into variables and arrays, and arrays of addresses that no command of it takes. */
#include "author/shell.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "source/source.h"

#include <string.h>

enum { MOST_ELEMENTS = 10000 };

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

/* "NAME=VALUE" sets a variable; false for any other word. */
bool shell_assign(struct shell_run *run, const char *raw)
{
	const size_t size = strspn(raw, letters);
	NCM_AUTO_FREE char *name = ncm_strndup(raw, size);
	const bool appends = raw[size] == '+' && raw[size + 1] == '=';
	NCM_AUTO_FREE char *value = NULL;

	if (size == 0 || strchr("0123456789", *raw) || (raw[size] != '=' && !appends))
		return false;
	value = shell_text(run, raw + size + 1 + appends);
	if (appends) {
		const char *before = ncm_json_string(run->scalars, name);
		NCM_AUTO_FREE char *both = ncm_asprintf("%s%s", before ? before : "", value);

		shell_set(run, name, both);
	} else {
		shell_set(run, name, value);
	}
	return true;
}

static json_t *array_named(struct shell_run *run, const char *name, bool fresh)
{
	if (fresh || !json_object_get(run->arrays, name))
		json_object_set_new(run->arrays, name, json_array());
	return json_object_get(run->arrays, name);
}

static void put_element(struct shell_run *run, json_t *array, const char *key, const char *value)
{
	NCM_AUTO_FREE char *number = key ? NULL : ncm_asprintf("%zu", json_array_size(array));

	run->steps++;
	if (json_array_size(array) < MOST_ELEMENTS)
		json_array_append_new(array, json_pack("[s+,s+]", key ? key : number, "", value, ""));
}

/* "[KEY]=VALUE" → both; else a value, or several. */
static void add_element(struct shell_run *run, json_t *array, const char *raw)
{
	const char *equals = *raw == '[' ? strstr(raw, "]=") : NULL;
	struct ncm_strings values = {0};

	if (equals) {
		NCM_AUTO_FREE char *raw_key = ncm_strndup(raw + 1, (size_t)(equals - raw - 1));
		NCM_AUTO_FREE char *key = shell_text(run, raw_key);
		NCM_AUTO_FREE char *value = shell_text(run, equals + 2);

		put_element(run, array, key, value);
		return;
	}
	shell_expand(run, raw, &values);
	for (size_t i = 0; i < values.count; i++)
		put_element(run, array, NULL, values.items[i]);
	ncm_strings_free(&values);
}

void shell_assign_array(struct shell_run *run, const struct shell_statement *statement)
{
	json_t *array = array_named(run, statement->array, !statement->appends);

	for (size_t i = 0; i < statement->elements.count; i++)
		add_element(run, array, statement->elements.items[i]);
}

/* NAME[KEY]=VALUE */
bool shell_assign_element(struct shell_run *run, const char *raw)
{
	const size_t size = strspn(raw, letters);
	const char *equals = raw[size] == '[' ? strstr(raw + size, "]=") : NULL;
	NCM_AUTO_FREE char *name = ncm_strndup(raw, size);
	NCM_AUTO_FREE char *raw_key = equals ? ncm_strndup(raw + size + 1, (size_t)(equals - raw) - size - 1) : NULL;
	NCM_AUTO_FREE char *key = equals ? shell_text(run, raw_key) : NULL;
	NCM_AUTO_FREE char *value = equals ? shell_text(run, equals + 2) : NULL;

	if (size == 0 || !equals)
		return false;
	put_element(run, array_named(run, name, false), key, value);
	return true;
}

static bool is_address(const char *text)
{
	return strstr(text, "://") && ncm_source_of(text);
}

/* "ADDRESS|PATH", "ADDRESS PATH", or the other way round, as the first and the second of it. */
static void part(const char *value, char **first, char **second)
{
	static const char between[] = "| \t\r\n;";
	const size_t size = strcspn(value, between);
	const char *rest = value + size + strspn(value + size, between);

	*first = ncm_strndup(value, size);
	*second = ncm_strndup(rest, strcspn(rest, between));
}

/* An array that no command was seen to take: its name says the folder, or what stands beside the address its path. */
static void take_pair(struct shell_run *run, const char *name, const char *one, const char *two)
{
	const char *address = is_address(one) ? one : two, *other = is_address(one) ? two : one;
	const char *base = other[strspn(other, "0123456789")] ? ncm_path_base(other) : NULL;
	NCM_AUTO_FREE char *above = base && base > other ? ncm_strndup(other, (size_t)(base - other)) : NULL;

	if (!is_address(address) || json_object_get(run->seen, address))
		return;
	shell_download(run, &(const struct shell_download){.line = 0,
							   .address = address,
							   .folder = above ? above : name,
							   .name = base && strchr(base, '.') ? base : NULL});
}

static void take_element(struct shell_run *run, const char *name, const char *key, const char *value)
{
	NCM_AUTO_FREE char *first = NULL, *second = NULL;

	part(value, &first, &second);
	if (*second && (is_address(first) || is_address(second)))
		take_pair(run, name, first, second);
	else
		take_pair(run, name, key, value);
}

void shell_take_arrays(struct shell_run *run)
{
	const char *name;
	json_t *array;

	json_object_foreach(run->arrays, name, array)
	{
		const json_t *pair;
		size_t i;

		json_array_foreach(array, i, pair)
		{
			if (shell_is_done(run))
				return;
			run->steps++;
			take_element(run, name, json_string_value(json_array_get(pair, 0)),
				     json_string_value(json_array_get(pair, 1)));
		}
	}
}
