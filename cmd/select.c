/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "select_view.h"
#include "select_vram.h"
#include "ui/text.h"

#include <string.h>

static struct {
	const char *use_case, *role, *task, *pipeline;
	struct option_number agents;
	const char *min_quality, *max_cost, *privacy_tier, *rule;
	struct option_number max_latency, vram, context;
	bool installed, ask_runtime;
} given;

/* "0.9". Returns a negative number if it is not given. */
static int take_share(const char *option, const char *text, double *share, struct ncm_error *err)
{
	char *end = NULL;

	*share = -1;
	if (!text)
		return 0;
	if (text[strspn(text, "0123456789.")] == '\0')
		*share = strtod(text, &end);
	if (end && end != text && *end == '\0' && *share >= 0 && *share <= 1)
		return 0;
	return ncm_error_set(err, NCM_E_USAGE, "%s: \"%s\" is not a number from 0 to 1", option, text);
}

static int take_task(struct ncm_task *task, struct ncm_error *err)
{
	*task = (struct ncm_task){
	    .use_case = given.use_case,
	    .privacy_tier = given.privacy_tier,
	    .max_latency_ms = given.max_latency.value,
	    .vram_gb = (double)given.vram.value / 1e9,
	    .context = given.context.value,
	    .installed = given.installed,
	};
	if (given.vram.given && given.vram.value == 0)
		return ncm_error_set(err, NCM_E_USAGE, "--vram: a card without memory holds no model");
	if (take_share("--min-quality", given.min_quality, &task->min_quality, err) < 0)
		return -1;
	return take_share("--max-cost", given.max_cost, &task->max_cost, err);
}

static bool by_selector(void)
{
	return given.rule && strcmp(given.rule, "selector") == 0;
}

static int check_given(struct ncm_error *err)
{
	const int purposes = !!given.use_case + !!given.role + !!given.task + !!given.pipeline + given.agents.given;

	if (purposes == 0) {
		ncm_error_set(err, NCM_E_USAGE, "select wants to know what for");
		return ncm_error_hint(err, "give one of --usecase, --role, --task, --pipeline and --parallel-agents");
	}
	if (purposes > 1) {
		ncm_error_set(err, NCM_E_USAGE, "select chooses for one purpose at a time");
		return ncm_error_hint(err, "give one of --usecase, --role, --task, --pipeline and --parallel-agents");
	}
	if (given.rule && !given.use_case) {
		ncm_error_set(err, NCM_E_USAGE,
			      "--rule is of --usecase: what else is asked, the profile's rules answer");
		return ncm_error_hint(err, "leave out --rule");
	}
	return 0;
}

/* The rule of the profile that is asked for, if one is. */
static int find_rule(const struct session *session, struct selection *selection, struct ncm_error *err)
{
	const enum ncm_purpose purpose = given.role       ? NCM_PURPOSE_ROLE
					 : given.task     ? NCM_PURPOSE_TASK
					 : given.pipeline ? NCM_PURPOSE_PIPELINE
							  : NCM_PURPOSE_AGENTS;
	const char *word = given.role ? given.role : given.task ? given.task : given.pipeline;
	static const char *const names[] = {[NCM_PURPOSE_ROLE] = "role",
					    [NCM_PURPOSE_TASK] = "task",
					    [NCM_PURPOSE_PIPELINE] = "pipeline",
					    [NCM_PURPOSE_AGENTS] = "parallel-agents"};

	selection->by = given.use_case ? "plan" : names[purpose];
	if (given.use_case)
		return 0;
	selection->rule =
	    ncm_rule_for(session->config, session->catalog, purpose, word, (unsigned)given.agents.value, err);
	return selection->rule ? 0 : -1;
}

