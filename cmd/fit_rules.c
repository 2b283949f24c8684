/* SPDX-License-Identifier: MIT */
#include "fit_rules.h"

#include "ui/table.h"
#include "ui/text.h"

#include <ncmodel/text.h>

#include <stdlib.h>
#include <string.h>

/* What all of this is about. */
struct ruled {
	const struct session *session;
	const struct ncm_fit_rules *rules;
	const struct ncm_registry *registry;
	const struct ncm_fit_wish *wish;
	uint64_t card, budget;      /* bytes; 0: not known, none */
	struct ncm_strings preload; /* ids that stay loaded: what its manifests have preloaded */
};

static uint64_t bytes_of(double gib)
{
	return (uint64_t)(gib * 1024) << 20;
}

/* The rules' profile means its own; another may have that id, too. */
static const struct ncm_model *model_of(const struct ruled *ruled, const char *id)
{
	const struct ncm_catalog *catalog = ruled->session->catalog;
	const struct ncm_model *first = NULL;

	for (size_t i = 0; i < catalog->count; i++) {
		const struct ncm_model *model = &catalog->models[i];

		if (strcmp(model->id, id) != 0)
			continue;
		if (model->profile && strcmp(model->profile, ruled->rules->profile) == 0)
			return model;
		first = first ? first : model;
	}
	return first;
}

/* What the document's own rules reckon with is the document's figure; where it has none, ours. False: not known. */
static bool add_need(const struct ruled *ruled, const char *id, uint64_t *sum)
{
	const struct ncm_model *model = model_of(ruled, id);
	struct need need;
	bool known;

	if (!model)
		return false;
	if (model->vram_max > 0) {
		*sum += bytes_of(model->vram_max);
		return true;
	}
	need_find(ruled->session, ruled->registry, model, ruled->wish, false, &need);
	known = need.fit.basis != NCM_FIT_UNKNOWN && !need.fit.at_least;
	*sum += ncm_fit_sum(&need.fit.card);
	need_clear(&need);
	return known;
}

static bool sum_of(const struct ruled *ruled, const struct ncm_strings *ids, const char *without, uint64_t *sum)
{
	bool known = true;

	*sum = 0;
	for (size_t i = 0; i < ids->count; i++) {
		if (!without || strcmp(ids->items[i], without) != 0)
			known = add_need(ruled, ids->items[i], sum) && known;
	}
	return known;
}

/* "breaks budget and card", "breaks the budget", "stays within the budget". Static. */
static const char *outcome(bool breaks_budget, bool breaks_card)
{
	if (breaks_budget && breaks_card)
		return "breaks budget and card: unload first";
	if (breaks_card)
		return "breaks the card: unload first";
	return breaks_budget ? "breaks the budget: unload first" : "fits beside it";
}

static void say_beside(const struct ruled *ruled, const char *id, uint64_t sum, json_t *object)
{
	const bool breaks_budget = ruled->budget > 0 && sum > ruled->budget;
	const bool breaks_card = ruled->card > 0 && sum > ruled->card;
	AUTO_FREE char *names = words_join(&ruled->preload, ", ");
	AUTO_FREE char *all = gib_text(sum);
	AUTO_FREE char *safe = text_safe(id);

	json_put_number(object, "with_preload", sum);
	json_put_flag(object, "breaks_budget", breaks_budget);
	json_put_flag(object, "breaks_card", breaks_card);
	if (session_prints(ruled->session))
		print_line(stdout, "With the preload set resident (%s), %s %s (%s together).", names, safe,
			   outcome(breaks_budget, breaks_card), all);
}

static void say_matrix(const struct ruled *ruled, const char *id, json_t *object)
{
	const struct ncm_fit_task *task = ncm_fit_task_of(ruled->rules, id);
	struct ncm_strings unload = {0};

	if (!task)
		return;
	for (size_t i = 0; i < ruled->preload.count; i++) {
		const char *resident = ruled->preload.items[i];
		const struct ncm_model *model = model_of(ruled, resident);

		if (strcmp(resident, id) != 0 && !ncm_fit_task_admits(task, model ? model->kind : NULL))
			words_add(&unload, resident);
	}
	AUTO_FREE char *beside = task->beside.count ? words_join(&task->beside, ", ") : text_copy("nothing");
	AUTO_FREE char *which = words_join(&unload, ", ");
	AUTO_FREE char *name = text_safe(task->task);

	json_put_text(object, "task", task->task);
	json_put(object, "may_run_beside", json_words(&task->beside));
	json_put(object, "unload_first", json_words(&unload));
	if (session_prints(ruled->session))
		print_line(stdout, "  The profile's document: beside %s may run: %s%s%s.", name, beside,
			   unload.count ? "; unload " : "", which);
	ncm_strings_free(&unload);
}

