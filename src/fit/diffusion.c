/* SPDX-License-Identifier: MIT */
/*
 * Picture models and projectors. Text encoders, denoiser and decoder work one after another and need not be there at
 * once: the largest of the three decides, not their sum. Activations by family, and the decoder's, as gguf-parser-go
 * fitted them to stable-diffusion.cpp (x: pixels).
 */
#include "fit/fit.h"

#include <string.h>

struct family {
	const char *name;
	double constant, linear, square;     /* activations, attention in full */
	double flash_constant, flash_linear; /* with flash attention; both 0: not known, as without */
	unsigned side;                       /* of a picture that it is made for */
};

static const struct family families[] = {
    {"sd1", 7.88e6, 161.4, 0.00781, 0, 0, 512},
    {"sd1.5", 7.88e6, 161.4, 0.00781, 0, 0, 512},
    {"sd2", 7.88e6, 161.4, 0.00781, 3.78e6, 513, 768},
    {"sdxl-refiner", 4.94e7, 155.2, 0.000735, 7.0e6, 599, 1024},
    {"sdxl", 5.55e7, 138, 0.000611, -5.96e6, 500, 1024},
    {"sd3", 1.65e7, 234.7, 0.001465, 0, 0, 1024},
    {"sd3.5-medium", 1.74e7, 281.7, 0.001465, 0, 0, 1024},
    {"sd3.5-large", 2.32e7, 410.4, 0.00232, 0, 0, 1024},
    {"flux", 4.65e7, 997.8, 0.001457, 0, 0, 1024},
};
/* Of which no figures are known: as SDXL, and twice as uncertain. */
static const struct family others = {NULL, 5.55e7, 138, 0.000611, -5.96e6, 500, 1024};

enum {
	DECODER_CHANNELS = 512, /* of all these families' decoders, where the file does not tell */
	DECODER_BYTES = 13,     /* a pixel and channel */
	MODEL_MIB = 128,        /* beside what grows with the picture */
	CONTROL_SHARE = 3,      /* a ControlNet is about the first half of its model: a third of the activations */
};

static bool has_role(const struct ncm_inspection *model, const char *role)
{
	return model->diffusion_role && strcmp(model->diffusion_role, role) == 0;
}

bool fit_is_diffusion(const struct ncm_inspection *model)
{
	return model->diffusion_family && (has_role(model, "checkpoint") || has_role(model, "diffusion-model"));
}

bool fit_is_addition(const struct ncm_inspection *model)
{
	return has_role(model, "lora") || (model->kind && strcmp(model->kind, "lora") == 0);
}

static bool has_tensor(const struct ncm_inspection *model, const char *part_of_name)
{
	for (size_t i = 0; i < model->tensor_count; i++) {
		if (strstr(model->tensors[i].name, part_of_name))
			return true;
	}
	return false;
}

/* SD 3 comes in three sizes: 24 blocks, 24 whose keys are normed, 38. */
static const char *family_name(const struct ncm_inspection *model)
{
	if (strcmp(model->diffusion_family, "sd3") != 0)
		return model->diffusion_family;
	if (has_tensor(model, "joint_blocks.37.") || has_tensor(model, "transformer_blocks.37."))
		return "sd3.5-large";
	return has_tensor(model, ".attn.ln_k.") || has_tensor(model, ".attn.norm_k.") ? "sd3.5-medium" : "sd3";
}

static const struct family *family_of(const struct ncm_inspection *model)
{
	const char *name = family_name(model);

	for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
		if (strcmp(name, families[i].name) == 0)
			return &families[i];
	}
	return &others;
}

static uint64_t activations(const struct family *family, const struct ncm_fit_wish *wish, double pixels)
{
	const bool flash = wish->flash && family->flash_linear > 0;
	const double bytes = flash ? family->flash_constant + family->flash_linear * pixels
				   : family->constant + family->linear * pixels + family->square * pixels * pixels;

	return bytes > 0 ? (uint64_t)bytes : 0;
}

enum part { PART_ENCODER, PART_DENOISER, PART_DECODER, PARTS };

static enum part part_of(const char *name)
{
	static const char *const encoders[] = {
	    "cond_stage_model.", "conditioner.", "text_encoders.", "te.", "te1.", "te2.", "text_model."};
	static const char *const decoders[] = {"first_stage_model.", "vae.", "decoder.", "encoder."};

	for (size_t i = 0; i < sizeof encoders / sizeof *encoders; i++) {
		if (strncmp(name, encoders[i], strlen(encoders[i])) == 0)
			return PART_ENCODER;
	}
	for (size_t i = 0; i < sizeof decoders / sizeof *decoders; i++) {
		if (strncmp(name, decoders[i], strlen(decoders[i])) == 0)
			return PART_DECODER;
	}
	return PART_DENOISER;
}

struct stage {
	uint64_t weights, active;
};

static void weigh(const struct ncm_inspection *model, struct stage stages[PARTS])
{
	for (size_t i = 0; i < model->tensor_count; i++)
		stages[part_of(model->tensors[i].name)].weights += model->tensors[i].bytes;
}

/* What a file beside the model is part of. A ControlNet and a LoRA work with the denoiser. */
static enum part part_of_file(const struct ncm_inspection *file)
{
	if (has_role(file, "text-encoder"))
		return PART_ENCODER;
	return has_role(file, "vae") ? PART_DECODER : PART_DENOISER;
}

