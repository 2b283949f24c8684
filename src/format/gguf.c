/* SPDX-License-Identifier: MIT */
/*
 * GGUF, versions 1 to 3, either byte order (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; version 1 counts
 * in 32 bits). Extents are checked as the reference does (gguf_init_from_reader in ggml/src/gguf.cpp). Passed over are
 * types newer than ours, arrays of arrays (the format has them), more than four dimensions (video models have them)
 * and names told twice.
 */
#include "format/gguf.h"

#include <ncmodel/limits.h>
#include <stdlib.h>
#include <string.h>

enum {
	VERSION_NEWEST = 3,
	KEY_LIMIT = 65535 /* of a key, by the format */
};

struct gguf {
	struct gguf_stream stream;
	struct ncm_facts *facts;
	uint64_t version;

	/* metadata that leads to facts, or is needed to read on */
	uint64_t alignment;
	uint64_t file_type; /* UINT64_MAX: not told */
	uint64_t pooling;   /* llama_pooling_type; 0: none */
	uint64_t embedding_length;
	char *type; /* general.type */

	struct traits traits;
	uint64_t elements[GGUF_TYPES]; /* of all tensors of a type */
	uint64_t next_offset;          /* where the next tensor has to start, in the data */
	bool offset_known;             /* not after a tensor whose size is not known */
	uint64_t data_end;             /* of the tensors so far, in the data */
};

static bool broken(struct gguf *gguf, const char *what)
{
	return facts_fault(gguf->facts, NCM_BROKEN, "%s", what);
}

/* Metadata. */

/*
 * What follows "<architecture>." in a key; NULL for other keys. An architecture's name has no dot. Writers tell it
 * first; until it is told, every name may be it.
 */
static const char *own_key(const struct gguf *gguf, const char *key)
{
	const char *dot = strchr(key, '.');
	const char *architecture = gguf->facts->architecture;

	if (!dot || strncmp(key, "general.", 8) == 0)
		return NULL;
	if (architecture && (strncmp(key, architecture, (size_t)(dot - key)) != 0 || architecture[dot - key] != '\0'))
		return NULL;
	return dot + 1;
}

static char **text_of(struct gguf *gguf, const char *key)
{
	struct ncm_facts *facts = gguf->facts;
	const struct {
		const char *key;
		char **text;
	} texts[] = {
	    {"general.architecture", &facts->architecture},
	    {"general.name", &facts->name},
	    {"general.size_label", &facts->parameters},
	    {"general.license", &facts->license},
	    {"general.type", &gguf->type},
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (strcmp(texts[i].key, key) == 0)
			return texts[i].text;
	}
	return NULL;
}

static uint64_t *number_of(struct gguf *gguf, const char *key)
{
	const char *own = own_key(gguf, key);

	if (strcmp(key, "general.file_type") == 0)
		return &gguf->file_type;
	if (own && strcmp(own, "context_length") == 0)
		return &gguf->facts->context_length;
	if (own && strcmp(own, "embedding_length") == 0)
		return &gguf->embedding_length;
	if (own && strcmp(own, "pooling_type") == 0)
		return &gguf->pooling;
	return NULL;
}

static bool take_alignment(struct gguf *gguf, uint64_t type)
{
	if (type != GGUF_UINT32)
		return broken(gguf, "its alignment is not a number of 32 bits");
	if (!gguf_take_number(&gguf->stream, 4, &gguf->alignment))
		return false;
	if (gguf->alignment == 0 || (gguf->alignment & (gguf->alignment - 1)) != 0)
		return broken(gguf, "its alignment is not a power of two");
	return true;
}

/* A value for the contents. One that is no array may be a fact, too, and is read again for that. */
static bool keep_value(struct gguf *gguf, const char *key, uint64_t type, bool *passed)
{
	const uint64_t start = gguf->stream.header->at;

	*passed = false;
	if (!gguf->stream.header->contents)
		return true;
	if (!gguf_keep_value(&gguf->stream, key, type))
		return false;
	*passed = type == GGUF_ARRAY;
	if (!*passed)
		gguf->stream.header->at = start;
	return true;
}

/* A name to compare, and for the contents the whole of it. */
static bool take_name(struct gguf *gguf, char name[GGUF_KEY], char **whole)
{
	const uint64_t start = gguf->stream.header->at;
	bool cut;

	*whole = NULL;
	if (!gguf->stream.header->contents)
		return gguf_take_name(&gguf->stream, name);
	if (!gguf_keep_text(&gguf->stream, KEY_LIMIT, whole, &cut))
		return false;
	gguf->stream.header->at = start;
	return gguf_take_name(&gguf->stream, name);
}

