/* SPDX-License-Identifier: MIT */
/*
 * Which layers keep what: sliding windows, recurrent states, KV of layers before. What a file does not tell, the
 * architecture does (llama.cpp's src/llama-model.cpp, load_hparams, and src/llama-hparams.cpp, set_swa_pattern).
 */
#include "inspect/work.h"

#include <string.h>

/* Every n-th layer sees all, the others the window: the last of the n, or the first. 1: none sees a window. */
static const struct {
	const char *architecture;
	uint64_t pattern;
	bool dense_first;
	uint64_t window; /* unless the file says another */
} windows[] = {
    {"gemma2", 2, false, 4096}, {"gemma3", 6, false, 0},     {"gemma-embedding", 6, false, 0},
    {"gemma3n", 5, false, 0},   {"cohere2", 4, false, 0},    {"exaone4", 4, false, 0},
    {"olmo2", 4, false, 0},     {"afmoe", 4, false, 0},      {"gpt-oss", 2, false, 0},
    {"llama4", 4, false, 8192}, {"plamo3", 8, false, 0},     {"smallthinker", 4, true, 0},
    {"laguna", 4, true, 0},     {"modern-bert", 3, true, 0}, {"phi3", 1, false, 0},
};

static const char *const recurrent[] = {"mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"};

static bool is_architecture(const struct ncm_inspection *inspection, const char *name)
{
	return inspection->architecture && strcmp(inspection->architecture, name) == 0;
}

static bool is_windowed(const struct ncm_inspection *inspection, size_t layer)
{
	const uint64_t n = inspection->window_pattern;

	return inspection->window_pattern_is_dense_first ? layer % n != 0 : layer % n < n - 1;
}

static void take_pattern(struct ncm_inspection *inspection)
{
	uint64_t told;

	for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
		if (!is_architecture(inspection, windows[i].architecture))
			continue;
		inspection->window_pattern = windows[i].pattern;
		inspection->window_pattern_is_dense_first = windows[i].dense_first;
		if (inspection->sliding_window == 0)
			inspection->sliding_window = windows[i].window;
	}
	told = ncm_inspection_number(inspection, "attention.sliding_window_pattern");
	if (told > 0 &&
	    ncm_inspection_own(inspection, "attention.sliding_window_pattern")->kind == NCM_METADATA_UNSIGNED)
		inspection->window_pattern = told;
}

/* An array that says it of each layer is the file's own word. */
static enum ncm_known windowed_by_array(const struct ncm_metadata *array, size_t layer)
{
	uint64_t flag;

	if (!array || array->kind != NCM_METADATA_NUMBERS || !ncm_metadata_number(array, layer, &flag))
		return NCM_NOT_KNOWN;
	return flag ? NCM_KNOWN_YES : NCM_KNOWN_NO;
}

static void take_windows(struct ncm_inspection *inspection)
{
	const struct ncm_metadata *array = ncm_inspection_own(inspection, "attention.sliding_window_pattern");

	if (array && array->kind == NCM_METADATA_NUMBERS)
		inspection->window_pattern = 0;
	for (size_t i = 0; i < inspection->layer_count; i++) {
		struct ncm_layer *layer = &inspection->layers[i];

		if (layer->windowed != NCM_NOT_KNOWN)
			continue;
		layer->windowed = windowed_by_array(array, i);
		if (inspection->sliding_window == 0)
			layer->windowed = NCM_KNOWN_NO;
		else if (layer->windowed == NCM_NOT_KNOWN && inspection->window_pattern > 0)
			layer->windowed = is_windowed(inspection, i) ? NCM_KNOWN_YES : NCM_KNOWN_NO;
	}
}

static bool is_all_recurrent(const struct ncm_inspection *inspection)
{
	for (size_t i = 0; i < sizeof recurrent / sizeof *recurrent; i++) {
		if (is_architecture(inspection, recurrent[i]))
			return true;
	}
	return false;
}

/* A hybrid's layer that does not attend has a state, unless it is a feed-forward layer of its own (nemotron_h). */
static bool is_recurrent(const struct ncm_inspection *inspection, size_t index)
{
	const struct ncm_layer *layer = &inspection->layers[index];
	const bool has_state =
	    inspection->ssm_state_size > 0 || inspection->shortconv_l_cache > 0 || inspection->wkv_head_size > 0;

	if (is_all_recurrent(inspection) || (has_state && is_architecture(inspection, "falcon-h1")))
		return true;
	if (inspection->full_attention_interval > 0)
		return (index + 1) % inspection->full_attention_interval != 0;
	return has_state && layer->kv_heads == 0 &&
	       !(is_architecture(inspection, "nemotron_h") && layer->feed_forward_length > 0);
}

static bool shares_kv(const struct ncm_inspection *inspection, size_t index)
{
	enum { GEMMA3N_OWN = 20 }; /* layers with KV of their own */

	if (inspection->shared_kv_layers > 0)
		return index + inspection->shared_kv_layers >= inspection->layer_count;
	return is_architecture(inspection, "gemma3n") && index >= GEMMA3N_OWN;
}

void inspect_layers(struct ncm_inspection *inspection)
{
	if (inspection->full_attention_interval == 0 &&
	    (is_architecture(inspection, "qwen3next") || is_architecture(inspection, "qwen35") ||
	     is_architecture(inspection, "qwen35moe")))
		inspection->full_attention_interval = 4;
	take_pattern(inspection);
	take_windows(inspection);
	for (size_t i = 0; i < inspection->layer_count; i++) {
		struct ncm_layer *layer = &inspection->layers[i];

		if (layer->recurrent == NCM_NOT_KNOWN)
			layer->recurrent = is_recurrent(inspection, i) ? NCM_KNOWN_YES : NCM_KNOWN_NO;
		if (layer->recurrent == NCM_KNOWN_YES && !is_architecture(inspection, "falcon-h1"))
			layer->kv_heads = 0;
		layer->shares_kv = shares_kv(inspection, i) ? NCM_KNOWN_YES : NCM_KNOWN_NO;
	}
}
