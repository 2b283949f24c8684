/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "ui/fields.h"
#include "ui/text.h"

#include <ncmodel/text.h>

static void add_state(struct table *table, const void *row)
{
	const struct ncm_store_info *info = row;

	if (!info->writable)
		table_styled(table, text_copy(info->there ? "read-only" : "no"), STYLE_WARN);
	else if (info->there)
		table_styled(table, text_copy("yes"), STYLE_GOOD);
	else
		table_styled(table, text_copy("not there yet"), STYLE_DIM);
}

static json_t *why_json(const void *row)
{
	return json_text(ncm_store_why_name(((const struct ncm_store_info *)row)->why));
}

static void add_why(struct table *table, const void *row)
{
	const struct ncm_store_info *info = row;
	const bool told = info->told_by && info->why != NCM_PLACED_BY_CONFIGURATION;

	table_cell(table,
		   text_format("%s%s%s", ncm_store_why_name(info->why), told ? " " : "", told ? info->told_by : ""));
}

static json_t *free_json(const void *row)
{
	const struct ncm_store_info *info = row;

	return info->has_space ? json_number(info->free) : json_null();
}

static json_t *total_json(const void *row)
{
	const struct ncm_store_info *info = row;

	return info->has_space ? json_number(info->total) : json_null();
}

static void add_free(struct table *table, const void *row)
{
	const struct ncm_store_info *info = row;
	char size[32];

	table_text(table, info->has_space ? ncm_format_size(info->free, size, sizeof size) : "?");
}

#define OF(field) .offset = offsetof(struct ncm_store_info, field)

static const struct field fields[] = {
    {"id", FIELD_TEXT, OF(id), "STORE", COLUMN_WHOLE},
    {"kind", FIELD_TEXT, OF(kind)},
    {"path", FIELD_TEXT, OF(path)},
    {"there", FIELD_FLAG, OF(there)},
    {"writable", FIELD_FLAG, OF(writable), "WRITABLE", .cell = add_state},
    {"barrier", FIELD_TEXT, OF(barrier)},
    {"open_to_all", FIELD_TEXT, OF(open_to_all)},
    {"settings_unread", FIELD_TEXT, OF(settings_unread)},
    {"why", FIELD_MADE, .offset = 0, "WHY THERE", COLUMN_DROP, why_json, add_why},
    {"told_by", FIELD_TEXT, OF(told_by)},
    {"free", FIELD_MADE, .offset = 0, "FREE", COLUMN_RIGHT, free_json, add_free},
    {"total", FIELD_MADE, .value = total_json},
    {"model_count", FIELD_COUNT, OF(models), "MODELS", COLUMN_RIGHT},
    {"bytes", FIELD_BYTES, OF(bytes), "SIZE", COLUMN_RIGHT | COLUMN_DROP},
    {.key = NULL},
};

static json_t *list_json(const struct ncm_store_list *list)
{
	json_t *object = json_object();

	json_put_text(object, "layout", list->layout);
	json_put_text(object, "registry", list->registry);
	json_put(object, "stores", fields_array(fields, list->stores, list->count, sizeof *list->stores));
	return object;
}

static void add_store(struct table *table, const struct ncm_store_info *info)
{
	AUTO_FREE char *path = text_safe_path(info->path);
	AUTO_FREE char *barrier = info->barrier ? text_safe_path(info->barrier) : NULL;
	AUTO_FREE char *unread = info->settings_unread ? text_safe_path(info->settings_unread) : NULL;
	AUTO_FREE char *open = info->open_to_all ? text_safe_path(info->open_to_all) : NULL;

	fields_row(fields, info, table);
	table_line(table, text_format("    %s", path), STYLE_NONE);
	if (barrier)
		table_line(table, text_format("    %s", barrier), STYLE_WARN);
	if (unread)
		table_line(table, text_format("    its settings were not read: %s", unread), STYLE_WARN);
	if (open)
		table_line(table, text_format("    everybody may write to %s, and so replace what lies here", open),
			   STYLE_WARN);
}

/* Of an application that is not installed, nobody said anything. */
static bool is_of_note(const struct ncm_store_info *info)
{
	return info->there || info->models > 0 || (info->why != NCM_PLACED_BY_LAYOUT);
}

static void print_others(const struct ncm_store_list *list)
{
	const char *before = "Not there yet: ";

	for (size_t i = 0; i < list->count; i++) {
		if (is_of_note(&list->stores[i]))
			continue;
		printf("%s%s", before, list->stores[i].id);
		before = ", ";
	}
	if (*before == ',')
		printf(" (-v shows where they would be).\n");
}

static void print_list(const struct ncm_store_list *list, bool verbose)
{
	struct table *table = table_new(0);
	size_t rows = 0;

	fields_columns(fields, table);
	for (size_t i = 0; i < list->count; i++) {
		if (!verbose && !is_of_note(&list->stores[i]))
			continue;
		add_store(table, &list->stores[i]);
		rows++;
	}
	if (rows > 0)
		table_print(table, stdout);
	table_free(table);
	if (!verbose)
		print_others(list);
}

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_store_list *list;

	if (session_config(session, &err) < 0)
		return session_fail(session, &err);
	list = ncm_stores_look(session->config, &err);
	if (!list)
		return session_fail(session, &err);
	session->report.data = list_json(list);
	if (!session->report.json)
		print_list(list, session->settings.verbose > 0);
	ncm_stores_free(list);
	return 0;
}

static const char *const examples[] = {
    "ncmodel stores",
    "where each application's models lie, why there, and whether you may write there",
    "ncmodel stores --json | jq -r '.data.stores[] | select(.writable | not) | .barrier'",
    "for a script: what stands in the way of a pull",
    NULL,
};

const struct command command_stores = {
    .name = "stores",
    .summary = "Show where the stores lie, and whether they can be written",
    .arguments = "",
    .operands = OPERANDS_NONE,
    .description =
	"Each store of the layout: where it lies and who says so, whether you may write there (and whether everybody "
	"may), what its disk has left, "
	"and the registered models that have files in it. Stores of applications that are not there are only named; -v "
	"shows them, too. A folder of a store that lies elsewhere is a store of its own, STORE/FOLDER.\n\n"
	"Why a store lies there: \"flag\" --store-path; \"environment\" NCMODEL_STORE_<STORE> or the application's own "
	"variable (as OLLAMA_MODELS); \"configuration\" the configuration file; \"layout\" the "
	"layout's first place; \"found\" another place of the layout's that is there; \"service\" the folder of a "
	"system "
	"service that has a user of its own; \"application\" settings of the application's, by which one of its "
	"folders "
	"lies there. Of several places of the layout the first counts that ncmodel has worked "
	"in, else the first that is there.",
    .examples = examples,
    .run = run,
};
