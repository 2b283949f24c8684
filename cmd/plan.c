/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "fit_check.h"
#include "fit_view.h"
#include "plan_view.h"
#include "workflow_view.h"

#include <stdio.h>

static bool ends_with_3;

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_plan *plan;
	int exit_code;

	session->settings.provision.only_plan = true;
	plan = plan_make(session, &err);
	if (!plan)
		return session_fail(session, &err);
	if (session->report.json) {
		session->report.data = plan_json(plan);
		workflow_put(session, session->report.data);
	} else if (!session->settings.quiet) {
		plan_print(session, plan, stdout);
	}
	exit_code = plan_join_codes(plan_report(session, plan), workflow_report(session));
	if (exit_code == 0)
		exit_code = fit_check(session, plan);
	if (exit_code == 0 && ends_with_3 && plan->changes)
		exit_code = report_silently(&session->report, NCM_E_CHANGES, "a pull would change something", NULL);
	ncm_plan_free(plan);
	return exit_code;
}

static const struct option own[] = {
    {0, "workflow", OPTION_TEXT, offsetof(struct settings, workflow), .argument = "FILE",
     .help = "the files that this ComfyUI workflow asks for: JSON, or a picture or video that has one in it",
     .completes = COMPLETES_FILE},
    {0, "custom-nodes", OPTION_FLAG, offsetof(struct settings, custom_nodes),
     .help = "with --workflow: its packs of nodes, too, as archives; their code is unpacked, and not run"},
    {0, "exit-code", OPTION_FLAG, .value = &ends_with_3, .help = "end with 3 if a pull would change something"},
    {.name = NULL},
};
static const struct option_group own_group = {"Options", own};

static const char *const examples[] = {
    "ncmodel plan --phase 1",
    "what the first phase would fetch, and does it fit the disk",
    "ncmodel plan --all --bandwidth 250M",
    "how long everything takes on a link of 250 Mbit/s",
    "ncmodel plan --exit-code -q",
    "is this machine as the manifests say? 0 yes, 3 no",
    "ncmodel plan --workflow portrait.png --exit-code",
    "is all here that this ComfyUI workflow needs? 0 yes, 3 there is something to fetch, 5 something has no source",
    NULL,
};

const struct command command_plan = {
    .name = "plan",
    .summary = "Show what a pull would fetch, from where, and whether it fits",
    .arguments = "[MODEL...]",
    .operands = OPERANDS_OFFERED,
    .stops_in_order = true,
    .groups = {&own_group, &options_planning, &options_card, &options_selection, &options_placing},
    .description =
	"Looks every chosen model up at its source and shows what a pull would do; it writes nothing.\n\n"
	"Marks: + fetch, = already there, ~ resume or replace, > place without fetching, ! cannot be "
	"planned. Without a selector all models of the profile are chosen.\n\n"
	"A size with a ~ before it is one that a manifest expects; what nobody tells the size of is in no sum, "
	"and the sums say so. With --offline, what manifest or lock pin (digests, with the layers of an Ollama "
	"model) is enough for a plan.\n\n"
	"With --workflow the files that ComfyUI's graph asks for are chosen, those of muted and bypassed nodes not. "
	"Each "
	"goes into the folder where its loader looks for it (of the store comfyui, or that of --to). It comes from the "
	"address that the workflow has for it, else from that of the one file of its name in the manifests. What has "
	"no "
	"source is told, and the exit code is 5 then. With --custom-nodes its packs of nodes are unpacked, too, in the "
	"version that it was made with, where that has a source: their code is ComfyUI's to run.",
    .examples = examples,
    .run = run,
};
