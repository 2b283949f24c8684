/* SPDX-License-Identifier: MIT */
/* ncmodel(1) in man(7), made from the tables that the help is made from. */
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

/* Text filled by roff: lines below 80 bytes, and a new one for each sentence, as man pages are written. */
static void put_prose(const char *text, FILE *out)
{
	size_t at = 0;

	while (*(text += strspn(text, " \n"))) {
		const size_t length = strcspn(text, " \n");
		AUTO_FREE char *word = text_format("%.*s", (int)length, text);

		if (at > 0 && at + 1 + length > PROSE_COLUMNS) {
			fputc('\n', out);
			at = 0;
		}
		if (at > 0)
			fputc(' ', out);
		put(word, at == 0, out);
		at += length + 1;
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

static void put_command(const struct command *command, FILE *out)
{
	AUTO_FREE char *usage =
	    text_format("ncmodel %s%s%s", command->name, *command->arguments ? " " : "", command->arguments);

	request(".SS", usage, out);
	put_paragraphs(command->description, out);
	if (command->alias) {
		AUTO_FREE char *also = text_format("Also spelled ncmodel %s.", command->alias);

		fputs(".PP\n", out);
		put_paragraphs(also, out);
	}
	for (size_t i = 0; command->groups[i]; i++) {
		if (command->groups[i] == &options_selection)
			fputs(".PP\nTakes the selectors below.\n", out);
		else if (command->groups[i] != &options_placing)
			put_options(command->groups[i], out);
	}
}

static void put_examples(FILE *out)
{
	for (const struct command *const *command = commands; *command; command++) {
		for (const char *const *example = (*command)->examples; example && *example; example += 2) {
			fputs(".TP\n\\fB", out);
			put(example[0], false, out);
			fputs("\\fR\n", out);
			put_sentence(example[1], NULL, out);
		}
	}
}

void man_print(FILE *out)
{
	fprintf(out, ".TH NCMODEL 1 \"%s\" \"ncmodel %s\" \"User Commands\"\n", NCM_RELEASE_DATE, ncm_version());
	fputs(".SH NAME\nncmodel \\- provision AI models on this machine, and keep them right\n"
	      ".SH SYNOPSIS\n.B ncmodel\n[\\fIOPTION\\fR...] \\fICOMMAND\\fR [\\fIARGUMENT\\fR...]\n"
	      ".SH DESCRIPTION\n",
	      out);
	put_paragraphs("ncmodel reads phased manifests, pulls models from Ollama's registry, Hugging Face, Civitai and "
		       "plain URLs into the folders that applications already read, checks every byte, and records "
		       "what it did in models.json.\n\n"
		       "Results go to standard output; progress and errors go to standard error. No option takes a "
		       "token: tokens come from the environment or from files of the user alone.",
		       out);
	fputs(".SH COMMANDS\n", out);
	for (const struct command *const *command = commands; *command; command++)
		put_command(*command, out);
	fputs(".SH SELECTORS\n"
	      "A model is named by its id, its display name, an alias, or a source\n"
	      "spelled out (\\fBollama:\\fINAME\\fR, \\fBhf:\\fIORG/REPO/FILE\\fR,\n"
	      "\\fBcivitai:\\fIVERSION\\fR, an https URL).\n"
	      "A name that several installed models have chooses none of them.\n"
	      "Selectors of several kinds must all hold; words of one kind are alternatives.\n",
	      out);
	put_options(&options_selection, out);
	put_options(&options_placing, out);
	fputs(".SH OPTIONS\nThese stand before or after the command.\n", out);
	put_options(&options_global, out);
	fputs(".SH EXIT STATUS\n", out);
	put_topics(topics_exit, out);
	fputs(".PP\nThe same command may well succeed later after 7, 8 and 13;\nnever after 10 and 11.\n", out);
	fputs(".SH ENVIRONMENT\n", out);
	put_topics(topics_environment, out);
	fputs(".SH FILES\n", out);
	put_topics(topics_files, out);
	fputs(".SH EXAMPLES\n", out);
	put_examples(out);
}
