/* SPDX-License-Identifier: MIT */
/*
 * Ollama: GET /api/version, /api/ps, /api/tags; POST /api/generate without a prompt loads, with keep_alive 0 it
 * unloads; an embedding model, which /api/generate refuses, is loaded by /api/embed without input. Sources:
 * ollama/ollama docs/api.md, api/types.go (ProcessModelResponse, Duration), server/routes.go (GenerateHandler,
 * EmbedHandler).
 */
#include "runtime/runtime.h"

#include "base/mem.h"

#include <string.h>
#include <time.h>

static const int64_t FOR_EVER = INT64_C(100) * 365 * 86400; /* a negative keep-alive is told as some 290 years */

static int is_ollama(const struct runtime_client *client, char **version, struct ncm_error *err)
{
	RUNTIME_AUTO_ANSWER struct runtime_answer answer = {0};
	const char *told;

	if (runtime_ask(client, "/api/version", NULL, RUNTIME_QUESTION_SECONDS, &answer, err) < 0)
		return -1;
	told = answer.status == 200 ? ncm_json_string(answer.json, "version") : NULL;
	*version = ncm_strdup_null(told);
	return told != NULL;
}

static void read_time(const json_t *model, struct ncm_running *running)
{
	const char *until = ncm_json_string(model, "expires_at");

	running->has_until = until && runtime_time(until, &running->until);
	running->for_ever = running->has_until && running->until > (int64_t)time(NULL) + FOR_EVER;
}

static int loaded(const struct runtime_client *client, struct ncm_runtime_server *server, struct ncm_error *err)
{
	RUNTIME_AUTO_ANSWER struct runtime_answer answer = {0};
	const json_t *model;
	size_t i;

	if (runtime_want(client, "/api/ps", NULL, RUNTIME_QUESTION_SECONDS, &answer, err) < 0)
		return -1;
	json_array_foreach(json_object_get(answer.json, "models"), i, model)
	{
		const char *name = ncm_json_string(model, "name");
		struct ncm_running *running = name ? runtime_add(server, name, "loaded") : NULL;

		if (!running)
			continue;
		(void)ncm_json_u64(model, "size", &running->memory);
		running->has_vram = ncm_json_u64(model, "size_vram", &running->vram);
		(void)ncm_json_u64(model, "context_length", &running->context);
		read_time(model, running);
	}
	return 0;
}

static int offered(const struct runtime_client *client, struct ncm_strings *names, struct ncm_error *err)
{
	RUNTIME_AUTO_ANSWER struct runtime_answer answer = {0};
	const json_t *model;
	size_t i;

	if (runtime_want(client, "/api/tags", NULL, RUNTIME_QUESTION_SECONDS, &answer, err) < 0)
		return -1;
	json_array_foreach(json_object_get(answer.json, "models"), i, model)
	{
		if (ncm_json_string(model, "name"))
			ncm_strings_add(names, ncm_json_string(model, "name"));
	}
	return 0;
}

/* New reference. */
static json_t *request(const struct runtime_client *client, const char *name)
{
	json_t *body = runtime_body("model", name);

	json_object_set_new(body, "stream", json_false());
	if (client->options->keep)
		json_object_set_new(body, "keep_alive", json_integer(client->options->keep_alive));
	return body;
}

static int load_embedding(const struct runtime_client *client, const char *name, struct ncm_error *err)
{
	RUNTIME_AUTO_ANSWER struct runtime_answer answer = {0};
	json_t *body = request(client, name);

	json_object_set_new(body, "input", json_array());
	return runtime_want(client, "/api/embed", body, RUNTIME_LOAD_SECONDS, &answer, err);
}

static int load(const struct runtime_client *client, const char *name, struct ncm_error *err)
{
	RUNTIME_AUTO_ANSWER struct runtime_answer answer = {0};

	if (runtime_ask(client, "/api/generate", request(client, name), RUNTIME_LOAD_SECONDS, &answer, err) < 0)
		return -1;
	if (answer.status == 400 && load_embedding(client, name, NULL) == 0)
		return 0;
	return answer.status == 200 && ncm_json_bool(answer.json, "done")
		   ? 0
		   : runtime_refusal(client, "/api/generate", &answer, err);
}

static int unload(const struct runtime_client *client, const char *name, struct ncm_error *err)
{
	RUNTIME_AUTO_ANSWER struct runtime_answer answer = {0};
	json_t *body = runtime_body("model", name);

	json_object_set_new(body, "stream", json_false());
	json_object_set_new(body, "keep_alive", json_integer(0));
	return runtime_want(client, "/api/generate", body, RUNTIME_QUESTION_SECONDS, &answer, err);
}

const struct ncm_runtime ncm_runtime_ollama = {
    .kind = "ollama",
    .title = "Ollama",
    .keeps = true,
    .is = is_ollama,
    .loaded = loaded,
    .offered = offered,
    .load = load,
    .unload = unload,
    .pull = runtime_ollama_pull,
};
