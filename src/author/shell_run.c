/* SPDX-License-Identifier: MIT */
/* The way through a script: loops over what is known, functions where they are called, branches all. */
#include "author/shell.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"

#include <string.h>

enum { MOST_STEPS = 1000000, DEEPEST_CALL = 16 };

struct follower {
	struct shell_run run;
	unsigned calls;
};

static void follow(struct follower *follower, size_t from, size_t to);

static const struct shell_statement *at(const struct follower *follower, size_t index)
{
	return &follower->run.script->statements[index];
}

static const char *word(const struct shell_statement *statement, size_t index)
{
	return index < statement->words.count ? statement->words.items[index] : "";
}

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++) {
		if (strcmp(text, *words) == 0)
			return true;
	}
	return false;
}

/* Behind the statement that closes the block which begins at `from`. */
static size_t block_end(const struct follower *follower, size_t from, size_t to)
{
	static const char *const opening[] = {"for", "select", "while", "until", "if", "case", "{", NULL};
	static const char *const closing[] = {"done", "fi", "esac", "}", NULL};
	size_t depth = 0;

	for (size_t i = from; i < to; i++) {
		const char *first = word(at(follower, i), 0);

		depth += is_one_of(first, opening);
		if (is_one_of(first, closing) && depth > 0 && --depth == 0)
			return i + 1;
	}
	return to;
}

/* What a statement reads: a here-document, a here-string, a file that the script wrote, what comes through a pipe. The
 * caller frees it. */
