/* SPDX-License-Identifier: MIT */
/* Loading and unloading: a server is believed when it lists the model so. */
#include "runtime/runtime.h"

#include "base/file.h"
#include "base/mem.h"
#include "os/os.h"

#include <string.h>

enum { UNLOAD_SECONDS = 30, BETWEEN_MS = 100 };

const char *ncm_runtime_outcome_name(enum ncm_runtime_outcome outcome)
{
	static const char *const names[] = {"loaded", "unloaded", "not_loaded", "pulled", "failed"};

	return names[outcome];
}

/* The servers of one run, each asked at most once what it is and has. */
struct work {
	struct ncm_registry *registry;
	const struct ncm_catalog *catalog;
	struct ncm_http *http;
	struct server {
		struct runtime_client client;
		struct ncm_strings offered;
		struct ncm_error error;
	} * servers;
	size_t count;
	struct ncm_runtime_report *report;
	struct pending {
		size_t deed; /* of the report */
		const struct runtime_client *client;
		char *name; /* of the instance */
	} * pending;        /* asked to be unloaded, and not seen to be gone yet */
	size_t pending_count;
};

/* `seconds`: that all of it may take; 0: as long as each model takes. */
static int begin(struct work *work, const struct ncm_config *config, const struct ncm_runtime_options *options,
		 unsigned seconds, struct ncm_error *err)
{
	work->registry = ncm_registry_load(config, err);
	if (!work->registry)
		return -1;
	work->report = ncm_calloc(1, sizeof *work->report);
	work->http = runtime_http(config, options);
	for (size_t i = 0; i < config->server_count; i++) {
		struct server *server = NCM_PUSH(work->servers, work->count);
		NCM_AUTO_FREE char *version = NULL;

		*server = (struct server){0};
		runtime_client_open(&server->client, &config->servers[i], work->http, options);
		server->client.until = seconds > 0 ? ncm_monotonic() + seconds : 0;
		if (runtime_identify(&server->client, &version, &server->error) == 0)
			(void)server->client.kind->offered(&server->client, &server->offered, &server->error);
	}
	return 0;
}

/* Hands over the report, unless the run was interrupted. */
static struct ncm_runtime_report *end(struct work *work, struct ncm_error *err)
{
	for (size_t i = 0; i < work->count; i++) {
		runtime_client_close(&work->servers[i].client);
		ncm_strings_free(&work->servers[i].offered);
		ncm_error_clear(&work->servers[i].error);
	}
	free(work->servers);
	ncm_http_free(work->http);
	ncm_registry_free(work->registry);
	if (!ncm_interrupted())
		return work->report;
	ncm_runtime_report_free(work->report);
	ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted");
	return NULL;
}

static struct ncm_runtime_deed *add_deed(struct work *work, const char *model, const struct server *server)
{
	struct ncm_runtime_deed *deed = NCM_PUSH(work->report->deeds, work->report->count);

	*deed = (struct ncm_runtime_deed){.model = ncm_strdup(model), .outcome = NCM_RUNTIME_FAILED};
	if (server)
		deed->server = ncm_strdup(server->client.name);
	return deed;
}

static const char *find_offered(const struct server *server, const struct ncm_strings *names)
{
	for (size_t i = 0; i < server->offered.count; i++) {
		if (runtime_is_named(names, server->offered.items[i]))
			return server->offered.items[i];
	}
	return NULL;
}

/* Of servers that do not answer nobody knows what they have: that comes before "none has it". */
static void tell_missing(const struct work *work, const char *word, struct ncm_error *err)
{
	for (size_t i = 0; i < work->count; i++) {
		const struct ncm_error *error = &work->servers[i].error;

		if (error->code == NCM_OK)
			continue;
		ncm_error_copy(err, error);
		return;
	}
	ncm_error_set(err, NCM_E_NOT_FOUND, "no server that runs has %s", word);
	ncm_error_hint(err, "`ncmodel ps --available` lists what each has");
}

static bool is_running(const struct ncm_strings *names, const struct ncm_running *running)
{
	return runtime_is_named(names, running->name) || (running->model && runtime_is_named(names, running->model));
}

