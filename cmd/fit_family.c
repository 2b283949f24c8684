/* SPDX-License-Identifier: MIT */
#include "fit_family.h"

#include "fit_rules.h"
#include "ui/table.h"
#include "ui/text.h"

#include <ncmodel/fit_rules.h>

#include <stdlib.h>
#include <string.h>

static bool same(const char *one, const char *other)
{
	return one && other && strcmp(one, other) == 0;
}

static const struct ncm_model *model_called(const struct ncm_catalog *catalog, const char *id)
{
	for (size_t i = 0; i < catalog->count; i++) {
		if (strcmp(catalog->models[i].id, id) == 0)
			return &catalog->models[i];
	}
	return NULL;
}

/* Read once for models of one profile that stand together. */
void family_count(const struct session *session, struct fit_row *rows, size_t count)
{
	struct ncm_fit_rules *rules = NULL;
	const char *profile = NULL;

	for (size_t i = 0; session->catalog && i < count; i++) {
		const struct ncm_model *model = model_called(session->catalog, rows[i].need.id);

		if (!model || !model->profile)
			continue;
		if (!same(profile, model->profile)) {
			ncm_fit_rules_free(rules);
			profile = model->profile;
			(void)ncm_fit_rules_load(session->config, profile, &rules, NULL); /* rules_show tells why not */
		}
		rows[i].document_context = rules ? ncm_fit_context_of(rules, model->id) : 0;
		if (rows[i].document_context > 0)
			need_count_at(&rows[i].need, rows[i].document_context);
	}
	ncm_fit_rules_free(rules);
}

/* Billions of "7.6B" or "270M"; 0: not known. */
static double billions(const char *parameters)
{
	char *unit = NULL;
	const double number = parameters ? strtod(parameters, &unit) : 0;

	return !unit || number <= 0 ? 0 : *unit == 'B' ? number : *unit == 'M' ? number / 1000 : 0;
}

static bool is_smaller_sibling(const struct ncm_model *one, const struct ncm_model *model)
{
	return same(one->kind, model->kind) && same(one->architecture, model->architecture) &&
	       same(one->profile, model->profile) && billions(one->parameters) > 0 &&
	       billions(one->parameters) < billions(model->parameters);
}

static bool fits(const struct session *session, const struct ncm_registry *registry, const struct ncm_model *model,
		 const struct ncm_fit_wish *wish, const struct card *card)
{
	struct need need;
	bool it_does;

	need_find(session, registry, model, wish, false, &need);
	it_does = ncm_fit_judge(&need.fit, card->room) == NCM_FIT_YES;
	need_clear(&need);
	return it_does;
}

static const struct ncm_model *sibling_of(const struct session *session, const struct ncm_registry *registry,
					  const struct fit_row *row, const struct ncm_fit_wish *wish,
					  const struct card *card)
{
	const struct ncm_catalog *catalog = session->catalog;
	const struct ncm_model *model = model_called(catalog, row->need.id), *best = NULL;
	struct ncm_fit_wish own = *wish;

	if (row->document_context > 0)
		own.context = row->document_context;
	for (size_t i = 0; model && i < catalog->count; i++) {
		const struct ncm_model *one = &catalog->models[i];

		if (is_smaller_sibling(one, model) &&
		    (!best || billions(one->parameters) > billions(best->parameters)) &&
		    fits(session, registry, one, &own, card))
			best = one;
	}
	return best;
}

void family_find(const struct session *session, struct fit_row *rows, size_t count, const struct ncm_fit_wish *wish,
		 const struct card *card)
{
	struct ncm_registry *registry =
	    card->room && session->catalog ? ncm_registry_load(session->config, NULL) : NULL;

	for (size_t i = 0; registry && i < count; i++) {
		if (rows[i].verdict == NCM_FIT_NO || rows[i].verdict == NCM_FIT_CLOSE)
			rows[i].sibling = sibling_of(session, registry, &rows[i], wish, card);
	}
	ncm_registry_free(registry);
}

struct trained {
	const struct ncm_fit_rules *rules;
	const struct card *card;
	const struct ncm_catalog *catalog;
};

/* "8B" is said of 8.03 billion. */
static bool is_small_enough(double parameters, double most)
{
	return parameters < most + 0.5;
}

/* The verdict, and why in *reason. Static. */
static const char *judge(const struct trained *trained, const struct ncm_model *model, char **reason)
{
	const struct ncm_fit_training *training = &trained->rules->training;
	const double parameters = billions(model->parameters);
	const double room = (double)trained->card->room / (1 << 30);

	if (parameters > 0 && !is_small_enough(parameters, training->parameters)) {
		*reason = text_format("more than %g billion parameters", training->parameters);
		return "too-large";
	}
	if (trained->card->room > 0 && room < training->vram) {
		*reason = text_format("takes %g GB at least, the card has %.1f GiB", training->vram, room);
		return "too-large";
	}
	if (parameters <= 0 || trained->card->room == 0) {
		*reason = text_copy(parameters <= 0 ? "how many parameters it has is not known"
						    : "there is no card to hold it against");
		return "unknown";
	}
	*reason = text_format("%g billion parameters at most, on a card of %g GB at least", training->parameters,
			      training->vram);
	return "fits";
}

