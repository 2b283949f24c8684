/* SPDX-License-Identifier: MIT */
/* Which node gets a job: a query over records, and nothing of this machine. */
#include "node/node.h"

#include "base/mem.h"
#include "base/strings.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_record(const json_t *value)
{
	return ncm_json_string(value, "name") && json_is_array(json_object_get(value, "models"));
}

static int take(json_t *records, json_t *value, const char *what, struct ncm_error *err)
{
	json_t *data = json_object_get(value, "data");
	size_t i;
	json_t *item;

	if (is_record(value) || is_record(data)) {
		json_array_append(records, is_record(value) ? value : data);
		return 0;
	}
	if (!json_is_array(value)) {
		ncm_error_set(err, NCM_E_MANIFEST, "%s is no record of a node", what);
		return ncm_error_hint(err, "`ncmodel node --format json` prints one; a list of them is an array");
	}
	json_array_foreach(value, i, item)
	{
		if (take(records, item, what, err) < 0)
			return -1;
	}
	return 0;
}

static int read_records(const struct ncm_strings *files, json_t *records, struct ncm_error *err)
{
	for (size_t i = 0; i < files->count; i++) {
		const bool is_standard = strcmp(files->items[i], "-") == 0;
		const char *what = is_standard ? "standard input" : files->items[i];
		NCM_AUTO_JSON json_t *value =
		    ncm_json_read(is_standard ? "/dev/stdin" : files->items[i], NCM_E_MANIFEST, err);

		if (!value || take(records, value, what, err) < 0)
			return -1;
	}
	return 0;
}

static bool has_word(const json_t *words, const char *word)
{
	size_t i;
	json_t *item;

	json_array_foreach(words, i, item)
	{
		if (json_is_string(item) && ncm_same_words(json_string_value(item), word))
			return true;
	}
	return false;
}

static bool is_called(const json_t *model, const char *name)
{
	const char *id = ncm_json_string(model, "id"), *called = ncm_json_string(model, "model_name");

	return (id && strcasecmp(id, name) == 0) || (called && strcasecmp(called, name) == 0);
}

static bool is_wanted(const struct ncm_node_job *job, const json_t *model)
{
	if (job->model && !is_called(model, job->model))
		return false;
	return !job->use_case || has_word(json_object_get(model, "use_cases"), job->use_case) ||
	       has_word(json_object_get(model, "tags"), job->use_case);
}

static void leave_out(struct ncm_node_route *route, const json_t *record, const char *why)
{
	ncm_strings_take(&route->left_out, ncm_asprintf("%s: %s", ncm_json_string(record, "name"), why));
}

/* What it needs: as the job says, else as the model does. False: neither is known. */
static bool need_of(const struct ncm_node_job *job, const json_t *model, uint64_t *need)
{
	*need = job->vram_mb;
	return *need > 0 || ncm_json_u64(model, "vram_required_mb", need);
}

static const char *why_not(const struct ncm_node_job *job, const json_t *model, const struct ncm_node_place *place)
{
	uint64_t need;

	if (place->loaded)
		return NULL;
	if (!need_of(job, model, &need))
		return "what the model needs is not known";
	if (!place->has_free)
		return "how much memory of its cards is free is not known";
	return need <= place->free_mb ? NULL : "it has not as much memory free";
}

static struct ncm_node_place place_at(const json_t *record, const json_t *model)
{
	struct ncm_node_place place = {.node = ncm_json_string(record, "name"), .priority = NODE_PRIORITY};
	const json_t *priority = json_object_get(record, "priority");

	place.has_free = ncm_json_u64(record, "free_vram_mb", &place.free_mb);
	if (json_is_integer(priority))
		place.priority = json_integer_value(priority);
	if (!model)
		return place;
	place.model = ncm_json_string(model, "model_name");
	place.provider = ncm_json_string(model, "provider");
	place.loaded = ncm_json_bool(model, "is_loaded");
	if (place.provider)
		place.endpoint = ncm_json_string(json_object_get(record, "endpoints"), place.provider);
	return place;
}

/* Adds the place if it will do; says in *why what it lacks if none before did. */
static bool offer(struct ncm_node_route *route, const struct ncm_node_job *job, const json_t *record,
		  const json_t *model, const char **why)
{
	const struct ncm_node_place place = place_at(record, model);
	const char *lacks = why_not(job, model, &place);

	if (lacks)
		*why = lacks;
	else
		*NCM_PUSH(route->places, route->count) = place;
	return !lacks;
}

static const char *offer_models(struct ncm_node_route *route, const struct ncm_node_job *job, const json_t *record)
{
	const char *why = "it has no such model";
	bool offered = false;
	size_t i;
	json_t *model;

	if (!job->model && !job->use_case)
		return offer(route, job, record, NULL, &why) ? NULL : why;
	json_array_foreach(json_object_get(record, "models"), i, model)
	{
		if (is_wanted(job, model))
			offered |= offer(route, job, record, model, &why);
	}
	return offered ? NULL : why;
}

static void look_at(struct ncm_node_route *route, const struct ncm_node_job *job, const json_t *record)
{
	const char *status = ncm_json_string(record, "status");
	const char *why;

	if (!status || strcmp(status, "online") != 0)
		why = "it is not known to be online";
	else if (json_is_false(json_object_get(record, "enabled")))
		why = "it is not enabled";
	else
		why = offer_models(route, job, record);
	if (why)
		leave_out(route, record, why);
}

static int compare_texts(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int compare(const void *left, const void *right)
{
	const struct ncm_node_place *a = left, *b = right;
	const uint64_t a_free = a->has_free ? a->free_mb : 0, b_free = b->has_free ? b->free_mb : 0;
	int order;

	if (a->loaded != b->loaded)
		return a->loaded ? -1 : 1;
	if (a_free != b_free)
		return a_free > b_free ? -1 : 1;
	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	order = strcmp(a->node, b->node);
	order = order ? order : compare_texts(a->model, b->model);
	return order ? order : compare_texts(a->provider, b->provider);
}

struct ncm_node_route *ncm_node_route(const struct ncm_strings *files, const struct ncm_node_job *job,
				      struct ncm_error *err)
{
	struct ncm_node_route *route;
	json_t *records;
	size_t i;
	json_t *record;

	if (!job->use_case && !job->model && job->vram_mb == 0) {
		ncm_error_set(err, NCM_E_USAGE, "which job is it that wants a node?");
		ncm_error_hint(err, "--usecase, --model or --vram says it");
		return NULL;
	}
	route = ncm_calloc(1, sizeof *route);
	route->records = records = json_array();
	if (read_records(files, records, err) < 0) {
		ncm_node_route_free(route);
		return NULL;
	}
	json_array_foreach(records, i, record) look_at(route, job, record);
	if (route->count > 1)
		qsort(route->places, route->count, sizeof *route->places, compare);
	return route;
}

void ncm_node_route_free(struct ncm_node_route *route)
{
	if (!route)
		return;
	free(route->places);
	ncm_strings_free(&route->left_out);
	json_decref(route->records);
	free(route);
}
