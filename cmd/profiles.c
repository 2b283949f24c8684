/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "ui/text.h"

#include <stdio.h>
#include <string.h>

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_strings names = {0};

	if (session_config(session, &err) < 0 || ncm_profiles(session->config, &names, &err) < 0)
		return session_fail(session, &err);
	for (size_t i = 0; i < names.count && !session->report.json; i++) {
		const bool current = ncm_config_has_profile(session->config, names.items[i]);
		AUTO_FREE char *name = text_safe(names.items[i]);

		printf("%s%s\n", name, current && !session->settings.quiet ? " (in use)" : "");
	}
	session->report.data = json_object();
	json_put_text(session->report.data, "profile", session->config->profile);
	json_put(session->report.data, "profiles", json_words(&names));
	ncm_strings_free(&names);
	return 0;
}

static const char *const examples[] = {
    "ncmodel profiles",
    "the profiles that can be chosen",
    "ncmodel --profile nexus plan",
    "what one of them would fetch",
    "ncmodel --profile noa,nexus list --available",
    "what two of them offer",
    NULL,
};

const struct command command_profiles = {
    .name = "profiles",
    .summary = "List the sets of manifests that can be chosen",
    .arguments = "",
    .description = "Lists the profiles: those of your own folders and those that come with ncmodel. --profile or the "
		   "configuration chooses one or several. With -q the names alone are printed.",
    .examples = examples,
    .run = run,
};
