/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "runtime_view.h"

#include "cut_off.h"
#include "fit_check.h"
#include "fit_view.h"
#include "model_name.h"
#include "plan_view.h"
#include "pull.h"
#include "requirements.h"
#include "ui/ask.h"
#include "ui/progress.h"
#include "ui/table.h"
#include "ui/text.h"
#include "workflow_view.h"

#include <ncmodel/text.h>

enum {
	LONGEST_URI = 512,
};

static bool must_ask(const struct session *session, const struct ncm_plan *plan)
{
	return !session->settings.yes && !session->report.json &&
	       (plan->to_get > 0 || plan->to_get_doubt.unknown > 0) && ask_possible();
}

static const char *outcome_name(enum ncm_outcome outcome)
{
	static const char *const names[] = {
	    [NCM_OUTCOME_PULLED] = "pulled", [NCM_OUTCOME_PRESENT] = "present", [NCM_OUTCOME_FAILED] = "failed"};

	return names[outcome];
}

static json_t *result_model_json(const struct ncm_result_model *model)
{
	json_t *object = json_object();

	json_put_text(object, "id", model->model->id);
	json_put_text(object, "name", model->model->name);
	json_put_text(object, "outcome", outcome_name(model->outcome));
	json_put_number(object, "size", model->size);
	json_put_number(object, "fetched", model->fetched);
	json_put_source(object, "served_by", model->served_by);
	json_put_flag(object, "first_use", model->first_use);
	return object;
}

static json_t *result_json(const struct ncm_result *result)
{
	json_t *object = json_object();
	json_t *models = json_array();

	for (size_t i = 0; i < result->count; i++)
		json_push(models, result_model_json(&result->models[i]));
	json_put(object, "models", models);
	json_put_number(object, "pulled", result->pulled);
	json_put_number(object, "present", result->present);
	json_put_number(object, "failed", result->failed);
	json_put_number(object, "fetched", result->fetched);
	json_put(object, "seconds", json_real(result->seconds));
	json_put(object, "disks", plan_disks_json(result->disks, result->disk_count));
	return object;
}

static void add_result_model(const struct ncm_result_model *model, struct table *table)
{
	static const enum style styles[] = {
	    [NCM_OUTCOME_PULLED] = STYLE_GOOD, [NCM_OUTCOME_PRESENT] = STYLE_NONE, [NCM_OUTCOME_FAILED] = STYLE_BAD};
	const bool stopped = model->error.code == NCM_E_INTERRUPTED;
	AUTO_FREE char *told = ncm_source_told(model->served_by, NULL);
	AUTO_FREE char *uri = text_safe_long(told, LONGEST_URI);
	char size[32];

	table_styled(table, text_copy(stopped ? "unfinished" : outcome_name(model->outcome)),
		     stopped ? STYLE_WARN : styles[model->outcome]);
	table_foreign(table, model_name(model->model));
	table_cell(table, text_copy(model->size ? ncm_format_size(model->size, size, sizeof size) : ""));
	if (model->outcome == NCM_OUTCOME_FAILED)
		table_cell(table, text_copy(stopped ? "" : ncm_errc_name(model->error.code)));
	else
		table_cell(table, model->fetched > 0 && *uri ? text_format("from %s", uri) : text_copy(""));
}

static void print_result_models(const struct ncm_result *result)
{
	struct table *table = table_new(0);

	table_column(table, "", 0);
	table_column(table, "", COLUMN_WHOLE);
	table_column(table, "", COLUMN_RIGHT);
	table_column(table, "", COLUMN_BELOW);
	for (size_t i = 0; i < result->count; i++)
		add_result_model(&result->models[i], table);
	table_print(table, stdout);
	table_free(table);
}

static void print_first_use(const struct ncm_result *result)
{
	for (size_t i = 0; i < result->count; i++) {
		if (result->models[i].first_use) {
			AUTO_FREE char *id = text_safe(result->models[i].model->id);

			print_line(stdout, "Trusted on first use: %s; its digest is in the lock now.", id);
		}
	}
}

