/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "ui/table.h"
#include "ui/text.h"

static json_t *describe(const struct ncm_limit *limit)
{
	json_t *object = json_object();

	json_put_text(object, "name", limit->name);
	json_put_number(object, "value", limit->value);
	json_put_text(object, "unit", limit->unit);
	json_put_text(object, "what", limit->what);
	return object;
}

static int run(struct session *session)
{
	size_t count;
	const struct ncm_limit *limits = ncm_limits(&count);
	json_t *list = json_array();
	struct table *table = table_new(0);

	table_column(table, "LIMIT", 0);
	table_column(table, "VALUE", COLUMN_RIGHT);
	table_column(table, "UNIT", 0);
	table_column(table, "OF WHAT", COLUMN_BELOW);
	for (size_t i = 0; i < count; i++) {
		table_cell(table, text_copy(limits[i].name));
		table_cell(table, text_format("%llu", (unsigned long long)limits[i].value));
		table_cell(table, text_copy(limits[i].unit));
		table_cell(table, text_copy(limits[i].what));
		json_push(list, describe(&limits[i]));
	}
	if (!session->report.json)
		table_print(table, stdout);
	session->report.data = json_object();
	json_put(session->report.data, "limits", list);
	table_free(table);
	return 0;
}

const struct command command_limits = {
    .name = "limits",
    .summary = "Print every bound on what manifests and servers may send",
    .arguments = "",
    .description = "Prints the table of limits: whatever a manifest, a server or an archive says beyond them is "
		   "refused.",
    .run = run,
};
