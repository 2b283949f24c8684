/* SPDX-License-Identifier: MIT */
#include "removal_view.h"

#include "command.h"
#include "ui/ask.h"
#include "ui/clock.h"
#include "ui/table.h"
#include "ui/text.h"

#include <ncmodel/text.h>

#include <string.h>

static json_t *file_json(const struct ncm_removal_file *file)
{
	json_t *object = json_object();

	json_put_text(object, "kind", ncm_removal_kind_name(file->kind));
	json_put_text(object, "state", ncm_removal_state_name(file->state));
	json_put_text(object, "path", file->path);
	json_put_text(object, "model", file->model);
	json_put_text(object, "store", file->store);
	json_put_flag(object, "foreign", file->foreign);
	json_put_flag(object, "adopted", file->adopted);
	json_put_flag(object, "lost", file->lost);
	json_put_number(object, "size", file->size);
	json_put_number(object, "freed", file->freed);
	json_put_text(object, "why", file->why);
	json_put_text(object, "target", file->target);
	json_put_text(object, "real_path", file->real);
	json_put_text(object, "was", file->was);
	json_put_text(object, "since", file->since);
	return object;
}

json_t *waiting_json(const struct ncm_waiting *waiting)
{
	json_t *object = json_object();
	AUTO_FREE char *first = waiting->count ? clock_utc(waiting->first) : NULL;
	AUTO_FREE char *last = waiting->count ? clock_utc(waiting->last) : NULL;

	json_put_number(object, "files", waiting->count);
	json_put_number(object, "bytes", waiting->bytes);
	json_put_text(object, "first", first);
	json_put_text(object, "last", last);
	return object;
}

char *waiting_until(const struct ncm_waiting *waiting)
{
	AUTO_FREE char *first = clock_minute(waiting->first);
	AUTO_FREE char *last = clock_minute(waiting->last);

	if (strcmp(first, last) == 0)
		return text_format("until %s", last);
	return text_format("until %s, the first of it until %s", last, first);
}

static json_t *removal_json(const struct ncm_removal *removal)
{
	json_t *object = json_object();
	json_t *files = json_array();
	json_t *failures = json_words(&removal->failures);

	for (size_t i = 0; i < removal->undone.count; i++)
		json_push(failures, json_text(removal->undone.items[i]));
	for (size_t i = 0; i < removal->count; i++)
		json_push(files, file_json(&removal->files[i]));
	json_put(object, "models", json_words(&removal->models));
	json_put(object, "files", files);
	json_put_number(object, "going", removal->going);
	json_put_number(object, "removed", removal->removed);
	json_put_number(object, "kept", removal->kept);
	json_put_number(object, "failed", removal->failed);
	json_put_number(object, "freed", removal->freed);
	json_put(object, "waiting", waiting_json(&removal->waiting));
	json_put(object, "warnings", json_words(&removal->warnings));
	json_put(object, "failures", failures);
	return object;
}

static bool goes(const struct ncm_removal_file *file)
{
	return file->state == NCM_REMOVAL_GOES || file->state == NCM_REMOVAL_REMOVED;
}

static bool is_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Files that share a row: those of a model, or of one kind in one store. */
static bool share_row(const struct ncm_removal_file *a, const struct ncm_removal_file *b)
{
	if (a->model || b->model)
		return is_same(a->model, b->model);
	return a->kind == b->kind && is_same(a->store, b->store);
}

/* "3 unreferenced blobs": the caller frees it. */
static char *describe(const struct ncm_removal_file *file, size_t count)
{
	static const char *const names[][2] = {
	    [NCM_REMOVAL_MANIFEST] = {"manifest", "manifests"},
	    [NCM_REMOVAL_LINK] = {"link", "links"},
	    [NCM_REMOVAL_FILE] = {"file", "files"},
	    [NCM_REMOVAL_BLOB] = {"unreferenced blob", "unreferenced blobs"},
	    [NCM_REMOVAL_PARTIAL] = {"partial download", "partial downloads"},
	    [NCM_REMOVAL_INCOMPLETE] = {"another tool's incomplete download", "other tools' incomplete downloads"},
	    [NCM_REMOVAL_LEFTOVER] = {"leftover of a killed run", "leftovers of killed runs"},
	    [NCM_REMOVAL_CHECKPOINTS] = {"set of stale checkpoints", "sets of stale checkpoints"},
	    [NCM_REMOVAL_NOTE] = {"note of an unfinished removal", "notes of unfinished removals"},
	    [NCM_REMOVAL_REPLACED] = {"replaced file", "replaced files"},
	};

	if (file->model)
		return text_format("%zu %s", count, text_plural(count, "file", "files"));
	return text_format("%zu %s", count, names[file->kind][count != 1]);
}