static void print_disks(const struct ncm_result *result)
{
	for (size_t i = 0; i < result->disk_count; i++) {
		AUTO_FREE char *path = text_safe_long(result->disks[i].path, LONGEST_URI);
		char free_now[32];

		if (result->disks[i].free_known)
			print_line(stdout, "Disk %s: %s free.", path,
				   ncm_format_size(result->disks[i].free, free_now, sizeof free_now));
		else
			print_line(stdout, "Disk %s: its free space is not known.", path);
	}
}

static void print_total(const struct ncm_result *result)
{
	char size[32], time[32], rate[32];
	AUTO_FREE char *speed = NULL;
	AUTO_FREE char *rest = NULL;
	size_t unfinished = 0;

	for (size_t i = 0; i < result->count; i++)
		unfinished += result->models[i].error.code == NCM_E_INTERRUPTED;
	if (result->seconds > 0.1 && result->fetched > 0)
		speed = text_format(", %s/s", ncm_format_size((uint64_t)((double)result->fetched / result->seconds),
							      rate, sizeof rate));
	if (unfinished > 0)
		rest = text_format(", %zu unfinished", unfinished);
	print_line(stdout, "Pulled %zu (%s in %s%s), %zu already there, %zu failed%s.", result->pulled,
		   ncm_format_size(result->fetched, size, sizeof size),
		   ncm_format_duration(result->seconds, time, sizeof time), speed ? speed : "", result->present,
		   result->failed - unfinished, rest ? rest : "");
}

static void print_result(const struct session *session, const struct ncm_plan *plan, const struct ncm_result *result)
{
	uint64_t size = 0;

	if (!session_prints(session))
		return;
	for (size_t i = 0; i < result->count; i++)
		size += result->models[i].size;
	if (result->failed == 0 && result->pulled == 0) {
		AUTO_FREE char *line = plan_in_place(result->count, size);

		printf("%s\n", line);
		plan_print_unconfirmed(plan, stdout);
		return;
	}
	if (!result->unreachable || result->pulled > 0)
		print_result_models(result);
	print_first_use(result);
	requirements_print(plan, result);
	print_disks(result);
	print_total(result);
}

static int interrupted(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;

	ncm_error_set(&err, NCM_E_INTERRUPTED,
		      "Interrupted. Everything fetched so far is kept; run the same command to go on.");
	return session_fail(session, &err);
}

/* Reports what failed; an interruption is told once, not for every model that it stopped. */
static int report_failures(struct session *session, struct ncm_result *result)
{
	const enum ncm_errc class = ncm_result_class(result);
	struct cut_off cut_off = {.report = &session->report, .how = result->unreachable};

	for (size_t i = 0; i < result->count; i++) {
		struct ncm_result_model *model = &result->models[i];

		if (model->outcome != NCM_OUTCOME_FAILED || model->error.code == NCM_E_INTERRUPTED)
			continue;
		model_name_error(model->model, &model->error);
		if (cut_off_takes(&cut_off, &model->error, model->model->id))
			continue;
		report_error(&session->report, &model->error, model->model->id);
	}
	cut_off_tell(&cut_off);
	return report_exit_code(class);
}

static int carry_out(struct session *session, struct ncm_plan *plan)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_result *result = NULL;
	int failed, exit_code = 0;

	session_progress(session);
	if (plan->files_to_get > 0)
		progress_expect(session->progress, plan);
	failed = ncm_plan_run(plan, &session->sink, &result, &err);
	session_quieten(session);
	if (result) {
		if (session->report.json)
			json_put(session->report.data, "result", result_json(result));
		print_result(session, plan, result);
		exit_code = report_failures(session, result);
	}
	if (failed ? err.code == NCM_E_INTERRUPTED : result && ncm_result_class(result) == NCM_E_INTERRUPTED)
		exit_code = interrupted(session);
	else if (failed)
		exit_code = session_fail(session, &err);
	ncm_error_clear(&err);
	ncm_result_free(result);
	return exit_code;
}

static int dry_run(struct session *session, const struct ncm_plan *plan)
{
	if (session_prints(session))
		plan_print(session, plan, stdout);
	return plan_report(session, plan);
}

