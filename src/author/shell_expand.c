/* SPDX-License-Identifier: MIT */
/* What a word of a script comes to, as far as the text tells. */
#include "author/shell.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "source/shared.h"

#include <string.h>

enum {
	LONGEST_VALUE = 8192,
	LONGEST_CUT = 2048,
	MOST_VALUES = 10000,
	LONGEST_PATTERN = 256,
	BYTES_AT_ONCE = 16,
	DEEPEST = 8
};

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

struct expansion {
	struct shell_run *run;
	struct ncm_buffer word;
	bool has_word; /* also an empty one, in quotes */
	struct ncm_strings *values;
};

bool shell_is_open(const char *text)
{
	return strpbrk(text, "$`") != NULL;
}

void shell_set(struct shell_run *run, const char *name, const char *value)
{
	if (strlen(value) <= LONGEST_VALUE)
		ncm_json_set_string(run->scalars, name, value);
}

static void end_word(struct expansion *out)
{
	if ((out->has_word || out->word.size > 0) && out->values->count < MOST_VALUES)
		ncm_strings_take(out->values, ncm_buffer_take(&out->word));
	out->has_word = false;
	ncm_buffer_free(&out->word);
}

static void add_text(struct expansion *out, const char *text, size_t size)
{
	shell_count(out->run, size);
	if (out->word.size + size <= LONGEST_VALUE)
		ncm_buffer_add(&out->word, text, size);
}

/* A value stands in quotes as it is; outside, its blanks part words. */
static void add_value(struct expansion *out, const char *value, bool quoted)
{
	while (!quoted && *value) {
		const size_t size = strcspn(value, " \t\n");

		add_text(out, value, size);
		value += size;
		if (!*value)
			return;
		end_word(out);
		value += strspn(value, " \t\n");
	}
	add_text(out, value, strlen(value));
}

/* The parameter of a number, or NULL. */
static const char *parameter(const struct shell_run *run, const char *number)
{
	const size_t at = strtoul(number, NULL, 10);

	if (at > 0 && at <= run->parameters.count)
		return run->parameters.items[at - 1];
	return at > 0 && run->is_called ? "" : NULL;
}

static const char *variable(const struct shell_run *run, const char *name)
{
	if (name[strspn(name, "0123456789")] == '\0')
		return parameter(run, name);
	return ncm_json_string(run->scalars, name);
}

/* The element of an array, by its key; or NULL. */
static const char *element(struct shell_run *run, const char *name, const char *key)
{
	NCM_AUTO_FREE char *known = *key == '$' || *key == '"' ? shell_text(run, key) : ncm_strdup(key);
	const json_t *pair;
	size_t i;

	json_array_foreach(json_object_get(run->arrays, name), i, pair)
	{
		run->steps++;
		if (strcmp(json_string_value(json_array_get(pair, 0)), known) == 0)
			return json_string_value(json_array_get(pair, 1));
	}
	return NULL;
}

/* A pattern of a shell's as a glob: a quoted '?' means itself. */
static char *glob_of(const char *pattern)
{
	struct ncm_buffer glob = {0};

	for (; *pattern; pattern++) {
		if (*pattern == '\\' && pattern[1])
			ncm_buffer_printf(&glob, strchr("*?[", pattern[1]) ? "[%c]" : "%c", pattern[1]);
		else if (*pattern != '"' && *pattern != '\'')
			ncm_buffer_add(&glob, pattern, 1);
		pattern += *pattern == '\\' && pattern[1];
	}
	return ncm_buffer_take(&glob);
}

/* "#PATTERN", "##PATTERN", "%PATTERN", "%%PATTERN" of a value. The caller frees it. */
static char *cut(const char *value, const char *how)
{
	const bool front = *how == '#', longest = how[1] == how[0];
	NCM_AUTO_FREE char *glob = glob_of(how + 1 + longest);
	const size_t size = strlen(value);

	for (size_t i = 0; i <= size; i++) {
		/* From the shortest piece, or from the longest. */
		const size_t length = longest ? size - i : i;
		NCM_AUTO_FREE char *piece = front ? ncm_strndup(value, length) : ncm_strdup(value + (size - length));

		if (ncm_source_glob(glob, piece))
			return front ? ncm_strdup(value + length) : ncm_strndup(value, size - length);
	}
	return ncm_strdup(value);
}

/* ":-WORD", ":=WORD", "-WORD" of what has no value, "#…" and "%…" of what has one. NULL: not known. The caller frees
 * it. */
