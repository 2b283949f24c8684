/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "disks.h"
#include "removal_view.h"
#include "ui/fields.h"
#include "ui/text.h"

#include <ncmodel/text.h>

enum {
	DAY = 86400,
};

/* "> 2.1 GB" if that is not all. */
static void add_size(struct table *table, uint64_t bytes, bool unread)
{
	char size[32];

	table_cell(table, text_format("%s%s", unread ? "> " : "", ncm_format_size(bytes, size, sizeof size)));
}

static void add_bytes(struct table *table, const void *row)
{
	const struct ncm_usage_line *line = row;

	add_size(table, line->bytes, line->unread);
}

static void add_on_disk(struct table *table, const void *row)
{
	const struct ncm_usage_line *line = row;

	add_size(table, line->on_disk, line->unread);
}

#define OF(field) .offset = offsetof(struct ncm_usage_line, field)
#define LINE(title)                                                                                                    \
	{"name", FIELD_TEXT, OF(name), title, COLUMN_WHOLE},                                                           \
	    {"model_count", FIELD_COUNT, OF(models), "MODELS", COLUMN_RIGHT},                                          \
	    {"bytes", FIELD_BYTES, OF(bytes), "SIZE", COLUMN_RIGHT, .cell = add_bytes},                                \
	    {"on_disk", FIELD_BYTES, OF(on_disk), "ON DISK", COLUMN_RIGHT, .cell = add_on_disk},                       \
	{                                                                                                              \
		"unread", FIELD_FLAG, OF(unread)                                                                       \
	}

static const struct field store_fields[] = {
    LINE("STORE"),
    {"path", FIELD_TEXT, OF(path), "FOLDER", COLUMN_BELOW},
    {"freeable", FIELD_BYTES, OF(freeable)},
    {.key = NULL},
};
static const struct field phase_fields[] = {LINE("PHASE"), {.key = NULL}};
static const struct field use_case_fields[] = {LINE("USE CASE"), {.key = NULL}};

static json_t *lines_json(const struct field *fields, const struct ncm_usage_table *table)
{
	return fields_array(fields, table->lines, table->count, sizeof *table->lines);
}

static json_t *usage_json(const struct ncm_usage *usage)
{
	json_t *object = json_object();

	json_put(object, "stores", lines_json(store_fields, &usage->by_store));
	json_put(object, "phases", lines_json(phase_fields, &usage->by_phase));
	json_put(object, "use_cases", lines_json(use_case_fields, &usage->by_use_case));
	json_put(object, "disks", disks_json(usage));
	json_put_number(object, "model_count", usage->models);
	json_put_number(object, "bytes", usage->bytes);
	json_put_number(object, "on_disk", usage->on_disk);
	json_put_number(object, "saved_by_links", usage->saved_by_links);
	json_put_number(object, "freeable", usage->freeable);
	json_put(object, "waiting", waiting_json(&usage->waiting));
	json_put_number(object, "unnamed", usage->unnamed);
	json_put_number(object, "unnamed_registered", usage->unnamed_registered);
	json_put(object, "unnamed_models", json_words(&usage->unnamed_models));
	json_put_number(object, "partial", usage->partial);
	json_put_number(object, "replaced", usage->replaced);
	json_put(object, "failures", json_words(&usage->failures));
	return object;
}

static void print_lines(const struct field *fields, const struct ncm_usage_table *usage)
{
	if (usage->count == 0)
		return;
	fields_print(fields, usage->lines, usage->count, sizeof *usage->lines);
	fputc('\n', stdout);
}

static void print_unnamed(const struct ncm_usage *usage)
{
	const struct ncm_strings *models = &usage->unnamed_models;
	AUTO_FREE char *names = words_join(models, ", ");
	char size[32];

	if (usage->unnamed > 0)
		printf("Blobs that no manifest or snapshot names any more, as a tag that moved leaves them, take %s.\n",
		       ncm_format_size(usage->unnamed, size, sizeof size));
	if (usage->unnamed_registered > 0)
		printf("%s of that is still registered for %s: `ncmodel rm` of %s and a new pull give it back.\n",
		       ncm_format_size(usage->unnamed_registered, size, sizeof size), names,
		       text_plural(models->count, "it", "them"));
}

static void print_waiting(const struct ncm_waiting *waiting)
{
	AUTO_FREE char *until = waiting_until(waiting);
	char size[32];

	printf("It leaves %s alone that changed lately: %s.\n", ncm_format_size(waiting->bytes, size, sizeof size),
	       until);
}

static void print_usage(const struct ncm_usage *usage)
{
	char size[32], disk[32];

	print_lines(store_fields, &usage->by_store);
	if (usage->models > 0) {
		print_lines(phase_fields, &usage->by_phase);
		print_lines(use_case_fields, &usage->by_use_case);
	}
	disks_print(usage);
	if (usage->saved_by_links > 0)
		printf("Hard links save %s.\n", ncm_format_size(usage->saved_by_links, size, sizeof size));
	if (usage->partial > 0)
		printf("Partial downloads take %s.\n", ncm_format_size(usage->partial, size, sizeof size));
	if (usage->replaced > 0)
		printf("What was replaced takes %s; `ncmodel gc --replaced` names it and gives it back.\n",
		       ncm_format_size(usage->replaced, size, sizeof size));
	print_unnamed(usage);
	if (usage->freeable > 0)
		printf("`ncmodel gc` would give back %s.\n", ncm_format_size(usage->freeable, size, sizeof size));
	if (usage->waiting.count > 0)
		print_waiting(&usage->waiting);
	printf("Total: %zu %s, %s, %s on disk.\n", usage->models, text_plural(usage->models, "model", "models"),
	       ncm_format_size(usage->bytes, size, sizeof size), ncm_format_size(usage->on_disk, disk, sizeof disk));
}

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_usage *usage;
	int exit_code;

	if (session_config(session, &err) < 0)
		return session_fail(session, &err);
	usage = ncm_usage_make(session->config, &(struct ncm_gc_options){.min_age = DAY}, &err);
	if (!usage)
		return session_fail(session, &err);
	session->report.data = usage_json(usage);
	if (session_prints(session))
		print_usage(usage);
	exit_code = disks_report_failures(session, usage);
	ncm_usage_free(usage);
	return exit_code;
}

static const char *const examples[] = {
    "ncmodel df",
    "where the space went, and how much `ncmodel gc` gives back",
    "ncmodel df --json | jq '.data.stores[] | {name, on_disk}'",
    "for a script: bytes of each store",
    NULL,
};

const struct command command_df = {
    .name = "df",
    .summary = "Show where the disk space went",
    .arguments = "",
    .operands = OPERANDS_NONE,
    .stops_in_order = true,
    .description =
	"Space by store, by phase and by use case; a model is in several use cases. SIZE is what the files add up "
	"to, ON DISK what they take, each file once however many names it has. The first table counts all that lies "
	"in the stores' folders for models, registered or not; the others count registered models. Bytes that "
	"reflinks share count for each copy: no file system tells. What a tag that moved left behind, blobs that "
	"nothing names any more, is told, and what of it `gc` "
	"would give back now or later. Only names and sizes are looked at. Ends with 1 if "
	"something could not be read; \">\" stands before numbers that it is missing from, and where another user "
	"may be fetching something, which is his alone to see.",
    .examples = examples,
    .run = run,
};
