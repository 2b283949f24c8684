/* SPDX-License-Identifier: MIT */
#include <ncmodel/registry.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "registry/document.h"
#include "registry/write.h"
#include "store/store.h"

#include <string.h>
#include <strings.h>

static char *copy(const json_t *object, const char *key)
{
	return ncm_strdup_null(ncm_json_string(object, key));
}

static char *absolute(const char *base, const char *path)
{
	NCM_AUTO_FREE char *joined = ncm_path_join(base, path);

	return ncm_path_absolute(joined);
}

static void read_file(const char *base, const json_t *json, struct ncm_reg_file *file)
{
	const char *hex = ncm_json_string(json, "sha256");

	file->path = copy(json, "path");
	file->abs = absolute(base, file->path);
	file->store = copy(json, "store");
	file->role = copy(json, "role");
	(void)ncm_json_u64(json, "size", &file->size);
	if (hex)
		(void)ncm_sha256_parse(hex, &file->sha256);
	file->mtime_ns = json_integer_value(json_object_get(json, "mtime_ns"));
}

/* An entry of the older scripts knows one path, and neither digest nor exact size. */
static void make_file(const char *base, struct ncm_reg_model *model)
{
	struct ncm_reg_file *file = NCM_PUSH(model->files, model->file_count);

	file->path = ncm_strdup(model->file_path);
	file->abs = absolute(base, model->file_path);
	file->store = ncm_strdup_null(model->store);
	file->role = ncm_strdup("weights");
}

static void read_files(const char *base, const json_t *entry, struct ncm_reg_model *model)
{
	const json_t *file;
	size_t i;

	json_array_foreach(json_object_get(entry, "files"), i, file)
	{
		read_file(base, file, NCM_PUSH(model->files, model->file_count));
		if (__builtin_add_overflow(model->size, model->files[i].size, &model->size))
			model->size = UINT64_MAX;
	}
	if (model->file_count == 0) {
		uint64_t mib = 0;

		make_file(base, model);
		if (!ncm_json_u64(entry, "size_mb", &mib) || __builtin_mul_overflow(mib, 1u << 20, &model->size))
			model->size = 0;
	}
}

static void read_entry(const char *base, const json_t *entry, struct ncm_reg_model *model)
{
	const struct {
		const char *key;
		char **text;
	} texts[] = {
	    {"display_name", &model->display_name},
	    {"profile", &model->profile},
	    {"priority", &model->priority},
	    {"kind", &model->kind},
	    {"store", &model->store},
	    {"source", &model->source},
	    {"revision", &model->revision},
	    {"variant", &model->variant},
	    {"license", &model->license},
	    {"format", &model->format},
	    {"architecture", &model->architecture},
	    {"quantization", &model->quantization},
	    {"parameters", &model->parameters},
	    {"privacy_tier", &model->privacy_tier},
	    {"trust", &model->trust},
	    {"file_path", &model->file_path},
	    {"installed_at", &model->installed_at},
	    {"verified_at", &model->verified_at},
	    {"verify_result", &model->verify_result},
	};
	uint64_t phase = 0;

	model->id = ncm_strdup(registry_entry_id(entry));
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		*texts[i].text = copy(entry, texts[i].key);
	if (!model->display_name)
		model->display_name = ncm_strdup(model->id);
	if (ncm_json_u64(entry, "phase", &phase) && phase <= 3)
		model->phase = (unsigned)phase;
	(void)ncm_json_u64(entry, "context_length", &model->context_length);
	(void)ncm_json_u64(entry, "dimensions", &model->dimensions);
	(void)ncm_json_number(entry, "vram_gb", &model->vram_gb);
	model->performance_score = model->cost_score = -1;
	(void)ncm_json_number(entry, "performance_score", &model->performance_score);
	(void)ncm_json_number(entry, "cost_score", &model->cost_score);
	model->performance_score = registry_score(model->performance_score);
	model->cost_score = registry_score(model->cost_score);
	ncm_json_strings(entry, "use_cases", &model->use_cases);
	ncm_json_strings(entry, "tags", &model->tags);
	ncm_json_strings(entry, "capabilities", &model->capabilities);
	read_files(base, entry, model);
	if (!model->file_path)
		model->file_path = ncm_strdup(model->files[0].path);
}

struct ncm_registry *ncm_registry_read(const char *path, struct ncm_error *err)
{
	bool missing = false;
	NCM_AUTO_JSON json_t *document = registry_document(path, &missing, err);
	NCM_AUTO_FREE char *base = registry_base(path);
	struct ncm_registry *registry;
	const json_t *entry;
	size_t i;

	if (!document && !missing)
		return NULL;
	registry = ncm_calloc(1, sizeof *registry);
	registry->path = ncm_strdup(path);
	json_array_foreach(json_object_get(document, "models"), i, entry)
	    read_entry(base, entry, NCM_PUSH(registry->models, registry->count));
	return registry;
}

struct ncm_registry *ncm_registry_load(const struct ncm_config *config, struct ncm_error *err)
{
	struct ncm_layout *layout = ncm_layout_load(config, err);
	NCM_AUTO_FREE char *path = layout ? ncm_layout_registry(layout, config) : NULL;

	ncm_layout_free(layout);
	return path ? ncm_registry_read(path, err) : NULL;
}

static void clear_model(struct ncm_reg_model *model)
{
	char *const texts[] = {model->id,           model->display_name, model->profile,      model->priority,
			       model->kind,         model->store,        model->source,       model->revision,
			       model->variant,      model->license,      model->format,       model->architecture,
			       model->quantization, model->parameters,   model->privacy_tier, model->trust,
			       model->file_path,    model->installed_at, model->verified_at,  model->verify_result};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		free(texts[i]);
	ncm_strings_free(&model->use_cases);
	ncm_strings_free(&model->tags);
	ncm_strings_free(&model->capabilities);
	for (size_t i = 0; i < model->file_count; i++) {
		free(model->files[i].path);
		free(model->files[i].abs);
		free(model->files[i].store);
		free(model->files[i].role);
	}
	free(model->files);
}

void ncm_registry_free(struct ncm_registry *registry)
{
	if (!registry)
		return;
	for (size_t i = 0; i < registry->count; i++)
		clear_model(&registry->models[i]);
	free(registry->models);
	free(registry->path);
	free(registry);
}

static bool has_file_name(const struct ncm_reg_model *model, const char *name)
{
	if (strcasecmp(ncm_path_base(model->file_path), name) == 0)
		return true;
	for (size_t i = 0; i < model->file_count; i++) {
		if (strcasecmp(ncm_path_base(model->files[i].path), name) == 0)
			return true;
	}
	return false;
}

/* The id is meant before a name is. */
const struct ncm_reg_model *ncm_registry_find(const struct ncm_registry *registry, const char *name)
{
	for (size_t i = 0; i < registry->count; i++) {
		if (strcasecmp(registry->models[i].id, name) == 0)
			return &registry->models[i];
	}
	for (size_t i = 0; i < registry->count; i++) {
		if (strcasecmp(registry->models[i].display_name, name) == 0)
			return &registry->models[i];
	}
	for (size_t i = 0; i < registry->count; i++) {
		if (has_file_name(&registry->models[i], name))
			return &registry->models[i];
	}
	return NULL;
}