static void say_group(const struct ruled *ruled, const char *id, json_t *object)
{
	const struct ncm_fit_group *group = ncm_fit_group_of(ruled->rules, id);

	if (!group)
		return;
	json_put(object, "pick_one", json_words(&group->models));
	if (session_prints(ruled->session)) {
		AUTO_FREE char *title = text_safe(group->title);
		AUTO_FREE char *names = words_join(&group->models, ", ");

		print_line(stdout, "  %s: one at a time of %s.", title, names);
	}
}

static void say_model(const struct ruled *ruled, const char *id, json_t *array)
{
	uint64_t resident, own = 0;
	json_t *object;

	if (!model_of(ruled, id) || ncm_strings_contain(&ruled->preload, id) ||
	    !sum_of(ruled, &ruled->preload, id, &resident) || !add_need(ruled, id, &own))
		return;
	object = json_object();
	json_put_text(object, "id", id);
	say_beside(ruled, id, resident + own, object);
	say_matrix(ruled, id, object);
	say_group(ruled, id, object);
	json_push(array, object);
}

static struct stage_need sum_up(const struct ruled *ruled, const struct ncm_fit_stage *stage)
{
	struct stage_need need = {.stage = stage};

	need.known = sum_of(ruled, &stage->models, NULL, &need.sum);
	if (need.known && ruled->card > 0)
		need.verdict = need.sum <= ruled->card ? NCM_FIT_YES : NCM_FIT_NO;
	return need;
}

json_t *stage_json(const struct stage_need *need)
{
	json_t *object = json_object();

	json_put_text(object, "title", need->stage->title);
	json_put(object, "models", json_words(&need->stage->models));
	json_put(object, "stated_gib", json_real(need->stage->stated));
	json_put(object, "sum", need->known ? json_number(need->sum) : json_null());
	json_put_text(object, "verdict", ncm_fit_verdict_name(need->verdict));
	return object;
}

const char *stage_word(const struct stage_need *need)
{
	return need->verdict == NCM_FIT_YES ? "fits" : need->verdict == NCM_FIT_NO ? "too large" : "not known";
}

char *stage_models(const struct stage_need *need)
{
	const struct ncm_strings *models = &need->stage->models;

	return models->count ? words_join(models, ", ") : text_copy("nothing");
}

static void add_stage(const struct stage_need *need, struct table *table)
{
	const struct ncm_fit_stage *stage = need->stage;

	table_foreign(table, stage->title);
	table_cell(table, text_format("%g GB", stage->stated));
	table_cell(table, need->known ? gib_text(need->sum) : text_copy("?"));
	table_text(table, stage_word(need));
	table_cell(table, stage_models(need));
}

/* The machine's card, or where there is none and no other was said, the one of the document. */
static void say_card(const struct ruled *ruled, const struct card *card)
{
	AUTO_FREE char *own = card_text(card);
	AUTO_FREE char *room = gib_text(ruled->card);
	AUTO_FREE char *name = text_safe(ruled->rules->gpu);

	if (card->room > 0 || ruled->card == 0)
		print_line(stdout, "Held against: %s.", own);
	else
		print_line(stdout, "Held against: the card of the profile's document, %s%s%s; here: %s.", name,
			   *name ? ", " : "", room, own);
}

/* Returns how many are not known to fit. */
static size_t say_stages(const struct ruled *ruled, const struct card *card, json_t *array)
{
	struct table *table = table_new(0);
	size_t not_fitting = 0;

	table_column(table, "STAGE", COLUMN_WHOLE);
	table_column(table, "STATED", COLUMN_RIGHT);
	table_column(table, "SUM", COLUMN_RIGHT);
	table_column(table, "", 0);
	table_column(table, "LOADED", COLUMN_BELOW);
	for (size_t i = 0; i < ruled->rules->stage_count; i++) {
		const struct stage_need need = sum_up(ruled, &ruled->rules->stages[i]);

		not_fitting += need.verdict != NCM_FIT_YES;
		json_push(array, stage_json(&need));
		add_stage(&need, table);
	}
	if (session_prints(ruled->session)) {
		say_card(ruled, card);
		table_print(table, stdout);
	}
	table_free(table);
	return not_fitting;
}

static int refuse(struct session *session, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_USAGE, "fit --stages: the profile's document has no stages");
	ncm_error_hint(err, "`ncmodel fit --profile nc-dev-rtx4090 --stages` has them");
	return session_fail(session, err);
}

static int show_stages(struct session *session, const struct ruled *ruled, const struct card *card, json_t *data)
{
	json_t *array = json_array();
	const size_t not_fitting = say_stages(ruled, card, array);

	json_put(data, "stages", array);
	return fit_demand(session, not_fitting, ruled->rules->stage_count);
}

/* Of an id that several profiles have, the rules mean one model. */
static bool is_said(const struct fit_row *rows, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (strcmp(rows[i].need.id, rows[index].need.id) == 0)
			return true;
	}
	return false;
}

static int show_rules(const struct ruled *ruled, const struct fit_row *rows, size_t count, json_t *data)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count && ruled->preload.count > 0; i++) {
		if (!is_said(rows, i))
			say_model(ruled, rows[i].need.id, array);
	}
	json_put(data, "rules", array);
	return 0;
}

