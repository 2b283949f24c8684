/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "ui/table.h"
#include "ui/text.h"

#include <ncmodel/text.h>

static json_t *store_json(const struct ncm_store_info *info)
{
	json_t *object = json_object();

	json_put_text(object, "id", info->id);
	json_put_text(object, "kind", info->kind);
	json_put_text(object, "path", info->path);
	json_put_text(object, "why", ncm_store_why_name(info->why));
	json_put_text(object, "told_by", info->told_by);
	json_put_flag(object, "there", info->there);
	json_put_flag(object, "writable", info->writable);
	json_put_text(object, "barrier", info->barrier);
	json_put_text(object, "open_to_all", info->open_to_all);
	json_put(object, "free", info->has_space ? json_number(info->free) : json_null());
	json_put(object, "total", info->has_space ? json_number(info->total) : json_null());
	json_put_number(object, "model_count", info->models);
	json_put_number(object, "bytes", info->bytes);
	return object;
}

static json_t *list_json(const struct ncm_store_list *list)
{
	json_t *object = json_object();
	json_t *stores = json_array();

	for (size_t i = 0; i < list->count; i++)
		json_push(stores, store_json(&list->stores[i]));
	json_put_text(object, "layout", list->layout);
	json_put_text(object, "registry", list->registry);
	json_put(object, "stores", stores);
	return object;
}

static void add_state(struct table *table, const struct ncm_store_info *info)
{
	if (!info->writable)
		table_styled(table, text_copy(info->there ? "read-only" : "no"), STYLE_WARN);
	else if (info->there)
		table_styled(table, text_copy("yes"), STYLE_GOOD);
	else
		table_styled(table, text_copy("not there yet"), STYLE_DIM);
}

static void add_why(struct table *table, const struct ncm_store_info *info)
{
	const bool told = info->told_by && info->why != NCM_PLACED_BY_CONFIGURATION;

	table_cell(table,
		   text_format("%s%s%s", ncm_store_why_name(info->why), told ? " " : "", told ? info->told_by : ""));
}

static void add_store(struct table *table, const struct ncm_store_info *info)
{
	AUTO_FREE char *path = text_safe_path(info->path);
	AUTO_FREE char *barrier = info->barrier ? text_safe_path(info->barrier) : NULL;
	AUTO_FREE char *open = info->open_to_all ? text_safe_path(info->open_to_all) : NULL;
	char size[32];

	table_foreign(table, info->id);
	add_state(table, info);
	add_why(table, info);
	table_cell(table, text_copy(info->has_space ? ncm_format_size(info->free, size, sizeof size) : "?"));
	table_cell(table, text_format("%zu", info->models));
	table_cell(table, text_copy(ncm_format_size(info->bytes, size, sizeof size)));
	table_line(table, text_format("    %s", path), STYLE_NONE);
	if (barrier)
		table_line(table, text_format("    %s", barrier), STYLE_WARN);
	if (open)
		table_line(table, text_format("    everybody may write to %s, and so replace what lies here", open),
			   STYLE_WARN);
}

static void print_list(const struct ncm_store_list *list)
{
	struct table *table = table_new(0);

	table_column(table, "STORE", COLUMN_WHOLE);
	table_column(table, "WRITABLE", 0);
	table_column(table, "WHY THERE", COLUMN_DROP);
	table_column(table, "FREE", COLUMN_RIGHT);
	table_column(table, "MODELS", COLUMN_RIGHT);
	table_column(table, "SIZE", COLUMN_RIGHT | COLUMN_DROP);
	for (size_t i = 0; i < list->count; i++)
		add_store(table, &list->stores[i]);
	table_print(table, stdout);
	table_free(table);
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
		print_list(list);
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
	"and the registered models that have files in it.\n\n"
	"Why a store lies there: \"flag\" --store-path; \"environment\" NCMODEL_STORE_<STORE> or the application's own "
	"variable (as OLLAMA_MODELS); \"configuration\" the configuration file; \"layout\" the "
	"layout's first place; \"found\" another place of the layout's that is there; \"service\" the folder of a "
	"system "
	"service that has a user of its own. Of several places of the layout the first counts that ncmodel has worked "
	"in, else the first that is there.",
    .examples = examples,
    .run = run,
};
