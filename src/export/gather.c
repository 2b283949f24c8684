/* SPDX-License-Identifier: MIT */
/* What is installed that something can serve: tags of Ollama's stores, GGUF files. */
#include "export/export.h"

#include "base/mem.h"
#include "base/strings.h"
#include "ollama/name.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FIRST_PORT = 11434, PHASE_AT_START = 1 };

static bool ends_with(const char *text, const char *end)
{
	const size_t length = strlen(text), tail = strlen(end);

	return length >= tail && strcasecmp(text + length - tail, end) == 0;
}

/* A number for each store is reserved first, and those that nothing is in go afterwards: pointers would move. */
static void use_store(struct exported *exported, size_t store, unsigned phase)
{
	struct export_server *server = &exported->servers[store];

	server->store = &exported->layout->stores[store];
	server->at_start |= phase <= PHASE_AT_START;
}

/* "registry.ollama.ai/library/llama3.2/3b" as people and Ollama spell it. */
static char *spell_tag(const char *canonical)
{
	static const char official[] = OLLAMA_DEFAULT_HOST "/library/", public_host[] = OLLAMA_DEFAULT_HOST "/";
	const char *start = canonical;
	char *spelled, *slash;

	if (strncmp(start, official, strlen(official)) == 0)
		start += strlen(official);
	else if (strncmp(start, public_host, strlen(public_host)) == 0)
		start += strlen(public_host);
	spelled = ncm_strdup(start);
	slash = strrchr(spelled, '/');
	if (slash)
		*slash = ':';
	return spelled;
}

static void take_tag(struct exported *exported, struct export_model *model, const struct ncm_reg_file *file,
		     size_t store)
{
	const char *folder = exported->layout->stores[store].path;
	const size_t length = strlen(folder);
	NCM_AUTO_FREE char *name = NULL;

	if (model->tag || strncmp(file->abs, folder, length) != 0 || file->abs[length] != '/')
		return;
	name = ollama_name_at(file->abs + length + 1, NULL);
	if (!name)
		return;
	model->tag = spell_tag(name);
	model->server = store;
	use_store(exported, store, model->model->phase);
}

/* Of a model in parts a server wants the first. */
static void take_gguf(struct export_model *model, const struct ncm_reg_file *file)
{
	const bool is_projector = file->role && strcmp(file->role, "mmproj") == 0;
	const char **place = is_projector ? &model->mmproj : &model->gguf;

	if (!*place || strcmp(file->abs, *place) < 0)
		*place = file->abs;
}

static void take_model(struct exported *exported, const struct ncm_reg_model *registered)
{
	struct export_model model = {.model = registered};

	for (size_t i = 0; i < registered->file_count; i++) {
		const struct ncm_reg_file *file = &registered->files[i];
		const size_t store = ncm_layout_store_of(exported->layout, file->abs, file->store);

		if (store != NCM_NO_STORE && exported->layout->stores[store].kind->takes_tags)
			take_tag(exported, &model, file, store);
		else if (ends_with(file->abs, ".gguf"))
			take_gguf(&model, file);
	}
	if (model.tag || model.gguf)
		*NCM_PUSH(exported->models, exported->model_count) = model;
}

/* Stores that the profile fills are served, too, before anything is there. */
static void take_targets(struct exported *exported, const struct ncm_catalog *catalog)
{
	for (size_t i = 0; catalog && i < catalog->count; i++) {
		const struct ncm_model *model = &catalog->models[i];

		for (size_t k = 0; k < model->file_count; k++) {
			for (size_t t = 0; t < model->files[k].to_count; t++) {
				const struct ncm_store *store =
				    ncm_layout_find(exported->layout, model->files[k].to[t].store);

				if (store && store->kind->takes_tags)
					use_store(exported, (size_t)(store - exported->layout->stores), model->phase);
			}
		}
	}
}

static void close_ranks(struct exported *exported)
{
	size_t *places = ncm_calloc(exported->layout->count + 1, sizeof *places);

	for (size_t i = 0; i < exported->layout->count; i++) {
		places[i] = exported->server_count;
		if (!exported->servers[i].store)
			continue;
		exported->servers[exported->server_count] = exported->servers[i];
		exported->servers[exported->server_count].port = FIRST_PORT + (unsigned)exported->server_count;
		exported->server_count++;
	}
	for (size_t i = 0; i < exported->model_count; i++)
		exported->models[i].server = places[exported->models[i].server];
	free(places);
}