static bool take_pair(struct gguf *gguf)
{
	char key[GGUF_KEY], *whole;
	const uint64_t start = gguf->stream.header->at;
	uint64_t type, *number;
	char **text;
	bool passed;

	if (!take_name(gguf, key, &whole))
		return false;
	if (key[0] == '\0' || gguf->stream.header->at - start > KEY_LIMIT + gguf->stream.length_width)
		return broken(gguf, "its metadata has a key of no length that the format allows");
	if (!gguf_take_type(&gguf->stream, &type) || !keep_value(gguf, whole, type, &passed))
		return false;
	if (passed)
		return true;
	if (strcmp(key, "general.alignment") == 0)
		return take_alignment(gguf, type);
	text = type == GGUF_STRING ? text_of(gguf, key) : NULL;
	if (text)
		return gguf_take_fact(&gguf->stream, text);
	number = gguf_is_integer(type) ? number_of(gguf, key) : NULL;
	return number ? gguf_take_integer(&gguf->stream, type, number) : gguf_skip_value(&gguf->stream, type);
}

/* Tensors. */

/* Multiplies the dimensions. */
static bool take_shape(struct gguf *gguf, struct ncm_tensor *tensor)
{
	uint64_t dimensions;

	if (!gguf_take_number(&gguf->stream, 4, &dimensions))
		return false;
	if (dimensions > NCM_TENSOR_DIMENSIONS)
		return broken(gguf, "it has a tensor with too many dimensions");
	tensor->elements = 1;
	tensor->dimension_count = (size_t)dimensions;
	for (uint64_t i = 0; i < dimensions; i++) {
		if (!gguf_take_number(&gguf->stream, gguf->stream.length_width, &tensor->dimensions[i]))
			return false;
		if (__builtin_mul_overflow(tensor->elements, tensor->dimensions[i], &tensor->elements) ||
		    tensor->elements > INT64_MAX)
			return broken(gguf, "it has a tensor larger than any can be");
	}
	return true;
}

/* The innermost dimension, which comes first; 1 of a single number. */
static uint64_t row_of(const struct ncm_tensor *tensor)
{
	return tensor->dimension_count > 0 ? tensor->dimensions[0] : 1;
}

/* The bytes of a tensor's blocks. */
static bool take_size(struct gguf *gguf, const struct gguf_type *type, struct ncm_tensor *tensor)
{
	if (row_of(tensor) % type->block != 0)
		return broken(gguf, "it has a tensor whose rows are no whole number of blocks");
	if (__builtin_mul_overflow(tensor->elements / type->block, (uint64_t)type->bytes, &tensor->bytes))
		return broken(gguf, "it has a tensor larger than any can be");
	return true;
}

/* The tensors' data follow one another in their order, each aligned. */
static bool place(struct gguf *gguf, const char *name, uint64_t offset, bool size_known, uint64_t size)
{
	uint64_t end, padded;

	if (offset % gguf->alignment != 0 || offset < gguf->next_offset ||
	    (gguf->offset_known && offset != gguf->next_offset))
		return facts_fault(gguf->facts, NCM_BROKEN, "tensor %s does not start where the one before it ends",
				   name);
	if (__builtin_add_overflow(offset, size, &end) || __builtin_add_overflow(end, gguf->alignment - 1, &padded))
		return broken(gguf, "it has a tensor larger than any can be");
	gguf->next_offset = padded & ~(gguf->alignment - 1);
	gguf->offset_known = size_known;
	gguf->data_end = end;
	return true;
}

/* Its place is in the data, whose beginning is not known yet. */
static void keep_tensor(struct gguf *gguf, const struct ncm_tensor *tensor)
{
	struct ncm_contents *contents = gguf->stream.header->contents;
	struct ncm_tensor *kept = contents && tensor->name ? contents_tensor(contents, tensor->name) : NULL;

	if (kept)
		*kept = *tensor;
}

static bool take_tensor(struct gguf *gguf)
{
	char name[GGUF_KEY], *whole;
	struct ncm_tensor tensor = {.dtype = "?"};
	uint64_t number;
	const struct gguf_type *type;
	bool size_known;

	if (!take_name(gguf, name, &whole) || !take_shape(gguf, &tensor) ||
	    !gguf_take_number(&gguf->stream, 4, &number) || !gguf_take_number(&gguf->stream, 8, &tensor.offset))
		return false;
	type = gguf_type(number);
	size_known = type && type->block > 0;
	if ((size_known && !take_size(gguf, type, &tensor)) ||
	    !place(gguf, name, tensor.offset, size_known, tensor.bytes))
		return false;
	if (type) {
		gguf->elements[number] += tensor.elements;
		tensor.dtype = type->name;
	}
	gguf->facts->parameter_count += tensor.elements;
	traits_note(&gguf->traits, name, row_of(&tensor));
	tensor.name = whole;
	keep_tensor(gguf, &tensor);
	return true;
}

/* The whole. */

