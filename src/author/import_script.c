/* SPDX-License-Identifier: MIT */
/* Scripts that download, read by what their commands and arrays say (shell.h). */
#include "author/shell.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"

#include <string.h>

static bool is_pair(const char *program, const char *action)
{
	static const char *const pairs[][2] = {
	    {"ollama", "pull"}, {"ollama.exe", "pull"}, {"ollama", "run"}, {"git", "clone"}};

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		if (strcmp(pairs[i][0], program) == 0 && strcmp(pairs[i][1], action) == 0)
			return true;
	}
	return false;
}

/* "docker exec box ollama pull x", "sudo wget" */
static bool loads(const struct shell_statement *statement)
{
	static const char *const talk[] = {"echo", "printf", "#", NULL};

	if (ncm_is_among(shell_word(statement, 0), talk))
		return false;
	for (size_t i = 0; i < statement->words.count; i++) {
		const char *word = statement->words.items[i];

		if (i + 1 < statement->words.count && is_pair(ncm_path_base(word), statement->words.items[i + 1]))
			return true;
		if (i + 1 < statement->words.count &&
		    (i == 0 || strchr("-$\"'", *statement->words.items[i - 1]) == NULL) &&
		    shell_is_loader(*word == '!' ? word + 1 : word))
			return true;
	}
	return false;
}

static bool has_address(const struct shell_statement *statement)
{
	for (size_t i = 0; statement->array && i < statement->elements.count; i++) {
		if (strstr(statement->elements.items[i], "://"))
			return true;
	}
	return false;
}

bool import_is_script(const struct list *list)
{
	struct shell_script script = {0};
	bool is = strncmp(list->text, "#!", 2) == 0;

	if (list->json)
		return false;
	if (!is)
		shell_read(list->text, &script);
	for (size_t i = 0; i < script.count && !is; i++)
		is = loads(&script.statements[i]) || has_address(&script.statements[i]);
	shell_free(&script);
	return is;
}

int import_script(struct import *import, const struct list *list, struct ncm_error *err)
{
	struct shell_script script = {0};

	(void)err;
	shell_read(list->text, &script);
	shell_follow(import, list->text, &script);
	shell_free(&script);
	return 0;
}
