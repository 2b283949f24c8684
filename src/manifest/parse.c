/* SPDX-License-Identifier: MIT */
/* JSON into structures. The schema has passed it, so types are not asked for again; digests are rules.c's to check. */
#include "manifest/load.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/strings.h"
#include "source/source.h"

#include <string.h>

static char *copy(const json_t *object, const char *key)
{
	return ncm_strdup_null(ncm_json_string(object, key));
}

static double score(const json_t *object, const char *key)
{
	double value = -1;

	(void)ncm_json_number(object, key, &value);
	return value;
}

static void parse_target(const json_t *json, struct ncm_file_spec *spec)
{
	struct ncm_target *target = NCM_PUSH(spec->to, spec->to_count);

	target->store = copy(json, "store");
	target->folder = copy(json, "folder");
	target->name = copy(json, "name");
}

static void parse_targets(const json_t *json, struct ncm_file_spec *spec)
{
	const json_t *array = json_object_get(json, "to");
	const json_t *item;
	size_t i;

	json_array_foreach(array, i, item) parse_target(item, spec);
	/* Only what goes to a store as a whole goes without saying; for others the rules have found it. */
	if (!array && spec->from.count > 0 && ncm_source_gives_blobs(spec->from.items[0]))
		NCM_PUSH(spec->to, spec->to_count)->store = ncm_strdup(ncm_source_habit(spec->from.items[0])->store);
}

static void parse_layers(const json_t *json, struct ncm_file_spec *spec)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(json, "layers"), i, item)
	{
		struct ncm_layer_pin *pin = NCM_PUSH(spec->layers, spec->layer_count);

		(void)ncm_sha256_parse(ncm_json_string(item, "digest"), &pin->digest);
		(void)ncm_json_u64(item, "size", &pin->size);
		pin->type = copy(item, "type");
	}
}

static void parse_file(const json_t *json, struct ncm_file_spec *spec)
{
	const json_t *extract = json_object_get(json, "extract");
	uint64_t strip = 0;

	ncm_json_strings(json, "from", &spec->from);
	parse_targets(json, spec);
	parse_layers(json, spec);
	ncm_json_strings(json, "include", &spec->include);
	ncm_json_strings(json, "exclude", &spec->exclude);
	spec->has_size = ncm_json_u64(json, "size", &spec->size);
	(void)ncm_json_u64(json, "expected_size", &spec->expected_size);
	spec->expected_size_source = copy(json, "expected_size_source");
	spec->has_sha256 = ncm_sha256_parse(ncm_json_string(json, "sha256"), &spec->sha256) == 0;
	spec->has_digest = ncm_sha256_parse(ncm_json_string(json, "digest"), &spec->digest) == 0;
	spec->role = ncm_strdup(ncm_json_string(json, "role") ? ncm_json_string(json, "role") : "weights");
	spec->extract = extract != NULL;
	if (ncm_json_u64(extract, "strip", &strip))
		spec->strip = (unsigned)strip;
	spec->allow_pickle = ncm_json_bool(json, "allow_pickle");
	spec->insecure_http = ncm_json_bool(json, "insecure_http");
}

static void parse_files(const json_t *json, struct ncm_file_spec **files, size_t *count)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(json, "files"), i, item) parse_file(item, NCM_PUSH(*files, *count));
}

static void parse_variants(const json_t *json, struct ncm_model *model)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(json, "variants"), i, item)
	{
		struct ncm_variant *variant = NCM_PUSH(model->variants, model->variant_count);

		variant->name = copy(item, "name");
		variant->description = copy(item, "description");
		variant->quantization = copy(item, "quantization");
		variant->format = copy(item, "format");
		parse_files(item, &variant->files, &variant->file_count);
	}
}

static void parse_vram(const json_t *json, struct ncm_model *model)
{
	const json_t *range = json_object_get(json, "vram_gb");

	if (ncm_json_number(json, "vram_gb", &model->vram_min)) {
		model->vram_max = model->vram_min;
		return;
	}
	(void)ncm_json_number(range, "min", &model->vram_min);
	(void)ncm_json_number(range, "max", &model->vram_max);
}