/* Text encoders and a decoder of their own files take the place of those inside. */
static void weigh_others(const struct ncm_inspection *const *files, size_t count, struct stage stages[PARTS])
{
	bool replaced[PARTS] = {false};

	for (size_t i = 0; i < count; i++) {
		const enum part part = part_of_file(files[i]);

		if (part != PART_DENOISER && !replaced[part])
			stages[part].weights = 0;
		replaced[part] = true;
		stages[part].weights += files[i]->weight_bytes;
	}
}

/* Of the decoder's first layer: the last of torch's four dimensions is GGUF's first. */
static uint64_t channels_in(const struct ncm_inspection *model)
{
	for (size_t i = 0; i < model->tensor_count; i++) {
		const struct ncm_tensor *tensor = &model->tensors[i];

		if (tensor->dimension_count == 4 && strstr(tensor->name, "decoder.conv_in.weight"))
			return tensor->dimensions[0] > tensor->dimensions[3] ? tensor->dimensions[0]
									     : tensor->dimensions[3];
	}
	return 0;
}

static uint64_t decoder_channels(const struct ncm_inspection *model, const struct ncm_inspection *const *files,
				 size_t count)
{
	uint64_t channels = channels_in(model);

	for (size_t i = 0; i < count; i++) {
		if (has_role(files[i], "vae") && channels_in(files[i]) > 0)
			channels = channels_in(files[i]);
	}
	return channels > 0 && channels <= 8 * DECODER_CHANNELS ? channels : DECODER_CHANNELS;
}

static double pixels_of(const struct family *family, const struct ncm_fit_wish *wish)
{
	const uint64_t width = wish->width ? wish->width : family->side;
	const uint64_t height = wish->height ? wish->height : family->side;

	return (double)width * (double)height;
}

/* The stage of the largest peak decides: its weights and its activations are what is told. */
static void take_peak(const struct ncm_fit_wish *wish, const struct stage stages[PARTS], struct ncm_fit_parts *parts)
{
	uint64_t all = 0;

	for (int part = 0; part < PARTS; part++)
		all += stages[part].weights;
	for (int part = 0; part < PARTS; part++) {
		const uint64_t kept = wish->keep_all ? all : stages[part].weights;

		if (kept + stages[part].active <= parts->weights + parts->compute)
			continue;
		parts->weights = kept;
		parts->compute = stages[part].active;
	}
}

static void activate(const struct family *family, const struct ncm_fit_wish *wish, uint64_t channels, size_t controls,
		     struct stage stages[PARTS])
{
	const double pixels = pixels_of(family, wish), tile = 512.0 * 512.0;
	const double decoded = wish->tiled && pixels > tile ? tile : pixels;
	const uint64_t few = (uint64_t)MODEL_MIB * FIT_MIB, of_denoiser = activations(family, wish, pixels);

	stages[PART_ENCODER].active = stages[PART_ENCODER].weights / 10 < few ? stages[PART_ENCODER].weights / 10 : few;
	if (stages[PART_DENOISER].weights > 0)
		stages[PART_DENOISER].active = of_denoiser + controls * (of_denoiser / CONTROL_SHARE) + few;
	if (stages[PART_DECODER].weights > 0)
		stages[PART_DECODER].active = (uint64_t)(decoded * DECODER_BYTES) * channels + few;
}

static size_t controls_among(const struct ncm_inspection *const *files, size_t count)
{
	size_t controls = 0;

	for (size_t i = 0; i < count; i++)
		controls += has_role(files[i], "controlnet");
	return controls;
}

void fit_count_diffusion(const struct ncm_inspection *model, const struct ncm_inspection *const *files, size_t count,
			 const struct ncm_fit_wish *wish, struct ncm_fit *fit)
{
	const struct family *family = family_of(model);
	struct ncm_fit_parts *place = wish->layers > 0 ? &fit->card : &fit->host;
	struct stage stages[PARTS] = {{0}};

	weigh(model, stages);
	weigh_others(files, count, stages);
	activate(family, wish, decoder_channels(model, files, count), controls_among(files, count), stages);
	take_peak(wish, stages, place);
	if (wish->layers > 0)
		place->driver = (uint64_t)FIT_DRIVER_MIB * FIT_MIB;
	fit->error = place->compute * (family == &others ? 40 : 20) / 100 + (uint64_t)FIT_DRIVER_ERROR_MIB * FIT_MIB;
	if (family == &others)
		ncm_strings_add(&fit->remarks, "of this family no figures are known: counted as SDXL works");
	if (stages[PART_ENCODER].weights == 0 || stages[PART_DECODER].weights == 0)
		ncm_strings_add(&fit->remarks, "its text encoder or decoder is in another file, and not in the figure");
}

/* Scores of all positions of a picture; with flash attention their mask. */
static uint64_t looking(const struct ncm_projector *eye, const struct ncm_fit_wish *wish)
{
	const uint64_t side = eye->image_size && eye->patch_size ? eye->image_size / eye->patch_size : 0;
	const uint64_t positions = side * side;

	return wish->flash ? positions * positions * 2 : positions * positions * eye->heads * sizeof(float);
}

void fit_add_projector(const struct ncm_inspection *model, const struct ncm_inspection *projector,
		       const struct ncm_fit_wish *wish, struct ncm_fit *fit)
{
	const struct ncm_inspection *has = projector ? projector : model;
	struct ncm_fit_parts *place = wish->layers > 0 ? &fit->card : &fit->host;
	uint64_t active;

	if (!has->has_projector)
		return;
	active = looking(&has->projector, wish);
	if (projector)
		place->projector += projector->weight_bytes;
	place->projector += active;
	fit->error += active / 4;
}
