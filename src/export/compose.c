/* SPDX-License-Identifier: MIT */
/* Docker Compose: one Ollama for each of its stores. The Compose specification, services. */
#include "export/export.h"

#include "base/mem.h"
#include "base/strings.h"
#include "manifest/load.h"

static void put(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

static json_t *volume_of(const struct ncm_store *store)
{
	NCM_AUTO_FREE char *path = export_compose_text(store->path);
	json_t *volume = json_object();

	put(volume, "type", json_string("bind"));
	ncm_json_set_string(volume, "source", path);
	put(volume, "target", json_string("/models"));
	return volume;
}

/* A rule means its own profile's models: another's of that id may go elsewhere. */
static bool sends_to(const struct ncm_catalog *catalog, const struct ncm_rule *rule, const char *store)
{
	for (size_t i = 0; i < catalog->count; i++) {
		const struct ncm_model *model = &catalog->models[i];

		if (ncm_strings_contain(&rule->models, model->id) && ncm_same_text(model->profile, rule->profile) &&
		    manifest_goes_to(model, store))
			return true;
	}
	return false;
}

/* The most agents that a rule of the profile sends at once to a model of the store; 0: none is. */
static unsigned agents_of(const struct ncm_catalog *catalog, const char *store)
{
	unsigned most = 0;

	for (size_t i = 0; catalog && i < catalog->rule_count; i++) {
		const struct ncm_rule *rule = &catalog->rules[i];

		if (rule->agents_max > most && sends_to(catalog, rule, store))
			most = rule->agents_max;
	}
	return most;
}

/* A variable without a value is the one of whoever starts it, if he has one. */
static void pass_on(json_t *object, const char *name, const char *otherwise)
{
	NCM_AUTO_FREE char *text = otherwise ? ncm_asprintf("${%s:-%s}", name, otherwise) : NULL;

	put(object, name, text ? json_string(text) : json_null());
}

static json_t *environment(const struct exported *exported, const struct export_server *server)
{
	const unsigned agents = agents_of(exported->catalog, server->store->id);
	const uint64_t idle = export_idle_seconds(exported);
	NCM_AUTO_FREE char *parallel = agents > 0 ? ncm_asprintf("%u", agents) : NULL;
	NCM_AUTO_FREE char *keep = idle > 0 ? ncm_asprintf("%llus", (unsigned long long)idle) : NULL;
	json_t *object = json_object();

	put(object, "OLLAMA_MODELS", json_string("/models"));
	pass_on(object, "OLLAMA_KEEP_ALIVE", keep);
	pass_on(object, "OLLAMA_MAX_LOADED_MODELS", NULL);
	pass_on(object, "OLLAMA_NUM_PARALLEL", parallel);
	pass_on(object, "OLLAMA_CONTEXT_LENGTH", NULL);
	return object;
}

/* The image has no curl; its own program asks its own server. */
static json_t *health_check(void)
{
	return json_pack("{s:[s,s,s], s:s, s:s, s:i, s:s}", "test", "CMD", "ollama", "list", "interval", "30s",
			 "timeout", "10s", "retries", 3, "start_period", "20s");
}

static json_t *service_of(const struct exported *exported, const struct export_server *server)
{
	NCM_AUTO_FREE char *port = ncm_asprintf("127.0.0.1:%u:11434", server->port);
	json_t *service = json_object();

	put(service, "image", json_string("ollama/ollama"));
	put(service, "restart", json_string("unless-stopped"));
	if (!server->at_start)
		put(service, "profiles", json_pack("[s]", server->store->id));
	put(service, "ports", json_pack("[s]", port));
	put(service, "environment", environment(exported, server));
	put(service, "volumes", json_pack("[o]", volume_of(server->store)));
	put(service, "healthcheck", health_check());
	return service;
}

/* All graphics cards, for a service that another file describes (Compose Deploy Specification, devices). */
static json_t *cards_of(const struct exported *exported, const struct export_server *server)
{
	(void)exported;
	(void)server;
	return json_pack("{s:{s:{s:{s:[{s:s, s:s, s:[s]}]}}}}", "deploy", "resources", "reservations", "devices",
			 "driver", "nvidia", "count", "all", "capabilities", "gpu");
}

typedef json_t *service_maker(const struct exported *exported, const struct export_server *server);

static void write_services(struct exported *exported, service_maker *make, struct ncm_buffer *out)
{
	NCM_AUTO_JSON json_t *file = json_object();
	json_t *services = json_object();

	put(file, "services", services);
	for (size_t i = 0; i < exported->server_count; i++) {
		if (export_serves(exported, &exported->servers[i]))
			put(services, exported->servers[i].store->id, make(exported, &exported->servers[i]));
	}
	for (size_t i = 0; i < exported->model_count; i++) {
		if (exported->models[i].tag)
			export_has(exported, &exported->models[i]);
	}
	if (json_object_size(services) > 0)
		export_yaml(file, out);
}

void export_compose(struct exported *exported, struct ncm_buffer *out)
{
	ncm_buffer_puts(out, "# Ollama, one service a store. A service with a profile starts on demand:\n"
			     "#   docker compose --profile NAME up -d NAME\n");
	write_services(exported, service_of, out);
}

void export_compose_gpu(struct exported *exported, struct ncm_buffer *out)
{
	ncm_buffer_puts(out, "# The graphics cards, on top of what `export compose` prints:\n"
			     "#   docker compose -f docker-compose.yml -f docker-compose.gpu.yml up -d NAME\n");
	write_services(exported, cards_of, out);
}
