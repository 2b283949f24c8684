/* SPDX-License-Identifier: MIT */
#include "node/node.h"

#include "base/file.h"
#include "base/mem.h"
#include "os/os.h"

#include <ncmodel/gpu.h>
#include <ncmodel/status.h>
#include <ncmodel/stores.h>

#include <stdlib.h>
#include <string.h>

enum { MIB = 1 << 20, SECONDS = 2 };

/* What is looked at for one record. */
struct look {
	const struct ncm_config *config;
	const struct ncm_node_options *options;
	struct ncm_registry *registry;
	struct ncm_runtime_view *view;
	struct ncm_gpu_list *cards;
	struct ncm_status *status;
	struct ncm_store_list *stores;
};

static void put_mib(json_t *object, const char *key, bool known, uint64_t bytes)
{
	json_object_set_new(object, key, known ? json_integer((json_int_t)(bytes / MIB)) : json_null());
}

static void put_number(json_t *object, const char *key, bool known, unsigned number)
{
	json_object_set_new(object, key, known ? json_integer(number) : json_null());
}

/* Those that compute on a card; null: not told. */
static json_t *processes(const struct ncm_gpu *gpu)
{
	json_t *list = gpu->has_processes ? json_array() : json_null();

	for (size_t i = 0; i < gpu->process_count; i++) {
		const struct ncm_gpu_process *process = &gpu->processes[i];
		json_t *object = json_object();

		ncm_json_set_or_null(object, "name", process->name);
		json_object_set_new(object, "pid", json_integer(process->pid));
		put_mib(object, "vram_mb", process->has_memory, process->memory);
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *card(const struct ncm_gpu *gpu)
{
	json_t *object = json_object();

	ncm_json_set_or_null(object, "name", gpu->name);
	ncm_json_set_or_null(object, "vendor", gpu->vendor);
	ncm_json_set_or_null(object, "driver", gpu->driver);
	json_object_set_new(object, "unified", json_boolean(gpu->unified));
	put_mib(object, "total_vram_mb", gpu->has_total, gpu->total);
	put_mib(object, "free_vram_mb", gpu->has_free, gpu->free);
	put_mib(object, "used_vram_mb", gpu->has_free && gpu->has_total, gpu->total - gpu->free);
	put_mib(object, "reserved_vram_mb", gpu->has_reserved, gpu->reserved);
	put_number(object, "gpu_utilization", gpu->has_utilization, gpu->utilization);
	put_number(object, "gpu_temperature", gpu->has_temperature, gpu->temperature);
	json_object_set_new(object, "processes", processes(gpu));
	return object;
}

/* The sums over all cards: known if each is. */
static void put_sums(json_t *record, const struct ncm_gpu_list *cards)
{
	bool has_total = cards->count > 0, has_free = cards->count > 0, has_reserved = cards->count > 0;
	uint64_t total = 0, left = 0, reserved = 0;

	for (size_t i = 0; i < cards->count; i++) {
		has_total &= cards->items[i].has_total;
		has_free &= cards->items[i].has_free;
		total += cards->items[i].total;
		left += cards->items[i].free;
		has_reserved &= cards->items[i].has_reserved;
		reserved += cards->items[i].reserved;
	}
	put_mib(record, "gpu_vram_mb", has_total, total);
	put_mib(record, "free_vram_mb", has_free, left);
	put_mib(record, "reserved_vram_mb", has_reserved, reserved);
}

/* Of all cards how busy they are on average, and how hot the hottest is: known if it is of each. */
static void put_sensors(json_t *record, const struct ncm_gpu_list *cards)
{
	bool has_utilization = cards->count > 0, has_temperature = cards->count > 0;
	unsigned sum = 0, most = 0;

	for (size_t i = 0; i < cards->count; i++) {
		const struct ncm_gpu *card = &cards->items[i];

		has_utilization &= card->has_utilization;
		has_temperature &= card->has_temperature;
		sum += card->utilization;
		most = card->temperature > most ? card->temperature : most;
	}
	put_number(record, "gpu_utilization", has_utilization, has_utilization ? sum / (unsigned)cards->count : 0);
	put_number(record, "gpu_temperature", has_temperature, most);
}

static void put_cards(json_t *record, const struct ncm_gpu_list *cards)
{
	json_t *list = json_array();

	for (size_t i = 0; i < cards->count; i++)
		json_array_append_new(list, card(&cards->items[i]));
	ncm_json_set_or_null(record, "gpu_model", cards->count > 0 ? cards->items[0].name : NULL);
	ncm_json_set_u64(record, "gpu_count", cards->count);
	put_sums(record, cards);
	put_sensors(record, cards);
	json_object_set_new(record, "gpus", list);
	put_mib(record, "ram_mb", cards->has_memory, cards->memory);
}

/* An address that only this machine has is of no use to others: theirs is put in its place. */
static char *endpoint(const char *url, const char *address)
{
	static const char *const own[] = {"://127.0.0.1", "://localhost", "://[::1]"};

	for (size_t i = 0; address && i < sizeof own / sizeof *own; i++) {
		const char *at = strstr(url, own[i]);
		const size_t length = strlen(own[i]);

		if (at && strchr(":/", at[length]))
			return ncm_asprintf("%.*s://%s%s", (int)(at - url), url, address, at + length);
	}
	return ncm_strdup(url);
}

static json_t *endpoints(const struct look *look)
{
	json_t *object = json_object();

	for (size_t i = 0; i < look->view->count; i++) {
		const struct ncm_runtime_server *server = &look->view->servers[i];
		NCM_AUTO_FREE char *url = NULL;

		if (!server->kind || server->error.code != NCM_OK || json_object_get(object, server->kind))
			continue;
		url = endpoint(server->url, look->options->address);
		ncm_json_set_or_null(object, server->kind, url);
	}
	return object;
}

static bool has_type(const json_t *models, const char *type)
{
	size_t i;
	json_t *model;

	json_array_foreach(models, i, model)
	{
		const char *other = ncm_json_string(model, "model_type");

		if (other && strcmp(other, type) == 0)
			return true;
	}
	return false;
}

/* What the models that are here are for. Whether it can train is not known. */
static json_t *capabilities(const json_t *models)
{
	static const struct {
		const char *name, *type;
	} all[] = {
	    {"llm", "llm"},      {"imageGen", "image"}, {"videoGen", "video"}, {"embedding", "embedding"},
	    {"speech", "audio"},
	};
	json_t *object = json_object();

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		json_object_set_new(object, all[i].name, json_boolean(has_type(models, all[i].type)));
	return object;
}

static json_t *stores(const struct ncm_store_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->count; i++) {
		const struct ncm_store_info *store = &list->stores[i];
		json_t *object;

		if (!store->there)
			continue;
		object = json_object();
		ncm_json_set_or_null(object, "store", store->id);
		ncm_json_set_u64(object, "model_count", store->models);
		ncm_json_set_u64(object, "bytes", store->bytes);
		json_object_set_new(object, "free_bytes",
				    store->has_space ? json_integer((json_int_t)store->free) : json_null());
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *phases(const struct ncm_status *status)
{
	json_t *array = json_array();

	for (size_t i = 0; i < status->phases.count; i++) {
		const struct ncm_status_line *line = &status->phases.lines[i];
		json_t *object = json_object();

		ncm_json_set_or_null(object, "profile", line->profile);
		ncm_json_set_u64(object, "phase", line->phase);
		ncm_json_set_u64(object, "model_count", line->models);
		ncm_json_set_u64(object, "there", line->there);
		ncm_json_set_u64(object, "damaged", line->damaged);
		json_array_append_new(array, object);
	}
	return array;
}

static void put_identity(json_t *record, const struct ncm_node_options *options)
{
	char host[256], now[32];
	const char *own = os_host_name(host, sizeof host) ? host : "localhost";

	ncm_json_set_string(record, "name", options->name ? options->name : own);
	ncm_json_set_string(record, "node_type", options->type ? options->type : "linux");
	ncm_json_set_string(record, "status", "online");
	ncm_json_set_string(record, "last_heartbeat", ncm_time_utc(now));
	json_object_set_new(record, "priority",
			    json_integer(options->priority >= 0 ? options->priority : NODE_PRIORITY));
	json_object_set_new(record, "priority_is_said", json_boolean(options->priority >= 0));
	ncm_json_set_or_null(record, "address", options->address);
	ncm_json_set_u64(record, "cpu_cores", os_cores());
}

static void put_faults(json_t *record, const struct ncm_status *status)
{
	json_object_set_new(record, "phases", phases(status));
	ncm_json_set_u64(record, "damaged", status->fault_count);
	ncm_json_set_u64(record, "changed", status->change_count);
	ncm_json_set_u64(record, "unverified", status->unverified);
}

static json_t *record_of(const struct look *look, struct ncm_error *err)
{
	json_t *models = node_models(look->config, look->registry, look->view, err);
	json_t *record;

	if (!models)
		return NULL;
	record = json_object();
	put_identity(record, look->options);
	put_cards(record, look->cards);
	json_object_set_new(record, "capabilities", capabilities(models));
	json_object_set_new(record, "endpoints", endpoints(look));
	json_object_set_new(record, "models", models);
	json_object_set_new(record, "stores", stores(look->stores));
	if (look->status)
		put_faults(record, look->status);
	return record;
}

static json_t *look_at(struct look *look, struct ncm_catalog *catalog, const struct ncm_sink *sink,
		       struct ncm_error *err)
{
	const struct ncm_runtime_options asked = {.seconds = look->options->seconds ? look->options->seconds : SECONDS};

	look->registry = ncm_registry_load(look->config, err);
	if (!look->registry)
		return NULL;
	look->status = catalog ? ncm_status_make(look->config, catalog, sink, err) : NULL;
	look->stores = look->status || !catalog ? ncm_stores_look(look->config, err) : NULL;
	look->view = look->stores ? ncm_runtime_look(look->config, &asked, err) : NULL;
	if (!look->view)
		return NULL;
	look->cards = ncm_gpus_look();
	return record_of(look, err);
}

struct ncm_node *ncm_node_look(const struct ncm_config *config, struct ncm_catalog *catalog,
			       const struct ncm_node_options *options, const struct ncm_sink *sink,
			       struct ncm_error *err)
{
	struct look look = {.config = config, .options = options};
	json_t *record = look_at(&look, catalog, sink, err);
	struct ncm_node *node = NULL;

	ncm_gpus_free(look.cards);
	ncm_runtime_view_free(look.view);
	ncm_stores_free(look.stores);
	ncm_status_free(look.status);
	ncm_registry_free(look.registry);
	if (!record)
		return NULL;
	node = ncm_calloc(1, sizeof *node);
	node->record = record;
	return node;
}

void ncm_node_free(struct ncm_node *node)
{
	if (!node)
		return;
	json_decref(node->record);
	free(node);
}

static void as_json(const json_t *record, struct ncm_buffer *out)
{
	NCM_AUTO_FREE char *text = ncm_json_dump(record);

	ncm_buffer_puts(out, text);
}

char *ncm_node_text(const struct ncm_node *node, const char *format, struct ncm_error *err)
{
	static const struct {
		const char *name;
		node_format *write;
	} formats[] = {
	    {"json", as_json}, {"sql", node_sql}, {"schema", node_sql_schema}, {"prometheus", node_prometheus},
	    {"nfd", node_nfd},
	};
	struct ncm_buffer out = {0};

	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		if (strcmp(formats[i].name, format) != 0)
			continue;
		formats[i].write(node->record, &out);
		return ncm_buffer_take(&out);
	}
	ncm_error_set(err, NCM_E_USAGE, "a node has no format \"%s\"", format);
	ncm_error_hint(err, "json, sql, schema, prometheus or nfd");
	return NULL;
}

int ncm_node_save(const char *path, const char *text, struct ncm_error *err)
{
	return ncm_save(path, false, text, strlen(text), err);
}
