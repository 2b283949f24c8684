/* SPDX-License-Identifier: MIT */
/*
 * llama.cpp's llama-server as a router, which it is when started without a model: GET /models (data[].id, .status.value
 * of unloaded, loading, loaded, sleeping, downloading; .status.failed and .exit_code after a load that failed),
 * POST /models/load and /models/unload {"model"}, which answer before it is done. A server of one model lists it
 * without a status. GET /props has its build ("build_info"). One that sleeps refuses to be loaded ("already running")
 * and wakes by any request for it but a few GETs: POST /tokenize is the least. Source: ggml-org/llama.cpp
 * tools/server/README.md, "Using multiple models" and "Sleeping on Idle".
 */
#include "runtime/runtime.h"

#include "base/mem.h"

#include <string.h>

static const char *state_of(const json_t *model)
{
	return ncm_json_string(json_object_get(model, "status"), "value");
}

static bool is_model(const json_t *model)
{
	return state_of(model) != NULL;
}

static const struct runtime_listing listing = {.path = "/models", .key = "data", .name = "id", .is_model = is_model};

/* Newer ones tell it; the caller frees it. */
static char *build_of(const struct runtime_client *client)
{
	RUNTIME_AUTO_ANSWER struct runtime_answer answer = {0};

	if (runtime_ask(client, "/props", NULL, RUNTIME_QUESTION_SECONDS, &answer, NULL) < 0)
		return NULL;
	return ncm_strdup_null(answer.status == 200 ? ncm_json_string(answer.json, "build_info") : NULL);
}

static int is_llamacpp(const struct runtime_client *client, char **version, struct ncm_error *err)
{
	const int is = runtime_lists(client, &listing, err);

	if (is == 1)
		*version = build_of(client);
	return is;
}

static bool is_in_memory(const char *state)
{
	return strcmp(state, "unloaded") != 0 && strcmp(state, "downloading") != 0 && strcmp(state, "downloaded") != 0;
}

static int loaded(const struct runtime_client *client, struct ncm_runtime_server *server, struct ncm_error *err)
{
	RUNTIME_AUTO_ANSWER struct runtime_answer answer = {0};
	const json_t *model;
	size_t i;

	if (runtime_list(client, &listing, &answer, err) < 0)
		return -1;
	json_array_foreach(json_object_get(answer.json, listing.key), i, model)
	{
		if (is_in_memory(state_of(model)))
			(void)runtime_add(server, ncm_json_string(model, "id"), state_of(model));
	}
	return 0;
}

static int offered(const struct runtime_client *client, struct ncm_strings *names, struct ncm_error *err)
{
	return runtime_list_names(client, &listing, names, err);
}

static int post(const struct runtime_client *client, const char *path, const char *name, struct ncm_error *err)
{
	RUNTIME_AUTO_ANSWER struct runtime_answer answer = {0};

	return runtime_want(client, path, runtime_body("model", name), RUNTIME_QUESTION_SECONDS, &answer, err);
}

static int load(const struct runtime_client *client, const char *name, struct ncm_error *err)
{
	return post(client, "/models/load", name, err);
}

static int wake(const struct runtime_client *client, const char *name, struct ncm_error *err)
{
	RUNTIME_AUTO_ANSWER struct runtime_answer answer = {0};
	json_t *body = runtime_body("model", name);

	ncm_json_set_string(body, "content", "");
	return runtime_want(client, "/tokenize", body, RUNTIME_LOAD_SECONDS, &answer, err);
}

static int unload(const struct runtime_client *client, const char *name, struct ncm_error *err)
{
	return post(client, "/models/unload", name, err);
}

static int failed(const struct runtime_client *client, const char *name, struct ncm_error *err)
{
	RUNTIME_AUTO_ANSWER struct runtime_answer answer = {0};
	const json_t *model;
	size_t i;

	if (runtime_list(client, &listing, &answer, err) < 0)
		return -1;
	json_array_foreach(json_object_get(answer.json, listing.key), i, model)
	{
		const json_t *status = json_object_get(model, "status");

		if (strcmp(ncm_json_string(model, "id"), name) != 0 || !ncm_json_bool(status, "failed"))
			continue;
		ncm_error_set(err, NCM_E_REFUSED, "%s: it could not load %s (exit code %lld)", client->what, name,
			      (long long)json_integer_value(json_object_get(status, "exit_code")));
		return ncm_error_hint(err, "llama-server's own output says why");
	}
	return 0;
}

const struct ncm_runtime ncm_runtime_llamacpp = {
    .kind = "llamacpp",
    .title = "llama.cpp",
    .is = is_llamacpp,
    .loaded = loaded,
    .offered = offered,
    .load = load,
    .unload = unload,
    .wake = wake,
    .failed = failed,
};
