/* SPDX-License-Identifier: MIT */
/*
 * LM Studio 0.4 and newer: GET /api/v1/models (models[].key, loaded_instances[].id and .config.context_length),
 * POST /api/v1/models/load {"model"}, which answers when the model is loaded and makes a second instance of one that
 * is, POST /api/v1/models/unload {"instance_id"}. It tells no version, and takes no keep-alive for what is loaded so.
 * Sources: lmstudio-ai/docs 1_developer/2_rest/list.md, load.md, unload.md.
 */
#include "runtime/runtime.h"

#include "base/mem.h"

#include <string.h>

static bool is_model(const json_t *model)
{
	return json_is_array(json_object_get(model, "loaded_instances"));
}

static const struct runtime_listing listing = {
    .path = "/api/v1/models", .key = "models", .name = "key", .is_model = is_model};

static int is_lmstudio(const struct runtime_client *client, char **version, struct ncm_error *err)
{
	(void)version;
	return runtime_lists(client, &listing, err);
}

static int loaded(const struct runtime_client *client, struct ncm_runtime_server *server, struct ncm_error *err)
{
	RUNTIME_AUTO_ANSWER struct runtime_answer answer = {0};
	const json_t *model, *instance;
	struct ncm_running *running;
	size_t i, j;

	if (runtime_list(client, &listing, &answer, err) < 0)
		return -1;
	json_array_foreach(json_object_get(answer.json, listing.key), i, model)
	{
		json_array_foreach(json_object_get(model, "loaded_instances"), j, instance)
		{
			const char *id = ncm_json_string(instance, "id"), *key = ncm_json_string(model, "key");

			if (!id)
				continue;
			running = runtime_add(server, id, "loaded");
			running->model = strcmp(id, key) == 0 ? NULL : ncm_strdup(key);
			(void)ncm_json_u64(json_object_get(instance, "config"), "context_length", &running->context);
		}
	}
	return 0;
}

static int offered(const struct runtime_client *client, struct ncm_strings *names, struct ncm_error *err)
{
	return runtime_list_names(client, &listing, names, err);
}

static int load(const struct runtime_client *client, const char *name, struct ncm_error *err)
{
	RUNTIME_AUTO_ANSWER struct runtime_answer answer = {0};

	return runtime_want(client, "/api/v1/models/load", runtime_body("model", name), RUNTIME_LOAD_SECONDS, &answer,
			    err);
}

static int unload(const struct runtime_client *client, const char *name, struct ncm_error *err)
{
	RUNTIME_AUTO_ANSWER struct runtime_answer answer = {0};

	return runtime_want(client, "/api/v1/models/unload", runtime_body("instance_id", name),
			    RUNTIME_QUESTION_SECONDS, &answer, err);
}

const struct ncm_runtime ncm_runtime_lmstudio = {
    .kind = "lmstudio",
    .title = "LM Studio",
    .is = is_lmstudio,
    .loaded = loaded,
    .offered = offered,
    .load = load,
    .unload = unload,
};
