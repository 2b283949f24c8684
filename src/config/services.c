/* SPDX-License-Identifier: MIT */
/* What is kept of each service that can be set up: an endpoint, in the order of their rows. */
#include "config/services.h"
#include "config/parts.h"

#include "base/mem.h"

#include <string.h>

void config_add_services(struct ncm_config *config, const struct config_service *const *services)
{
	for (; *services; services++)
		*NCM_PUSH(config->endpoints, config->endpoint_count) =
		    (struct ncm_endpoint){.service = (*services)->name,
					  .title = (*services)->title,
					  .settings = *services,
					  .url = ncm_strdup((*services)->endpoint)};
}

const struct ncm_endpoint *ncm_config_endpoint(const struct ncm_config *config, const char *service)
{
	for (size_t i = 0; i < config->endpoint_count; i++) {
		if (strcmp(config->endpoints[i].service, service) == 0)
			return &config->endpoints[i];
	}
	return NULL;
}
