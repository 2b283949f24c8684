/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "pull.h"
#include "ui/fields.h"
#include "ui/text.h"

#include <ncmodel/cache.h>
#include <ncmodel/text.h>

#include <stdio.h>
#include <string.h>

enum { USUAL_DAYS = 14, MOST_DAYS = 36500 };

static struct {
	struct option_number days;
	struct ncm_strings locks;
	const char *name;
	bool remove;
} given;

static json_t *state_json(const void *row)
{
	return json_string(ncm_cache_state_name(((const struct ncm_cache_item *)row)->state));
}

static void add_state(struct table *table, const void *row)
{
	static const char *const words[] = {
	    [NCM_CACHE_ABSENT] = "not there", [NCM_CACHE_TO_SEND] = "to send", [NCM_CACHE_THERE] = "there",
	    [NCM_CACHE_SENT] = "sent",        [NCM_CACHE_RIGHT] = "ok",        [NCM_CACHE_DAMAGED] = "damaged",
	    [NCM_CACHE_STRANGE] = "strange",  [NCM_CACHE_UNUSED] = "unused",   [NCM_CACHE_REMOVED] = "removed",
	    [NCM_CACHE_UNSENT] = "failed"};

	table_cell(table, text_copy(words[((const struct ncm_cache_item *)row)->state]));
}

#define OF(field) .offset = offsetof(struct ncm_cache_item, field)
/* Of what is installed, or pinned. */
static const struct field file_fields[] = {
    {"model", FIELD_SOURCE, OF(model), "MODEL"},
    {"file", FIELD_TEXT, OF(path), "FILE", COLUMN_WHOLE},
    {"size", FIELD_BYTES, OF(size), "SIZE", COLUMN_RIGHT},
    {"state", FIELD_MADE, .title = "STATE", .value = state_json, .cell = add_state},
    {"key", FIELD_TEXT, OF(key)},
    {"sha256", FIELD_DIGEST, OF(sha256)},
    {"reason", FIELD_TEXT, OF(why)},
    {.key = NULL},
};
/* Of objects. */
static const struct field object_fields[] = {
    {"key", FIELD_TEXT, OF(key), "OBJECT", COLUMN_WHOLE},
    {"size", FIELD_BYTES, OF(size), "SIZE", COLUMN_RIGHT},
    {"state", FIELD_MADE, .title = "STATE", .value = state_json, .cell = add_state},
    {.key = NULL},
};
#undef OF
#define OF(field) .offset = offsetof(struct ncm_cache_report, field)
static const struct field report_fields[] = {
    {"cache", FIELD_TEXT, OF(place)},
    {"size", FIELD_BYTES, OF(size)},
    {"sent", FIELD_BYTES, OF(sent)},
    {"removed", FIELD_BYTES, OF(removed)},
    {"absent", FIELD_COUNT, OF(absent)},
    {"bad", FIELD_COUNT, OF(bad)},
    {"kept", FIELD_COUNT, OF(kept)},
    {"lock", FIELD_TEXT, OF(lock)},
    {"left_out", FIELD_WORDS, OF(left_out)},
    {"locks", FIELD_WORDS, OF(locks)},
    {.key = NULL},
};

static json_t *report_json(const struct ncm_cache_report *report, bool dry_run)
{
	json_t *object = fields_object(report_fields, report);

	json_put(object, "dry_run", json_boolean(dry_run));
	json_put(object, "items", fields_array(file_fields, report->items, report->count, sizeof *report->items));
	return object;
}

static void warn_left_out(const struct session *session, const struct ncm_cache_report *report)
{
	for (size_t i = 0; i < report->left_out.count; i++) {
		AUTO_FREE char *text = text_format("left out: %s", report->left_out.items[i]);

		report_warning((struct report *)&session->report, text);
	}
}

static void print_why(const struct ncm_cache_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		AUTO_FREE char *key = text_safe_path(report->items[i].key);
		AUTO_FREE char *why = text_safe_path(report->items[i].why);

		if (report->items[i].why)
			print_line(stdout, "%s: %s", key, why);
	}
}

static int tell_status(struct session *session, const struct ncm_cache_report *report)
{
	AUTO_FREE char *place = text_safe_path(report->place);
	char size[32];

	fields_print(file_fields, report->items, report->count, sizeof *report->items);
	print_why(report);
	print_line(stdout, "%s has %zu of %zu %s (%s in all).", place, report->count - report->absent - report->bad,
		   report->count, text_plural(report->count, "file", "files"),
		   ncm_format_size(report->size, size, sizeof size));
	(void)session;
	return 0;
}

static size_t count_of(const struct ncm_cache_report *report, enum ncm_cache_state state)
{
	size_t count = 0;

	for (size_t i = 0; i < report->count; i++)
		count += report->items[i].state == state;
	return count;
}

