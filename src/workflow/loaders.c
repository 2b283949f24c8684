/* SPDX-License-Identifier: MIT */
/*
 * Which folder a loader takes its file from. Sources: ComfyUI's nodes.py and comfy_extras (folder_paths), the
 * frontend's modelNodeMappings, ComfyUI-GGUF, rgthree-comfy, AnimateDiff-Evolved, IPAdapter_plus, Impact-Pack,
 * WanVideoWrapper.
 */
#include "workflow/workflow.h"

#include "base/path.h"

#include <string.h>

/* '*' at the end stands for anything; an input that is NULL, for all of the node's. The first row that fits decides. */
static const struct loader {
	const char *class, *input, *folder;
} loaders[] = {
    {"LTXAVTextEncoderLoader", "text_encoder", "text_encoders"},
    {"CheckpointLoader*", NULL, "checkpoints"},
    {"unCLIPCheckpointLoader", NULL, "checkpoints"},
    {"ImageOnlyCheckpointLoader", NULL, "checkpoints"},
    {"LowVRAMCheckpointLoader", NULL, "checkpoints"},
    {"LTXVAudioVAELoader", NULL, "checkpoints"},
    {"UNETLoader*", NULL, "diffusion_models"},
    {"UnetLoader*", NULL, "diffusion_models"},
    {"WanVideoModelLoader", NULL, "diffusion_models"},
    {"CLIPLoader*", NULL, "text_encoders"},
    {"DualCLIPLoader*", NULL, "text_encoders"},
    {"TripleCLIPLoader*", NULL, "text_encoders"},
    {"QuadrupleCLIPLoader*", NULL, "text_encoders"},
    {"LTXVGemmaCLIPModelLoader", NULL, "text_encoders"},
    {"LoadWanVideoT5TextEncoder", NULL, "text_encoders"},
    {"VAELoader*", NULL, "vae"},
    {"WanVideoVAELoader", NULL, "vae"},
    {"LoraLoader*", NULL, "loras"},
    {"Power Lora Loader (rgthree)", NULL, "loras"},
    {"Lora Loader Stack (rgthree)", NULL, "loras"},
    {"LoRA Stacker", NULL, "loras"},
    {"CR LoRA Stack", NULL, "loras"},
    {"CR Load LoRA", NULL, "loras"},
    {"WanVideoLoraSelect*", NULL, "loras"},
    {"ControlNetLoader*", NULL, "controlnet"},
    {"DiffControlNetLoader*", NULL, "controlnet"},
    {"CLIPVisionLoader*", NULL, "clip_vision"},
    {"StyleModelLoader*", NULL, "style_models"},
    {"GLIGENLoader", NULL, "gligen"},
    {"HypernetworkLoader", NULL, "hypernetworks"},
    {"UpscaleModelLoader*", NULL, "upscale_models"},
    {"LatentUpscaleModelLoader", NULL, "latent_upscale_models"},
    {"AudioEncoderLoader*", NULL, "audio_encoders"},
    {"ModelPatchLoader", NULL, "model_patches"},
    {"PhotoMakerLoader*", NULL, "photomaker"},
    {"ADE_AnimateDiffLoRALoader", NULL, "animatediff_motion_lora"},
    {"ADE_LoadAnimateDiffModel*", NULL, "animatediff_models"},
    {"ADE_AnimateDiffLoader*", NULL, "animatediff_models"},
    {"IPAdapterModelLoader", NULL, "ipadapter"},
    {"PulidModelLoader", NULL, "pulid"},
    {"PulidFluxModelLoader", NULL, "pulid"},
    {"InstantIDModelLoader", NULL, "instantid"},
    {"UltralyticsDetectorProvider", NULL, "ultralytics"},
    {"SAMLoader*", NULL, "sams"},
    {"DownloadAndLoadSAM2Model", NULL, "sam2"},
    {"ONNXDetectorProvider", NULL, "onnx"},
    /* Of every other node's. */
    {"*", "ckpt_name*", "checkpoints"},
    {"*", "base_ckpt_name", "checkpoints"},
    {"*", "refiner_ckpt_name", "checkpoints"},
    {"*", "unet_name", "diffusion_models"},
    {"*", "clip_name*", "text_encoders"},
    {"*", "vae_name", "vae"},
    {"*", "lora_*", "loras"},
    {"*", "control_net_name", "controlnet"},
    {"*", "controlnet_name", "controlnet"},
    {"*", "style_model_name", "style_models"},
    {"*", "gligen_name", "gligen"},
    {"*", "hypernetwork_name", "hypernetworks"},
    {"*", "audio_encoder_name", "audio_encoders"},
    {"*", "photomaker_model_name", "photomaker"},
    {"*", "ipadapter_file", "ipadapter"},
    {"*", "pulid_file", "pulid"},
    {"*", "instantid_file", "instantid"},
};

static const char *const endings[] = {".safetensors", ".sft", ".ckpt", ".pt",   ".pt2",
				      ".bin",         ".pth", ".pkl",  ".gguf", ".onnx"};

static bool fits(const char *pattern, const char *text)
{
	const size_t size = strcspn(pattern, "*");

	return strncmp(pattern, text, size) == 0 && (pattern[size] == '*' || text[size] == '\0');
}

const char *workflow_folder_of(const char *class, const char *input)
{
	for (size_t i = 0; i < sizeof loaders / sizeof *loaders; i++) {
		const struct loader *loader = &loaders[i];

		if (fits(loader->class, class) && (!loader->input || (input && fits(loader->input, input))))
			return loader->folder;
	}
	return NULL;
}

bool workflow_is_model_name(const char *text)
{
	enum { LONGEST = 1024 };
	const char *base = ncm_path_last_component(text);

	if (strlen(text) > LONGEST || strpbrk(text, "\r\n\t") || strstr(text, "://"))
		return false;
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		if (strlen(base) > strlen(endings[i]) && ncm_path_has_suffix(base, endings[i]))
			return true;
	}
	return false;
}
