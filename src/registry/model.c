/* SPDX-License-Identifier: MIT */
#include "registry/model.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "format/format.h"
#include "source/card.h"

#include <stddef.h>
#include <string.h>

void registry_describe(const struct ncm_model *model, const struct ncm_variant *variant, struct ncm_reg_model *entry)
{
	entry->id = model->id;
	entry->display_name = model->name;
	entry->profile = model->profile;
	entry->phase = model->phase;
	entry->priority = (char *)model->priority;
	entry->kind = model->kind;
	entry->variant = variant ? variant->name : NULL;
	entry->license = model->license;
	entry->license_class = model->license_class || model->gated ? (char *)ncm_model_license_class(model) : NULL;
	entry->format = variant && variant->format ? variant->format : model->format;
	entry->architecture = model->architecture;
	entry->quantization = variant && variant->quantization ? variant->quantization : model->quantization;
	entry->parameters = model->parameters;
	entry->context_length = model->context_length;
	entry->dimensions = model->dimensions;
	entry->vram_gb = model->vram_max > 0 ? model->vram_max : model->vram_min;
	entry->vram_at_least = model->vram_at_least;
	entry->performance_score = model->performance_score;
	entry->cost_score = model->cost_score;
	entry->performance_score_source = model->performance_score_source;
	entry->cost_score_source = model->cost_score_source;
	entry->privacy_tier = model->privacy_tier;
	entry->use_cases = model->use_cases;
	entry->tags = model->tags;
	entry->capabilities = model->capabilities;
}

void registry_model_copy(struct ncm_reg_model *to, const struct ncm_reg_model *from)
{
	*to = (struct ncm_reg_model){
	    .id = ncm_strdup(from->id),
	    .display_name = ncm_strdup_null(from->display_name),
	    .profile = ncm_strdup_null(from->profile),
	    .phase = from->phase,
	    .priority = ncm_strdup_null(from->priority),
	    .kind = ncm_strdup_null(from->kind),
	    .store = ncm_strdup_null(from->store),
	    .source = ncm_strdup_null(from->source),
	    .revision = ncm_strdup_null(from->revision),
	    .variant = ncm_strdup_null(from->variant),
	    .license = ncm_strdup_null(from->license),
	    .license_class = ncm_strdup_null(from->license_class),
	    .format = ncm_strdup_null(from->format),
	    .architecture = ncm_strdup_null(from->architecture),
	    .quantization = ncm_strdup_null(from->quantization),
	    .parameters = ncm_strdup_null(from->parameters),
	    .context_length = from->context_length,
	    .dimensions = from->dimensions,
	    .vram_gb = from->vram_gb,
	    .vram_at_least = from->vram_at_least,
	    .performance_score = from->performance_score,
	    .cost_score = from->cost_score,
	    .performance_score_source = ncm_strdup_null(from->performance_score_source),
	    .cost_score_source = ncm_strdup_null(from->cost_score_source),
	    .privacy_tier = ncm_strdup_null(from->privacy_tier),
	    .trust = ncm_strdup_null(from->trust),
	};
	card_copy(&to->card, &from->card);
	ncm_strings_add_all(&to->use_cases, &from->use_cases);
	ncm_strings_add_all(&to->tags, &from->tags);
	ncm_strings_add_all(&to->capabilities, &from->capabilities);
	ncm_strings_add_all(&to->profiles, &from->profiles);
	ncm_strings_add_all(&to->aliases, &from->aliases);
}

const struct ncm_reg_file *registry_file_at(const struct ncm_reg_model *entry, const char *abs)
{
	for (size_t i = 0; i < entry->file_count; i++) {
		if (strcmp(entry->files[i].abs, abs) == 0)
			return &entry->files[i];
	}
	return NULL;
}

static bool lies_in(const char *path, const char *folder)
{
	const char *base = ncm_path_base(path);
	const size_t size = strlen(folder);

	return (size_t)(base - path) > size + 1 && base[-1] == '/' && strncmp(base - size - 1, folder, size) == 0 &&
	       base[-2 - (ptrdiff_t)size] == '/';
}

/* Of a repository all files have one role, and of Ollama's blobs none has a name that says anything. */
static unsigned worth_of(const struct ncm_reg_file *file)
{
	const char *base = ncm_path_base(file->abs);
	const bool is_weights = file->role && strcmp(file->role, "weights") == 0;

	if (file->role && strcmp(file->role, "model") == 0)
		return 4;
	if (!is_weights)
		return ncm_format_is_model_name(base);
	if (strcasestr(base, "mmproj"))
		return 3;
	if (!ncm_format_is_model_name(base))
		return 2;
	/* Of a pipeline in parts these are what it is called by. */
	if (lies_in(file->abs, "unet") || lies_in(file->abs, "transformer"))
		return 7;
	return ncm_format_promised(base) == NCM_FORMAT_UNKNOWN ? 5 : 6;
}

const struct ncm_reg_file *registry_main_file(const struct ncm_reg_model *entry)
{
	const struct ncm_reg_file *found = NULL;

	for (size_t i = 0; i < entry->file_count; i++) {
		if (!found || worth_of(&entry->files[i]) > worth_of(found))
			found = &entry->files[i];
	}
	return found;
}

bool registry_is_sidecar(const struct ncm_reg_file *file)
{
	return ncm_same_text(file->role, "sidecar");
}

void registry_file_copy(struct ncm_reg_file *to, const struct ncm_reg_file *from)
{
	*to = *from;
	to->path = ncm_strdup_null(from->path);
	to->abs = ncm_strdup_null(from->abs);
	to->store = ncm_strdup_null(from->store);
	to->role = ncm_strdup_null(from->role);
	to->source = ncm_strdup_null(from->source);
	to->revision = ncm_strdup_null(from->revision);
	to->target = ncm_strdup_null(from->target);
}

void registry_file_clear(struct ncm_reg_file *file)
{
	free(file->path);
	free(file->abs);
	free(file->store);
	free(file->role);
	free(file->source);
	free(file->revision);
	free(file->target);
}

void registry_model_clear(struct ncm_reg_model *entry)
{
	char *const texts[] = {entry->id,
			       entry->display_name,
			       entry->profile,
			       entry->priority,
			       entry->kind,
			       entry->store,
			       entry->source,
			       entry->revision,
			       entry->variant,
			       entry->license,
			       entry->format,
			       entry->architecture,
			       entry->quantization,
			       entry->parameters,
			       entry->privacy_tier,
			       entry->trust,
			       entry->file_path,
			       entry->installed_at,
			       entry->verified_at,
			       entry->verify_result,
			       entry->license_class,
			       entry->performance_score_source,
			       entry->cost_score_source};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		free(texts[i]);
	for (size_t i = 0; i < entry->file_count; i++)
		registry_file_clear(&entry->files[i]);
	free(entry->files);
	card_clear(&entry->card);
	ncm_strings_free(&entry->use_cases);
	ncm_strings_free(&entry->tags);
	ncm_strings_free(&entry->capabilities);
	ncm_strings_free(&entry->profiles);
	ncm_strings_free(&entry->aliases);
	*entry = (struct ncm_reg_model){0};
}

bool registry_was_found_wrong(const struct ncm_reg_model *entry)
{
	return entry->verify_result && strcmp(entry->verify_result, "ok") != 0;
}

bool registry_is_unchanged(const struct ncm_reg_file *file, const struct os_stat *status)
{
	return status->kind == OS_IS_FILE && status->size == file->size && status->mtime_ns == file->mtime_ns;
}
