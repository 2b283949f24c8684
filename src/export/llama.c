/* SPDX-License-Identifier: MIT */
/* Two ways to serve GGUF files with llama.cpp: llama-swap, and llama-server's own router. */
#include "export/export.h"

#include "base/escape.h"
#include "base/mem.h"

#include <string.h>

enum { LONGEST_NAME = 128 }; /* that llama-swap takes */

/* Whether a llama.cpp server is what the model is for: a diffusion model's GGUF is not. */
static bool is_for_llama(const struct export_model *model)
{
	static const char *const kinds[] = {"llm", "vlm", "embedding", "reranker", NULL};
	size_t i = 0;

	while (kinds[i] && model->model->kind && strcmp(kinds[i], model->model->kind) != 0)
		i++;
	return model->model->kind && kinds[i];
}

/* The next model that such a server can have, or NULL; a GGUF file of another kind is told once. */
static const struct export_model *next(struct exported *exported, size_t *at)
{
	while (*at < exported->model_count) {
		const struct export_model *model = &exported->models[(*at)++];

		if (model->gguf && is_for_llama(model))
			return model;
		if (model->gguf && !model->tag)
			export_leaves_out(exported, model,
					  model->model->kind ? "its kind is nothing that llama.cpp serves"
							     : "its kind is not known");
	}
	return NULL;
}

/* The program and its arguments as one line, which llama-swap takes apart as a shell would. */
static char *command_of(const struct export_model *model)
{
	NCM_AUTO_FREE char *file = ncm_shell_word(model->gguf);
	NCM_AUTO_FREE char *projector = model->mmproj ? ncm_shell_word(model->mmproj) : NULL;

	return ncm_asprintf("llama-server --host 127.0.0.1 --port ${PORT} --model %s%s%s%s", file,
			    projector ? " --mmproj " : "", projector ? projector : "",
			    export_is_embedding(model) ? " --embeddings" : "");
}

/* "${NAME}" is its own, and it takes a command apart by lines before it minds quotes. */
static bool fits_swap(const char *text)
{
	return !strstr(text, "${") && !strpbrk(text, "\n\r");
}

/* llama-swap's config-schema.json: models.ID.{cmd, name}. */
static void add_swapped(struct exported *exported, const struct export_model *model, json_t *models)
{
	NCM_AUTO_FREE char *command = command_of(model);
	json_t *entry;

	if (!fits_swap(model->gguf) || (model->mmproj && !fits_swap(model->mmproj)) || !fits_swap(model->model->id)) {
		export_leaves_out(exported, model, "llama-swap has no spelling for its path or id");
		return;
	}
	entry = json_object();
	if (model->model->display_name && strlen(model->model->display_name) <= LONGEST_NAME &&
	    fits_swap(model->model->display_name))
		ncm_json_set_string(entry, "name", model->model->display_name);
	ncm_json_set_string(entry, "cmd", command);
	json_object_set_new(models, model->model->id, entry);
	export_has(exported, model);
}

void export_llama_swap(struct exported *exported, struct ncm_buffer *out)
{
	NCM_AUTO_JSON json_t *file = json_object();
	json_t *models = json_object();
	const struct export_model *model;
	size_t at = 0;

	json_object_set_new(file, "models", models);
	while ((model = next(exported, &at)))
		add_swapped(exported, model, models);
	export_yaml(file, out);
}

/* The presets have no quotes: a comment begins at ';' or '#', and blanks at both ends are not the value's. */
static bool fits_preset(const char *value)
{
	return export_is_plain(value) && !strpbrk(value, ";#") && value[0] != ' ' && value[0] != '\t' &&
	       value[strlen(value) - 1] != ' ' && value[strlen(value) - 1] != '\t';
}

/* The section "*" is of all models. */
static bool is_section(const char *id)
{
	return fits_preset(id) && !strchr(id, ']') && strcmp(id, "*") != 0;
}

/* llama.cpp docs/preset.md and tools/server/README.md, "Model presets": keys are long options without dashes. */
void export_llama_server(struct exported *exported, struct ncm_buffer *out)
{
	const struct export_model *model;
	size_t at = 0;

	ncm_buffer_puts(out, "; llama-server --models-preset THIS-FILE\nversion = 1\n");
	while ((model = next(exported, &at))) {
		if (!fits_preset(model->gguf) || (model->mmproj && !fits_preset(model->mmproj)) ||
		    !is_section(model->model->id)) {
			export_leaves_out(exported, model, "the presets have no spelling for its path or name");
			continue;
		}
		ncm_buffer_printf(out, "\n[%s]\nmodel = %s\n", model->model->id, model->gguf);
		if (model->mmproj)
			ncm_buffer_printf(out, "mmproj = %s\n", model->mmproj);
		if (export_is_embedding(model))
			ncm_buffer_puts(out, "embeddings = true\n");
		export_has(exported, model);
	}
}
