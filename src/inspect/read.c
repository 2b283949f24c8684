/* SPDX-License-Identifier: MIT */
/* One header after the other becomes part of one inspection. */
#include "inspect/work.h"

#include "archive/archive.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/strings.h"

#include <ncmodel/limits.h>
#include <string.h>

static enum ncm_inspected_state state_of(enum ncm_soundness soundness)
{
	switch (soundness) {
	case NCM_SOUND:
		return NCM_INSPECTED_SOUND;
	case NCM_TRUNCATED:
		return NCM_INSPECTED_TRUNCATED;
	case NCM_BROKEN:
	case NCM_FOREIGN:
		return NCM_INSPECTED_BROKEN;
	case NCM_UNJUDGED:
		break;
	}
	return NCM_INSPECTED_UNJUDGED;
}

static void take_tensors(struct ncm_inspection *inspection, const struct ncm_contents *contents, size_t file)
{
	const size_t count = inspection->tensor_count + contents->tensor_count;

	if (contents->tensor_count == 0)
		return;
	inspection->tensors = ncm_realloc_array(inspection->tensors, count, sizeof *inspection->tensors);
	memcpy(inspection->tensors + inspection->tensor_count, contents->tensors,
	       contents->tensor_count * sizeof *contents->tensors);
	for (size_t i = inspection->tensor_count; i < count; i++)
		inspection->tensors[i].file = file;
	inspection->tensor_count = count;
}

/* Keys of further parts only say which part they are. */
static void take_metadata(struct ncm_inspection *inspection, struct ncm_contents *contents)
{
	inspection->metadata = contents->metadata;
	inspection->metadata_count = contents->metadata_count;
	contents->metadata = NULL;
	contents->metadata_count = 0;
}

static void take_facts(struct ncm_inspection *inspection, struct ncm_facts *facts)
{
	struct ncm_inspection_memory *memory = inspection->memory;

	if (!memory->has_first) {
		memory->first = *facts;
		memory->has_first = true;
		*facts = (struct ncm_facts){0};
	} else {
		inspection_set(&memory->first.kind, facts->kind);
		inspection_set(&memory->first.architecture, facts->architecture);
	}
}

static void describe(struct ncm_inspected_file *file, struct ncm_facts *facts, const struct ncm_contents *contents)
{
	file->format = ncm_format_name(facts->format);
	file->state = state_of(facts->soundness);
	file->fault = facts->fault;
	facts->fault = NULL;
	file->version = contents->version;
	file->big_endian = contents->big_endian;
	file->header = contents->header;
	file->tensor_count = facts->tensor_count ? (size_t)facts->tensor_count : contents->tensor_count;
}

static bool is_projector(const struct ncm_inspected_file *file)
{
	return file->role && strcmp(file->role, "projector") == 0;
}

static void take_projector(struct ncm_inspection *inspection, const struct ncm_contents *contents)
{
	struct ncm_inspection of = {.metadata = contents->metadata, .metadata_count = contents->metadata_count};

	if (inspection->has_projector)
		return;
	inspect_projector(&of);
	inspection->projector = of.projector;
	inspection->has_projector = of.has_projector;
}

/* What is wrong with what torch packed is wrong with the file. */
static void set_fault(struct ncm_facts *facts, enum ncm_soundness soundness, char *fault)
{
	if (facts->fault || !fault) {
		free(fault);
		return;
	}
	facts->fault = fault;
	facts->soundness = soundness;
}

/* torch's zip: its pickle takes the place of the contents. -1 with *err: the bytes could not be had. */
static int unpack_pickle(const struct ncm_bytes *bytes, struct ncm_facts *facts, struct ncm_contents *contents,
			 struct ncm_error *err)
{
	struct ncm_error why = NCM_ERROR_INIT;
	struct ncm_facts inner = {0};
	size_t size = 0;
	NCM_AUTO_FREE char *text = ncm_archive_member(bytes, "data.pkl", NCM_LIMIT_PICKLE, &size, &why);
	const struct ncm_piece piece = {text, size};
	const struct ncm_bytes of_text = ncm_bytes_of_piece(&piece);
	int failed = 0;