/* Finds version and byte order: one of them makes a small number of it. */
static bool take_version(struct gguf *gguf)
{
	if (!header_skip(gguf->stream.header, 4) || !gguf_take_number(&gguf->stream, 4, &gguf->version))
		return false;
	if (gguf->version > 0 && (gguf->version & 0xffff) == 0) {
		gguf->stream.big_endian = true;
		gguf->version = __builtin_bswap32((uint32_t)gguf->version);
	}
	if (gguf->version == 0)
		return broken(gguf, "it is of version 0");
	if (gguf->version > VERSION_NEWEST)
		return facts_fault(gguf->facts, NCM_UNJUDGED,
				   "it is of GGUF version %llu, newer than what is known here",
				   (unsigned long long)gguf->version);
	gguf->stream.length_width = gguf->version == 1 ? 4 : 8;
	return true;
}

static bool take_all(struct gguf *gguf)
{
	uint64_t tensors, pairs;

	if (!take_version(gguf))
		return false;
	/* A tensor is at least an empty name, the number of its dimensions, its type and its offset. */
	if (!gguf_take_count(&gguf->stream, gguf->stream.length_width + 16, &tensors) ||
	    !gguf_take_count(&gguf->stream, gguf->stream.length_width + 5, &pairs))
		return false;
	for (uint64_t i = 0; i < pairs; i++) {
		if (!take_pair(gguf))
			return false;
	}
	for (uint64_t i = 0; i < tensors; i++) {
		if (!take_tensor(gguf))
			return false;
	}
	gguf->facts->tensor_count = tensors;
	return true;
}

/* Where the data begin. An alignment of 32 bits at most is added to a header of few bytes. */
static uint64_t data_start(const struct gguf *gguf)
{
	return (gguf->stream.header->at + gguf->alignment - 1) & ~(gguf->alignment - 1);
}

/* The contents' tensors lie in the file, not in its data; none of them ends behind data_end. */
static void move_tensors(struct gguf *gguf)
{
	struct ncm_contents *contents = gguf->stream.header->contents;

	if (!contents)
		return;
	contents->header = gguf->stream.header->at;
	for (size_t i = 0; i < contents->tensor_count; i++)
		contents->tensors[i].offset += data_start(gguf);
}

static void judge_extent(struct gguf *gguf)
{
	const struct header *header = gguf->stream.header;
	struct ncm_facts *facts = gguf->facts;
	uint64_t extent = header->at;

	if (facts->tensor_count > 0 && __builtin_add_overflow(data_start(gguf), gguf->data_end, &extent)) {
		broken(gguf, "it has a tensor larger than any can be");
		return;
	}
	move_tensors(gguf);
	facts->extent = extent;
	facts->soundness = NCM_SOUND;
	if (extent > header->size)
		facts_fault(facts, NCM_TRUNCATED, "its tensors need %llu bytes, and it has %llu",
			    (unsigned long long)extent, (unsigned long long)header->size);
	else if (gguf->stream.big_endian != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__))
		facts_fault(facts, NCM_UNJUDGED, "it is %s-endian, made for another kind of machine",
			    gguf->stream.big_endian ? "big" : "little");
}

static const char *kind_of(const struct gguf *gguf)
{
	const char *architecture = gguf->facts->architecture;

	if (gguf->type && strcmp(gguf->type, "adapter") == 0)
		return "lora";
	if (gguf->type && strcmp(gguf->type, "mmproj") == 0)
		return "projector";
	if (!architecture || (gguf->type && strcmp(gguf->type, "model") != 0))
		return NULL;
	return gguf->pooling > 0 ? "embedding-model" : gguf_kind(architecture);
}

static const char *quantization_of(const struct gguf *gguf)
{
	const char *name = gguf_file_type(gguf->file_type);
	uint64_t most = 0;

	for (size_t i = 0; !name && i < GGUF_TYPES; i++)
		most = gguf->elements[i] > most ? gguf->elements[i] : most;
	for (size_t i = 0; !name && most > 0; i++) {
		if (gguf->elements[i] == most)
			name = gguf_type(i)->name;
	}
	return name;
}

static void tell(struct gguf *gguf)
{
	struct ncm_facts *facts = gguf->facts;
	struct ncm_contents *contents = gguf->stream.header->contents;

	if (contents) {
		contents->version = (unsigned)gguf->version;
		contents->big_endian = gguf->stream.big_endian;
	}
	facts_default(&facts->kind, kind_of(gguf));
	if (facts->kind && strcmp(facts->kind, "embedding-model") == 0)
		facts->dimensions = gguf->embedding_length;
	facts_default(&facts->quantization, quantization_of(gguf));
	facts_count_parameters(facts);
	if (!facts->architecture)
		traits_tell(&gguf->traits, facts);
}

void gguf_read(struct header *header)
{
	struct gguf gguf = {
	    .stream = {.header = header},
	    .facts = header->facts,
	    .alignment = 32, /* unless general.alignment is there */
	    .file_type = UINT64_MAX,
	    .offset_known = true,
	};

	header->limit = NCM_LIMIT_GGUF_HEADER;
	if (take_all(&gguf))
		judge_extent(&gguf);
	tell(&gguf);
	free(gguf.type);
}
