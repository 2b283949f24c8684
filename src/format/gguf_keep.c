/* SPDX-License-Identifier: MIT */
/* GGUF's values as they are kept for who asks for all of them. */
#include "format/gguf.h"

#include "base/mem.h"

#include <string.h>

static const char *const type_names[] = {
    [GGUF_UINT8] = "uint8",     [GGUF_INT8] = "int8",   [GGUF_UINT16] = "uint16",   [GGUF_INT16] = "int16",
    [GGUF_UINT32] = "uint32",   [GGUF_INT32] = "int32", [GGUF_FLOAT32] = "float32", [GGUF_BOOL] = "bool",
    [GGUF_STRING] = "string",   [GGUF_ARRAY] = "array", [GGUF_UINT64] = "uint64",   [GGUF_INT64] = "int64",
    [GGUF_FLOAT64] = "float64",
};

bool gguf_keep_text(struct gguf_stream *stream, size_t most, char **text, bool *cut)
{
	struct ncm_contents *contents = stream->header->contents;
	uint64_t length;
	size_t size, whole;

	if (!gguf_take_count(stream, 1, &length))
		return false;
	*cut = length > most;
	size = *cut ? most + 1 : (size_t)length; /* a byte more, to find a character's end by */
	/* No memory for what the file does not have. */
	if (size > stream->header->size - stream->header->at)
		return header_skip(stream->header, length);
	*text = contents_take(contents, size + 1);
	if (!*text)
		return header_skip(stream->header, length);
	if (!header_take(stream->header, *text, size) || !header_skip(stream->header, length - size))
		return false;
	whole = strnlen(*text, contents_cut(*text, size, most));
	*cut = *cut || whole < size;
	(*text)[whole] = '\0';
	return true;
}

static double real_of(uint64_t type, uint64_t number)
{
	const uint32_t narrow = (uint32_t)number;
	float single;
	double real;

	if (type == GGUF_FLOAT32) {
		memcpy(&single, &narrow, sizeof single);
		return (double)single;
	}
	memcpy(&real, &number, sizeof real);
	return real;
}

static int64_t signed_of(uint64_t type, uint64_t number)
{
	const unsigned unused = 64 - 8 * (unsigned)gguf_width(type);

	return (int64_t)(number << unused) >> unused;
}

static double number_of(uint64_t type, uint64_t number)
{
	if (type == GGUF_FLOAT32 || type == GGUF_FLOAT64)
		return real_of(type, number);
	return gguf_is_negative(type, number) ? (double)signed_of(type, number) : (double)number;
}

static void put_scalar(struct ncm_metadata *value, uint64_t type, uint64_t number)
{
	if (type == GGUF_FLOAT32 || type == GGUF_FLOAT64) {
		value->kind = NCM_METADATA_REAL;
		value->real = real_of(type, number);
	} else if (gguf_is_negative(type, number)) {
		value->kind = NCM_METADATA_SIGNED;
		value->below_zero = signed_of(type, number);
	} else {
		value->kind = type == GGUF_BOOL ? NCM_METADATA_FLAG : NCM_METADATA_UNSIGNED;
		value->whole = type == GGUF_BOOL ? number != 0 : number;
	}
}

static bool keep_numbers(struct gguf_stream *stream, struct ncm_metadata *value, uint64_t type)
{
	const size_t count = (size_t)value->count;
	uint64_t number;

	if (value->count <= NCM_METADATA_KEPT && count * gguf_width(type) <= stream->header->size - stream->header->at)
		value->numbers = contents_take(stream->header->contents, (count + 1) * sizeof *value->numbers);
	if (!value->numbers)
		return header_skip(stream->header, value->count * gguf_width(type));
	for (size_t i = 0; i < count; i++) {
		if (!gguf_take_number(stream, gguf_width(type), &number))
			return false;
		value->numbers[i] = number_of(type, number);
	}
	return true;
}

/* An array's head is read here, and again by who passes the whole where its items are not numbers. */
static bool keep_array(struct gguf_stream *stream, struct ncm_metadata *value)
{
	const uint64_t start = stream->header->at;
	uint64_t type;

	if (!gguf_take_type(stream, &type) ||
	    !gguf_take_count(stream, gguf_width(type) > 0 ? gguf_width(type) : stream->length_width, &value->count))
		return false;
	value->type = type_names[type];
	value->kind = type == GGUF_STRING  ? NCM_METADATA_TEXTS
		      : type == GGUF_ARRAY ? NCM_METADATA_ARRAYS
					   : NCM_METADATA_NUMBERS;
	if (value->kind == NCM_METADATA_NUMBERS)
		return keep_numbers(stream, value, type);
	stream->header->at = start;
	return gguf_skip_value(stream, GGUF_ARRAY);
}

bool gguf_keep_value(struct gguf_stream *stream, const char *key, uint64_t type)
{
	struct ncm_metadata *value = key ? contents_value(stream->header->contents, key) : NULL;
	uint64_t number;

	if (!value)
		return gguf_skip_value(stream, type);
	value->type = type_names[type];
	value->kind = NCM_METADATA_TEXT;
	if (type == GGUF_STRING)
		return gguf_keep_text(stream, NCM_METADATA_TEXT_BYTES, &value->text, &value->text_is_cut);
	if (type == GGUF_ARRAY)
		return keep_array(stream, value);
	if (!gguf_take_number(stream, gguf_width(type), &number))
		return false;
	put_scalar(value, type, number);
	return true;
}
