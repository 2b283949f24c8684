/* SPDX-License-Identifier: MIT */
#include "store/purpose.h"

#include <string.h>
#include <strings.h>

static const struct purpose purposes[] = {
    {"checkpoint", "a checkpoint", {"checkpoints"}, "ImageGeneration", false},
    {"diffusion", "a diffusion model", {"diffusion_models", "unet"}, "ImageGeneration", false},
    {"lora", "a LoRA", {"loras", "lycoris"}, "LoRA", false},
    {"vae", "a VAE", {"vae"}, "VAE", false},
    {"text-encoder", "a text encoder", {"text_encoders", "clip"}, "TextEncoder", false},
    {"clip-vision", "an image encoder", {"clip_vision"}, "ImageEncoder", false},
    {"textual-inversion", "a textual inversion", {"embeddings"}, "TextualInversion", false},
    {"hypernetwork", "a hypernetwork", {"hypernetworks"}, "Hypernetwork", false},
    {"aesthetic-gradient", "an aesthetic gradient", {"aesthetic_embeddings"}, "AestheticGradient", false},
    {"controlnet", "a ControlNet", {"controlnet"}, "ControlNet", false},
    {"upscaler", "an upscaler", {"upscale_models"}, "Upscaler", false},
    {"motion-module", "a motion module", {"animatediff_models"}, "MotionModule", false},
    {"detection", "a detection model", {"adetailer", "ultralytics_bbox"}, "Detection", false},
    {"poses", "a set of poses", {"poses"}, "Poses", true},
    {"wildcards", "a set of wildcards", {"wildcards"}, "Wildcards", true},
    {"workflow", "a workflow", {"workflows"}, "Workflow", true},
    {"custom-node", "a custom node", {"custom_nodes"}, NULL, false},
    {"config", "a configuration", {"configs", "checkpoints"}, NULL, false},
    {"llm", "a language model", {"llm"}, NULL, false},
    {"vlm", "a vision language model", {"llm"}, NULL, false},
    {"projector", "a projector of a language model", {"llm"}, NULL, false},
    {"embedding", "an embedding model", {NULL}, "Embedding", false},
    {"stt", "a speech recognition model", {NULL}, "SpeechToText", false},
    {"tts", "a voice", {NULL}, "TextToSpeech", false},
    {"training-data", "training data", {NULL}, NULL, false},
    {"archive", "an archive", {NULL}, NULL, false},
};

enum { PURPOSES = sizeof purposes / sizeof *purposes, FOLDERS = sizeof purposes->folders / sizeof *purposes->folders };

const struct purpose *purpose_of(const char *kind)
{
	for (size_t i = 0; kind && i < PURPOSES; i++) {
		if (strcmp(purposes[i].kind, kind) == 0)
			return &purposes[i];
	}
	return NULL;
}

static bool is_its_folder(const struct purpose *purpose, const char *folder, size_t size)
{
	for (size_t i = 0; i < FOLDERS && purpose->folders[i]; i++) {
		if (strlen(purpose->folders[i]) == size && strncasecmp(purpose->folders[i], folder, size) == 0)
			return true;
	}
	return false;
}

const char *purpose_of_folder(const char *folder)
{
	const size_t size = folder ? strcspn(folder, "/") : 0;

	for (size_t i = 0; size > 0 && i < PURPOSES; i++) {
		if (is_its_folder(&purposes[i], folder, size))
			return purposes[i].kind;
	}
	return NULL;
}

const char *purpose_of_header(const char *kind)
{
	static const char *const words[][2] = {
	    {"embedding", "textual-inversion"}, {"embedding-model", "embedding"}, {"diffusion-model", "diffusion"}};

	for (size_t i = 0; kind && i < sizeof words / sizeof *words; i++) {
		if (strcmp(kind, words[i][0]) == 0)
			return words[i][1];
	}
	return kind;
}

/* Detectors that draw masks have a folder beside that of those that draw boxes. */
static const char *sibling_of(const char *folder, const char *name)
{
	return strcmp(folder, "ultralytics_bbox") == 0 && name && strcasestr(name, "seg") ? "ultralytics_segm" : folder;
}

const char *purpose_folder(const struct ncm_layout *layout, const struct ncm_store *store, const char *kind,
			   const char *name)
{
	const struct purpose *purpose = purpose_of(kind);

	for (size_t i = 0; purpose && i < FOLDERS && purpose->folders[i]; i++) {
		const char *folder = sibling_of(purpose->folders[i], name);

		if (ncm_layout_has_folder(layout, store, folder))
			return folder;
	}
	return NULL;
}
