/* SPDX-License-Identifier: MIT */
/*
 * Places that have content by its digest: folders and http(s) addresses of such folders. BUNDLE/blobs/sha256/HEX is the
 * content with that SHA-256, as in an OCI image layout; nothing is believed because of its name.
 */
#ifndef NCM_CONFIG_BUNDLES_H
#define NCM_CONFIG_BUNDLES_H

#include <ncmodel/config.h>

/* Whether it is an address, not a folder. */
bool config_bundle_is_address(const char *bundle);
/* The path or address of the content with this SHA-256, 64 hex digits. The caller frees it. */
char *config_bundle_blob(const char *bundle, const char *hex);
/* The folder of a bundle that may have checkpoints of its content, by SHA-256 in hex. The caller frees it. */
char *config_bundle_checkpoints(const char *bundle);
/* As ncm_config_add_bundle for a folder relative to `base` (NULL: the working folder). False if it is no place. */
bool config_put_bundle(struct ncm_config *config, const char *base, const char *place);
void config_drop_bundles(struct ncm_config *config);

#endif
