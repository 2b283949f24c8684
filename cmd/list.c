/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "entry.h"
#include "entry_columns.h"
#include "matrix_view.h"
#include "model_json.h"
#include "search.h"
#include "ui/text.h"

#include <string.h>

static struct {
	bool by_use_case, by_phase, by_store, by_source, available, matrix;
	const char *sort, *search;
	struct ncm_strings columns;
} given;

static int choose_grouping(enum grouping *grouping, struct ncm_error *err)
{
	if (given.by_use_case + given.by_phase + given.by_store + given.by_source > 1) {
		ncm_error_set(err, NCM_E_USAGE, "list can be grouped in one way at a time");
		return ncm_error_hint(err, "choose one of --by-usecase, --by-phase, --by-store, --by-source");
	}
	*grouping = given.by_use_case ? GROUP_USE_CASE
		    : given.by_phase  ? GROUP_PHASE
		    : given.by_store  ? GROUP_STORE
		    : given.by_source ? GROUP_SOURCE
				      : GROUP_NONE;
	if (*grouping != GROUP_NONE && given.matrix) {
		ncm_error_set(err, NCM_E_USAGE, "--matrix has no groups");
		return ncm_error_hint(err, "leave out one of them");
	}
	if (given.matrix && given.columns.count > 0) {
		ncm_error_set(err, NCM_E_USAGE, "--matrix has columns of its own");
		return ncm_error_hint(err, "leave out --columns");
	}
	if (*grouping == GROUP_USE_CASE && given.sort) {
		ncm_error_set(err, NCM_E_USAGE, "--by-usecase has an order of its own: the best score first");
		return ncm_error_hint(err, "leave out --sort");
	}
	return 0;
}

/* What manifests alone know of what is installed. */
static bool wants_manifests(void)
{
	return given.matrix || given.sort || entry_columns_want_manifests(&given.columns);
}

static void add_installed(const struct ncm_registry *registry, const struct ncm_reg_model **chosen, size_t count,
			  struct entries *entries, size_t *places)
{
	for (size_t i = 0; i < count; i++) {
		entries_add_registered(entries, chosen[i]);
		places[chosen[i] - registry->models] = entries->count;
	}
}

/* Of the models of the manifests that are installed; of several, the first that says something is heard. */
static void add_what_manifests_say(const struct session *session, const struct ncm_registry *registry,
				   const size_t *places, struct entries *entries)
{
	for (size_t i = 0; session->catalog && i < session->catalog->count; i++) {
		const struct ncm_model *model = &session->catalog->models[i];
		const struct ncm_reg_model *same = ncm_registry_same(registry, model);
		const size_t place = same ? places[same - registry->models] : 0;

		if (place == 0)
			continue;
		entry_take_words(&entries->items[place - 1], model);
		if (!entries->items[place - 1].rated)
			entries->items[place - 1].rated = model;
	}
}

static void push_installed(const struct ncm_reg_model *model, const struct entry *entry, json_t *models)
{
	static const char *const keys[] = {[ENTRY_PURPOSE] = "purpose",
					   [ENTRY_SPEED] = "speed",
					   [ENTRY_ACCURACY] = "accuracy",
					   [ENTRY_RESOLUTION] = "resolution",
					   [ENTRY_DURATION] = "duration"};
	json_t *object = registered_json(model);

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		if (entry->words[i])
			json_put_text(object, keys[i], entry->words[i]);
	}
	if (entry->rated)
		put_stars(object, entry->rated);
	json_push(models, object);
}

/* Of so many models those that --search finds; returns how many. */
static size_t keep_found(const struct ncm_reg_model **models, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (search_finds_registered(given.search, models[i]))
			models[kept++] = models[i];
	}
	return kept;
}

static int collect_installed(struct session *session, const struct ncm_registry *registry, struct entries *entries,
			     json_t *models, struct ncm_error *err)
{
	const struct ncm_reg_model **chosen = NULL;
	AUTO_FREE size_t *places = memory_grow(NULL, registry->count + 1, sizeof *places);
	size_t count = 0;

	if (registry->count == 0 && session->settings.operands.count == 0) {
		report_note(&session->report,
			    "Nothing is installed yet. `ncmodel list --available` shows what there is, "
			    "`ncmodel plan` what a pull would fetch.");
		return 0;
	}
	if (ncm_registry_select(registry, &session->settings.selector, &chosen, &count, err) < 0)
		return -1;
	count = keep_found(chosen, count);
	memset(places, 0, (registry->count + 1) * sizeof *places);
	add_installed(registry, chosen, count, entries, places);
	if (wants_manifests()) {
		session_catalog_if_any(session, given.matrix || given.sort ? "no stars are known"
									   : "what documents say is not known");
		add_what_manifests_say(session, registry, places, entries);
	}
	for (size_t i = 0; i < count && session->report.json; i++)
		push_installed(chosen[i], &entries->items[i], models);
	free(chosen);
	return 0;
}

