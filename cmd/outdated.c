/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "drift_view.h"
#include "ui/text.h"

#include <string.h>

/* What a new pin brings; a plain URL has no revision, and its line says what to do. */
static bool can_follow(const struct ncm_drift_entry *entry)
{
	return entry->state == NCM_DRIFT_MOVED && entry->revision_after;
}

/* What no manifest names is pulled as it was: from its source, to its place. */
static void print_spelled(const struct ncm_drift_entry *entry)
{
	AUTO_FREE char *uri = entry->uri ? text_word(entry->uri) : NULL;
	AUTO_FREE char *to = entry->to ? text_word(entry->to) : NULL;

	if (uri && to)
		printf("To follow: ncmodel pull --update %s --to %s\n", uri, to);
}

static void print_hint(const struct ncm_drift *drift)
{
	struct ncm_strings ids = {0};
	AUTO_FREE char *joined = NULL;

	for (size_t i = 0; i < drift->count; i++) {
		if (can_follow(&drift->entries[i]) && !drift->entries[i].is_spelled)
			words_add_new(&ids, drift->entries[i].model);
	}
	joined = words_join(&ids, " ");
	if (ids.count > 0)
		printf("To follow: ncmodel lock --update %s && ncmodel pull %s\n", joined, joined);
	for (size_t i = 0; i < drift->count; i++) {
		if (drift->entries[i].state == NCM_DRIFT_MOVED && drift->entries[i].is_spelled)
			print_spelled(&drift->entries[i]);
	}
	ncm_strings_free(&ids);
}

static void print(const struct session *session, const struct ncm_drift *drift)
{
	const size_t pinned = drift_states(drift, NCM_DRIFT_PINNED);

	drift_print(session, drift,
		    &(const struct drift_titles){.before = "INSTALLED", .after = "UPSTREAM", .to_get = true});
	printf("%zu outdated, %zu gone, %zu up to date", drift_states(drift, NCM_DRIFT_MOVED),
	       drift_states(drift, NCM_DRIFT_GONE), drift->same - pinned);
	if (pinned > 0)
		printf(", %zu pinned while upstream moved on", pinned);
	printf(", %zu could not be told.\n", drift->unknown);
	print_hint(drift);
}

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_drift *drift;
	int exit_code;

	if (session_selector(session, &err) < 0 || session_catalog(session, &err) < 0)
		return session_fail(session, &err);
	session_progress(session);
	drift = ncm_outdated(session->config, session->catalog, &session->settings.selector, &session->sink, &err);
	session_quieten(session);
	if (!drift)
		return session_fail(session, &err);
	session->report.data = drift_json(drift);
	if (drift->count == 0)
		report_note(&session->report,
			    "Nothing is installed yet. `ncmodel plan` shows what a pull would fetch.");
	else if (session_prints(session))
		print(session, drift);
	exit_code = drift_report_changes(session, drift, "something newer is served upstream");
	ncm_drift_free(drift);
	return exit_code;
}

static const char *const examples[] = {
    "ncmodel outdated",
    "which installed models have something newer?",
    "ncmodel outdated --source ollama -v",
    "the models of Ollama, each with its layers that are others",
    NULL,
};

const struct command command_outdated = {
    .name = "outdated",
    .summary = "List installed models that have something newer upstream",
    .arguments = "[MODEL...]",
    .operands = OPERANDS_INSTALLED,
    .stops_in_order = true,
    .groups = {&drift_asking, &options_selection},
    .description =
	"Asks for each installed model what upstream would hand out now: another model under an Ollama tag, other "
	"bytes on the branch of a Hugging Face repository (another commit with the same bytes is not newer), a newer "
	"version of a Civitai model, another size at a plain URL. What a manifest pins by digest, commit or version "
	"is not outdated; that upstream moved on is told all the same.\n\n"
	"Marks: ~ outdated, ! gone or failed, = pinned or (with -v) up to date. Ends with 3 if something is outdated "
	"or gone. Fetches no content.",
    .examples = examples,
    .run = run,
};