static char *apply(struct expansion *out, const char *name, const char *value, const char *how)
{
	const char *word = how + (*how == ':');

	if (*how == '\0')
		return ncm_strdup_null(value);
	if (*word == '-' || *word == '=') {
		char *text = value                       ? ncm_strdup(value)
			     : out->run->depth < DEEPEST ? shell_text(out->run, word + 1)
							 : NULL;

		if (!value && text && *word == '=')
			shell_set(out->run, name, text);
		return text;
	}
	if (!value || (*how != '#' && *how != '%') || strlen(value) > LONGEST_CUT || strlen(how) > LONGEST_PATTERN)
		return NULL;
	shell_count(out->run, strlen(value) * strlen(value) * strlen(how) / BYTES_AT_ONCE);
	return cut(value, how);
}

/* All values of an array (or all keys), or of the parameters; false if there is no such array. */
static bool add_all(struct expansion *out, const char *name, bool keys, bool quoted)
{
	const bool is_parameters = strcmp(name, "@") == 0 || strcmp(name, "*") == 0;
	const json_t *array = is_parameters ? NULL : json_object_get(out->run->arrays, name);
	const size_t count = is_parameters ? out->run->parameters.count : json_array_size(array);

	out->run->steps += count;
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			end_word(out);
		out->has_word = quoted;
		add_value(out,
			  is_parameters ? out->run->parameters.items[i]
					: json_string_value(json_array_get(json_array_get(array, i), keys ? 0 : 1)),
			  quoted);
	}
	return is_parameters || array;
}

/* What stands between "${" and "}". False: not known. */
static bool add_braced(struct expansion *out, const char *inner, bool quoted)
{
	const bool keys = *inner == '!';
	const size_t size = strspn(inner + keys, letters);
	NCM_AUTO_FREE char *name = ncm_strndup(inner + keys, size);
	const char *how = inner + keys + size;
	NCM_AUTO_FREE char *value = NULL;

	if (strcmp(inner, "@") == 0 || strncmp(inner, "@:", 2) == 0)
		return add_all(out, "@", false, quoted);
	if (strncmp(how, "[@]", 3) == 0 || strncmp(how, "[*]", 3) == 0)
		return add_all(out, name, keys, quoted);
	if (*how == '[') {
		NCM_AUTO_FREE char *key = ncm_strndup(how + 1, strcspn(how + 1, "]"));

		value = ncm_strdup_null(element(out->run, name, key));
	} else if (!keys) {
		value = apply(out, name, variable(out->run, name), how);
	}
	if (!value)
		return false;
	add_value(out, value, quoted);
	return true;
}

/* "echo WORD | xargs", by which scripts cut white space off. */
static bool is_trimmed(const struct shell_script *script)
{
	return script->count == 2 && script->statements[0].is_piped && script->statements[1].words.count == 1 &&
	       strcmp(script->statements[1].words.items[0], "xargs") == 0;
}

/* "basename WORD", "dirname WORD", "pwd", "echo WORD…" between "$(" and ")". False: not known. */
static bool add_output(struct expansion *out, const char *inner, bool quoted)
{
	struct shell_script script = {0};
	struct ncm_strings words = {0};
	NCM_AUTO_FREE char *value = NULL;

	if (out->run->depth >= DEEPEST)
		return false;
	shell_read(inner, &script);
	for (size_t i = 0; (script.count == 1 || is_trimmed(&script)) && i < script.statements[0].words.count; i++)
		shell_expand(out->run, script.statements[0].words.items[i], &words);
	if (words.count == 1 && strcmp(words.items[0], "pwd") == 0)
		value = ncm_strdup(*out->run->folder ? out->run->folder : ".");
	else if (words.count >= 2 && strcmp(words.items[0], "basename") == 0)
		value = ncm_strdup(ncm_path_base(words.items[1]));
	else if (words.count == 2 && strcmp(words.items[0], "dirname") == 0)
		value = ncm_path_folder(words.items[1]);
	else if (words.count == 2 && strcmp(words.items[0], "echo") == 0)
		value = ncm_strdup(words.items[1]);
	if (value && is_trimmed(&script)) {
		char *trimmed = shell_trimmed(value);

		free(value);
		value = trimmed;
	}
	shell_free(&script);
	ncm_strings_free(&words);
	if (value)
		add_value(out, value, quoted);
	return value != NULL;
}

