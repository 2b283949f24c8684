/* SPDX-License-Identifier: MIT */
/* A command is data and one function. Help, the man page and the completions are made from the same table. */
#ifndef CMD_COMMAND_H
#define CMD_COMMAND_H

#include "session.h"

enum command_operands {
	OPERANDS_NONE,
	OPERANDS_MODELS,    /* installed, or of the manifests */
	OPERANDS_INSTALLED, /* models of models.json */
	OPERANDS_OFFERED,   /* models of the manifests */
	OPERANDS_FILES,     /* the rest of a manifest command */
	OPERANDS_MOVED,     /* a store and a folder, or installed models */
	OPERANDS_TOPICS,    /* what help explains */
	OPERANDS_WORDS,
};

struct command {
	const char *name;
	const char *alias;     /* another name, or NULL */
	const char *summary;   /* one line, no final stop */
	const char *arguments; /* as the usage line shows them, or "" */
	const char *words;     /* what the first operand may be, for completions; or NULL */
	enum command_operands operands;
	const bool *offers;  /* when it is true, models are those of the manifests, for completions; or NULL */
	bool stops_in_order; /* long work: signals end it in order */
	bool changes;        /* something on disk: a failure is told in the log */
	bool in_store;       /* with --store its operand is a folder, for completions */
	const struct option_group *groups[6]; /* beside the global options; ends with NULL */
	const char *description;              /* paragraphs with an empty line between */
	const char *const *examples;          /* pairs of a command line and what it does; ends with NULL */
	int (*run)(struct session *session);  /* the exit code; errors have been reported */
};

/* All commands, in the order of the help. */
/* clang-format off */
#define COMMANDS(X) \
	X(plan) X(pull) X(verify) X(list) X(show) X(select) X(inspect) X(adopt) X(link) X(rm) \
	X(mv) X(gc) X(df) X(status) X(doctor) X(export) X(stores) X(log) X(lock) X(diff) X(outdated) X(ps) X(load) X(unload) X(preload) X(fit) X(node) X(push) X(bundle) X(cache) \
	X(manifest) X(profiles) X(limits) X(completion) X(help) X(version)
/* clang-format on */

#define DECLARE(name) extern const struct command command_##name;
COMMANDS(DECLARE)
#undef DECLARE

/* The same as a table, which ends with NULL. Set by main.c: who lists commands is a command himself. */
extern const struct command *const *commands;

/* The command of that name or alias, or NULL with USAGE and the nearest name. */
const struct command *command_find(const char *name, struct ncm_error *err);

/* One row of a table that help and the man page share; the last has a NULL term. */
struct topic {
	const char *term;
	const char *text;
};

/* A page of the help that no command is the name of; the last has no name. */
struct help_page {
	const char *name, *title;
	const struct topic *topics;
	size_t indent;
	const char *before; /* said first, as one paragraph; or NULL */
};

extern const struct help_page help_pages[];
extern const struct topic topics_exit[];
extern const struct topic topics_configuration[];
extern const struct topic topics_environment[];
extern const struct topic topics_files[];

/* Man pages, in man(7): ncmodel(1), and ncmodel-COMMAND(1). */
void man_overview(FILE *out);
void man_command(const struct command *command, FILE *out);

#endif
