/* SPDX-License-Identifier: MIT */
#include "author/author.h"

#include "base/address.h"
#include "base/mem.h"
#include "base/strings.h"
#include "manifest/load.h"
#include "source/source.h"

#include <ncmodel/text.h>

#include <string.h>

/* As manifest.schema.json has them, in characters; cut as bytes, which are never fewer. */
enum {
	LONGEST_NAME = 200,
	LONGEST_ARCHITECTURE = 100,
	LONGEST_FIGURE = 50,
	LONGEST_LICENSE = 200,
	LONGEST_SOURCE = 500,
	LONGEST_TEXT = 2000,
	MOST_WORDS = 64,
	MOST_NOTES = 32,
};

/* Without half a character at the end. The caller frees it. */
static char *cut(const char *text, size_t longest)
{
	size_t size = strlen(text);

	if (size > longest) {
		size = longest;
		while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
			size--;
	}
	return ncm_strndup(text, size);
}

static void put_text(json_t *json, const char *key, const char *text, size_t longest)
{
	NCM_AUTO_FREE char *shown = text && *text ? ncm_text_shown(text) : NULL;
	NCM_AUTO_FREE char *fit = shown ? cut(shown, longest) : NULL;

	if (fit)
		ncm_json_set_string(json, key, fit);
}

static void put_words(json_t *json, const char *key, const struct ncm_strings *words, size_t longest, size_t most)
{
	json_t *array = json_array();

	for (size_t i = 0; i < words->count && json_array_size(array) < most; i++) {
		NCM_AUTO_FREE char *shown = ncm_text_shown(words->items[i]);
		NCM_AUTO_FREE char *word = cut(shown, longest);
		json_t *value = json_string(word);
		bool known = !value || !*word;

		for (size_t k = 0; k < json_array_size(array) && !known; k++)
			known = json_equal(json_array_get(array, k), value);
		if (!known)
			json_array_append(array, value);
		json_decref(value);
	}
	if (json_array_size(array) > 0 || strcmp(key, "use_cases") == 0)
		json_object_set(json, key, array);
	json_decref(array);
}

static void put_score(json_t *json, const char *key, double score)
{
	if (score >= 0 && score <= 1)
		json_object_set_new(json, key, json_real(score));
}

static void put_count(json_t *json, const char *key, uint64_t count, uint64_t most)
{
	if (count > 0 && count <= most)
		ncm_json_set_u64(json, key, count);
}

static void put_vram(json_t *json, const struct ncm_model *model)
{
	enum { MOST_GB = 10000 };
	const double most = model->vram_max > 0 ? model->vram_max : model->vram_min;

	if (!(most > 0) || most > MOST_GB)
		return;
	if (model->vram_at_least)
		json_object_set_new(json, "vram_gb", json_pack("{s:f}", "min", most));
	else if (model->vram_min > 0 && model->vram_min < most)
		json_object_set_new(json, "vram_gb", json_pack("{s:f,s:f}", "min", model->vram_min, "max", most));
	else
		json_object_set_new(json, "vram_gb", json_real(most));
}

static json_t *targets_json(const struct ncm_file_spec *spec)
{
	json_t *targets = json_array();

	for (size_t i = 0; i < spec->to_count; i++) {
		json_t *target = json_object();

		ncm_json_set_string(target, "store", spec->to[i].store);
		ncm_json_set_string(target, "folder", spec->to[i].folder);
		ncm_json_set_string(target, "name", spec->to[i].name);
		json_array_append_new(targets, target);
	}
	return targets;
}

static void put_layers(json_t *json, const struct ncm_file_spec *spec)
{
	json_t *layers = json_array();

	for (size_t i = 0; i < spec->layer_count; i++) {
		const struct ncm_layer_pin *pin = &spec->layers[i];
		char hex[NCM_SHA256_HEX + 1];
		NCM_AUTO_FREE char *digest = ncm_asprintf("sha256:%s", ncm_sha256_hex(&pin->digest, hex));
		json_t *layer;

		if (!manifest_is_layer_type(pin->type))
			continue;
		layer = json_object();
		ncm_json_set_string(layer, "digest", digest);
		ncm_json_set_u64(layer, "size", pin->size);
		ncm_json_set_string(layer, "type", pin->type);
		json_array_append_new(layers, layer);
	}
	if (json_array_size(layers) > 0)
		json_object_set(json, "layers", layers);
	json_decref(layers);
}

static void put_pins(json_t *json, const struct ncm_file_spec *spec)
{
	char hex[NCM_SHA256_HEX + 1];

	if (spec->has_size) {
		ncm_json_set_u64(json, "size", spec->size);
	} else if (spec->expected_size > 0 && spec->layer_count == 0) {
		ncm_json_set_u64(json, "expected_size", spec->expected_size);
		ncm_json_set_string(json, "expected_size_source", spec->expected_size_source);
	}
	if (spec->has_sha256)
		ncm_json_set_string(json, "sha256", ncm_sha256_hex(&spec->sha256, hex));
	if (spec->has_digest) {
		NCM_AUTO_FREE char *digest = ncm_asprintf("sha256:%s", ncm_sha256_hex(&spec->digest, hex));

		ncm_json_set_string(json, "digest", digest);
	}
	put_layers(json, spec);
}

