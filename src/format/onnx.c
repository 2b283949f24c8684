/* SPDX-License-Identifier: MIT */
/*
 * ONNX: a protobuf (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto; the wire format is that of
 * https://protobuf.dev/programming-guides/encoding/). Read are a model's metadata and the initializers of its graph;
 * all else is passed over without being read.
 */
#include "format/parts.h"

#include "base/mem.h"

#include <string.h>

enum wire { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5 };
enum {
	MOST_FIELDS = 1 << 22,
	MOST_TEXT = 4096,
	FAR_JUMPS = 16, /* over data that are not here; each costs a request */
	FAR = 64 << 10,
};

struct onnx {
	struct header *header;
	struct ncm_contents *contents;
	size_t fields;
	size_t jumps;
};

struct field {
	unsigned number;
	enum wire wire;
	uint64_t value; /* of a varint; else the length of what follows */
	uint64_t end;   /* where it is over */
};

static bool broken(struct onnx *onnx)
{
	return facts_fault(onnx->header->facts, NCM_BROKEN, "it is no well made protobuf, from byte %llu on",
			   (unsigned long long)onnx->header->at);
}

static bool take_varint(struct onnx *onnx, uint64_t *number)
{
	unsigned char byte;

	*number = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (!header_take(onnx->header, &byte, 1))
			return false;
		*number |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return broken(onnx);
}

/* The next field's head; false at a fault. */
static bool take_field(struct onnx *onnx, uint64_t end, struct field *field)
{
	uint64_t tag;

	if (++onnx->fields > MOST_FIELDS)
		return facts_fault(onnx->header->facts, NCM_UNJUDGED, "it has more than %d fields", MOST_FIELDS);
	if (!take_varint(onnx, &tag))
		return false;
	field->number = (unsigned)(tag >> 3);
	field->wire = (enum wire)(tag & 7);
	field->value = field->wire == FIXED64 ? 8 : 4;
	if (field->wire != VARINT && field->wire != FIXED64 && field->wire != LENGTH && field->wire != FIXED32)
		return broken(onnx);
	if ((field->wire == VARINT || field->wire == LENGTH) && !take_varint(onnx, &field->value))
		return false;
	if (field->wire == VARINT)
		field->end = onnx->header->at;
	else if (__builtin_add_overflow(onnx->header->at, field->value, &field->end))
		return broken(onnx);
	return field->end <= end || broken(onnx);
}

static bool skip_field(struct onnx *onnx, const struct field *field)
{
	const uint64_t over = field->end - onnx->header->at;

	if (onnx->header->bytes->is_far && over > FAR && ++onnx->jumps > FAR_JUMPS)
		return facts_fault(onnx->header->facts, NCM_UNJUDGED,
				   "its tensors lie all over it: only the first are told");
	return header_skip(onnx->header, over);
}

/* A text, cut, as long as the contents. NULL: there is no room. */
static bool take_text(struct onnx *onnx, const struct field *field, char **text)
{
	char buffer[MOST_TEXT];
	const size_t size = field->value < sizeof buffer ? (size_t)field->value : sizeof buffer;

	if (field->wire != LENGTH)
		return broken(onnx);
	if (!header_take(onnx->header, buffer, size))
		return false;
	*text = contents_text(onnx->contents, buffer, contents_cut(buffer, size, sizeof buffer - 1));
	return skip_field(onnx, field);
}

static void keep_value(struct onnx *onnx, const char *key, char *text)
{
	struct ncm_metadata *value = key && text ? contents_value(onnx->contents, key) : NULL;

	if (!value)
		return;
	value->kind = NCM_METADATA_TEXT;
	value->type = "string";
	value->text = text;
}

/* Tensors. */

/* TensorProto.DataType, by safetensors' names. */
static const struct {
	const char *name;
	uint8_t bits;
} types[] = {
    [1] = {"F32", 32},         [2] = {"U8", 8},       [3] = {"I8", 8},           [4] = {"U16", 16},
    [5] = {"I16", 16},         [6] = {"I32", 32},     [7] = {"I64", 64},         [9] = {"BOOL", 8},
    [10] = {"F16", 16},        [11] = {"F64", 64},    [12] = {"U32", 32},        [13] = {"U64", 64},
    [14] = {"C64", 64},        [15] = {"C128", 128},  [16] = {"BF16", 16},       [17] = {"F8_E4M3", 8},
    [18] = {"F8_E4M3FNUZ", 8}, [19] = {"F8_E5M2", 8}, [20] = {"F8_E5M2FNUZ", 8}, [21] = {"U4", 4},
    [22] = {"I4", 4},          [23] = {"F4", 4},
};

static bool add_dimension(struct onnx *onnx, struct ncm_tensor *tensor, uint64_t length)
{
	if (tensor->dimension_count == NCM_TENSOR_DIMENSIONS ||
	    __builtin_mul_overflow(tensor->elements, length, &tensor->elements) || tensor->elements > INT64_MAX / 128)
		return facts_fault(onnx->header->facts, NCM_BROKEN, "it has a tensor larger than any can be");
	tensor->dimensions[tensor->dimension_count++] = length;
	return true;
}

