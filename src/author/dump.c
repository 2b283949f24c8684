/* SPDX-License-Identifier: MIT */
/* From models.json back to a manifest. */
#include "author/author.h"

#include "base/mem.h"
#include "base/strings.h"
#include "manifest/load.h"
#include "manifest/lock.h"
#include "registry/document.h"

#include <ncmodel/registry.h>

static void describe(const struct ncm_reg_model *entry, struct ncm_model *model)
{
	model->id = ncm_strdup(entry->id);
	model->name = ncm_strdup_null(entry->display_name);
	/* What a manifest has no word for is some checkpoint. */
	model->kind = ncm_strdup(manifest_is_kind(entry->kind) ? entry->kind : "checkpoint");
	model->architecture = ncm_strdup_null(entry->architecture);
	model->parameters = ncm_strdup_null(entry->parameters);
	model->quantization = ncm_strdup_null(entry->quantization);
	model->format = ncm_strdup_null(entry->format);
	model->context_length = entry->context_length;
	model->dimensions = entry->dimensions;
	model->vram_max = entry->vram_gb;
	model->vram_at_least = entry->vram_at_least;
	model->license = ncm_strdup_null(entry->license);
	registry_split_use_cases(entry, &model->use_cases, &model->tags);
	ncm_strings_add_all(&model->capabilities, &entry->capabilities);
	model->performance_score = entry->performance_score;
	model->cost_score = entry->cost_score;
	model->performance_score_source = ncm_strdup_null(entry->performance_score_source);
	model->cost_score_source = ncm_strdup_null(entry->cost_score_source);
	model->privacy_tier = ncm_strdup(registry_privacy(entry->privacy_tier));
	model->phase = entry->phase;
}

/* What models.json does not record. */
static void describe_more(const struct ncm_model *known, struct ncm_model *model)
{
	ncm_strings_add_all(&model->aliases, &known->aliases);
	model->description = ncm_strdup_null(known->description);
	model->purpose = ncm_strdup_null(known->purpose);
	model->vram_min = known->vram_min;
	model->vram_at_least = known->vram_at_least;
	model->speed = ncm_strdup_null(known->speed);
	model->accuracy = ncm_strdup_null(known->accuracy);
	model->resolution = ncm_strdup_null(known->resolution);
	model->duration = ncm_strdup_null(known->duration);
	model->license_class = ncm_strdup_null(known->license_class);
	model->license_source = ncm_strdup_null(known->license_source);
	model->license_url = ncm_strdup_null(known->license_url);
	model->gated = known->gated;
	model->gate_url = ncm_strdup_null(known->gate_url);
	ncm_strings_add_all(&model->requires_ids, &known->requires_ids);
	ncm_strings_add_all(&model->notes, &known->notes);
}

int dump_entry(struct author *author, const struct provenance *provenance, const struct ncm_reg_model *entry,
	       char **why)
{
	const struct ncm_variant *variant = NULL;
	const struct ncm_model *known = dump_known_model(provenance->catalog, entry, &variant);
	struct ncm_model model = {0};
	const int failed = dump_files(provenance, author->layout, entry, &model, why);

	if (!failed) {
		describe(entry, &model);
		if (known)
			describe_more(known, &model);
		author_take(author, &model, 0, entry->id);
	}
	manifest_model_clear(&model);
	return failed;
}

static void dump_model(struct author *author, const struct provenance *provenance, const struct ncm_reg_model *entry)
{
	NCM_AUTO_FREE char *why = NULL;

	if (dump_entry(author, provenance, entry, &why) < 0)
		author_leave_out(author, 0, entry->id, "%s", why);
}

/* In the order of the phases, as a pull takes them. */
static void dump_models(struct author *author, const struct provenance *provenance,
			const struct ncm_reg_model *const *models, size_t count)
{
	enum { PHASES = 3 };

	for (unsigned phase = 1; phase <= PHASES + 1; phase++) {
		for (size_t i = 0; i < count; i++) {
			if (models[i]->phase == phase % (PHASES + 1))
				dump_model(author, provenance, models[i]);
		}
	}
}

static struct ncm_lock *load_lock(const struct author *author, struct ncm_error *err)
{
	NCM_AUTO_FREE char *path = ncm_layout_lock(author->layout, author->config);

	return ncm_lock_load(path, err);
}

struct ncm_draft *ncm_draft_dump(const struct ncm_config *config, const struct ncm_catalog *catalog,
				 const struct ncm_selector *selector, const struct ncm_draft_options *options,
				 struct ncm_error *err)
{
	struct ncm_registry *registry = ncm_registry_load(config, err);
	NCM_AUTO_FREE const struct ncm_reg_model **chosen = NULL;
	struct ncm_lock *lock = NULL;
	struct ncm_draft *draft = NULL;
	struct author author;
	size_t count = 0;

	if (registry && ncm_registry_select(registry, selector, &chosen, &count, err) == 0 &&
	    author_start(&author, config, options, err) == 0) {
		lock = load_lock(&author, err);
		if (lock)
			dump_models(&author, &(struct provenance){catalog, lock}, chosen, count);
		draft = lock ? author_finish(&author, "What is installed",
					     "Dumped from models.json: every file is pinned.", err)
			     : author_drop(&author);
	}
	ncm_lock_free(lock);
	ncm_registry_free(registry);
	return draft;
}
