/* SPDX-License-Identifier: MIT */
#ifndef NCM_BUNDLE_PINS_H
#define NCM_BUNDLE_PINS_H

#include "base/text_map.h"
#include "manifest/lock.h"
#include "store/store.h"

/* The text of a lock with those entries whose content is in the bundle (digests in hex), also under the pinned spelling
 * that the bundle's manifests use. The caller frees it; NULL as ncm_lock_text. */
char *bundle_pins(const struct ncm_lock *lock, const struct ncm_text_map *blobs);
/*
 * A manifest whose files of repositories that stay as they are have the names under which the lock pins them, not the
 * pinned ones: then what means a revision ("refs/main") comes out, too. The caller frees it.
 */
char *bundle_manifest(const char *text, const struct ncm_lock *lock, const struct ncm_layout *layout);

#endif
