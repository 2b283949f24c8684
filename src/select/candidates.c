/* SPDX-License-Identifier: MIT */
/* What there is to choose from, with what is known of each. */
#include "select/select.h"

#include "base/mem.h"
#include "base/strings.h"
#include "base/text_map.h"

#include <string.h>

/* What nobody states is what models.json has for it. */
static const char *tier_or_default(const char *tier)
{
	return tier ? tier : "Internal";
}

static void take_stated_size(struct ncm_candidate *candidate)
{
	struct ncm_doubt doubt = {0};

	candidate->size = ncm_size_stated(candidate->model->files, candidate->model->file_count, &doubt);
	candidate->size_expected = doubt.expected > 0;
	if (doubt.unknown > 0) /* that of the other files would pass for the model's */
		candidate->size = 0;
}

static struct ncm_candidate of_entry(const struct ncm_reg_model *entry)
{
	return (struct ncm_candidate){
	    .id = entry->id,
	    .registered = entry,
	    .use_cases = &entry->use_cases,
	    .tags = &entry->tags,
	    .quality = entry->performance_score,
	    .cost = entry->cost_score,
	    .privacy_tier = tier_or_default(entry->privacy_tier),
	    .vram_least = entry->vram_gb,
	    .vram_most = entry->vram_at_least ? 0 : entry->vram_gb,
	    .context = entry->context_length,
	    .size = entry->size,
	};
}

/* What the manifest does not say of a model that is installed, models.json may. */
static struct ncm_candidate of_model(const struct ncm_model *model, const struct ncm_reg_model *entry)
{
	struct ncm_candidate candidate = entry ? of_entry(entry) : (struct ncm_candidate){.quality = -1, .cost = -1};

	candidate.id = model->id;
	candidate.model = model;
	candidate.use_cases = &model->use_cases;
	candidate.tags = &model->tags;
	candidate.quality = model->performance_score >= 0 ? model->performance_score : candidate.quality;
	candidate.cost = model->cost_score >= 0 ? model->cost_score : candidate.cost;
	if (model->privacy_tier || !entry)
		candidate.privacy_tier = tier_or_default(model->privacy_tier);
	candidate.latency_ms = model->latency_ms;
	if (model->vram_max > 0) {
		candidate.vram_least = model->vram_min;
		candidate.vram_most = model->vram_at_least ? 0 : model->vram_max;
	}
	candidate.context = model->context_length ? model->context_length : candidate.context;
	if (candidate.size == 0)
		take_stated_size(&candidate);
	return candidate;
}

static bool is_of(const struct ncm_model *model, const char *profile)
{
	return profile && ncm_same_text(model->profile, profile);
}

/* An id is there once: that of the profile asked for, else the first's, unless only another's is what is installed. */
static void add_offered(const struct ncm_model *model, const struct ncm_reg_model *entry, const char *profile,
			struct ncm_candidate *candidates, size_t *count, struct ncm_text_map *ids)
{
	const size_t length = strlen(model->id);

	if (ncm_text_map_add(ids, model->id, length, *count)) {
		candidates[(*count)++] = of_model(model, entry);
	} else if (entry || is_of(model, profile)) {
		struct ncm_candidate *first = &candidates[*ncm_text_map_find(ids, model->id, length)];

		if (is_of(model, profile) || (!first->registered && !is_of(first->model, profile)))
			*first = of_model(model, entry);
	}
}

struct ncm_candidate *ncm_candidates(const struct ncm_catalog *catalog, const struct ncm_registry *registry,
				     const char *profile, size_t *count)
{
	const size_t offered = catalog ? catalog->count : 0;
	struct ncm_candidate *candidates = ncm_calloc(offered + registry->count + 1, sizeof *candidates);
	NCM_AUTO_FREE bool *seen = ncm_calloc(registry->count + 1, sizeof *seen);
	struct ncm_text_map ids = {0};

	*count = 0;
	for (size_t i = 0; i < offered; i++) {
		const struct ncm_model *model = &catalog->models[i];
		const struct ncm_reg_model *entry = ncm_registry_same(registry, model);

		if (entry)
			seen[entry - registry->models] = true;
		add_offered(model, entry, profile, candidates, count, &ids);
	}
	for (size_t i = 0; i < registry->count; i++) {
		if (!seen[i])
			candidates[(*count)++] = of_entry(&registry->models[i]);
	}
	for (size_t i = 0; i < *count; i++)
		candidates[i].place = i;
	ncm_text_map_free(&ids);
	return candidates;
}

void ncm_candidate_counted(struct ncm_candidate *candidate, uint64_t bytes, uint64_t error)
{
	const double gb = 1 << 30;

	candidate->vram_counted = true;
	candidate->vram_least = (double)(bytes > error ? bytes - error : 1) / gb;
	candidate->vram_most = (double)(bytes + error) / gb;
}

bool ncm_star_of_use_case(const char *use_case, enum ncm_star *star)
{
	/* The columns of the plan's matrix of capabilities; of other use cases it says nothing. */
	static const struct {
		const char *use_case;
		enum ncm_star star;
	} columns[] = {
	    {"CodeGeneration", NCM_STAR_CODE}, {"CodeAnalysis", NCM_STAR_CODE}, {"Reasoning", NCM_STAR_REASONING},
	    {"Vision", NCM_STAR_VISION},       {"AgentTask", NCM_STAR_AGENTS},
	};

	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
		if (ncm_same_words(columns[i].use_case, use_case)) {
			*star = columns[i].star;
			return true;
		}
	}
	return false;
}
