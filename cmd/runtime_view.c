/* SPDX-License-Identifier: MIT */
#include "runtime_view.h"

#include "command.h"
#include "ui/clock.h"
#include "ui/text.h"

#include <ncmodel/text.h>

#include <string.h>
#include <time.h>

struct ncm_runtime_options runtime_options(const struct session *session)
{
	return (struct ncm_runtime_options){
	    .seconds = session->settings.timeout.given ? (unsigned)session->settings.timeout.value : 0};
}

int runtime_keep_alive(const char *said, struct ncm_runtime_options *options, struct ncm_error *err)
{
	const size_t digits = strspn(said, "0123456789");
	const char *units = "smh", *unit = said[digits] ? strchr(units, said[digits]) : units;
	static const int64_t seconds[] = {1, 60, 3600};

	options->keep = true;
	options->keep_alive = -1;
	if (strcmp(said, "forever") == 0)
		return 0;
	if (digits > 0 && digits < 9 && unit && (!said[digits] || !said[digits + 1])) {
		options->keep_alive = strtol(said, NULL, 10) * seconds[unit - units];
		return 0;
	}
	ncm_error_set(err, NCM_E_USAGE, "--keep-alive is \"%s\": not a time", said);
	return ncm_error_hint(err, "as in --keep-alive 300, 90s, 5m, 2h or forever");
}

static json_t *memory_json(const void *row)
{
	const struct ncm_running *running = row;

	return running->memory ? json_number(running->memory) : json_null();
}

static void add_memory(struct table *table, const void *row)
{
	const struct ncm_running *running = row;
	char size[32];

	table_text(table, running->memory ? ncm_format_size(running->memory, size, sizeof size) : "?");
}

static json_t *vram_json(const void *row)
{
	const struct ncm_running *running = row;

	return running->has_vram ? json_number(running->vram) : json_null();
}

static void add_vram(struct table *table, const void *row)
{
	const struct ncm_running *running = row;
	char size[32];

	table_text(table, running->has_vram ? ncm_format_size(running->vram, size, sizeof size) : "?");
}

static json_t *context_json(const void *row)
{
	const struct ncm_running *running = row;

	return running->context ? json_number(running->context) : json_null();
}

static void add_context(struct table *table, const void *row)
{
	const struct ncm_running *running = row;

	table_cell(table,
		   running->context ? text_format("%llu", (unsigned long long)running->context) : text_copy("?"));
}

static json_t *until_json(const void *row)
{
	const struct ncm_running *running = row;
	AUTO_FREE char *until = running->has_until && !running->for_ever ? clock_utc(running->until) : NULL;

	return json_text(until);
}

static void add_until(struct table *table, const void *row)
{
	const struct ncm_running *running = row;
	const double left = difftime((time_t)running->until, time(NULL));
	char duration[32];

	if (!running->has_until)
		table_text(table, "?");
	else if (running->for_ever)
		table_text(table, "for ever");
	else if (left <= 0)
		table_text(table, "now");
	else
		table_cell(table, text_format("in %s", ncm_format_duration(left, duration, sizeof duration)));
}

#define OF(field) .offset = offsetof(struct ncm_running, field)

const struct field runtime_running_fields[] = {
    {"name", FIELD_TEXT, OF(name), "MODEL", COLUMN_WHOLE},
    {"model", FIELD_TEXT, OF(model)},
    {"state", FIELD_TEXT, OF(state), "STATE", COLUMN_DROP},
    {"memory", FIELD_MADE, .offset = 0, "MEMORY", COLUMN_RIGHT, memory_json, add_memory},
    {"vram", FIELD_MADE, .offset = 0, "ON GPU", COLUMN_RIGHT, vram_json, add_vram},
    {"context", FIELD_MADE, .offset = 0, "CONTEXT", COLUMN_RIGHT | COLUMN_DROP, context_json, add_context},
    {"until", FIELD_MADE, .offset = 0, "UNLOADED", 0, until_json, add_until},
    {"for_ever", FIELD_FLAG, OF(for_ever)},
    {.key = NULL},
};

