/* SPDX-License-Identifier: MIT */
/*
 * What a command-line tool wants of the operating system beside its models: the terminal, signals, what a word of the
 * command line leads to. Nothing here is needed to use the rest. For the main thread, unless it says otherwise.
 */
#ifndef NCMODEL_CONSOLE_H
#define NCMODEL_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* Opens those of the descriptors 0 to 2 that are closed, so that no file lands there and is printed into: reading gives
 * nothing, writing to standard output fails. First of all calls. */
void ncm_console_hold_streams(void);

bool ncm_console_is_terminal(FILE *stream);
/* The terminal's size in characters: 80 by 24 if it does not tell; 0 by 0 if it is none. */
void ncm_console_size(FILE *stream, size_t *columns, size_t *rows);
/* Whether whoever read the stream is gone, as `head` is when it has seen enough. */
bool ncm_console_reader_is_gone(FILE *stream);

/* SIGINT, SIGTERM and SIGHUP call ncm_interrupt from now on, unless they were ignored when the process began (nohup, a
 * background job); a second SIGINT ends the process at once. */
void ncm_console_catch_signals(void);
/* The exit code after an interruption: 128 + the first signal that came, 130 if none did. */
int ncm_console_exit_code(void);
/*
 * Reads what a person answers: a line from standard input, of which as much as fits into `size` bytes is given, NUL
 * added. Returns its length, 0 at the end of the input, or -1 with errno, at once, when a signal came, however short
 * before.
 */
int ncm_console_read_answer(char *text, size_t size);

/* What a path leads to: to nothing for sure, to a file, to a folder, to something else or nobody can tell. */
enum ncm_console_kind { NCM_CONSOLE_UNKNOWN, NCM_CONSOLE_ABSENT, NCM_CONSOLE_FILE, NCM_CONSOLE_FOLDER };
enum ncm_console_kind ncm_console_kind_of(const char *path);
/* Whether a path says by itself where it begins, whatever the current folder is. */
bool ncm_path_is_absolute(const char *path);
/* The current folder; NULL with errno if it is gone. free() it. */
char *ncm_console_folder(void);

/* An errno's text in English, never NULL. Borrowed for good. From any thread. */
const char *ncm_console_error_text(int errnum);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