/* At '$'. Returns what is behind it; what is not known stays as it is spelled. */
static const char *add_dollar(struct expansion *out, const char *at, bool quoted)
{
	const char *end = at + 1;
	bool known = false;

	if (*end == '{' || *end == '(') {
		/* The word ends behind its bracket, at the latest. */
		size_t depth = 0, size = 0;

		for (size_t i = 1; at[i]; i++) {
			depth += at[i] == *end;
			depth -= depth > 0 && at[i] == (*end == '{' ? '}' : ')');
			size = i + 1;
			if (depth == 0)
				break;
		}
		if (size > 2 && at[2] != '(') {
			NCM_AUTO_FREE char *inner = ncm_strndup(at + 2, size - 3);

			known = *end == '{' ? add_braced(out, inner, quoted) : add_output(out, inner, quoted);
		}
		end = at + (size > 0 ? size : 2);
	} else if (*end == '@' || *end == '*') {
		end++;
		known = add_all(out, "@", false, quoted);
	} else {
		const size_t size = strchr("0123456789", *end) && *end ? 1 : strspn(end, letters);
		NCM_AUTO_FREE char *name = ncm_strndup(end, size);
		const char *value = size > 0 ? variable(out->run, name) : NULL;

		end += size;
		known = value != NULL;
		if (known)
			add_value(out, value, quoted);
	}
	if (!known)
		add_text(out, at, (size_t)(end - at));
	return end;
}

/* Inside double quotes. Returns what is behind them. */
static const char *add_quoted(struct expansion *out, const char *at)
{
	while (*at && *at != '"') {
		if (*at == '$') {
			at = add_dollar(out, at, true);
			continue;
		}
		if (*at == '\\' && at[1] == '\n') {
			at += 2;
			continue;
		}
		at += *at == '\\' && at[1] && strchr("\\\"$`", at[1]);
		add_text(out, at++, 1);
	}
	return *at ? at + 1 : at;
}

static const char *add_literal(struct expansion *out, const char *at)
{
	const size_t size = strcspn(at, "'");

	add_text(out, at, size);
	return at + size + (at[size] == '\'');
}

/* $'…': tabs and newlines. */
static const char *add_escaped(struct expansion *out, const char *at)
{
	for (; *at && *at != '\''; at++) {
		const char c = *at != '\\' ? *at : *++at == 't' ? '\t' : *at == 'n' ? '\n' : *at;

		if (!c)
			break;
		add_text(out, &c, 1);
	}
	return *at ? at + 1 : at;
}

static void expand(struct expansion *out, const char *at)
{
	while (*at) {
		if (*at == '\'' || *at == '"') {
			out->has_word = true;
			at = *at == '"' ? add_quoted(out, at + 1) : add_literal(out, at + 1);
		} else if (at[0] == '$' && at[1] == '\'') {
			at = add_escaped(out, at + 2);
		} else if (*at == '$') {
			at = add_dollar(out, at, false);
		} else if (*at == '\\' && at[1]) {
			if (at[1] != '\n')
				add_text(out, at + 1, 1);
			at += 2;
		} else {
			add_text(out, at++, 1);
		}
	}
	end_word(out);
}

/* "${ARRAY[@]}" in quotes is no word at all if the array is empty. */
static bool is_all_of_array(const char *raw)
{
	const size_t size = strlen(raw);

	return (size > 6 && strcmp(raw + size - 5, "[@]}\"") == 0 && strncmp(raw, "\"${", 3) == 0) ||
	       strcmp(raw, "\"$@\"") == 0;
}

void shell_expand(struct shell_run *run, const char *raw, struct ncm_strings *values)
{
	struct expansion out = {.run = run, .values = values};

	shell_count(run, strlen(raw));
	if (run->depth >= DEEPEST * DEEPEST || shell_is_done(run))
		return;
	run->depth++;
	if (is_all_of_array(raw)) {
		struct ncm_strings all = {0};

		out.values = &all;
		expand(&out, raw);
		for (size_t i = 0; i < all.count; i++) {
			if (all.count > 1 || *all.items[i])
				ncm_strings_add(values, all.items[i]);
		}
		ncm_strings_free(&all);
	} else {
		expand(&out, raw);
	}
	run->depth--;
}

char *shell_text(struct shell_run *run, const char *raw)
{
	struct ncm_strings values = {0};
	struct ncm_buffer text = {0};

	shell_expand(run, raw, &values);
	for (size_t i = 0; i < values.count && text.size < LONGEST_VALUE; i++)
		ncm_buffer_printf(&text, "%s%s", i > 0 ? " " : "", values.items[i]);
	ncm_strings_free(&values);
	return ncm_buffer_take(&text);
}
