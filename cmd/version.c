/* SPDX-License-Identifier: MIT */
#include "command.h"

#include <stdio.h>

static int run(struct session *session)
{
	if (session->report.json) {
		session->report.data = json_object();
		json_put_text(session->report.data, "version", ncm_version());
	} else {
		printf("ncmodel %s\n", ncm_version());
	}
	return 0;
}

const struct command command_version = {
    .name = "version",
    .summary = "Print the version",
    .arguments = "",
    .description = "Prints the version of ncmodel.",
    .run = run,
};
