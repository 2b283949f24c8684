/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "ui/nearest.h"
#include "ui/style.h"
#include "ui/table.h"
#include "ui/text.h"

#include <string.h>

enum {
	HELP_COLUMNS = 100, /* for reading; a terminal may be narrower or wider */
};

static size_t help_columns(FILE *out)
{
	const size_t columns = style_columns(out);

	return columns >= 20 && columns < HELP_COLUMNS ? columns : HELP_COLUMNS;
}

static void heading(const char *title, FILE *out)
{
	fprintf(out, "\n%s%s%s\n", style_begin(out, STYLE_BOLD), title, style_end(out, STYLE_BOLD));
}

/* Breaks text at spaces; every line but the first begins at column `indent`. */
static void print_wrapped(const char *text, size_t indent, size_t at, FILE *out)
{
	const size_t columns = help_columns(out);

	while (*text) {
		const size_t length = strcspn(text, " \n");
		AUTO_FREE char *word = text_format("%.*s", (int)length, text);
		const size_t width = text_width(word);

		if (at > indent && at + 1 + width > columns) {
			fprintf(out, "\n%*s", (int)indent, "");
			at = indent;
		}
		fprintf(out, "%s%s", at > indent ? " " : "", word);
		at += width + (at > indent);
		text += length;
		if (*text == '\n') {
			fprintf(out, "\n%s%*s", text[1] == '\n' ? "\n" : "", (int)indent, "");
			at = indent;
		}
		text += strspn(text, " \n");
	}
	fputc('\n', out);
}

/* Beside a column of terms a narrow terminal has no room for what they mean. */
static size_t help_indent(size_t indent, FILE *out)
{
	enum { NARROW = 60, LEAST_INDENT = 10 };

	return help_columns(out) < NARROW && indent > LEAST_INDENT ? LEAST_INDENT : indent;
}

static void print_term(const char *term, const char *text, size_t wanted_indent, FILE *out)
{
	const size_t width = 2 + text_width(term), indent = help_indent(wanted_indent, out);

	fprintf(out, "  %s", term);
	if (width + 2 > indent)
		fprintf(out, "\n%*s", (int)indent, "");
	else
		fprintf(out, "%*s", (int)(indent - width), "");
	print_wrapped(text, indent, indent, out);
}

static void print_option(const struct option *option, FILE *out)
{
	const char *argument = option->argument ? option->argument : "";
	AUTO_FREE char *letter = option->letter ? text_format("-%c, ", option->letter) : text_copy("    ");
	AUTO_FREE char *term = text_format("%s--%s%s%s", letter, option->name, *argument ? " " : "", argument);
	const bool listed = option->words && option->kind == OPTION_WORDS;
	AUTO_FREE char *text = text_format("%s%s%s", option->help, listed ? ": " : "", listed ? option->words : "");

	print_term(term, text, 30, out);
}

static void print_group(const struct option_group *group, FILE *out)
{
	heading(group->title, out);
	for (const struct option *option = group->options; option->name; option++)
		print_option(option, out);
}

static void print_topics(const struct topic *topics, size_t indent, FILE *out)
{
	for (; topics->term; topics++)
		print_term(topics->term, topics->text, indent, out);
}

static void print_examples(const struct command *command, FILE *out)
{
	if (!command->examples)
		return;
	heading("Examples", out);
	for (const char *const *example = command->examples; *example; example += 2) {
		fprintf(out, "  %s\n      ", example[0]);
		print_wrapped(example[1], 6, 6, out);
	}
}

static void help_command(const struct command *command, FILE *out)
{
	fprintf(out, "%sncmodel %s%s - %s\n\n", style_begin(out, STYLE_BOLD), command->name, style_end(out, STYLE_BOLD),
		command->summary);
	fprintf(out, "usage: ncmodel %s%s%s%s\n\n", command->name, command->groups[0] ? " [OPTION...]" : "",
		*command->arguments ? " " : "", command->arguments);
	print_wrapped(command->description, 0, 0, out);
	if (command->alias)
		fprintf(out, "\nAlso spelled `ncmodel %s`.\n", command->alias);
	for (size_t i = 0; command->groups[i]; i++)
		print_group(command->groups[i], out);
	print_examples(command, out);
	fputs("\nOptions of every command, selectors and exit codes: ncmodel help\n", out);
}

