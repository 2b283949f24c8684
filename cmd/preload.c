/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "runtime_view.h"
#include "ui/text.h"

#include <ncmodel/text.h>

static const char *keep_alive;

static void take(const struct session *session, const struct ncm_residence *residence, struct ncm_strings *models,
		 struct ncm_runtime_options *options)
{
	for (size_t i = 0; i < residence->preload.count; i++)
		words_add_new(models, residence->preload.items[i]);
	if (residence->idle_seconds > 0 && !keep_alive) {
		options->keep = true;
		options->keep_alive = (int64_t)residence->idle_seconds;
	}
	if (session->settings.verbose > 0 && residence->idle_seconds > 0)
		report_note(&session->report, "By its profile a model is unloaded after %llu s without use.",
			    (unsigned long long)residence->idle_seconds);
}

static int nothing(const struct session *session, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_USAGE, "profile %s does not say which models are to be preloaded",
		      session->config->profile);
	return ncm_error_hint(err,
			      "name them: ncmodel load MODEL..., or write \"runtime\": {\"preload\": [ID]} into one of "
			      "its manifests");
}

static int choose(struct session *session, struct ncm_strings *models, struct ncm_runtime_options *options,
		  struct ncm_error *err)
{
	if (keep_alive && runtime_keep_alive(keep_alive, options, err) < 0)
		return -1;
	if (session_catalog(session, err) < 0)
		return -1;
	for (size_t i = 0; i < session->catalog->residence_count; i++)
		take(session, &session->catalog->residences[i], models, options);
	return models->count > 0 ? 0 : nothing(session, err);
}

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_runtime_options options = runtime_options(session);
	struct ncm_runtime_report *report = NULL;
	struct ncm_strings models = {0};

	if (choose(session, &models, &options, &err) == 0)
		report = ncm_runtime_load(session->config, session->catalog, &models, &options, &err);
	ncm_strings_free(&models);
	return report ? runtime_tell(session, report) : session_fail(session, &err);
}

static const struct option own[] = {
    {0, "keep-alive", OPTION_TEXT, .value = &keep_alive, .argument = "TIME",
     .help = "how long each stays without use, instead of what the profile says: 300, 90s, 5m, 2h or forever (Ollama)"},
    {.name = NULL},
};
static const struct option_group own_group = {"Options", own};

static const char *const examples[] = {
    "ncmodel preload --profile nebula-rtx3060",
    "the models that this profile wants loaded from the start, each for as long as its idle rule says",
    NULL,
};

const struct command command_preload = {
    .name = "preload",
    .summary = "Have running servers load what the profile wants loaded",
    .arguments = "",
    .operands = OPERANDS_NONE,
    .stops_in_order = true,
    .groups = {&own_group, &options_serving},
    .description =
	"Loads the models that the profile's manifests name under \"runtime\", \"preload\", as load does. They stay "
	"loaded for \"idle_unload_seconds\" after their last use, if a manifest says so, else as the server's own "
	"settings have it. Of several profiles all sets are loaded, and the last idle rule holds. Ends with 2 if no "
	"manifest names any.",
    .examples = examples,
    .run = run,
};
