/* SPDX-License-Identifier: MIT */
#include "drift_view.h"

#include "plan_view.h"
#include "ui/text.h"

#include <ncmodel/text.h>

#include <string.h>

enum { SHORT_REVISION = 12 };

int drift_choose(struct session *session, struct ncm_model ***chosen, size_t *count, struct ncm_error *err)
{
	if (session_selector(session, err) < 0 || session_catalog(session, err) < 0)
		return -1;
	return ncm_select(session->catalog, &session->settings.selector, chosen, count, err);
}

static json_t *side_json(const char *revision, uint64_t size)
{
	json_t *object = json_object();

	json_put_text(object, "revision", revision);
	json_put_number(object, "size", size);
	return object;
}

static json_t *file_side_json(uint64_t size, const struct ncm_sha256 *sha256)
{
	json_t *object = json_object();

	json_put_number(object, "size", size);
	json_put(object, "sha256", json_digest(sha256));
	return object;
}

static json_t *files_json(const struct ncm_drift_entry *entry)
{
	json_t *files = json_array();

	for (size_t i = 0; i < entry->file_count; i++) {
		const struct ncm_drift_file *file = &entry->files[i];
		json_t *object = json_object();

		json_put_text(object, "name", file->name);
		json_put(object, "before", file_side_json(file->size_before, &file->before));
		json_put(object, "after", file_side_json(file->size_after, &file->after));
		json_push(files, object);
	}
	return files;
}

static json_t *entry_json(const struct ncm_drift_entry *entry)
{
	const bool failed = entry->error.code != NCM_OK;
	json_t *object = json_object();

	json_put_text(object, "model", entry->model);
	json_put_source(object, "uri", entry->uri);
	json_put_text(object, "state", ncm_drift_state_name(entry->state));
	json_put(object, "before", side_json(entry->revision_before, entry->size_before));
	json_put(object, "after", side_json(entry->revision_after, entry->size_after));
	json_put_number(object, "to_get", entry->to_get);
	json_put_text(object, "detail", entry->detail);
	json_put_text(object, "error", failed ? ncm_errc_name(entry->error.code) : NULL);
	json_put(object, "files", files_json(entry));
	return object;
}

json_t *drift_json(const struct ncm_drift *drift)
{
	json_t *object = json_object();
	json_t *entries = json_array();

	for (size_t i = 0; i < drift->count; i++)
		json_push(entries, entry_json(&drift->entries[i]));
	json_put(object, "entries", entries);
	json_put_number(object, "same", drift->same);
	json_put_number(object, "differing", drift->differing);
	json_put_number(object, "unknown", drift->unknown);
	return object;
}

size_t drift_states(const struct ncm_drift *drift, enum ncm_drift_state state)
{
	size_t count = 0;

	for (size_t i = 0; i < drift->count; i++)
		count += drift->entries[i].state == state;
	return count;
}

const char *drift_mark(enum ncm_drift_state state)
{
	switch (state) {
	case NCM_DRIFT_SAME:
	case NCM_DRIFT_PINNED:
		return "=";
	case NCM_DRIFT_NEW:
	case NCM_DRIFT_MISSING:
		return "+";
	case NCM_DRIFT_MOVED:
	case NCM_DRIFT_CHANGED:
	case NCM_DRIFT_UNPINNED:
		return "~";
	case NCM_DRIFT_EXTRA:
		return "-";
	default:
		return "!";
	}
}

enum style drift_style(enum ncm_drift_state state)
{
	switch (*drift_mark(state)) {
	case '+':
		return STYLE_GOOD;
	case '~':
	case '-':
		return STYLE_WARN;
	case '!':
		return STYLE_BAD;
	default:
		return STYLE_NONE;
	}
}

/* Enough of a digest or commit to tell it from another; a version is told whole. The caller frees it. */
static char *short_revision(const char *revision)
{
	static const char prefix[] = "sha256:";
	AUTO_FREE char *safe = text_safe(revision);
	const char *digits = strncmp(safe, prefix, strlen(prefix)) == 0 ? safe + strlen(prefix) : safe;

	if (!revision)
		return text_copy(style_utf8() ? "–" : "-");
	return text_format("%.*s", strlen(digits) >= 40 ? SHORT_REVISION : (int)strlen(digits), digits);
}

static const char *arrow(void)
{
	return style_utf8() ? "→" : "->";
}

static char *size_text(const struct ncm_drift_entry *entry, bool to_get)
{
	const uint64_t before = entry->size_before, after = entry->size_after;
	char old[32], new[32];

	if (to_get)
		return text_copy(entry->to_get > 0 ? ncm_format_size(entry->to_get, new, sizeof new) : "");
	if (before > 0 && after > 0 && before != after)
		return text_format("%s %s %s", ncm_format_size(before, old, sizeof old), arrow(),
				   ncm_format_size(after, new, sizeof new));
	return text_copy(before + after > 0 ? ncm_format_size(after > 0 ? after : before, new, sizeof new) : "");
}