/* Returns the exit code. */
static int tell(struct session *session, struct selection *selection)
{
	const int exit_code = given.ask_runtime ? selection_ask_runtime(session, selection) : 0;

	session->report.data = selection_json(selection);
	if (session->report.json)
		return exit_code;
	if (session->settings.quiet) {
		AUTO_FREE char *id = text_safe(selection->cloud ? selection->cloud : selection->candidates[0].id);

		printf("%s%s\n", selection->cloud ? "cloud:" : "", id);
	} else {
		selection_print(selection, session->settings.manifest_files.count == 0);
	}
	return exit_code;
}

/* As choose_by_plan. */
static int take_cloud(struct session *session, struct selection *selection, struct ncm_error *err)
{
	return selection_take_cloud(selection, err) < 0 ? -1 : tell(session, selection);
}

/* Returns the exit code, or -1 with *err. */
static int choose_by_plan(struct session *session, const struct ncm_registry *registry, const struct ncm_task *task,
			  struct ncm_error *err)
{
	struct selection selection = {.task = task};
	struct ncm_candidate *candidates;
	size_t count;
	int failed;

	if (find_rule(session, &selection, err) < 0)
		return -1;
	if (selection.rule && selection.rule->cloud)
		return take_cloud(session, &selection, err);
	candidates =
	    ncm_candidates(session->catalog, registry, selection.rule ? selection.rule->profile : NULL, &count);
	if (selection.rule)
		count = ncm_candidates_of_rule(selection.rule, candidates, count);
	select_count_vram(task, selection.rule, candidates, count);
	failed = ncm_choose(task, selection.rule, candidates, count, &selection.fitting, err);
	selection.candidates = candidates;
	selection.considered = count;
	if (!failed)
		failed = tell(session, &selection);
	free(candidates);
	return failed;
}

/* The Selector sees what is installed alone; so the plan's rule, which its answer is compared with, does, too. */
static int choose_by_selector(struct session *session, const struct ncm_registry *registry, const struct ncm_task *task,
			      struct ncm_error *err)
{
	struct selection selection = {.by = "selector", .by_selector = true, .task = task};
	struct ncm_task plans_task = *task;
	struct ncm_candidate *candidates, *plans;
	size_t count, fitting;
	int failed;

	candidates = ncm_candidates(NULL, registry, NULL, &selection.considered);
	failed = ncm_choose_as_selector(task, candidates, selection.considered, &selection.fitting, err);
	selection.candidates = candidates;
	plans = ncm_candidates(session->catalog, registry, NULL, &count);
	plans_task.installed = true;
	select_count_vram(&plans_task, NULL, plans, count);
	if (!failed && ncm_choose(&plans_task, NULL, plans, count, &fitting, NULL) == 0)
		selection.plans = &plans[0];
	if (!failed)
		failed = tell(session, &selection);
	free(candidates);
	free(plans);
	return failed;
}

/* Of what is installed models.json says enough to choose, if need be. */
static int load_catalog(struct session *session, struct ncm_error *err)
{
	if (session_config(session, err) < 0)
		return -1;
	if (!given.use_case || !(given.installed || by_selector()))
		return session_catalog(session, err);
	session_catalog_if_any(session, "no stars are known");
	return 0;
}

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_registry *registry;
	struct ncm_task task;
	int exit_code;

	if (check_given(&err) < 0 || take_task(&task, &err) < 0 || load_catalog(session, &err) < 0)
		return session_fail(session, &err);
	registry = ncm_registry_load(session->config, &err);
	if (!registry)
		return session_fail(session, &err);
	exit_code = by_selector() ? choose_by_selector(session, registry, &task, &err)
				  : choose_by_plan(session, registry, &task, &err);
	ncm_registry_free(registry);
	return exit_code < 0 ? session_fail(session, &err) : exit_code;
}

