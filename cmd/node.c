/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "fit_view.h"
#include "given.h"
#include "runtime_view.h"
#include "ui/fields.h"
#include "ui/text.h"

#include <ncmodel/node.h>

#include <string.h>

static struct {
	const char *format, *output, *name, *type, *address;
	struct option_number priority;
	const char *use_case, *model;
	struct option_number vram;
} given;

enum { MIB = 1 << 20 };

static uint64_t number_of(const json_t *record, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(record, key)) * MIB;
}

/* What is told of them. */
static void print_sensors(const json_t *record)
{
	const json_t *busy = json_object_get(record, "gpu_utilization");
	const json_t *heat = json_object_get(record, "gpu_temperature");

	if (json_is_integer(busy))
		printf("; %lld %% busy", (long long)json_integer_value(busy));
	if (json_is_integer(heat))
		printf("; %lld C", (long long)json_integer_value(heat));
	putchar('\n');
}

static void print_memory(const json_t *record)
{
	AUTO_FREE char *name = text_safe(json_string_value(json_object_get(record, "gpu_model")));
	AUTO_FREE char *total = gib_text(number_of(record, "gpu_vram_mb"));
	AUTO_FREE char *left = gib_text(number_of(record, "free_vram_mb"));

	if (!*name) {
		puts("No graphics card was found.");
		return;
	}
	if (json_is_integer(json_object_get(record, "gpu_vram_mb")))
		printf("%s: %s, %s free", name, total,
		       json_is_integer(json_object_get(record, "free_vram_mb")) ? left : "not known how much");
	else
		printf("%s: its memory is not known", name);
	print_sensors(record);
}

static void add_need(struct table *table, const json_t *model)
{
	AUTO_FREE char *size = gib_text(number_of(model, "vram_required_mb"));

	table_cell(table, text_copy(json_is_integer(json_object_get(model, "vram_required_mb")) ? size : "?"));
}

static void add_loaded(struct table *table, const json_t *model)
{
	const json_t *loaded = json_object_get(model, "is_loaded");

	table_cell(table, text_copy(json_is_true(loaded) ? "yes" : json_is_false(loaded) ? "no" : "?"));
}

static void print_models(const json_t *models)
{
	struct table *table = table_new(0);
	size_t i;
	json_t *model;

	table_column(table, "MODEL", COLUMN_WHOLE);
	table_column(table, "PROVIDER", 0);
	table_column(table, "TYPE", 0);
	table_column(table, "VRAM", COLUMN_RIGHT);
	table_column(table, "LOADED", 0);
	json_array_foreach(models, i, model)
	{
		const char *type = json_string_value(json_object_get(model, "model_type"));

		table_cell(table, text_safe(json_string_value(json_object_get(model, "model_name"))));
		table_cell(table, text_safe(json_string_value(json_object_get(model, "provider"))));
		table_cell(table, text_copy(type ? type : "?"));
		add_need(table, model);
		add_loaded(table, model);
	}
	if (i > 0)
		table_print(table, stdout);
	table_free(table);
}

static void print_record(const json_t *record)
{
	AUTO_FREE char *name = text_safe(json_string_value(json_object_get(record, "name")));
	AUTO_FREE char *ram = gib_text(number_of(record, "ram_mb"));

	printf("%s: %lld cores, %s of memory\n", name,
	       (long long)json_integer_value(json_object_get(record, "cpu_cores")),
	       json_is_integer(json_object_get(record, "ram_mb")) ? ram : "an unknown amount");
	print_memory(record);
	print_models(json_object_get(record, "models"));
}

static int hand_out(struct session *session, const struct ncm_node *node)
{
	struct ncm_error err = NCM_ERROR_INIT;
	AUTO_FREE char *record = ncm_node_text(node, "json", &err);
	AUTO_FREE char *text = given.format ? ncm_node_text(node, given.format, &err) : NULL;

	if (given.output && ncm_node_save(given.output, text, &err) < 0)
		return session_fail(session, &err);
	session->report.data = json_loads(record, 0, NULL);
	if (session->report.json || given.output)
		return 0;
	if (text)
		fputs(text, stdout);
	else
		print_record(session->report.data);
	return 0;
}

