/* SPDX-License-Identifier: MIT */
/* One command of a script: what it reads, what a shell does itself, and what programs and functions get. */
#include "author/shell.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"

#include <string.h>

enum { DEEPEST_CALL = 16 };

/* Where "cd" leads. */
static void change_folder(struct shell_run *run, const char *to)
{
	char *folder = shell_path(run, to);

	free(run->folder);
	run->folder = folder;
}

static void return_folder(struct shell_run *run)
{
	if (run->folders.count == 0)
		return;
	free(run->folder);
	run->folder = run->folders.items[--run->folders.count];
}

/* "cat > FILE", "tee FILE" with a text: what the file then holds. */
static void keep_file(struct shell_run *run, const struct shell_command *command)
{
	const char *name = command->words.items[0];
	const char *file = strcmp(name, "tee") == 0 && command->words.count > 1
			       ? command->words.items[command->words.count - 1]
			       : command->out;

	if (command->in && file && (strcmp(name, "tee") == 0 || strcmp(name, "cat") == 0))
		ncm_json_set_string(run->files, file, command->in);
}

/* `words`: the function's name, then its arguments; none: nobody calls it. */
void shell_call(struct shell_run *run, json_t *body, const struct ncm_strings *words)
{
	const struct ncm_strings parameters = run->parameters, arguments = run->arguments;
	const bool is_called = run->is_called;

	if (run->calls >= DEEPEST_CALL)
		return;
	run->calls++;
	run->parameters = run->arguments = (struct ncm_strings){0};
	run->is_called = words->count > 0;
	for (size_t i = 1; i < words->count; i++) {
		ncm_strings_add(&run->parameters, words->items[i]);
		ncm_strings_add(&run->arguments, words->items[i]);
	}
	json_array_set_new(body, 2, json_true());
	json_incref(body);
	shell_follow_from(run, (size_t)json_integer_value(json_array_get(body, 0)),
			  (size_t)json_integer_value(json_array_get(body, 1)));
	json_decref(body);
	ncm_strings_free(&run->parameters);
	ncm_strings_free(&run->arguments);
	run->parameters = parameters;
	run->arguments = arguments;
	run->is_called = is_called;
	run->calls--;
}

static void cut_front(struct ncm_strings *words, size_t count)
{
	if (count == 0)
		return;
	for (size_t i = 0; i < count; i++)
		free(words->items[i]);
	memmove(words->items, words->items + count, (words->count - count) * sizeof *words->items);
	words->count -= count;
}

static void shift(struct shell_run *run, const char *by)
{
	const size_t count = *by ? strtoul(by, NULL, 10) : 1, most = run->parameters.count;

	cut_front(&run->parameters, count < most ? count : most);
}

/* What a shell does itself. False: it is a command. */
static bool is_builtin(struct shell_run *run, const struct shell_command *command)
{
	const char *name = command->words.items[0];
	const char *argument = command->words.count > 1 ? command->words.items[command->words.count - 1] : "";

	if (strcmp(name, "cd") == 0 || strcmp(name, "%cd") == 0 || strcmp(name, "pushd") == 0) {
		if (*name == 'p')
			ncm_strings_add(&run->folders, run->folder);
		change_folder(run, argument);
	} else if (strcmp(name, "popd") == 0 || strcmp(name, ")") == 0) {
		return_folder(run);
	} else if (strcmp(name, "(") == 0) {
		ncm_strings_add(&run->folders, run->folder);
	} else if (strcmp(name, "shift") == 0) {
		shift(run, argument);
	} else {
		return false;
	}
	return true;
}

/* Words before a command that say how it is run: "sudo -E", "env A=b", "nohup". Their number. */
static size_t count_prefixes(const struct ncm_strings *words)
{
	static const char *const prefixes[] = {"sudo", "nohup", "exec", "command", "env", "nice", "then", "do", NULL};
	size_t at = 0;

	while (at < words->count && ncm_is_among(words->items[at], prefixes)) {
		at++;
		while (at < words->count && (words->items[at][0] == '-' || strchr(words->items[at], '=')))
			at++;
	}
	return at;
}

/* "xargs [options] COMMAND" with words to read: the command, once for each. */
static void each_of_input(struct shell_run *run, const struct shell_command *command);

static void run_command(struct shell_run *run, struct shell_command *command)
{
	json_t *body;

	cut_front(&command->words, count_prefixes(&command->words));
	if (command->words.count == 0)
		return;
	body = json_object_get(run->functions, command->words.items[0]);
	if (body)
		shell_call(run, body, &command->words);
	else if (strcmp(command->words.items[0], "xargs") == 0)
		each_of_input(run, command);
	else if (!is_builtin(run, command) && !shell_take(run, command))
		keep_file(run, command);
}

