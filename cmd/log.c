/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "ui/clock.h"
#include "ui/fields.h"
#include "ui/nearest.h"
#include "ui/text.h"

#include <ncmodel/log.h>
#include <ncmodel/text.h>

#include <string.h>
#include <strings.h>

static bool is_about(const struct ncm_log_entry *entry, const char *name)
{
	if (entry->model && strcasecmp(entry->model, name) == 0)
		return true;
	for (size_t i = 0; i < entry->failure_count; i++) {
		if (entry->failures[i].model && strcasecmp(entry->failures[i].model, name) == 0)
			return true;
	}
	return false;
}

static bool is_chosen(const struct session *session, const struct ncm_log_entry *entry)
{
	const struct ncm_strings *names = &session->settings.operands;

	for (size_t i = 0; i < names->count; i++) {
		if (is_about(entry, names->items[i]))
			return true;
	}
	return names->count == 0;
}

/* Whether the model is one of those that were asked for; without names all are. */
static bool is_named(const struct session *session, const char *model)
{
	const struct ncm_strings *names = &session->settings.operands;

	for (size_t i = 0; model && i < names->count; i++) {
		if (strcasecmp(model, names->items[i]) == 0)
			return true;
	}
	return names->count == 0;
}

/* Also of models that are gone: only the log knows them. */
static int check_name(const struct ncm_log_entries *entries, const char *name, struct ncm_error *err)
{
	struct nearest nearest = {.typed = name};
	AUTO_FREE char *shown = ncm_typed_shown(name);

	for (size_t i = 0; i < entries->count; i++) {
		if (is_about(&entries->items[i], name))
			return 0;
		if (entries->items[i].model)
			nearest_offer(&nearest, entries->items[i].model);
	}
	ncm_error_set(err, NCM_E_USAGE, "the log says nothing of \"%s\"", shown);
	if (nearest.best)
		return ncm_error_hint(err, "did you mean `ncmodel log %s`?", nearest.best);
	return ncm_error_hint(err, "`ncmodel log` shows all that it has");
}

static const struct field file_fields[] = {
    {"path", FIELD_TEXT, .offset = offsetof(struct ncm_deed_file, path)},
    {"store", FIELD_TEXT, .offset = offsetof(struct ncm_deed_file, store)},
    {"how", FIELD_TEXT, .offset = offsetof(struct ncm_deed_file, how)},
    {"size", FIELD_BYTES, .offset = offsetof(struct ncm_deed_file, size)},
    {"sha256", FIELD_DIGEST, .offset = offsetof(struct ncm_deed_file, sha256)},
    {"source", FIELD_SOURCE, .offset = offsetof(struct ncm_deed_file, source)},
    {.key = NULL},
};

static json_t *files_json(const void *row)
{
	const struct ncm_log_entry *entry = row;

	return fields_array(file_fields, entry->files, entry->file_count, sizeof *entry->files);
}

static const struct field failure_fields[] = {
    {"code", FIELD_TEXT, .offset = offsetof(struct ncm_log_failure, code)},
    {"message", FIELD_TEXT, .offset = offsetof(struct ncm_log_failure, message)},
    {"model", FIELD_TEXT, .offset = offsetof(struct ncm_log_failure, model)},
    {.key = NULL},
};

static json_t *failures_json(const void *row)
{
	const struct ncm_log_entry *entry = row;

	return fields_array(failure_fields, entry->failures, entry->failure_count, sizeof *entry->failures);
}

static json_t *exit_code_json(const void *row)
{
	return json_number((uint64_t)((const struct ncm_log_entry *)row)->exit_code);
}

#define OF(field) .offset = offsetof(struct ncm_log_entry, field)

static const struct field entry_fields[] = {
    {"time", FIELD_TEXT, OF(time)},
    {"run", FIELD_TEXT, OF(run)},
    {"command", FIELD_TEXT, OF(command)},
    {"action", FIELD_TEXT, OF(action)},
    {"model", FIELD_TEXT, OF(model)},
    {"source", FIELD_SOURCE, OF(source)},
    {"revision", FIELD_TEXT, OF(revision)},
    {"exit_code", FIELD_MADE, .value = exit_code_json},
    {"files", FIELD_MADE, .value = files_json},
    {"files_left_out", FIELD_COUNT, OF(left_out)},
    {"errors", FIELD_MADE, .value = failures_json},
    {.key = NULL},
};

static json_t *log_json(const struct session *session, const struct ncm_log_entries *entries)
{
	json_t *object = json_object();
	json_t *array = json_array();

	for (size_t i = 0; i < entries->count; i++) {
		if (is_chosen(session, &entries->items[i]))
			json_push(array, fields_object(entry_fields, &entries->items[i]));
	}
	json_put_text(object, "path", entries->path);
	json_put_number(object, "unreadable", entries->unreadable);
	json_put(object, "entries", array);
	return object;
}

/* "3 files, 4.1 GB from ollama:llama3.2:3b". The caller frees it. */
static char *describe(const struct ncm_log_entry *entry)
{
	const size_t files = entry->file_count + entry->left_out;
	const char *source = entry->source;
	AUTO_FREE char *safe = NULL;
	uint64_t bytes = 0;
	char size[32];

	if (files == 0)
		return entry->exit_code ? text_format("exit code %d", entry->exit_code) : text_safe_path(source);
	for (size_t i = 0; i < entry->file_count; i++) {
		bytes += entry->files[i].size;
		source = source ? source : entry->files[i].source;
	}
	/* What no model is named of is told by its first file. */
	if (!entry->model)
		source = entry->file_count > 0 ? entry->files[0].path : NULL;
	safe = text_safe_path(source);
	return text_format("%zu %s, %s%s%s%s", files, text_plural(files, "file", "files"), entry->left_out ? "> " : "",
			   ncm_format_size(bytes, size, sizeof size),
			   !*safe         ? ""
			   : entry->model ? " from "
					  : ": ",
			   safe);
}

