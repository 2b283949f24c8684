/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "drift_view.h"
#include "ui/text.h"

#include <ncmodel/text.h>

#include <string.h>

/* A model whose sources stand beside each other in the drift. */
struct row {
	size_t first, count;                   /* its entries */
	const struct ncm_drift_entry *gravest; /* what is told of it */
	uint64_t size;
};

struct rows {
	struct row *items;
	size_t count;
};

static int gravity(enum ncm_drift_state state)
{
	static const int gravities[] = {
	    [NCM_DRIFT_UNKNOWN] = 5, [NCM_DRIFT_GONE] = 5, [NCM_DRIFT_CHANGED] = 4,
	    [NCM_DRIFT_MISSING] = 3, [NCM_DRIFT_NEW] = 2,  [NCM_DRIFT_UNPINNED] = 1,
	};

	return (size_t)state < sizeof gravities / sizeof *gravities ? gravities[state] : 0;
}

static uint64_t shown_size(const struct ncm_drift_entry *entry)
{
	return entry->to_get > 0 ? entry->to_get : entry->size_after > 0 ? entry->size_after : entry->size_before;
}

static struct rows collect(const struct ncm_drift *drift)
{
	struct rows rows = {0};

	for (size_t i = 0; i < drift->count; i++) {
		const struct ncm_drift_entry *entry = &drift->entries[i];
		const bool again =
		    i > 0 && strcmp(drift->entries[i - 1].model, entry->model) == 0 && entry->state != NCM_DRIFT_EXTRA;
		struct row *row;

		if (!again) {
			rows.items = memory_grow(rows.items, rows.count + 1, sizeof *rows.items);
			rows.items[rows.count++] = (struct row){.first = i, .gravest = entry};
		}
		row = &rows.items[rows.count - 1];
		row->count++;
		row->size += shown_size(entry);
		if (gravity(entry->state) > gravity(row->gravest->state))
			row->gravest = entry;
	}
	return rows;
}

static void add_row(const struct session *session, const struct ncm_drift *drift, const struct row *row,
		    struct table *table)
{
	const enum ncm_drift_state state = row->gravest->state;
	char size[32];

	table_styled(table, text_copy(drift_mark(state)), drift_style(state));
	table_foreign(table, row->gravest->model);
	table_cell(table, text_copy(row->size > 0 ? ncm_format_size(row->size, size, sizeof size) : ""));
	table_cell(table, drift_detail(row->gravest, true));
	for (size_t i = 0; session->settings.verbose && i < row->count; i++)
		drift_print_files(&drift->entries[row->first + i], table);
}

static void print_rows(const struct session *session, const struct ncm_drift *drift, const struct rows *rows)
{
	struct table *table = table_new(2);
	bool any = false;

	table_column(table, "", 0);
	table_column(table, "", COLUMN_WHOLE);
	table_column(table, "", COLUMN_RIGHT);
	table_column(table, "", COLUMN_BELOW);
	for (size_t i = 0; i < rows->count; i++) {
		if (rows->items[i].gravest->state == NCM_DRIFT_SAME && !session->settings.verbose)
			continue;
		add_row(session, drift, &rows->items[i], table);
		any = true;
	}
	if (any)
		table_print(table, stdout);
	table_free(table);
}

static void print(const struct session *session, const struct ncm_drift *drift)
{
	struct rows rows = collect(drift);
	size_t add = 0, change = 0, extra = 0, unknown = 0;

	print_rows(session, drift, &rows);
	for (size_t i = 0; i < rows.count; i++) {
		const char *mark = drift_mark(rows.items[i].gravest->state);

		add += *mark == '+';
		change += *mark == '~';
		extra += *mark == '-';
		unknown += *mark == '!';
	}
	if (add + change + extra + unknown == 0)
		printf("No differences: %zu %s as manifest and lock say.\n", rows.count,
		       text_plural(rows.count, "model is", "models are"));
	else
		printf("%zu to add, %zu to change, %zu that no manifest has.\n", add, change, extra);
	free(rows.items);
}

static bool ends_with_3;

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_model **models = NULL;
	struct ncm_drift *drift;
	size_t count = 0;
	int exit_code;

	if (drift_choose(session, &models, &count, &err) < 0)
		return session_fail(session, &err);
	session_progress(session);
	drift = ncm_diff(session->config, models, count, !session_selects(session), &session->sink, &err);
	session_quieten(session);
	free(models);
	if (!drift)
		return session_fail(session, &err);
	if (session->report.json)
		session->report.data = drift_json(drift);
	else if (!session->settings.quiet)
		print(session, drift);
	exit_code = ends_with_3 ? drift_report_changes(session, drift, "manifest, lock and disk differ")
				: drift_report(session, drift, true);
	ncm_drift_free(drift);
	return exit_code;
}

static const struct option own[] = {
    {0, "exit-code", OPTION_FLAG, .value = &ends_with_3, .help = "end with 3 if there are differences"},
    {.name = NULL},
};
static const struct option_group own_group = {"Options", own};

static const char *const examples[] = {
    "ncmodel diff",
    "what is to be fetched, what changed, what nobody asked for",
    "ncmodel diff --exit-code -q",
    "is this machine as manifest and lock say? 0 yes, 3 no",
    NULL,
};

const struct command command_diff = {
    .name = "diff",
    .summary = "Compare manifest, lock and disk, without the network",
    .arguments = "[MODEL...]",
    .operands = OPERANDS_OFFERED,
    .stops_in_order = true,
    .groups = {&own_group, &options_selection, &options_placing},
    .description =
	"Says of each chosen model whether the lock pins what the manifest wants and the disk holds what the lock "
	"pins. No source is asked: what upstream has, `ncmodel outdated` tells.\n\n"
	"Marks: + to fetch, ~ changed (the pin of the manifest, or the files on disk, are not what the lock says), - "
	"installed and in no manifest of any profile, ! cannot be told, = the same (with -v). Without a selector all "
	"models of the profile are chosen; what is in no manifest is told only then.",
    .examples = examples,
    .run = run,
};