static void each_of_input(struct shell_run *run, const struct shell_command *command)
{
	const char *at = command->in ? command->in : "";
	size_t first = 1;

	while (first < command->words.count && command->words.items[first][0] == '-') {
		const char *option = command->words.items[first];

		first += strlen(option) == 2 && strchr("nPLIds", option[1]) ? 2 : 1;
	}
	for (at += strspn(at, " \t\r\n"); *at && first < command->words.count; at += strspn(at, " \t\r\n")) {
		const size_t size = strcspn(at, " \t\r\n");
		struct shell_command one = {.line = command->line};
		NCM_AUTO_FREE char *item = ncm_strndup(at, size);
		bool placed = false;

		for (size_t i = first; i < command->words.count; i++) {
			const bool here = strcmp(command->words.items[i], "{}") == 0;

			ncm_strings_add(&one.words, here ? item : command->words.items[i]);
			placed = placed || here;
		}
		if (!placed)
			ncm_strings_add(&one.words, item);
		run_command(run, &one);
		ncm_strings_free(&one.words);
		at += size;
		run->steps++;
	}
}

/* What "echo" and "cat" hand on through a pipe. The caller frees it. */
static char *output_of(const struct shell_command *command)
{
	struct ncm_buffer text = {0};
	const char *name = command->words.count > 0 ? command->words.items[0] : "";

	if (strcmp(name, "cat") == 0 && command->in)
		return ncm_strdup(command->in);
	if (strcmp(name, "echo") != 0 && strcmp(name, "printf") != 0)
		return NULL;
	for (size_t i = 1; i < command->words.count; i++) {
		if (command->words.items[i][0] != '-' && strncmp(command->words.items[i], "%s", 2) != 0)
			ncm_buffer_printf(&text, "%s\n", command->words.items[i]);
	}
	return ncm_buffer_take(&text);
}

/* "local -n NAME=ARRAY": another name of it. */
static void name_again(struct shell_run *run, const struct shell_statement *statement)
{
	for (size_t i = 2; strcmp(shell_word(statement, 1), "-n") == 0 && i < statement->words.count; i++) {
		const char *raw = statement->words.items[i], *equals = strchr(raw, '=');
		NCM_AUTO_FREE char *name = equals ? ncm_strndup(raw, (size_t)(equals - raw)) : NULL;
		NCM_AUTO_FREE char *meant = equals ? shell_text(run, equals + 1) : NULL;
		json_t *array = meant ? json_object_get(run->arrays, meant) : NULL;

		if (array)
			json_object_set(run->arrays, name, array);
	}
}

static char *input_of(struct shell_run *run, const struct shell_statement *statement, const char *piped)
{
	if (statement->here)
		return ncm_strdup(statement->here);
	if (statement->here_string)
		return shell_text(run, statement->here_string);
	if (statement->in) {
		NCM_AUTO_FREE char *file = shell_text(run, statement->in);

		return ncm_strdup_null(ncm_json_string(run->files, file));
	}
	return ncm_strdup_null(piped);
}

/* What a statement reads: a here-document, a here-string, a file that the script wrote, what comes through a pipe. The
 * caller frees it. */
char *shell_input(struct shell_run *run, const struct shell_statement *statement, const char *piped)
{
	char *text = input_of(run, statement, piped);

	shell_count(run, text ? strlen(text) : 0);
	return text;
}

/* Assignments, then a command with its words. *piped is what came through the pipe, and becomes what goes on. */
void shell_simple(struct shell_run *run, const struct shell_statement *statement, char **piped)
{
	static const char *const declaring[] = {"export", "local", "declare", "typeset", "readonly", ":", NULL};
	struct shell_command command = {.line = statement->line, .is_piped = statement->is_piped};
	NCM_AUTO_FREE char *in = shell_input(run, statement, *piped);
	NCM_AUTO_FREE char *out = statement->out ? shell_text(run, statement->out) : NULL;
	size_t first = 0;

	shell_count(run, in ? strlen(in) : 0);
	if (ncm_is_among(shell_word(statement, 0), declaring)) {
		for (size_t i = 1; i < statement->words.count; i++) {
			if (!shell_assign(run, statement->words.items[i]) && strcmp(shell_word(statement, 0), ":") == 0)
				free(shell_text(run, statement->words.items[i]));
		}
		name_again(run, statement);
		first = statement->words.count;
	}
	while (first < statement->words.count && (shell_assign(run, statement->words.items[first]) ||
						  shell_assign_element(run, statement->words.items[first])))
		first++;
	if (statement->array)
		shell_assign_array(run, statement);
	for (; first < statement->words.count; first++)
		shell_expand(run, statement->words.items[first], &command.words);
	command.in = in;
	command.out = out;
	run_command(run, &command);
	free(*piped);
	*piped = statement->is_piped ? output_of(&command) : NULL;
	ncm_strings_free(&command.words);
}