/* What a person has to know of a file that goes, before it does; "" for most. The caller frees it. */
static char *remarks(const struct ncm_removal_file *file)
{
	AUTO_FREE char *target = text_safe_path(file->target);
	AUTO_FREE char *real = text_safe_path(file->real);
	AUTO_FREE char *was = text_safe_path(file->was);
	AUTO_FREE char *since = text_safe_path(file->since);
	char size[32];

	if (file->was)
		return text_format(": was %s until %s, %s", was, since, ncm_format_size(file->size, size, sizeof size));
	if (!goes(file))
		return text_copy("");
	return text_format("%s%s%s%s%s%s", *target ? ": the link alone, not " : "", target,
			   *real ? ": lies outside the store, at " : "", real, file->adopted ? ": adopted" : "",
			   file->adopted && file->lost ? "; no source can bring it back" : "");
}

static bool is_remarkable(const struct ncm_removal_file *file)
{
	return !goes(file) || file->adopted || file->target || file->real || file->was;
}

static void add_file(const struct ncm_removal_file *file, struct table *table)
{
	AUTO_FREE char *path = text_safe_path(file->path);
	AUTO_FREE char *why = text_safe_path(file->why);
	AUTO_FREE char *more = remarks(file);

	table_line(
	    table,
	    text_format("    %s  %s%s%s%s", ncm_removal_state_name(file->state), path, more, *why ? ": " : "", why),
	    goes(file) && !is_remarkable(file)  ? STYLE_DIM
	    : file->state == NCM_REMOVAL_FAILED ? STYLE_BAD
						: STYLE_WARN);
}

/* The row of the file at `first` and of all that share it; the checkpoints that go with a model are none of its files,
 * as list and verify count them. What is kept is told, and what goes and cannot be had again;
 * the rest with -v. */
static void add_row(const struct session *session, const struct ncm_removal *removal, size_t first, struct table *table)
{
	const struct ncm_removal_file *file = &removal->files[first];
	uint64_t freed = 0;
	size_t count = 0;
	char size[32];

	for (size_t i = first; i < removal->count; i++) {
		if (share_row(file, &removal->files[i]) && goes(&removal->files[i])) {
			freed += removal->files[i].freed;
			count += !file->model || removal->files[i].kind != NCM_REMOVAL_CHECKPOINTS;
		}
	}
	if (count > 0 || file->model) {
		table_foreign(table, file->model ? file->model : file->store ? file->store : "elsewhere");
		table_cell(table, describe(file, count));
		table_cell(table, text_copy(ncm_format_size(freed, size, sizeof size)));
	}
	for (size_t i = first; i < removal->count; i++) {
		if (share_row(file, &removal->files[i]) &&
		    (is_remarkable(&removal->files[i]) || session->settings.verbose))
			add_file(&removal->files[i], table);
	}
}

static void print_table(const struct session *session, const struct ncm_removal *removal, FILE *out)
{
	struct table *table;

	if (removal->count == 0)
		return;
	table = table_new(0);
	table_column(table, removal->models.count ? "MODEL" : "STORE", COLUMN_WHOLE);
	table_column(table, "WHAT", 0);
	table_column(table, "GIVEN BACK", COLUMN_RIGHT);
	for (size_t i = 0; i < removal->count; i++) {
		bool shown = false;

		for (size_t k = 0; k < i; k++)
			shown = shown || share_row(&removal->files[k], &removal->files[i]);
		if (!shown)
			add_row(session, removal, i, table);
	}
	table_print(table, out);
	table_free(table);
}

/* "2 models (--phase 3), 14.2 GB given back": the caller frees it. */
static char *summary(const struct session *session, const struct ncm_removal *removal)
{
	const size_t files = removal->going + removal->removed;
	AUTO_FREE char *chosen = session_selectors(session);
	char size[32];

	ncm_format_size(removal->freed, size, sizeof size);
	if (removal->models.count > 0)
		return text_format("%zu %s%s%s%s, %s given back", removal->models.count,
				   text_plural(removal->models.count, "model", "models"), *chosen ? " (" : "", chosen,
				   *chosen ? ")" : "", size);
	return text_format("%zu %s, %s given back", files, text_plural(files, "file", "files"), size);
}

/* What a later gc takes. */
static void print_waiting(const struct ncm_removal *removal)
{
	const struct ncm_waiting *waiting = &removal->waiting;
	AUTO_FREE char *until = waiting_until(waiting);
	char size[32];

	if (waiting->count > 0)
		printf("%zu %s, %s, changed lately and %s for %s age, %s; `ncmodel gc --min-age 0` does not wait.\n",
		       waiting->count, text_plural(waiting->count, "file", "files"),
		       ncm_format_size(waiting->bytes, size, sizeof size), text_plural(waiting->count, "waits", "wait"),
		       text_plural(waiting->count, "its", "their"), until);
}

static void warn(const struct session *session, const struct ncm_removal *removal)
{
	for (size_t i = 0; i < removal->warnings.count; i++)
		report_warning(&session->report, removal->warnings.items[i]);
}

