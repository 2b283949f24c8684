/* SPDX-License-Identifier: MIT */
/*
 * Where a registered model came from: the manifest that has it, else what models.json and the lock say. The second
 * makes a model without targets; its files have their places already.
 */
#include "resolve/run.h"

#include "base/mem.h"
#include "base/strings.h"
#include "base/text_map.h"
#include "manifest/load.h"

#include <string.h>

static const struct ncm_variant *variant_of(const struct ncm_model *model, const char *name)
{
	for (size_t i = 0; i < model->variant_count; i++) {
		if (strcmp(model->variants[i].name, name) == 0)
			return &model->variants[i];
	}
	return NULL;
}

/* Another profile may mean another model by the same id. */
static bool may_be_of(const struct ncm_reg_model *entry, const char *profile)
{
	return !entry->profile || !profile || strcmp(entry->profile, profile) == 0 ||
	       ncm_strings_contain(&entry->profiles, profile);
}

struct known_catalog {
	struct ncm_catalog *catalog;
	struct ncm_text_map by_id; /* the first model of an id */
	size_t *next;              /* of each model, the next one of its id; the catalog's count: none */
};

struct known_catalog *known_catalog_new(struct ncm_catalog *catalog)
{
	const size_t count = catalog ? catalog->count : 0;
	struct known_catalog *known = ncm_calloc(1, sizeof *known);
	NCM_AUTO_FREE size_t *last = ncm_calloc(count + 1, sizeof *last); /* of the id that a first one has */

	known->catalog = catalog;
	known->next = ncm_calloc(count + 1, sizeof *known->next);
	for (size_t i = 0; i < count; i++) {
		const char *id = catalog->models[i].id;
		const size_t size = strlen(id);
		const size_t first =
		    ncm_text_map_add(&known->by_id, id, size, i) ? i : *ncm_text_map_find(&known->by_id, id, size);

		known->next[i] = count;
		if (first != i)
			known->next[last[first]] = i;
		last[first] = i;
	}
	return known;
}

void known_catalog_free(struct known_catalog *known)
{
	if (!known)
		return;
	ncm_text_map_free(&known->by_id);
	free(known->next);
	free(known);
}

struct ncm_model *known_in_catalog(const struct known_catalog *known, const struct ncm_reg_model *entry)
{
	const uint32_t *first = ncm_text_map_find(&known->by_id, entry->id, strlen(entry->id));

	for (size_t i = first ? *first : SIZE_MAX; first && i < known->catalog->count; i = known->next[i]) {
		struct ncm_model *model = &known->catalog->models[i];

		if (!may_be_of(entry, model->profile))
			continue;
		model->chosen = entry->variant ? variant_of(model, entry->variant) : NULL;
		return entry->variant && !model->chosen ? NULL : model;
	}
	return NULL;
}

static bool is_in(const struct ncm_lock_entry *locked, const struct ncm_sha256 *sha256)
{
	struct ncm_sha256 revision;

	for (size_t i = 0; i < locked->file_count; i++) {
		if (locked->files[i].has_sha256 && ncm_sha256_equal(&locked->files[i].sha256, sha256))
			return true;
	}
	return locked->ollama_name && locked->revision && ncm_sha256_parse(locked->revision, &revision) == 0 &&
	       ncm_sha256_equal(&revision, sha256);
}

/* The lock's word on a file: the entry of the model's own source before another's with the same bytes. */
static const struct ncm_lock_entry *locked_entry(const struct ncm_lock *lock, const struct ncm_reg_model *entry,
						 const struct ncm_sha256 *sha256)
{
	const struct ncm_lock_entry *found = NULL;

	for (size_t i = 0; i < lock->count; i++) {
		const struct ncm_lock_entry *locked = &lock->entries[i];
		const bool own = entry->source && (strcmp(locked->uri, entry->source) == 0 ||
						   (locked->pinned && strcmp(locked->pinned, entry->source) == 0));

		if (is_in(locked, sha256) && (own || !found))
			found = locked;
		if (own && found == locked)
			break;
	}
	return found;
}

static const struct ncm_sha256 not_recorded; /* a survey may not know it */

static bool has_source(const struct ncm_model *model, const char *uri)
{
	for (size_t i = 0; i < model->file_count; i++) {
		if (strcmp(model->files[i].from.items[0], uri) == 0)
			return true;
	}
	return false;
}

static void add_source(struct ncm_model *model, const char *uri, const struct ncm_reg_model *entry,
		       const struct ncm_reg_file *only)
{
	const struct ncm_source *source = uri ? ncm_source_of(uri) : NULL;
	struct ncm_file_spec *spec;

	/* The bytes are known by their digest: plain HTTP cannot bring others. */
	if (!source || has_source(model, uri) || ncm_source_check(uri, true, NULL, NULL) < 0)
		return;
	spec = NCM_PUSH(model->files, model->file_count);
	spec->role = ncm_strdup("weights");
	ncm_strings_add(&spec->from, uri);
	spec->insecure_http = ncm_source_is_in_clear(uri);
	spec->allow_pickle = true; /* as above */
	if (only && !source->gives_blobs) {
		spec->has_sha256 = !ncm_sha256_equal(&only->sha256, &not_recorded);
		spec->has_size = only->size > 0;
		spec->sha256 = only->sha256;
		spec->size = only->size;
	}
	for (size_t i = 0; source->gives_blobs && i < entry->file_count; i++) {
		if (entry->files[i].role && strcmp(entry->files[i].role, "manifest") == 0) {
			spec->has_digest = true;
			spec->digest = entry->files[i].sha256;
		}
	}
}

void known_from_registry(const struct run *run, const struct ncm_reg_model *entry,
			 const struct ncm_reg_file *const *files, size_t count, struct ncm_model *model)
{
	model->id = ncm_strdup(entry->id);
	model->name = ncm_strdup(entry->display_name ? entry->display_name : entry->id);
	model->kind = ncm_strdup_null(entry->kind);
	model->profile = ncm_strdup_null(entry->profile);
	model->phase = entry->phase;
	model->priority = manifest_known_priority(entry->priority);
	model->performance_score = model->cost_score = -1;
	for (size_t i = 0; i < count; i++) {
		const struct ncm_reg_file *only = entry->file_count == 1 ? files[i] : NULL;
		const struct ncm_lock_entry *locked = locked_entry(run->lock, entry, &files[i]->sha256);

		if (locked)
			add_source(model, locked->uri, entry, locked->file_count == 1 ? files[i] : NULL);
		else
			add_source(model, files[i]->source ? files[i]->source : entry->source, entry, only);
	}
}
