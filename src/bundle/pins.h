/* SPDX-License-Identifier: MIT */
#ifndef NCM_BUNDLE_PINS_H
#define NCM_BUNDLE_PINS_H

#include "base/text_map.h"
#include "manifest/lock.h"
#include "store/store.h"

#include <ncmodel/registry.h>

/* The text of a lock with those entries whose content is in the bundle (digests in hex), also under the pinned spelling
 * that the bundle's manifests use. The caller frees it; NULL as ncm_lock_text. */
char *bundle_pins(const struct ncm_lock *lock, const struct ncm_text_map *blobs);
/* Whether a file is of an older revision of a source of which the model has the newer one, too, and not of that. Such
 * files stay registered until they are removed. */
bool bundle_is_older(const struct ncm_lock *lock, const struct ncm_reg_model *model, const struct ncm_reg_file *file);
/*
 * A manifest without what is older, whose files have the names under which the lock pins them, not the pinned ones:
 * then what means a revision ("refs/main") comes out, too, and the receiver's lock has the pin where it looks for it.
 * The caller frees it.
 */
char *bundle_manifest(const char *text, const struct ncm_lock *lock, const struct ncm_layout *layout);

#endif
