/* SPDX-License-Identifier: MIT */
/*
 * Three questions about what models.json has, each answered here and nowhere else:
 *
 * Is it the same model? A manifest's id names the model in every profile; a source that is spelled out (and a model
 * that was adopted) is named by where it comes from: service, owner, repository, path, version and query, but not by
 * the revision that it is at. An id that another model has is no evidence.
 *
 * Whose is this file? Of every model that registered its path.
 *
 * May it be replaced? By its own model alone, and only by newer bytes of what gave the old ones, so that a source can
 * bring them back.
 */
#ifndef NCM_REGISTRY_IDENTITY_H
#define NCM_REGISTRY_IDENTITY_H

#include <ncmodel/registry.h>

/* One file of one registered model. */
struct registry_ref {
	const struct ncm_reg_model *model;
	const struct ncm_reg_file *file;
};

/* By id (in any case), path, SHA-256 and source. Holds pointers into the registry, which must outlive it. */
struct registry_lookup;

struct registry_lookup *registry_lookup_new(const struct ncm_registry *registry);
void registry_lookup_free(struct registry_lookup *lookup);
/* The entry of exactly this id, in any case; or NULL. */
const struct ncm_reg_model *registry_by_id(const struct registry_lookup *lookup, const char *id);
/* All that registered this absolute path; *count may be 0. Borrowed. */
const struct registry_ref *registry_at(const struct registry_lookup *lookup, const char *abs, size_t *count);
/* All files that were recorded with this SHA-256. Borrowed. */
const struct registry_ref *registry_having(const struct registry_lookup *lookup, const struct ncm_sha256 *sha256,
					   size_t *count);
/* What an URI names whatever revision it is at: the key by which sources are compared. NULL for what is no URI. The
 * caller frees it. */
char *registry_source_key(const char *uri);
/* The entry that is this model of a manifest or of a source spelled out, or NULL if none is. */
const struct ncm_reg_model *registry_same(const struct registry_lookup *lookup, const struct ncm_model *model);
/* The id to register it under: of its entry, else its own, else (another model has that) its own with digits of the
 * SHA-256 of what names it. The caller frees it. */
char *registry_id_for(const struct registry_lookup *lookup, const struct ncm_model *model);
/*
 * Whether bytes that `spec` brings for `model` may take the place of a registered file: NULL if they may, else the
 * model that they would be taken from (borrowed). All that registered the path must be this model, none may have been
 * adopted without a source, and the file's source must be one of the spec's.
 */
const struct ncm_reg_model *registry_forbids(const struct registry_lookup *lookup, const char *abs,
					     const struct ncm_model *model, const struct ncm_file_spec *spec);

#endif
