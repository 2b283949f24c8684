/* SPDX-License-Identifier: MIT */
#include "command.h"

#include <ncmodel/digest.h>
#include <stdio.h>

static int run(struct session *session)
{
	if (session->report.json) {
		session->report.data = json_object();
		json_put_text(session->report.data, "version", ncm_version());
		json_put_text(session->report.data, "sha256", ncm_sha256_kernel());
	} else {
		printf("ncmodel %s\n", ncm_version());
		if (session->settings.verbose > 0)
			printf("SHA-256 by %s\n", ncm_sha256_kernel());
	}
	return 0;
}

const struct command command_version = {
    .name = "version",
    .summary = "Print the version",
    .arguments = "",
    .description = "Prints the version of ncmodel; with -v also by what this machine computes SHA-256: instructions of "
		   "the CPU (x86 "
		   "SHA, arm64 SHA2), or OpenSSL.",
    .run = run,
};
