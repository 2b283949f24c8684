/* SPDX-License-Identifier: MIT */
/*
 * safetensors: a length of 8 bytes, little-endian, a JSON object of tensors, their data
 * (https://github.com/huggingface/safetensors, README.md and safetensors/src/tensor.rs). Refused is what the reference
 * refuses. It allows headers of 100 MB; real ones have less than 10. The JSON text and what becomes of it in memory are
 * held to NCM_LIMIT_SAFETENSORS_HEADER and MAX_VALUES, together under 160 MB; what is larger is not judged.
 */
#include "format/parts.h"

#include "base/json.h"
#include "base/mem.h"

#include <ncmodel/limits.h>
#include <string.h>

enum {
	REFERENCE_LIMIT = 100000000, /* bytes of a header */
	MAX_VALUES = 1 << 19,        /* of the JSON; a tensor has about twelve */
};

static const struct {
	const char *name;
	uint8_t bits;
} dtypes[] = {
    {"BOOL", 8},    {"F4", 4},          {"F6_E2M3", 6},     {"F6_E3M2", 6}, {"U8", 8},   {"I8", 8},
    {"F8_E5M2", 8}, {"F8_E4M3", 8},     {"F8_E8M0", 8},     {"I16", 16},    {"U16", 16}, {"F16", 16},
    {"BF16", 16},   {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I32", 32},    {"U32", 32}, {"F32", 32},
    {"C64", 64},    {"F64", 64},        {"I64", 64},        {"U64", 64},
};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

struct tensor {
	const char *name; /* in the JSON */
	uint64_t begin, end;
};

struct safetensors {
	struct ncm_facts *facts;
	struct ncm_contents *contents; /* or NULL */
	uint64_t header_end;
	struct tensor *tensors;
	size_t count;
	uint64_t elements[DTYPES]; /* of all tensors of a type */
	const char *unknown;       /* a dtype that is newer than the table */
	struct traits traits;
};

static bool broken(struct safetensors *file, const char *name, const char *what)
{
	return facts_fault(file->facts, NCM_BROKEN, "tensor %.*s %s", FACT_BYTES, name, what);
}

/* One tensor. */

static size_t dtype_of(const char *name)
{
	size_t i = 0;

	while (i < DTYPES && strcmp(dtypes[i].name, name) != 0)
		i++;
	return i;
}

/* An array's item, when it is a whole number. */
static bool whole_number(const json_t *array, size_t i, uint64_t *number)
{
	const json_t *item = json_array_get(array, i);

	if (!json_is_integer(item) || json_integer_value(item) < 0)
		return false;
	*number = (uint64_t)json_integer_value(item);
	return true;
}

/* The first dimensions stay in the contents' tensor, the last is *row. */
static bool read_shape(struct safetensors *file, const char *name, const json_t *shape, struct ncm_tensor *kept,
		       uint64_t *row)
{
	uint64_t *elements = &kept->elements;

	*elements = 1;
	*row = 0;
	kept->dimension_count = json_array_size(shape);
	if (!json_is_array(shape))
		return broken(file, name, "has no shape");
	for (size_t i = 0; i < json_array_size(shape); i++) {
		if (!whole_number(shape, i, row))
			return broken(file, name, "has a shape that is not of whole numbers");
		if (__builtin_mul_overflow(*elements, *row, elements))
			return broken(file, name, "is larger than any can be");
		if (i < NCM_TENSOR_DIMENSIONS)
			kept->dimensions[i] = *row;
	}
	return true;
}

/* Further dimensions than there is room for are one with the last. */
static void fold_dimensions(struct ncm_tensor *kept, const json_t *shape)
{
	uint64_t number;

	for (size_t i = NCM_TENSOR_DIMENSIONS; i < kept->dimension_count; i++) {
		if (whole_number(shape, i, &number))
			kept->dimensions[NCM_TENSOR_DIMENSIONS - 1] *= number;
	}
	if (kept->dimension_count > NCM_TENSOR_DIMENSIONS)
		kept->dimension_count = NCM_TENSOR_DIMENSIONS;
}

static void keep(struct safetensors *file, struct ncm_tensor *kept, const struct tensor *tensor, const json_t *shape)
{
	char *name = file->contents ? contents_text(file->contents, tensor->name, strlen(tensor->name)) : NULL;
	struct ncm_tensor *slot = name ? contents_tensor(file->contents, name) : NULL;

	if (!slot)
		return;
	fold_dimensions(kept, shape);
	kept->name = name;
	kept->bytes = tensor->end - tensor->begin;
	kept->offset = file->header_end + tensor->begin;
	*slot = *kept;
}

static bool fits(struct safetensors *file, const struct tensor *tensor, size_t dtype, uint64_t elements)
{
	uint64_t bits;

	if (__builtin_mul_overflow(elements, (uint64_t)dtypes[dtype].bits, &bits))
		return broken(file, tensor->name, "is larger than any can be");
	if (bits % 8 != 0)
		return broken(file, tensor->name, "does not fill its last byte");
	if (tensor->end - tensor->begin != bits / 8)
		return broken(file, tensor->name, "has another size than its shape and type make");
	return true;
}

static bool read_tensor(struct safetensors *file, const char *name, const json_t *object)
{
	const json_t *offsets = json_object_get(object, "data_offsets");
	const char *dtype_name = ncm_json_string(object, "dtype");
	struct tensor *tensor = NCM_PUSH(file->tensors, file->count);
	struct ncm_tensor kept = {.dtype = "?"};
	uint64_t row = 0;
	size_t dtype;

	tensor->name = name;
	if (!json_is_object(object) || !dtype_name)
		return broken(file, name, "has no type");
	if (!read_shape(file, name, json_object_get(object, "shape"), &kept, &row))
		return false;
	if (json_array_size(offsets) != 2 || !whole_number(offsets, 0, &tensor->begin) ||
	    !whole_number(offsets, 1, &tensor->end) || tensor->end < tensor->begin)
		return broken(file, name, "has no offsets that make sense");
	dtype = dtype_of(dtype_name);
	traits_note(&file->traits, name, row);
	if (dtype < DTYPES)
		kept.dtype = dtypes[dtype].name;
	keep(file, &kept, tensor, json_object_get(object, "shape"));
	if (dtype == DTYPES) {
		file->unknown = dtype_name;
		return true;
	}
	file->elements[dtype] += kept.elements;
	file->facts->parameter_count += kept.elements;
	return fits(file, tensor, dtype, kept.elements);
}

/* All of them. */

static int by_offset(const void *a, const void *b)
{
	const struct tensor *left = a, *right = b;

	if (left->begin != right->begin)
		return left->begin < right->begin ? -1 : 1;
	return left->end < right->end ? -1 : left->end > right->end;
}

/* The data have neither holes nor overlaps. *end is where they are over. */
static bool check_order(struct safetensors *file, uint64_t *end)
{
	*end = 0;
	if (file->count > 0)
		qsort(file->tensors, file->count, sizeof *file->tensors, by_offset);
	for (size_t i = 0; i < file->count; i++) {
		if (file->tensors[i].begin != *end)
			return broken(file, file->tensors[i].name, "does not start where the one before it ends");
		*end = file->tensors[i].end;
	}
	return true;
}

static void keep_text(struct ncm_contents *contents, const char *key, const char *text)
{
	const size_t size = strlen(text), most = contents_cut(text, size, NCM_METADATA_TEXT_BYTES);
	char *kept_key = contents ? contents_text(contents, key, strlen(key)) : NULL;
	struct ncm_metadata *value = kept_key ? contents_value(contents, kept_key) : NULL;

	if (!value)
		return;
	value->kind = NCM_METADATA_TEXT;
	value->type = "string";
	value->text = contents_text(contents, text, most);
	value->text_is_cut = most < size || !value->text;
}

static bool check_metadata(struct safetensors *file, const json_t *metadata)
{
	const char *key;
	const json_t *value;

	if (json_is_null(metadata))
		return true;
	if (!json_is_object(metadata))
		return facts_fault(file->facts, NCM_BROKEN, "its __metadata__ is not an object");
	json_object_foreach((json_t *)metadata, key, value)
	{
		if (!json_is_string(value))
			return facts_fault(file->facts, NCM_BROKEN, "its __metadata__ has %.*s, which is not a text",
					   FACT_BYTES, key);
		keep_text(file->contents, key, json_string_value(value));
	}
	return true;
}

static bool read_tensors(struct safetensors *file, const json_t *root)
{
	const char *key;
	const json_t *value;

	json_object_foreach((json_t *)root, key, value)
	{
		if (strcmp(key, "__metadata__") == 0 ? !check_metadata(file, value) : !read_tensor(file, key, value))
			return false;
	}
	file->facts->tensor_count = file->count;
	return true;
}

/* `data` is how many bytes follow the header. */
static void judge_extent(struct safetensors *file, uint64_t header_end, uint64_t data)
{
	struct ncm_facts *facts = file->facts;
	uint64_t end;

	if (!check_order(file, &end))
		return;
	facts->extent = header_end + end;
	facts->soundness = NCM_SOUND;
	if (end > data)
		facts_fault(facts, NCM_TRUNCATED, "its tensors need %llu bytes, and it has %llu",
			    (unsigned long long)facts->extent, (unsigned long long)(header_end + data));
	else if (end < data)
		facts_fault(facts, NCM_BROKEN, "%llu bytes follow its last tensor", (unsigned long long)(data - end));
	else if (file->unknown)
		facts_fault(facts, NCM_UNJUDGED, "the type %.*s of its tensors is not known here", FACT_BYTES,
			    file->unknown);
}

/* Facts. */

static void tell(struct safetensors *file, const json_t *metadata)
{
	struct ncm_facts *facts = file->facts;
	size_t most = 0;

	metadata_tell(metadata, facts);
	traits_tell(&file->traits, facts);
	for (size_t i = 1; i < DTYPES; i++)
		most = file->elements[i] > file->elements[most] ? i : most;
	if (file->elements[most] > 0)
		facts_default(&facts->quantization, dtypes[most].name);
	facts_count_parameters(facts);
}

/* The header. */

/* Before the parser sees it: every value but the first follows a comma, a colon or a bracket, outside of texts. */
static bool too_many_values(const char *text, size_t size)
{
	size_t count = 0;
	bool in_text = false;

	for (size_t i = 0; i < size; i++) {
		if (text[i] == '"')
			in_text = !in_text;
		else if (in_text)
			i += text[i] == '\\';
		else
			count += text[i] == ',' || text[i] == ':' || text[i] == '[';
	}
	return count > MAX_VALUES;
}

static json_t *parse(struct ncm_facts *facts, const char *text, size_t size)
{
	struct ncm_error error = NCM_ERROR_INIT;
	json_t *root;

	if (too_many_values(text, size)) {
		facts_fault(facts, NCM_UNJUDGED, "its header has more than %d values", MAX_VALUES);
		return NULL;
	}
	root = ncm_json_parse(text, size, "its header", NCM_E_OTHER, &error);
	if (!root)
		facts_fault(facts, NCM_BROKEN, "%s", error.message);
	else if (!json_is_object(root))
		facts_fault(facts, NCM_BROKEN, "its header is not a JSON object");
	ncm_error_clear(&error);
	return root;
}

/* The length of the header; it may be too large to be judged. */
static bool take_length(struct header *header, uint64_t *length)
{
	unsigned char bytes[8];

	header->limit = sizeof bytes;
	if (!header_take(header, bytes, sizeof bytes))
		return false;
	*length = 0;
	for (size_t i = sizeof bytes; i-- > 0;)
		*length = *length << 8 | bytes[i];
	if (*length > REFERENCE_LIMIT)
		return facts_fault(header->facts, NCM_BROKEN, "its header is larger than the format allows");
	if (*length > header->size - sizeof bytes)
		return facts_fault(header->facts, NCM_TRUNCATED, "it ends within its header, after %llu bytes",
				   (unsigned long long)header->size);
	if (*length > NCM_LIMIT_SAFETENSORS_HEADER)
		return facts_fault(header->facts, NCM_UNJUDGED, "its header is larger than %u bytes",
				   NCM_LIMIT_SAFETENSORS_HEADER);
	header->limit += *length;
	return true;
}

void safetensors_read(struct header *header)
{
	struct safetensors file = {.facts = header->facts, .contents = header->contents};
	NCM_AUTO_FREE char *text = NULL;
	NCM_AUTO_JSON json_t *root = NULL;
	uint64_t length;

	if (!take_length(header, &length))
		return;
	text = ncm_malloc((size_t)length);
	if (!header_take(header, text, length))
		return;
	file.header_end = header->at;
	if (file.contents)
		file.contents->header = header->at;
	root = parse(header->facts, text, (size_t)length);
	if (!root)
		return;
	if (!header->facts->fault && read_tensors(&file, root))
		judge_extent(&file, header->at, header->size - header->at);
	tell(&file, json_object_get(root, "__metadata__"));
	free(file.tensors);
}