static const struct option purposes[] = {
    {0, "usecase", OPTION_TEXT, .value = &given.use_case, .argument = "WORD", .help = "for this use case",
     .completes = COMPLETES_USE_CASE},
    {0, "role", OPTION_TEXT, .value = &given.role, .argument = "ROLE",
     .help = "for this role of the profile's document, such as overseer", .completes = COMPLETES_ROLE},
    {0, "task", OPTION_TEXT, .value = &given.task, .argument = "TASK",
     .help = "for this task of the profile's document, such as \"quick chat\"", .completes = COMPLETES_TASK},
    {0, "pipeline", OPTION_TEXT, .value = &given.pipeline, .argument = "KIND",
     .help = "for this kind of pipeline of the profile's document, such as heavy", .completes = COMPLETES_PIPELINE},
    {0, "parallel-agents", OPTION_NUMBER, .value = &given.agents, .argument = "N",
     .help = "for so many agents at work at once", .least = 1, .most = 1000},
    {.name = NULL},
};
static const struct option demands[] = {
    {0, "min-quality", OPTION_TEXT, .value = &given.min_quality, .argument = "SCORE",
     .help = "quality (performance_score) at least, 0 to 1"},
    {0, "max-latency-ms", OPTION_NUMBER, .value = &given.max_latency, .argument = "MS",
     .help = "latency at most, of models whose manifest states one", .least = 1, .most = 999999999},
    {0, "privacy-tier", OPTION_TEXT, .value = &given.privacy_tier, .argument = "TIER",
     .help = "models that may be given such data: Public, Internal, Confidential or Restricted",
     .words = "Public Internal Confidential Restricted"},
    {0, "max-cost", OPTION_TEXT, .value = &given.max_cost, .argument = "SCORE", .help = "cost_score at most, 0 to 1"},
    {0, "vram", OPTION_SIZE, .value = &given.vram, .argument = "SIZE",
     .help = "what the card has, such as 12GB; compared with what an installed model's header says that it takes at "
	     "--context (8192 if not given), else "
	     "with the VRAM that the manifest states"},
    {0, "context", OPTION_NUMBER, .value = &given.context, .argument = "N", .help = "tokens of context at least",
     .least = 1, .most = 999999999},
    {0, "installed", OPTION_FLAG, .value = &given.installed, .help = "of what is installed alone"},
    {0, "ask-runtime", OPTION_FLAG, .value = &given.ask_runtime,
     .help = "whether a program that runs models answers; if none does, what the document falls back to (exit 14)"},
    {0, "rule", OPTION_TEXT, .value = &given.rule, .argument = "RULE",
     .help = "plan: the loading plan's, the default; selector: the Model Selector's published scoring",
     .words = "plan selector"},
    {.name = NULL},
};
static const struct option_group purposes_group = {"What for", purposes};
static const struct option_group demands_group = {"What it must be", demands};

static const char *const examples[] = {
    "ncmodel select --usecase CodeGeneration --min-quality 0.9 --privacy-tier Internal",
    "the best model for writing code",
    "ncmodel --profile nebula-rtx3060 select --task \"quick chat\"",
    "what that profile's document recommends",
    "ncmodel select --usecase Reasoning --installed -q",
    "its id alone, for scripts",
    NULL,
};

const struct command command_select = {
    .name = "select",
    .summary = "Choose a model for a task",
    .arguments = "",
    .groups = {&purposes_group, &demands_group, &options_serving},
    .description =
	"Chooses one model of the profile, or of what is installed, and says why; three alternatives follow. For a use "
	"case the loading plan's rule counts: what does not meet a demand is left out, then come stars for the use "
	"case, quality, stars for speed, and size. For a role, a task, a pipeline or agents the profile's own "
	"document has chosen; some tasks it gives to the cloud: that is the answer then (\"source\": \"cloud\", with "
	"-q "
	"\"cloud:MODEL\"), unless something is demanded that nobody states of that model.\n\nWhat nobody knows (the "
	"latency of a model, say) neither meets a demand nor fails it: "
	"such a model stays, behind all that are known to meet every demand, and the answer says so.\n\n--rule "
	"selector scores what is installed as the Model Selector does, and tells what the loading plan's rule would "
	"choose. Where no model is left the exit code is 12.",
    .examples = examples,
    .run = run,
};