static int describe(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	const struct ncm_node_options options = {
	    .name = given.name,
	    .type = given.type,
	    .address = given.address,
	    .priority = given.priority.given ? (long)given.priority.value : -1,
	    .seconds = runtime_options(session).seconds,
	};
	struct ncm_node *node;
	int exit_code;

	if (given_output("--output", given.output, &err) < 0 || session_config(session, &err) < 0)
		return session_fail(session, &err);
	session_catalog_if_any(session, "what is missing or damaged is not told");
	session_progress(session);
	node = ncm_node_look(session->config, session->catalog, &options, &session->sink, &err);
	session_quieten(session);
	if (!node)
		return session_fail(session, &err);
	exit_code = hand_out(session, node);
	ncm_node_free(node);
	return exit_code;
}

static json_t *priority_json(const void *row)
{
	return json_integer(((const struct ncm_node_place *)row)->priority);
}

static json_t *free_json(const void *row)
{
	const struct ncm_node_place *place = row;

	return place->has_free ? json_number(place->free_mb) : json_null();
}

static void add_free(struct table *table, const void *row)
{
	const struct ncm_node_place *place = row;

	table_cell(table, place->has_free ? gib_text(place->free_mb * MIB) : text_copy("?"));
}

static void add_priority(struct table *table, const void *row)
{
	table_cell(table, text_format("%lld", (long long)((const struct ncm_node_place *)row)->priority));
}

#define OF(field) .offset = offsetof(struct ncm_node_place, field)
static const struct field place_fields[] = {
    {"node", FIELD_TEXT, OF(node), "NODE", COLUMN_WHOLE},
    {"model", FIELD_TEXT, OF(model), "MODEL"},
    {"provider", FIELD_TEXT, OF(provider), "PROVIDER"},
    {"loaded", FIELD_FLAG, OF(loaded), "LOADED"},
    {"free_vram_mb", FIELD_MADE, .title = "FREE", .column = COLUMN_RIGHT, .value = free_json, .cell = add_free},
    {"priority", FIELD_MADE, .title = "PRIORITY", .column = COLUMN_RIGHT | COLUMN_DROP, .value = priority_json,
     .cell = add_priority},
    {"endpoint", FIELD_TEXT, OF(endpoint), "ENDPOINT", COLUMN_BELOW},
    {.key = NULL},
};

static int none(struct session *session, const struct ncm_node_route *route)
{
	struct ncm_error err = NCM_ERROR_INIT;
	AUTO_FREE char *why = words_join(&route->left_out, "; ");

	ncm_error_set(&err, NCM_E_NO_FIT, "no node can take it%s%s", *why ? ": " : "", why);
	return session_fail(session, &err);
}

static int tell(struct session *session, const struct ncm_node_route *route)
{
	session->report.data = json_object();
	json_put(session->report.data, "places",
		 fields_array(place_fields, route->places, route->count, sizeof *route->places));
	json_put(session->report.data, "left_out", json_words(&route->left_out));
	if (route->count == 0)
		return none(session, route);
	if (session->report.json)
		return 0;
	if (session->settings.quiet) {
		AUTO_FREE char *name = text_safe(route->places[0].node);

		puts(name);
	} else {
		fields_print(place_fields, route->places, route->count, sizeof *route->places);
	}
	return 0;
}

static int choose(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	const uint64_t vram = given.vram.value / MIB + (given.vram.value % MIB > 0);
	const struct ncm_node_job job = {given.use_case, given.model, vram};
	struct ncm_strings files = {0};
	struct ncm_node_route *route;
	int exit_code;

	for (size_t i = 1; i < session->settings.operands.count; i++)
		ncm_strings_add(&files, session->settings.operands.items[i]);
	if (files.count == 0) {
		ncm_error_set(&err, NCM_E_USAGE, "node route: which nodes are there?");
		ncm_error_hint(&err,
			       "ncmodel node route FILE...: records, as `ncmodel node --format json` prints them");
		return session_fail(session, &err);
	}
	route = ncm_node_route(&files, &job, &err);
	ncm_strings_free(&files);
	if (!route)
		return session_fail(session, &err);
	exit_code = tell(session, route);
	ncm_node_route_free(route);
	return exit_code;
}

