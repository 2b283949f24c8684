/* SPDX-License-Identifier: MIT */
/* From what the user chose to models: names and sources spelled out, then filters, then what the chosen require. */
#include "base/mem.h"
#include "base/strings.h"
#include "manifest/filter.h"
#include "manifest/ids.h"
#include "manifest/spelled.h"
#include "manifest/words.h"
#include "source/source.h"

#include <string.h>
#include <strings.h>

static const struct ncm_variant *variant_of(const struct ncm_model *model, const char *name)
{
	for (size_t i = 0; name && i < model->variant_count; i++) {
		if (strcasecmp(model->variants[i].name, name) == 0)
			return &model->variants[i];
	}
	return NULL;
}

static void show_traits(const struct ncm_model *model, struct ncm_traits *traits)
{
	const struct ncm_file_spec *files = model->chosen ? model->chosen->files : model->files;
	const size_t count = model->chosen ? model->chosen->file_count : model->file_count;

	traits->id = model->id;
	traits->name = model->name;
	ncm_strings_add_all(&traits->others, &model->aliases);
	traits->phase = model->phase;
	traits->priority = model->priority;
	traits->use_cases = &model->use_cases;
	traits->tags = &model->tags;
	traits->license = model->license;
	traits->license_class = ncm_model_license_class(model);
	for (size_t i = 0; i < count; i++) {
		ncm_strings_add_new(&traits->schemes, ncm_source_scheme(files[i].from.items[0]));
		for (size_t k = 0; k < files[i].to_count; k++)
			ncm_strings_add_new(&traits->stores, files[i].to[k].store);
	}
}

static struct ncm_traits *traits_of(const struct ncm_catalog *catalog)
{
	struct ncm_traits *traits = ncm_calloc(catalog->count + 1, sizeof *traits);

	for (size_t i = 0; i < catalog->count; i++)
		show_traits(&catalog->models[i], &traits[i]);
	return traits;
}

/* Of the models that the manifests have. */
static void learn_names(const struct ncm_catalog *catalog, struct ncm_word_index *names)
{
	for (size_t i = 0; i < catalog->count; i++) {
		const struct ncm_model *model = &catalog->models[i];

		ncm_word_index_add(names, model->id, i);
		ncm_word_index_add(names, model->name, i);
		for (size_t k = 0; k < model->aliases.count; k++)
			ncm_word_index_add(names, model->aliases.items[k], i);
	}
}

/* Sources become models, and in *names their ids; other names stay. */
static int resolve_names(struct ncm_catalog *catalog, const struct ncm_selector *selector, struct ncm_strings *names,
			 struct ncm_error *err)
{
	struct ncm_word_index known = {0};
	bool spelled = false;
	int failed = 0;

	/* A source is spelled with a colon, as hardly any name is: only then it has to be told from names. */
	for (size_t i = 0; i < selector->names.count && !failed; i++) {
		const char *word = selector->names.items[i];
		size_t index;

		if (ncm_source_scheme(word) && known.count == 0)
			learn_names(catalog, &known);
		if (!ncm_source_scheme(word) || ncm_word_index_find(&known, word)) {
			ncm_strings_add(names, word);
			continue;
		}
		failed = manifest_spelled(catalog, word, selector, &index, err);
		if (!failed)
			ncm_strings_add(names, catalog->models[index].id);
		spelled = true;
	}
	ncm_word_index_free(&known);
	if (failed)
		return -1;
	if (spelled)
		return 0;
	if (selector->include.count + selector->exclude.count > 0) {
		ncm_error_set(err, NCM_E_USAGE,
			      "--include and --exclude choose among the files of a repository spelled out");
		return ncm_error_hint(err,
				      "name one, for example hf:ORG/REPO; what a model of a manifest has, that says");
	}
	if (!selector->to)
		return 0;
	ncm_error_set(err, NCM_E_USAGE, "--to %s: only a source spelled out goes where you say", selector->to);
	return ncm_error_hint(err, "name one, for example hf:ORG/REPO/FILE; a model of a manifest has its place");
}

/* What is appended is looked at too, so that the closure is whole; `taken` ends circles. */
static void add_required(const struct ncm_catalog *catalog, bool *taken, struct ncm_model **chosen, size_t *count)
{
	struct manifest_ids *ids = manifest_ids_new();

	for (size_t i = 0; i < catalog->count; i++)
		(void)manifest_ids_add(ids, catalog->models[i].profile, catalog->models[i].id, i);
	for (size_t i = 0; i < *count; i++) {
		const struct ncm_model *model = chosen[i];

		for (size_t k = 0; k < model->requires_ids.count; k++) {
			size_t index;

			if (!manifest_ids_meant(ids, model->profile, model->requires_ids.items[k], &index) ||
			    taken[index])
				continue;
			taken[index] = true;
			catalog->models[index].required_only = true;
			chosen[(*count)++] = &catalog->models[index];
		}
	}
	manifest_ids_free(ids);
}

static int take(struct ncm_catalog *catalog, const struct ncm_selector *selector, const struct ncm_traits *traits,
		struct ncm_model ***chosen, size_t *count, struct ncm_error *err)
{
	NCM_AUTO_FREE bool *taken = ncm_calloc(catalog->count + 1, sizeof *taken);
	NCM_AUTO_FREE struct ncm_model **list = ncm_calloc(catalog->count + 1, sizeof *list);
	size_t listed = 0, with_variant = 0;

	for (size_t i = 0; i < catalog->count; i++) {
		struct ncm_model *model = &catalog->models[i];

		taken[i] = traits[i].kept;
		if (!taken[i]) {
			model->chosen = NULL;
			continue;
		}
		with_variant += model->chosen != NULL;
		list[listed++] = model;
	}
	if (selector->variant && with_variant == 0) {
		ncm_error_set(err, NCM_E_USAGE, "no chosen model has a variant \"%s\"", selector->variant);
		return ncm_error_hint(err, "`ncmodel show NAME` lists a model's variants");
	}
	add_required(catalog, taken, list, &listed);
	*chosen = list;
	*count = listed;
	list = NULL;
	return 0;
}

int ncm_select(struct ncm_catalog *catalog, const struct ncm_selector *selector, struct ncm_model ***chosen,
	       size_t *count, struct ncm_error *err)
{
	struct ncm_selector resolved = *selector;
	struct ncm_traits *traits;
	int failed;

	resolved.names = (struct ncm_strings){0};
	if (resolve_names(catalog, selector, &resolved.names, err) < 0) {
		ncm_strings_free(&resolved.names);
		return -1;
	}
	for (size_t i = 0; i < catalog->count; i++) {
		struct ncm_model *model = &catalog->models[i];

		model->chosen = variant_of(model, selector->variant);
		model->required_only = false;
	}
	traits = traits_of(catalog);
	failed = ncm_filter(&resolved, traits, catalog->count, "", err);
	if (!failed)
		failed = take(catalog, selector, traits, chosen, count, err);
	ncm_traits_free(traits, catalog->count);
	ncm_strings_free(&resolved.names);
	return failed;
}
