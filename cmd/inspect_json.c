/* SPDX-License-Identifier: MIT */
/* An inspection for programs: what is not known is null. */
#include "inspect_json.h"

#include "ui/fields.h"

#include <math.h>

#define OF(field) .offset = offsetof(struct ncm_inspection, field)

static const struct field identity[] = {
    {"location", FIELD_TEXT, OF(location)},
    {"name", FIELD_TEXT, OF(name)},
    {"architecture", FIELD_TEXT, OF(architecture)},
    {"kind", FIELD_TEXT, OF(kind)},
    {"license", FIELD_TEXT, OF(license)},
    {"quantization", FIELD_TEXT, OF(quantization)},
    {"parameters", FIELD_TEXT, OF(parameters)},
    {"chat_template", FIELD_TEXT, OF(chat_template)},
    {"tokenizer", FIELD_TEXT, OF(tokenizer)},
    {"pooling", FIELD_TEXT, OF(pooling)},
    {"size", FIELD_BYTES, OF(size)},
    {"fetched", FIELD_BYTES, OF(fetched)},
    {"weight_bytes", FIELD_BYTES, OF(weight_bytes)},
    {"weights_are_whole", FIELD_FLAG, OF(weights_are_whole)},
    {.key = NULL},
};

/* Numbers that are not known are 0, and here null. */
static const struct {
	const char *key;
	size_t offset;
} shape[] = {
    {"parameter_count", OF(parameter_count)},
    {"active_parameters", OF(active_parameters)},
    {"context_length", OF(context_length)},
    {"embedding_length", OF(embedding_length)},
    {"feed_forward_length", OF(feed_forward_length)},
    {"vocabulary", OF(vocabulary)},
    {"heads", OF(heads)},
    {"kv_heads", OF(kv_heads)},
    {"key_length", OF(key_length)},
    {"value_length", OF(value_length)},
    {"key_length_swa", OF(key_length_swa)},
    {"value_length_swa", OF(value_length_swa)},
    {"sliding_window", OF(sliding_window)},
    {"window_pattern", OF(window_pattern)},
    {"q_lora_rank", OF(q_lora_rank)},
    {"kv_lora_rank", OF(kv_lora_rank)},
    {"key_length_mla", OF(key_length_mla)},
    {"value_length_mla", OF(value_length_mla)},
    {"rope_dimensions", OF(rope_dimensions)},
    {"experts", OF(experts)},
    {"experts_used", OF(experts_used)},
    {"experts_shared", OF(experts_shared)},
    {"expert_feed_forward_length", OF(expert_feed_forward_length)},
    {"leading_dense_layers", OF(leading_dense_layers)},
    {"ssm_conv_kernel", OF(ssm_conv_kernel)},
    {"ssm_inner_size", OF(ssm_inner_size)},
    {"ssm_state_size", OF(ssm_state_size)},
    {"ssm_group_count", OF(ssm_group_count)},
    {"ssm_time_step_rank", OF(ssm_time_step_rank)},
    {"wkv_head_size", OF(wkv_head_size)},
    {"token_shift_count", OF(token_shift_count)},
    {"shortconv_l_cache", OF(shortconv_l_cache)},
    {"full_attention_interval", OF(full_attention_interval)},
    {"shared_kv_layers", OF(shared_kv_layers)},
    {"nextn_layers", OF(nextn_layers)},
};

static json_t *number_or_null(uint64_t number)
{
	return number > 0 ? json_number(number) : json_null();
}

static json_t *known_json(enum ncm_known known)
{
	return known == NCM_NOT_KNOWN ? json_null() : json_boolean(known == NCM_KNOWN_YES);
}

static void put_shape(json_t *object, const struct ncm_inspection *inspection)
{
	for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
		json_put(object, shape[i].key,
			 number_or_null(*(const uint64_t *)((const char *)inspection + shape[i].offset)));
}

static json_t *file_json(const struct ncm_inspected_file *file)
{
	json_t *object = json_object();

	json_put_text(object, "name", file->name);
	json_put_text(object, "role", file->role);
	json_put_text(object, "format", file->format);
	json_put(object, "version", number_or_null(file->version));
	json_put_flag(object, "big_endian", file->big_endian);
	json_put_text(object, "state", ncm_inspected_state_name(file->state));
	json_put_text(object, "fault", file->fault);
	json_put_number(object, "size", file->size);
	json_put_number(object, "header", file->header);
	json_put_number(object, "fetched", file->fetched);
	json_put_number(object, "tensor_count", file->tensor_count);
	return object;
}

static json_t *layer_json(const struct ncm_layer *layer)
{
	json_t *object = json_object();

	json_put_number(object, "heads", layer->heads);
	json_put_number(object, "kv_heads", layer->kv_heads);
	json_put_number(object, "feed_forward_length", layer->feed_forward_length);
	json_put(object, "windowed", known_json(layer->windowed));
	json_put(object, "recurrent", known_json(layer->recurrent));
	json_put(object, "shares_kv", known_json(layer->shares_kv));
	return object;
}

static json_t *real_json(double real)
{
	return isfinite(real) ? json_real(real) : json_null();
}

static json_t *numbers_json(const struct ncm_metadata *value)
{
	json_t *array;

	if (!value->numbers)
		return json_null();
	array = json_array();
	for (uint64_t i = 0; i < value->count; i++) {
		const double number = value->numbers[i];
		const bool whole = value->type[0] != 'f' && fabs(number) < 0x1p53;

		json_push(array, whole ? json_integer((json_int_t)number) : real_json(number));
	}
	return array;
}