static char *input_of(struct follower *follower, const struct shell_statement *statement, const char *piped)
{
	struct shell_run *run = &follower->run;

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

/* Where "cd" leads. */
static void change_folder(struct shell_run *run, const char *to)
{
	char *folder = ncm_path_join(*to == '$' || *to == '~' ? NULL : run->folder, to);

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
	const char *name = word(&(const struct shell_statement){.words = command->words}, 0);
	const char *file = strcmp(name, "tee") == 0 && command->words.count > 1
			       ? command->words.items[command->words.count - 1]
			       : command->out;

	if (command->in && file && (strcmp(name, "tee") == 0 || strcmp(name, "cat") == 0))
		ncm_json_set_string(run->files, file, command->in);
}

/* `words`: the function's name, then its arguments; none: nobody calls it. */
static void call(struct follower *follower, json_t *body, const struct ncm_strings *words)
{
	struct shell_run *run = &follower->run;
	const struct ncm_strings parameters = run->parameters, arguments = run->arguments;
	const bool is_called = run->is_called;

	if (follower->calls >= DEEPEST_CALL)
		return;
	follower->calls++;
	run->parameters = run->arguments = (struct ncm_strings){0};
	run->is_called = words->count > 0;
	for (size_t i = 1; i < words->count; i++) {
		ncm_strings_add(&run->parameters, words->items[i]);
		ncm_strings_add(&run->arguments, words->items[i]);
	}
	json_array_set_new(body, 2, json_true());
	json_incref(body);
	follow(follower, (size_t)json_integer_value(json_array_get(body, 0)),
	       (size_t)json_integer_value(json_array_get(body, 1)));
	json_decref(body);
	ncm_strings_free(&run->parameters);
	ncm_strings_free(&run->arguments);
	run->parameters = parameters;
	run->arguments = arguments;
	run->is_called = is_called;
	follower->calls--;
}

static void shift(struct shell_run *run, const char *by)
{
	size_t count = *by ? strtoul(by, NULL, 10) : 1;

	for (; count > 0 && run->parameters.count > 0; count--) {
		free(run->parameters.items[0]);
		memmove(run->parameters.items, run->parameters.items + 1,
			--run->parameters.count * sizeof *run->parameters.items);
	}
}

/* "xargs [options] COMMAND" with words to read: the command, once for each. */
static void each_of_input(struct follower *follower, const struct shell_command *command, size_t first);

/* What a shell does itself. False: it is a command. */
static bool is_builtin(struct follower *follower, const struct shell_command *command)
{
	struct shell_run *run = &follower->run;
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

	while (at < words->count && is_one_of(words->items[at], prefixes)) {
		at++;
		while (at < words->count && (words->items[at][0] == '-' || strchr(words->items[at], '=')))
			at++;
	}
	return at;
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

static void run_command(struct follower *follower, struct shell_command *command)
{
	struct shell_run *run = &follower->run;
	json_t *body;

	cut_front(&command->words, count_prefixes(&command->words));
	if (command->words.count == 0)
		return;
	body = json_object_get(run->functions, command->words.items[0]);
	if (body)
		call(follower, body, &command->words);
	else if (strcmp(command->words.items[0], "xargs") == 0)
		each_of_input(follower, command, 1);
	else if (!is_builtin(follower, command) && !shell_take(run, command))
		keep_file(run, command);
}

static void each_of_input(struct follower *follower, const struct shell_command *command, size_t first)
{
	const char *at = command->in ? command->in : "";

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
		run_command(follower, &one);
		ncm_strings_free(&one.words);
		at += size;
		follower->run.steps++;
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
	for (size_t i = 2; strcmp(word(statement, 1), "-n") == 0 && i < statement->words.count; i++) {
		const char *raw = statement->words.items[i], *equals = strchr(raw, '=');
		NCM_AUTO_FREE char *name = equals ? ncm_strndup(raw, (size_t)(equals - raw)) : NULL;
		NCM_AUTO_FREE char *meant = equals ? shell_text(run, equals + 1) : NULL;
		json_t *array = meant ? json_object_get(run->arrays, meant) : NULL;

		if (array)
			json_object_set(run->arrays, name, array);
	}
}

/* Assignments, then a command with its words. *piped is what came through the pipe, and becomes what goes on. */
static void run_simple(struct follower *follower, const struct shell_statement *statement, char **piped)
{
	static const char *const declaring[] = {"export", "local", "declare", "typeset", "readonly", ":", NULL};
	struct shell_run *run = &follower->run;
	struct shell_command command = {.line = statement->line, .is_piped = statement->is_piped};
	NCM_AUTO_FREE char *in = input_of(follower, statement, *piped);
	NCM_AUTO_FREE char *out = statement->out ? shell_text(run, statement->out) : NULL;
	size_t first = 0;

	if (is_one_of(word(statement, 0), declaring)) {
		for (size_t i = 1; i < statement->words.count; i++) {
			if (!shell_assign(run, statement->words.items[i]) && strcmp(word(statement, 0), ":") == 0)
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
	run_command(follower, &command);
	free(*piped);
	*piped = statement->is_piped ? output_of(&command) : NULL;
	ncm_strings_free(&command.words);
}

/* "function NAME" or "NAME()": *name is cut out. */
static bool is_function(const struct shell_statement *statement, char **name)
{
	const size_t count = statement->words.count;
	const char *last = word(statement, count - 1);
	const bool keyword = count == 2 && strcmp(word(statement, 0), "function") == 0;
	const size_t size = strlen(last);
	const bool brackets = count > 0 && size > 2 && strcmp(last + size - 2, "()") == 0;

	if (!keyword && !(count == 1 && brackets))
		return false;
	*name = ncm_strndup(last, brackets ? size - 2 : size);
	return true;
}

static size_t define(struct follower *follower, size_t index, size_t to, const char *name)
{
	const size_t body = index + 1, end = block_end(follower, body, to);

	if (body >= to || strcmp(word(at(follower, body), 0), "{") != 0)
		return index + 1;
	json_object_set_new(follower->run.functions, name, json_pack("[I,I,b]", (json_int_t)body, (json_int_t)end, 0));
	return end;
}

/* The statements between "do" and "done". */
static void run_body(struct follower *follower, size_t from, size_t end)
{
	size_t body = from;

	while (body < end && strcmp(word(at(follower, body), 0), "do") != 0)
		body++;
	if (body < end)
		follow(follower, body + 1, end - 1);
}

static bool is_done(const struct follower *follower)
{
	return follower->run.steps >= MOST_STEPS;
}

/* "for NAME in WORDS…"; without words the parameters; "for ((" is not followed. */
static void loop_for(struct follower *follower, size_t index, size_t end)
{
	const struct shell_statement *head = at(follower, index);
	struct ncm_strings values = {0};

	if (strcmp(word(head, 2), "in") == 0) {
		for (size_t i = 3; i < head->words.count; i++)
			shell_expand(&follower->run, head->words.items[i], &values);
	} else if (head->words.count == 2 && word(head, 1)[0] != '(') {
		shell_expand(&follower->run, "\"$@\"", &values);
	} else {
		run_body(follower, index, end);
	}
	for (size_t i = 0; i < values.count && !is_done(follower); i++) {
		shell_set(&follower->run, word(head, 1), values.items[i]);
		run_body(follower, index, end);
	}
	ncm_strings_free(&values);
}

/* The "read" in the head of a loop: its variables, and what parts a line. False if it has none. */
static bool find_read(struct follower *follower, size_t index, size_t end, struct ncm_strings *names, char **parts)
{
	for (size_t i = index + 1; i < end && strcmp(word(at(follower, i), 0), "do") != 0; i++) {
		const struct shell_statement *head = at(follower, i);
		size_t k = 0;

		while (strncmp(word(head, k), "IFS=", 4) == 0) {
			free(*parts);
			*parts = shell_text(&follower->run, word(head, k++) + 4);
		}
		if (strcmp(word(head, k), "read") != 0)
			continue;
		for (k++; k < head->words.count; k++) {
			if (word(head, k)[0] != '-')
				ncm_strings_add(names, word(head, k));
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

static void loop_read(struct follower *follower, size_t index, size_t end, const char *text,
		      const struct ncm_strings *names, const char *parts)
{
	while (*text && !is_done(follower)) {
		const size_t size = strcspn(text, "\n");
		NCM_AUTO_FREE char *line = ncm_strndup(text, size);

		text += size + (text[size] == '\n');
		if (line[strspn(line, " \t\r")] == '\0' || line[strspn(line, " \t")] == '#')
			continue;
		read_line(&follower->run, line, names, parts);
		run_body(follower, index, end);
		follower->run.steps++;
	}
}

static void loop_while(struct follower *follower, size_t index, size_t end, const char *piped)
{
	struct ncm_strings names = {0};
	NCM_AUTO_FREE char *parts = ncm_strdup(" \t");
	NCM_AUTO_FREE char *text = input_of(follower, at(follower, end - 1), piped);

	if (find_read(follower, index, end, &names, &parts) && text)
		loop_read(follower, index, end, text, &names, parts);
	else
		run_body(follower, index, end);
	ncm_strings_free(&names);
}

/* Follows one statement, or a block; returns where it goes on. */
static size_t step(struct follower *follower, size_t index, size_t to, char **piped)
{
	static const char *const flow[] = {"if",   "then", "elif", "else", "fi", "do",   "done",
					   "case", "esac", "{",    "}",    "!",  "time", NULL};
	const struct shell_statement *statement = at(follower, index);
	const char *first = word(statement, 0);
	NCM_AUTO_FREE char *name = NULL;
	size_t end = index + 1;

	if (is_function(statement, &name))
		return define(follower, index, to, name);
	if (strcmp(first, "for") == 0 || strcmp(first, "select") == 0) {
		end = block_end(follower, index, to);
		loop_for(follower, index, end);
	} else if (strcmp(first, "while") == 0 || strcmp(first, "until") == 0) {
		end = block_end(follower, index, to);
		loop_while(follower, index, end, *piped);
	} else if (!is_one_of(first, flow)) {
		run_simple(follower, statement, piped);
	}
	return end;
}

static void follow(struct follower *follower, size_t from, size_t to)
{
	NCM_AUTO_FREE char *piped = NULL;

	while (from < to && !is_done(follower)) {
		follower->run.steps++;
		from = step(follower, from, to, &piped);
	}
}

/* What nobody called may be called by what is not in the script: addresses that it spells out count. */
static void follow_uncalled(struct follower *follower)
{
	const char *name;
	json_t *body;

	follower->run.is_quiet = true;
	json_object_foreach(follower->run.functions, name, body)
	{
		if (!json_is_true(json_array_get(body, 2)))
			call(follower, body, &(const struct ncm_strings){0});
	}
}

void shell_follow(struct import *import, const char *text, const struct shell_script *script)
{
	struct follower follower = {.run = {.import = import,
					    .text = text,
					    .script = script,
					    .scalars = json_object(),
					    .arrays = json_object(),
					    .functions = json_object(),
					    .files = json_object(),
					    .seen = json_object(),
					    .folder = ncm_strdup("")}};
	struct shell_run *run = &follower.run;

	follow(&follower, 0, script->count);
	follow_uncalled(&follower);
	/* Their names are no folders in the one that it is in. */
	*run->folder = '\0';
	shell_take_arrays(run);
	shell_take_pending(run);
	if (is_done(&follower))
		author_leave_out(&import->author, 0, "the rest of the script", "it is longer than what is followed");
	json_decref(run->scalars);
	json_decref(run->arrays);
	json_decref(run->functions);
	json_decref(run->files);
	json_decref(run->seen);
	ncm_strings_free(&run->folders);
	free(run->folder);
}