/* Of what is installed none may be left, unless it is asked for by name, where the profile alone has enough to say. */
static int choose(const struct exported *exported, bool may_be_none, const struct ncm_reg_model ***chosen,
		  size_t *count, struct ncm_error *err)
{
	struct ncm_error why = NCM_ERROR_INIT;

	*count = 0;
	if (ncm_registry_select(exported->registry, exported->selector, chosen, count, &why) == 0)
		return 0;
	if (!may_be_none || exported->selector->names.count > 0 || why.code != NCM_E_USAGE)
		return ncm_error_move(err, &why);
	ncm_error_clear(&why);
	return 0;
}

int export_gather(struct exported *exported, bool offered, bool may_be_none, struct ncm_error *err)
{
	const struct ncm_reg_model **chosen = NULL;
	size_t count = 0;

	exported->layout = ncm_layout_load(exported->config, err);
	exported->registry = exported->layout ? ncm_registry_load(exported->config, err) : NULL;
	if (!exported->registry || (!offered && choose(exported, may_be_none, &chosen, &count, err) < 0))
		return -1;
	exported->servers = ncm_calloc(exported->layout->count + 1, sizeof *exported->servers);
	for (size_t i = 0; i < count; i++)
		take_model(exported, chosen[i]);
	exported->registered = chosen;
	exported->registered_count = count;
	take_targets(exported, exported->catalog);
	close_ranks(exported);
	return 0;
}

bool export_serves(const struct exported *exported, const struct export_server *server)
{
	const struct ncm_strings *stores = &exported->selector->stores;

	return stores->count == 0 || ncm_strings_contain(stores, server->store->id);
}

/* Of the profile's documents; *any: whether one speaks of that. */
static bool is_preloaded(const struct exported *exported, const char *id, bool *any)
{
	const struct ncm_catalog *catalog = exported->catalog;
	bool found = false;

	*any = false;
	for (size_t i = 0; catalog && i < catalog->residence_count; i++) {
		*any |= catalog->residences[i].preload.count > 0;
		found |= ncm_strings_contain(&catalog->residences[i].preload, id);
	}
	return found;
}

const struct export_model *export_next_preload(const struct exported *exported, size_t *at)
{
	while (*at < exported->model_count) {
		const struct export_model *model = &exported->models[(*at)++];
		bool any;

		if (model->tag &&
		    (is_preloaded(exported, model->model->id, &any) || !any || exported->selector->names.count > 0))
			return model;
	}
	return NULL;
}

uint64_t export_idle_seconds(const struct exported *exported)
{
	const struct ncm_catalog *catalog = exported->catalog;

	for (size_t i = 0; catalog && i < catalog->residence_count; i++) {
		if (catalog->residences[i].idle_seconds > 0)
			return catalog->residences[i].idle_seconds;
	}
	return 0;
}

struct ncm_fit_rules *export_document(const struct exported *exported, size_t number)
{
	const struct ncm_config *config = exported->config;
	const char *profile = number > 0 ? config->more_profiles[number - 1] : config->profile;
	struct ncm_fit_rules *rules = NULL;

	if (config->manifest_file_count == 0)
		(void)ncm_fit_rules_load(config, profile, &rules, NULL);
	return rules;
}

bool export_is_embedding(const struct export_model *model)
{
	return ncm_same_text(model->model->kind, "embedding");
}

char *export_address(const struct exported *exported, const struct export_model *model)
{
	return ncm_asprintf("http://127.0.0.1:%u", exported->servers[model->server].port);
}

void export_has(struct exported *exported, const struct export_model *model)
{
	ncm_strings_add(&exported->out->models, model->model->id);
}

void export_leaves_out(struct exported *exported, const struct export_model *model, const char *why)
{
	NCM_AUTO_FREE char *text = ncm_asprintf("%s: %s", model->model->id, why);

	ncm_strings_add(&exported->out->left_out, text);
}

void export_clear(struct exported *exported)
{
	for (size_t i = 0; i < exported->model_count; i++)
		free(exported->models[i].tag);
	free(exported->models);
	free(exported->registered);
	free(exported->servers);
	ncm_registry_free(exported->registry);
	ncm_layout_free(exported->layout);
}
