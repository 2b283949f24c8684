/* SPDX-License-Identifier: MIT */
/* Docker Compose: one Ollama for each of its stores. The Compose specification, services. */
#include "export/export.h"

#include "base/mem.h"

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

/* A variable without a value is the one of whoever starts it, if he has one. */
static json_t *environment(void)
{
	static const char *const passed[] = {"OLLAMA_KEEP_ALIVE", "OLLAMA_MAX_LOADED_MODELS", "OLLAMA_NUM_PARALLEL",
					     "OLLAMA_CONTEXT_LENGTH", NULL};
	json_t *object = json_object();

	put(object, "OLLAMA_MODELS", json_string("/models"));
	for (size_t i = 0; passed[i]; i++)
		put(object, passed[i], json_null());
	return object;
}

static json_t *service_of(const struct export_server *server)
{
	NCM_AUTO_FREE char *port = ncm_asprintf("127.0.0.1:%u:11434", server->port);
	json_t *service = json_object();

	put(service, "image", json_string("ollama/ollama"));
	put(service, "restart", json_string("unless-stopped"));
	if (!server->at_start)
		put(service, "profiles", json_pack("[s]", server->store->id));
	put(service, "ports", json_pack("[s]", port));
	put(service, "environment", environment());
	put(service, "volumes", json_pack("[o]", volume_of(server->store)));
	return service;
}

void export_compose(struct exported *exported, struct ncm_buffer *out)
{
	NCM_AUTO_JSON json_t *file = json_object();
	json_t *services = json_object();

	put(file, "services", services);
	for (size_t i = 0; i < exported->server_count; i++)
		put(services, exported->servers[i].store->id, service_of(&exported->servers[i]));
	for (size_t i = 0; i < exported->model_count; i++) {
		if (exported->models[i].tag)
			export_has(exported, &exported->models[i]);
	}
	ncm_buffer_puts(out, "# Ollama, one service a store. A service with a profile starts on demand:\n"
			     "#   docker compose --profile NAME up -d NAME\n");
	if (exported->server_count > 0)
		export_yaml(file, out);
}
