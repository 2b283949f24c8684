/* SPDX-License-Identifier: MIT */
/* The same selectors over what is installed. */
#include <ncmodel/registry.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "manifest/filter.h"
#include "registry/names.h"
#include "source/source.h"

#include <ncmodel/text.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What lies in a part of a store ("STORE/FOLDER") lies in the store, too. */
static void add_store(struct ncm_traits *traits, const char *store)
{
	const char *slash = store ? strchr(store, '/') : NULL;
	NCM_AUTO_FREE char *whole = slash ? ncm_strndup(store, (size_t)(slash - store)) : NULL;

	ncm_strings_add_new(&traits->stores, store);
	if (whole)
		ncm_strings_add_new(&traits->stores, whole);
}

static void show_traits(const struct ncm_reg_model *model, struct ncm_traits *traits)
{
	traits->id = model->id;
	traits->name = model->display_name;
	ncm_strings_add_new(&traits->others, ncm_path_base(model->file_path));
	traits->phase = model->phase;
	traits->profiles = &model->profiles;
	traits->priority = model->priority;
	traits->use_cases = &model->use_cases;
	traits->tags = &model->tags;
	traits->license = model->license;
	traits->license_class = model->license_class ? model->license_class : "unknown";
	if (model->source)
		ncm_strings_add_new(&traits->schemes, ncm_source_scheme(model->source));
	add_store(traits, model->store);
	for (size_t i = 0; i < model->file_count; i++)
		add_store(traits, model->files[i].store);
}

/* Marks what the names choose; without names, all. */
static int keep_named(const struct ncm_registry *registry, const struct ncm_strings *names, bool *kept,
		      const char **unknown, struct ncm_error *err)
{
	memset(kept, names->count == 0, registry->count);
	for (size_t i = 0; i < names->count; i++) {
		NCM_AUTO_FREE const struct ncm_reg_model **found = NULL;
		const size_t count = registry_named(registry, names->items[i], NAMED_MODEL, &found);

		if (count > 1)
			return registry_ambiguous(names->items[i], found, count, err);
		if (count == 0) {
			*unknown = names->items[i];
			return -1;
		}
		kept[found[0] - registry->models] = true;
	}
	return 0;
}

static int keep_variant(const struct ncm_registry *registry, const char *variant, bool *kept, struct ncm_error *err)
{
	bool any = false;

	for (size_t i = 0; i < registry->count; i++) {
		const char *own = registry->models[i].variant;

		kept[i] = kept[i] && (!variant || (own && strcasecmp(own, variant) == 0));
		any = any || kept[i];
	}
	if (!variant || any)
		return 0;
	ncm_error_set(err, NCM_E_USAGE, "--variant %s leaves no installed model", variant);
	return ncm_error_hint(err, "`ncmodel show NAME` tells the variant that was taken");
}

static struct ncm_traits *all_traits(const struct ncm_registry *registry)
{
	struct ncm_traits *traits = ncm_calloc(registry->count + 1, sizeof *traits);

	for (size_t i = 0; i < registry->count; i++)
		show_traits(&registry->models[i], &traits[i]);
	return traits;
}

/* Says what is called nearly so. */
static int unknown_name(const struct ncm_registry *registry, const char *word, struct ncm_error *err)
{
	struct ncm_traits *traits = all_traits(registry);
	const struct ncm_selector selector = {.names = {.items = (char **)&word, .count = 1}};
	NCM_AUTO_FREE char *shown = ncm_typed_shown(word);

	if (ncm_filter(&selector, traits, registry->count, "installed ", err) == 0)
		ncm_error_set(err, NCM_E_USAGE, "no installed model is called \"%s\"", shown);
	ncm_traits_free(traits, registry->count);
	return -1;
}

static int filter(const struct ncm_registry *registry, const struct ncm_selector *selector, bool *kept,
		  struct ncm_error *err)
{
	struct ncm_traits *traits = all_traits(registry);
	int failed;

	for (size_t i = 0; i < registry->count; i++)
		traits[i].kept = kept[i];
	failed = ncm_filter_kept(selector, traits, registry->count, "installed ", err);
	for (size_t i = 0; i < registry->count; i++)
		kept[i] = traits[i].kept;
	ncm_traits_free(traits, registry->count);
	return failed;
}

static int keep(const struct ncm_registry *registry, const struct ncm_selector *selector, bool *kept,
		struct ncm_error *err)
{
	const char *unknown = NULL;

	/* Where nothing is installed, a filter is not at fault for finding nothing; a name is. */
	if (registry->count == 0 && selector->names.count == 0)
		return 0;
	if (keep_named(registry, &selector->names, kept, &unknown, err) < 0)
		return unknown ? unknown_name(registry, unknown, err) : -1;
	if (ncm_selector_filters(selector) && filter(registry, selector, kept, err) < 0)
		return -1;
	return keep_variant(registry, selector->variant, kept, err);
}

static int by_phase_and_id(const void *a, const void *b)
{
	const struct ncm_reg_model *x = *(const struct ncm_reg_model *const *)a,
				   *y = *(const struct ncm_reg_model *const *)b;

	if (x->phase != y->phase)
		return x->phase > y->phase ? 1 : -1;
	return strcmp(x->id, y->id);
}

int ncm_registry_select(const struct ncm_registry *registry, const struct ncm_selector *selector,
			const struct ncm_reg_model ***chosen, size_t *count, struct ncm_error *err)
{
	NCM_AUTO_FREE bool *kept = ncm_calloc(registry->count + 1, sizeof *kept);
	size_t listed = 0;

	if (keep(registry, selector, kept, err) < 0)
		return -1;
	*chosen = ncm_calloc(registry->count + 1, sizeof **chosen);
	for (size_t i = 0; i < registry->count; i++) {
		if (kept[i])
			(*chosen)[listed++] = &registry->models[i];
	}
	/* models.json has them in the order in which their downloads ended, which is another one each time. */
	if (listed > 1)
		qsort(*chosen, listed, sizeof **chosen, by_phase_and_id);
	*count = listed;
	return 0;
}
