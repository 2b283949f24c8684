/* SPDX-License-Identifier: MIT */
/* Which kinds of servers there are, what one is, and what all have loaded. */
#include "runtime/runtime.h"

#include "base/mem.h"
#include "base/thread.h"

#include <string.h>

enum { AT_ONCE = 8 };

/* In the order in which a server is asked what it is. */
static const struct ncm_runtime *const kinds[] = {&ncm_runtime_ollama, &ncm_runtime_lmstudio, &ncm_runtime_llamacpp};

struct ncm_http *runtime_http(const struct ncm_config *config, const struct ncm_runtime_options *options)
{
	struct ncm_config own = *config; /* shallow: of numbers alone */

	own.speed_limit = 0; /* nothing comes while a model is loaded */
	own.retries = 1;
	own.timeout = options->seconds > 0 && options->seconds < config->timeout ? options->seconds : config->timeout;
	return ncm_http_new(&own, NULL);
}

void runtime_client_open(struct runtime_client *client, const struct ncm_server *server, struct ncm_http *http,
			 const struct ncm_runtime_options *options)
{
	*client = (struct runtime_client){.name = server->name, .url = server->url, .http = http, .options = options};
	client->what = ncm_asprintf("server %s", server->name);
}

void runtime_client_close(struct runtime_client *client)
{
	free(client->what);
}

int runtime_identify(struct runtime_client *client, char **version, struct ncm_error *err)
{
	if (!client->url) /* it may hold a password: not told */
		return ncm_error_set(err, NCM_E_USAGE, "OLLAMA_HOST is not [http[s]://]HOST[:PORT]");
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		const int is = kinds[i]->is(client, version, err);

		if (is < 0)
			return -1;
		if (!is)
			continue;
		client->kind = kinds[i];
		return 0;
	}
	client->strange = true;
	ncm_error_set(err, NCM_E_RUNTIME, "%s: what answers at %s is no Ollama, LM Studio or llama.cpp router",
		      client->what, client->url);
	return ncm_error_hint(err, "say where it is: --server NAME=URL, OLLAMA_HOST or \"servers\" in the "
				   "configuration; a llama-server that was started with a model loads no other");
}

struct ncm_running *runtime_add(struct ncm_runtime_server *server, const char *name, const char *state)
{
	struct ncm_running *running = NCM_PUSH(server->models, server->count);

	*running = (struct ncm_running){.name = ncm_strdup(name), .state = ncm_strdup(state)};
	return running;
}

void runtime_running_clear(struct ncm_running *running)
{
	free(running->name);
	free(running->model);
	free(running->state);
	*running = (struct ncm_running){0};
}

void runtime_server_clear(struct ncm_runtime_server *server)
{
	for (size_t i = 0; i < server->count; i++)
		runtime_running_clear(&server->models[i]);
	free(server->models);
	free(server->name);
	free(server->url);
	free(server->version);
	ncm_strings_free(&server->offered);
	ncm_error_clear(&server->error);
	*server = (struct ncm_runtime_server){0};
}

static int look_at(struct runtime_client *client, struct ncm_runtime_server *server, struct ncm_error *err)
{
	if (runtime_identify(client, &server->version, err) < 0) {
		server->silent = err->code == NCM_E_RUNTIME && !client->strange;
		return -1;
	}
	server->kind = client->kind->kind;
	server->title = client->kind->title;
	if (client->options->offered && client->kind->offered(client, &server->offered, err) < 0)
		return -1;
	return client->kind->loaded(client, server, err);
}

static bool is_local(const char *url)
{
	NCM_AUTO_FREE char *origin = url ? ncm_url_origin(url) : NULL;

	return origin && ncm_host_is_loopback(strstr(origin, "://") + 3);
}

struct looking {
	const struct ncm_config *config;
	const struct ncm_runtime_options *options;
	struct ncm_http *http;
	struct ncm_runtime_view *view;
};

static void look_at_one(void *context, size_t index)
{
	const struct looking *looking = context;
	const struct ncm_server *known = &looking->config->servers[index];
	struct ncm_runtime_server *server = &looking->view->servers[index];
	struct runtime_client client;

	*server = (struct ncm_runtime_server){
	    .name = ncm_strdup(known->name), .url = ncm_strdup_null(known->url), .local = is_local(known->url)};
	runtime_client_open(&client, known, looking->http, looking->options);
	(void)look_at(&client, server, &server->error);
	runtime_client_close(&client);
}

/* At once: the silent ones are waited for together. */
struct ncm_runtime_view *ncm_runtime_look(const struct ncm_config *config, const struct ncm_runtime_options *options,
					  struct ncm_error *err)
{
	struct ncm_http *http = runtime_http(config, options);
	struct ncm_runtime_view *view = ncm_calloc(1, sizeof *view);
	struct looking looking = {config, options, http, view};

	view->count = config->server_count;
	view->servers = ncm_calloc(view->count + 1, sizeof *view->servers);
	ncm_parallel(AT_ONCE, view->count, look_at_one, &looking);
	ncm_http_free(http);
	if (!ncm_interrupted())
		return view;
	ncm_runtime_view_free(view);
	ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted");
	return NULL;
}

void ncm_runtime_view_free(struct ncm_runtime_view *view)
{
	if (!view)
		return;
	for (size_t i = 0; i < view->count; i++)
		runtime_server_clear(&view->servers[i]);
	free(view->servers);
	free(view);
}