static void add_file(const struct ncm_deed_file *file, struct table *table)
{
	AUTO_FREE char *path = text_safe_path(file->path);
	AUTO_FREE char *how = text_safe(file->how);
	char hex[NCM_SHA256_HEX + 1];
	const bool known = !ncm_sha256_is_zero(&file->sha256);

	table_line(table,
		   text_format("    %s%s%s%s%s", how, *how ? "  " : "", path, known ? "  sha256:" : "",
			       known ? ncm_sha256_hex(&file->sha256, hex) : ""),
		   STYLE_DIM);
}

static void begin_row(const struct ncm_log_entry *entry, const char *about, struct table *table)
{
	const bool failed = strcmp(entry->action, "failed") == 0;

	table_cell(table, clock_local(entry->time));
	table_foreign(table, entry->command);
	table_styled(table, text_safe(entry->action), failed ? STYLE_BAD : STYLE_NONE);
	table_foreign(table, about);
}

/* The model, which the row names, is not told twice. The caller frees it. */
static char *reason(const struct ncm_log_failure *failure)
{
	const char *message = failure->message ? failure->message : "";
	const size_t length = failure->model ? strlen(failure->model) : 0;

	if (length > 0 && strncmp(message, failure->model, length) == 0 && strncmp(message + length, ": ", 2) == 0)
		message += length + 2;
	return text_safe_path(message);
}

/* One command may have failed on several models: each has a row. */
static void add_failures(const struct session *session, const struct ncm_log_entry *entry, struct table *table)
{
	for (size_t i = 0; i < entry->failure_count; i++) {
		const struct ncm_log_failure *failure = &entry->failures[i];

		if (!is_named(session, failure->model) && !is_named(session, entry->model))
			continue;
		begin_row(entry, failure->model ? failure->model : "-", table);
		table_cell(table, reason(failure));
	}
}

static void add_entry(const struct session *session, const struct ncm_log_entry *entry, struct table *table)
{
	if (entry->failure_count > 0) {
		add_failures(session, entry, table);
		return;
	}
	begin_row(entry, entry->model ? entry->model : "-", table);
	table_cell(table, describe(entry));
	for (size_t i = 0; session->settings.verbose && i < entry->file_count; i++)
		add_file(&entry->files[i], table);
}

static void print(const struct session *session, const struct ncm_log_entries *entries)
{
	struct table *table = table_new(0);

	table_column(table, "TIME", 0);
	table_column(table, "COMMAND", 0);
	table_column(table, "WHAT", 0);
	table_column(table, "MODEL", COLUMN_WHOLE);
	table_column(table, "DETAIL", COLUMN_BELOW);
	for (size_t i = 0; i < entries->count; i++) {
		if (is_chosen(session, &entries->items[i]))
			add_entry(session, &entries->items[i], table);
	}
	if (entries->count > 0)
		table_print(table, stdout);
	else
		report_note(&session->report, "The log is empty: nothing was changed yet.");
	table_free(table);
}

static void warn_of_unreadable(const struct session *session, const struct ncm_log_entries *entries)
{
	AUTO_FREE char *text = NULL;

	if (entries->unreadable == 0)
		return;
	text = text_format("%zu %s of %s cannot be read and %s left out", entries->unreadable,
			   text_plural(entries->unreadable, "line", "lines"), entries->path,
			   text_plural(entries->unreadable, "is", "are"));
	report_warning(&session->report, text);
}

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	const struct ncm_strings *names = &session->settings.operands;
	struct ncm_log_entries *entries = NULL;
	int failed = session_config(session, &err);

	if (!failed)
		entries = ncm_log_read(session->config, &err);
	if (!entries)
		return session_fail(session, &err);
	for (size_t i = 0; i < names->count && !failed; i++)
		failed = check_name(entries, names->items[i], &err);
	warn_of_unreadable(session, entries);
	if (!failed && session->report.json)
		session->report.data = log_json(session, entries);
	else if (!failed)
		print(session, entries);
	ncm_log_entries_free(entries);
	return failed ? session_fail(session, &err) : 0;
}

static const char *const examples[] = {
    "ncmodel log",
    "what was done on this machine, the newest last",
    "ncmodel log llama3.2-3b -v",
    "when a model came, from where, its files with their digests",
    "ncmodel log --json | jq '.data.entries[-1]'",
    "the last entry, for a program",
    NULL,
};

const struct command command_log = {
    .name = "log",
    .summary = "Show what was changed, when and by which command",
    .arguments = "[MODEL...]",
    .operands = OPERANDS_MODELS,
    .description =
	"Every model that pull or adopt registered, that verify --repair mended, that rm took out, every file that rm "
	"or gc deleted, every group of files that link made one, every pin that lock wrote, every model that mv moved: "
	"with time, digests and "
	"sources, and why such a command failed. The newest comes last; times are local, in --json RFC 3339 UTC. With "
	"-v each file is told. Queries of addresses and tokens are never in it.\n\n"
	"It is $XDG_STATE_HOME/ncmodel/log.jsonl (~/.local/state), one JSON object a line, for its owner alone. At 4 "
	"MiB it becomes log.jsonl.1, and the one before that goes. That it cannot be written is a warning, and fails "
	"no command.",
    .examples = examples,
    .run = run,
};