static bool is_trainable(const struct ncm_model *model)
{
	return model && (same(model->kind, "llm") || same(model->kind, "vlm") || same(model->kind, "training-base"));
}

/* Returns how many are not known to fit. */
static size_t add_models(const struct trained *trained, const struct fit_row *rows, size_t count, struct table *table,
			 json_t *array)
{
	size_t not_fitting = 0;

	for (size_t i = 0; i < count; i++) {
		const struct ncm_model *model = model_called(trained->catalog, rows[i].need.id);
		AUTO_FREE char *reason = NULL;
		const char *verdict;
		json_t *object;

		if (!is_trainable(model))
			continue;
		verdict = judge(trained, model, &reason);
		not_fitting += strcmp(verdict, "fits") != 0;
		object = json_object();
		json_put_text(object, "id", model->id);
		json_put_text(object, "parameters", model->parameters);
		json_put_text(object, "verdict", verdict);
		json_put_text(object, "reason", reason);
		json_push(array, object);
		table_foreign(table, model->id);
		table_foreign(table, model->parameters ? model->parameters : "?");
		table_cell(table, text_copy(strcmp(verdict, "too-large") == 0 ? "too large" : verdict));
		table_cell(table, text_copy(reason));
	}
	return not_fitting;
}

static void find_resident(const struct ncm_catalog *catalog, const char *profile, struct ncm_strings *resident)
{
	for (size_t i = 0; i < catalog->residence_count; i++) {
		const struct ncm_residence *residence = &catalog->residences[i];

		for (size_t k = 0; same(residence->profile, profile) && k < residence->preload.count; k++)
			words_add_new(resident, residence->preload.items[k]);
	}
}

static void print_training(const struct trained *trained, const struct ncm_strings *resident, struct table *table)
{
	AUTO_FREE char *against = card_text(trained->card);
	AUTO_FREE char *words = text_safe_long(trained->rules->training.words, 2000);
	AUTO_FREE char *names = words_join(resident, ", ");

	print_line(stdout, "QLoRA, held against: %s.", against);
	table_print(table, stdout);
	print_line(stdout, "The profile's document: \"%s\".", words);
	print_line(stdout, "Nothing else may be loaded meanwhile%s%s.", *names ? "; unload " : "", names);
}

static json_t *training_json(const struct trained *trained, const struct ncm_strings *resident, json_t *models)
{
	json_t *object = json_object();

	json_put_text(object, "method", "qlora");
	json_put(object, "parameters_most_b", json_real(trained->rules->training.parameters));
	json_put(object, "vram_least_gib", json_real(trained->rules->training.vram));
	json_put_flag(object, "exclusive", true);
	json_put_text(object, "words", trained->rules->training.words);
	json_put(object, "unload_first", json_words(resident));
	json_put(object, "models", models);
	return object;
}

static int show_training(struct session *session, const struct trained *trained, const struct fit_row *rows,
			 size_t count)
{
	struct table *table = table_new(0);
	struct ncm_strings resident = {0};
	json_t *models = json_array(), *data = json_object();
	size_t not_fitting;

	table_column(table, "MODEL", COLUMN_WHOLE);
	table_column(table, "PARAMETERS", COLUMN_RIGHT);
	table_column(table, "", 0);
	table_column(table, "WHY", COLUMN_BELOW);
	not_fitting = add_models(trained, rows, count, table, models);
	find_resident(session->catalog, trained->rules->profile, &resident);
	if (session_prints(session))
		print_training(trained, &resident, table);
	json_put(data, "gpu", fit_card_json(trained->card));
	json_put(data, "models", json_array());
	json_put(data, "training", training_json(trained, &resident, models));
	session->report.data = data;
	ncm_strings_free(&resident);
	table_free(table);
	return fit_demand(session, not_fitting, count);
}

static bool has_training(const struct ncm_fit_rules *rules)
{
	return rules->training.parameters > 0;
}

int training_show(struct session *session, const struct fit_row *rows, size_t count, const struct card *card)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_fit_rules *rules = NULL;
	int exit_code;

	if ((!session->catalog && session_catalog(session, &err) < 0) ||
	    rules_find(session, has_training, &rules, &err) < 0)
		return session_fail(session, &err);
	if (!rules) {
		ncm_error_set(&err, NCM_E_USAGE, "fit --train: the profile's document says nothing of training");
		ncm_error_hint(&err, "`ncmodel fit --profile nebula-rtx3060 --train qlora` has what one says");
		exit_code = session_fail(session, &err);
	} else {
		exit_code = show_training(session, &(struct trained){rules, card, session->catalog}, rows, count);
	}
	ncm_fit_rules_free(rules);
	return exit_code;
}
