/* SPDX-License-Identifier: MIT */
/* A server fetches, and what it then has is held against the registry. */
#include "runtime/runtime.h"

#include "base/mem.h"
#include "ollama/manifest.h"
#include "source/source.h"

#include <string.h>
#include <strings.h>

/* One model that is to be pulled. */
struct wanted {
	char *name;                       /* Ollama's */
	char *uri;                        /* its source */
	const struct ncm_file_spec *spec; /* of a manifest, or NULL */
};

static bool take(struct wanted *wanted, const char *uri, const struct ncm_file_spec *spec)
{
	wanted->name = runtime_ollama_name(uri);
	if (!wanted->name)
		return false;
	wanted->uri = ncm_strdup(uri);
	wanted->spec = spec;
	return true;
}

static bool take_model(struct wanted *wanted, const struct ncm_model *model)
{
	for (size_t i = 0; i < model->file_count; i++) {
		for (size_t j = 0; j < model->files[i].from.count; j++) {
			if (take(wanted, model->files[i].from.items[j], &model->files[i]))
				return true;
		}
	}
	return false;
}

/* A manifest's id, a source, or a name of Ollama's, in this order. */
static bool find_wanted(const struct ncm_catalog *catalog, const char *word, struct wanted *wanted)
{
	NCM_AUTO_FREE char *uri = ncm_asprintf("%s:%s", ncm_runtime_ollama.kind, word);

	for (size_t i = 0; catalog && i < catalog->count; i++) {
		if (strcasecmp(catalog->models[i].id, word) == 0)
			return take_model(wanted, &catalog->models[i]);
	}
	return take(wanted, word, NULL) || (!ncm_source_of(word) && take(wanted, uri, NULL));
}

static const struct ncm_server *find_server(const struct ncm_config *config, struct ncm_http *http,
					    const struct ncm_runtime_options *options, struct runtime_client *client,
					    struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_RUNTIME, "none of the servers can fetch models");
	for (size_t i = 0; i < config->server_count; i++) {
		NCM_AUTO_FREE char *version = NULL;
		struct ncm_error error = NCM_ERROR_INIT;

		runtime_client_open(client, &config->servers[i], http, options);
		if (runtime_identify(client, &version, &error) == 0 && client->kind->pull) {
			ncm_error_clear(err);
			return &config->servers[i];
		}
		if (error.code != NCM_OK)
			ncm_error_move(err, &error);
		runtime_client_close(client);
	}
	return NULL;
}

/* Digests as hexadecimal digits. */
struct served {
	char digest[NCM_SHA256_HEX + 1];  /* of the manifest that the registry has now */
	char written[NCM_SHA256_HEX + 1]; /* of the same as Ollama writes it down, whatever its blanks and order were */
};

static void rewrite(const struct ncm_resolution *found, char written[NCM_SHA256_HEX + 1])
{
	OLLAMA_AUTO_MANIFEST struct ollama_manifest manifest = {0};
	struct ncm_sha256 digest = found->manifest_digest;
	uint64_t size;

	if (found->manifest &&
	    ollama_manifest_parse(found->manifest, found->manifest_size, "the manifest", &manifest, NULL) == 0 &&
	    !manifest.is_list)
		ollama_manifest_plain(&manifest, &digest, &size);
	(void)ncm_sha256_hex(&digest, written);
}

static int ask_registry(struct ncm_sources *sources, const struct wanted *wanted, struct served *served,
			struct ncm_error *err)
{
	const struct ncm_file_spec bare = {.role = (char *)""};
	struct ncm_resolution *found = ncm_source_resolve(sources, wanted->uri, &bare, NULL, err);

	if (!found)
		return -1;
	(void)ncm_sha256_hex(&found->manifest_digest, served->digest);
	rewrite(found, served->written);
	ncm_resolution_free(found);
	return 0;
}

static int differs(const struct ncm_runtime_deed *deed, const char *whose, const char *wanted, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_CHECKSUM, "server %s has %s as sha256:%s, and %s says sha256:%s", deed->server,
		      deed->name, deed->digest, whose, wanted);
	return ncm_error_hint(err, "what it has is not what was asked for: do not load it");
}

static int check(struct ncm_sources *sources, const struct wanted *wanted, const struct ncm_runtime_deed *deed,
		 struct ncm_error *err)
{
	struct served served;
	bool is_served;

	if (ask_registry(sources, wanted, &served, err) < 0)
		return ncm_error_wrap(err, "the server has %s, which cannot be held against the registry", deed->name);
	is_served = strcasecmp(served.digest, deed->digest) == 0 || strcasecmp(served.written, deed->digest) == 0;
	if (wanted->spec && wanted->spec->has_digest) {
		char pinned[NCM_SHA256_HEX + 1];

		(void)ncm_sha256_hex(&wanted->spec->digest, pinned);
		if (strcasecmp(pinned, deed->digest) != 0 && !(is_served && strcasecmp(pinned, served.digest) == 0))
			return differs(deed, "its manifest", pinned, err);
	}
	return is_served ? 0 : differs(deed, "the registry", served.digest, err);
}

static void pull_one(const struct runtime_client *client, struct ncm_sources *sources,
		     const struct ncm_catalog *catalog, struct ncm_runtime_deed *deed)
{
	struct wanted wanted = {0};

	if (!find_wanted(catalog, deed->model, &wanted)) {
		ncm_error_set(&deed->error, NCM_E_USAGE, "%s has no source that a server could fetch", deed->model);
	} else {
		deed->server = ncm_strdup(client->name);
		deed->name = ncm_strdup(wanted.name);
		if (client->kind->pull(client, wanted.name, &deed->digest, &deed->error) == 0 &&
		    check(sources, &wanted, deed, &deed->error) == 0)
			deed->outcome = NCM_RUNTIME_PULLED;
	}
	free(wanted.name);
	free(wanted.uri);
}

struct ncm_runtime_report *ncm_runtime_pull(const struct ncm_config *config, const struct ncm_catalog *catalog,
					    const struct ncm_strings *names, const struct ncm_runtime_options *options,
					    struct ncm_error *err)
{
	struct ncm_http *http = runtime_http(config, options), *registry;
	struct ncm_runtime_report *report;
	struct runtime_client client;
	struct ncm_sources *sources;

	if (!find_server(config, http, options, &client, err)) {
		ncm_http_free(http);
		return NULL;
	}
	report = ncm_calloc(1, sizeof *report);
	registry = ncm_http_new(config, options->sink);
	sources = ncm_sources_new(config, registry, options->sink);
	for (size_t i = 0; i < names->count && !ncm_interrupted(); i++) {
		struct ncm_runtime_deed *deed = NCM_PUSH(report->deeds, report->count);

		*deed = (struct ncm_runtime_deed){.model = ncm_strdup(names->items[i]), .outcome = NCM_RUNTIME_FAILED};
		pull_one(&client, sources, catalog, deed);
	}
	ncm_sources_free(sources);
	ncm_http_free(registry);
	ncm_http_free(http);
	runtime_client_close(&client);
	if (!ncm_interrupted())
		return report;
	ncm_runtime_report_free(report);
	ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted");
	return NULL;
}
