/* SPDX-License-Identifier: MIT */
#include "config/bundles.h"

#include "base/mem.h"
#include "config/parts.h"

#include <string.h>
#include <strings.h>

bool config_bundle_is_address(const char *bundle)
{
	return strncasecmp(bundle, "http://", 7) == 0 || strncasecmp(bundle, "https://", 8) == 0;
}

char *config_bundle_blob(const char *bundle, const char *hex)
{
	return ncm_asprintf("%s/blobs/sha256/%s", bundle, hex);
}

char *config_bundle_checkpoints(const char *bundle)
{
	return ncm_asprintf("%s/ncmodel.lock.checkpoints", bundle);
}

bool config_put_bundle(struct ncm_config *config, const char *base, const char *place)
{
	char *kept = NULL;

	if (strstr(place, "://"))
		kept = config_endpoint(place);
	else if (*place)
		kept = config_path(base, place);
	if (kept)
		*NCM_PUSH(config->bundles, config->bundle_count) = kept;
	return kept != NULL;
}

int ncm_config_add_bundle(struct ncm_config *config, const char *place, struct ncm_error *err)
{
	if (config_put_bundle(config, NULL, place))
		return 0;
	/* The value may hold a password: it is not told. */
	ncm_error_set(err, NCM_E_USAGE,
		      "a mirror of content is a folder, or an http or https URL without user, query "
		      "and fragment");
	return ncm_error_hint(err, "the folder is the one that has blobs/sha256 in it");
}

void config_drop_bundles(struct ncm_config *config)
{
	for (size_t i = 0; i < config->bundle_count; i++)
		free(config->bundles[i]);
	free(config->bundles);
}
