/* SPDX-License-Identifier: MIT */
#include "config/bundles.h"
#include "config/parts.h"

#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"

#include <errno.h>
#include <ncmodel/limits.h>
#include <string.h>

enum { DEFAULT_JOBS = 4, DEFAULT_TIMEOUT = 20, DEFAULT_SPEED_LIMIT = 100 };
#define DEFAULT_RESERVE (UINT64_C(2) << 30)

/* An endpoint for each service that can be set up, in the order of their rows. */
static void add_services(struct ncm_config *config, const struct config_service *const *services)
{
	for (; *services; services++)
		*NCM_PUSH(config->endpoints, config->endpoint_count) =
		    (struct ncm_endpoint){.service = (*services)->name,
					  .title = (*services)->title,
					  .settings = *services,
					  .url = ncm_strdup((*services)->endpoint)};
}

static struct ncm_config *defaults(const struct config_service *const *services)
{
	struct ncm_config *config = ncm_calloc(1, sizeof *config);

	config->root = config_home();
	config->layout = ncm_strdup("default");
	config->profile = ncm_strdup("noa");
	config->data_dir = ncm_strdup(NCM_DATADIR);
	add_services(config, services);
	config->reserve = DEFAULT_RESERVE;
	config->jobs = DEFAULT_JOBS;
	config->connections = NCM_LIMIT_PARALLEL;
	config->timeout = DEFAULT_TIMEOUT;
	config->speed_limit = DEFAULT_SPEED_LIMIT;
	config->speed_time = NCM_LIMIT_STALL_SECONDS;
	config->retries = NCM_LIMIT_RETRIES;
	config->cache_fill = true;
	return config;
}

/* Only the file that nobody named may be missing. */
static int read_file_if_any(struct ncm_config *config, const char *file, const char *own, struct ncm_error *err)
{
	const char *named = file ? file : config_env("NCMODEL_CONFIG");
	NCM_AUTO_FREE char *standard = ncm_path_join(own, "config.json");
	NCM_AUTO_FREE char *path = named ? config_path(NULL, named) : ncm_strdup(standard);

	ncm_config_set(&config->file, path);
	if (os_access(OS_HERE, path, 0) < 0 && errno == ENOENT) {
		if (!named)
			return 0;
		ncm_error_set(err, NCM_E_USAGE, "there is no configuration file %s", path);
		return ncm_error_hint(err, "%s names it", file ? "--config" : "NCMODEL_CONFIG");
	}
	return config_read_file(config, path, err);
}

struct ncm_config *config_load(const struct config_service *const *services, const char *file, struct ncm_error *err)
{
	NCM_AUTO_FREE char *xdg = config_xdg("XDG_CONFIG_HOME", ".config");
	NCM_AUTO_FREE char *own = ncm_path_join(xdg, "ncmodel");
	NCM_AUTO_FREE char *state = config_xdg("XDG_STATE_HOME", ".local/state");
	struct ncm_config *config = defaults(services);

	config->log = ncm_path_join(state, "ncmodel/log.jsonl");
	if (read_file_if_any(config, file, own, err) < 0)
		goto failed;
	*NCM_PUSH(config->manifest_dirs, config->manifest_dir_count) = ncm_path_join(own, "manifests");
	if (config_read_environment(config, err) < 0 || config_find_tokens(config, err) < 0)
		goto failed;
	config_find_servers(config);
	return config;
failed:
	ncm_config_free(config);
	return NULL;
}

static void drop_profiles(struct ncm_config *config)
{
	for (size_t i = 0; i < config->more_profile_count; i++)
		free(config->more_profiles[i]);
	free(config->more_profiles);
	free(config->profile);
	config->profile = NULL;
	config->more_profiles = NULL;
	config->more_profile_count = 0;
}

