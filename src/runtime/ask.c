/* SPDX-License-Identifier: MIT */
/* Questions to a server, and what is wrong with its answers. */
#include "runtime/runtime.h"

#include "base/file.h"
#include "base/mem.h"

#include <string.h>

static const size_t ANSWER_BYTES = 4 << 20; /* a list of models */

void runtime_answer_clear(struct runtime_answer *answer)
{
	json_decref(answer->json);
	*answer = (struct runtime_answer){0};
}

json_t *runtime_body(const char *key, const char *value)
{
	json_t *body = json_object();

	ncm_json_set_string(body, key, value);
	return body;
}

/* Of a program of the user's own that does not run, the network's words say little. */
int runtime_unreached(const struct runtime_client *client, struct ncm_error *err)
{
	if (!err || err->code != NCM_E_NETWORK)
		return -1;
	err->code = NCM_E_RUNTIME;
	if (client->kind)
		return ncm_error_hint(err, "look whether it still runs; --timeout SECONDS waits longer for an answer");
	return ncm_error_hint(err,
			      "start it (Ollama: ollama serve; LM Studio: lms server start; llama.cpp: llama-server "
			      "without a model), or say where it is: --server NAME=URL");
}

static unsigned patience(const struct runtime_client *client, unsigned seconds)
{
	const double left = client->until - ncm_monotonic();
	const unsigned usual = client->options->seconds > 0 ? client->options->seconds : seconds;

	if (client->until <= 0 || left >= usual)
		return usual;
	return left > 1 ? (unsigned)left : 1;
}

int runtime_ask(const struct runtime_client *client, const char *path, json_t *body, unsigned seconds,
		struct runtime_answer *answer, struct ncm_error *err)
{
	NCM_AUTO_FREE char *url = ncm_asprintf("%s%s", client->url, path);
	NCM_AUTO_FREE char *text = body ? ncm_json_dump(body) : NULL;
	const struct ncm_request request = {
	    .url = url,
	    .json = text,
	    .accept = "application/json",
	    .what = client->what,
	    .limit = ANSWER_BYTES,
	    .stop_at_foreign_redirect = true, /* a redirect is no answer of such a server */
	    .any_status = true,
	    .once = true,
	    .most_seconds = patience(client, seconds),
	};
	struct ncm_reply reply = {0};

	json_decref(body);
	if (ncm_http_get(client->http, &request, &reply, err) < 0)
		return runtime_unreached(client, err);
	answer->status = reply.status;
	answer->json = reply.body ? ncm_json_parse(reply.body, reply.body_size, "", NCM_E_PROTOCOL, NULL) : NULL;
	ncm_reply_clear(&reply);
	return 0;
}

/* {"error": "…"} of Ollama; {"error": {"message": "…"}} of the others. */
static const char *complaint(const json_t *json)
{
	const json_t *error = json_object_get(json, "error");

	return json_is_object(error) ? ncm_json_string(error, "message") : ncm_json_string(json, "error");
}

int runtime_refusal(const struct runtime_client *client, const char *path, const struct runtime_answer *answer,
		    struct ncm_error *err)
{
	const char *words = complaint(answer->json);
	const enum ncm_errc code = answer->status == 404                            ? NCM_E_NOT_FOUND
				   : answer->status == 401 || answer->status == 403 ? NCM_E_AUTH
				   : answer->status == 200                          ? NCM_E_PROTOCOL
										    : NCM_E_REFUSED;

	if (words)
		ncm_error_set(err, code, "%s: it says: %s", client->what, words);
	else
		ncm_error_set(err, code, "%s: its answer to %s is not understood (status %ld)", client->what, path,
			      answer->status);
	if (code == NCM_E_AUTH)
		ncm_error_hint(err, "it wants a key, and none is sent: let it answer this machine without one");
	return -1;
}

int runtime_want(const struct runtime_client *client, const char *path, json_t *body, unsigned seconds,
		 struct runtime_answer *answer, struct ncm_error *err)
{
	if (runtime_ask(client, path, body, seconds, answer, err) < 0)
		return -1;
	if (answer->status == 200 && json_is_object(answer->json) && !complaint(answer->json))
		return 0;
	return runtime_refusal(client, path, answer, err);
}

static bool is_list(const struct runtime_answer *answer, const struct runtime_listing *listing)
{
	const json_t *models = json_object_get(answer->json, listing->key);
	const json_t *model;
	size_t i;

	json_array_foreach(models, i, model)
	{
		if (!ncm_json_string(model, listing->name) || !listing->is_model(model))
			return false;
	}
	return answer->status == 200 && json_is_array(models);
}

int runtime_lists(const struct runtime_client *client, const struct runtime_listing *listing, struct ncm_error *err)
{
	RUNTIME_AUTO_ANSWER struct runtime_answer answer = {0};

	if (runtime_ask(client, listing->path, NULL, RUNTIME_QUESTION_SECONDS, &answer, err) < 0)
		return -1;
	return is_list(&answer, listing);
}

int runtime_list(const struct runtime_client *client, const struct runtime_listing *listing,
		 struct runtime_answer *answer, struct ncm_error *err)
{
	if (runtime_ask(client, listing->path, NULL, RUNTIME_QUESTION_SECONDS, answer, err) < 0)
		return -1;
	return is_list(answer, listing) ? 0 : runtime_refusal(client, listing->path, answer, err);
}

int runtime_list_names(const struct runtime_client *client, const struct runtime_listing *listing,
		       struct ncm_strings *names, struct ncm_error *err)
{
	RUNTIME_AUTO_ANSWER struct runtime_answer answer = {0};
	const json_t *model;
	size_t i;

	if (runtime_list(client, listing, &answer, err) < 0)
		return -1;
	json_array_foreach(json_object_get(answer.json, listing->key), i, model)
	    ncm_strings_add(names, ncm_json_string(model, listing->name));
	return 0;
}
