/* SPDX-License-Identifier: MIT */
#include "oci/referrer.h"

#include "base/mem.h"

#include <string.h>

char *oci_referrers_tag(const struct ncm_sha256 *subject)
{
	char hex[NCM_SHA256_HEX + 1];

	return ncm_asprintf("sha256-%s", ncm_sha256_hex(subject, hex));
}

const struct oci_descriptor *oci_checkpoints_of(const struct oci_manifest *manifest, const struct ncm_sha256 *sha256)
{
	char path[sizeof OCI_CHECKPOINTS_FOLDER + 1 + NCM_SHA256_HEX] = OCI_CHECKPOINTS_FOLDER "/";

	ncm_sha256_hex(sha256, path + strlen(path));
	for (size_t i = 0; i < manifest->count; i++) {
		const struct oci_descriptor *layer = &manifest->layers[i];

		if (layer->path && strcmp(layer->type, OCI_CHECKPOINTS_LAYER) == 0 && strcmp(layer->path, path) == 0)
			return layer;
	}
	return NULL;
}
