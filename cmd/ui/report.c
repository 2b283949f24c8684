/* SPDX-License-Identifier: MIT */
#include "ui/report.h"

#include "ui/fields.h"
#include "ui/style.h"
#include "ui/text.h"

#include <ncmodel/console.h>
#include <stdarg.h>
#include <string.h>

enum {
	LONGEST_LINE = 2048, /* of one message: paths are long */
};

void report_start(struct report *report)
{
	report->errors = json_array();
	report->warnings = json_array();
}

int report_exit_code(enum ncm_errc code)
{
	return code == NCM_E_INTERRUPTED ? ncm_console_exit_code() : ncm_errc_exit(code);
}

static const char *next_step(enum ncm_errc code)
{
	switch (code) {
	case NCM_E_NETWORK:
		return "run the same command again: it goes on from what was fetched";
	case NCM_E_PROTOCOL:
	case NCM_E_REFUSED:
	case NCM_E_UNTRUSTED:
		return "asking again changes nothing: take another source, or tell whoever runs the server or the "
		       "proxy in between";
	case NCM_E_RATE_LIMIT:
		return "wait a while, then run the same command again";
	case NCM_E_NO_SPACE:
		return "free some space on that disk, then run the same command again";
	case NCM_E_BUSY:
		return "wait for the other ncmodel, or leave out --no-wait";
	case NCM_E_DAMAGED:
		return "`ncmodel pull MODEL` fetches what is damaged again";
	default:
		return NULL;
	}
}

/* A manifest's faults come one a line. `width` is that of the first line's prefix. */
static void print_lines(const char *text, const char *first, size_t width, const char *next)
{
	const char *prefix = first;

	while (*text) {
		const size_t length = strcspn(text, "\n");
		AUTO_FREE char *line = text_format("%.*s", (int)length, text);
		AUTO_FREE char *safe = text_safe_long(line, LONGEST_LINE);
		AUTO_FREE char *wrapped = text_wrap(safe, style_columns(stderr), width);

		if (length > 0) {
			fprintf(stderr, "%s%s\n", prefix, wrapped);
			prefix = next;
			width = strlen(next);
		}
		text += length + (text[length] == '\n');
	}
}

static json_t *describe(enum ncm_errc code, const char *message, const char *hint, const char *model)
{
	json_t *error = json_object();

	json_put_text(error, "code", ncm_errc_name(code));
	json_put_text(error, "message", message);
	json_put_text(error, "hint", hint);
	json_put_text(error, "model", model);
	json_put_flag(error, "retryable", ncm_errc_retryable(code));
	return error;
}

static const char *message_of(const struct ncm_error *err)
{
	return err->message ? err->message : ncm_errc_name(err->code);
}

static const char *hint_of(const struct ncm_error *err)
{
	return err->hint ? err->hint : next_step(err->code);
}

static void print_event(const struct ncm_error *err, const char *model)
{
	json_t *error = describe(err->code, message_of(err), hint_of(err), model);
	json_t *event = json_object();

	json_put_text(event, "event", "error");
	json_put_now(event);
	json_object_update(event, error);
	json_decref(error);
	json_print(event, true, stderr);
	json_decref(event);
}

void report_tell(const struct report *report, const struct ncm_error *err, const char *model)
{
	AUTO_FREE char *first = NULL;

	fflush(stdout);
	if (report->events) {
		print_event(err, model);
		return;
	}
	first = text_format("%sncmodel:%s ", style_begin(stderr, STYLE_BAD), style_end(stderr, STYLE_BAD));
	print_lines(message_of(err), first, strlen("ncmodel: "), "  ");
	if (hint_of(err))
		print_lines(hint_of(err), "  hint: ", strlen("  hint: "), "        ");
}

int report_error(struct report *report, const struct ncm_error *err, const char *model)
{
	report_tell(report, err, model);
	return report_record(report, err, model);
}

int report_record(struct report *report, const struct ncm_error *err, const char *model)
{
	json_push(report->errors, describe(err->code, message_of(err), hint_of(err), model));
	return report_exit_code(err->code);
}

int report_silently(struct report *report, enum ncm_errc code, const char *message, const char *model)
{
	json_push(report->errors, describe(code, message, next_step(code), model));
	return report_exit_code(code);
}

void report_warned(const struct report *report, const char *text)
{
	json_push(report->warnings, json_text(text));
}

void report_warning(const struct report *report, const char *text)
{
	report_warned(report, text);
	if (report->events) {
		json_t *event = json_object();

		json_put_text(event, "event", "warning");
		json_put_now(event);
		json_put_text(event, "text", text);
		json_print(event, true, stderr);
		json_decref(event);
	} else {
		AUTO_FREE char *safe = text_safe_long(text, LONGEST_LINE);

		fprintf(stderr, "%sncmodel: warning:%s %s\n", style_begin(stderr, STYLE_WARN),
			style_end(stderr, STYLE_WARN), safe);
	}
}

void report_note(const struct report *report, const char *format, ...)
{
	va_list args;

	if (report->quiet || report->events)
		return;
	fflush(stdout);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

void report_finish(struct report *report, const char *command, int exit_code)
{
	if (report->json) {
		json_t *document = json_object();

		json_put_text(document, "schema", "ncmodel/1");
		json_put_text(document, "command", command);
		json_put_flag(document, "ok", exit_code == 0);
		json_put_number(document, "exit_code", (uint64_t)exit_code);
		json_put(document, "data", report->data ? json_incref(report->data) : json_object());
		json_put(document, "errors", json_incref(report->errors));
		json_put(document, "warnings", json_incref(report->warnings));
		json_print(document, false, stdout);
		json_decref(document);
	}
	json_decref(report->data);
	json_decref(report->errors);
	json_decref(report->warnings);
	report->data = report->errors = report->warnings = NULL;
}

enum { LONGEST_UNREAD = 1024 };

void unread_print(const struct ncm_unread *unread, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		AUTO_FREE char *path = text_safe_long(unread[i].path, LONGEST_UNREAD);
		AUTO_FREE char *detail = text_safe_long(unread[i].detail, LONGEST_UNREAD);

		printf("Cannot be read: %s: %s\n", path, detail);
	}
}

int unread_record(struct report *report, const struct ncm_unread *unread, size_t count)
{
	int exit_code = 0;

	for (size_t i = 0; i < count; i++) {
		AUTO_FREE char *message = text_format("%s cannot be read: %s", unread[i].path, unread[i].detail);

		exit_code = report_silently(report, NCM_E_IO, message, NULL);
	}
	return exit_code;
}

json_t *unread_json(const struct ncm_unread *unread, size_t count)
{
	static const struct field fields[] = {
	    {"path", FIELD_TEXT, .offset = offsetof(struct ncm_unread, path)},
	    {"detail", FIELD_TEXT, .offset = offsetof(struct ncm_unread, detail)},
	    {.key = NULL},
	};

	return fields_array(fields, unread, count, sizeof *unread);
}
