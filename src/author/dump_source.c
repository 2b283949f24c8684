/* SPDX-License-Identifier: MIT */
/* Where a registered file came from: the lock knows each file's source, manifests know more places of the same bytes,
 * and models.json has one source a model. */
#include "author/author.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "manifest/lock.h"
#include "ollama/name.h"
#include "source/source.h"

#include <ncmodel/registry.h>
#include <string.h>

static void add_once(struct ncm_strings *from, const char *uri)
{
	enum { MOST_PLACES = 16 };

	if (uri && from->count < MOST_PLACES && !ncm_strings_contain(from, uri))
		ncm_strings_add(from, uri);
}

/* The one file of what the lock pins, or NULL where that has no spelling. The caller frees it. */
static char *pinned_uri(const struct ncm_lock_entry *entry, const struct ncm_lock_file *file)
{
	const char *pinned = entry->pinned ? entry->pinned : entry->uri;
	char *uri = entry->revision ? ncm_source_file_at(pinned, file->path, entry->revision) : NULL;

	return uri || entry->file_count != 1 ? uri : ncm_strdup(pinned);
}

static bool is_own(const struct ncm_lock_entry *locked, const struct ncm_reg_model *entry)
{
	return entry->source && (strcmp(locked->uri, entry->source) == 0 ||
				 (locked->pinned && strcmp(locked->pinned, entry->source) == 0));
}

/* `own`: of the model's source, or of the others. */
static void add_locked(const struct ncm_lock *lock, const struct ncm_reg_model *entry, bool own,
		       const struct ncm_sha256 *sha256, struct ncm_strings *from)
{
	for (size_t i = 0; i < lock->count; i++) {
		const struct ncm_lock_entry *locked = &lock->entries[i];

		if (locked->ollama_name || is_own(locked, entry) != own)
			continue;
		for (size_t k = 0; k < locked->file_count; k++) {
			const struct ncm_lock_file *file = &locked->files[k];
			NCM_AUTO_FREE char *uri = NULL;

			if (!file->has_sha256 || !ncm_sha256_equal(&file->sha256, sha256))
				continue;
			uri = pinned_uri(locked, file);
			add_once(from, uri);
		}
	}
}

static void add_of_specs(const struct ncm_file_spec *specs, size_t count, const struct ncm_sha256 *sha256,
			 struct ncm_strings *from)
{
	for (size_t i = 0; i < count; i++) {
		if (!specs[i].has_sha256 || !ncm_sha256_equal(&specs[i].sha256, sha256))
			continue;
		for (size_t k = 0; k < specs[i].from.count; k++)
			add_once(from, specs[i].from.items[k]);
	}
}

static void add_from_manifests(const struct ncm_catalog *catalog, const struct ncm_sha256 *sha256,
			       struct ncm_strings *from)
{
	for (size_t i = 0; catalog && i < catalog->count; i++) {
		const struct ncm_model *model = &catalog->models[i];

		add_of_specs(model->files, model->file_count, sha256, from);
		for (size_t k = 0; k < model->variant_count; k++)
			add_of_specs(model->variants[k].files, model->variants[k].file_count, sha256, from);
	}
}

/* Whether all files of the model are copies of one. */
static bool is_one_content(const struct ncm_reg_model *entry)
{
	for (size_t i = 1; i < entry->file_count; i++) {
		if (!ncm_sha256_equal(&entry->files[i].sha256, &entry->files[0].sha256))
			return false;
	}
	return true;
}

/* "hf:org/repo/file.gguf@rev" is a source of file.gguf, whatever else the model has. */
static bool names_file(const char *uri, const struct ncm_reg_file *file)
{
	NCM_AUTO_FREE char *name = ncm_source_file_name(uri);

	return name && strcmp(name, ncm_path_base(file->abs)) == 0;
}

void dump_sources(const struct provenance *provenance, const struct ncm_reg_model *entry,
		  const struct ncm_reg_file *file, struct ncm_strings *from)
{
	const struct ncm_sha256 *sha256 = &file->sha256;

	add_locked(provenance->lock, entry, true, sha256, from);
	add_locked(provenance->lock, entry, false, sha256, from);
	if (entry->source && ncm_source_scheme(entry->source) && !ncm_source_gives_blobs(entry->source) &&
	    (is_one_content(entry) || names_file(entry->source, file)))
		add_once(from, entry->source);
	add_from_manifests(provenance->catalog, sha256, from);
}

char *dump_ollama_source(const struct provenance *provenance, const char *relative, const struct ncm_sha256 *digest)
{
	NCM_AUTO_FREE char *name = ollama_name_at(relative, NULL);
	const char *tag = name ? strrchr(name, '/') : NULL;
	NCM_AUTO_FREE char *uri = NULL;
	struct ncm_sha256 revision;
	char *canonical = NULL;

	for (size_t i = 0; name && i < provenance->lock->count; i++) {
		const struct ncm_lock_entry *locked = &provenance->lock->entries[i];

		if (locked->ollama_name && strcmp(locked->ollama_name, name) == 0 && locked->revision &&
		    ncm_sha256_parse(locked->revision, &revision) == 0 && ncm_sha256_equal(&revision, digest))
			return ncm_strdup(locked->uri);
	}
	if (!tag)
		return NULL;
	uri = ncm_asprintf("%s%.*s:%s", ncm_source_ollama.begins, (int)(tag - name), name, tag + 1);
	return ncm_source_check(uri, false, &canonical, NULL) == 0 ? canonical : NULL;
}

static const struct ncm_variant *variant_of(const struct ncm_model *model, const char *name)
{
	for (size_t i = 0; i < model->variant_count; i++) {
		if (strcmp(model->variants[i].name, name) == 0)
			return &model->variants[i];
	}
	return NULL;
}

static bool is_asked_for_by(const struct ncm_reg_model *entry, const char *profile)
{
	return profile && ((entry->profile && strcmp(entry->profile, profile) == 0) ||
			   ncm_strings_contain(&entry->profiles, profile));
}

const struct ncm_model *dump_known_model(const struct ncm_catalog *catalog, const struct ncm_reg_model *entry,
					 const struct ncm_variant **variant)
{
	for (size_t i = 0; catalog && i < catalog->count; i++) {
		const struct ncm_model *model = &catalog->models[i];

		if (strcmp(model->id, entry->id) != 0 || !is_asked_for_by(entry, model->profile))
			continue;
		*variant = entry->variant ? variant_of(model, entry->variant) : NULL;
		return entry->variant && !*variant ? NULL : model;
	}
	return NULL;
}
