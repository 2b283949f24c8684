/* SPDX-License-Identifier: MIT */
/* The way through a script: loops over what is known, functions where they are called, branches all. */
#include "author/shell.h"

#include "base/mem.h"
#include "base/strings.h"

#include <string.h>

enum { MOST_STEPS = 1000000, BYTES_A_STEP = 256, STATEMENTS_A_STEP = 16, WORDS_A_STEP = 16, DEEPEST = 200 };

static const struct shell_statement *at(const struct shell_run *run, size_t index)
{
	return &run->script->statements[index];
}

const char *shell_word(const struct shell_statement *statement, size_t index)
{
	return index < statement->words.count ? statement->words.items[index] : "";
}

void shell_count(struct shell_run *run, size_t bytes)
{
	run->steps += bytes / BYTES_A_STEP;
}

bool shell_is_done(const struct shell_run *run)
{
	return run->steps >= MOST_STEPS;
}

/* Behind the statement that closes the block which begins at `from`. */
static size_t find_end(const struct shell_run *run, size_t from, size_t to)
{
	static const char *const opening[] = {"for", "select", "while", "until", "if", "case", "{", NULL};
	static const char *const closing[] = {"done", "fi", "esac", "}", NULL};
	size_t depth = 0;

	for (size_t i = from; i < to; i++) {
		const char *first = shell_word(at(run, i), 0);

		depth += ncm_is_among(first, opening);
		if (ncm_is_among(first, closing) && depth > 0 && --depth == 0) {
			to = i + 1;
			break;
		}
	}
	return to;
}

/* Blocks in blocks are looked through again for each of them. */
static size_t block_end(struct shell_run *run, size_t from, size_t to)
{
	const size_t end = find_end(run, from, to);

	run->steps += (end - from) / STATEMENTS_A_STEP;
	return end;
}

/* "function NAME" or "NAME()": *name is cut out. */
static bool is_function(const struct shell_statement *statement, char **name)
{
	const size_t count = statement->words.count;
	const char *last = shell_word(statement, count - 1);
	const bool keyword = count == 2 && strcmp(shell_word(statement, 0), "function") == 0;
	const size_t size = strlen(last);
	const bool brackets = count > 0 && size > 2 && strcmp(last + size - 2, "()") == 0;

	if (!keyword && !(count == 1 && brackets))
		return false;
	*name = ncm_strndup(last, brackets ? size - 2 : size);
	return true;
}

static size_t define(struct shell_run *run, size_t index, size_t to, const char *name)
{
	const size_t body = index + 1, end = block_end(run, body, to);

	if (body >= to || strcmp(shell_word(at(run, body), 0), "{") != 0)
		return index + 1;
	json_object_set_new(run->functions, name, json_pack("[I,I,b]", (json_int_t)body, (json_int_t)end, 0));
	return end;
}

/* The statements between "do" and "done". */
static void run_body(struct shell_run *run, size_t from, size_t end)
{
	size_t body = from;

	while (body < end && strcmp(shell_word(at(run, body), 0), "do") != 0)
		body++;
	if (body < end)
		shell_follow_from(run, body + 1, end - 1);
}

/* "for NAME in WORDS…"; without words the parameters; "for ((" is not followed. */
static void loop_for(struct shell_run *run, size_t index, size_t end)
{
	const struct shell_statement *head = at(run, index);
	struct ncm_strings values = {0};

	if (strcmp(shell_word(head, 2), "in") == 0) {
		for (size_t i = 3; i < head->words.count; i++)
			shell_expand(run, head->words.items[i], &values);
	} else if (head->words.count == 2 && shell_word(head, 1)[0] != '(') {
		shell_expand(run, "\"$@\"", &values);
	} else {
		run_body(run, index, end);
	}
	for (size_t i = 0; i < values.count && !shell_is_done(run); i++) {
		shell_set(run, shell_word(head, 1), values.items[i]);
		run_body(run, index, end);
	}
	ncm_strings_free(&values);
}

/* The "read" in the head of a loop: its variables, and what parts a line. False if it has none. */
static bool find_read(struct shell_run *run, size_t index, size_t end, struct ncm_strings *names, char **parts)
{
	for (size_t i = index + 1; i < end && strcmp(shell_word(at(run, i), 0), "do") != 0; i++) {
		const struct shell_statement *head = at(run, i);
		size_t k = 0;

		while (strncmp(shell_word(head, k), "IFS=", 4) == 0) {
			free(*parts);
			*parts = shell_text(run, shell_word(head, k++) + 4);
		}
		if (strcmp(shell_word(head, k), "read") != 0)
			continue;
		for (k++; k < head->words.count; k++) {
			if (shell_word(head, k)[0] != '-')
				ncm_strings_add(names, shell_word(head, k));
		}
		return names->count > 0;
	}
	return false;
}