/* Whether the server lists the model, or this very instance of it, in *running. -1 with *err. */
static int find_running(const struct runtime_client *client, const char *name, bool any_instance,
			struct ncm_running *running, struct ncm_error *err)
{
	struct ncm_runtime_server server = {0};
	const struct ncm_strings names = {.items = (char *[]){(char *)name}, .count = 1};
	int found = client->kind->loaded(client, &server, err);

	for (size_t i = 0; found == 0 && i < server.count; i++) {
		if (any_instance ? !is_running(&names, &server.models[i]) : strcmp(name, server.models[i].name) != 0)
			continue;
		*running = server.models[i];
		server.models[i] = (struct ncm_running){0};
		found = 1;
	}
	runtime_server_clear(&server);
	return found;
}

static unsigned seconds_for(const struct runtime_client *client, unsigned usual)
{
	return client->options->seconds > 0 ? client->options->seconds : usual;
}

/* Looks until the model is as it should be. */
static int wait_for(const struct runtime_client *client, const char *name, bool there, unsigned usual,
		    struct ncm_running *running, struct ncm_error *err)
{
	const double until = client->until > 0 ? client->until : ncm_monotonic() + seconds_for(client, usual);

	for (;;) {
		const int found = find_running(client, name, there, running, err);

		if (found < 0 || ncm_interrupted())
			return -1;
		if (there ? found && strcmp(running->state, "loaded") == 0 : !found)
			return 0;
		runtime_running_clear(running);
		if (there && client->kind->failed && client->kind->failed(client, name, err) < 0)
			return -1;
		if (ncm_monotonic() > until)
			break;
		os_sleep_ms(BETWEEN_MS);
	}
	ncm_error_set(err, NCM_E_RUNTIME, "%s: %s is %s after %u s", client->what, name,
		      there ? "not loaded" : "still loaded", seconds_for(client, usual));
	return ncm_error_hint(err, "look again with `ncmodel ps`; --timeout SECONDS waits longer");
}

/* What is loaded is not loaded twice; a keep-alive is told anew. */
static int load_on(const struct runtime_client *client, const char *name, struct ncm_running *running,
		   struct ncm_error *err)
{
	const int found = find_running(client, name, true, running, err);
	const bool sleeps = found > 0 && client->kind->wake && strcmp(running->state, "sleeping") == 0;

	if (found < 0)
		return -1;
	if (found && strcmp(running->state, "loaded") == 0 && !(client->kind->keeps && client->options->keep))
		return 0;
	runtime_running_clear(running);
	if (sleeps ? client->kind->wake(client, name, err) < 0
		   : !(found && !client->kind->keeps) && client->kind->load(client, name, err) < 0)
		return -1;
	return wait_for(client, name, true, RUNTIME_LOAD_SECONDS, running, err);
}

static void load_one(struct work *work, const char *word)
{
	struct ncm_strings names = {0};
	const struct server *server = NULL;
	const char *name = NULL;
	struct ncm_runtime_deed *deed;

	runtime_names(work->registry, work->catalog, word, &names);
	for (size_t i = 0; i < work->count && !name; i++) {
		server = &work->servers[i];
		name = find_offered(server, &names);
	}
	deed = add_deed(work, word, name ? server : NULL);
	if (!name) {
		tell_missing(work, word, &deed->error);
	} else {
		deed->name = ncm_strdup(name);
		deed->keep_ignored = server->client.options->keep && !server->client.kind->keeps;
		if (load_on(&server->client, name, &deed->running, &deed->error) == 0)
			deed->outcome = NCM_RUNTIME_LOADED;
	}
	ncm_strings_free(&names);
}

struct ncm_runtime_report *ncm_runtime_load(const struct ncm_config *config, const struct ncm_catalog *catalog,
					    const struct ncm_strings *names, const struct ncm_runtime_options *options,
					    struct ncm_error *err)
{
	struct work work = {.catalog = catalog};

	if (begin(&work, config, options, 0, err) < 0)
		return NULL;
	for (size_t i = 0; i < names->count && !ncm_interrupted(); i++)
		load_one(&work, names->items[i]);
	return end(&work, err);
}

