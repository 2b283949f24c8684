/* SPDX-License-Identifier: MIT */
/* A workflow without addresses: whether a manifest knows the file by its name. */
#include "workflow/workflow.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "digest/name.h"
#include "source/source.h"

#include <ncmodel/registry.h>
#include <string.h>

/* What every other repository calls its file: the name says nothing of the bytes. */
static bool is_common(const char *base)
{
	static const char *const beginnings[] = {
	    "model.", "model-0", "diffusion_pytorch_model", "pytorch_model", "pytorch_lora_weights", "adapter_model"};

	for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
		if (strncmp(base, beginnings[i], strlen(beginnings[i])) == 0)
			return true;
	}
	return false;
}

static bool has_name(const struct ncm_file_spec *spec, const char *base)
{
	NCM_AUTO_FREE char *own = ncm_source_file_name(spec->from.items[0]);

	if (own && strcmp(ncm_path_base(own), base) == 0)
		return true;
	for (size_t i = 0; own && i < spec->to_count; i++) {
		if (spec->to[i].name && strcmp(ncm_path_base(spec->to[i].name), base) == 0)
			return true;
	}
	return false;
}

static bool is_of_folder(const struct ncm_file_spec *spec, const char *folder)
{
	bool of_none = true;

	for (size_t i = 0; i < spec->to_count; i++) {
		if (spec->to[i].folder && folder && strcmp(spec->to[i].folder, folder) == 0)
			return true;
		of_none = of_none && !spec->to[i].folder;
	}
	return of_none || !folder;
}

static bool is_same(const struct ncm_file_spec *a, const struct ncm_file_spec *b)
{
	NCM_AUTO_FREE char *one = NULL, *other = NULL;

	if (a->has_sha256 && b->has_sha256)
		return ncm_sha256_equal(&a->sha256, &b->sha256);
	one = ncm_source_key(a->from.items[0]);
	other = ncm_source_key(b->from.items[0]);
	return ncm_same_text(one, other);
}

const struct ncm_file_spec *workflow_known_file(const struct ncm_catalog *catalog, size_t count,
						const struct ncm_workflow_model *wanted, size_t *index)
{
	const char *base = ncm_path_base(wanted->name);
	const struct ncm_file_spec *found = NULL;

	for (size_t i = 0; !is_common(base) && i < count; i++) {
		for (size_t k = 0; k < catalog->models[i].file_count; k++) {
			const struct ncm_file_spec *spec = &catalog->models[i].files[k];

			if (spec->extract || !is_of_folder(spec, wanted->folder) || !has_name(spec, base))
				continue;
			if (found && !is_same(found, spec))
				return NULL;
			*index = found ? *index : i;
			found = found ? found : spec;
		}
	}
	return found;
}

static bool is_asked_for(const struct ncm_reg_file *file, const struct ncm_workflow_model *wanted)
{
	const char *base = ncm_path_base(wanted->name);

	if (!ncm_sha256_is_zero(&file->archive) || ncm_sha256_is_zero(&file->sha256))
		return false;
	if (wanted->has_sha256)
		return ncm_sha256_equal(&file->sha256, &wanted->sha256);
	return !is_common(base) && strcmp(ncm_path_base(file->abs), base) == 0;
}

const struct ncm_reg_file *workflow_known_here(const struct ncm_registry *registry,
					       const struct ncm_workflow_model *wanted)
{
	const struct ncm_reg_file *found = NULL;

	for (size_t i = 0; i < registry->count; i++) {
		for (size_t k = 0; k < registry->models[i].file_count; k++) {
			const struct ncm_reg_file *file = &registry->models[i].files[k];

			if (!is_asked_for(file, wanted))
				continue;
			if (found && !ncm_sha256_equal(&found->sha256, &file->sha256))
				return NULL;
			found = found && found->source ? found : file;
		}
	}
	return found;
}