/* What of a push that failed is there, and what keeps it. */
static void tell_half(const struct ncm_cache_report *report, const char *place, const char *sent)
{
	const size_t failed = count_of(report, NCM_CACHE_UNSENT), left = count_of(report, NCM_CACHE_TO_SEND);

	print_why(report);
	print_line(stdout, "%zu of %zu %s in %s; %s sent, %zu failed, %zu not come to. %s%s%s",
		   report->count - failed - left, report->count, text_plural(report->count, "file", "files"), place,
		   sent, failed, left, report->lock ? "The lock \"" : "No lock keeps what is there.",
		   report->lock ? report->lock : "", report->lock ? "\" keeps what is there." : "");
}

static int tell_push(struct session *session, const struct ncm_cache_report *report)
{
	AUTO_FREE char *place = text_safe_path(report->place);
	const char *files = text_plural(report->count, "file", "files");
	char size[32], sent[32];

	fields_print(file_fields, report->items, report->count, sizeof *report->items);
	ncm_format_size(report->size, size, sizeof size);
	ncm_format_size(report->sent, sent, sizeof sent);
	if (session->settings.dry_run)
		print_line(stdout, "%zu %s, %s, of which %s would be sent to %s.", report->count, files, size, sent,
			   place);
	else if (report->stopped.code != NCM_OK)
		tell_half(report, place, sent);
	else
		print_line(stdout, "%zu %s, %s in all, in %s; %s sent. The lock \"%s\" keeps them.", report->count,
			   files, size, place, sent, report->lock);
	return 0;
}

static void print_bad(const struct ncm_cache_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct ncm_cache_item *item = &report->items[i];
		AUTO_FREE char *key = text_safe_path(item->key);
		AUTO_FREE char *why = text_safe_path(item->why);

		if (item->state == NCM_CACHE_DAMAGED || item->state == NCM_CACHE_STRANGE ||
		    item->state == NCM_CACHE_REMOVED)
			print_line(stdout, "%s  %s%s%s", ncm_cache_state_name(item->state), key, *why ? ": " : "", why);
	}
}

static int tell_verify(struct session *session, const struct ncm_cache_report *report)
{
	struct ncm_error err = NCM_ERROR_INIT;
	AUTO_FREE char *place = text_safe_path(report->place);
	char size[32];

	if (session_prints(session)) {
		print_bad(report);
		print_line(stdout, "%s: %zu of %zu objects (%s) are right.", place, count_of(report, NCM_CACHE_RIGHT),
			   report->count, ncm_format_size(report->size, size, sizeof size));
	}
	if (report->bad == 0 || report->stopped.code != NCM_OK)
		return 0;
	ncm_error_set(&err, NCM_E_DAMAGED, "%zu objects of %s are not right", report->bad, report->place);
	ncm_error_hint(&err,
		       "`ncmodel cache verify --remove` deletes them, and a machine that has the right ones sends "
		       "them again: `ncmodel cache push --all`");
	return session_fail(session, &err);
}

static int tell_gc(struct session *session, const struct ncm_cache_report *report)
{
	const size_t removed = count_of(report, NCM_CACHE_REMOVED);
	char size[32];

	fields_print(object_fields, report->items, report->count, sizeof *report->items);
	ncm_format_size(report->removed, size, sizeof size);
	if (report->count == 0)
		print_line(stdout, "Nothing to remove: %zu objects stay.", report->kept);
	else if (session->settings.yes)
		print_line(stdout, "Removed %zu objects, %s; %zu stay.", removed, size,
			   report->kept + report->count - removed);
	else
		print_line(stdout, "%zu objects, %s, could go; %zu stay. -y removes them.", report->count, size,
			   report->kept);
	return 0;
}

struct action {
	const char *name;
	struct ncm_cache_report *(*run)(const struct ncm_config *config, const struct ncm_cache_options *options,
					const struct ncm_sink *sink, struct ncm_error *err);
	int (*tell)(struct session *session, const struct ncm_cache_report *report);
	bool takes_models, always_tells, is_dry_without_yes;
};

static int carry_out(struct session *session, const struct action *action)
{
	struct ncm_error err = NCM_ERROR_INIT;
	const struct settings *settings = &session->settings;
	const struct ncm_cache_options options = {.selector = &settings->selector,
						  .all = settings->all,
						  .dry_run = settings->dry_run ||
							     (action->is_dry_without_yes && !settings->yes),
						  .remove = given.remove,
						  .name = given.name,
						  .locks = &given.locks,
						  .days = given.days.given ? (unsigned)given.days.value : USUAL_DAYS};
	struct ncm_cache_report *report;
	int exit_code = 0;

	if (session_selector_from(session, 1, &err) < 0 || session_config(session, &err) < 0)
		return session_fail(session, &err);
	session_progress(session);
	report = action->run(session->config, &options, &session->sink, &err);
	session_quieten(session);
	if (!report)
		return session_fail(session, &err);
	session->report.data = report_json(report, options.dry_run);
	warn_left_out(session, report);
	if (action->always_tells || session_prints(session))
		exit_code = action->tell(session, report);
	if (report->stopped.code != NCM_OK)
		exit_code = session_fail(session, &report->stopped);
	ncm_cache_free(report);
	return exit_code;
}

