/* SPDX-License-Identifier: MIT */
/*
 * What the computation takes besides weights and KV. llama.cpp lays its graph out once, for a whole batch; the largest
 * of three moments decides: the attention of a layer, its feed-forward network, and the logits at the end. A hole that
 * none of the later tensors fits into may come on top: that is in the error.
 */
#include "fit/fit.h"

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

struct moment {
	uint64_t tokens; /* of a batch */
	uint64_t cells;  /* that one token sees */
	uint64_t row;    /* of activations, of the whole batch */
	uint64_t masks;
};

/* One for the layers that see all, one for those that see a window. */
static uint64_t masks_of(const struct ncm_inspection *model, const struct fit_shape *shape,
			 const struct ncm_fit_wish *wish, const struct moment *at)
{
	bool all = fit_is_encoder(model), windowed = false;

	for (size_t i = 0; i < shape->count; i++) {
		const struct fit_layer *layer = &shape->layers[i];

		all |= layer->key_width > 0 && !layer->windowed;
		windowed |= layer->windowed;
	}
	return ((all ? at->cells : 0) + (windowed ? fit_window_cells(wish, shape->window) : 0)) * at->tokens *
	       (wish->flash ? 2 : sizeof(float));
}

static uint64_t attention(const struct ncm_inspection *model, const struct ncm_fit_wish *wish, const struct moment *at)
{
	const uint64_t scores = wish->flash ? 0 : at->cells * model->heads;
	const uint64_t queries = model->heads * (model->key_length + model->value_length);
	const uint64_t own = model->kv_heads * (model->key_length + model->value_length);
	/* MLA's queries and results are there in their long form, too */
	const uint64_t longer = model->heads * (model->key_length_mla + model->value_length_mla);

	return at->tokens * sizeof(float) * (scores + queries + own + longer);
}

static uint64_t network(const struct ncm_inspection *model, const struct moment *at)
{
	const uint64_t dense = (fit_is_encoder(model) ? 1 : 2) * model->feed_forward_length;
	const uint64_t experts =
	    model->experts_used * (2 * model->expert_feed_forward_length + model->embedding_length);
	const uint64_t recurrent = 4 * model->ssm_inner_size + 2 * model->ssm_group_count * model->ssm_state_size;

	return at->tokens * sizeof(float) * most(recurrent, most(dense, experts));
}

static struct moment moment_of(const struct ncm_inspection *model, const struct fit_shape *shape,
			       const struct ncm_fit_wish *wish)
{
	const uint64_t batch = wish->batch < wish->context ? wish->batch : wish->context;
	struct moment at = {.tokens = batch, .cells = fit_is_encoder(model) ? batch : fit_cells(wish)};

	at.row = batch * model->embedding_length * sizeof(float);
	at.masks = masks_of(model, shape, wish, &at);
	return at;
}

/* Where the output is not on the card, neither are the logits. */
void fit_add_buffers(const struct ncm_inspection *model, const struct fit_shape *shape, const struct ncm_fit_wish *wish,
		     struct ncm_fit *fit)
{
	const struct moment at = moment_of(model, shape, wish);
	const bool encodes = fit_is_encoder(model);
	const uint64_t layer = at.masks + (encodes ? 2 : 3) * at.row +
			       most(model->heads ? attention(model, wish, &at) : 0, network(model, &at));
	const uint64_t logits = encodes ? 0 : model->vocabulary * at.tokens * sizeof(float);
	const uint64_t compute = most(layer, logits + 2 * at.row);
	const uint64_t hole = logits > at.masks ? at.masks : logits;
	/* llama.cpp as Ollama 0.17 has it keeps the masks in F32 beside their F16 copies */
	const uint64_t longer_masks = wish->flash ? 2 * at.masks : 0;

	fit->host.output +=
	    wish->sequences * sizeof(float) * (model->vocabulary + (encodes ? model->embedding_length : 0));
	if (wish->layers == 0) {
		fit->host.compute += compute;
		return;
	}
	fit->card.compute += compute;
	fit->host.compute += at.masks + 2 * at.row;
	fit->card.driver += (uint64_t)FIT_DRIVER_MIB * FIT_MIB;
	fit->error += compute * FIT_COMPUTE_ERROR / 100 + hole + longer_masks + 2 * at.row +
		      (uint64_t)FIT_DRIVER_ERROR_MIB * FIT_MIB;
}
