/* SPDX-License-Identifier: MIT */
#include "format/gguf.h"

static const struct {
	uint8_t width; /* 0: varies */
	bool is_unsigned, is_signed;
} value_types[] = {
    [GGUF_UINT8] = {1, true, false},    [GGUF_INT8] = {1, false, true},   [GGUF_UINT16] = {2, true, false},
    [GGUF_INT16] = {2, false, true},    [GGUF_UINT32] = {4, true, false}, [GGUF_INT32] = {4, false, true},
    [GGUF_FLOAT32] = {4, false, false}, [GGUF_BOOL] = {1, false, false},  [GGUF_STRING] = {0, false, false},
    [GGUF_ARRAY] = {0, false, false},   [GGUF_UINT64] = {8, true, false}, [GGUF_INT64] = {8, false, true},
    [GGUF_FLOAT64] = {8, false, false},
};
enum { VALUE_TYPES = sizeof value_types / sizeof *value_types };

static bool broken(struct gguf_stream *stream, const char *what)
{
	return facts_fault(stream->header->facts, NCM_BROKEN, "%s", what);
}

bool gguf_take_number(struct gguf_stream *stream, size_t width, uint64_t *number)
{
	unsigned char bytes[8];

	if (!header_take(stream->header, bytes, width))
		return false;
	*number = 0;
	for (size_t i = 0; i < width; i++)
		*number = *number << 8 | bytes[stream->big_endian ? i : width - 1 - i];
	return true;
}

bool gguf_take_count(struct gguf_stream *stream, uint64_t least, uint64_t *count)
{
	if (!gguf_take_number(stream, stream->length_width, count))
		return false;
	if (*count > (stream->header->limit - stream->header->at) / least)
		return broken(stream, "it counts more than its header can hold");
	return true;
}

/* The beginning of a string, cut to what `text` holds; *size becomes the length of what is kept. */
static bool take_text(struct gguf_stream *stream, char *text, size_t room, size_t *size)
{
	uint64_t length;

	if (!gguf_take_count(stream, 1, &length))
		return false;
	*size = length < room ? (size_t)length : room;
	return header_take(stream->header, text, *size) && header_skip(stream->header, length - *size);
}

bool gguf_take_name(struct gguf_stream *stream, char name[GGUF_KEY])
{
	size_t size;

	if (!take_text(stream, name, GGUF_KEY - 1, &size))
		return false;
	name[size] = '\0';
	return true;
}

bool gguf_take_fact(struct gguf_stream *stream, char **fact)
{
	char text[FACT_BYTES + 5]; /* a character more, so that the cut falls between two */
	size_t size;

	if (!take_text(stream, text, sizeof text - 1, &size))
		return false;
	text[size] = '\0';
	facts_set(fact, text, size);
	return true;
}

bool gguf_take_type(struct gguf_stream *stream, uint64_t *type)
{
	if (!gguf_take_number(stream, 4, type))
		return false;
	return *type < VALUE_TYPES || broken(stream, "its metadata has a value of no known type");
}

/* Arrays in arrays wait on a small stack: nothing recurses as deep as a file says. */
struct level {
	uint64_t type, left;
};

static bool take_array(struct gguf_stream *stream, struct level *level)
{
	uint64_t least;

	if (!gguf_take_type(stream, &level->type))
		return false;
	least = value_types[level->type].width > 0 ? value_types[level->type].width : stream->length_width;
	return gguf_take_count(stream, least, &level->left);
}

static bool skip_text(struct gguf_stream *stream)
{
	uint64_t length;

	return gguf_take_count(stream, 1, &length) && header_skip(stream->header, length);
}

bool gguf_skip_value(struct gguf_stream *stream, uint64_t type)
{
	struct level stack[GGUF_DEPTH] = {{type, 1}}, *top = stack;

	for (;;) {
		const unsigned width = value_types[top->type].width;

		if (top->left == 0) {
			if (top == stack)
				return true;
			top--;
		} else if (width > 0) {
			if (!header_skip(stream->header, top->left * width))
				return false;
			top->left = 0;
		} else if (top->type == GGUF_STRING) {
			if (!skip_text(stream))
				return false;
			top->left--;
		} else {
			top->left--;
			if (++top == stack + GGUF_DEPTH)
				return broken(stream, "its metadata has arrays nested too deep");
			if (!take_array(stream, top))
				return false;
		}
	}
}

size_t gguf_width(uint64_t type)
{
	return value_types[type].width;
}

bool gguf_is_negative(uint64_t type, uint64_t number)
{
	return value_types[type].is_signed && number >> (value_types[type].width * 8 - 1) != 0;
}

bool gguf_is_integer(uint64_t type)
{
	return value_types[type].is_unsigned || value_types[type].is_signed;
}

bool gguf_take_integer(struct gguf_stream *stream, uint64_t type, uint64_t *number)
{
	const size_t width = value_types[type].width;
	uint64_t value;

	if (!gguf_take_number(stream, width, &value))
		return false;
	if (!gguf_is_negative(type, value))
		*number = value;
	return true;
}