/* A pull by what is pinned, out of the cache alone. */
static int pull(struct session *session)
{
	struct settings *settings = &session->settings;

	settings->provision.offline = settings->provision.from_cache = true;
	free(settings->operands.items[0]);
	settings->operands.count--;
	memmove(settings->operands.items, settings->operands.items + 1,
		settings->operands.count * sizeof *settings->operands.items);
	return pull_chosen(session);
}

static int run(struct session *session)
{
	static const struct action actions[] = {
	    {"status", ncm_cache_status, tell_status, .takes_models = true},
	    {"push", ncm_cache_push, tell_push, .takes_models = true},
	    {"verify", ncm_cache_verify, tell_verify, .always_tells = true},
	    {"gc", ncm_cache_gc, tell_gc, .is_dry_without_yes = true},
	};
	struct ncm_error err = NCM_ERROR_INIT;
	const struct ncm_strings *operands = &session->settings.operands;

	if (operands->count > 0 && strcmp(operands->items[0], "pull") == 0)
		return pull(session);
	for (size_t i = 0; i < sizeof actions / sizeof *actions && operands->count > 0; i++) {
		if (strcmp(operands->items[0], actions[i].name) == 0 &&
		    (actions[i].takes_models || operands->count == 1))
			return carry_out(session, &actions[i]);
	}
	ncm_error_set(&err, NCM_E_USAGE, "cache: that is not how it is used");
	ncm_error_hint(&err, "usage: ncmodel cache %s", session->command->arguments);
	return session_fail(session, &err);
}

static const struct option own[] = {
    {'n', "dry-run", OPTION_FLAG, offsetof(struct settings, dry_run),
     .help = "push: ask what the cache has, and send nothing; pull: print the plan and stop; gc: remove nothing, "
	     "whatever else is said"},
    {'y', "yes", OPTION_FLAG, offsetof(struct settings, yes), .help = "gc: remove what it names; pull: do not ask"},
    {0, "name", OPTION_TEXT, .value = &given.name, .argument = "NAME",
     .help = "push: of the lock that keeps what is sent; this machine's name"},
    {0, "remove", OPTION_FLAG, .value = &given.remove, .help = "verify: delete what is damaged or strange"},
    {0, "days", OPTION_NUMBER, .value = &given.days, .argument = "N",
     .help = "gc: keep what is younger, used or not: 14", .least = 0, .most = MOST_DAYS},
    {0, "for", OPTION_LIST, .value = &given.locks, .argument = "LOCK", .help = "gc: keep what this lock pins, too",
     .completes = COMPLETES_FILE},
    {.name = NULL},
};
static const struct option_group own_group = {"Options", own};

static const char *const examples[] = {
    "ncmodel cache push --all",
    "send what the cache has not, and say what this machine needs of it",
    "ncmodel cache pull --lock team.lock --phase 1",
    "on a machine that reaches nothing but the bucket",
    "ncmodel cache status",
    "what is installed or pinned, and whether the cache has it",
    "ncmodel cache verify",
    "read every object and hold it against its name",
    "ncmodel cache gc --days 30",
    "what no machine's lock names, a month old; -y removes it",
    NULL,
};

const struct command command_cache = {
    .name = "cache",
    .summary = "Look after the bucket that machines share",
    .arguments = "status|push|pull|verify|gc [MODEL...]",
    .words = "status push pull verify gc",
    .operands = OPERANDS_INSTALLED,
    .stops_in_order = true,
    .changes = true,
    .groups = {&own_group, &options_selection},
    .description =
	"The cache is a bucket of S3 or of what speaks like it (MinIO, Ceph …), named by the key \"cache\" "
	"(NCMODEL_CACHE); a pull takes from it by itself what it has. Content lies there by its SHA-256, so nobody has "
	"to trust it: whoever reads it proves it.\n\n"
	"push sends registered models that the cache has not, in parts that a later run need not send again, and each "
	"proven while it is read: what is not what models.json says is refused with 4. Then it writes a lock, "
	"locks/NAME.lock: with --all this machine's models alone, else the chosen ones are added. A push that fails "
	"half way says of each file what came of it, and adds to the lock what is there.\n\n"
	"pull is a pull that asks nobody but the cache: of models that manifests or the lock pin by digest.\n\n"
	"status tells what of the installed models, and of what the own lock pins, is there. verify reads all objects, "
	"names those that are damaged and ends with 4; --remove deletes them.\n\n"
	"gc names what no lock in the cache (or given with --for) has and what is older than --days by the server's "
	"clock, and removes it with -y. A lock that it cannot read, or none at all, stops it. What uploads that were "
	"cut "
	"short have left, the bucket's own rule removes (AbortIncompleteMultipartUpload).",
    .examples = examples,
    .run = run,
};
