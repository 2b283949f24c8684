/* SPDX-License-Identifier: MIT */
/* Which tensor lies where. As llama.cpp places them: llama-model.cpp, load_tensors. */
#include "fit/fit.h"

#include <stdlib.h>
#include <string.h>

static bool begins(const char *name, const char *with)
{
	return strncmp(name, with, strlen(with)) == 0;
}

/* Eyes and ears inside a model: Ollama's models have them in the same file. */
static bool is_projector(const char *name)
{
	return begins(name, "v.") || begins(name, "mm.") || begins(name, "a.");
}

/* Looked up, not multiplied: they stay where the tokens are. */
static bool is_input(const char *name)
{
	return begins(name, "token_embd") || begins(name, "per_layer_token_embd") || begins(name, "position_embd") ||
	       begins(name, "token_types");
}

static bool is_on_card(const struct ncm_fit_wish *wish, const char *name, size_t count)
{
	if (is_input(name) || (wish->experts_on_host && strstr(name, "_exps")))
		return false;
	return fit_on_card(wish, begins(name, "blk.") ? strtoul(name + 4, NULL, 10) : count - 1, count);
}

static void add(const struct ncm_tensor *tensor, const struct ncm_fit_wish *wish, struct ncm_fit *fit)
{
	struct ncm_fit_parts *place = is_on_card(wish, tensor->name, fit->layers) ? &fit->card : &fit->host;

	if (is_projector(tensor->name))
		fit->card.projector += tensor->bytes;
	else
		place->weights += tensor->bytes;
}

void fit_add_weights(const struct ncm_inspection *model, const struct ncm_fit_wish *wish, struct ncm_fit *fit)
{
	uint64_t embedding = 0;
	bool has_output = false;

	for (size_t i = 0; i < model->tensor_count; i++) {
		const struct ncm_tensor *tensor = &model->tensors[i];

		add(tensor, wish, fit);
		if (strcmp(tensor->name, "token_embd.weight") == 0)
			embedding = tensor->bytes;
		has_output |= strcmp(tensor->name, "output.weight") == 0;
	}
	/* An output that is the embedding is there twice: once to be looked up, once to be multiplied. */
	if (!has_output && !fit_is_encoder(model) && wish->layers > 0)
		fit->card.weights += embedding;
}