/* A manifest is made to be shared: no signature is in it. */
static json_t *places_json(const struct ncm_file_spec *spec)
{
	struct ncm_strings places = {0};
	json_t *array;

	for (size_t i = 0; i < spec->from.count; i++) {
		NCM_AUTO_FREE char *place = ncm_source_remembered(spec->from.items[i]);

		ncm_strings_add_new(&places, place);
	}
	array = ncm_json_string_array(&places);
	ncm_strings_free(&places);
	return array;
}

static json_t *spec_json(const struct ncm_file_spec *spec)
{
	json_t *json = json_object();

	json_object_set_new(json, "from", places_json(spec));
	json_object_set_new(json, "to", targets_json(spec));
	put_pins(json, spec);
	if (spec->include.count > 0)
		json_object_set_new(json, "include", ncm_json_string_array(&spec->include));
	if (spec->exclude.count > 0)
		json_object_set_new(json, "exclude", ncm_json_string_array(&spec->exclude));
	if (strcmp(spec->role, "weights") != 0)
		ncm_json_set_string(json, "role", manifest_is_role(spec->role) ? spec->role : "other");
	if (spec->extract)
		json_object_set_new(json, "extract",
				    spec->strip ? json_pack("{s:i}", "strip", (int)spec->strip) : json_object());
	if (spec->allow_pickle)
		json_object_set_new(json, "allow_pickle", json_true());
	if (spec->insecure_http)
		json_object_set_new(json, "insecure_http", json_true());
	return json;
}

static void put_facts(json_t *json, const struct ncm_model *model)
{
	enum { MOST_CONTEXT = 1000000000, MOST_DIMENSIONS = 1000000 };

	put_text(json, "description", model->description, LONGEST_TEXT);
	put_text(json, "purpose", model->purpose, LONGEST_NAME);
	put_text(json, "architecture", model->architecture, LONGEST_ARCHITECTURE);
	put_text(json, "parameters", model->parameters, LONGEST_FIGURE);
	put_text(json, "quantization", model->quantization, LONGEST_FIGURE);
	put_text(json, "format", manifest_is_format(model->format) ? model->format : NULL, LONGEST_NAME);
	put_count(json, "context_length", model->context_length, MOST_CONTEXT);
	put_count(json, "dimensions", model->dimensions, MOST_DIMENSIONS);
	put_vram(json, model);
	put_text(json, "speed", model->speed, LONGEST_FIGURE);
	put_text(json, "accuracy", model->accuracy, LONGEST_FIGURE);
	put_text(json, "resolution", model->resolution, LONGEST_FIGURE);
	put_text(json, "duration", model->duration, LONGEST_FIGURE);
	put_text(json, "license", model->license, LONGEST_LICENSE);
	if (model->license_source)
		put_text(json, "license_class", model->license_class, LONGEST_NAME);
	put_text(json, "license_source", model->license_source, LONGEST_SOURCE);
	put_text(json, "license_url", model->license_url, LONGEST_TEXT);
	if (model->gated)
		json_object_set_new(json, "gated", json_true());
	put_text(json, "gate_url", model->gate_url, LONGEST_TEXT);
}

bool author_is_signed(const struct ncm_model *model)
{
	for (size_t i = 0; i < model->file_count; i++) {
		for (size_t k = 0; k < model->files[i].from.count; k++) {
			NCM_AUTO_FREE char *place = ncm_source_remembered(model->files[i].from.items[k]);

			if (ncm_address_is_signed(place))
				return true;
		}
	}
	return false;
}

static void put_notes(json_t *json, const struct ncm_model *model)
{
	static const char note[] = "Its address was signed, and the signature is not kept: put a new one in the place "
				   "of what ends in #signed.";
	struct ncm_strings notes = {0};

	if (author_is_signed(model))
		ncm_strings_add(&notes, note);
	for (size_t i = 0; i < model->notes.count; i++)
		ncm_strings_add_new(&notes, model->notes.items[i]);
	put_words(json, "notes", &notes, LONGEST_TEXT, MOST_NOTES);
	ncm_strings_free(&notes);
}

json_t *author_model_json(const struct ncm_model *model)
{
	json_t *json = json_object();
	json_t *files = json_array();

	ncm_json_set_string(json, "id", model->id);
	put_text(json, "name", model->name && *model->name ? model->name : model->id, LONGEST_NAME);
	put_words(json, "aliases", &model->aliases, LONGEST_NAME, MOST_WORDS);
	ncm_json_set_string(json, "kind", model->kind);
	put_facts(json, model);
	put_words(json, "use_cases", &model->use_cases, LONGEST_NAME, MOST_WORDS);
	put_words(json, "tags", &model->tags, LONGEST_NAME, MOST_WORDS);
	put_words(json, "capabilities", &model->capabilities, LONGEST_NAME, MOST_WORDS);
	put_score(json, "performance_score", model->performance_score);
	put_score(json, "cost_score", model->cost_score);
	put_text(json, "performance_score_source", model->performance_score_source, LONGEST_NAME);
	put_text(json, "cost_score_source", model->cost_score_source, LONGEST_NAME);
	put_text(json, "privacy_tier", model->privacy_tier, LONGEST_NAME);
	put_words(json, "requires", &model->requires_ids, LONGEST_NAME, MOST_WORDS);
	put_notes(json, model);
	for (size_t i = 0; i < model->file_count; i++)
		json_array_append_new(files, spec_json(&model->files[i]));
	json_object_set_new(json, "files", files);
	return json;
}
