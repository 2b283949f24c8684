/* SPDX-License-Identifier: MIT */
#include "source/shared.h"

#include "base/file.h"
#include "base/mem.h"
#include "config/bundles.h"

char *ncm_source_bundled(const struct ncm_config *config, const struct ncm_sha256 *wanted, size_t limit, size_t *size)
{
	char hex[NCM_SHA256_HEX + 1];
	struct ncm_sha256 digest;

	ncm_sha256_hex(wanted, hex);
	for (size_t i = 0; i < config->bundle_count; i++) {
		const bool is_folder = !config_bundle_is_address(config->bundles[i]);
		NCM_AUTO_FREE char *path = config_bundle_blob(config->bundles[i], hex);
		char *body = is_folder ? ncm_read_file(path, limit, size) : NULL;

		if (!body)
			continue;
		ncm_sha256_of(body, *size, &digest);
		if (ncm_sha256_equal(&digest, wanted))
			return body;
		free(body);
	}
	return NULL;
}
