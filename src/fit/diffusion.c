/* SPDX-License-Identifier: MIT */
/*
 * Picture models and projectors. Text encoders, denoiser and decoder work one after another and need not be there at
 * once: the largest of the three decides, not their sum. Activations by family as gguf-parser-go fitted them to
 * stable-diffusion.cpp (x: pixels).
 */
#include "fit/fit.h"

#include <string.h>

struct family {
	const char *name;
	double constant, linear, square;     /* activations, attention in full */
	double flash_constant, flash_linear; /* with flash attention; both 0: not known, as without */
	unsigned side;                       /* of a picture that it is made for */
	unsigned decoder_channels;
};

static const struct family families[] = {
    {"sd1", 7.88e6, 161.4, 0.00781, 0, 0, 512, 128},
    {"sd2", 7.88e6, 161.4, 0.00781, 3.78e6, 513, 768, 128},
    {"sdxl-refiner", 5.55e7, 138, 0.000611, 7.0e6, 599, 1024, 128},
    {"sdxl", 5.55e7, 138, 0.000611, -5.96e6, 500, 1024, 128},
};
/* Of which no figures are known: as SDXL, and twice as uncertain. */
static const struct family others = {NULL, 5.55e7, 138, 0.000611, -5.96e6, 500, 1024, 128};

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

static const struct family *family_of(const char *name)
{
	for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
		if (strncmp(name, families[i].name, strlen(families[i].name)) == 0)
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

static void weigh(const struct ncm_inspection *model, uint64_t weights[PARTS])
{
	for (size_t i = 0; i < model->tensor_count; i++)
		weights[part_of(model->tensors[i].name)] += model->tensors[i].bytes;
}

static double pixels_of(const struct family *family, const struct ncm_fit_wish *wish)
{
	const uint64_t width = wish->width ? wish->width : family->side;
	const uint64_t height = wish->height ? wish->height : family->side;

	return (double)width * (double)height;
}

/* The stage of the largest peak decides: its weights and its activations are what is told. */
static void take_peak(const struct ncm_fit_wish *wish, const uint64_t weights[PARTS], const uint64_t active[PARTS],
		      struct ncm_fit_parts *parts)
{
	const uint64_t all = weights[PART_ENCODER] + weights[PART_DENOISER] + weights[PART_DECODER];

	for (int part = 0; part < PARTS; part++) {
		const uint64_t kept = wish->keep_all ? all : weights[part];

		if (kept + active[part] <= parts->weights + parts->compute)
			continue;
		parts->weights = kept;
		parts->compute = active[part];
	}
}

void fit_count_diffusion(const struct ncm_inspection *model, const struct ncm_fit_wish *wish, struct ncm_fit *fit)
{
	const struct family *family = family_of(model->diffusion_family);
	const double pixels = pixels_of(family, wish), tile = 512.0 * 512.0;
	uint64_t weights[PARTS] = {0}, active[PARTS] = {0};
	struct ncm_fit_parts *place = wish->layers > 0 ? &fit->card : &fit->host;

	weigh(model, weights);
	active[PART_ENCODER] = weights[PART_ENCODER] / 10;
	if (weights[PART_DENOISER] > 0)
		active[PART_DENOISER] = activations(family, wish, pixels) + 128 * (uint64_t)FIT_MIB;
	if (weights[PART_DECODER] > 0)
		active[PART_DECODER] =
		    (uint64_t)((wish->tiled && pixels > tile ? tile : pixels) * 13 * family->decoder_channels) +
		    128 * (uint64_t)FIT_MIB;
	take_peak(wish, weights, active, place);
	if (wish->layers > 0)
		place->driver = (uint64_t)FIT_DRIVER_MIB * FIT_MIB;
	fit->error = place->compute * (family == &others ? 40 : 20) / 100 + (uint64_t)FIT_DRIVER_ERROR_MIB * FIT_MIB;
	if (family == &others)
		ncm_strings_add(&fit->remarks, "of this family no figures are known: counted as SDXL works");
	if (weights[PART_ENCODER] == 0 || weights[PART_DECODER] == 0)
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
