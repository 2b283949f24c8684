/* SPDX-License-Identifier: MIT */
/* Errors and remarks for people on standard error, and the one JSON document for programs on standard output. */
#ifndef CMD_UI_REPORT_H
#define CMD_UI_REPORT_H

#include "ui/json.h"

#include <ncmodel/error.h>
#include <stdbool.h>

struct report {
	bool json;   /* a JSON document is wanted */
	bool events; /* standard error carries one JSON event a line, and nothing else */
	bool quiet;
	json_t *data;   /* of the command; NULL: none */
	json_t *errors; /* array */
	json_t *warnings;
};

void report_start(struct report *report);
/* Tells an error and what to do next, and records it for the document. Returns its exit code. `model` may be NULL. */
int report_error(struct report *report, const struct ncm_error *err, const char *model);
/* As report_error, for the eye alone: what the document has of it was recorded by report_silently. */
void report_tell(const struct report *report, const struct ncm_error *err, const char *model);
/* Records an error for the document alone, with what to do next. Returns its exit code. */
int report_record(struct report *report, const struct ncm_error *err, const char *model);
/* The same of a message: the text of the command says it already. Returns its exit code. */
int report_silently(struct report *report, enum ncm_errc code, const char *message, const char *model);
/* Records a warning for the document alone: who reads standard error has it. */
void report_warned(const struct report *report, const char *text);
/* "ncmodel: warning: …", and recorded. The text may hold foreign bytes. */
void report_warning(const struct report *report, const char *text);
/* A plain line on standard error, left out when quiet. The text must be safe. */
void report_note(const struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The exit code of a class; for INTERRUPTED that of the signal. */
int report_exit_code(enum ncm_errc code);
/* Prints the document if one is wanted, and frees what the report holds. */
void report_finish(struct report *report, const char *command, int exit_code);

/* What could not be read: a part of the answer, and an error of its own. */
/* A line on standard output for each. */
void unread_print(const struct ncm_unread *unread, size_t count);
/* An error of class IO in the document for each. Returns the exit code, 0 without any. */
int unread_record(struct report *report, const struct ncm_unread *unread, size_t count);
/* [{"path", "detail"}]. New reference. */
json_t *unread_json(const struct ncm_unread *unread, size_t count);

#endif
