/* SPDX-License-Identifier: MIT */
/*
 * Ollama's POST /api/pull: one JSON object a line, {"status"}, with "digest", "total" and "completed" while a blob
 * comes,
 * {"error"} if it fails, and {"status": "success"} at the end. /api/tags lists the model with the SHA-256 of its
 * manifest. Sources: ollama/ollama docs/api.md ("Pull a model"), api/types.go (ProgressResponse, ListModelResponse).
 */
#include "runtime/runtime.h"

#include "base/mem.h"

#include <string.h>

enum { SILENT_SECONDS = 600 }; /* a large file is hashed between two lines */
static const size_t LINE_BYTES = 64 << 10;

struct pulling {
	const struct runtime_client *client;
	const char *name;
	bool ended;
};

static void tell(const struct pulling *pulling, const json_t *line)
{
	struct ncm_event event = {.type = NCM_EVENT_PROGRESS, .model = pulling->name, .stage = "fetching"};

	event.file = ncm_json_string(line, "digest");
	if (event.file && ncm_json_u64(line, "total", &event.total) && pulling->client->options->sink) {
		(void)ncm_json_u64(line, "completed", &event.done);
		ncm_emit(pulling->client->options->sink, &event);
	}
}

static int take_line(void *context, const char *text, struct ncm_error *err)
{
	struct pulling *pulling = context;
	NCM_AUTO_JSON json_t *line = ncm_json_parse(text, strlen(text), "a line of /api/pull", NCM_E_PROTOCOL, err);
	const char *status = ncm_json_string(line, "status");

	if (!line)
		return -1;
	if (ncm_json_string(line, "error"))
		return ncm_error_set(err, NCM_E_REFUSED, "it says: %s", ncm_json_string(line, "error"));
	pulling->ended = status && strcmp(status, "success") == 0;
	tell(pulling, line);
	return 0;
}

static int ask(struct pulling *pulling, struct ncm_error *err)
{
	const struct runtime_client *client = pulling->client;
	NCM_AUTO_JSON json_t *body = runtime_body("model", pulling->name);
	NCM_AUTO_FREE char *text = ncm_json_dump(body);
	NCM_AUTO_FREE char *url = ncm_asprintf("%s/api/pull", client->url);
	const struct ncm_request request = {
	    .url = url,
	    .json = text,
	    .what = client->what,
	    .limit = LINE_BYTES,
	    .silent_seconds = client->options->seconds > 0 ? client->options->seconds : SILENT_SECONDS,
	    .on_line = take_line,
	    .context = pulling,
	};
	struct ncm_reply reply = {0};

	if (ncm_http_get(client->http, &request, &reply, err) < 0)
		return runtime_unreached(client, err);
	ncm_reply_clear(&reply);
	if (pulling->ended)
		return 0;
	return ncm_error_set(err, NCM_E_PROTOCOL, "%s: its answer ended before the pull had", client->what);
}

int runtime_ollama_pull(const struct runtime_client *client, const char *name, char **digest, struct ncm_error *err)
{
	struct pulling pulling = {.client = client, .name = name};
	const struct ncm_strings names = {.items = (char *[]){(char *)name}, .count = 1};
	RUNTIME_AUTO_ANSWER struct runtime_answer answer = {0};
	const json_t *model;
	size_t i;

	if (ask(&pulling, err) < 0 ||
	    runtime_want(client, "/api/tags", NULL, RUNTIME_QUESTION_SECONDS, &answer, err) < 0)
		return -1;
	json_array_foreach(json_object_get(answer.json, "models"), i, model)
	{
		const char *listed = ncm_json_string(model, "name"), *told = ncm_json_string(model, "digest");

		if (!listed || !told || !runtime_is_named(&names, listed))
			continue;
		*digest = ncm_strdup(strncmp(told, "sha256:", 7) == 0 ? told + 7 : told);
		return 0;
	}
	return ncm_error_set(err, NCM_E_PROTOCOL, "%s: it does not list %s after the pull", client->what, name);
}