static json_t *server_json(const struct ncm_runtime_server *server)
{
	json_t *object = json_object();

	json_put_text(object, "name", server->name);
	json_put_text(object, "url", server->url);
	json_put_text(object, "kind", server->kind);
	json_put_text(object, "version", server->version);
	json_put_flag(object, "known", server->error.code == NCM_OK);
	json_put_text(object, "problem", server->error.message);
	json_put(object, "models",
		 fields_array(runtime_running_fields, server->models, server->count, sizeof *server->models));
	json_put(object, "available", json_words(&server->offered));
	return object;
}

json_t *runtime_servers_json(const struct ncm_runtime_view *view)
{
	json_t *servers = json_array();

	for (size_t i = 0; i < view->count; i++)
		json_push(servers, server_json(&view->servers[i]));
	return servers;
}

void runtime_print_server(const struct ncm_runtime_server *server)
{
	AUTO_FREE char *name = text_safe(server->name);
	AUTO_FREE char *url = text_safe(server->url);
	AUTO_FREE char *version = text_safe(server->version);

	printf("%s: %s%s%s at %s%s\n", name, server->title, *version ? " " : "", version, url,
	       server->count == 0 ? ", nothing is loaded" : "");
	fields_print(runtime_running_fields, server->models, server->count, sizeof *server->models);
}

static json_t *deed_json(const struct ncm_runtime_deed *deed)
{
	json_t *object = json_object();
	const bool loaded = deed->outcome == NCM_RUNTIME_LOADED;

	json_put_text(object, "model", deed->model);
	json_put_text(object, "server", deed->server);
	json_put_text(object, "name", deed->name);
	json_put_text(object, "outcome", ncm_runtime_outcome_name(deed->outcome));
	json_put_text(object, "digest", deed->digest);
	json_put_flag(object, "keep_alive_ignored", deed->keep_ignored);
	json_put(object, "running", loaded ? fields_object(runtime_running_fields, &deed->running) : json_null());
	return object;
}

static char *details(const struct ncm_running *running)
{
	char memory[32], vram[32];

	if (!running->memory)
		return text_copy("");
	ncm_format_size(running->memory, memory, sizeof memory);
	if (!running->has_vram)
		return text_format(", %s", memory);
	return text_format(", %s, of that %s on the GPU", memory, ncm_format_size(running->vram, vram, sizeof vram));
}

static void print_deed(const struct session *session, const struct ncm_runtime_deed *deed)
{
	static const char *const words[] = {"loaded", "unloaded", "was not loaded", "pulled"};
	AUTO_FREE char *name = text_safe(deed->name);
	AUTO_FREE char *server = text_safe(deed->server);
	AUTO_FREE char *more = details(&deed->running);

	if (session->settings.quiet)
		return;
	printf("%s: %s on %s%s\n", name, words[deed->outcome], server, more);
	if (deed->keep_ignored)
		printf(
		    "    its kind of server takes no --keep-alive: it stays as long as that one's own settings say\n");
}

static int tell(struct session *session, struct ncm_runtime_deed *deed, json_t *models)
{
	json_push(models, deed_json(deed));
	if (deed->outcome == NCM_RUNTIME_FAILED)
		return report_error(&session->report, &deed->error, deed->model);
	if (!session->report.json)
		print_deed(session, deed);
	return 0;
}

int runtime_tell(struct session *session, struct ncm_runtime_report *report)
{
	json_t *models = json_array();
	int exit_code = 0;

	session->report.data = json_object();
	json_put(session->report.data, "models", models);
	for (size_t i = 0; i < report->count; i++) {
		const int code = tell(session, &report->deeds[i], models);

		if (code != 0)
			exit_code = exit_code == 0 || exit_code == code ? code : 1;
	}
	ncm_runtime_report_free(report);
	return exit_code;
}

int runtime_named(const struct session *session, struct ncm_error *err)
{
	if (session->settings.operands.count > 0)
		return 0;
	ncm_error_set(err, NCM_E_USAGE, "%s which model?", session->command->name);
	return ncm_error_hint(err, "`ncmodel ps --available` lists what each server has");
}