	if (!text) {
		set_fault(facts, why.code == NCM_E_CHECKSUM ? NCM_BROKEN : NCM_UNJUDGED,
			  ncm_strdup(why.message ? why.message : "it has no data.pkl"));
		ncm_error_clear(&why);
		return 0;
	}
	ncm_contents_clear(contents);
	failed = ncm_format_read_all(&of_text, NULL, &inner, contents, err);
	set_fault(facts, inner.soundness, inner.fault);
	inner.fault = NULL;
	inspection_set(&facts->kind, inner.kind);
	inspection_set(&facts->architecture, inner.architecture);
	facts->parameter_count = inner.parameter_count;
	facts->tensor_count = inner.tensor_count;
	ncm_facts_clear(&inner);
	return failed;
}

int inspect_read(struct ncm_inspection *inspection, const struct ncm_bytes *bytes, struct ncm_error *err)
{
	const size_t index = inspection->file_count - 1;
	struct ncm_inspected_file *file = &inspection->files[index];
	struct ncm_contents *contents = ncm_calloc(1, sizeof *contents);
	struct ncm_facts facts = {0};

	*NCM_PUSH(inspection->memory->contents, inspection->memory->count) = contents;
	file->size = bytes->size;
	if (ncm_format_read_all(bytes, NULL, &facts, contents, err) < 0 ||
	    (contents->is_zip && unpack_pickle(bytes, &facts, contents, err) < 0)) {
		ncm_facts_clear(&facts);
		return -1;
	}
	describe(file, &facts, contents);
	if (is_projector(file))
		take_projector(inspection, contents);
	else if (!inspection->metadata)
		take_metadata(inspection, contents);
	take_tensors(inspection, contents, index);
	ncm_strings_add_all(&inspection->imports, &contents->imports);
	ncm_strings_add_all(&inspection->unsafe_imports, &contents->unsafe_imports);
	if (facts.format == NCM_FORMAT_PICKLE && !is_projector(file))
		inspection->pickle_is_plain = !contents->imports_are_known           ? NCM_NOT_KNOWN
					      : inspection->unsafe_imports.count > 0 ? NCM_KNOWN_NO
										     : NCM_KNOWN_YES;
	if (!is_projector(file))
		take_facts(inspection, &facts);
	ncm_facts_clear(&facts);
	return 0;
}

/* All together. */

static unsigned gravity(enum ncm_inspected_state state)
{
	static const unsigned char gravities[] = {
	    [NCM_INSPECTED_SOUND] = 0,     [NCM_INSPECTED_UNJUDGED] = 1, [NCM_INSPECTED_MISSING] = 2,
	    [NCM_INSPECTED_TRUNCATED] = 3, [NCM_INSPECTED_BROKEN] = 4,
	};

	return gravities[state];
}

static void sum_files(struct ncm_inspection *inspection)
{
	bool whole = true;

	for (size_t i = 0; i < inspection->file_count; i++) {
		const struct ncm_inspected_file *file = &inspection->files[i];

		if (!inspection->format)
			inspection->format = file->format;
		if (gravity(file->state) > gravity(inspection->state))
			inspection->state = file->state;
		whole = whole && file->state != NCM_INSPECTED_MISSING && file->state != NCM_INSPECTED_BROKEN;
		inspection->size += file->size;
		inspection->fetched += file->fetched;
	}
	inspection->weights_are_whole = whole;
}

/* Of the experts that a layer has, a token uses some: theirs are "ffn_up_exps" and "mlp.experts.7.up_proj". */
static bool is_of_experts(const char *name)
{
	return strstr(name, "_exps.") || strstr(name, "_exps_") || strstr(name, ".experts.");
}