static void parse_model(const json_t *json, struct ncm_model *model)
{
	model->id = copy(json, "id");
	model->name = copy(json, "name");
	ncm_json_strings(json, "aliases", &model->aliases);
	model->kind = copy(json, "kind");
	model->description = copy(json, "description");
	model->architecture = copy(json, "architecture");
	model->parameters = copy(json, "parameters");
	model->quantization = copy(json, "quantization");
	model->format = copy(json, "format");
	(void)ncm_json_u64(json, "context_length", &model->context_length);
	(void)ncm_json_u64(json, "dimensions", &model->dimensions);
	parse_vram(json, model);
	model->license = copy(json, "license");
	model->license_url = copy(json, "license_url");
	model->gated = ncm_json_bool(json, "gated");
	model->gate_url = copy(json, "gate_url");
	ncm_json_strings(json, "use_cases", &model->use_cases);
	ncm_json_strings(json, "tags", &model->tags);
	ncm_json_strings(json, "capabilities", &model->capabilities);
	model->performance_score = score(json, "performance_score");
	model->cost_score = score(json, "cost_score");
	model->privacy_tier = copy(json, "privacy_tier");
	ncm_json_strings(json, "requires", &model->requires_ids);
	ncm_json_strings(json, "notes", &model->notes);
	parse_files(json, &model->files, &model->file_count);
	parse_variants(json, model);
}

static const char *static_priority(const char *text)
{
	static const char *const priorities[] = {"high", "medium", "low"};

	for (size_t i = 0; text && i < sizeof priorities / sizeof *priorities; i++) {
		if (strcmp(text, priorities[i]) == 0)
			return priorities[i];
	}
	return NULL;
}

void manifest_parse(const json_t *json, struct ncm_catalog *catalog)
{
	uint64_t phase = 0;
	const json_t *item;
	size_t i;

	(void)ncm_json_u64(json, "phase", &phase);
	json_array_foreach(json_object_get(json, "models"), i, item)
	{
		struct ncm_model *model = NCM_PUSH(catalog->models, catalog->count);

		parse_model(item, model);
		model->profile = copy(json, "profile");
		model->phase = (unsigned)phase;
		model->priority = static_priority(ncm_json_string(json, "priority"));
	}
}

static void free_files(struct ncm_file_spec *files, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct ncm_file_spec *spec = &files[i];

		for (size_t k = 0; k < spec->to_count; k++) {
			free(spec->to[k].store);
			free(spec->to[k].folder);
			free(spec->to[k].name);
		}
		for (size_t k = 0; k < spec->layer_count; k++)
			free(spec->layers[k].type);
		free(spec->to);
		free(spec->layers);
		free(spec->expected_size_source);
		free(spec->role);
		ncm_strings_free(&spec->from);
		ncm_strings_free(&spec->include);
		ncm_strings_free(&spec->exclude);
	}
	free(files);
}

void manifest_model_clear(struct ncm_model *model)
{
	char *const texts[] = {model->id,           model->name,        model->kind,         model->description,
			       model->architecture, model->parameters,  model->quantization, model->format,
			       model->license,      model->license_url, model->gate_url,     model->privacy_tier,
			       model->profile};
	struct ncm_strings *const lists[] = {&model->aliases,      &model->use_cases,    &model->tags,
					     &model->capabilities, &model->requires_ids, &model->notes};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		free(texts[i]);
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		ncm_strings_free(lists[i]);
	for (size_t i = 0; i < model->variant_count; i++) {
		free(model->variants[i].name);
		free(model->variants[i].description);
		free(model->variants[i].quantization);
		free(model->variants[i].format);
		free_files(model->variants[i].files, model->variants[i].file_count);
	}
	free(model->variants);
	free_files(model->files, model->file_count);
}
