/* SPDX-License-Identifier: MIT */
/* The layout: which stores there are. Its format is manifests/schema/layout.schema.json. */
#ifndef NCMODEL_LAYOUT_H
#define NCMODEL_LAYOUT_H

#include <ncmodel/config.h>
#include <ncmodel/manifest.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/*
 * Adds to *stores the ids of the stores that the configuration's layout has, and to *folders each of their named
 * folders as "STORE/FOLDER", both in the layout's order; either may be NULL. The caller frees the lists. Returns 0, or
 * -1: MANIFEST for a bad layout, USAGE for one that is not there.
 */
int ncm_layout_names(const struct ncm_config *config, struct ncm_strings *stores, struct ncm_strings *folders,
		     struct ncm_error *err);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
