/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "ui/fields.h"

#define OF(field) .offset = offsetof(struct ncm_limit, field)

static const struct field fields[] = {
    {"name", FIELD_TEXT, OF(name), "LIMIT", 0},
    {"value", FIELD_NUMBER, OF(value), "VALUE", COLUMN_RIGHT},
    {"unit", FIELD_TEXT, OF(unit), "UNIT", 0},
    {"what", FIELD_TEXT, OF(what), "OF WHAT", COLUMN_BELOW},
    {.key = NULL},
};

static int run(struct session *session)
{
	size_t count;
	const struct ncm_limit *limits = ncm_limits(&count);

	session->report.data = json_object();
	json_put(session->report.data, "limits", fields_array(fields, limits, count, sizeof *limits));
	if (!session->report.json)
		fields_print(fields, limits, count, sizeof *limits);
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
