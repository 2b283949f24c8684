/* SPDX-License-Identifier: MIT */
/* A source spelled out on the command line becomes a model of its own. */
#ifndef NCM_MANIFEST_SPELLED_H
#define NCM_MANIFEST_SPELLED_H

#include <ncmodel/manifest.h>

/*
 * Finds or makes the model of an URI in the catalog; *index is its place there. Of the selector what it says of sources
 * spelled out counts: `to`, `include`, `exclude`. A model of a manifest that is just this one source is taken as it
 * stands, unless `to` says otherwise. Class USAGE.
 */
int manifest_spelled(struct ncm_catalog *catalog, const char *uri, const struct ncm_selector *selector, size_t *index,
		     struct ncm_error *err);

/* spelled_index.c: which models a catalog has, found without looking at each; what is appended to it counts. */

/* The first model that is just this source (`own`: and of no manifest): *number is its place. */
bool manifest_index_source(struct ncm_catalog *catalog, const char *canonical, bool own, size_t *number);
/* Whether a model has this id, in any case of its letters. */
bool manifest_index_has_id(struct ncm_catalog *catalog, const char *id);
void manifest_index_free(struct ncm_catalog *catalog);

#endif
