/* SPDX-License-Identifier: MIT */
/* What a model that makes images or video is, and is for: by its kind, its architecture and a few tensors. */
#include "inspect/work.h"

#include <string.h>

static const char *const roles[] = {"checkpoint", "diffusion-model", "vae",       "text-encoder",
				    "lora",       "controlnet",      "embedding", "motion-module"};

static const char *const families[] = {"sd1.5",     "sd2",           "sdxl",       "sdxl-refiner", "sd3",
				       "sd1",       "flux",          "flux2",      "auraflow",     "aura",
				       "cogvideox", "hunyuan-video", "hyvid",      "ltxv",         "ltx-video",
				       "mochi",     "pixart",        "qwen-image", "qwen_image",   "wan",
				       "svd",       "animatediff",   "hidream",    "cosmos",       "lumina2"};

static bool is_of(const char *const *words, size_t count, const char *word)
{
	for (size_t i = 0; word && i < count; i++) {
		if (strcmp(words[i], word) == 0)
			return true;
	}
	return false;
}

static bool has_end(const char *name, const char *end)
{
	const size_t length = strlen(name), least = strlen(end);

	return length >= least && strcmp(name + length - least, end) == 0;
}

/* A denoiser's first layer takes 4 channels; 9 with a mask and the image that it is of. FLUX has 64, and 384 (Fill). */
static enum ncm_known is_inpainting(const struct ncm_tensor *tensor)
{
	if (tensor->dimension_count == 4 &&
	    (has_end(tensor->name, "input_blocks.0.0.weight") || has_end(tensor->name, "unet.conv_in.weight")))
		return tensor->dimensions[1] == 9 ? NCM_KNOWN_YES : NCM_KNOWN_NO;
	if (tensor->dimension_count == 2 && has_end(tensor->name, "img_in.weight"))
		return tensor->dimensions[1] == 384 || tensor->dimensions[0] == 384 ? NCM_KNOWN_YES : NCM_KNOWN_NO;
	return NCM_NOT_KNOWN;
}

void inspect_diffusion(struct ncm_inspection *inspection)
{
	if (!is_of(roles, sizeof roles / sizeof *roles, inspection->kind))
		return;
	if (strcmp(inspection->kind, "lora") == 0 &&
	    !is_of(families, sizeof families / sizeof *families, inspection->architecture))
		return; /* of a language model, for all that is known */
	inspection_set(&inspection->diffusion_role, inspection->kind);
	if (is_of(families, sizeof families / sizeof *families, inspection->architecture))
		inspection_set(&inspection->diffusion_family, inspection->architecture);
	for (size_t i = 0; i < inspection->tensor_count && inspection->inpainting == NCM_NOT_KNOWN; i++)
		inspection->inpainting = is_inpainting(&inspection->tensors[i]);
}
