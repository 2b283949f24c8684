/* SPDX-License-Identifier: MIT */
/* What each layer keeps. Facts: llama.cpp's src/models/<architecture>.cpp, load_arch_hparams, and llama-hparams.cpp. */
#include "fit/fit.h"

#include "base/mem.h"
#include "base/strings.h"
#include "source/source.h"

#include <string.h>

/* Which layers see the window alone, where the header does not say so for each: every `period`-th sees all, the last
 * of them or the first. */
struct window_habit {
	const char *architecture;
	unsigned period; /* 0: all layers are windowed; 1: none is */
	bool dense_first;
	unsigned window; /* where the header has none */
	unsigned layers; /* only models with so many have windows; 0: all */
};

static const struct window_habit habits[] = {
    {"gemma2", 2, false, 4096, 0},      {"gemma3", 6, false, 0, 0},    {"gemma-embedding", 6, false, 0, 0},
    {"gemma3n", 5, false, 0, 0},        {"cohere2", 4, false, 0, 0},   {"cohere2moe", 4, false, 0, 0},
    {"exaone4", 4, false, 4096, 64},    {"olmo2", 4, false, 0, 0},     {"afmoe", 4, false, 0, 0},
    {"gpt-oss", 2, false, 0, 0},        {"llama4", 4, false, 8192, 0}, {"plamo3", 8, false, 0, 0},
    {"smallthinker", 4, true, 4096, 0}, {"laguna", 4, true, 0, 0},     {"modern-bert", 3, true, 0, 0},
    {"exaone-moe", 4, false, 128, 0},   {"phi3", 1, false, 0, 0},      {"deepseek4", 0, false, 0, 0},
};

static const char *const encoders[] = {"bert",     "jina-bert-v2", "jina-bert-v3", "nomic-bert", "nomic-bert-moe",
				       "neo-bert", "eurobert",     "modern-bert",  "t5encoder",  "gemma-embedding",
				       "dream",    "llada",        "llada-moe",    "rnd1",       NULL};
static const char *const recurrent_throughout[] = {"mamba", "mamba2", "rwkv6", "rwkv7", "arwkv7", "rwkv6qwen2", NULL};
/* Which Ollama runs by its own programs; the others it gives to llama.cpp, and lets it keep the whole context; its
 * version of it keeps values beside latent keys, too. */
static const char *const ollamas_own[] = {"gemma3", "gemma3n", "gemma-embedding", "gpt-oss", "gptoss", "llama4", NULL};
/* Of which more is kept than is counted here. */
static const char *const more_kept[] = {"deepseek4", "dflash", "minimax-m3", "hy-v4", "dots3note", "qwen4exp", NULL};

bool fit_is_encoder(const struct ncm_inspection *model)
{
	return ncm_is_among(model->architecture, encoders);
}

void ncm_fit_wish_for(const struct ncm_inspection *model, const char *uri, struct ncm_fit_wish *wish)
{
	if (!uri || !ncm_source_gives_blobs(uri) || ncm_is_among(model->architecture, ollamas_own))
		return;
	wish->swa_full = true;
	wish->latent_values = true;
}

static const struct window_habit *habit_of(const struct ncm_inspection *model)
{
	static const struct window_habit none = {NULL, 1, false, 0, 0};

	for (size_t i = 0; model->architecture && i < sizeof habits / sizeof *habits; i++) {
		if (strcmp(model->architecture, habits[i].architecture) != 0)
			continue;
		/* of the EXAONE 4 models the largest alone has windows */
		return habits[i].layers == 0 || habits[i].layers == model->layer_count ? &habits[i] : &none;
	}
	return NULL;
}

static bool is_windowed_by_habit(const struct window_habit *habit, size_t layer)
{
	if (habit->period == 0)
		return true;
	return habit->dense_first ? layer % habit->period != 0 : layer % habit->period < habit->period - 1;
}

/* Of F32 elements, as llama_hparams::n_embd_r and n_embd_s have them. */
static uint64_t state_elements(const struct ncm_inspection *model)
{
	const uint64_t head = ncm_inspection_number(model, "kda.head_dim");
	const uint64_t conv = model->ssm_conv_kernel > 0 ? model->ssm_conv_kernel - 1 : 0;

	if (model->wkv_head_size > 0) {
		const uint64_t shifts = model->token_shift_count > 0 ? model->token_shift_count : 2;

		return shifts * model->embedding_length + model->embedding_length * model->wkv_head_size;
	}
	if (model->shortconv_l_cache > 0)
		return model->embedding_length * (model->shortconv_l_cache - 1);
	if (head > 0)
		return 3 * (conv > 0 ? conv : 3) * model->heads * head + head * head * model->heads;
	return conv * (model->ssm_inner_size + 2 * model->ssm_group_count * model->ssm_state_size) +
	       model->ssm_state_size * model->ssm_inner_size;
}

