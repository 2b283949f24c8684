/* SPDX-License-Identifier: MIT */
/*
 * Whether a header's numbers are some that a model can have: whoever made the file chose them, and sums of them must
 * not run over into small ones that fit. Doubles do not run over.
 */
#include "fit/fit.h"

static const double MEMORY_MOST = 0x1p58; /* bytes; the sums have 64 bits */

static double most(double a, double b)
{
	return a > b ? a : b;
}

static double attention_width(const struct ncm_inspection *model)
{
	const double key = most((double)model->key_length, (double)model->key_length_swa);
	const double value = most((double)model->value_length, (double)model->value_length_swa);

	return ((double)model->heads + (double)model->kv_heads) * (key + value) +
	       (double)model->heads * ((double)model->key_length_mla + (double)model->value_length_mla) +
	       (double)ncm_inspection_number(model, "attention.indexer.key_length");
}

/* No less than a layer's state can be by any of the formulas. */
static double state_width(const struct ncm_inspection *model)
{
	const double head = (double)ncm_inspection_number(model, "kda.head_dim"), heads = (double)model->heads;
	const double conv = (double)model->ssm_conv_kernel + 3, state = (double)model->ssm_state_size;
	const double inner = (double)model->ssm_inner_size;

	return (double)model->embedding_length * ((double)model->token_shift_count + 2 + (double)model->wkv_head_size +
						  (double)model->shortconv_l_cache) +
	       (3 * conv + head) * head * heads + conv * (inner + 2 * (double)model->ssm_group_count * state) +
	       state * inner;
}

static double network_width(const struct ncm_inspection *model)
{
	const double embedding = (double)model->embedding_length;

	return 2 * (double)model->feed_forward_length +
	       (double)model->experts_used * (2 * (double)model->expert_feed_forward_length + embedding) +
	       4 * (double)model->ssm_inner_size + 2 * (double)model->ssm_group_count * (double)model->ssm_state_size +
	       4 * embedding + 2 * (double)model->vocabulary;
}

static double positions_of(const struct ncm_projector *eye)
{
	const double side = eye->patch_size > 0 ? (double)eye->image_size / (double)eye->patch_size : 0;

	return side * side;
}

static double projector_most(const struct ncm_projector *eye)
{
	const double positions = positions_of(eye);

	return positions * positions * ((double)eye->heads + 1) * sizeof(float);
}

bool fit_is_sane(const struct ncm_inspection *model, const struct ncm_inspection *projector,
		 const struct ncm_fit_wish *wish)
{
	const double batch = wish->batch, sequences = wish->sequences;
	const double cells = (double)wish->context + batch + 256, layers = (double)model->layer_count + 1;
	const double kept = sequences * layers * (cells * attention_width(model) + state_width(model));
	const double moment =
	    batch * (attention_width(model) + network_width(model) + cells * ((double)model->heads + 2));
	const double handed_out = sequences * ((double)model->vocabulary + (double)model->embedding_length);

	if (model->layer_count == 0 && ncm_inspection_number(model, "block_count") > 0)
		return false;
	if (model->embedding_length > 0 && model->heads > model->embedding_length)
		return false;
	return (kept + moment + handed_out) * sizeof(float) +
		   projector_most(projector ? &projector->projector : &model->projector) + (double)model->weight_bytes <
	       MEMORY_MOST;
}
