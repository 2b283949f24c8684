/* SPDX-License-Identifier: MIT */
/* Shell scripts with `ollama pull` and `ollama run`, lists of bare names, and the table that `ollama list` prints. */
#include "author/author.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "source/source.h"

#include <string.h>

struct statement {
	size_t line;
	struct ncm_strings words;
};

struct shell {
	struct statement *statements;
	size_t count;
	bool script; /* some statement pulls or runs a model: what does neither is code */
	bool table;  /* the list has columns, names first */
};

static bool is_one_of(const char *word, const char *const *words)
{
	for (; *words; words++) {
		if (strcmp(word, *words) == 0)
			return true;
	}
	return false;
}

/* Where the name would stand behind "ollama pull" or "ollama run", maybe at the end of the words; 0: neither. */
static size_t name_index(const struct ncm_strings *words)
{
	static const char *const talk[] = {"echo", "printf", NULL};
	static const char *const valued[] = {"--keepalive", "--format", "--dimensions", NULL};
	size_t at = 0;

	if (words->count == 0 || is_one_of(words->items[0], talk))
		return 0;
	/* "sudo", "docker exec NAME", "nohup" and the like go before it. */
	while (at < words->count && strcmp(ncm_path_base(words->items[at]), "ollama") != 0)
		at++;
	if (++at >= words->count || (strcmp(words->items[at], "pull") != 0 && strcmp(words->items[at], "run") != 0))
		return 0;
	while (++at < words->count && words->items[at][0] == '-')
		at += is_one_of(words->items[at], valued);
	return at < words->count ? at : words->count;
}

/* Cuts one statement into words as a shell would, without expanding anything; returns where the next one begins. */
static const char *next_statement(const char *text, struct ncm_strings *words)
{
	struct ncm_buffer word = {0};
	bool open = false;
	char quote = '\0';

	for (; *text; text++) {
		if (quote && *text == quote) {
			quote = '\0';
		} else if (!quote && (*text == '"' || *text == '\'')) {
			quote = *text;
			open = true;
		} else if (!quote && (strchr(" \t;&|", *text) || (*text == '#' && !open))) {
			if (open)
				ncm_strings_take(words, ncm_buffer_take(&word));
			open = false;
			if (*text == '#')
				text += strlen(text) - 1;
			else if (strchr(";&|", *text) && words->count > 0)
				return text + 1;
		} else {
			if (*text == '\\' && quote != '\'' && text[1])
				text++;
			ncm_buffer_add(&word, text, 1);
			open = true;
		}
	}
	if (open)
		ncm_strings_take(words, ncm_buffer_take(&word));
	ncm_buffer_free(&word);
	return text;
}

static void cut_line(struct import *import, size_t line, char *text, void *context)
{
	struct shell *shell = context;
	const char *rest = text;

	(void)import;
	while (*rest) {
		struct statement statement = {.line = line};

		rest = next_statement(rest, &statement.words);
		if (statement.words.count == 0)
			continue;
		shell->script = shell->script || name_index(&statement.words) > 0;
		*NCM_PUSH(shell->statements, shell->count) = statement;
	}
}

static void take_name(struct import *import, size_t line, const char *name)
{
	NCM_AUTO_FREE char *uri =
	    ncm_source_gives_blobs(name) ? ncm_strdup(name) : ncm_asprintf("%s%s", ncm_source_ollama.begins, name);

	if (strpbrk(name, "$`"))
		author_leave_out(&import->author, line, name, "the script makes this name when it runs");
	else
		import_source(import, line, uri, NULL, NULL, NULL);
}

static void take_statement(struct import *import, const struct shell *shell, const struct statement *statement)
{
	const struct ncm_strings *words = &statement->words;
	const size_t at = name_index(words);

	if (at > 0 && at < words->count)
		take_name(import, statement->line, words->items[at]);
	else if (at > 0)
		author_leave_out(&import->author, statement->line, words->items[at - 1], "names no model");
	else if (shell->script)
		return;
	else if (shell->table || words->count == 1)
		take_name(import, statement->line, words->items[0]);
	else
		author_leave_out(&import->author, statement->line, words->items[0], "is followed by more than a name");
}

void import_ollama(struct import *import, const char *text)
{
	struct shell shell = {0};

	import_lines(import, text, cut_line, &shell);
	shell.table = !shell.script && shell.count > 0 && shell.statements[0].words.count > 1 &&
		      strcmp(shell.statements[0].words.items[0], "NAME") == 0;
	for (size_t i = 0; i < shell.count; i++) {
		if (i > 0 || !shell.table)
			take_statement(import, &shell, &shell.statements[i]);
		ncm_strings_free(&shell.statements[i].words);
	}
	free(shell.statements);
}
