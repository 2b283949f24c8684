/* SPDX-License-Identifier: MIT */
/* A config.json as transformers writes it (PretrainedConfig and the configuration_*.py of its models). */
#include "inspect/work.h"

#include "base/mem.h"

#include <string.h>

#define OF(member) offsetof(struct ncm_inspection, member)

static const struct {
	const char *key;
	size_t offset;
} numbers[] = {
    {"max_position_embeddings", OF(context_length)},
    {"n_positions", OF(context_length)},
    {"hidden_size", OF(embedding_length)},
    {"n_embd", OF(embedding_length)},
    {"intermediate_size", OF(feed_forward_length)},
    {"vocab_size", OF(vocabulary)},
    {"num_attention_heads", OF(heads)},
    {"n_head", OF(heads)},
    {"num_key_value_heads", OF(kv_heads)},
    {"head_dim", OF(key_length)},
    {"head_dim", OF(value_length)},
    {"sliding_window", OF(sliding_window)},
    {"q_lora_rank", OF(q_lora_rank)},
    {"kv_lora_rank", OF(kv_lora_rank)},
    {"qk_rope_head_dim", OF(rope_dimensions)},
    {"num_experts", OF(experts)},
    {"n_routed_experts", OF(experts)},
    {"num_local_experts", OF(experts)},
    {"num_experts_per_tok", OF(experts_used)},
    {"n_shared_experts", OF(experts_shared)},
    {"moe_intermediate_size", OF(expert_feed_forward_length)},
    {"first_k_dense_replace", OF(leading_dense_layers)},
    {"full_attention_interval", OF(full_attention_interval)},
    {"num_kv_shared_layers", OF(shared_kv_layers)},
    {"num_nextn_predict_layers", OF(nextn_layers)},
};

static void take_numbers(struct ncm_inspection *inspection, const json_t *config)
{
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		uint64_t *member = (uint64_t *)((char *)inspection + numbers[i].offset), number;

		if (*member == 0 && ncm_json_u64(config, numbers[i].key, &number))
			*member = number;
	}
	/* Qwen's say how wide a window would be, and that there is none. */
	if (json_is_false(json_object_get(config, "use_sliding_window")))
		inspection->sliding_window = 0;
	if (inspection->kv_heads == 0)
		inspection->kv_heads = inspection->heads;
}

/* With kv_lora_rank only that and the rotated part of a key are kept (DeepSeek V2's paper, 2.1). */
static void take_mla(struct ncm_inspection *inspection, const json_t *config)
{
	uint64_t nope = 0, rope = 0, value = 0;

	if (inspection->kv_lora_rank == 0 || !ncm_json_u64(config, "qk_nope_head_dim", &nope) ||
	    !ncm_json_u64(config, "qk_rope_head_dim", &rope) || !ncm_json_u64(config, "v_head_dim", &value))
		return;
	inspection->key_length_mla = nope + rope;
	inspection->value_length_mla = value;
	inspection->key_length = inspection->kv_lora_rank + rope;
	inspection->value_length = inspection->kv_lora_rank;
}

static void take_type(struct ncm_layer *layer, const char *type)
{
	if (!type)
		return;
	layer->windowed = strcmp(type, "sliding_attention") == 0 || strcmp(type, "chunked_attention") == 0
			      ? NCM_KNOWN_YES
			      : NCM_KNOWN_NO;
	layer->recurrent =
	    strcmp(type, "linear_attention") == 0 || strcmp(type, "conv") == 0 ? NCM_KNOWN_YES : NCM_KNOWN_NO;
}

static void take_layers(struct ncm_inspection *inspection, const json_t *config)
{
	const json_t *types = json_object_get(config, "layer_types");
	uint64_t count;

	if ((!ncm_json_u64(config, "num_hidden_layers", &count) && !ncm_json_u64(config, "n_layer", &count)) ||
	    count == 0 || count > NCM_METADATA_KEPT || inspection->layers)
		return;
	inspection->layer_count = (size_t)count;
	inspection->layers = ncm_calloc(inspection->layer_count, sizeof *inspection->layers);
	for (size_t i = 0; i < inspection->layer_count; i++) {
		struct ncm_layer *layer = &inspection->layers[i];

		*layer = (struct ncm_layer){.heads = inspection->heads,
					    .kv_heads = inspection->kv_heads,
					    .feed_forward_length = inspection->feed_forward_length};
		take_type(layer, json_string_value(json_array_get(types, i)));
	}
}

void inspect_config(struct ncm_inspection *inspection, const json_t *config)
{
	const json_t *text = json_object_get(config, "text_config");
	const json_t *of = json_is_object(text) ? text : config;

	inspection_set(&inspection->architecture, ncm_json_string(of, "model_type"));
	take_numbers(inspection, of);
	take_mla(inspection, of);
	take_layers(inspection, of);
	(void)ncm_json_u64(of, "sliding_window_pattern", &inspection->window_pattern);
}
