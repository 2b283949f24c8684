/* SPDX-License-Identifier: MIT */
/* Which format a file has, by its first bytes. */
#include "format/parts.h"

#include <string.h>

static bool starts(const unsigned char *head, size_t size, const char *magic, size_t length)
{
	return size >= length && memcmp(head, magic, length) == 0;
}

static uint64_t little_endian(const unsigned char *bytes, size_t width)
{
	uint64_t number = 0;

	while (width-- > 0)
		number = number << 8 | bytes[width];
	return number;
}

/* 8 bytes length of the JSON header, which starts with '{'; at most 100 MB (the format's document). */
static bool is_safetensors(const unsigned char *head, size_t size)
{
	if (size < 9 || head[8] != '{')
		return false;
	const uint64_t length = little_endian(head, 8);

	return length >= 2 && length <= 100000000;
}

/* torch.save's zip: its first entry is "<name>/data.pkl" (30 bytes of local header, then the name). */
static bool is_torch_zip(const unsigned char *head, size_t size)
{
	static const char entry[] = ".pkl";
	const size_t length = size >= 30 ? (size_t)little_endian(head + 26, 2) : 0;

	return length >= sizeof entry - 1 && 30 + length <= size &&
	       memcmp(head + 30 + length - (sizeof entry - 1), entry, sizeof entry - 1) == 0;
}

/* PROTO, and a protocol that has it (2 to 5). */
static bool is_pickle(const unsigned char *head, size_t size)
{
	return size >= 3 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5;
}

/* 32-bit magics "ggml", "ggmf", "ggjt", "ggla", little-endian. */
static bool is_ggml(const unsigned char *head, size_t size)
{
	return starts(head, size, "lmgg", 4) || starts(head, size, "fmgg", 4) || starts(head, size, "tjgg", 4) ||
	       starts(head, size, "algg", 4);
}

/*
 * A protobuf ModelProto has no magic (onnx/onnx.proto): ir_version comes first, a small number, then the producer's
 * name, a short text, or the model's graph.
 */
static bool is_onnx(const unsigned char *head, size_t size)
{
	enum { IR_VERSION = 1 << 3, PRODUCER = 2 << 3 | 2, GRAPH = 7 << 3 | 2, NEWEST_IR = 32 };

	if (size < 5 || head[0] != IR_VERSION || head[1] == 0 || head[1] > NEWEST_IR)
		return false;
	if (head[2] == GRAPH)
		return true;
	if (head[2] != PRODUCER || head[3] == 0 || head[3] > 64 || 4u + head[3] > size)
		return false;
	for (size_t i = 4; i < 4u + head[3]; i++) {
		if (head[i] < ' ' || head[i] > '~')
			return false;
	}
	return true;
}

enum ncm_format ncm_format_of(const void *data, size_t size)
{
	const unsigned char *head = data;

	if (starts(head, size, "GGUF", 4))
		return NCM_FORMAT_GGUF;
	if (is_safetensors(head, size))
		return NCM_FORMAT_SAFETENSORS;
	if (starts(head, size, "PK\3\4", 4))
		return is_torch_zip(head, size) ? NCM_FORMAT_PICKLE : NCM_FORMAT_ZIP;
	if (is_pickle(head, size))
		return NCM_FORMAT_PICKLE;
	if (is_ggml(head, size))
		return NCM_FORMAT_GGML;
	return is_onnx(head, size) ? NCM_FORMAT_ONNX : NCM_FORMAT_UNKNOWN;
}

const char *ncm_format_describe(const void *data, size_t size)
{
	static const char *const formats[] = {
	    [NCM_FORMAT_GGUF] = "a GGUF file",       [NCM_FORMAT_SAFETENSORS] = "a safetensors file",
	    [NCM_FORMAT_PICKLE] = "a Python pickle", [NCM_FORMAT_GGML] = "a GGML file",
	    [NCM_FORMAT_ONNX] = "an ONNX file",      [NCM_FORMAT_ZIP] = "a zip file",
	};
	const enum ncm_format format = ncm_format_of(data, size);

	if (format != NCM_FORMAT_UNKNOWN)
		return formats[format];
	return foreign_words(foreign_of(data, size));
}