static json_t *value_json(const struct ncm_metadata *value)
{
	switch (value->kind) {
	case NCM_METADATA_UNSIGNED:
		return json_number(value->whole);
	case NCM_METADATA_SIGNED:
		return json_integer(value->below_zero);
	case NCM_METADATA_REAL:
		return real_json(value->real);
	case NCM_METADATA_FLAG:
		return json_boolean(value->whole);
	case NCM_METADATA_TEXT:
		return json_text(value->text);
	case NCM_METADATA_NUMBERS:
		return numbers_json(value);
	case NCM_METADATA_TEXTS:
	case NCM_METADATA_ARRAYS:
		break;
	}
	return json_null();
}

static bool is_array(const struct ncm_metadata *value)
{
	return value->kind == NCM_METADATA_NUMBERS || value->kind == NCM_METADATA_TEXTS ||
	       value->kind == NCM_METADATA_ARRAYS;
}

static json_t *metadata_json(const struct ncm_metadata *value)
{
	json_t *object = json_object();

	json_put_text(object, "key", value->key);
	json_put_text(object, "type", value->type);
	json_put(object, "count", is_array(value) ? json_number(value->count) : json_null());
	json_put(object, "value", value_json(value));
	return object;
}

static json_t *tensor_json(const struct ncm_inspection *inspection, const struct ncm_tensor *tensor)
{
	json_t *object = json_object(), *dimensions = json_array();

	for (size_t i = 0; i < tensor->dimension_count; i++)
		json_push(dimensions, json_number(tensor->dimensions[i]));
	json_put_text(object, "name", tensor->name);
	json_put_text(object, "dtype", tensor->dtype);
	json_put(object, "dimensions", dimensions);
	json_put_number(object, "elements", tensor->elements);
	json_put(object, "bytes",
		 tensor->bytes == 0 && tensor->elements > 0 ? json_null() : json_number(tensor->bytes));
	json_put(object, "offset", number_or_null(tensor->offset));
	json_put_text(object, "file", inspection->files[tensor->file].name);
	return object;
}

static json_t *projector_json(const struct ncm_projector *projector)
{
	json_t *object = json_object();

	json_put_text(object, "type", projector->type);
	json_put(object, "vision", known_json(projector->vision));
	json_put(object, "audio", known_json(projector->audio));
	json_put(object, "image_size", number_or_null(projector->image_size));
	json_put(object, "patch_size", number_or_null(projector->patch_size));
	json_put(object, "embedding_length", number_or_null(projector->embedding_length));
	json_put(object, "feed_forward_length", number_or_null(projector->feed_forward_length));
	json_put(object, "layers", number_or_null(projector->layers));
	json_put(object, "heads", number_or_null(projector->heads));
	json_put(object, "projection_dim", number_or_null(projector->projection_dim));
	json_put(object, "merge_size", number_or_null(projector->merge_size));
	json_put(object, "scale_factor",
		 projector->scale_factor > 0 ? real_json(projector->scale_factor) : json_null());
	json_put(object, "audio_embedding_length", number_or_null(projector->audio_embedding_length));
	json_put(object, "audio_layers", number_or_null(projector->audio_layers));
	json_put(object, "audio_heads", number_or_null(projector->audio_heads));
	json_put(object, "mel_bins", number_or_null(projector->mel_bins));
	return object;
}

static json_t *diffusion_json(const struct ncm_inspection *inspection)
{
	json_t *object;

	if (!inspection->diffusion_role)
		return json_null();
	object = json_object();
	json_put_text(object, "family", inspection->diffusion_family);
	json_put_text(object, "role", inspection->diffusion_role);
	json_put(object, "inpainting", known_json(inspection->inpainting));
	return object;
}

static json_t *pickle_json(const struct ncm_inspection *inspection)
{
	json_t *object;

	if (inspection->imports.count == 0 && inspection->pickle_is_plain == NCM_NOT_KNOWN)
		return json_null();
	object = json_object();
	json_put(object, "plain", known_json(inspection->pickle_is_plain));
	json_put(object, "imports", json_words(&inspection->imports));
	json_put(object, "unsafe_imports", json_words(&inspection->unsafe_imports));
	return object;
}

static void put_lists(json_t *object, const struct ncm_inspection *inspection)
{
	json_t *files = json_array(), *layers = json_array(), *metadata = json_array(), *tensors = json_array();

	for (size_t i = 0; i < inspection->file_count; i++)
		json_push(files, file_json(&inspection->files[i]));
	for (size_t i = 0; i < inspection->layer_count; i++)
		json_push(layers, layer_json(&inspection->layers[i]));
	for (size_t i = 0; i < inspection->metadata_count; i++)
		json_push(metadata, metadata_json(&inspection->metadata[i]));
	for (size_t i = 0; i < inspection->tensor_count; i++)
		json_push(tensors, tensor_json(inspection, &inspection->tensors[i]));
	json_put(object, "files", files);
	json_put(object, "layers", layers);
	json_put(object, "metadata", metadata);
	json_put(object, "tensors", tensors);
}

json_t *inspection_json(const struct ncm_inspection *inspection)
{
	json_t *object = fields_object(identity, inspection);

	json_put_text(object, "format", inspection->format);
	json_put_text(object, "state", ncm_inspected_state_name(inspection->state));
	put_shape(object, inspection);
	json_put_flag(object, "window_is_dense_first", inspection->window_pattern_is_dense_first);
	json_put(object, "projector", inspection->has_projector ? projector_json(&inspection->projector) : json_null());
	json_put(object, "diffusion", diffusion_json(inspection));
	json_put(object, "pickle", pickle_json(inspection));
	put_lists(object, inspection);
	return object;
}
