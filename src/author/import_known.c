/* SPDX-License-Identifier: MIT */
/* What the manifests of all profiles call things. */
#include "author/import.h"

#include "base/mem.h"
#include "base/path.h"

#include <string.h>
#include <strings.h>

void import_known_load(const struct ncm_config *config, struct import_known *known)
{
	struct ncm_strings profiles = {0};

	*known = (struct import_known){0};
	/* A profile that cannot be read costs nothing but its names. */
	(void)ncm_profiles(config, &profiles, NULL);
	for (size_t i = 0; i < profiles.count; i++) {
		struct ncm_config one = *config;
		struct ncm_catalog *catalog;

		one.profile = profiles.items[i];
		one.more_profile_count = 0;
		one.manifest_file_count = 0;
		catalog = ncm_catalog_load(&one, NULL);
		if (catalog)
			*NCM_PUSH(known->catalogs, known->count) = catalog;
	}
	ncm_strings_free(&profiles);
}

void import_known_free(struct import_known *known)
{
	for (size_t i = 0; i < known->count; i++)
		ncm_catalog_free(known->catalogs[i]);
	free(known->catalogs);
	*known = (struct import_known){0};
}

static bool has_alias(const struct ncm_model *model, const char *word)
{
	for (size_t i = 0; i < model->aliases.count; i++) {
		if (strcasecmp(model->aliases.items[i], word) == 0)
			return true;
	}
	return false;
}

static bool is_called(const struct ncm_model *model, const char *word)
{
	return strcasecmp(model->id, word) == 0 || (model->name && strcasecmp(model->name, word) == 0) ||
	       has_alias(model, word);
}

static bool has_file(const struct ncm_model *model, const char *name)
{
	for (size_t i = 0; i < model->file_count; i++) {
		for (size_t k = 0; k < model->files[i].to_count; k++) {
			const char *own = model->files[i].to[k].name;

			if (own && strcasecmp(ncm_path_base(own), name) == 0)
				return true;
		}
	}
	return false;
}

const struct ncm_model *import_known_find(const struct import_known *known, const char *word)
{
	bool (*const ways[])(const struct ncm_model *, const char *) = {is_called, has_file};

	for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
		for (size_t i = 0; i < known->count; i++) {
			for (size_t k = 0; k < known->catalogs[i]->count; k++) {
				if (ways[way](&known->catalogs[i]->models[k], word))
					return &known->catalogs[i]->models[k];
			}
		}
	}
	return NULL;
}
