/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "drift_view.h"
#include "ui/text.h"

static struct {
	bool update, check, prune, checkpoints;
} given;

static int check_options(const struct session *session, struct ncm_error *err)
{
	if (given.check && (given.update || given.prune || given.checkpoints || session->settings.dry_run)) {
		ncm_error_set(
		    err, NCM_E_USAGE,
		    "--check writes nothing: it goes with none of --update, --prune, --checkpoints and --dry-run");
		return ncm_error_hint(err, "leave --check out, or the others");
	}
	if (given.prune && session_selects(session)) {
		ncm_error_set(err, NCM_E_USAGE, "--prune looks at the whole lock, and a selector chooses a part");
		return ncm_error_hint(err, "leave out one of them");
	}
	return 0;
}

static void print_check(const struct session *session, const struct ncm_drift *drift)
{
	drift_print(session, drift, &(const struct drift_titles){.before = "PINNED", .after = "UPSTREAM"});
	printf("%zu as pinned, %zu moved, %zu gone, %zu not in the lock, %zu could not be told.\n", drift->same,
	       drift_states(drift, NCM_DRIFT_MOVED), drift_states(drift, NCM_DRIFT_GONE),
	       drift_states(drift, NCM_DRIFT_UNPINNED), drift->unknown);
}

static int check(struct session *session, struct ncm_model *const *models, size_t count, struct ncm_error *err)
{
	struct ncm_drift *drift;
	int exit_code;

	session_progress(session);
	drift = ncm_lock_check(session->config, models, count, &session->sink, err);
	session_quieten(session);
	if (!drift)
		return session_fail(session, err);
	session->report.data = drift_json(drift);
	if (session_prints(session))
		print_check(session, drift);
	exit_code = drift_report_changes(session, drift, "upstream does not serve everything as it is pinned");
	ncm_drift_free(drift);
	return exit_code;
}

static size_t count_failures(const struct ncm_drift *drift)
{
	size_t failed = 0;

	for (size_t i = 0; i < drift->count; i++)
		failed += drift->entries[i].error.code != NCM_OK;
	return failed;
}

static void print_update(const struct session *session, const struct ncm_drift *drift)
{
	const size_t unpinned = drift_states(drift, NCM_DRIFT_UNPINNED), extra = drift_states(drift, NCM_DRIFT_EXTRA);
	const size_t failed = count_failures(drift);
	const size_t untold = drift->unknown + drift_states(drift, NCM_DRIFT_GONE) - failed;

	drift_print(session, drift, &(const struct drift_titles){.before = "FROM", .after = "TO", .gone_fails = true});
	printf("Lock: %zu new, %zu moved, %zu as before", drift_states(drift, NCM_DRIFT_NEW),
	       drift_states(drift, NCM_DRIFT_MOVED), drift->same);
	if (unpinned > 0)
		printf(", %zu to be pinned by the first pull", unpinned);
	if (extra > 0)
		printf(", %zu %s", extra, given.prune ? "dropped" : "that nothing names (--prune)");
	if (untold > 0)
		printf(", %zu could not be told", untold);
	if (failed > 0)
		printf(", %zu failed", failed);
	printf(".%s\n", session->settings.dry_run ? " Nothing was written." : drift->written ? " Written." : "");
}

static void print_checkpoints(const struct ncm_drift *drift)
{
	printf("Checkpoints: of %zu %s beside the lock", drift->checkpoints_kept,
	       drift->checkpoints_kept == 1 ? "file" : "files");
	if (drift->checkpoints_unknown > 0)
		printf("; of %zu none are known here (pull or verify them first)", drift->checkpoints_unknown);
	printf(".\n");
}

static void report_checkpoints(struct session *session, const struct ncm_drift *drift)
{
	json_t *json = json_object();

	json_put_number(json, "kept", drift->checkpoints_kept);
	json_put_number(json, "unknown", drift->checkpoints_unknown);
	json_object_set_new(session->report.data, "checkpoints", json);
	if (session_prints(session))
		print_checkpoints(drift);
}

