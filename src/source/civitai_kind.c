/* SPDX-License-Identifier: MIT */
/*
 * What a file of Civitai's is, in the words of manifests. The words are the server's: ModelType of its database schema
 * (and of AIRs, in their own spelling), ModelFileType of its constants.
 */
#include "source/civitai.h"

#include "base/path.h"

#include <string.h>
#include <strings.h>

struct word {
	const char *type, *kind;
};

static const struct word models[] = {
    {"Checkpoint", "checkpoint"},
    {"LORA", "lora"},
    {"LoCon", "lora"},
    {"LyCORIS", "lora"},
    {"DoRA", "lora"},
    {"TextualInversion", "textual-inversion"},
    {"Embedding", "textual-inversion"},
    {"Hypernetwork", "hypernetwork"},
    {"Hypernet", "hypernetwork"},
    {"AestheticGradient", "aesthetic-gradient"},
    {"ag", "aesthetic-gradient"},
    {"Controlnet", "controlnet"},
    {"Upscaler", "upscaler"},
    {"MotionModule", "motion-module"},
    {"Motion", "motion-module"},
    {"VAE", "vae"},
    {"TextEncoder", "text-encoder"},
    {"text_encoders", "text-encoder"},
    {"CLIP", "text-encoder"},
    {"UNet", "diffusion"},
    {"DiffusionModel", "diffusion"},
    {"CLIPVision", "clip-vision"},
    {"Poses", "poses"},
    {"Wildcards", "wildcards"},
    {"Workflows", "workflow"},
    {"ComfyWorkflows", "workflow"},
    {"Detection", "detection"},
    {"VisionLanguage", "vlm"},
    {"LLM", "llm"},
};

/* What a file is called says more than what its model is, but for "Model", "Pruned Model", "Archive" and "Other". */
static const struct word files[] = {
    {"Text Encoder", "text-encoder"},
    {"Vision Encoder", "clip-vision"},
    {"CLIPVision", "clip-vision"},
    {"Negative", "textual-inversion"},
    {"Training Data", "training-data"},
    {"VAE", "vae"},
    {"Config", "config"},
    {"UNet", "diffusion"},
    {"Diffusion Model", "diffusion"},
    {"ControlNet", "controlnet"},
    {"Workflow", "workflow"},
    {"Upscaler", "upscaler"},
    {"Enhancement LoRA", "lora"},
};

static const char *kind_in(const struct word *words, size_t count, const char *type)
{
	for (size_t i = 0; type && i < count; i++) {
		if (strcasecmp(words[i].type, type) == 0)
			return words[i].kind;
	}
	return NULL;
}

const char *ncm_civitai_kind(const char *type)
{
	return kind_in(models, sizeof models / sizeof *models, type);
}

const char *ncm_civitai_kind_of_air(const char *uri)
{
	char type[32];

	if (uri && strncasecmp(uri, "urn:", 4) == 0)
		uri += 4;
	return uri && strncasecmp(uri, "air:", 4) == 0 && sscanf(uri + 4, "%*[^:]:%31[^:]", type) == 1
		   ? ncm_civitai_kind(type)
		   : NULL;
}

static const char *kind_of_model(const json_t *version)
{
	const char *kind = ncm_civitai_kind(ncm_json_string(json_object_get(version, "model"), "type"));

	return kind ? kind : ncm_civitai_kind_of_air(ncm_json_string(version, "air"));
}

static bool is_packed(const char *kind)
{
	static const char *const packed[] = {"wildcards", "workflow", "poses"};

	for (size_t i = 0; kind && i < sizeof packed / sizeof *packed; i++) {
		if (strcmp(kind, packed[i]) == 0)
			return true;
	}
	return false;
}

static bool is_archive(const json_t *file)
{
	const char *type = ncm_json_string(file, "type"), *name = ncm_json_string(file, "name");

	return (type && strcasecmp(type, "Archive") == 0) || (name && ncm_path_archive_ending(name) > 0);
}

/* A note or a picture that comes with a model is none. */
static const char *kind_by_model(const json_t *version, const json_t *file)
{
	const char *name = ncm_json_string(file, "name"), *kind = kind_of_model(version);

	return is_packed(kind) || is_archive(file) || (name && ncm_source_is_binary_name(name)) ? kind : NULL;
}

const char *civitai_kind(const json_t *version, const json_t *file)
{
	const char *format = ncm_json_string(json_object_get(file, "metadata"), "format");
	const char *kind = kind_in(files, sizeof files / sizeof *files, ncm_json_string(file, "type"));

	kind = kind ? kind : kind_by_model(version, file);
	if (is_archive(file) && !is_packed(kind))
		return kind && strcmp(kind, "training-data") == 0 ? kind : "archive";
	/* Of these only the diffusion model itself is ever in one. */
	if (kind && format && strcmp(kind, "checkpoint") == 0 && strcasecmp(format, "GGUF") == 0)
		return "diffusion";
	return kind;
}
