/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "ui/style.h"
#include "ui/text.h"

#include <ncmodel/fit_rules.h>

#include <stdio.h>
#include <string.h>

static json_t *figure_json(double figure)
{
	return figure > 0 ? json_real(figure) : json_null();
}

static json_t *hardware_json(const struct ncm_fit_rules *rules)
{
	json_t *object = json_object();

	json_put_text(object, "profile", rules->profile);
	json_put_text(object, "gpu", rules->gpu);
	json_put(object, "vram_gb", figure_json(rules->card));
	json_put(object, "ram_gb", figure_json(rules->ram));
	json_put(object, "disk_gb", figure_json(rules->disk));
	json_put(object, "cuda", rules->cuda > 0 ? json_integer(rules->cuda) : json_null());
	json_put_text(object, "words", rules->words);
	return object;
}

/* What each profile's document was written for. A file that cannot be read says so with -v. */
static void tell_hardware(struct session *session, const char *profile, json_t *array)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_fit_rules *rules = NULL;

	if (ncm_fit_rules_load(session->config, profile, &rules, &err) < 0 && session->settings.verbose > 0)
		report_warning(&session->report, err.message);
	ncm_error_clear(&err);
	if (rules)
		json_push(array, hardware_json(rules));
	if (rules && rules->words && session->settings.verbose > 0 && !session->report.json) {
		AUTO_FREE char *words = text_safe_long(rules->words, 2000);

		print_line(stdout, "  written for: \"%s\"", words);
	}
	ncm_fit_rules_free(rules);
}

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_strings names = {0};
	json_t *hardware;

	if (session_config(session, &err) < 0 || ncm_profiles(session->config, &names, &err) < 0)
		return session_fail(session, &err);
	hardware = json_array();
	for (size_t i = 0; i < names.count; i++) {
		const bool current = ncm_config_has_profile(session->config, names.items[i]);
		AUTO_FREE char *name = text_safe(names.items[i]);

		if (!session->report.json)
			printf("%s%s\n", name, current && !session->settings.quiet ? " (in use)" : "");
		tell_hardware(session, names.items[i], hardware);
	}
	session->report.data = json_object();
	json_put_text(session->report.data, "profile", session->config->profile);
	json_put(session->report.data, "profiles", json_words(&names));
	json_put(session->report.data, "hardware", hardware);
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
    .description =
	"Lists the profiles: those of your own folders and those that come with ncmodel. --profile or the "
	"configuration chooses one or several. With -q the names alone are printed, with -v what hardware their "
	"documents were written for, too; `ncmodel doctor` holds this machine against it.",
    .examples = examples,
    .run = run,
};