static bool is_recurrent(const struct ncm_inspection *model, size_t layer)
{
	const struct ncm_layer *told = &model->layers[layer];

	if (ncm_is_among(model->architecture, recurrent_throughout))
		return true;
	if (told->recurrent != NCM_NOT_KNOWN)
		return told->recurrent == NCM_KNOWN_YES;
	if (model->full_attention_interval > 0)
		return (layer + 1) % model->full_attention_interval != 0;
	/* nemotron's layers are one of three: attention, state, or a feed-forward network alone */
	if (model->architecture && strncmp(model->architecture, "nemotron_h", 10) == 0 && told->feed_forward_length > 0)
		return false;
	return told->kv_heads == 0 && state_elements(model) > 0;
}

static bool has_both(const struct ncm_inspection *model)
{
	return model->architecture && strcmp(model->architecture, "falcon-h1") == 0;
}

static bool uses_anothers_kv(const struct ncm_inspection *model, size_t layer)
{
	if (model->layers[layer].shares_kv != NCM_NOT_KNOWN)
		return model->layers[layer].shares_kv == NCM_KNOWN_YES;
	if (model->architecture && strcmp(model->architecture, "gemma3n") == 0)
		return layer >= 20;
	return model->shared_kv_layers > 0 && model->shared_kv_layers >= model->layer_count - layer;
}

static bool is_windowed(const struct ncm_inspection *model, const struct fit_shape *shape, size_t layer, bool *assumed)
{
	const struct window_habit *habit = habit_of(model);

	if (shape->window == 0 || model->nextn_layers >= model->layer_count - layer)
		return false;
	if (model->layers[layer].windowed != NCM_NOT_KNOWN)
		return model->layers[layer].windowed == NCM_KNOWN_YES;
	if (habit)
		return is_windowed_by_habit(habit, layer);
	*assumed = true;
	return false;
}

static void read_attention(const struct ncm_inspection *model, const struct ncm_fit_wish *wish, size_t layer,
			   struct fit_layer *keeps)
{
	const bool is_mla = model->key_length_mla > 0 && model->value_length_mla > 0;
	const uint64_t heads = model->layers[layer].kv_heads;
	const uint64_t key = keeps->windowed && model->key_length_swa ? model->key_length_swa : model->key_length;
	const uint64_t value =
	    keeps->windowed && model->value_length_swa ? model->value_length_swa : model->value_length;

	keeps->key_width = heads * key;
	keeps->value_width = is_mla && !wish->latent_values ? 0 : heads * value;
	if (model->architecture &&
	    (strcmp(model->architecture, "deepseek32") == 0 || strcmp(model->architecture, "glm-dsa") == 0))
		keeps->indexer_width = ncm_inspection_number(model, "attention.indexer.key_length");
}

static void read_layer(const struct ncm_inspection *model, const struct ncm_fit_wish *wish, size_t layer,
		       struct fit_shape *shape, bool *assumed)
{
	struct fit_layer *keeps = &shape->layers[layer];
	const bool recurrent = is_recurrent(model, layer);

	if (recurrent || has_both(model))
		keeps->state = state_elements(model) * sizeof(float);
	if ((recurrent && !has_both(model)) || uses_anothers_kv(model, layer))
		return;
	keeps->windowed = is_windowed(model, shape, layer, assumed);
	read_attention(model, wish, layer, keeps);
	if (keeps->value_width > shape->widest_value)
		shape->widest_value = keeps->value_width;
}

void fit_shape_read(const struct ncm_inspection *model, const struct ncm_fit_wish *wish, struct fit_shape *shape,
		    struct ncm_strings *remarks)
{
	const struct window_habit *habit = habit_of(model);
	bool assumed = false;

	*shape = (struct fit_shape){.window = model->sliding_window};
	if (habit && (shape->window == 0 || habit->period == 1))
		shape->window = habit->window;
	if (fit_is_encoder(model) || model->layer_count == 0)
		return;
	shape->count = model->layer_count;
	shape->layers = ncm_calloc(shape->count, sizeof *shape->layers);
	for (size_t i = 0; i < shape->count; i++)
		read_layer(model, wish, i, shape, &assumed);
	if (assumed)
		ncm_strings_add(remarks, "which layers see the sliding window alone is not known: all are counted as "
					 "seeing everything, so it may need less");
	if (ncm_is_among(model->architecture, more_kept))
		ncm_strings_add(remarks, "this architecture keeps more between tokens than is counted here");
}

void fit_shape_clear(struct fit_shape *shape)
{
	free(shape->layers);
	*shape = (struct fit_shape){0};
}
