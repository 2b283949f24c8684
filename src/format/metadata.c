/* SPDX-License-Identifier: MIT */
/*
 * What a safetensors file's __metadata__ says of the model: the keys of ModelSpec
 * (https://github.com/Stability-AI/ModelSpec) and those of kohya-ss/sd-scripts (ss_…, its library/train_util.py).
 */
#include "format/parts.h"

#include "base/json.h"

#include <string.h>
#include <strings.h>

struct word {
	const char *part, *means;
};

/* What the first word means that `text` has in it, whatever its case; or NULL. Static. */
static const char *first_word(const struct word *words, size_t count, const char *text)
{
	for (size_t i = 0; text && i < count; i++) {
		if (strcasestr(text, words[i].part))
			return words[i].means;
	}
	return NULL;
}
#define FIRST_WORD(words, text) first_word(words, sizeof(words) / sizeof *(words), text)

/* modelspec.architecture ("stable-diffusion-xl-v1-base/lora") and ss_base_model_version ("sdxl_base_v1-0"). */
static const struct word architectures[] = {
    {"xl-v1-refiner", "sdxl-refiner"},
    {"stable-diffusion-xl", "sdxl"},
    {"sdxl", "sdxl"},
    {"stable-diffusion-v3", "sd3"},
    {"stable-diffusion-3", "sd3"},
    {"sd3", "sd3"},
    {"stable-diffusion-v2", "sd2"},
    {"sd_v2", "sd2"},
    {"sd_2", "sd2"},
    {"stable-diffusion-v1", "sd1.5"},
    {"sd_v1", "sd1.5"},
    {"sd_1", "sd1.5"},
    {"stable-video", "svd"},
    {"flux2", "flux2"},
    {"flux.2", "flux2"},
    {"flux-2", "flux2"},
    {"flux", "flux"},
};

static const struct word kinds[] = {
    {"lora", "lora"},
    {"lycoris", "lora"},
    {"textual-inversion", "embedding"},
    {"controlnet", "controlnet"},
    {"control_net", "controlnet"},
    {"/vae", "vae"},
    {"networks.", "lora"}, /* sd-scripts' others: dylora, oft */
};

/* An own word for what is known, else the file's. */
static void tell_architecture(struct ncm_facts *facts, const char *text)
{
	const char *known = FIRST_WORD(architectures, text);

	facts_default(&facts->architecture, known ? known : text);
}

void metadata_tell(const json_t *metadata, struct ncm_facts *facts)
{
	const char *architecture = ncm_json_string(metadata, "modelspec.architecture");

	facts_default(&facts->name, ncm_json_string(metadata, "modelspec.title"));
	facts_default(&facts->name, ncm_json_string(metadata, "ss_output_name"));
	facts_default(&facts->license, ncm_json_string(metadata, "modelspec.license"));
	facts_default(&facts->kind, FIRST_WORD(kinds, architecture));
	facts_default(&facts->kind, FIRST_WORD(kinds, ncm_json_string(metadata, "ss_network_module")));
	tell_architecture(facts, architecture);
	tell_architecture(facts, ncm_json_string(metadata, "ss_base_model_version"));
}