/* Of the profile that the rules are of, what its manifests say. */
static void find_preload(struct ruled *ruled)
{
	const struct ncm_catalog *catalog = ruled->session->catalog;

	for (size_t i = 0; i < catalog->residence_count; i++) {
		const struct ncm_residence *residence = &catalog->residences[i];

		if (!residence->profile || strcmp(residence->profile, ruled->rules->profile) != 0)
			continue;
		for (size_t k = 0; k < residence->preload.count; k++)
			words_add_new(&ruled->preload, residence->preload.items[k]);
	}
}

int rules_find(const struct session *session, bool (*has)(const struct ncm_fit_rules *rules),
	       struct ncm_fit_rules **rules, struct ncm_error *err)
{
	const struct ncm_config *config = session->config;

	*rules = NULL;
	for (size_t i = 0; i <= config->more_profile_count; i++) {
		const char *profile = i == 0 ? config->profile : config->more_profiles[i - 1];

		if (ncm_fit_rules_load(config, profile, rules, err) < 0)
			return -1;
		if (*rules && has(*rules))
			return 0;
		ncm_fit_rules_free(*rules);
		*rules = NULL;
	}
	return 0;
}

static bool has_stages(const struct ncm_fit_rules *rules)
{
	return rules->stage_count > 0;
}

/* What there is to say of one model. */
static bool has_rules(const struct ncm_fit_rules *rules)
{
	return rules->budget > 0 || rules->task_count > 0 || rules->group_count > 0;
}

int rules_show(struct session *session, const struct fit_row *rows, size_t count, const struct card *card,
	       const struct ncm_fit_wish *wish, bool stages, json_t *data)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_fit_rules *rules = NULL;
	struct ncm_registry *registry = NULL;
	int failed = 0;

	if (!stages && !session->catalog)
		return 0;
	if (rules_find(session, stages ? has_stages : has_rules, &rules, &err) < 0 ||
	    (!session->catalog && session_catalog(session, &err) < 0) ||
	    !(registry = ncm_registry_load(session->config, &err))) {
		failed = session_fail(session, &err);
	} else if (stages && !rules) {
		failed = refuse(session, &err);
	} else if (rules && (stages || session->settings.selector.names.count > 0)) {
		struct ruled ruled = {.session = session,
				      .rules = rules,
				      .registry = registry,
				      .wish = wish,
				      .card = card->room ? card->room : bytes_of(rules->card),
				      .budget = bytes_of(rules->budget)};

		find_preload(&ruled);
		failed = stages ? show_stages(session, &ruled, card, data) : show_rules(&ruled, rows, count, data);
		ncm_strings_free(&ruled.preload);
	}
	ncm_registry_free(registry);
	ncm_fit_rules_free(rules);
	return failed;
}

static void sum_up_stages(const struct ruled *ruled, struct stages *stages)
{
	stages->card = ruled->card;
	for (size_t i = 0; i < stages->rules->stage_count; i++) {
		stages->items = memory_grow(stages->items, stages->count + 1, sizeof *stages->items);
		stages->items[stages->count++] = sum_up(ruled, &stages->rules->stages[i]);
	}
}

/* One look at models.json and at the cards is for all of them. */
static int sum_up_all(const struct session *session, struct stages *all, size_t count, struct ncm_error *err)
{
	struct ncm_registry *registry = ncm_registry_load(session->config, err);
	struct card card = {0};
	const int failed = registry ? card_find(session, &card, err) : -1;
	struct ncm_fit_wish wish;

	ncm_fit_wish_default(&wish);
	for (size_t i = 0; i < count && !failed; i++) {
		const struct ncm_fit_rules *rules = all[i].rules;
		const struct ruled ruled = {.session = session,
					    .rules = rules,
					    .registry = registry,
					    .wish = &wish,
					    .card = card.room ? card.room : bytes_of(rules->card)};

		sum_up_stages(&ruled, &all[i]);
	}
	card_free(&card);
	ncm_registry_free(registry);
	return failed;
}

int stages_find(const struct session *session, struct stages **all, size_t *count, struct ncm_error *err)
{
	const struct ncm_config *config = session->config;

	for (size_t i = 0; i <= config->more_profile_count; i++) {
		const char *profile = i == 0 ? config->profile : config->more_profiles[i - 1];
		struct ncm_fit_rules *rules;

		if (ncm_fit_rules_load(config, profile, &rules, err) < 0)
			return -1;
		if (!rules || !has_stages(rules)) {
			ncm_fit_rules_free(rules);
			continue;
		}
		*all = memory_grow(*all, *count + 1, sizeof **all);
		(*all)[(*count)++].rules = rules;
	}
	return *count > 0 ? sum_up_all(session, *all, *count, err) : 0;
}

void stages_clear(struct stages *stages)
{
	free(stages->items);
	ncm_fit_rules_free(stages->rules);
	*stages = (struct stages){0};
}