static char *file_side_text(uint64_t size, const struct ncm_sha256 *sha256)
{
	char hex[NCM_SHA256_HEX + 1], text[32];

	ncm_sha256_hex(sha256, hex);
	ncm_format_size(size, text, sizeof text);
	if (ncm_sha256_is_zero(sha256))
		return text_copy(size > 0 ? text : style_utf8() ? "–" : "-");
	return size > 0 ? text_format("%.*s (%s)", SHORT_REVISION, hex, text)
			: text_format("%.*s", SHORT_REVISION, hex);
}

/* The caller frees it. */
static char *uri_text(const char *uri)
{
	AUTO_FREE char *shown = ncm_source_told(uri, NULL);

	return text_safe_path(shown);
}

void drift_print_files(const struct ncm_drift_entry *entry, struct table *table)
{
	AUTO_FREE char *uri = uri_text(entry->uri);

	if (entry->model && entry->uri)
		table_line(table, text_format("     %s", uri), STYLE_DIM);
	for (size_t i = 0; i < entry->file_count; i++) {
		const struct ncm_drift_file *file = &entry->files[i];
		AUTO_FREE char *name = text_safe_path(file->name);
		AUTO_FREE char *before = file_side_text(file->size_before, &file->before);
		AUTO_FREE char *after = file_side_text(file->size_after, &file->after);

		table_line(table, text_format("       %s  %s %s %s", name, before, arrow(), after), STYLE_DIM);
	}
}

static bool is_failure(const struct ncm_drift_entry *entry, bool gone_fails)
{
	return entry->error.code != NCM_OK && (gone_fails || entry->state != NCM_DRIFT_GONE);
}

char *drift_detail(const struct ncm_drift_entry *entry, bool gone_fails)
{
	if (is_failure(entry, gone_fails))
		return text_format("failed: %s", ncm_errc_name(entry->error.code));
	return text_safe_path(entry->detail);
}

static void add_row(const struct ncm_drift_entry *entry, const struct drift_titles *titles, struct table *table)
{
	table_styled(table, text_copy(drift_mark(entry->state)), drift_style(entry->state));
	table_cell(table, entry->model ? text_safe(entry->model) : uri_text(entry->uri));
	table_cell(table, text_copy(ncm_drift_state_name(entry->state)));
	table_cell(table, short_revision(entry->revision_before));
	table_cell(table, short_revision(entry->revision_after));
	table_cell(table, size_text(entry, titles->to_get));
	table_cell(table, drift_detail(entry, titles->gone_fails));
}

void drift_print(const struct session *session, const struct ncm_drift *drift, const struct drift_titles *titles)
{
	const bool verbose = session->settings.verbose > 0;
	struct table *table = table_new(0);
	bool any = false;

	table_column(table, "", 0);
	table_column(table, "MODEL", COLUMN_WHOLE);
	table_column(table, "STATE", 0);
	table_column(table, titles->before, 0);
	table_column(table, titles->after, 0);
	table_column(table, titles->to_get ? "TO FETCH" : "SIZE", COLUMN_RIGHT);
	table_column(table, "WHAT IT MEANS", COLUMN_BELOW);
	for (size_t i = 0; i < drift->count; i++) {
		const struct ncm_drift_entry *entry = &drift->entries[i];

		if (entry->state == NCM_DRIFT_SAME && !verbose)
			continue;
		add_row(entry, titles, table);
		if (verbose)
			drift_print_files(entry, table);
		any = true;
	}
	if (any)
		table_print(table, stdout);
	table_free(table);
}

int drift_report(struct session *session, const struct ncm_drift *drift, bool gone_fails)
{
	int exit_code = 0;

	for (size_t i = 0; i < drift->count; i++) {
		const struct ncm_drift_entry *entry = &drift->entries[i];

		if (is_failure(entry, gone_fails))
			exit_code =
			    plan_join_codes(exit_code, report_error(&session->report, &entry->error, entry->model));
	}
	return exit_code;
}

int drift_report_changes(struct session *session, const struct ncm_drift *drift, const char *what)
{
	const int exit_code = drift_report(session, drift, false);

	if (exit_code != 0 || drift->differing == 0)
		return exit_code;
	return report_silently(&session->report, NCM_E_CHANGES, what, NULL);
}

static const struct option asking[] = {
    {0, "allow-http-token", OPTION_FLAG, offsetof(struct settings, allow_http_token),
     .help = "let a token go over plain http to another machine"},
    {0, "retries", OPTION_NUMBER, offsetof(struct settings, retries), .argument = "N",
     .help = "tries of one request that make no progress", .least = 1, .most = 100},
    {0, "timeout", OPTION_NUMBER, offsetof(struct settings, timeout), .argument = "SECONDS", .help = "time to connect",
     .least = 1, .most = 3600},
    {0, "speed-limit", OPTION_SIZE, offsetof(struct settings, speed_limit), .argument = "SIZE",
     .help = "an answer that comes below so many bytes a second is asked for anew, then given up; 0: never"},
    {0, "speed-time", OPTION_NUMBER, offsetof(struct settings, speed_time), .argument = "SECONDS",
     .help = "how long it may be below the speed limit, or bring nothing", .least = 1, .most = 3600},
    {.name = NULL},
};
const struct option_group drift_asking = {"Asking", asking};