/* A file may tell of more than there can be, and of that not the rest of a division. */
static void add(uint64_t *sum, uint64_t more)
{
	if (__builtin_add_overflow(*sum, more, sum))
		*sum = UINT64_MAX;
}

static void sum_tensors(struct ncm_inspection *inspection)
{
	uint64_t experts = 0, all = 0;
	size_t counted = 0;

	for (size_t i = 0; i < inspection->file_count; i++)
		counted += inspection->files[i].tensor_count;
	for (size_t i = 0; i < inspection->tensor_count; i++) {
		const struct ncm_tensor *tensor = &inspection->tensors[i];

		add(&all, tensor->elements);
		add(&experts, is_of_experts(tensor->name) ? tensor->elements : 0);
		add(&inspection->weight_bytes, tensor->bytes);
		if (tensor->bytes == 0 && tensor->elements > 0)
			inspection->weights_are_whole = false;
	}
	if (inspection->tensor_count == 0 || counted != inspection->tensor_count)
		inspection->weights_are_whole = false;
	inspection->parameter_count = all;
	if (experts == 0)
		inspection->active_parameters = all;
	else if (inspection->experts > 0 && inspection->experts_used > 0 &&
		 inspection->experts_used <= inspection->experts)
		inspection->active_parameters =
		    all - experts +
		    (uint64_t)((double)experts * (double)inspection->experts_used / (double)inspection->experts);
}

/* The type that most of the weights have: what the first part alone says of a split model is of the first part. */
static const char *most_common_type(const struct ncm_inspection *inspection)
{
	enum { TYPES = 64 };
	struct {
		const char *name;
		uint64_t elements;
	} types[TYPES] = {{0}};
	size_t count = 0, most = 0;

	for (size_t i = 0; i < inspection->tensor_count; i++) {
		const struct ncm_tensor *tensor = &inspection->tensors[i];
		size_t j = 0;

		while (j < count && strcmp(types[j].name, tensor->dtype) != 0)
			j++;
		if (j == TYPES)
			continue;
		count += j == count;
		types[j].name = tensor->dtype;
		types[j].elements += tensor->elements;
		most = types[j].elements > types[most].elements ? j : most;
	}
	return types[most].name;
}

static void take_identity(struct ncm_inspection *inspection)
{
	const struct ncm_facts *first = &inspection->memory->first;

	inspection_set(&inspection->name, first->name);
	inspection_set(&inspection->architecture, first->architecture);
	inspection_set(&inspection->kind, first->kind);
	inspection_set(&inspection->license, first->license);
	inspection_set(&inspection->parameters,
		       inspection->file_count == 1 || ncm_inspection_find(inspection, "general.size_label")
			   ? first->parameters
			   : NULL);
	if (first->context_length > 0)
		inspection->context_length = first->context_length;
}

static void count_parameters(struct ncm_inspection *inspection)
{
	const double count = (double)inspection->parameter_count;

	if (inspection->parameters || count < 1)
		return;
	if (count >= 999.5e6)
		inspection->parameters = ncm_asprintf("%.1fB", count / 1e9);
	else if (count >= 999.5e3)
		inspection->parameters = ncm_asprintf("%.0fM", count / 1e6);
	else if (count >= 1e3)
		inspection->parameters = ncm_asprintf("%.0fK", count / 1e3);
	else
		inspection->parameters = ncm_asprintf("%.0f", count);
}

void inspect_finish(struct ncm_inspection *inspection)
{
	const struct ncm_facts *first = &inspection->memory->first;

	take_identity(inspection);
	sum_files(inspection);
	inspect_shape(inspection);
	inspect_layers(inspection);
	if (!inspection->has_projector)
		inspect_projector(inspection);
	sum_tensors(inspection);
	inspect_diffusion(inspection);
	count_parameters(inspection);
	inspection_set(&inspection->quantization,
		       first->quantization && ncm_inspection_find(inspection, "general.file_type")
			   ? first->quantization
			   : most_common_type(inspection));
	inspection_set(&inspection->quantization, first->quantization);
}
