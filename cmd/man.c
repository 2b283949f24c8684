/* SPDX-License-Identifier: MIT */
/* ncmodel(1) and a page for each command, in man(7), made from the tables that the help is made from. */
#include "command.h"

#include "ui/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum {
	PROSE_COLUMNS = 72,
};

/* Text as roff: no character of it is a request or an escape. */
static void put(const char *text, bool at_start, FILE *out)
{
	uint32_t character;

	for (size_t length; (length = text_decode(text, &character)) > 0; text += length) {
		if (at_start && (character == '.' || character == '\''))
			fputs("\\&", out);
		if (character == '\\')
			fputs("\\e", out);
		else if (character == '-')
			fputs("\\-", out);
		else if (character == '~')
			fputs("\\(ti", out);
		else if (character == '^')
			fputs("\\(ha", out);
		else if (character == '`' || character == '\'')
			fputs("\\(aq", out);
		else if (character == '"')
			fputs("\\(dq", out);
		else if (character >= 0x80)
			fprintf(out, "\\[u%04X]", character);
		else
			fputc((int)character, out);
		at_start = false;
	}
}

static void request(const char *name, const char *text, FILE *out)
{
	fprintf(out, "%s ", name);
	put(text, false, out);
	fputc('\n', out);
}

/* As put, to be measured. The caller frees it. */
static char *escaped(const char *text, bool at_start)
{
	char *roff = NULL;
	size_t size;
	FILE *memory = open_memstream(&roff, &size);

	if (!memory)
		return text_copy(text);
	put(text, at_start, memory);
	fclose(memory);
	return roff;
}

/* Text filled by roff: lines below 80 bytes, and a new one for each sentence, as man pages are written. */
static void put_prose(const char *text, FILE *out)
{
	size_t at = 0;

	while (*(text += strspn(text, " \n"))) {
		const size_t length = strcspn(text, " \n");
		AUTO_FREE char *word = text_format("%.*s", (int)length, text);
		AUTO_FREE char *inside = escaped(word, false);
		const bool wraps = at > 0 && at + 1 + strlen(inside) > PROSE_COLUMNS;
		AUTO_FREE char *roff = escaped(word, at == 0 || wraps);

		fprintf(out, "%s%s", wraps ? "\n" : at > 0 ? " " : "", roff);
		at = (wraps ? 0 : at + (at > 0)) + strlen(roff);
		if (word[length - 1] == '.') {
			fputc('\n', out);
			at = 0;
		}
		text += length;
	}
	if (at > 0)
		fputc('\n', out);
}

static void put_paragraphs(const char *text, FILE *out)
{
	while (*text) {
		const char *end = strstr(text, "\n\n");
		AUTO_FREE char *paragraph = end ? text_format("%.*s", (int)(end - text), text) : text_copy(text);

		put_prose(paragraph, out);
		text += strlen(paragraph);
		if (*text) {
			fputs(".PP\n", out);
			text += 2;
		}
	}
}

/* A remark of the help as a sentence. */
static void put_sentence(const char *remark, const char *words, FILE *out)
{
	AUTO_FREE char *sentence = text_format("%c%s%s%s.", toupper((unsigned char)remark[0]), remark + 1,
					       words ? ": " : "", words ? words : "");

	put_prose(sentence, out);
}

static void put_options(const struct option_group *group, FILE *out)
{
	for (const struct option *option = group->options; option->name; option++) {
		fputs(".TP\n", out);
		if (option->letter)
			fprintf(out, "\\fB\\-%c\\fR, ", option->letter);
		fputs("\\fB", out);
		fputs("\\-\\-", out);
		put(option->name, false, out);
		fputs("\\fR", out);
		if (option->argument) {
			fputs(" \\fI", out);
			put(option->argument, false, out);
			fputs("\\fR", out);
		}
		fputc('\n', out);
		put_sentence(option->help, option->kind == OPTION_WORDS ? option->words : NULL, out);
	}
}

static void put_topics(const struct topic *topics, FILE *out)
{
	for (; topics->term; topics++) {
		fputs(".TP\n\\fB", out);
		put(topics->term, false, out);
		fputs("\\fR\n", out);
		put_prose(topics->text, out);
	}
}

static void put_example(const char *const *example, FILE *out)
{
	fputs(".TP\n\\fB", out);
	put(example[0], false, out);
	fputs("\\fR\n", out);
	put_sentence(example[1], NULL, out);
}

static bool are_selectors(const struct option_group *group)
{
	return group == &options_selection || group == &options_selection_registered || group == &options_placing;
}

static void put_groups(const struct command *command, bool selectors, const char *title, FILE *out)
{
	for (size_t i = 0; command->groups[i]; i++) {
		if (are_selectors(command->groups[i]) != selectors)
			continue;
		if (title)
			request(".SH", title, out);
		title = NULL;
		put_options(command->groups[i], out);
	}
}

