/* SPDX-License-Identifier: MIT */
#include "model_json.h"

#include "ui/clock.h"
#include "ui/text.h"

#include <ncmodel/link.h>
#include <ncmodel/text.h>

static void put_known(json_t *object, const char *key, const char *text)
{
	if (text && *text)
		json_put_text(object, key, text);
}

static void put_known_number(json_t *object, const char *key, uint64_t number)
{
	if (number)
		json_put_number(object, key, number);
}

static json_t *targets_json(const struct ncm_file_spec *spec)
{
	json_t *targets = json_array();

	for (size_t i = 0; i < spec->to_count; i++) {
		json_t *target = json_object();

		json_put_text(target, "store", spec->to[i].store);
		put_known(target, "folder", spec->to[i].folder);
		put_known(target, "name", spec->to[i].name);
		json_push(targets, target);
	}
	return targets;
}

static json_t *specs_json(const struct ncm_file_spec *specs, size_t count)
{
	json_t *files = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *file = json_object();

		json_put(file, "from", json_words(&specs[i].from));
		json_put(file, "to", targets_json(&specs[i]));
		if (specs[i].has_size)
			json_put_number(file, "size", specs[i].size);
		if (specs[i].expected_size > 0) {
			json_put_number(file, "expected_size", specs[i].expected_size);
			json_put_text(file, "expected_size_source", specs[i].expected_size_source);
		}
		if (specs[i].has_sha256)
			json_put(file, "sha256", json_digest(&specs[i].sha256));
		if (specs[i].has_digest)
			json_put(file, "digest", json_digest(&specs[i].digest));
		json_put_text(file, "role", specs[i].role);
		json_push(files, file);
	}
	return files;
}

static json_t *variants_json(const struct ncm_model *model)
{
	json_t *variants = json_array();

	for (size_t i = 0; i < model->variant_count; i++) {
		const struct ncm_variant *variant = &model->variants[i];
		json_t *object = json_object();

		json_put_text(object, "name", variant->name);
		put_known(object, "description", variant->description);
		put_known(object, "quantization", variant->quantization);
		put_known(object, "format", variant->format);
		json_put(object, "files", specs_json(variant->files, variant->file_count));
		json_push(variants, object);
	}
	return variants;
}

static json_t *stars_json(const struct ncm_model *model)
{
	json_t *stars = NULL;

	for (enum ncm_star star = 0; star < NCM_STARS; star++) {
		const int count = ncm_model_stars(model, star);

		if (count < 0)
			continue;
		stars = stars ? stars : json_object();
		json_put_number(stars, ncm_star_name(star), (uint64_t)count);
	}
	return stars;
}

void put_stars(json_t *object, const struct ncm_model *model)
{
	json_t *stars = stars_json(model);

	if (stars)
		json_put(object, "stars", stars);
}

static void put_words_of_document(json_t *object, const struct ncm_model *model)
{
	put_known(object, "purpose", model->purpose);
	put_known(object, "speed", model->speed);
	put_known(object, "accuracy", model->accuracy);
	put_known(object, "resolution", model->resolution);
	put_known(object, "duration", model->duration);
}

static void put_facts(json_t *object, const struct ncm_model *model)
{
	put_known(object, "description", model->description);
	put_words_of_document(object, model);
	put_known(object, "architecture", model->architecture);
	put_known(object, "parameters", model->parameters);
	put_known(object, "quantization", model->quantization);
	put_known(object, "format", model->format);
	put_known_number(object, "context_length", model->context_length);
	put_known_number(object, "dimensions", model->dimensions);
	if (model->vram_max > 0) {
		json_put(object, "vram_gb_min", json_real(model->vram_min));
		json_put(object, "vram_gb", json_real(model->vram_max));
	}
	if (model->vram_at_least)
		json_put_flag(object, "vram_gb_at_least", true);
	put_known(object, "license", model->license);
	json_put_text(object, "license_class", ncm_model_license_class(model));
	put_known(object, "license_source", model->license_source);
	put_known(object, "license_url", model->license_url);
	json_put_flag(object, "gated", model->gated);
	put_known(object, "gate_url", model->gate_url);
	if (model->performance_score >= 0)
		json_put(object, "performance_score", json_real(model->performance_score));
	if (model->cost_score >= 0)
		json_put(object, "cost_score", json_real(model->cost_score));
	put_known(object, "performance_score_source", model->performance_score_source);
	put_known(object, "cost_score_source", model->cost_score_source);
	put_known(object, "privacy_tier", model->privacy_tier);
	put_known_number(object, "latency_ms", model->latency_ms);
	put_stars(object, model);
}

