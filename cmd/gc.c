/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "removal_view.h"

enum {
	HOUR = 3600,
	USUAL_HOURS = 24,
	MOST_HOURS = 100000,
};

static struct {
	struct option_number min_age;
	bool keep_partial, all, replaced;
} given;

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	const struct ncm_gc_options options = {
	    .min_age = (given.min_age.given ? given.min_age.value : USUAL_HOURS) * HOUR,
	    .keep_partial = given.keep_partial,
	    .all_partial = given.all,
	    .replaced = given.replaced,
	};
	struct ncm_removal *removal;

	if (given.keep_partial && given.all) {
		ncm_error_set(&err, NCM_E_USAGE, "--keep-partial and --all contradict each other");
		ncm_error_hint(&err, "leave out one of them");
		return session_fail(session, &err);
	}
	if (given.replaced && (given.keep_partial || given.all || given.min_age.given)) {
		ncm_error_set(&err, NCM_E_USAGE,
			      "--replaced removes what was replaced and nothing else: it goes alone");
		ncm_error_hint(&err, "`ncmodel gc --replaced` removes that, `ncmodel gc` without it the rest");
		return session_fail(session, &err);
	}
	if (session_config(session, &err) < 0)
		return session_fail(session, &err);
	removal = ncm_gc_plan(session->config, &options, &err);
	return removal ? removal_carry_out(session, removal) : session_fail(session, &err);
}

static const struct option own[] = {
    {0, "min-age", OPTION_NUMBER, .value = &given.min_age, .argument = "HOURS",
     .help = "leave downloads and other tools' files alone that changed less than so long ago: 24", .least = 0,
     .most = MOST_HOURS},
    {0, "keep-partial", OPTION_FLAG, .value = &given.keep_partial, .help = "leave every partial download"},
    {0, "all", OPTION_FLAG, .value = &given.all,
     .help = "partial downloads that the profile or the lock still wants, too"},
    {0, "replaced", OPTION_FLAG, .value = &given.replaced,
     .help = "what --force and repairs put aside, and nothing else: nothing may be able to bring it back"},
    {.name = NULL},
};
static const struct option_group own_group = {"Options", own};

static const char *const examples[] = {
    "ncmodel gc --dry-run",
    "what could be removed, and how much that gives back",
    "ncmodel gc -y",
    "remove it without asking",
    "ncmodel gc --min-age 0 --all",
    "everything that nothing uses at this moment",
    "ncmodel gc --replaced",
    "name the files that were replaced, ask, and remove them",
    NULL,
};

const struct command command_gc = {
    .name = "gc",
    .summary = "Delete what nothing uses any more",
    .arguments = "",
    .operands = OPERANDS_NONE,
    .stops_in_order = true,
    .changes = true,
    .groups = {&own_group, &options_removal},
    .description =
	"Looks through all stores of the layout: what killed runs left behind, removals that were cut short, "
	"partial downloads of a day ago that neither the profile nor the lock wants, checkpoints of content that is "
	"not there any more, blobs that no Ollama manifest and no Hugging Face snapshot names, and unfinished "
	"downloads of those tools. If a manifest cannot be read, no blob of its store is removed; the same holds for "
	"a snapshot, or a link in its place. Files in the applications' folders that are nobody's are left alone, and "
	"so is what --force and repairs replaced: that goes with --replaced alone.\n\n"
	"A note of a removal that was cut short is believed only of files that its owner could remove himself, and "
	"what lies outside every store is never removed. What is left alone on purpose is no failure; what should have "
	"gone and could not ends with 1 (permissions, a manifest or folder that cannot be read) or 13 (a lock, with "
	"--no-wait).\n\n"
	"What only waits for its age is told: how much, and until when.\n\n"
	"Asks on a terminal; elsewhere -y is needed, unless there is nothing to remove.",
    .examples = examples,
    .run = run,
};