static int must_say_yes(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;

	ncm_error_set(&err, NCM_E_USAGE, "%s asks before it deletes anything, and there is nobody to ask",
		      session->command->name);
	ncm_error_hint(&err, "-y deletes without asking, --dry-run says what would go");
	return session_fail(session, &err);
}

static int interrupted(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;

	ncm_error_set(&err, NCM_E_INTERRUPTED, "Interrupted. Nothing was removed.");
	return session_fail(session, &err);
}

/* Whether to go on; if not, *exit_code is the command's. */
static bool confirm(struct session *session, const struct ncm_removal *removal, int *exit_code)
{
	AUTO_FREE char *what = summary(session, removal);
	AUTO_FREE char *question = text_format("Remove %s?", what);
	enum answer answer;

	*exit_code = 0;
	if (session->settings.yes)
		return true;
	if (!session_can_ask(session)) {
		*exit_code = must_say_yes(session);
		return false;
	}
	print_table(session, removal, stderr);
	if (removal->foreign > 0)
		report_note(&session->report, "%zu of the files were not put there by ncmodel.", removal->foreign);
	answer = ask(question, ANSWER_NO);
	if (answer == ANSWER_INTERRUPTED)
		*exit_code = interrupted(session);
	else if (answer == ANSWER_NO)
		report_note(&session->report, "Nothing was removed.");
	return answer == ANSWER_YES;
}

static int report_files(struct session *session, const struct ncm_removal *removal)
{
	int exit_code = 0;

	for (size_t i = 0; i < removal->count; i++) {
		struct ncm_error err = NCM_ERROR_INIT;

		if (removal->files[i].state != NCM_REMOVAL_FAILED)
			continue;
		ncm_error_set(&err, NCM_E_IO, "cannot delete %s: %s", removal->files[i].path, removal->files[i].why);
		ncm_error_hint(&err, "`ncmodel gc` tries again");
		exit_code = report_error(&session->report, &err, removal->files[i].model);
		ncm_error_clear(&err);
	}
	return exit_code;
}

/* What is told is a part then, and does not end as if it were all. */
static int report_each(struct session *session, const struct ncm_strings *failures, int exit_code)
{
	for (size_t i = 0; i < failures->count; i++) {
		struct ncm_error err = NCM_ERROR_INIT;
		int code;

		ncm_error_set(&err, NCM_E_IO, "%s", failures->items[i]);
		ncm_error_hint(&err, "`ncmodel gc` looks again, once that is mended");
		code = report_error(&session->report, &err, NULL);
		exit_code = exit_code ? exit_code : code;
		ncm_error_clear(&err);
	}
	return exit_code;
}

/* `shown`: the table stands above the question already. */
static void print_result(const struct session *session, const struct ncm_removal *removal, const char *verb, bool shown)
{
	AUTO_FREE char *what = summary(session, removal);

	if (!session_prints(session))
		return;
	if (!shown || style_columns(stdout) == 0)
		print_table(session, removal, stdout);
	printf("%s %s.\n", verb, what);
	print_waiting(removal);
}

static int run(struct session *session, struct ncm_removal *removal)
{
	struct ncm_error err = NCM_ERROR_INIT;
	int failed, exit_code;

	if (removal->going == 0 && removal->models.count == 0) {
		if (session_prints(session)) {
			print_table(session, removal, stdout);
			printf("Nothing to remove.\n");
			print_waiting(removal);
		}
		return 0;
	}
	if (session->settings.dry_run) {
		print_result(session, removal, "Would remove", false);
		return 0;
	}
	if (!confirm(session, removal, &exit_code))
		return exit_code;
	session_progress(session);
	failed = ncm_removal_run(removal, session->settings.no_wait, &session->sink, &err);
	session_quieten(session);
	json_decref(session->report.data);
	session->report.data = removal_json(removal);
	if (failed)
		return session_fail(session, &err);
	print_result(session, removal, "Removed", !session->settings.yes);
	return report_files(session, removal);
}

int removal_carry_out(struct session *session, struct ncm_removal *removal)
{
	int exit_code;

	session->report.data = removal_json(removal);
	warn(session, removal);
	exit_code = run(session, removal);
	exit_code = report_each(session, &removal->failures, exit_code);
	exit_code = report_each(session, &removal->undone, exit_code);
	ncm_removal_free(removal);
	return exit_code;
}

#define AT(field) offsetof(struct settings, field)

static const struct option options[] = {
    {'n', "dry-run", OPTION_FLAG, AT(dry_run), .help = "say what would be removed and stop"},
    {'y', "yes", OPTION_FLAG, AT(yes), .help = "do not ask"},
    {0, "no-wait", OPTION_FLAG, AT(no_wait), .help = "fail instead of waiting for another ncmodel"},
    {.name = NULL},
};
const struct option_group options_removal = {"Removing", options};