static int collect_available(struct session *session, const struct ncm_registry *registry, struct entries *entries,
			     json_t *models, struct ncm_error *err)
{
	struct ncm_model **chosen = NULL;
	size_t count = 0;

	if (session_catalog(session, err) < 0 ||
	    ncm_select(session->catalog, &session->settings.selector, &chosen, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const bool installed = ncm_registry_same(registry, chosen[i]) != NULL;

		if (chosen[i]->required_only || !search_finds_offered(given.search, chosen[i]))
			continue;
		entries_add_offered(entries, chosen[i], installed);
		if (session->report.json)
			json_push(models, model_json(chosen[i], installed));
	}
	free(chosen);
	return 0;
}

static void print_ids(const struct entries *entries)
{
	json_t *seen = json_object();

	for (size_t i = 0; i < entries->count; i++) {
		AUTO_FREE char *id = text_safe(entries->items[i].id);

		if (entry_is_first(entries, &entries->items[i], seen))
			puts(id);
	}
	json_decref(seen);
}

static void print(const struct session *session, const struct entries *entries, enum grouping grouping)
{
	if (session->settings.quiet)
		print_ids(entries);
	else if (given.matrix && entries->count > 0)
		matrix_print(entries);
	else if (entries->count > 0)
		entries_print(entries, grouping, &session->settings.selector.use_cases,
			      &(const struct entry_view){.with_state = given.available, .columns = &given.columns},
			      stdout);
}

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_registry *registry = NULL;
	struct entries entries = {0};
	json_t *models = json_array();
	enum grouping grouping = GROUP_NONE;
	int failed;

	session->report.data = json_object();
	json_put(session->report.data, "models", models);
	if (choose_grouping(&grouping, &err) < 0 || session_selector(session, &err) < 0 ||
	    session_config(session, &err) < 0)
		return session_fail(session, &err);
	registry = ncm_registry_load(session->config, &err);
	if (!registry)
		return session_fail(session, &err);
	failed = given.available ? collect_available(session, registry, &entries, models, &err)
				 : collect_installed(session, registry, &entries, models, &err);
	if (!failed && given.sort)
		json_put(session->report.data, "models", matrix_sort(&entries, given.sort, models));
	if (!failed && !session->report.json)
		print(session, &entries, grouping);
	entries_free(&entries);
	ncm_strings_free(&given.columns);
	ncm_registry_free(registry);
	return failed ? session_fail(session, &err) : 0;
}

static const struct option own[] = {
    {0, "by-usecase", OPTION_FLAG, .value = &given.by_use_case,
     .help = "a group for each use case; a model is in several"},
    {0, "by-phase", OPTION_FLAG, .value = &given.by_phase, .help = "a group for each phase"},
    {0, "by-store", OPTION_FLAG, .value = &given.by_store, .help = "a group for each store"},
    {0, "by-source", OPTION_FLAG, .value = &given.by_source, .help = "a group for each source"},
    {0, "available", OPTION_FLAG, .value = &given.available, .help = "what the manifests offer, installed or not"},
    {0, "search", OPTION_TEXT, .value = &given.search, .argument = "WORDS",
     .help = "only those that each word is found in: names, kind, tags, trigger words, base model"},
    {0, "matrix", OPTION_FLAG, .value = &given.matrix,
     .help = "the stars that the models are rated by: code, reasoning, vision, agents, speed"},
    {0, "sort", OPTION_TEXT, .value = &given.sort, .argument = "STARS",
     .help = "the most stars first: stars.code, stars.reasoning, stars.vision, stars.agents or stars.speed",
     .words = MATRIX_SORTS},
    {0, "columns", OPTION_WORDS, .value = &given.columns, .argument = "NAME[,NAME]",
     .help = "these columns and no others, in this order: purpose, speed, accuracy, resolution and duration are what "
	     "the profile's document says",
     .words = ENTRY_COLUMNS},
    {.name = NULL},
};
static const struct option_group own_group = {"Options", own};

static const char *const examples[] = {
    "ncmodel list --by-usecase",
    "what is installed, for what",
    "ncmodel list --available --usecase CodeGeneration",
    "what the profile offers for writing code",
    "ncmodel list --search 'sdxl anime'",
    "what is installed for SDXL, and has to do with anime",
    "ncmodel list -q",
    "ids alone, for scripts",
    "ncmodel list --available --matrix --sort stars.code",
    "which are rated best for writing code",
    "ncmodel list --available --columns id,speed,accuracy,purpose",
    "what the profile's document says of them",
    NULL,
};

const struct command command_list = {
    .name = "list",
    .alias = "ls",
    .summary = "List what is installed, or what the manifests offer",
    .arguments = "[MODEL...]",
    .operands = OPERANDS_INSTALLED,
    .offers = &given.available,
    .groups = {&own_group, &options_selection},
    .description =
	"Lists the models of models.json. Of several profiles, --available lists what each offers; a model of "
	"two counts once. VRAM and SCORE are what the manifests say (a score in brackets is not the document's); a "
	"SIZE with a ~ before it is one that they "
	"expect. Each group of --by-usecase begins with the best score; with --usecase there is a group for each of "
	"its "
	"words alone.",
    .examples = examples,
    .run = run,
};
