/* SPDX-License-Identifier: MIT */
/* The words that may stand in a place of the command line, from the tables, the manifests, the layout and models.json.
 */
#include "complete.h"

#include "ui/text.h"

#include <ncmodel/configure.h>

#include <string.h>

/* Whether a list that was begun ("noa,nexus,") has the word. */
static bool is_listed(const char *kept, const char *word)
{
	const size_t length = strlen(word);

	for (const char *at = kept; (at = strstr(at, word)); at++) {
		if (at[length] == ',' && (at == kept || at[-1] == ',' || at[-1] == '='))
			return true;
	}
	return false;
}

void answer_word(const struct answer *answer, const char *word, const char *description)
{
	AUTO_FREE char *safe = text_safe(word);
	AUTO_FREE char *told = description ? text_safe(description) : NULL;

	/* A name that cannot be shown as it is cannot be chosen by it either. */
	if (!*word || *word == ':' || strcmp(safe, word) != 0 || is_listed(answer->kept, word))
		return;
	fprintf(answer->out, "%s%s", answer->kept, word);
	if (told && *told)
		fprintf(answer->out, "\t%s", told);
	fputc('\n', answer->out);
}

static void answer_words(const struct answer *answer, const struct ncm_strings *words)
{
	for (size_t i = 0; i < words->count; i++)
		answer_word(answer, words->items[i], NULL);
}

void answer_list(const struct answer *answer, const char *words)
{
	const char *word;
	size_t length;

	while ((word = options_next_word(&words, &length))) {
		AUTO_FREE char *copy = text_format("%.*s", (int)length, word);

		answer_word(answer, copy, NULL);
	}
}

void answer_paths(const struct answer *answer, const char *kind)
{
	fprintf(answer->out, ":%s\t%s\n", kind, answer->kept);
}

static const struct ncm_config *config_of(const struct answer *answer)
{
	struct ncm_error err = NCM_ERROR_INIT;
	const bool known = session_config(answer->session, &err) == 0;

	ncm_error_clear(&err);
	return known ? answer->session->config : NULL;
}

static const struct ncm_catalog *catalog_of(const struct answer *answer)
{
	struct ncm_error err = NCM_ERROR_INIT;

	if (!answer->session->catalog && config_of(answer))
		answer->session->catalog = ncm_catalog_load(answer->session->config, &err);
	ncm_error_clear(&err);
	return answer->session->catalog;
}

/* The caller frees it. NULL if it cannot be read. */
static struct ncm_registry *registry_of(const struct answer *answer)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_registry *registry = config_of(answer) ? ncm_registry_load(answer->session->config, &err) : NULL;

	ncm_error_clear(&err);
	return registry;
}

void answer_installed(const struct answer *answer)
{
	struct ncm_registry *registry = registry_of(answer);

	for (size_t i = 0; registry && i < registry->count; i++) {
		/* Others write there, too: in this place it would be an option. */
		if (*registry->models[i].id != '-')
			answer_word(answer, registry->models[i].id, registry->models[i].display_name);
	}
	ncm_registry_free(registry);
}

void answer_offered(const struct answer *answer)
{
	const struct ncm_catalog *catalog = catalog_of(answer);

	for (size_t i = 0; catalog && i < catalog->count; i++)
		answer_word(answer, catalog->models[i].id, catalog->models[i].name);
}

static void answer_profiles(const struct answer *answer)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_strings names = {0};

	if (config_of(answer) && ncm_profiles(answer->session->config, &names, &err) == 0)
		answer_words(answer, &names);
	ncm_strings_free(&names);
	ncm_error_clear(&err);
}

static void add_all(struct ncm_strings *to, const struct ncm_strings *words)
{
	for (size_t i = 0; i < words->count; i++)
		words_add_new(to, words->items[i]);
}

/* Of what is installed and of what the manifests offer. */
static void answer_marks(const struct answer *answer, bool use_cases)
{
	const struct ncm_catalog *catalog = catalog_of(answer);
	struct ncm_registry *registry = registry_of(answer);
	struct ncm_strings marks = {0};

	for (size_t i = 0; catalog && i < catalog->count; i++)
		add_all(&marks, use_cases ? &catalog->models[i].use_cases : &catalog->models[i].tags);
	for (size_t i = 0; registry && i < registry->count; i++)
		add_all(&marks, use_cases ? &registry->models[i].use_cases : &registry->models[i].tags);
	answer_words(answer, &marks);
	ncm_strings_free(&marks);
	ncm_registry_free(registry);
}

static bool is_named(const struct answer *answer, const struct ncm_model *model)
{
	const struct ncm_strings *operands = &answer->session->settings.operands;

	return operands->count == 0 || ncm_strings_contain(operands, model->id);
}

