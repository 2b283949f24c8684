/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "removal_view.h"

static bool sidecars;

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	const struct ncm_remove_options options = {
	    .selector = &session->settings.selector,
	    .all = session->settings.all,
	    .force = session->settings.provision.force,
	    .sidecars = sidecars,
	};
	struct ncm_removal *removal;

	if (session_selector(session, &err) < 0 || session_config(session, &err) < 0)
		return session_fail(session, &err);
	removal = ncm_remove_plan(session->config, &options, &err);
	return removal ? removal_carry_out(session, removal) : session_fail(session, &err);
}

static const struct option own[] = {
    {0, "force", OPTION_FLAG, offsetof(struct settings, provision.force),
     .help = "files that changed since they were registered, too"},
    {0, "sidecars", OPTION_FLAG, .value = &sidecars,
     .help = "what other tools put beside them, too: cards, previews, .civitai.info …"},
    {.name = NULL},
};
static const struct option_group own_group = {"Options", own};

static const char *const examples[] = {
    "ncmodel rm llama3.2-3b",
    "show what goes, ask, and remove the model",
    "ncmodel rm -y old-model other-model",
    "two models, without asking",
    "ncmodel rm --phase 3 --store ollama",
    "the models of a phase that lie in one store, after a question",
    "ncmodel rm -n llama3.2-3b",
    "how much that would give back",
    NULL,
};

const struct command command_rm = {
    .name = "rm",
    .summary = "Remove installed models",
    .arguments = "[MODEL...]",
    .operands = OPERANDS_INSTALLED,
    .stops_in_order = true,
    .changes = true,
    .groups = {&own_group, &options_removal, &options_selection},
    .description =
	"Takes the models out of models.json and deletes their files. A file that another registered model, an "
	"Ollama manifest or a Hugging Face snapshot uses stays, and so does one that changed since it was "
	"registered (--force). Of what was registered as a link the link goes, and what it leads to stays. What lies "
	"outside every store stays, and so does a file that the owner of models.json could not remove himself. What "
	"was adopted is named in the question. What other tools put beside a model's file is named, and stays; "
	"--sidecars takes it, too, and what --sidecars of a pull wrote goes if nobody changed it. Folders that become "
	"empty go too; what the lock file pins stays "
	"pinned, so that a pull brings the same bytes back.\n\n"
	"Models are chosen as for list, but not by nothing: to remove all of them takes --all. "
	"They go whole: with --store one that lies in other stores, too, is refused. "
	"Asks on a terminal; elsewhere -y is needed. Bytes count as given back when the last name of a file goes. A "
	"removal that was killed is ended by `ncmodel gc`.\n\n"
	"What is kept on purpose, because it is another model's or your own, is told, and the exit code stays 0. What "
	"should have gone and could not ends with 1 (permissions, something that cannot be read) or 13 (a lock, with "
	"--no-wait). Ends with 2 if a model is not installed: nothing is removed then.",
    .examples = examples,
    .run = run,
};