static int check_given(bool route, struct ncm_error *err)
{
	const bool of_record =
	    given.format || given.output || given.name || given.type || given.address || given.priority.given;

	if (route && of_record) {
		ncm_error_set(
		    err, NCM_E_USAGE,
		    "node route answers from the records in files, and what describes this machine is not asked");
		return ncm_error_hint(err, "leave out --format, --output, --name, --node-type, --address, --priority");
	}
	if (!route && (given.use_case || given.model || given.vram.given)) {
		ncm_error_set(err, NCM_E_USAGE,
			      "--usecase, --model and --vram describe a job: they are for node route");
		return ncm_error_hint(err, "leave them out, or say route, and the files with the records of nodes");
	}
	if (given.output && !given.format)
		return ncm_error_set(err, NCM_E_USAGE, "--output without --format: what is to be written?");
	return 0;
}

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	const struct ncm_strings *operands = &session->settings.operands;

	if (check_given(operands->count > 0, &err) < 0)
		return session_fail(session, &err);
	if (operands->count == 0)
		return describe(session);
	if (strcmp(operands->items[0], "route") == 0)
		return choose(session);
	ncm_error_set(&err, NCM_E_USAGE, "node: \"%s\" is not something to do with a node", operands->items[0]);
	ncm_error_hint(&err, "usage: ncmodel node %s", session->command->arguments);
	return session_fail(session, &err);
}

static const struct option own[] = {
    {0, "format", OPTION_TEXT, .value = &given.format, .argument = "FORMAT",
     .help = "print the record as json, sql, prometheus or nfd; schema prints the tables that sql fills",
     .words = "json sql schema prometheus nfd"},
    {'o', "output", OPTION_TEXT, .value = &given.output, .argument = "FILE",
     .help = "write it to this file instead, whole or not at all", .completes = COMPLETES_FILE},
    {0, "name", OPTION_TEXT, .value = &given.name, .argument = "NAME",
     .help = "what the node is called, not its host name"},
    {0, "node-type", OPTION_TEXT, .value = &given.type, .argument = "TYPE",
     .help = "what the registry calls its kind: linux (the default), windows_vm or cloud",
     .words = "linux windows_vm cloud"},
    {0, "address", OPTION_TEXT, .value = &given.address, .argument = "HOST",
     .help = "under which others reach it: stands in endpoints for 127.0.0.1"},
    {0, "priority", OPTION_NUMBER, .value = &given.priority, .argument = "N",
     .help = "of nodes that could do a job the lowest comes first; 100 unless the registry says otherwise", .least = 0,
     .most = 1000000},
    {.name = NULL},
};
static const struct option wishes[] = {
    {0, "usecase", OPTION_TEXT, .value = &given.use_case, .argument = "WORD",
     .help = "route: a node that has a model for it", .completes = COMPLETES_USE_CASE},
    {0, "model", OPTION_TEXT, .value = &given.model, .argument = "NAME", .help = "route: a node that has this model"},
    {0, "vram", OPTION_SIZE, .value = &given.vram, .argument = "SIZE",
     .help = "route: memory that the job needs, such as 8GiB; else what the model needs"},
    {.name = NULL},
};
static const struct option_group own_group = {"Options", own};
static const struct option_group wishes_group = {"Which job", wishes};

static const char *const examples[] = {
    "ncmodel node",
    "what this machine is and has",
    "ncmodel node --format sql --address gpu1.lan | psql registry",
    "its rows in a registry of nodes, inserted or updated",
    "ncmodel node --format prometheus -o /var/lib/prometheus/node-exporter/ncmodel.prom",
    "figures for node_exporter's textfile collector",
    "ncmodel node route --usecase CodeGeneration nodes.json",
    "which node gets a job",
    NULL,
};

const struct command command_node = {
    .name = "node",
    .summary = "Describe this machine for a registry of nodes, or choose one for a job",
    .arguments = "[route FILE...]",
    .words = "route",
    .operands = OPERANDS_FILES,
    .stops_in_order = true,
    .groups = {&own_group, &wishes_group, &options_serving},
    .description =
	"Tells in one record what this machine is and has: cards and their memory, disks, what it can do, which "
	"servers answer, and every registered model with what it needs and whether it is loaded. Formats: \"json\"; "
	"\"sql\", an upsert for PostgreSQL into ai_nodes, ai_models and ai_gpu_snapshots (\"schema\" prints the "
	"tables); "
	"\"prometheus\", a textfile; \"nfd\", labels for Kubernetes. What is not known is null, or left out.\n\n"
	"route: which of the nodes in FILE (records, or arrays of them) can take a job, the best first: those that are "
	"online, enabled, and have the model loaded or its memory free; loaded before not, then most free memory, "
	"lowest "
	"priority, name. -q prints the best one's name alone. Ends with 12 if there is none.",
    .examples = examples,
    .run = run,
};