static void answer_variants(const struct answer *answer)
{
	const struct ncm_catalog *catalog = catalog_of(answer);
	struct ncm_strings names = {0};

	for (size_t i = 0; catalog && i < catalog->count; i++) {
		const struct ncm_model *model = &catalog->models[i];

		for (size_t k = 0; is_named(answer, model) && k < model->variant_count; k++)
			words_add_new(&names, model->variants[k].name);
	}
	answer_words(answer, &names);
	ncm_strings_free(&names);
}

bool answer_is_store(const struct answer *answer, const char *word)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_strings stores = {0};
	const bool is_store = config_of(answer) &&
			      ncm_layout_names(answer->session->config, &stores, NULL, &err) == 0 &&
			      ncm_strings_contain(&stores, word);

	ncm_strings_free(&stores);
	ncm_error_clear(&err);
	return is_store;
}

void answer_stores(const struct answer *answer, const char *ending)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_strings stores = {0};

	if (config_of(answer) && ncm_layout_names(answer->session->config, &stores, NULL, &err) == 0) {
		for (size_t i = 0; i < stores.count; i++) {
			AUTO_FREE char *word = text_format("%s%s", stores.items[i], ending);

			answer_word(answer, word, NULL);
		}
	}
	ncm_strings_free(&stores);
	ncm_error_clear(&err);
}

/* STORE, or behind its slash the folders of the store. */
static void answer_targets(const struct answer *answer)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_strings folders = {0};

	if (!strchr(answer->typed, '/'))
		answer_stores(answer, "");
	else if (config_of(answer) && ncm_layout_names(answer->session->config, NULL, &folders, &err) == 0)
		answer_words(answer, &folders);
	ncm_strings_free(&folders);
	ncm_error_clear(&err);
}

/* STORE=PATH. */
static void answer_store_path(const struct answer *answer)
{
	const char *equals = strchr(answer->typed, '=');
	AUTO_FREE char *kept = NULL;

	if (!equals) {
		answer_stores(answer, "=");
		return;
	}
	kept = text_format("%s%.*s", answer->kept, (int)(equals + 1 - answer->typed), answer->typed);
	answer_paths(&(struct answer){.kept = kept, .out = answer->out}, "folders");
}

static void answer_applications(const struct answer *answer)
{
	for (const char *const *name = ncm_configure_applications(); *name; name++)
		answer_word(answer, *name, NULL);
}

static const char *purpose_of(const struct ncm_rule *rule, enum option_completes kind)
{
	return kind == COMPLETES_ROLE ? rule->role : kind == COMPLETES_TASK ? rule->task : rule->pipeline;
}

/* Two profiles may have one of the same name. */
static void answer_purposes(const struct answer *answer, enum option_completes kind)
{
	const struct ncm_catalog *catalog = catalog_of(answer);
	struct ncm_strings told = {0};

	for (size_t i = 0; catalog && i < catalog->rule_count; i++) {
		const char *word = purpose_of(&catalog->rules[i], kind);

		if (!word || ncm_strings_contain(&told, word))
			continue;
		words_add(&told, word);
		answer_word(answer, word, catalog->rules[i].words);
	}
	ncm_strings_free(&told);
}

static void answer_kind(const struct answer *answer, const struct option *option)
{
	switch (option->completes) {
	case COMPLETES_NOTHING:
		break;
	case COMPLETES_FILE:
		answer_paths(answer, "files");
		break;
	case COMPLETES_FOLDER:
		answer_paths(answer, "folders");
		break;
	case COMPLETES_LAYOUT:
		answer_list(answer, "default linux");
		answer_paths(answer, "files");
		break;
	case COMPLETES_PROFILE:
		answer_profiles(answer);
		break;
	case COMPLETES_STORE:
		answer_stores(answer, "");
		break;
	case COMPLETES_STORE_PATH:
		answer_store_path(answer);
		break;
	case COMPLETES_TARGET:
		answer_targets(answer);
		break;
	case COMPLETES_USE_CASE:
	case COMPLETES_TAG:
		answer_marks(answer, option->completes == COMPLETES_USE_CASE);
		break;
	case COMPLETES_VARIANT:
		answer_variants(answer);
		break;
	case COMPLETES_APPLICATION:
		answer_applications(answer);
		break;
	case COMPLETES_ROLE:
	case COMPLETES_TASK:
	case COMPLETES_PIPELINE:
		answer_purposes(answer, option->completes);
		break;
	}
}

static bool takes_several(const struct option *option)
{
	return option->kind == OPTION_WORDS || option->kind == OPTION_PHASES;
}

void answer_value(const struct answer *answer, const struct option *option)
{
	const char *value = answer->typed + strlen(answer->kept);
	const char *comma = takes_several(option) ? strrchr(value, ',') : NULL;
	AUTO_FREE char *kept = text_format("%s%.*s", answer->kept, comma ? (int)(comma + 1 - value) : 0, value);
	const struct answer inner = {answer->session, value + (comma ? comma + 1 - value : 0), kept, answer->out};

	if (option->words)
		answer_list(&inner, option->words);
	else
		answer_kind(&inner, option);
}