json_t *model_json(const struct ncm_model *model, bool installed)
{
	json_t *object = json_object();

	json_put_text(object, "id", model->id);
	json_put_text(object, "name", model->name);
	json_put_flag(object, "installed", installed);
	json_put(object, "aliases", json_words(&model->aliases));
	json_put_text(object, "kind", model->kind);
	json_put_text(object, "profile", model->profile);
	json_put_number(object, "phase", model->phase);
	json_put_text(object, "priority", model->priority);
	put_facts(object, model);
	json_put(object, "use_cases", json_words(&model->use_cases));
	json_put(object, "tags", json_words(&model->tags));
	json_put(object, "capabilities", json_words(&model->capabilities));
	json_put(object, "requires", json_words(&model->requires_ids));
	json_put(object, "files", specs_json(model->files, model->file_count));
	json_put(object, "variants", variants_json(model));
	json_put(object, "notes", json_words(&model->notes));
	return object;
}

/* Whoever wants the file again needs a new address. */
static void put_signed(json_t *object, const char *source)
{
	AUTO_FREE char *told = NULL;
	bool is_signed = false;

	told = ncm_source_told(source, &is_signed);
	if (is_signed)
		json_put_flag(object, "signed", true);
}

static json_t *registered_files_json(const struct ncm_reg_model *model)
{
	json_t *files = json_array();

	for (size_t i = 0; i < model->file_count; i++) {
		const struct ncm_reg_file *file = &model->files[i];
		json_t *object = json_object();

		json_put_text(object, "path", file->abs);
		json_put_text(object, "store", file->store);
		json_put_text(object, "role", file->role);
		json_put_number(object, "size", file->size);
		json_put(object, "sha256", json_digest(&file->sha256));
		json_put_text(object, "origin", ncm_origin_name(file->origin));
		json_put_source(object, "source", file->source);
		put_signed(object, file->source);
		json_put_text(object, "revision", file->revision);
		put_known(object, "target", file->target);
		json_push(files, object);
	}
	return files;
}

void registered_stores(const struct ncm_reg_model *model, struct ncm_strings *stores)
{
	if (model->store)
		words_add_new(stores, model->store);
	for (size_t i = 0; i < model->file_count; i++) {
		if (model->files[i].store)
			words_add_new(stores, model->files[i].store);
	}
}

static json_t *stores_json(const struct ncm_reg_model *model)
{
	struct ncm_strings stores = {0};
	json_t *words;

	registered_stores(model, &stores);
	words = json_words(&stores);
	ncm_strings_free(&stores);
	return words;
}

static void put_card(json_t *object, const struct ncm_card *card)
{
	if (card->trigger_words.count > 0)
		json_put(object, "trigger_words", json_words(&card->trigger_words));
	put_known(object, "base_model", card->base_model);
	put_known(object, "model_name", card->model_name);
	put_known(object, "version_name", card->version_name);
	put_known(object, "page", card->page);
	put_known(object, "preview", card->preview);
	if (card->preferred_weight > 0)
		json_put(object, "preferred_weight", json_real(card->preferred_weight));
}

json_t *registered_json(const struct ncm_reg_model *model)
{
	json_t *object = json_object();

	json_put_text(object, "id", model->id);
	json_put_text(object, "name", model->display_name);
	json_put_flag(object, "installed", true);
	json_put_text(object, "kind", model->kind);
	json_put_text(object, "profile", model->profile);
	json_put(object, "profiles", json_words(&model->profiles));
	json_put_number(object, "phase", model->phase);
	json_put_text(object, "priority", model->priority);
	json_put_text(object, "store", model->store);
	json_put(object, "stores", stores_json(model));
	json_put_source(object, "source", model->source);
	put_signed(object, model->source);
	json_put_text(object, "revision", model->revision);
	put_known(object, "variant", model->variant);
	json_put_text(object, "license", model->license);
	put_known(object, "license_class", model->license_class);
	put_known(object, "format", model->format);
	put_known(object, "architecture", model->architecture);
	put_known(object, "quantization", model->quantization);
	put_known(object, "parameters", model->parameters);
	put_known_number(object, "context_length", model->context_length);
	put_known_number(object, "dimensions", model->dimensions);
	if (model->vram_gb > 0)
		json_put(object, "vram_gb", json_real(model->vram_gb));
	put_card(object, &model->card);
	if (model->vram_at_least)
		json_put_flag(object, "vram_gb_at_least", true);
	if (model->performance_score >= 0)
		json_put(object, "performance_score", json_real(model->performance_score));
	if (model->cost_score >= 0)
		json_put(object, "cost_score", json_real(model->cost_score));
	put_known(object, "performance_score_source", model->performance_score_source);
	put_known(object, "cost_score_source", model->cost_score_source);
	json_put_text(object, "privacy_tier", model->privacy_tier);
	json_put(object, "use_cases", json_words(&model->use_cases));
	json_put(object, "tags", json_words(&model->tags));
	json_put(object, "capabilities", json_words(&model->capabilities));
	json_put_text(object, "trust", model->trust);
	json_put_text(object, "file_path", model->file_path);
	json_put_number(object, "size", model->size);
	json_put_number(object, "on_disk", ncm_link_disk_size(model));
	json_put(object, "installed_at", json_local_time(model->installed_at));
	json_put_text(object, "installed_at_local", model->installed_at);
	json_put_text(object, "verified_at", model->verified_at);
	json_put_text(object, "verify_result", model->verify_result);
	json_put(object, "files", registered_files_json(model));
	return object;
}
