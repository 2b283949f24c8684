/* SPDX-License-Identifier: MIT */
/*
 * Where a registered model came from: the manifest that has it, else what models.json and the lock say. The second
 * makes a model without targets; its files have their places already.
 */
#include "provision/run.h"

#include "base/mem.h"
#include "base/strings.h"

#include <string.h>
#include <strings.h>

static const struct ncm_variant *variant_of(const struct ncm_model *model, const char *name)
{
	for (size_t i = 0; i < model->variant_count; i++) {
		if (strcmp(model->variants[i].name, name) == 0)
			return &model->variants[i];
	}
	return NULL;
}

struct ncm_model *known_in_catalog(struct ncm_catalog *catalog, const struct ncm_reg_model *entry)
{
	for (size_t i = 0; catalog && i < catalog->count; i++) {
		struct ncm_model *model = &catalog->models[i];

		/* Another profile may mean another model by the same id. */
		if (strcmp(model->id, entry->id) != 0 ||
		    (entry->profile && model->profile && strcmp(entry->profile, model->profile) != 0))
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
	const char *scheme = uri ? ncm_source_scheme(uri) : NULL;
	struct ncm_file_spec *spec;

	/* The bytes are known by their digest: plain HTTP cannot bring others. */
	if (!scheme || has_source(model, uri) || ncm_source_check(uri, true, NULL, NULL) < 0)
		return;
	spec = NCM_PUSH(model->files, model->file_count);
	spec->role = ncm_strdup("weights");
	ncm_strings_add(&spec->from, uri);
	spec->insecure_http = strncasecmp(uri, "http://", 7) == 0;
	spec->allow_pickle = true; /* as above */
	if (only && strcmp(scheme, "ollama") != 0) {
		spec->has_sha256 = !ncm_sha256_equal(&only->sha256, &not_recorded);
		spec->has_size = only->size > 0;
		spec->sha256 = only->sha256;
		spec->size = only->size;
	}
	for (size_t i = 0; strcmp(scheme, "ollama") == 0 && i < entry->file_count; i++) {
		if (entry->files[i].role && strcmp(entry->files[i].role, "manifest") == 0) {
			spec->has_digest = true;
			spec->digest = entry->files[i].sha256;
		}
	}
}

static const char *known_priority(const char *priority)
{
	static const char *const priorities[] = {"high", "medium", "low"};

	for (size_t i = 0; priority && i < 3; i++) {
		if (strcmp(priorities[i], priority) == 0)
			return priorities[i];
	}
	return NULL;
}

void known_from_registry(const struct run *run, const struct ncm_reg_model *entry, struct ncm_model *model)
{
	model->id = ncm_strdup(entry->id);
	model->name = ncm_strdup(entry->display_name ? entry->display_name : entry->id);
	model->kind = ncm_strdup_null(entry->kind);
	model->profile = ncm_strdup_null(entry->profile);
	model->phase = entry->phase;
	model->priority = known_priority(entry->priority);
	model->performance_score = model->cost_score = -1;
	for (size_t i = 0; i < run->damage_count; i++) {
		const struct ncm_reg_file *file = run->damages[i].file->file;
		const struct ncm_lock_entry *locked;

		if (run->damages[i].file->model != entry)
			continue;
		locked = locked_entry(run->lock, entry, &file->sha256);
		if (locked)
			add_source(model, locked->uri, entry, locked->file_count == 1 ? file : NULL);
		else
			add_source(model, entry->source, entry, entry->file_count == 1 ? file : NULL);
	}
}
