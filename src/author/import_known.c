/* SPDX-License-Identifier: MIT */
/* What the manifests of all profiles call things. */
#include "author/import.h"

#include "base/mem.h"
#include "base/path.h"
#include "source/source.h"

#include <string.h>
#include <strings.h>

static void load(const struct ncm_config *config, struct import_known *known)
{
	struct ncm_strings profiles = {0};

	if (known->is_loaded)
		return;
	known->is_loaded = true;
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

const struct ncm_model *import_known_find(struct import *import, const char *word)
{
	const struct import_known *known = &import->known;
	bool (*const ways[])(const struct ncm_model *, const char *) = {is_called, has_file};

	load(import->author.config, &import->known);
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

/* "qwen2.5-coder" of "ollama:qwen2.5-coder:7b" */
static bool is_of(const char *uri, const char *repository, size_t size)
{
	const size_t begin = strlen(ncm_source_ollama.begins);

	return ncm_source_gives_blobs(uri) && strlen(uri) > begin + size &&
	       strncasecmp(uri + begin, repository, size) == 0 && strchr(":@", uri[begin + size]);
}

static bool has_source(const struct ncm_file_spec *files, size_t count, const char *repository, size_t size)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < files[i].from.count; k++) {
			if (is_of(files[i].from.items[k], repository, size))
				return true;
		}
	}
	return false;
}

/* Whether any manifest takes something from that repository of Ollama's: then it is there. */
static bool is_repository(const struct import_known *known, const char *name)
{
	const size_t size = strcspn(name, ":");

	for (size_t i = 0; i < known->count; i++) {
		for (size_t k = 0; k < known->catalogs[i]->count; k++) {
			const struct ncm_model *model = &known->catalogs[i]->models[k];

			if (has_source(model->files, model->file_count, name, size))
				return true;
			for (size_t v = 0; v < model->variant_count; v++) {
				if (has_source(model->variants[v].files, model->variants[v].file_count, name, size))
					return true;
			}
		}
	}
	return false;
}

/* A note of the manifest's own: "There is no tag NAME", "NAME does not exist there". */
static bool is_denied(const struct ncm_model *model, const char *name)
{
	for (size_t i = 0; i < model->notes.count; i++) {
		const char *note = model->notes.items[i];

		if (strstr(note, name) && (strstr(note, "does not exist") || strstr(note, "There is no tag")))
			return true;
	}
	return false;
}

const struct ncm_model *import_known_instead(struct import *import, const char *name)
{
	const struct import_known *known = &import->known;

	load(import->author.config, &import->known);
	for (size_t i = 0; i < known->count; i++) {
		for (size_t k = 0; k < known->catalogs[i]->count; k++) {
			const struct ncm_model *model = &known->catalogs[i]->models[k];

			if (is_called(model, name) && (is_denied(model, name) || !is_repository(known, name)))
				return model;
		}
	}
	return NULL;
}