static int update(struct session *session, struct ncm_model *const *models, size_t count, struct ncm_error *err)
{
	const struct settings *settings = &session->settings;
	const struct ncm_lock_options options = {
	    .update = given.update,
	    .whole = !session_selects(session),
	    .prune = given.prune,
	    .dry_run = settings->dry_run,
	    .allow_pickle = settings->provision.allow_pickle,
	    .checkpoints = given.checkpoints,
	};
	struct ncm_drift *drift;
	int exit_code;

	session_progress(session);
	drift = ncm_lock_update(session->config, models, count, &options, &session->sink, err);
	session_quieten(session);
	if (!drift)
		return session_fail(session, err);
	session->report.data = drift_json(drift);
	json_put_flag(session->report.data, "written", drift->written);
	if (session_prints(session))
		print_update(session, drift);
	if (given.checkpoints && !settings->dry_run)
		report_checkpoints(session, drift);
	exit_code = drift_report(session, drift, true);
	ncm_drift_free(drift);
	return exit_code;
}

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_model **models = NULL;
	size_t count = 0;
	int exit_code;

	session->changes = !given.check;
	if (check_options(session, &err) < 0 || drift_choose(session, &models, &count, &err) < 0)
		return session_fail(session, &err);
	exit_code = given.check ? check(session, models, count, &err) : update(session, models, count, &err);
	free(models);
	return exit_code;
}

static const struct option own[] = {
    {0, "update", OPTION_FLAG, .value = &given.update,
     .help = "look everything up anew and follow what upstream serves now, where the manifest allows it"},
    {0, "check", OPTION_FLAG, .value = &given.check,
     .help = "ask whether upstream still serves what is pinned; writes nothing, ends with 3 if not"},
    {0, "prune", OPTION_FLAG, .value = &given.prune,
     .help = "drop pins that no manifest of any profile names and no installed model came from"},
    {0, "checkpoints", OPTION_FLAG, .value = &given.checkpoints,
     .help = "keep the SHA-256 checkpoints of pinned files beside the lock, as far as they are known here"},
    {'n', "dry-run", OPTION_FLAG, offsetof(struct settings, dry_run), .help = "show what would be pinned and stop"},
    {0, "allow-pickle", OPTION_FLAG, offsetof(struct settings, provision.allow_pickle),
     .help = "pin pickle-based files that the manifest does not; loading one can run code"},
    {.name = NULL},
};
static const struct option_group own_group = {"Options", own};

static const char *const examples[] = {
    "ncmodel lock",
    "pin what is not pinned yet, so that every machine pulls the same bytes",
    "ncmodel lock --update --dry-run",
    "which tags and branches name something else now?",
    "ncmodel lock --update llama3.2-3b && ncmodel pull llama3.2-3b",
    "follow one of them",
    "ncmodel lock --check --json",
    "every night: is all that is pinned still served?",
    "ncmodel lock --checkpoints",
    "after a pull: the next machine hashes on all cores while it pulls",
    NULL,
};

const struct command command_lock = {
    .name = "lock",
    .summary = "Pin what is not pinned yet, follow what moved, or check the pins",
    .arguments = "[MODEL...]",
    .operands = OPERANDS_OFFERED,
    .stops_in_order = true,
    .changes = true,
    .groups = {&own_group, &drift_asking, &options_selection, &options_placing},
    .description =
	"Looks every chosen model up at its source and writes revisions, sizes and digests into the lock, without "
	"fetching content. What is pinned already is left alone; with --update it is looked up anew, and what "
	"moves is shown and followed, but for what the manifest itself pins by digest. What fails keeps its pin. A "
	"plain URL whose digest the manifest does not "
	"tell is pinned by its first pull.\n\n"
	"--check compares without writing: the files of a commit or version with their digests, the manifest under "
	"an Ollama tag and, if that moved, whether the pinned layers can still be had, the size at a plain URL. "
	"Ends with 3 if something moved, is gone, or is not in the lock. Of what is gone it tells who else served it, "
	"as far "
	"as the lock knows: a pull notes that there, and asks them for the pinned bytes.\n\n"
	"--checkpoints keeps what pulls and verifies of pinned files have left in the stores, 32 bytes for each 16 "
	"MiB, "
	"in the folder LOCK.checkpoints. A pull with that lock hashes such a file on all cores while it comes, and "
	"fetches a wrong part again at once. They prove nothing by themselves: without them, or with wrong ones, the "
	"pinned digest decides as ever.\n\n"
	"Marks: + new, ~ moved, - in the lock alone, ! gone or failed, = the same (with -v). Without a selector all "
	"models of the profile are chosen.",
    .examples = examples,
    .run = run,
};