/* Without a network the first time: there is nothing to show. */
static bool nothing_known(const struct ncm_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		if (plan->models[i].error.code == NCM_OK)
			return false;
	}
	return plan->unreachable != NULL;
}

static int pull(struct session *session, struct ncm_plan *plan)
{
	if (session->settings.dry_run || (session->workflow && plan->count == 0))
		return dry_run(session, plan);
	if ((plan->changes || session->settings.verbose) && !session->settings.quiet && !session->report.events &&
	    !nothing_known(plan))
		plan_print(session, plan, stderr);
	if (!plan->enough_space)
		return plan_report(session, plan);
	if (must_ask(session, plan)) {
		const enum answer answer = ask("Continue?", ANSWER_YES);

		if (answer == ANSWER_INTERRUPTED)
			return interrupted(session);
		if (answer == ANSWER_NO) {
			report_note(&session->report, "Nothing was done.");
			return 0;
		}
	}
	return carry_out(session, plan);
}

static bool via_server;
static struct ncm_strings sidecars;

#define SIDECARS "a1111 lora-manager"

static unsigned sidecar_bits(void)
{
	return (ncm_strings_contain(&sidecars, "a1111") ? NCM_SIDECAR_A1111 : 0u) |
	       (ncm_strings_contain(&sidecars, "lora-manager") ? NCM_SIDECAR_LORA_MANAGER : 0u);
}

/* The server's store is not looked at, and nothing else that would be asked of a plan can be. */
static int pull_via_server(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_runtime_options options = {.sink = &session->sink};
	struct ncm_runtime_report *report;

	if (session->settings.operands.count == 0 || session->settings.dry_run || session->settings.provision.offline ||
	    session->settings.provision.license_policy) {
		ncm_error_set(&err, NCM_E_USAGE,
			      "--via-server fetches the models that are named, at once, online and whatever their "
			      "licences");
		ncm_error_hint(&err, "name them, and leave out --dry-run, --offline and --license-policy");
		return session_fail(session, &err);
	}
	if (session_config(session, &err) < 0)
		return session_fail(session, &err);
	session_catalog_if_any(session, "models are known by Ollama's names alone");
	session_progress(session);
	report = ncm_runtime_pull(session->config, session->catalog, &session->settings.operands, &options, &err);
	session_quieten(session);
	return report ? runtime_tell(session, report) : session_fail(session, &err);
}

int pull_chosen(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_plan *plan;
	int exit_code, lacking;

	session->settings.provision.only_plan = session->settings.dry_run;
	plan = plan_make(session, &err);
	if (!plan && err.code == NCM_E_INTERRUPTED) {
		ncm_error_clear(&err);
		return interrupted(session);
	}
	if (!plan)
		return session_fail(session, &err);
	if (session->report.json) {
		session->report.data = json_object();
		json_put(session->report.data, "plan", plan_json(plan));
		workflow_put(session, json_object_get(session->report.data, "plan"));
	}
	lacking = workflow_report(session);
	exit_code = fit_check(session, plan);
	if (exit_code == 0)
		exit_code = plan_join_codes(lacking, pull(session, plan));
	ncm_plan_free(plan);
	return exit_code;
}

static int run(struct session *session)
{
	if (via_server)
		return pull_via_server(session);
	session->settings.provision.sidecars = sidecar_bits();
	return pull_chosen(session);
}

