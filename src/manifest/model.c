/* SPDX-License-Identifier: MIT */
#include "manifest/load.h"

#include "base/strings.h"

#include <ncmodel/manifest.h>
#include <string.h>

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

const char *ncm_star_name(enum ncm_star star)
{
	static const char *const names[NCM_STARS] = {
	    [NCM_STAR_CODE] = "code",     [NCM_STAR_REASONING] = "reasoning", [NCM_STAR_VISION] = "vision",
	    [NCM_STAR_AGENTS] = "agents", [NCM_STAR_SPEED] = "speed",
	};

	return names[star];
}

int ncm_model_stars(const struct ncm_model *model, enum ncm_star star)
{
	return model->rated[star] ? (int)model->stars[star] : -1;
}

const char *ncm_model_license_class(const struct ncm_model *model)
{
	if (model->license_class)
		return model->license_class;
	return model->gated ? "gated" : "unknown";
}

bool manifest_goes_to(const struct ncm_model *model, const char *store)
{
	for (size_t i = 0; i < model->file_count; i++) {
		for (size_t k = 0; k < model->files[i].to_count; k++) {
			if (strcmp(model->files[i].to[k].store, store) == 0)
				return true;
		}
	}
	return false;
}

void manifest_rule_clear(struct ncm_rule *rule)
{
	char *const texts[] = {rule->profile,  rule->role,  rule->task,   rule->pipeline, rule->words,
			       rule->document, rule->cloud, rule->saving, rule->fallback, rule->fallback_words};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		free(texts[i]);
	ncm_strings_free(&rule->models);
}

void manifest_model_clear(struct ncm_model *model)
{
	char *const texts[] = {model->id,
			       model->name,
			       model->kind,
			       model->description,
			       model->architecture,
			       model->parameters,
			       model->quantization,
			       model->format,
			       model->license,
			       model->license_url,
			       model->gate_url,
			       model->privacy_tier,
			       model->profile,
			       model->purpose,
			       model->speed,
			       model->accuracy,
			       model->resolution,
			       model->duration,
			       model->license_class,
			       model->license_source,
			       model->performance_score_source,
			       model->cost_score_source};
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

/* Of sizes: an unknown one is not 0, and an expected one is not known. */
static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

void ncm_doubt_add(struct ncm_doubt *sum, const struct ncm_doubt *doubt)
{
	sum->expected = add(sum->expected, doubt->expected);
	sum->unknown += doubt->unknown;
}

static uint64_t stated(const struct ncm_file_spec *spec, struct ncm_doubt *doubt)
{
	uint64_t size = 0;

	if (spec->has_size)
		return spec->size;
	for (size_t i = 0; i < spec->layer_count; i++)
		size = add(size, spec->layers[i].size);
	if (spec->layer_count > 0)
		return size;
	ncm_doubt_add(doubt, &(const struct ncm_doubt){spec->expected_size, spec->expected_size == 0});
	return spec->expected_size;
}

uint64_t ncm_size_stated(const struct ncm_file_spec *files, size_t count, struct ncm_doubt *doubt)
{
	uint64_t size = 0;

	for (size_t i = 0; i < count; i++)
		size = add(size, stated(&files[i], doubt));
	return size;
}
