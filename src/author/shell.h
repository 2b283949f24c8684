/* SPDX-License-Identifier: MIT */
/*
 * Shell scripts read as text: which downloads they would make, and into which folders. Nothing is run. What a variable,
 * an array or a parameter of a function holds is followed as far as the text tells; of branches all are read.
 */
#ifndef NCM_AUTHOR_SHELL_H
#define NCM_AUTHOR_SHELL_H

#include "author/import.h"

/* Words are raw: with their quotes and variables. */
struct shell_statement {
	size_t line;
	struct ncm_strings words;
	char *array; /* the array that gets `elements`; or NULL */
	bool appends;
	struct ncm_strings elements;
	char *in, *out, *here_string; /* redirections; or NULL */
	char *here;                   /* the text of a here-document; or NULL */
	bool is_piped;                /* into the next statement */
};

struct shell_script {
	struct shell_statement *statements;
	size_t count;
};

/* shell_read.c */
void shell_read(const char *text, struct shell_script *script);
void shell_free(struct shell_script *script);

/* What is known while a script is followed. */
struct shell_run {
	struct import *import;
	const char *text;
	const struct shell_script *script;
	json_t *scalars;               /* name → text */
	json_t *arrays;                /* name → array of [key, value] */
	json_t *functions;             /* name → [first statement of the body, behind the last, was it called] */
	json_t *files;                 /* that the script writes: path → text */
	json_t *seen;                  /* addresses that some command had */
	struct ncm_strings parameters; /* that are left of the arguments */
	struct ncm_strings arguments;  /* of the function that is followed now */
	bool is_called;                /* it has no further ones */
	struct ncm_strings folders;    /* where "(" and pushd came from */
	char *folder;                  /* that it is in; "": where it was started */
	struct shell_pending *pending; /* what is fetched, until the script ends */
	size_t pending_count;
	unsigned calls;  /* of functions, one in another */
	unsigned blocks; /* loops and bodies of functions, one in another */
	size_t steps, depth, lines_told;
	bool is_quiet; /* nobody calls what is read now: what it does not say is no gap */
};

/* shell_expand.c: a raw word's values; what is not known stays as it is spelled, with its '$'. */
void shell_expand(struct shell_run *run, const char *raw, struct ncm_strings *values);
/* The same as one text. The caller frees it. */
char *shell_text(struct shell_run *run, const char *raw);
/* Whether the script makes some of a text when it runs. */
bool shell_is_open(const char *text);
void shell_set(struct shell_run *run, const char *name, const char *value);

/* shell_variables.c */
/* "NAME=VALUE", "NAME+=VALUE", "NAME[KEY]=VALUE" set a variable; false for any other word. */
bool shell_assign(struct shell_run *run, const char *raw);
bool shell_assign_element(struct shell_run *run, const char *raw);
void shell_assign_array(struct shell_run *run, const struct shell_statement *statement);
/* Takes the addresses of arrays that no command had. */
void shell_take_arrays(struct shell_run *run);

/* shell_simple.c */
/* Assignments, then a command with its words. *piped is what came through the pipe, and becomes what goes on. */
void shell_simple(struct shell_run *run, const struct shell_statement *statement, char **piped);
/* What a statement reads: a here-document, a here-string, a file that the script wrote, what comes through a pipe. The
 * caller frees it. */
char *shell_input(struct shell_run *run, const struct shell_statement *statement, const char *piped);
/* Follows a function. `words`: its name, then its arguments; none: nobody calls it. */
void shell_call(struct shell_run *run, json_t *body, const struct ncm_strings *words);

/* shell_run.c */
/* "" where there are not so many. */
const char *shell_word(const struct shell_statement *statement, size_t index);
/* Counts what was done: looking at `bytes` of text. */
void shell_count(struct shell_run *run, size_t bytes);
/* Whether that is more than any script is worth: nothing further is followed. */
bool shell_is_done(const struct shell_run *run);
/* Follows statements of a script; the whole of it. */
void shell_follow_from(struct shell_run *run, size_t from, size_t to);
void shell_follow(struct import *import, const char *text, const struct shell_script *script);

/* shell_command.c */
/* What a command has besides its words. */
struct shell_command {
	size_t line;
	struct ncm_strings words; /* expanded */
	const char *in;           /* what it reads, as text; or NULL */
	const char *out;          /* the file that its output goes to; or NULL */
	bool is_piped;
};
/* Whether a command of that name brings models. */
bool shell_is_loader(const char *name);
/* Takes the models that a command brings. Returns false if it is none that is known. */
bool shell_take(struct shell_run *run, const struct shell_command *command);
/* shell_pending.c */
/* Puts down what is fetched (copied, but for `store`, which is static). */
void shell_put(struct shell_run *run, const struct import_item *item);
/* "mv FROM… TO" of what was fetched; false for any other command. */
bool shell_move(struct shell_run *run, const struct ncm_strings *words);
/* Takes all that was put down. */
void shell_take_pending(struct shell_run *run);

/* shell_download.c */
/* A path as it is from where the script was started; one that begins with what only a shell knows ('$', '~') stays. The
 * caller frees it. */
char *shell_path(const struct shell_run *run, const char *path);
/* The place that the script says, from where it was started. The caller frees it; NULL: it says none. */
char *shell_place_of(const struct shell_run *run, const char *folder, const char *name);
/* Takes one download: `folder` (or NULL) and `name` (or NULL) are where the script puts it. */
struct shell_download {
	size_t line;
	const char *address, *folder, *name;
	const struct ncm_sha256 *sha256;
	const struct ncm_strings *more;
};
void shell_download(struct shell_run *run, const struct shell_download *download);
/* Takes an address among words, with the path that may be beside it: what a program that is not known gets, or a
 * function which makes its addresses of its arguments by others. False: there is none. */
bool shell_download_words(struct shell_run *run, size_t line, const struct ncm_strings *words);
/* A text without white space around it. The caller frees it. */
char *shell_trimmed(const char *text);
/* The line of the script that has a text; `line` if none has. */
size_t shell_line_of(struct shell_run *run, const char *text, size_t line);

#endif
