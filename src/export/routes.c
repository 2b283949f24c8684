/* SPDX-License-Identifier: MIT */
/* Which model is asked where for what the profile's document speaks of: for a router, as JSON. */
#include "export/export.h"

#include "base/mem.h"
#include "base/strings.h"

#include <stdlib.h>
#include <string.h>

/* Where programs listen that are no Ollama, by the store that the model lies in: their own defaults. */
static const struct {
	const char *store, *endpoint;
} endpoints[] = {
    {"llama-cpp", "http://127.0.0.1:8080/v1/chat/completions"},
    {"a1111", "http://127.0.0.1:7860/sdapi/v1/txt2img"},
    {"comfyui", "http://127.0.0.1:8188/prompt"},
    {"whisper-cpp", "http://127.0.0.1:8080/inference"},
};

static const struct export_model *served(const struct exported *exported, const char *id)
{
	for (size_t i = 0; i < exported->model_count; i++) {
		if (exported->models[i].tag && strcmp(exported->models[i].model->id, id) == 0)
			return &exported->models[i];
	}
	return NULL;
}

static const struct ncm_reg_model *registered(const struct exported *exported, const char *id)
{
	for (size_t i = 0; i < exported->registered_count; i++) {
		if (strcmp(exported->registered[i]->id, id) == 0)
			return exported->registered[i];
	}
	return NULL;
}

/* What Ollama will call it once it is there; else its id. The caller frees it. */
static char *name_offered(const struct exported *exported, const char *id)
{
	for (size_t i = 0; i < exported->catalog->count; i++) {
		char *tag = strcmp(exported->catalog->models[i].id, id) == 0
				? export_tag_offered(exported, &exported->catalog->models[i])
				: NULL;

		if (tag)
			return tag;
	}
	return ncm_strdup(id);
}

static const char *endpoint_of(const struct ncm_reg_model *model)
{
	for (size_t i = 0; i < model->file_count; i++) {
		for (size_t k = 0; k < sizeof endpoints / sizeof *endpoints; k++) {
			if (ncm_same_text(model->files[i].store, endpoints[k].store))
				return endpoints[k].endpoint;
		}
	}
	return NULL;
}

/* The rule's first choice that is installed, else its first. */
static const char *choice_of(const struct exported *exported, const struct ncm_rule *rule)
{
	for (size_t i = 0; i < rule->models.count; i++) {
		if (registered(exported, rule->models.items[i]))
			return rule->models.items[i];
	}
	return rule->models.items[0];
}

static void add_local(struct exported *exported, const struct ncm_rule *rule, json_t *route)
{
	const char *id = choice_of(exported, rule);
	const struct export_model *model = served(exported, id);
	const struct ncm_reg_model *entry = registered(exported, id);
	NCM_AUTO_FREE char *name = model ? ncm_strdup(model->tag) : entry ? ncm_strdup(id) : name_offered(exported, id);
	NCM_AUTO_FREE char *address = model ? export_address(exported, model) : NULL;
	NCM_AUTO_FREE char *endpoint =
	    address ? ncm_asprintf("%s%s", address, export_is_embedding(model) ? "/api/embed" : "/api/chat")
	    : entry ? ncm_strdup_null(endpoint_of(entry))
		    : NULL;

	json_object_set_new(route, "source", json_string("local"));
	ncm_json_set_string(route, "id", id);
	json_object_set_new(route, "installed", json_boolean(entry != NULL));
	ncm_json_set_string(route, "model", name);
	json_object_set_new(route, "endpoint", endpoint ? json_string(endpoint) : json_null());
	if (rule->fallback)
		ncm_json_set_string(route, "fallback", rule->fallback);
	if (entry && !ncm_strings_contain(&exported->out->models, id))
		ncm_strings_add(&exported->out->models, id);
}

static void add_purpose(const struct ncm_rule *rule, json_t *route)
{
	if (rule->agents_min > 0)
		json_object_set_new(
		    route, "parallel_agents",
		    json_pack("{s:i, s:i}", "min", (int)rule->agents_min, "max", (int)rule->agents_max));
	else
		ncm_json_set_string(route,
				    rule->role   ? "role"
				    : rule->task ? "task"
						 : "pipeline",
				    rule->role   ? rule->role
				    : rule->task ? rule->task
						 : rule->pipeline);
}

static json_t *route_of(struct exported *exported, const struct ncm_rule *rule)
{
	json_t *route = json_object();

	add_purpose(rule, route);
	if (rule->models.count > 0) {
		add_local(exported, rule, route);
		return route;
	}
	json_object_set_new(route, "source", json_string("cloud"));
	ncm_json_set_string(route, "model", rule->cloud);
	json_object_set_new(route, "endpoint", json_null());
	return route;
}

void export_routes(struct exported *exported, struct ncm_buffer *out)
{
	NCM_AUTO_JSON json_t *file = json_object();
	NCM_AUTO_FREE char *text = NULL;
	json_t *routes = json_array();

	json_object_set_new(file, "routes", routes);
	for (size_t i = 0; exported->catalog && i < exported->catalog->rule_count; i++)
		json_array_append_new(routes, route_of(exported, &exported->catalog->rules[i]));
	text = json_dumps(file, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	ncm_buffer_printf(out, "%s\n", text);
}