void ncm_config_free(struct ncm_config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->endpoint_count; i++) {
		ncm_wipe(config->endpoints[i].token);
		free(config->endpoints[i].url);
	}
	free(config->endpoints);
	for (size_t i = 0; i < config->manifest_dir_count; i++)
		free(config->manifest_dirs[i]);
	for (size_t i = 0; i < config->manifest_file_count; i++)
		free(config->manifest_files[i]);
	for (size_t i = 0; i < config->mirror_count; i++) {
		free(config->mirrors[i].from);
		free(config->mirrors[i].to);
	}
	for (size_t i = 0; i < config->store_count; i++) {
		free(config->stores[i].store);
		free(config->stores[i].path);
	}
	drop_profiles(config);
	config_drop_bundles(config);
	config_drop_servers(config);
	for (size_t i = 0; i < config->insecure_registry_count; i++)
		free(config->insecure_registries[i]);
	free(config->insecure_registries);
	free(config->manifest_dirs);
	free(config->manifest_files);
	free(config->mirrors);
	free(config->stores);
	free(config->file);
	free(config->root);
	free(config->layout);
	free(config->registry);
	free(config->lock);
	free(config->log);
	free(config->data_dir);
	free(config->cache);
	free(config->s3_region);
	free(config->cacert);
	free(config);
}

bool ncm_config_has_profile(const struct ncm_config *config, const char *name)
{
	bool found = config->profile && strcmp(config->profile, name) == 0;

	for (size_t i = 0; i < config->more_profile_count && !found; i++)
		found = strcmp(config->more_profiles[i], name) == 0;
	return found;
}

void ncm_config_add_profile(struct ncm_config *config, const char *name)
{
	if (!config->profile)
		config->profile = ncm_strdup(name);
	else if (!ncm_config_has_profile(config, name))
		*NCM_PUSH(config->more_profiles, config->more_profile_count) = ncm_strdup(name);
}

static bool has_empty_word(const char *words)
{
	const size_t size = strlen(words);

	return size == 0 || *words == ',' || words[size - 1] == ',' || strstr(words, ",,");
}

int ncm_config_set_profiles(struct ncm_config *config, const char *names, struct ncm_error *err)
{
	if (has_empty_word(names)) {
		ncm_error_set(err, NCM_E_USAGE, "\"%s\" is not a list of profiles", names);
		return ncm_error_hint(err, "several have commas between, as noa,nexus");
	}
	drop_profiles(config);
	for (const char *at = names; *at; at += *at == ',') {
		NCM_AUTO_FREE char *name = ncm_strndup(at, strcspn(at, ","));

		ncm_config_add_profile(config, name);
		at += strlen(name);
	}
	return 0;
}

void ncm_config_set(char **field, const char *value)
{
	char *copy = ncm_strdup_null(value);

	free(*field);
	*field = copy;
}

int ncm_config_set_root(struct ncm_config *config, const char *path, struct ncm_error *err)
{
	if (!*path)
		return ncm_error_set(err, NCM_E_USAGE, "the root folder has no name");
	free(config->root);
	config->root = config_path(NULL, path);
	return 0;
}

bool ncm_config_root_is_home(const struct ncm_config *config)
{
	NCM_AUTO_FREE char *home = config_home();

	return strcmp(config->root, home) == 0;
}

void ncm_config_add_manifest_dir(struct ncm_config *config, const char *path)
{
	char *folder = config_path(NULL, path);

	(void)NCM_PUSH(config->manifest_dirs, config->manifest_dir_count);
	memmove(config->manifest_dirs + 1, config->manifest_dirs,
		(config->manifest_dir_count - 1) * sizeof *config->manifest_dirs);
	config->manifest_dirs[0] = folder;
}

void ncm_config_add_manifest_file(struct ncm_config *config, const char *path)
{
	*NCM_PUSH(config->manifest_files, config->manifest_file_count) = ncm_strdup(path);
}

int ncm_config_set_store(struct ncm_config *config, const char *assignment, struct ncm_error *err)
{
	const char *equals = strchr(assignment, '=');
	NCM_AUTO_FREE char *store = NULL;

	if (!equals || equals == assignment || equals[1] == '\0') {
		ncm_error_set(err, NCM_E_USAGE, "\"%s\" is not STORE=PATH", assignment);
		return ncm_error_hint(err, "for example a1111=/srv/stable-diffusion-webui");
	}
	store = ncm_strndup(assignment, (size_t)(equals - assignment));
	config_put_store(config, store, config_path(NULL, equals + 1), NCM_SAID_BY_FLAG);
	return 0;
}

const struct ncm_endpoint *ncm_config_endpoint(const struct ncm_config *config, const char *service)
{
	for (size_t i = 0; i < config->endpoint_count; i++) {
		if (strcmp(config->endpoints[i].service, service) == 0)
			return &config->endpoints[i];
	}
	return NULL;
}
