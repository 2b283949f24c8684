/* SPDX-License-Identifier: MIT */
/* A first manifest: one small model with the keys that a manifest is mostly made of, for people to change. */
#include "author/author.h"

#include "base/mem.h"
#include "base/strings.h"
#include "manifest/load.h"

static void describe(struct ncm_model *model)
{
	struct ncm_file_spec *spec = NCM_PUSH(model->files, model->file_count);

	model->id = ncm_strdup("llama3.2-3b");
	model->name = ncm_strdup("Llama 3.2 3B");
	model->kind = ncm_strdup("llm");
	model->description = ncm_strdup("An example: put your own models in its place.");
	ncm_strings_add(&model->use_cases, "General");
	ncm_strings_add(&model->capabilities, "chat");
	model->performance_score = model->cost_score = -1;
	ncm_strings_add(
	    &model->notes,
	    "\"id\" is what you type, \"use_cases\" what a selector may choose it for, \"tags\" are free words.");
	ncm_strings_add(
	    &model->notes,
	    "\"from\" are places of the same bytes: ollama:NAME:TAG, hf:ORG/REPO/FILE, civitai:VERSION or https://.");
	ncm_strings_add(
	    &model->notes,
	    "\"to\" is a store of the layout, such as llama-cpp, and a folder in it: {\"store\": \"comfyui\", "
	    "\"folder\": \"loras\"}.");
	ncm_strings_add(&model->notes, "\"sha256\" and \"size\" pin a file; `ncmodel lock` pins what has neither.");
	spec->role = ncm_strdup("weights");
	ncm_strings_add(&spec->from, "ollama:llama3.2:3b");
	NCM_PUSH(spec->to, spec->to_count)->store = ncm_strdup("ollama");
}

struct ncm_draft *ncm_draft_starter(const struct ncm_config *config, const struct ncm_draft_options *options,
				    struct ncm_error *err)
{
	struct author author;
	struct ncm_model model = {0};

	if (author_start(&author, config, options, err) < 0)
		return NULL;
	describe(&model);
	author_take(&author, &model, 0, model.id);
	manifest_model_clear(&model);
	return author_finish(&author, "My models", "A profile of your own.", err);
}