/* One line into the variables, the last of which gets the rest. */
static void read_line(struct shell_run *run, char *line, const struct ncm_strings *names, const char *parts)
{
	char *rest = line + strspn(line, " \t");

	for (size_t i = 0; i < names->count; i++) {
		char nothing[1] = "";
		char *value = rest ? rest : nothing;
		const bool last = i + 1 == names->count || !*parts;

		if (!last && rest) {
			value = strsep(&rest, parts);
			rest = rest && strchr(" \t", *parts) ? rest + strspn(rest, parts) : rest;
		} else {
			rest = NULL;
		}
		value[strcspn(value, "\r")] = '\0';
		shell_set(run, names->items[i], value);
	}
}

static void loop_read(struct shell_run *run, size_t index, size_t end, const char *text,
		      const struct ncm_strings *names, const char *parts)
{
	while (*text && !shell_is_done(run)) {
		const size_t size = strcspn(text, "\n");
		NCM_AUTO_FREE char *line = ncm_strndup(text, size);

		text += size + (text[size] == '\n');
		if (line[strspn(line, " \t\r")] == '\0' || line[strspn(line, " \t")] == '#')
			continue;
		read_line(run, line, names, parts);
		run_body(run, index, end);
		run->steps++;
	}
}

static void loop_while(struct shell_run *run, size_t index, size_t end, const char *piped)
{
	struct ncm_strings names = {0};
	NCM_AUTO_FREE char *parts = ncm_strdup(" \t");
	NCM_AUTO_FREE char *text = shell_input(run, at(run, end - 1), piped);

	if (find_read(run, index, end, &names, &parts) && text)
		loop_read(run, index, end, text, &names, parts);
	else
		run_body(run, index, end);
	ncm_strings_free(&names);
}

/* Follows one statement, or a block; returns where it goes on. */
static size_t step(struct shell_run *run, size_t index, size_t to, char **piped)
{
	static const char *const flow[] = {"if",   "then", "elif", "else", "fi", "do",   "done",
					   "case", "esac", "{",    "}",    "!",  "time", NULL};
	const struct shell_statement *statement = at(run, index);
	const char *first = shell_word(statement, 0);
	NCM_AUTO_FREE char *name = NULL;
	size_t end = index + 1;

	run->steps += statement->words.count / WORDS_A_STEP;
	if (is_function(statement, &name))
		return define(run, index, to, name);
	if (strcmp(first, "for") == 0 || strcmp(first, "select") == 0) {
		end = block_end(run, index, to);
		loop_for(run, index, end);
	} else if (strcmp(first, "while") == 0 || strcmp(first, "until") == 0) {
		end = block_end(run, index, to);
		loop_while(run, index, end, *piped);
	} else if (!ncm_is_among(first, flow)) {
		shell_simple(run, statement, piped);
	}
	return end;
}

void shell_follow_from(struct shell_run *run, size_t from, size_t to)
{
	NCM_AUTO_FREE char *piped = NULL;

	if (run->blocks >= DEEPEST)
		run->steps = MOST_STEPS;
	run->blocks++;
	while (from < to && !shell_is_done(run)) {
		run->steps++;
		from = step(run, from, to, &piped);
	}
	run->blocks--;
}

/* What nobody called may be called by what is not in the script: addresses that it spells out count. */
static void follow_uncalled(struct shell_run *run)
{
	const char *name;
	json_t *body;

	run->is_quiet = true;
	json_object_foreach(run->functions, name, body)
	{
		if (!json_is_true(json_array_get(body, 2)))
			shell_call(run, body, &(const struct ncm_strings){0});
	}
}

void shell_follow(struct import *import, const char *text, const struct shell_script *script)
{
	struct shell_run run = {.import = import,
				.text = text,
				.script = script,
				.scalars = json_object(),
				.arrays = json_object(),
				.functions = json_object(),
				.files = json_object(),
				.seen = json_object(),
				.folder = ncm_strdup("")};

	shell_follow_from(&run, 0, script->count);
	follow_uncalled(&run);
	/* Their names are no folders in the one that it is in. */
	*run.folder = '\0';
	shell_take_arrays(&run);
	shell_take_pending(&run);
	if (shell_is_done(&run))
		author_leave_out(&import->author, 0, "the rest of the script",
				 "it is longer, or nested deeper, than what is followed");
	json_decref(run.scalars);
	json_decref(run.arrays);
	json_decref(run.functions);
	json_decref(run.files);
	json_decref(run.seen);
	ncm_strings_free(&run.folders);
	free(run.folder);
}
