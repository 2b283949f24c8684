/* SPDX-License-Identifier: MIT */
/* Applications that are told when they start: the options, for whoever starts them. */
#include "configure/work.h"

#include "base/escape.h"
#include "base/mem.h"

#include <string.h>

/* stable-diffusion-webui (modules/paths_internal.py, shared_cmd_options) and Forge: one folder each. */
static const char *const webui[][2] = {
    {"checkpoints", "--ckpt-dir"},
    {"loras", "--lora-dir"},
    {"vae", "--vae-dir"},
    {"embeddings", "--embeddings-dir"},
    {"hypernetworks", "--hypernetwork-dir"},
    {"upscale_models", "--esrgan-models-path"},
    {"gfpgan", "--gfpgan-models-path"},
    {"codeformer", "--codeformer-models-path"},
    {"controlnet", "--controlnet-dir"},
    {NULL, NULL},
};

static const char *const forge[][2] = {{"text_encoders", "--text-encoder-dir"}, {NULL, NULL}};

/* Forge Neo takes each of these any number of times. */
static const char *const neo[][2] = {
    {"checkpoints", "--ckpt-dirs"},
    {"loras", "--lora-dirs"},
    {"vae", "--vae-dirs"},
    {"text_encoders", "--text-encoder-dirs"},
    {NULL, NULL},
};

static bool is_first_of(const struct work *work, size_t number)
{
	for (size_t i = 0; i < number; i++) {
		if (strcmp(work->offers[i].folder, work->offers[number].folder) == 0)
			return false;
	}
	return true;
}

void tell_flags(struct work *work)
{
	const bool is_neo = strcmp(work->application->name, "forge-neo") == 0;

	for (size_t i = 0; i < work->offer_count && !work->options->undo; i++) {
		const struct offer *offer = &work->offers[i];
		const char *flag = key_of(is_neo ? neo : webui, offer->folder);
		NCM_AUTO_FREE char *path = ncm_shell_word(offer->path);

		if (!flag && strcmp(work->application->name, "forge") == 0)
			flag = key_of(forge, offer->folder);
		if (!flag)
			continue;
		if (is_neo || is_first_of(work, i))
			advise(work, ncm_asprintf("%s %s", flag, path));
		else
			add_setting(work, flag, offer->path, offer->store->id, NCM_SETTING_LEFT,
				    ncm_strdup("it takes one folder; --store chooses"));
	}
}

void tell_lmstudio(struct work *work)
{
	if (!work->options->undo)
		advise(work, ncm_strdup(
				 "LM Studio: My Models, the folder's \"...\", Change; it takes one folder, of the form "
				 "publisher/model/file.gguf"));
}