/* Of the deed that was added last. */
static int begin_unloading(struct work *work, const struct runtime_client *client, const char *name,
			   struct ncm_error *err)
{
	if (client->kind->unload(client, name, err) < 0)
		return -1;
	*NCM_PUSH(work->pending, work->pending_count) =
	    (struct pending){.deed = work->report->count - 1, .client = client, .name = ncm_strdup(name)};
	return 0;
}

static void await_one(struct work *work, struct pending *pending)
{
	struct ncm_runtime_deed *deed = &work->report->deeds[pending->deed];
	struct ncm_running still = {0};
	struct ncm_error error = NCM_ERROR_INIT;

	if (deed->outcome != NCM_RUNTIME_FAILED && !ncm_interrupted() &&
	    wait_for(pending->client, pending->name, false, UNLOAD_SECONDS, &still, &error) < 0) {
		deed->outcome = NCM_RUNTIME_FAILED;
		ncm_error_move(&deed->error, &error);
	}
	runtime_running_clear(&still);
	free(pending->name);
}

/* All were asked before any is waited for: they go at the same time, and one that stays takes no time of the others. */
static void await_unloaded(struct work *work)
{
	for (size_t i = 0; i < work->pending_count; i++)
		await_one(work, &work->pending[i]);
	free(work->pending);
}

/* All its instances. Whether the server knows the model at all. */
static bool unload_from(struct work *work, const struct server *server, const char *word,
			const struct ncm_strings *names)
{
	const struct runtime_client *client = &server->client;
	const char *offered = find_offered(server, names);
	struct ncm_runtime_server now = {0};
	struct ncm_runtime_deed *deed = NULL;
	struct ncm_error error = NCM_ERROR_INIT;
	int failed = client->kind->loaded(client, &now, &error);

	if (offered || failed) {
		deed = add_deed(work, word, server);
		deed->outcome = NCM_RUNTIME_NOT_LOADED;
		ncm_config_set(&deed->name, offered);
	}
	for (size_t i = 0; i < now.count && failed == 0; i++) {
		if (!is_running(names, &now.models[i]))
			continue;
		deed = deed ? deed : add_deed(work, word, server);
		deed->outcome = NCM_RUNTIME_UNLOADED;
		ncm_config_set(&deed->name, now.models[i].name);
		failed = begin_unloading(work, client, deed->name, &error);
	}
	if (failed) {
		deed->outcome = NCM_RUNTIME_FAILED;
		ncm_error_move(&deed->error, &error);
	}
	runtime_server_clear(&now);
	return deed != NULL;
}

static void unload_one(struct work *work, const char *word)
{
	struct ncm_strings names = {0};
	bool known = false;

	runtime_names(work->registry, work->catalog, word, &names);
	for (size_t i = 0; i < work->count; i++)
		known |= work->servers[i].client.kind && unload_from(work, &work->servers[i], word, &names);
	if (!known)
		tell_missing(work, word, &add_deed(work, word, NULL)->error);
	ncm_strings_free(&names);
}

struct ncm_runtime_report *ncm_runtime_unload(const struct ncm_config *config, const struct ncm_catalog *catalog,
					      const struct ncm_strings *names,
					      const struct ncm_runtime_options *options, struct ncm_error *err)
{
	struct work work = {.catalog = catalog};

	if (begin(&work, config, options, options->seconds > 0 ? options->seconds : UNLOAD_SECONDS, err) < 0)
		return NULL;
	for (size_t i = 0; i < names->count && !ncm_interrupted(); i++)
		unload_one(&work, names->items[i]);
	await_unloaded(&work);
	return end(&work, err);
}

void ncm_runtime_report_free(struct ncm_runtime_report *report)
{
	if (!report)
		return;
	for (size_t i = 0; i < report->count; i++) {
		struct ncm_runtime_deed *deed = &report->deeds[i];

		free(deed->model);
		free(deed->server);
		free(deed->name);
		free(deed->digest);
		runtime_running_clear(&deed->running);
		ncm_error_clear(&deed->error);
	}
	free(report->deeds);
	free(report);
}
