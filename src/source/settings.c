/* SPDX-License-Identifier: MIT */
/* What the sources are set up with: their rows for the configuration, and what it says of them. */
#include "source/shared.h"

#include "base/mem.h"

#include <string.h>

static size_t count_sources(void)
{
	size_t count = 0;

	while (ncm_source_at(count))
		count++;
	return count;
}

struct ncm_config *ncm_config_load(const char *file, struct ncm_error *err)
{
	const size_t count = count_sources();
	NCM_AUTO_FREE const struct config_service **services = ncm_calloc(count + 1, sizeof *services);
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (ncm_source_at(i)->settings)
			services[kept++] = ncm_source_at(i)->settings;
	}
	return config_load(services, file, err);
}

char *ncm_source_endpoint(const struct ncm_config *config, const struct ncm_source *source)
{
	const struct ncm_endpoint *endpoint = ncm_config_endpoint(config, source->settings->name);
	const char *url = endpoint && endpoint->url ? endpoint->url : source->settings->endpoint;
	size_t length = strlen(url);

	while (length > 0 && url[length - 1] == '/')
		length--;
	return ncm_strndup(url, length);
}

/* Its place in the table. */
static size_t place_of(const struct ncm_source *source)
{
	size_t place = 0;

	while (ncm_source_at(place) != source)
		place++;
	return place;
}

struct ncm_credential *ncm_source_credential(const struct ncm_sources *sources, const struct ncm_source *source)
{
	return &sources->own[place_of(source)];
}

/* The token of a service goes to the service's own origin and nowhere else. */
static void set_up(const struct ncm_sources *sources, const struct ncm_source *source,
		   struct ncm_credential *credential)
{
	const struct ncm_endpoint *endpoint = ncm_config_endpoint(sources->config, source->settings->name);
	NCM_AUTO_FREE char *url = NULL;

	if (!endpoint)
		return;
	url = ncm_source_endpoint(sources->config, source);
	credential->bearer = ncm_strdup_null(endpoint->token);
	credential->origin = ncm_url_origin(url);
	if (source->sign_in)
		source->sign_in(sources->config, credential);
}

void ncm_source_credentials_new(struct ncm_sources *sources)
{
	const struct ncm_source *source;
	sources->own = ncm_calloc(count_sources(), sizeof *sources->own);
	for (size_t i = 0; (source = ncm_source_at(i)); i++) {
		if (source->settings)
			set_up(sources, source, &sources->own[i]);
	}
}

void ncm_source_credentials_free(struct ncm_sources *sources)
{
	for (size_t i = 0; ncm_source_at(i); i++) {
		ncm_wipe(sources->own[i].bearer);
		free(sources->own[i].origin);
	}
	free(sources->own);
}
