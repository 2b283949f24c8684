/* SPDX-License-Identifier: MIT */
/*
 * One lock and one models.json serve all profiles: before something counts as named by none, the manifests of all of
 * them are read.
 */
#include "drift/drift.h"

#include "base/mem.h"
#include "base/strings.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_sources(struct ncm_strings *uris, const struct ncm_file_spec *files, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *uri = files[i].from.items[0];
		NCM_AUTO_FREE char *canonical = NULL;
		NCM_AUTO_FREE char *kept = NULL;

		ncm_strings_add(uris, uri);
		if (ncm_source_check(uri, true, &canonical, NULL) == 0 && strcmp(canonical, uri) != 0)
			ncm_strings_add(uris, canonical);
		kept = ncm_source_remembered(uri);
		if (strcmp(kept, uri) != 0)
			ncm_strings_add(uris, kept);
	}
}

static int add_catalog(struct census *census, const struct ncm_config *config, struct ncm_error *err)
{
	struct ncm_catalog *catalog = ncm_catalog_load(config, err);

	if (!catalog)
		return -1;
	*NCM_PUSH(census->catalogs, census->count) = (struct census_catalog){catalog, known_catalog_new(catalog)};
	for (size_t i = 0; i < catalog->count; i++) {
		const struct ncm_model *model = &catalog->models[i];

		add_sources(&census->uris, model->files, model->file_count);
		for (size_t k = 0; k < model->variant_count; k++)
			add_sources(&census->uris, model->variants[k].files, model->variants[k].file_count);
	}
	return 0;
}

static int add_profiles(struct census *census, const struct ncm_config *config, struct ncm_error *err)
{
	struct ncm_config other = *config;
	struct ncm_strings names = {0};
	int failed = ncm_profiles(config, &names, err);

	other.manifest_file_count = 0;
	other.more_profile_count = 0;
	for (size_t i = 0; i < names.count && !failed; i++) {
		other.profile = names.items[i];
		failed = add_catalog(census, &other, err);
	}
	ncm_strings_free(&names);
	return failed;
}

/* A source spelled out is in no manifest, and its pin is of use all the same. */
static void add_registered(struct ncm_strings *uris, const struct ncm_registry *registry)
{
	for (size_t i = 0; i < registry->count; i++) {
		const char *source = registry->models[i].source;
		NCM_AUTO_FREE char *newest = source ? ncm_source_newest(source) : NULL;

		if (source)
			ncm_strings_add(uris, source);
		if (newest)
			ncm_strings_add(uris, newest);
	}
}

int census_take(const struct run *run, struct census *census, struct ncm_error *err)
{
	*census = (struct census){0};
	if (run->config->manifest_file_count > 0 && add_catalog(census, run->config, err) < 0)
		return -1;
	if (add_profiles(census, run->config, err) < 0)
		return -1;
	add_registered(&census->uris, run->registry);
	if (census->uris.count > 0)
		qsort(census->uris.items, census->uris.count, sizeof *census->uris.items, compare);
	return 0;
}

bool census_has_model(const struct census *census, const struct ncm_reg_model *entry)
{
	for (size_t i = 0; i < census->count; i++) {
		if (known_in_catalog(census->catalogs[i].known, entry))
			return true;
	}
	return false;
}

static bool has_uri(const struct census *census, const char *uri)
{
	return uri && census->uris.count > 0 &&
	       bsearch(&uri, census->uris.items, census->uris.count, sizeof *census->uris.items, compare);
}

bool census_has_source(const struct census *census, const struct ncm_lock_entry *entry)
{
	NCM_AUTO_FREE char *newest = entry->pinned ? ncm_source_newest(entry->pinned) : NULL;

	return has_uri(census, entry->uri) || has_uri(census, entry->pinned) || has_uri(census, newest);
}

void census_clear(struct census *census)
{
	for (size_t i = 0; i < census->count; i++) {
		known_catalog_free(census->catalogs[i].known);
		ncm_catalog_free(census->catalogs[i].catalog);
	}
	free(census->catalogs);
	ncm_strings_free(&census->uris);
	*census = (struct census){0};
}
