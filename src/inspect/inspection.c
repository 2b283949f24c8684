/* SPDX-License-Identifier: MIT */
#include "inspect/work.h"

#include "base/mem.h"
#include "base/strings.h"

#include <string.h>

struct ncm_inspection *inspection_new(char *location)
{
	struct ncm_inspection *inspection = ncm_calloc(1, sizeof *inspection);

	inspection->location = location;
	inspection->memory = ncm_calloc(1, sizeof *inspection->memory);
	return inspection;
}

struct ncm_inspected_file *inspection_add(struct ncm_inspection *inspection, const char *name, const char *role)
{
	struct ncm_inspected_file *file = NCM_PUSH(inspection->files, inspection->file_count);

	file->name = ncm_strdup(name);
	file->role = ncm_strdup_null(role);
	file->state = NCM_INSPECTED_UNJUDGED;
	return file;
}

void inspection_set(char **fact, const char *text)
{
	if (!*fact && text)
		*fact = ncm_strdup(text);
}

static void free_files(struct ncm_inspection *inspection)
{
	for (size_t i = 0; i < inspection->file_count; i++) {
		free(inspection->files[i].name);
		free(inspection->files[i].fault);
		free(inspection->files[i].role);
	}
	free(inspection->files);
}

static void free_memory(struct ncm_inspection_memory *memory)
{
	for (size_t i = 0; i < memory->count; i++) {
		ncm_contents_clear(memory->contents[i]);
		free(memory->contents[i]);
	}
	free(memory->contents);
	ncm_facts_clear(&memory->first);
	free(memory);
}

void ncm_inspection_free(struct ncm_inspection *inspection)
{
	if (!inspection)
		return;
	char *const texts[] = {inspection->location,      inspection->name,           inspection->architecture,
			       inspection->kind,          inspection->license,        inspection->quantization,
			       inspection->parameters,    inspection->chat_template,  inspection->tokenizer,
			       inspection->pooling,       inspection->projector.type, inspection->diffusion_family,
			       inspection->diffusion_role};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		free(texts[i]);
	free_files(inspection);
	free_memory(inspection->memory);
	ncm_strings_free(&inspection->imports);
	ncm_strings_free(&inspection->unsafe_imports);
	free(inspection->layers);
	free(inspection->metadata);
	free(inspection->tensors);
	free(inspection);
}

const char *ncm_inspected_state_name(enum ncm_inspected_state state)
{
	static const char *const names[] = {
	    [NCM_INSPECTED_SOUND] = "sound",     [NCM_INSPECTED_TRUNCATED] = "truncated",
	    [NCM_INSPECTED_BROKEN] = "broken",   [NCM_INSPECTED_UNJUDGED] = "unjudged",
	    [NCM_INSPECTED_MISSING] = "missing",
	};

	return names[state];
}

const struct ncm_metadata *ncm_inspection_find(const struct ncm_inspection *inspection, const char *key)
{
	for (size_t i = 0; i < inspection->metadata_count; i++) {
		if (strcmp(inspection->metadata[i].key, key) == 0)
			return &inspection->metadata[i];
	}
	return NULL;
}

const struct ncm_metadata *ncm_inspection_own(const struct ncm_inspection *inspection, const char *key)
{
	const size_t prefix = inspection->architecture ? strlen(inspection->architecture) : 0;

	for (size_t i = 0; prefix > 0 && i < inspection->metadata_count; i++) {
		const char *other = inspection->metadata[i].key;

		if (strncmp(other, inspection->architecture, prefix) == 0 && other[prefix] == '.' &&
		    strcmp(other + prefix + 1, key) == 0)
			return &inspection->metadata[i];
	}
	return NULL;
}

bool ncm_metadata_number(const struct ncm_metadata *value, size_t item, uint64_t *number)
{
	if (!value)
		return false;
	if (value->kind == NCM_METADATA_UNSIGNED || value->kind == NCM_METADATA_FLAG) {
		*number = value->whole;
		return true;
	}
	if (!value->numbers || item >= value->count || !(value->numbers[item] >= 0 && value->numbers[item] < 0x1p63) ||
	    (double)(uint64_t)value->numbers[item] != value->numbers[item])
		return false;
	*number = (uint64_t)value->numbers[item];
	return true;
}

uint64_t ncm_inspection_number(const struct ncm_inspection *inspection, const char *key)
{
	uint64_t number;

	return ncm_metadata_number(ncm_inspection_own(inspection, key), 0, &number) ? number : 0;
}
