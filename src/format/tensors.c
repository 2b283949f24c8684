/* SPDX-License-Identifier: MIT */
/*
 * Tensors have the names of the modules that wrote them, so a few parts of names tell the kind of model. The names are
 * those of the original programs (CompVis ldm, Stability's sgm, black-forest-labs' flux, kohya's sd-scripts, guoyww's
 * AnimateDiff, xinntao's ESRGAN) and of Hugging Face's diffusers, transformers and peft; ComfyUI
 * (comfy/model_detection.py) and diffusers (loaders/single_file_utils.py) tell models apart by the same.
 */
#include "format/parts.h"

#include <string.h>

enum trait {
	LORA,
	LORA_SDXL_TEXT,
	CONTROLNET,
	MOTION_MODULE,
	TEXTUAL_INVERSION,
	TEXTUAL_INVERSION_XL,
	UPSCALER,
	LDM, /* a whole image model wraps its denoiser in this name */
	VAE_OF_LDM,
	VAE,
	VAE_ONLY,
	TEXT_OF_LDM,
	TEXT_OF_SDXL,
	TEXT_OF_REFINER,
	UNET,
	VIDEO_UNET,
	FLUX,
	SD3,
	AURAFLOW,
	COGVIDEOX,
	HUNYUAN_VIDEO,
	LTX_VIDEO,
	MOCHI,
	PIXART,
	QWEN_IMAGE,
	WAN,
	CLIP_TEXT,
	CLIP_VISION,
	T5,
	BERT,
	WHISPER,
	DECODER, /* layers of a language model */
	GPT2,
	TOKENS,
};

enum where { STARTS, HAS, IS };

/* Names of lora files have '_' for '.' (kohya) and prefixes; so parts of names do where they are telling enough. */
static const struct {
	const char *part;
	enum where where;
	enum trait trait;
} parts[] = {
    {".lora_down.", HAS, LORA},
    {".lora_up.", HAS, LORA},
    {".lora_A.", HAS, LORA},
    {".lora_B.", HAS, LORA},
    {".lora_a", HAS, LORA},
    {".lora_b", HAS, LORA},
    {".lora.down.", HAS, LORA},
    {"_lora.down.", HAS, LORA},
    {".hada_w1_", HAS, LORA},
    {".lokr_w", HAS, LORA},
    {".oft_blocks", HAS, LORA},
    {".oft_diag", HAS, LORA},
    {"lora_te1_", STARTS, LORA_SDXL_TEXT},
    {"lora_te2_", STARTS, LORA_SDXL_TEXT},
    {"control_model.", STARTS, CONTROLNET},
    {"controlnet_", STARTS, CONTROLNET},
    {"zero_convs.", STARTS, CONTROLNET},
    {"input_hint_block.", STARTS, CONTROLNET},
    {"lora_controlnet", IS, CONTROLNET},
    {"adapter.body.", STARTS, CONTROLNET},
    {".motion_modules.", HAS, MOTION_MODULE},
    {"emb_params", IS, TEXTUAL_INVERSION},
    {"clip_g", IS, TEXTUAL_INVERSION_XL},
    {".RDB1.", HAS, UPSCALER},
    {".rdb1.", HAS, UPSCALER},
    {"RRDB_trunk.", STARTS, UPSCALER},
    {".residual_group.", HAS, UPSCALER},
    {"model.diffusion_model.", STARTS, LDM},
    {"first_stage_model.", STARTS, VAE_OF_LDM},
    {"vae.", STARTS, VAE_OF_LDM},
    {"decoder.conv_in.", STARTS, VAE},
    {"decoder.conv_out.", STARTS, VAE},
    {"decoder.middle.", STARTS, VAE},
    {"cond_stage_model.", STARTS, TEXT_OF_LDM},
    {"conditioner.embedders.", STARTS, TEXT_OF_LDM},
    {"text_encoders.", STARTS, TEXT_OF_LDM},
    {"conditioner.embedders.1.", STARTS, TEXT_OF_SDXL},
    {"conditioner.embedders.0.model.", STARTS, TEXT_OF_REFINER},
    {"input_blocks.", HAS, UNET},
    {"down_blocks.0.resnets.", STARTS, UNET},
    {"add_embedding.linear_1.", STARTS, TEXT_OF_SDXL},
    {".time_stack.", HAS, VIDEO_UNET},
    {".temporal_transformer_blocks.", HAS, VIDEO_UNET},
    {"double_blocks.0.img_attn.", HAS, FLUX},
    {"double_blocks_0_img_attn_", HAS, FLUX},
    {"single_transformer_blocks.0.", HAS, FLUX},
    {"joint_blocks.0.", HAS, SD3},
    {"joint_blocks_0_", HAS, SD3},
    {"transformer_blocks.0.attn.add_k_proj.", HAS, SD3},
    {"double_layers.0.attn.w1q.", HAS, AURAFLOW},
    {"patch_embed.text_proj.", HAS, COGVIDEOX},
    {"txt_in.individual_token_refiner.", HAS, HUNYUAN_VIDEO},
    {"patchify_proj.", HAS, LTX_VIDEO},
    {"t5_yproj.", HAS, MOCHI},
    {"y_embedder.y_embedding", HAS, PIXART},
    {"transformer_blocks.0.img_mod.", HAS, QWEN_IMAGE},
    {"head.modulation", HAS, WAN},
    {"text_model.encoder.layers.", STARTS, CLIP_TEXT},
    {"vision_model.encoder.layers.", STARTS, CLIP_VISION},
    {"encoder.block.0.layer.0.SelfAttention.", STARTS, T5},
    {"encoder.layer.0.attention.self.", HAS, BERT},
    {"model.decoder.layers.0.encoder_attn.", STARTS, WHISPER},
    {"model.layers.", STARTS, DECODER},
    {"model.language_model.layers.", STARTS, DECODER},
    {"language_model.model.layers.", STARTS, DECODER},
    {"transformer.h.", STARTS, GPT2},
    {"word_embeddings.weight", HAS, TOKENS},
};

