/* SPDX-License-Identifier: MIT */
/*
 * What GGUF's keys say of a language model's shape (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md,
 * llama.cpp's src/llama-arch.cpp).
 */
#include "inspect/work.h"

#include "base/mem.h"

#include <string.h>

#define OF(member) offsetof(struct ncm_inspection, member)

/* Keys of the model's own architecture that are one number. */
static const struct {
	const char *key;
	size_t offset;
} numbers[] = {
    {"context_length", OF(context_length)},
    {"embedding_length", OF(embedding_length)},
    {"vocab_size", OF(vocabulary)},
    {"attention.key_length", OF(key_length)},
    {"attention.value_length", OF(value_length)},
    {"attention.key_length_swa", OF(key_length_swa)},
    {"attention.value_length_swa", OF(value_length_swa)},
    {"attention.sliding_window", OF(sliding_window)},
    {"attention.q_lora_rank", OF(q_lora_rank)},
    {"attention.kv_lora_rank", OF(kv_lora_rank)},
    {"attention.key_length_mla", OF(key_length_mla)},
    {"attention.value_length_mla", OF(value_length_mla)},
    {"rope.dimension_count", OF(rope_dimensions)},
    {"expert_count", OF(experts)},
    {"expert_used_count", OF(experts_used)},
    {"expert_shared_count", OF(experts_shared)},
    {"expert_feed_forward_length", OF(expert_feed_forward_length)},
    {"leading_dense_block_count", OF(leading_dense_layers)},
    {"ssm.conv_kernel", OF(ssm_conv_kernel)},
    {"ssm.inner_size", OF(ssm_inner_size)},
    {"ssm.state_size", OF(ssm_state_size)},
    {"ssm.group_count", OF(ssm_group_count)},
    {"ssm.time_step_rank", OF(ssm_time_step_rank)},
    {"wkv.head_size", OF(wkv_head_size)},
    {"token_shift_count", OF(token_shift_count)},
    {"shortconv.l_cache", OF(shortconv_l_cache)},
    {"full_attention_interval", OF(full_attention_interval)},
    {"attention.shared_kv_layers", OF(shared_kv_layers)},
    {"nextn_predict_layers", OF(nextn_layers)},
};

static void take_numbers(struct ncm_inspection *inspection)
{
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		uint64_t *member = (uint64_t *)((char *)inspection + numbers[i].offset);
		const uint64_t number = ncm_inspection_number(inspection, numbers[i].key);

		*member = number ? number : *member;
	}
}

static void take_text(const struct ncm_inspection *inspection, const char *key, char **text)
{
	const struct ncm_metadata *value = ncm_inspection_find(inspection, key);

	inspection_set(text, value && value->kind == NCM_METADATA_TEXT ? value->text : NULL);
}

static void take_vocabulary(struct ncm_inspection *inspection)
{
	const struct ncm_metadata *tokens = ncm_inspection_find(inspection, "tokenizer.ggml.tokens");

	if (tokens && tokens->count > 0)
		inspection->vocabulary = tokens->count;
}

static void take_pooling(struct ncm_inspection *inspection)
{
	/* llama_pooling_type */
	static const char *const names[] = {"none", "mean", "cls", "last", "rank"};
	uint64_t type;

	if (ncm_metadata_number(ncm_inspection_own(inspection, "pooling_type"), 0, &type) &&
	    type < sizeof names / sizeof *names)
		inspection_set(&inspection->pooling, names[type]);
}

static uint64_t largest(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* A number that each layer has for itself, or all have in common. */
static uint64_t of_layer(const struct ncm_metadata *value, size_t layer, uint64_t otherwise)
{
	uint64_t number;

	return ncm_metadata_number(value, layer, &number) ? number : otherwise;
}

static void take_layers(struct ncm_inspection *inspection)
{
	const struct ncm_metadata *heads = ncm_inspection_own(inspection, "attention.head_count");
	const struct ncm_metadata *kv_heads = ncm_inspection_own(inspection, "attention.head_count_kv");
	const struct ncm_metadata *feed_forward = ncm_inspection_own(inspection, "feed_forward_length");
	const uint64_t count = ncm_inspection_number(inspection, "block_count");

	/* What the metadata's arrays could not tell of is no layer that anybody has. */
	if (count == 0 || count > NCM_METADATA_KEPT || inspection->layers)
		return;
	inspection->layer_count = (size_t)count;
	inspection->layers = ncm_calloc(inspection->layer_count, sizeof *inspection->layers);
	for (size_t i = 0; i < inspection->layer_count; i++) {
		struct ncm_layer *layer = &inspection->layers[i];

		layer->heads = of_layer(heads, i, 0);
		layer->kv_heads = of_layer(kv_heads, i, layer->heads);
		layer->feed_forward_length = of_layer(feed_forward, i, 0);
		inspection->heads = largest(inspection->heads, layer->heads);
		inspection->kv_heads = largest(inspection->kv_heads, layer->kv_heads);
		inspection->feed_forward_length = largest(inspection->feed_forward_length, layer->feed_forward_length);
	}
}

static void derive(uint64_t *length, uint64_t from)
{
	if (*length == 0)
		*length = from;
}

static void derive_lengths(struct ncm_inspection *inspection)
{
	const uint64_t head = inspection->heads > 0 ? inspection->embedding_length / inspection->heads : 0;

	derive(&inspection->key_length, head);
	derive(&inspection->value_length, head);
	derive(&inspection->key_length_swa, inspection->key_length);
	derive(&inspection->value_length_swa, inspection->value_length);
}

void inspect_shape(struct ncm_inspection *inspection)
{
	take_numbers(inspection);
	take_text(inspection, "tokenizer.chat_template", &inspection->chat_template);
	take_text(inspection, "tokenizer.ggml.model", &inspection->tokenizer);
	take_vocabulary(inspection);
	take_pooling(inspection);
	take_layers(inspection);
	derive_lengths(inspection);
}
