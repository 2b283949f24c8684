/* SPDX-License-Identifier: MIT */
/*
 * What may end a command line. The scripts of the shells (completion.c) only ask and show; what can be said where is
 * known here alone, from the tables that the parser reads.
 *
 * The answer is lines of WORD or WORD<tab>DESCRIPTION, each word a whole one, beginning with what was typed or not. A
 * line ":files<tab>PREFIX" or ":folders<tab>PREFIX" leaves it to the shell to find paths for what follows PREFIX.
 */
#ifndef CMD_COMPLETE_H
#define CMD_COMPLETE_H

#include "command.h"

#include <stdio.h>

struct answer {
	struct session *session; /* with what the command line says before the last word */
	const char *typed;       /* the last word, as far as it goes */
	const char *kept;        /* the part of it that all words begin with: "--profile=noa," */
	FILE *out;
};

/* Puts what may follow `words`, the last of which may be empty or half a word. What cannot be read offers nothing. */
void complete_line(const struct ncm_strings *words, FILE *out);

/* complete_words.c: the words of one kind. */
void answer_word(const struct answer *answer, const char *word, const char *description);
void answer_list(const struct answer *answer, const char *words); /* a space between two */
void answer_paths(const struct answer *answer, const char *kind); /* "files" or "folders" */
void answer_installed(const struct answer *answer);
void answer_offered(const struct answer *answer);
void answer_stores(const struct answer *answer, const char *ending); /* each with `ending` behind it */
bool answer_is_store(const struct answer *answer, const char *word);
/* The values of an option, which needs one. */
void answer_value(const struct answer *answer, const struct option *option);

#endif
