/* SPDX-License-Identifier: MIT */
/* The same selectors over what is installed. */
#include <ncmodel/registry.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "manifest/filter.h"
#include "source/source.h"

#include <string.h>
#include <strings.h>

static void show_traits(const struct ncm_reg_model *model, struct ncm_traits *traits)
{
	traits->id = model->id;
	traits->name = model->display_name;
	ncm_strings_add_new(&traits->others, ncm_path_base(model->file_path));
	traits->phase = model->phase;
	traits->priority = model->priority;
	traits->use_cases = &model->use_cases;
	traits->tags = &model->tags;
	if (model->source)
		ncm_strings_add_new(&traits->schemes, ncm_source_scheme(model->source));
	ncm_strings_add_new(&traits->stores, model->store);
	for (size_t i = 0; i < model->file_count; i++)
		ncm_strings_add_new(&traits->stores, model->files[i].store);
}

/* "hf:org/repo/file" is what "hf:org/repo/file@<commit>" was pulled from. */
static bool is_from(const struct ncm_reg_model *model, const char *canonical)
{
	size_t size = strcspn(canonical, "@#");

	return model->source && strncmp(model->source, canonical, size) == 0 &&
	       (model->source[size] == '\0' || strchr("@#", model->source[size]));
}

/* A source spelled out means the models that came from it. */
static void resolve_name(const struct ncm_registry *registry, const struct ncm_traits *traits, const char *word,
			 struct ncm_strings *names)
{
	NCM_AUTO_FREE char *canonical = NULL;
	const size_t before = names->count;
	bool known = false;

	for (size_t i = 0; i < registry->count && !known; i++)
		known = ncm_traits_named(&traits[i], word);
	if (!known && ncm_source_scheme(word) && ncm_source_check(word, true, &canonical, NULL) == 0) {
		for (size_t i = 0; i < registry->count; i++) {
			if (is_from(&registry->models[i], canonical))
				ncm_strings_add(names, registry->models[i].id);
		}
	}
	if (names->count == before)
		ncm_strings_add(names, word);
}

static int keep_variant(const struct ncm_registry *registry, const char *variant, struct ncm_traits *traits,
			struct ncm_error *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < registry->count; i++) {
		const char *own = registry->models[i].variant;

		traits[i].kept = traits[i].kept && (!variant || (own && strcasecmp(own, variant) == 0));
		kept += traits[i].kept;
	}
	if (!variant || kept > 0)
		return 0;
	return ncm_error_set(err, NCM_E_USAGE, "--variant %s leaves no installed model", variant);
}

static int filter(const struct ncm_registry *registry, const struct ncm_selector *selector, struct ncm_traits *traits,
		  struct ncm_error *err)
{
	struct ncm_selector resolved = *selector;
	int failed;

	resolved.names = (struct ncm_strings){0};
	for (size_t i = 0; i < selector->names.count; i++)
		resolve_name(registry, traits, selector->names.items[i], &resolved.names);
	failed = ncm_filter(&resolved, traits, registry->count, "installed ", err);
	ncm_strings_free(&resolved.names);
	return failed ? -1 : keep_variant(registry, selector->variant, traits, err);
}

static bool chooses_all(const struct ncm_selector *selector)
{
	return selector->names.count == 0 && selector->phases == 0 && selector->priorities.count == 0 &&
	       selector->use_cases.count == 0 && selector->tags.count == 0 && selector->sources.count == 0 &&
	       selector->stores.count == 0 && !selector->variant;
}

static void choose_all(const struct ncm_registry *registry, const struct ncm_reg_model ***chosen, size_t *count)
{
	*chosen = ncm_calloc(registry->count + 1, sizeof **chosen);
	*count = registry->count;
	for (size_t i = 0; i < registry->count; i++)
		(*chosen)[i] = &registry->models[i];
}

int ncm_registry_select(const struct ncm_registry *registry, const struct ncm_selector *selector,
			const struct ncm_reg_model ***chosen, size_t *count, struct ncm_error *err)
{
	struct ncm_traits *traits;
	const struct ncm_reg_model **list;
	size_t listed = 0;
	int failed = 0;

	if (chooses_all(selector)) {
		choose_all(registry, chosen, count);
		return 0;
	}
	traits = ncm_calloc(registry->count + 1, sizeof *traits);
	for (size_t i = 0; i < registry->count; i++)
		show_traits(&registry->models[i], &traits[i]);
	/* Where nothing is installed, a filter is not at fault for finding nothing; a name is. */
	if (registry->count > 0 || selector->names.count > 0)
		failed = filter(registry, selector, traits, err);
	if (!failed) {
		list = ncm_calloc(registry->count + 1, sizeof *list);
		for (size_t i = 0; i < registry->count; i++) {
			if (traits[i].kept)
				list[listed++] = &registry->models[i];
		}
		*chosen = list;
		*count = listed;
	}
	ncm_traits_free(traits, registry->count);
	return failed;
}
