/* SPDX-License-Identifier: MIT */
/*
 * Three questions about what models.json has, each answered here and nowhere else:
 *
 * Is it the same model? A manifest's id names the model in every profile. A source that is spelled out, and an entry
 * that no manifest has named, are named by where they come from: service, owner, repository, path, version, file and
 * query, but not by the revision (ncm_source_key). So a source that is spelled out is the entry, a manifest's or not,
 * that has it as its own source or as that of a file of its weights; and a manifest's model is the entry that has its
 * id and a profile (or is an older script's, which names alone tell of), else the entry without a profile that has the
 * source of its weights, which gets the id. An id that another model has is no evidence: then the model's own gets
 * digits of the SHA-256 of what names it.
 *
 * Whose is this file? Of every model that registered its path.
 *
 * May it be replaced? By its own model alone, and only by newer bytes of what gave the old ones, so that a source can
 * bring them back.
 */
#ifndef NCM_REGISTRY_IDENTITY_H
#define NCM_REGISTRY_IDENTITY_H

#include <ncmodel/registry.h>

/* Whether a model was made of a source that is spelled out: no manifest has it. */
bool registry_is_spelled_out(const struct ncm_model *model);

/* One file of one registered model. */
struct registry_ref {
	const struct ncm_reg_model *model;
	const struct ncm_reg_file *file;
};

/* By id (in any case), path, SHA-256 and source. Holds pointers into the registry, which must outlive it. */
struct registry_lookup;

struct registry_lookup *registry_lookup_new(const struct ncm_registry *registry);
void registry_lookup_free(struct registry_lookup *lookup);
/* The registry's own, made when it is first asked for (from any thread); lives as long as the registry. */
const struct registry_lookup *registry_lookup_of(const struct ncm_registry *registry);
/* The entry of exactly this id, in any case; or NULL. */
const struct ncm_reg_model *registry_by_id(const struct registry_lookup *lookup, const char *id);
/* All that registered this absolute path; *count may be 0. Borrowed. */
const struct registry_ref *registry_at(const struct registry_lookup *lookup, const char *abs, size_t *count);
/* All files that were recorded with this SHA-256. Borrowed. */
const struct registry_ref *registry_having(const struct registry_lookup *lookup, const struct ncm_sha256 *sha256,
					   size_t *count);
/* The entry that is this model of a manifest or of a source spelled out, or NULL if none is. */
const struct ncm_reg_model *registry_same(const struct registry_lookup *lookup, const struct ncm_model *model);
/* The id to register it under: of its entry, else its own, else (another model has that, in any case) its own with
 * digits of the SHA-256 of what names it. The caller frees it. */
char *registry_id_for(const struct registry_lookup *lookup, const struct ncm_model *model);
/* The id of a manifest's model by which its entry is not known yet: people will look for it. NULL if there is none. The
 * caller frees it. */
char *registry_alias_for(const struct registry_lookup *lookup, const struct ncm_model *model);
/*
 * Whether bytes that `spec` brings for `model` may take the place of a registered file: NULL if they may, else the
 * model that they would be taken from (borrowed), which may be `model`'s own entry. All that registered the path must
 * be this model; it must have been a file and no link; and its source must be one of the spec's, whichever revision, a
 * file of the spec's repository, or what the spec was `resolved` to (an URI; may be NULL). A file without a source of
 * its own (adopted, or an older version's) may be replaced only if it is of an older version, and the entry's source is
 * one of the model's. What has no recorded digest may have been changed by anybody: it has to be kept.
 */
const struct ncm_reg_model *registry_forbids(const struct registry_lookup *lookup, const char *abs,
					     const struct ncm_model *model, const struct ncm_file_spec *spec,
					     const char *resolved);

#endif
