/* SPDX-License-Identifier: MIT */
#include "config/parts.h"

#include "base/mem.h"
#include "os/process.h"

#include <ctype.h>
#include <ncmodel/limits.h>
#include <ncmodel/text.h>
#include <string.h>

/* An empty folder name would be the working folder by surprise; config_env leaves such variables out. */
static void take_path(const char *name, char **field)
{
	const char *value = config_env(name);
	NCM_AUTO_FREE char *path = value ? config_path(NULL, value) : NULL;

	if (path)
		ncm_config_set(field, path);
}

static int take_endpoint(const char *name, char **field, struct ncm_error *err)
{
	const char *value = config_env(name);
	char *url = value ? config_endpoint(value) : NULL;

	/* The value may hold a password: it is not told. */
	if (value && !url)
		return ncm_error_set(err, NCM_E_USAGE,
				     "%s is not an http or https URL without user, query and fragment", name);
	if (url) {
		free(*field);
		*field = url;
	}
	return 0;
}

static int take_endpoints(struct ncm_config *config, struct ncm_error *err)
{
	for (size_t i = 0; i < config->endpoint_count; i++) {
		if (take_endpoint(config->endpoints[i].settings->endpoint_variable, &config->endpoints[i].url, err) < 0)
			return -1;
	}
	return 0;
}

static int take_size(const char *name, uint64_t *field, struct ncm_error *err)
{
	const char *value = config_env(name);

	if (value && ncm_parse_size(value, field) < 0)
		return ncm_error_set(err, NCM_E_USAGE, "%s is \"%s\": not a size such as 20M or 2GiB", name, value);
	return 0;
}

/* NCMODEL_STORE_LLAMA_CPP=/path is the folder of the store "llama-cpp". */
static void take_stores(struct ncm_config *config)
{
	static const char prefix[] = "NCMODEL_STORE_";

	for (char **entry = os_environment(); entry && *entry; entry++) {
		const char *equals = strchr(*entry, '=');
		NCM_AUTO_FREE char *store = NULL;

		if (!equals || strncmp(*entry, prefix, sizeof prefix - 1) != 0 || equals[1] == '\0')
			continue;
		store = ncm_strndup(*entry + sizeof prefix - 1, (size_t)(equals - *entry) - (sizeof prefix - 1));
		for (char *at = store; *at; at++)
			*at = (char)(*at == '_' ? '-' : tolower((unsigned char)*at));
		config_put_store(config, store, config_path(NULL, equals + 1), NCM_SAID_BY_ENVIRONMENT);
	}
}

static int take_insecure_registries(struct ncm_config *config, struct ncm_error *err)
{
	const char *hosts = config_env("NCMODEL_INSECURE_REGISTRY");

	for (const char *at = hosts; at && *at; at += *at == ',') {
		NCM_AUTO_FREE char *host = ncm_strndup(at, strcspn(at, ","));

		if (ncm_config_add_insecure_registry(config, host, err) < 0)
			return ncm_error_wrap(err, "NCMODEL_INSECURE_REGISTRY");
		at += strlen(host);
	}
	return 0;
}

int config_read_environment(struct ncm_config *config, struct ncm_error *err)
{
	const char *layout = config_env("NCMODEL_LAYOUT");
	const char *profile = config_env("NCMODEL_PROFILE");
	const char *manifests = config_env("NCMODEL_MANIFEST_DIR");
	const char *jobs = config_env("NCMODEL_JOBS");
	const char *connections = config_env("NCMODEL_CONNECTIONS");
	const char *cache = config_env("NCMODEL_CACHE");
	const char *region = config_env("NCMODEL_S3_REGION");
	const char *speed_time = config_env("NCMODEL_SPEED_TIME");
	NCM_AUTO_FREE char *path = NULL;

	take_path("NCMODEL_ROOT", &config->root);
	take_path("NCMODEL_LOCK", &config->lock);
	take_path("NCMODEL_REGISTRY", &config->registry);
	take_path("NCMODEL_DATADIR", &config->data_dir);
	take_path("SSL_CERT_FILE", &config->cacert);
	if (layout) {
		path = config_layout(NULL, layout);
		ncm_config_set(&config->layout, path);
	}
	if (profile && ncm_config_set_profiles(config, profile, err) < 0)
		return ncm_error_wrap(err, "NCMODEL_PROFILE");
	if (cache)
		ncm_config_set(&config->cache, cache);
	if (region)
		ncm_config_set(&config->s3_region, region);
	if (manifests)
		ncm_config_add_manifest_dir(config, manifests);
	if (jobs && !config_unsigned(jobs, 1, NCM_LIMIT_PARALLEL, &config->jobs))
		return ncm_error_set(err, NCM_E_USAGE, "NCMODEL_JOBS is \"%s\": not a number from 1 to %u", jobs,
				     NCM_LIMIT_PARALLEL);
	if (connections && !config_unsigned(connections, 1, NCM_LIMIT_PARALLEL, &config->connections))
		return ncm_error_set(err, NCM_E_USAGE, "NCMODEL_CONNECTIONS is \"%s\": not a number from 1 to %u",
				     connections, NCM_LIMIT_PARALLEL);
	if (take_insecure_registries(config, err) < 0)
		return -1;
	if (speed_time && !config_unsigned(speed_time, 1, CONFIG_MAX_TIMEOUT, &config->speed_time))
		return ncm_error_set(err, NCM_E_USAGE,
				     "NCMODEL_SPEED_TIME is \"%s\": not a number of seconds from 1 to %u", speed_time,
				     (unsigned)CONFIG_MAX_TIMEOUT);
	take_stores(config);
	if (take_size("NCMODEL_LIMIT_RATE", &config->limit_rate, err) < 0 ||
	    take_size("NCMODEL_SPEED_LIMIT", &config->speed_limit, err) < 0 ||
	    take_size("NCMODEL_RESERVE", &config->reserve, err) < 0)
		return -1;
	return take_endpoints(config, err);
}