static void help_overview(FILE *out)
{
	fprintf(out, "%sncmodel%s - provision AI models on this machine, and keep them right\n\n",
		style_begin(out, STYLE_BOLD), style_end(out, STYLE_BOLD));
	fputs("usage: ncmodel [OPTION...] COMMAND [ARGUMENT...]\n", out);
	heading("Commands", out);
	for (const struct command *const *command = commands; *command; command++)
		print_term((*command)->name, (*command)->summary, 14, out);
	heading("To begin", out);
	fputs("  ncmodel plan --phase 1          what would be fetched, from where, and does it fit the disk\n"
	      "  ncmodel pull --phase 1          do it: fetch, check, place, register\n"
	      "  ncmodel pull ollama:llama3.2:3b a source spelled out, with no manifest\n"
	      "  ncmodel verify                  is everything there, byte for byte\n"
	      "  ncmodel list --by-usecase       what is installed\n",
	      out);
	print_group(&options_selection, out);
	print_group(&options_placing, out);
	print_group(&options_global, out);
	heading("Exit codes", out);
	print_topics(topics_exit, 18, out);
	fputs("\nMore: ncmodel help COMMAND, ncmodel help configuration, environment or files, man ncmodel\n", out);
}

const struct help_page help_pages[] = {
    {"exit-codes", "What each exit code means", topics_exit, 18, NULL},
    {"configuration", "The keys of the configuration file", topics_configuration, 18,
     "Keys of the JSON object in $XDG_CONFIG_HOME/ncmodel/config.json, by default ~/.config/ncmodel/config.json. The "
     "environment and options replace what they say."},
    {"environment", "The variables that are read", topics_environment, 6, NULL},
    {"files", "The files that are read and written", topics_files, 6, NULL},
    {NULL, NULL, NULL, 0, NULL},
};

/* As command_find, with the nearest of what help explains. */
static const struct command *find_command(const char *name, struct ncm_error *err)
{
	const struct command *command = command_find(name, err);
	struct nearest nearest = {.typed = name};

	if (command)
		return command;
	for (const struct help_page *page = help_pages; page->name; page++)
		nearest_offer(&nearest, page->name);
	for (const struct command *const *each = commands; *each; each++)
		nearest_offer(&nearest, (*each)->name);
	ncm_error_set(err, NCM_E_USAGE, "there is no command or topic \"%s\"", name);
	if (nearest.best)
		ncm_error_hint(err, "did you mean `ncmodel help %s`?", nearest.best);
	else
		ncm_error_hint(err, "`ncmodel help` lists the commands");
	return NULL;
}

static struct {
	bool man;
} given;

static void print_topic_page(const struct help_page *page, FILE *out)
{
	if (page->before) {
		print_wrapped(page->before, 0, 0, out);
		fputc('\n', out);
	}
	print_topics(page->topics, page->indent, out);
}

static int print_page(const char *name, FILE *out, struct ncm_error *err)
{
	const struct help_page *page = help_pages;
	const struct command *command;

	while (page->name && strcmp(page->name, name) != 0)
		page++;
	if (page->name && !given.man)
		return print_topic_page(page, out), 0;
	command = find_command(name, err);
	if (!command)
		return -1;
	given.man ? man_command(command, out) : help_command(command, out);
	return 0;
}

static int print_all(const struct session *session, FILE *out, struct ncm_error *err)
{
	const struct ncm_strings *operands = &session->settings.operands;

	if (operands->count == 0)
		given.man ? man_overview(out) : help_overview(out);
	for (size_t i = 0; i < operands->count; i++) {
		if (print_page(operands->items[i], out, err) < 0)
			return -1;
	}
	return 0;
}

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	AUTO_FREE char *text = NULL;
	size_t size = 0;
	FILE *out = session->report.json ? open_memstream(&text, &size) : stdout;
	int failed;

	if (!out)
		return ncm_error_set(&err, NCM_E_OTHER, "out of memory"), session_fail(session, &err);
	failed = print_all(session, out, &err);
	if (out != stdout) {
		fclose(out);
		session->report.data = json_object();
		json_put_text(session->report.data, "text", text);
	}
	return failed ? session_fail(session, &err) : 0;
}

static const struct option own[] = {
    {0, "man", OPTION_FLAG, .value = &given.man, .help = "print the man page: ncmodel(1), or that of the command"},
    {.name = NULL},
};
static const struct option_group own_group = {"Options", own};

static const char *const examples[] = {
    "ncmodel help pull",
    "all about one command",
    "ncmodel help --man | man -l -",
    "the man page without installing it",
    "ncmodel help --man pull | man -l -",
    "that of one command",
    NULL,
};

const struct command command_help = {
    .name = "help",
    .summary = "Explain a command, or list them all",
    .arguments = "[COMMAND...]",
    .operands = OPERANDS_TOPICS,
    .groups = {&own_group},
    .description = "Explains the commands named, or lists all commands, selectors, global options and exit codes.",
    .examples = examples,
    .run = run,
};