static bool take_dimensions(struct onnx *onnx, const struct field *field, struct ncm_tensor *tensor)
{
	uint64_t length;

	if (field->wire == VARINT)
		return add_dimension(onnx, tensor, field->value);
	while (onnx->header->at < field->end) {
		if (!take_varint(onnx, &length) || !add_dimension(onnx, tensor, length))
			return false;
	}
	return onnx->header->at == field->end || broken(onnx);
}

static bool take_tensor_field(struct onnx *onnx, const struct field *field, struct ncm_tensor *tensor, uint64_t *type)
{
	enum { DIMS = 1, DATA_TYPE = 2, NAME = 8, RAW_DATA = 9 };
	char *name = NULL;

	if (field->number == DIMS)
		return take_dimensions(onnx, field, tensor);
	if (field->number == NAME) {
		const bool taken = take_text(onnx, field, &name);

		tensor->name = name;
		return taken;
	}
	if (field->number == DATA_TYPE)
		*type = field->value;
	else if (field->number == RAW_DATA && field->wire == LENGTH)
		tensor->offset = onnx->header->at;
	return skip_field(onnx, field);
}

static bool take_tensor(struct onnx *onnx, uint64_t end, struct traits *traits)
{
	struct ncm_tensor tensor = {.dtype = "?", .elements = 1}, *kept;
	struct field field;
	uint64_t type = 0;

	while (onnx->header->at < end) {
		if (!take_field(onnx, end, &field) || !take_tensor_field(onnx, &field, &tensor, &type))
			return false;
	}
	if (type < sizeof types / sizeof *types && types[type].name) {
		tensor.dtype = types[type].name;
		tensor.bytes = (tensor.elements * types[type].bits + 7) / 8;
	}
	kept = tensor.name ? contents_tensor(onnx->contents, tensor.name) : NULL;
	if (!kept)
		return true;
	*kept = tensor;
	onnx->header->facts->parameter_count += tensor.elements;
	traits_note(traits, tensor.name,
		    tensor.dimension_count > 0 ? tensor.dimensions[tensor.dimension_count - 1] : 0);
	return true;
}

/* The rest. */

static bool take_graph(struct onnx *onnx, uint64_t end, struct traits *traits)
{
	enum { NAME = 2, INITIALIZER = 5 };
	struct field field;
	char *name = NULL;

	while (onnx->header->at < end) {
		if (!take_field(onnx, end, &field))
			return false;
		if (field.number == INITIALIZER && field.wire == LENGTH) {
			if (!take_tensor(onnx, field.end, traits))
				return false;
		} else if (field.number == NAME) {
			if (!take_text(onnx, &field, &name))
				return false;
			facts_default(&onnx->header->facts->name, name);
		} else if (!skip_field(onnx, &field)) {
			return false;
		}
	}
	return true;
}

/* StringStringEntryProto */
static bool take_entry(struct onnx *onnx, uint64_t end)
{
	enum { KEY = 1, VALUE = 2 };
	struct field field;
	char *key = NULL, *value = NULL;

	while (onnx->header->at < end) {
		if (!take_field(onnx, end, &field))
			return false;
		if (field.number == KEY     ? !take_text(onnx, &field, &key)
		    : field.number == VALUE ? !take_text(onnx, &field, &value)
					    : !skip_field(onnx, &field))
			return false;
	}
	keep_value(onnx, key, value);
	return true;
}

static bool take_producer(struct onnx *onnx, const struct field *field)
{
	char *text = NULL;

	if (!take_text(onnx, field, &text))
		return false;
	keep_value(onnx, "producer_name", text);
	return true;
}

static bool take_model(struct onnx *onnx, struct traits *traits)
{
	enum { IR_VERSION = 1, PRODUCER = 2, GRAPH = 7, METADATA = 14 };
	struct field field;

	while (onnx->header->at < onnx->header->size) {
		bool taken;

		if (!take_field(onnx, UINT64_MAX, &field))
			return false;
		if (field.number == IR_VERSION && field.wire == VARINT)
			onnx->contents->version = (unsigned)field.value;
		if (field.number == GRAPH && field.wire == LENGTH)
			taken = take_graph(onnx, field.end, traits);
		else if (field.number == METADATA && field.wire == LENGTH)
			taken = take_entry(onnx, field.end);
		else
			taken = field.number == PRODUCER ? take_producer(onnx, &field) : skip_field(onnx, &field);
		if (!taken)
			return false;
	}
	return true;
}

void onnx_read(struct header *header)
{
	struct onnx onnx = {.header = header, .contents = header->contents};
	struct traits traits = {0};

	if (!header->contents)
		return;
	header->limit = UINT64_MAX;
	if (take_model(&onnx, &traits))
		header->facts->soundness = NCM_SOUND;
	traits_tell(&traits, header->facts);
	header->facts->tensor_count = header->contents->tensor_count;
}