static void put_head(const char *name, const char *summary, FILE *out)
{
	AUTO_FREE char *title = text_copy(name);
	AUTO_FREE char *line = text_format("%s - %c%s", name, tolower((unsigned char)summary[0]), summary + 1);

	for (char *at = title; *at; at++)
		*at = (char)toupper((unsigned char)*at);
	fputs(".TH ", out);
	put(title, false, out);
	fprintf(out, " 1 \"%s\" \"ncmodel %s\" \"User Commands\"\n.SH NAME\n", NCM_RELEASE_DATE, ncm_version());
	put_prose(line, out);
	fputs(".SH SYNOPSIS\n", out);
}

void man_command(const struct command *command, FILE *out)
{
	AUTO_FREE char *name = text_format("ncmodel-%s", command->name);

	put_head(name, command->summary, out);
	fprintf(out, ".B ncmodel %s\n[\\fIOPTION\\fR...]\\&\n", command->name);
	put_prose(command->arguments, out);
	fputs(".SH DESCRIPTION\n", out);
	put_paragraphs(command->description, out);
	if (command->alias)
		fprintf(out, ".PP\nAlso spelled\n.BR \"ncmodel %s\" .\n", command->alias);
	put_groups(command, false, "OPTIONS", out);
	put_groups(command, true, "SELECTORS", out);
	fputs(".PP\nThe options of every command are in\n.BR ncmodel (1).\n"
	      ".SH EXIT STATUS\n0 when all is done; every other code is explained in\n.BR ncmodel (1).\n",
	      out);
	if (command->examples)
		fputs(".SH EXAMPLES\n", out);
	for (const char *const *example = command->examples; example && *example; example += 2)
		put_example(example, out);
	fputs(".SH SEE ALSO\n.BR ncmodel (1)\n", out);
}

static void put_commands(FILE *out)
{
	fputs(".SH COMMANDS\nEach has a page of its own.\n", out);
	for (const struct command *const *command = commands; *command; command++) {
		fprintf(out, ".TP\n.BR ncmodel\\-%s (1)\n", (*command)->name);
		put_sentence((*command)->summary, NULL, out);
	}
}

static void put_examples(FILE *out)
{
	fputs(".SH EXAMPLES\n", out);
	for (const struct command *const *command = commands; *command; command++) {
		if ((*command)->examples)
			put_example((*command)->examples, out);
	}
}

void man_overview(FILE *out)
{
	put_head("ncmodel", "provision AI models on this machine, and keep them right", out);
	fputs(".B ncmodel\n[\\fIOPTION\\fR...] \\fICOMMAND\\fR [\\fIARGUMENT\\fR...]\n.SH DESCRIPTION\n", out);
	put_paragraphs("ncmodel reads phased manifests, pulls models from Ollama's registry, Hugging Face, Civitai and "
		       "plain URLs into the folders that applications already read, checks every byte, and records "
		       "what it did in models.json.\n\n"
		       "Results go to standard output; progress and errors go to standard error. No option takes a "
		       "token: tokens come from the environment or from files of the user alone.",
		       out);
	put_commands(out);
	fputs(".SH SELECTORS\n"
	      "A model is named by its id, its display name, an alias, or a source\n"
	      "spelled out (\\fBollama:\\fINAME\\fR, \\fBhf:\\fIORG/REPO/FILE\\fR,\n"
	      "\\fBcivitai:\\fIVERSION\\fR, an https URL).\n"
	      "What is installed is found by the end of its name, too (\\fIREPO\\fR of\n"
	      "\\fIORG/REPO\\fR).\n"
	      "A name that several installed models have chooses none of them.\n"
	      "Selectors of several kinds must all hold; words of one kind are alternatives.\n",
	      out);
	put_options(&options_selection, out);
	put_options(&options_placing, out);
	fputs(".SH OPTIONS\nThese stand before or after the command.\n", out);
	put_options(&options_global, out);
	fputs(".SH EXIT STATUS\n", out);
	put_topics(topics_exit, out);
	fputs(".PP\nThe same command may well succeed later after 7, 8 and 13;\nnever after 10, 11 and 15.\n"
	      ".SH CONFIGURATION\nKeys of the JSON object in the configuration file.\n"
	      "The environment and options replace what they say;\nkeys that begin with \"x\\-\" are ignored.\n",
	      out);
	put_topics(topics_configuration, out);
	fputs(".SH ENVIRONMENT\n", out);
	put_topics(topics_environment, out);
	fputs(".SH FILES\n", out);
	put_topics(topics_files, out);
	put_examples(out);
	fputs(".SH SEE ALSO\n.BR ncmodel\\-pull (1)\nand the other pages named above.\n", out);
}
