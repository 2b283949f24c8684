/* SPDX-License-Identifier: MIT */
/*
 * Options as data: the parser, the help, the man page and the completions all read the same tables.
 * Spellings: --name, --name VALUE, --name=VALUE, -x, -x VALUE, -xVALUE, -xy; "--" ends the options.
 */
#ifndef CMD_UI_OPTIONS_H
#define CMD_UI_OPTIONS_H

#include <ncmodel/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {                /* and the type of the value at `offset` */
		   OPTION_FLAG,   /* bool */
		   OPTION_COUNT,  /* unsigned: how often it was given */
		   OPTION_TEXT,   /* const char *, into argv */
		   OPTION_LIST,   /* struct ncm_strings: each use adds one */
		   OPTION_WORDS,  /* struct ncm_strings: each use adds the words between commas */
		   OPTION_PHASES, /* unsigned: bit N for phase N */
		   OPTION_NUMBER, /* struct option_number, between `least` and `most` */
		   OPTION_SIZE,   /* struct option_number: bytes */
		   OPTION_RATE,   /* struct option_number: bytes per second; "100M" is 100 Mbit/s */
};

struct option_number {
	bool given;
	uint64_t value;
};

enum option_completes {
	COMPLETES_NOTHING,
	COMPLETES_FILE,
	COMPLETES_FOLDER,
	COMPLETES_LAYOUT,
	COMPLETES_PROFILE,
	COMPLETES_STORE,
	COMPLETES_STORE_PATH, /* STORE=PATH */
	COMPLETES_TARGET,     /* STORE[/FOLDER] */
	COMPLETES_USE_CASE,
	COMPLETES_TAG,
	COMPLETES_VARIANT,
	COMPLETES_APPLICATION,
	COMPLETES_ROLE, /* of the profiles' documents, as the two below */
	COMPLETES_TASK,
	COMPLETES_PIPELINE,
};

struct option {
	char letter; /* 0: none */
	const char *name;
	enum option_kind kind;
	size_t offset;        /* of the value in the structure that options_take fills … */
	void *value;          /* … or where it is, of a command's own options; NULL: there */
	const char *argument; /* what help calls the value; NULL for FLAG and COUNT */
	const char *help;
	const char *words;                /* the values allowed, a space between two; NULL: any */
	bool (*takes)(const char *value); /* whether one that is not among the words is good, too; NULL: none is */
	uint32_t least, most;
	enum option_completes completes;
};

/* A named table of options; the last option has no name. */
struct option_group {
	const char *title;
	const struct option *options;
};

/*
 * Takes the option at argv[*at] and its value, and moves *at behind them. The groups end with NULL. Returns 0, or -1
 * with USAGE.
 */
int options_take(const struct option_group *const *groups, void *values, char *const *argv, int *at,
		 struct ncm_error *err);

/* The option of that name (so many bytes of it) or letter, or NULL. The groups end with NULL. */
const struct option *options_find(const struct option_group *const *groups, const char *name, size_t length);
const struct option *options_find_letter(const struct option_group *const *groups, char letter);
/* The option that `word` spells, if its value is the word after it; else NULL. */
const struct option *options_waiting(const struct option_group *const *groups, const char *word);

/* The word at *list (words with a space between), moving *list on; its length in *length; NULL at the end. */
const char *options_next_word(const char **list, size_t *length);

#endif
