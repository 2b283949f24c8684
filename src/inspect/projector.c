/* SPDX-License-Identifier: MIT */
/* A projector's keys (llama.cpp's tools/mtmd/clip-impl.h), in a file of its own or in a model's (Ollama). */
#include "inspect/work.h"

static uint64_t number(const struct ncm_inspection *inspection, const char *key)
{
	uint64_t value;

	return ncm_metadata_number(ncm_inspection_find(inspection, key), 0, &value) ? value : 0;
}

static enum ncm_known flag(const struct ncm_inspection *inspection, const char *key)
{
	const struct ncm_metadata *value = ncm_inspection_find(inspection, key);

	if (!value || value->kind != NCM_METADATA_FLAG)
		return NCM_NOT_KNOWN;
	return value->whole ? NCM_KNOWN_YES : NCM_KNOWN_NO;
}

static void take_numbers(const struct ncm_inspection *inspection, struct ncm_projector *projector)
{
	const struct {
		const char *key;
		uint64_t *number;
	} numbers[] = {
	    {"clip.vision.image_size", &projector->image_size},
	    {"clip.vision.patch_size", &projector->patch_size},
	    {"clip.vision.embedding_length", &projector->embedding_length},
	    {"clip.vision.feed_forward_length", &projector->feed_forward_length},
	    {"clip.vision.block_count", &projector->layers},
	    {"clip.vision.attention.head_count", &projector->heads},
	    {"clip.vision.projection_dim", &projector->projection_dim},
	    {"clip.vision.spatial_merge_size", &projector->merge_size},
	    {"clip.audio.embedding_length", &projector->audio_embedding_length},
	    {"clip.audio.block_count", &projector->audio_layers},
	    {"clip.audio.attention.head_count", &projector->audio_heads},
	    {"clip.audio.num_mel_bins", &projector->mel_bins},
	};

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		*numbers[i].number = number(inspection, numbers[i].key);
}

static void take_scale(const struct ncm_inspection *inspection, struct ncm_projector *projector)
{
	const struct ncm_metadata *scale = ncm_inspection_find(inspection, "clip.vision.projector.scale_factor");

	if (scale && scale->kind == NCM_METADATA_REAL)
		projector->scale_factor = scale->real;
	else
		projector->scale_factor = (double)number(inspection, "clip.vision.projector.scale_factor");
}

void inspect_projector(struct ncm_inspection *inspection)
{
	static const char *const types[] = {"clip.projector_type", "clip.vision.projector_type",
					    "clip.audio.projector_type"};
	struct ncm_projector *projector = &inspection->projector;

	take_numbers(inspection, projector);
	take_scale(inspection, projector);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		const struct ncm_metadata *type = ncm_inspection_find(inspection, types[i]);

		inspection_set(&projector->type, type && type->kind == NCM_METADATA_TEXT ? type->text : NULL);
	}
	projector->vision = flag(inspection, "clip.has_vision_encoder");
	projector->audio = flag(inspection, "clip.has_audio_encoder");
	inspection->has_projector = projector->type || projector->layers > 0 || projector->audio_layers > 0;
}
