/* SPDX-License-Identifier: MIT */
/* Programs that ask a server: LiteLLM, Continue, Open WebUI. */
#include "export/export.h"

#include "base/mem.h"

#include <string.h>

#define LLAMA_SERVER "http://127.0.0.1:8080/v1"

/* Whether a server can be asked for it in words: an Ollama, or a llama.cpp server for what is a language model. */
static bool is_served(const struct export_model *model)
{
	const char *kind = model->model->kind;

	return model->tag ||
	       (kind && (strcmp(kind, "llm") == 0 || strcmp(kind, "vlm") == 0 || strcmp(kind, "embedding") == 0));
}

/* LiteLLM's provider "ollama_chat" asks /api/chat, "ollama" the rest; "openai" is any server that speaks so. */
static json_t *litellm_parameters(const struct exported *exported, const struct export_model *model)
{
	NCM_AUTO_FREE char *address = model->tag ? export_address(exported, model) : ncm_strdup(LLAMA_SERVER);
	NCM_AUTO_FREE char *name = ncm_asprintf("%s/%s",
						!model->tag                  ? "openai"
						: export_is_embedding(model) ? "ollama"
									     : "ollama_chat",
						model->tag ? model->tag : model->model->id);
	json_t *object = json_object();

	ncm_json_set_string(object, "model", name);
	ncm_json_set_string(object, "api_base", address);
	if (!model->tag)
		json_object_set_new(object, "api_key", json_string("none"));
	return object;
}

static json_t *litellm_model(const struct exported *exported, const struct export_model *model)
{
	json_t *entry = json_object(), *info = json_object();

	ncm_json_set_string(entry, "model_name", model->model->id);
	json_object_set_new(entry, "litellm_params", litellm_parameters(exported, model));
	json_object_set_new(info, "mode", json_string(export_is_embedding(model) ? "embedding" : "chat"));
	if (model->model->context_length > 0)
		ncm_json_set_u64(info, "max_input_tokens", model->model->context_length);
	json_object_set_new(entry, "model_info", info);
	return entry;
}

void export_litellm(struct exported *exported, struct ncm_buffer *out)
{
	NCM_AUTO_JSON json_t *file = json_object();
	json_t *models = json_array();

	json_object_set_new(file, "model_list", models);
	for (size_t i = 0; i < exported->model_count; i++) {
		const struct export_model *model = &exported->models[i];

		if (!is_served(model))
			continue;
		json_array_append_new(models, litellm_model(exported, model));
		export_has(exported, model);
	}
	export_yaml(file, out);
}

/* Roles that a manifest says something of; Continue's own defaults do for the rest. */
static json_t *continue_roles(const struct export_model *model)
{
	if (export_is_embedding(model))
		return json_pack("[s]", "embed");
	if (ncm_strings_contain(&model->model->capabilities, "fill-in-middle"))
		return json_pack("[ssss]", "chat", "edit", "apply", "autocomplete");
	return NULL;
}

/* Continue fills in "${{ secrets.X }}" wherever it stands, and has no spelling for the letters themselves. */
static bool is_reference(const char *text)
{
	return strstr(text, "${{") != NULL;
}

static const char *continue_name(const struct export_model *model)
{
	const char *name = model->model->display_name;

	return name && !is_reference(name) ? name : model->model->id;
}

static json_t *continue_model(const struct exported *exported, const struct export_model *model)
{
	NCM_AUTO_FREE char *address = model->tag ? export_address(exported, model) : ncm_strdup(LLAMA_SERVER);
	json_t *entry = json_object(), *roles = continue_roles(model);

	ncm_json_set_string(entry, "name", continue_name(model));
	json_object_set_new(entry, "provider", json_string(model->tag ? "ollama" : "openai"));
	ncm_json_set_string(entry, "model", model->tag ? model->tag : model->model->id);
	ncm_json_set_string(entry, "apiBase", address);
	if (roles)
		json_object_set_new(entry, "roles", roles);
	if (model->model->context_length > 0 && !export_is_embedding(model)) {
		json_t *options = json_object();

		ncm_json_set_u64(options, "contextLength", model->model->context_length);
		json_object_set_new(entry, "defaultCompletionOptions", options);
	}
	return entry;
}

/* docs.continue.dev/reference: name, version and schema are required. */
void export_continue(struct exported *exported, struct ncm_buffer *out)
{
	NCM_AUTO_JSON json_t *file =
	    json_pack("{s:s, s:s, s:s}", "name", "ncmodel", "version", "1.0.0", "schema", "v1");
	json_t *models = json_array();

	json_object_set_new(file, "models", models);
	for (size_t i = 0; i < exported->model_count; i++) {
		const struct export_model *model = &exported->models[i];

		if (!is_served(model))
			continue;
		if (is_reference(model->model->id)) {
			export_leaves_out(exported, model, "Continue would fill in a secret for its id");
			continue;
		}
		json_array_append_new(models, continue_model(exported, model));
		export_has(exported, model);
	}
	export_yaml(file, out);
}

static void add_embedding(const struct exported *exported, const struct export_model *model, struct ncm_buffer *out)
{
	NCM_AUTO_FREE char *address = export_address(exported, model);

	ncm_buffer_printf(out, "RAG_EMBEDDING_ENGINE=ollama\nRAG_EMBEDDING_MODEL=%s\nRAG_OLLAMA_BASE_URL=%s\n",
			  model->tag, address);
}

/* docs.openwebui.com, Environment Variable Configuration: several addresses have a ';' between. */
void export_open_webui(struct exported *exported, struct ncm_buffer *out)
{
	const struct export_model *embedding = NULL;
	size_t embeddings = 0, files = 0;

	ncm_buffer_puts(out, "# For Open WebUI's environment; it finds the models by itself.\n");
	for (size_t i = 0; i < exported->model_count; i++) {
		const struct export_model *model = &exported->models[i];

		if (!is_served(model))
			continue;
		export_has(exported, model);
		files += !model->tag;
		if (model->tag && export_is_embedding(model)) {
			embedding = model;
			embeddings++;
		}
	}
	if (exported->server_count > 0)
		ncm_buffer_puts(out, "ENABLE_OLLAMA_API=true\nOLLAMA_BASE_URLS='");
	for (size_t i = 0; i < exported->server_count; i++)
		ncm_buffer_printf(out, "%shttp://127.0.0.1:%u", i > 0 ? ";" : "", exported->servers[i].port);
	if (exported->server_count > 0)
		ncm_buffer_puts(out, "'\n");
	if (files > 0)
		ncm_buffer_puts(out, "ENABLE_OPENAI_API=true\nOPENAI_API_BASE_URLS=" LLAMA_SERVER "\n");
	if (embeddings == 1)
		add_embedding(exported, embedding, out);
}