#define BIT(trait) (UINT64_C(1) << (trait))
#define IMAGE_TRANSFORMER                                                                                              \
	(BIT(FLUX) | BIT(SD3) | BIT(AURAFLOW) | BIT(COGVIDEOX) | BIT(HUNYUAN_VIDEO) | BIT(LTX_VIDEO) | BIT(MOCHI) |    \
	 BIT(PIXART) | BIT(QWEN_IMAGE) | BIT(WAN))
#define DENOISER (BIT(LDM) | BIT(UNET) | IMAGE_TRANSFORMER)

/* The first row holds whose needs are all met (`any`: one of them is enough). */
static const struct {
	uint64_t all, any;
	const char *kind;
} kinds[] = {
    {BIT(LORA), 0, "lora"},
    {BIT(CONTROLNET), 0, "controlnet"},
    {BIT(MOTION_MODULE), 0, "motion-module"},
    {0, BIT(TEXTUAL_INVERSION) | BIT(TEXTUAL_INVERSION_XL), "embedding"},
    {BIT(UPSCALER), 0, "upscaler"},
    {BIT(LDM), BIT(VAE_OF_LDM) | BIT(TEXT_OF_LDM), "checkpoint"},
    {0, DENOISER, "diffusion-model"},
    {0, BIT(VAE) | BIT(VAE_OF_LDM), "vae"},
    {0, BIT(CLIP_TEXT) | BIT(T5), "text-encoder"},
    {BIT(WHISPER), 0, "stt"},
    {BIT(BERT), 0, "embedding-model"},
    {0, BIT(DECODER) | BIT(GPT2), "llm"},
};

/* The same for architectures; text_row is the width of the text that cross attention sees, 0: of no matter. */
static const struct {
	uint64_t all;
	uint64_t text_row;
	const char *architecture;
} architectures[] = {
    {BIT(MOTION_MODULE), 0, "animatediff"},
    {BIT(TEXTUAL_INVERSION_XL), 0, "sdxl"},
    {BIT(VIDEO_UNET), 0, "svd"},
    {BIT(HUNYUAN_VIDEO), 0, "hunyuan-video"},
    {BIT(QWEN_IMAGE), 0, "qwen-image"},
    {BIT(FLUX), 0, "flux"},
    {BIT(AURAFLOW), 0, "auraflow"},
    {BIT(COGVIDEOX), 0, "cogvideox"},
    {BIT(LTX_VIDEO), 0, "ltx-video"},
    {BIT(MOCHI), 0, "mochi"},
    {BIT(PIXART), 0, "pixart"},
    {BIT(WAN), 0, "wan"},
    {BIT(SD3), 0, "sd3"},
    {BIT(TEXT_OF_SDXL), 0, "sdxl"},
    {BIT(LORA_SDXL_TEXT), 0, "sdxl"},
    {BIT(TEXT_OF_REFINER), 0, "sdxl-refiner"},
    {0, 768, "sd1.5"},
    {0, 1024, "sd2"},
    {0, 1280, "sdxl-refiner"},
    {0, 2048, "sdxl"},
    {BIT(T5), 0, "t5"},
    {BIT(WHISPER), 0, "whisper"},
    {BIT(BERT), 0, "bert"},
};

static bool matches(const char *name, const char *part, enum where where)
{
	if (where == HAS)
		return strstr(name, part) != NULL;
	return where == IS ? strcmp(name, part) == 0 : strncmp(name, part, strlen(part)) == 0;
}

/* Whether rows of this tensor are as wide as the text: the keys of cross attention, or the lora matrix before them. */
static bool sees_text(const char *name)
{
	return strstr(name, "attn2") && strstr(name, "to_k") && !strstr(name, "lora_up") && !strstr(name, "lora_B") &&
	       !strstr(name, "hada_") && !strstr(name, "lokr_");
}

void traits_note(struct traits *traits, const char *name, uint64_t row)
{
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (matches(name, parts[i].part, parts[i].where))
			traits->seen |= BIT(parts[i].trait);
	}
	if (row > 1 && sees_text(name))
		traits->text_row = row;
	if (matches(name, "word_embeddings.weight", HAS))
		traits->token_row = row;
}

void traits_tell(const struct traits *traits, struct ncm_facts *facts)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !facts->kind; i++) {
		if ((traits->seen & kinds[i].all) == kinds[i].all && (!kinds[i].any || (traits->seen & kinds[i].any)))
			facts_default(&facts->kind, kinds[i].kind);
	}
	for (size_t i = 0; i < sizeof architectures / sizeof *architectures && !facts->architecture; i++) {
		if ((traits->seen & architectures[i].all) == architectures[i].all &&
		    (!architectures[i].text_row || traits->text_row == architectures[i].text_row))
			facts_default(&facts->architecture, architectures[i].architecture);
	}
	if (facts->kind && strcmp(facts->kind, "embedding-model") == 0 && facts->dimensions == 0)
		facts->dimensions = traits->token_row;
}