static const struct option own[] = {
    {'n', "dry-run", OPTION_FLAG, offsetof(struct settings, dry_run), .help = "print the plan and stop"},
    {'y', "yes", OPTION_FLAG, offsetof(struct settings, yes), .help = "do not ask"},
    {0, "workflow", OPTION_TEXT, offsetof(struct settings, workflow), .argument = "FILE",
     .help = "the files that this ComfyUI workflow asks for: JSON, or a picture or video that has one in it",
     .completes = COMPLETES_FILE},
    {0, "custom-nodes", OPTION_FLAG, offsetof(struct settings, custom_nodes),
     .help = "with --workflow: its packs of nodes, too, as archives; their code is unpacked, and not run"},
    {0, "via-server", OPTION_FLAG, .value = &via_server,
     .help = "have a running Ollama fetch them into its own store, and compare its digest with the registry's"},
    {0, "server", OPTION_LIST, offsetof(struct settings, servers), .argument = "NAME=URL",
     .help = "with --via-server: this server, as for ps"},
    {0, "sidecars", OPTION_WORDS, .value = &sidecars, .argument = "KINDS", .words = SIDECARS,
     .help =
	 "write what is told of a model (trigger words …) beside its file, for the applications that read it there"},
    {0, "no-fill", OPTION_FLAG, offsetof(struct settings, provision.no_fill),
     .help = "do not send what comes from its source to the cache that machines share"},
    {0, "no-wait", OPTION_FLAG, offsetof(struct settings, provision.no_wait),
     .help = "fail instead of waiting for another ncmodel"},
    {'j', "jobs", OPTION_NUMBER, offsetof(struct settings, jobs), .argument = "N", .help = "files at once", .least = 1,
     .most = NCM_LIMIT_PARALLEL},
    {'x', "connections", OPTION_NUMBER, offsetof(struct settings, connections), .argument = "N",
     .help = "connections to one host at once, at most", .least = 1, .most = NCM_LIMIT_PARALLEL},
    {0, "limit-rate", OPTION_SIZE, offsetof(struct settings, limit_rate), .argument = "SIZE",
     .help = "at most this many bytes a second for the whole run: 20M"},
    {.name = NULL},
};
static const struct option_group own_group = {"Options", own};

static const char *const examples[] = {
    "ncmodel pull --phase 1",
    "fetch, check, place and register the first phase",
    "ncmodel pull ollama:llama3.2:3b",
    "a source spelled out, with no manifest",
    "ncmodel pull hf:ORG/REPO:Q4_K_M",
    "the one GGUF file, or split set, of that quantization",
    "ncmodel pull hf:ORG/REPO --to training --include '*.safetensors' --include '*.json'",
    "a part of a repository, which is remembered; its files lie in a folder REPO",
    "ncmodel pull civitai:128713 --to comfyui",
    "a file from Civitai, into the folder that ComfyUI has for what it is",
    "ncmodel pull --workflow portrait.png",
    "what a ComfyUI workflow needs, into the folders where its loaders look",
    "ncmodel pull -y --json --progress json >result.json 2>events.ndjson",
    "for a program: one document, and one event a line",
    "ncmodel pull --phase 1 --license-policy commercial",
    "nothing whose licence is not known to allow commercial use",
    NULL,
};

const struct command command_pull = {
    .name = "pull",
    .summary = "Fetch, check, place and register models",
    .arguments = "[MODEL...]",
    .operands = OPERANDS_OFFERED,
    .stops_in_order = true,
    .changes = true,
    .groups = {&own_group, &options_planning, &options_card, &options_selection, &options_placing},
    .description =
	"Makes the chosen models present: plans, asks on a terminal, fetches what is missing, compares every "
	"digest, places files atomically and records them in models.json. Without a selector all models of "
	"the profile are chosen.\n\n"
	"Sources are spelled as ollama:NAME:TAG, hf:ORG/REPO[/PATH][@REVISION], civitai:VERSION, https://..., or "
	"pasted "
	"as the addresses of their pages. What has to be accepted or needs a login is told before anything is fetched. "
	"Files whose names cannot be had on every system get others, and the plan says which.\n\n"
	"Where Ollama's store is not yours to write, --via-server has the server fetch the models that are named. They "
	"count as pulled if the server then lists them with the digest of the registry's manifest (and that of your "
	"own, if it pins one); models.json does not change. Ends with 14 if no such server answers.\n\n"
	"--workflow takes the files that a ComfyUI workflow asks for, as for plan; packs of nodes are told, and "
	"unpacked with --custom-nodes alone.\n\n"
	"One model's failure does not stop the others. After an interruption the same command goes on from "
	"what is on disk.",
    .examples = examples,
    .run = run,
};
