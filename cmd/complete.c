/* SPDX-License-Identifier: MIT */
#include "complete.h"

#include "ui/text.h"

#include <string.h>

/* A command line as far as it was typed: its words but the last have been taken into the session's settings. */
struct line {
	struct session session;
	const struct option_group *groups[6];
	const struct option *pending; /* the last word is its value */
	bool options_end;
	const char *last;
};

static void take_command(struct line *line, const char *word)
{
	struct ncm_error err = NCM_ERROR_INIT;

	line->session.command = command_find(word, &err);
	ncm_error_clear(&err);
	for (size_t i = 0; line->session.command && line->session.command->groups[i]; i++)
		line->groups[i + 1] = line->session.command->groups[i];
}

/* The option at *at and its value. What is wrong with it is for the command to tell. */
static void take_option(struct line *line, char *const *words, int *at)
{
	struct ncm_error err = NCM_ERROR_INIT;
	const int first = *at;
	const struct option *waits = options_waiting(line->groups, words[first]);

	if (waits && !words[first + 1])
		line->pending = waits;
	else if (options_take(line->groups, &line->session.settings, words, at, &err) == 0)
		return;
	ncm_error_clear(&err);
	*at = first + (waits && words[first + 1] ? 2 : 1);
}

/* `words` ends with NULL, without the last word. */
static void take_words(struct line *line, char *const *words)
{
	for (int at = 0; words[at];) {
		const char *word = words[at];

		if (!line->options_end && word[0] == '-' && word[1]) {
			if (strcmp(word, "--") != 0) {
				take_option(line, words, &at);
				continue;
			}
			line->options_end = true;
		} else if (!line->session.command) {
			take_command(line, word);
		} else {
			words_add(&line->session.settings.operands, word);
		}
		at++;
	}
}

static void answer_options(const struct answer *answer, const struct option_group *const *groups)
{
	for (; *groups; groups++) {
		for (const struct option *option = (*groups)->options; option->name; option++) {
			AUTO_FREE char *name = text_format("--%s", option->name);

			answer_word(answer, name, option->help);
			if (option->letter && !answer->typed[1])
				answer_word(answer, (char[]){'-', option->letter, '\0'}, option->help);
		}
	}
}

static void answer_commands(const struct answer *answer)
{
	for (const struct command *const *command = commands; *command; command++) {
		answer_word(answer, (*command)->name, (*command)->summary);
		if ((*command)->alias)
			answer_word(answer, (*command)->alias, (*command)->summary);
	}
}

static void answer_topics(const struct answer *answer)
{
	answer_commands(answer);
	for (const struct help_page *page = help_pages; page->name; page++)
		answer_word(answer, page->name, page->title);
}

/* `manifest dump` takes models, `manifest init` a new name, the others files. */
static void answer_files(const struct answer *answer)
{
	const struct ncm_strings *operands = &answer->session->settings.operands;
	const struct command *command = answer->session->command;
	const char *action = command->words && operands->count > 0 ? operands->items[0] : "";

	if (command->words && operands->count == 0)
		answer_list(answer, command->words);
	else if (strcmp(action, "dump") == 0)
		answer_installed(answer);
	else if (strcmp(action, "init") != 0)
		answer_paths(answer, "files");
}

static void answer_models(const struct answer *answer, enum command_operands operands)
{
	const struct settings *settings = &answer->session->settings;
	const struct command *command = answer->session->command;
	const bool offers = command->offers && *command->offers;

	if (command->in_store && settings->selector.stores.count > 0) {
		answer_paths(answer, "folders");
		return;
	}
	if (operands != OPERANDS_OFFERED && !offers)
		answer_installed(answer);
	if (operands != OPERANDS_INSTALLED || offers)
		answer_offered(answer);
}

/* STORE PATH, or models: --to may still follow. */
static void answer_moved(const struct answer *answer)
{
	const struct settings *settings = &answer->session->settings;
	const size_t count = settings->operands.count;
	const bool models = settings->selector.to != NULL;

	if (!models && count > 0 && answer_is_store(answer, settings->operands.items[0])) {
		if (count == 1)
			answer_paths(answer, "folders");
		return;
	}
	if (!models && count == 0)
		answer_stores(answer, "");
	answer_installed(answer);
}

static void answer_operand(const struct answer *answer)
{
	const struct command *command = answer->session->command;

	switch (command->operands) {
	case OPERANDS_NONE:
		break;
	case OPERANDS_MODELS:
	case OPERANDS_INSTALLED:
	case OPERANDS_OFFERED:
		answer_models(answer, command->operands);
		break;
	case OPERANDS_FILES:
		answer_files(answer);
		break;
	case OPERANDS_MOVED:
		answer_moved(answer);
		break;
	case OPERANDS_TOPICS:
		answer_topics(answer);
		break;
	case OPERANDS_WORDS:
		if (command->words && answer->session->settings.operands.count == 0)
			answer_list(answer, command->words);
		break;
	}
}

/* "--name=" of the word, or NULL. The caller frees it. */
static char *assignment(const char *word)
{
	const char *equals = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;

	return equals ? text_format("%.*s", (int)(equals + 1 - word), word) : NULL;
}

static void answer_last(struct line *line, FILE *out)
{
	AUTO_FREE char *assigns = line->options_end || line->pending ? NULL : assignment(line->last);
	AUTO_FREE char *name = assigns ? text_format("%.*s", (int)strlen(assigns) - 1, assigns) : NULL;
	const struct option *option = name ? options_waiting(line->groups, name) : line->pending;
	const struct answer answer = {&line->session, line->last, assigns ? assigns : "", out};

	if (option)
		answer_value(&answer, option);
	else if (!line->options_end && line->last[0] == '-')
		answer_options(&answer, line->groups);
	else if (line->session.command)
		answer_operand(&answer);
	else
		answer_commands(&answer);
}

void complete_line(const struct ncm_strings *words, FILE *out)
{
	struct line line = {.groups = {&options_global}, .last = ""};
	char **before = memory_grow(NULL, words->count + 1, sizeof *before);

	for (size_t i = 0; i + 1 < words->count; i++)
		before[i] = words->items[i];
	before[words->count ? words->count - 1 : 0] = NULL;
	if (words->count > 0)
		line.last = words->items[words->count - 1];
	take_words(&line, before);
	answer_last(&line, out);
	session_free(&line.session);
	free(before);
}
