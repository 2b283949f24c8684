/* SPDX-License-Identifier: MIT */
#include "registry/entry.h"

#include "base/address.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "registry/document.h"
#include "registry/model.h"

#include <math.h>
#include <string.h>

/* Takes the value; without one the key is not there. */
static void set_known(json_t *json, const char *key, json_t *value)
{
	if (value)
		json_object_set_new(json, key, value);
	else
		json_object_del(json, key);
}

/* An address that was signed has its mark beside it. */
static void set_source(json_t *json, const char *source)
{
	NCM_AUTO_FREE char *kept = source ? ncm_address_remembered(source) : NULL;
	NCM_AUTO_FREE char *plain = ncm_address_unmarked(kept);

	ncm_json_set_or_null(json, "source", plain);
	if (ncm_address_is_signed(kept))
		json_object_set_new(json, "signed", json_true());
	else
		json_object_del(json, "signed");
}

static bool clean_source(json_t *json)
{
	const char *source = ncm_json_string(json, "source");
	NCM_AUTO_FREE char *kept = source ? ncm_address_remembered(source) : NULL;

	if (!kept || strcmp(kept, source) == 0)
		return false;
	set_source(json, kept);
	return true;
}

bool registry_entry_clean(json_t *entry)
{
	bool changed = clean_source(entry);
	json_t *file;
	size_t i;

	json_array_foreach(json_object_get(entry, "files"), i, file) changed = clean_source(file) || changed;
	return changed;
}

static void set_count(json_t *json, const char *key, uint64_t value)
{
	json_object_set_new(json, key, value > 0 && value <= INT64_MAX ? json_integer((json_int_t)value) : json_null());
}

static void set_number(json_t *json, const char *key, double value)
{
	json_object_set_new(json, key, isfinite(value) && value > 0 ? json_real(value) : json_null());
}

/* Relative to the folder that holds the store's folder when inside that tree, else absolute. Borrowed. */
const char *registry_written_path(const char *base, const char *abs)
{
	size_t size = strlen(base);

	if (size > 1 && strncmp(abs, base, size) == 0 && abs[size] == '/')
		return abs + size + 1;
	return size == 1 && *abs == '/' ? abs + 1 : abs;
}

static json_t *find_file(const json_t *files, const char *path)
{
	json_t *file;
	size_t i;

	json_array_foreach(files, i, file)
	{
		const char *old = ncm_json_string(file, "path");

		if (old && strcmp(old, path) == 0)
			return file;
	}
	return NULL;
}

static bool has_path(const struct ncm_reg_model *model, const char *base, const char *path)
{
	for (size_t i = 0; i < model->file_count; i++) {
		if (strcmp(registry_written_path(base, model->files[i].abs), path) == 0)
			return true;
	}
	return false;
}

/* The same file at another place, where the model has none any more. */
static const json_t *find_moved(const json_t *old, const struct ncm_reg_model *model, const char *base,
				const struct ncm_reg_file *moved)
{
	char hex[NCM_SHA256_HEX + 1];
	const json_t *file;
	size_t i;

	if (ncm_sha256_is_zero(&moved->sha256))
		return NULL;
	ncm_sha256_hex(&moved->sha256, hex);
	json_array_foreach(old, i, file)
	{
		const char *path = ncm_json_string(file, "path"), *sha256 = ncm_json_string(file, "sha256");

		if (path && sha256 && strcmp(sha256, hex) == 0 &&
		    strcmp(ncm_path_base(path), ncm_path_base(moved->abs)) == 0 && !has_path(model, base, path))
			return file;
	}
	return NULL;
}

static json_t *write_file(const struct ncm_reg_file *file, const char *path, const json_t *old)
{
	json_t *json = old ? json_deep_copy(old) : json_object();
	char hex[NCM_SHA256_HEX + 1];

	ncm_json_set_string(json, "path", path);
	ncm_json_set_u64(json, "size", file->size <= INT64_MAX ? file->size : INT64_MAX);
	ncm_json_set_or_null(json, "sha256",
			     ncm_sha256_is_zero(&file->sha256) ? NULL : ncm_sha256_hex(&file->sha256, hex));
	json_object_set_new(json, "mtime_ns", json_integer(file->mtime_ns));
	ncm_json_set_or_null(json, "role", file->role);
	ncm_json_set_or_null(json, "store", file->store);
	ncm_json_set_string(json, "archive_sha256",
			    ncm_sha256_is_zero(&file->archive) ? NULL : ncm_sha256_hex(&file->archive, hex));
	ncm_json_set_string(json, "origin", ncm_origin_name(file->origin));
	if (file->source)
		set_source(json, file->source);
	ncm_json_set_string(json, "revision", file->revision);
	ncm_json_set_string(json, "target", file->target);
	return json;
}

/* Replaces the files. Returns whether they are what they were: the same bytes, at the same paths or moved. */
static bool write_files(const struct ncm_reg_model *model, const char *base, json_t *entry)
{
	const json_t *old = json_object_get(entry, "files");
	json_t *files = json_array();
	bool same = json_array_size(old) == model->file_count && model->file_count > 0;

	for (size_t i = 0; i < model->file_count; i++) {
		const char *path = registry_written_path(base, model->files[i].abs);
		const json_t *before = find_file(old, path);
		json_t *file;

		if (!before)
			before = find_moved(old, model, base, &model->files[i]);
		file = write_file(&model->files[i], path, before);

		same = same && before && json_equal(json_object_get(before, "sha256"), json_object_get(file, "sha256"));
		json_array_append_new(files, file);
	}
	json_object_set_new(entry, "files", files);
	return same;
}

void registry_entry_write_size(json_t *entry)
{
	enum { MIB = 1 << 20 };
	NCM_AUTO_JSON json_t *seen = json_object();
	uint64_t size = 0;
	json_t *file;
	size_t i;

	json_array_foreach(json_object_get(entry, "files"), i, file)
	{
		const char *hex = ncm_json_string(file, "sha256");
		const char *key = hex ? hex : ncm_json_string(file, "path");
		const json_int_t bytes = json_integer_value(json_object_get(file, "size"));

		if (json_object_get(seen, key))
			continue;
		json_object_set_new_nocheck(seen, key, json_true());
		if (__builtin_add_overflow(size, bytes > 0 ? (uint64_t)bytes : 0, &size))
			size = UINT64_MAX;
	}
	ncm_json_set_u64(entry, "size_mb", size / MIB + (size % MIB >= MIB / 2));
}

static void write_times(const struct ncm_reg_model *model, bool same, json_t *entry)
{
	const char *result = ncm_json_string(entry, "verify_result");
	const bool stands = same && result && strcmp(result, "ok") == 0 && ncm_json_string(entry, "verified_at");
	char now[32];

	if (!same || !ncm_json_string(entry, "installed_at"))
		ncm_json_set_string(entry, "installed_at", ncm_time_local(now));
	/* New bytes were hashed as they were written, or there would be no entry. */
	if (model->verified_at || !stands) {
		ncm_json_set_string(entry, "verified_at", model->verified_at ? model->verified_at : ncm_time_utc(now));
		ncm_json_set_string(entry, "verify_result", model->verify_result ? model->verify_result : "ok");
	}
}

/* Its readers need a number where nobody stated one; who stated it tells the two apart. */
static void write_score(json_t *entry, const char *key, const char *by, double score, const char *source)
{
	json_object_set_new(entry, key, json_real(registry_score(score)));
	if (score >= 0 && score <= 1)
		ncm_json_set_string(entry, by, source ? source : "manifest");
	else
		json_object_del(entry, by);
}

static void write_contract(const struct ncm_reg_model *model, const char *base, json_t *entry)
{
	const struct ncm_reg_file *main = registry_main_file(model);
	struct ncm_strings use_cases = {0}, tags = {0};

	registry_split_use_cases(model, &use_cases, &tags);
	ncm_json_set_string(entry, "name", model->id);
	ncm_json_set_string(entry, "display_name", model->display_name ? model->display_name : model->id);
	ncm_json_set_string(entry, "file_path", main ? registry_written_path(base, main->abs) : "");
	json_object_set_new(entry, "capabilities", ncm_json_string_array(&model->capabilities));
	write_score(entry, "performance_score", "performance_score_by", model->performance_score,
		    model->performance_score_source);
	write_score(entry, "cost_score", "cost_score_by", model->cost_score, model->cost_score_source);
	ncm_json_set_string(entry, "privacy_tier", registry_privacy(model->privacy_tier));
	json_object_set_new(entry, "use_cases", ncm_json_string_array(&use_cases));
	json_object_set_new(entry, "tags", ncm_json_string_array(&tags));
	ncm_strings_free(&use_cases);
	ncm_strings_free(&tags);
}

/* The one that asked first is one of all. */
static void write_profiles(const struct ncm_reg_model *model, json_t *entry)
{
	struct ncm_strings profiles = {0};

	ncm_strings_add_new(&profiles, model->profile);
	for (size_t i = 0; i < model->profiles.count; i++)
		ncm_strings_add_new(&profiles, model->profiles.items[i]);
	ncm_json_set_or_null(entry, "profile", profiles.count > 0 ? profiles.items[0] : NULL);
	json_object_set_new(entry, "profiles", ncm_json_string_array(&profiles));
	ncm_strings_free(&profiles);
}

/* What is not known now may have been told before. */
static void write_card(const struct ncm_card *card, json_t *entry)
{
	const struct {
		const char *key, *text;
	} texts[] = {{"base_model", card->base_model},
		     {"model_name", card->model_name},
		     {"version_name", card->version_name},
		     {"page", card->page},
		     {"preview", card->preview}};

	if (card->trigger_words.count > 0)
		json_object_set_new(entry, "trigger_words", ncm_json_string_array(&card->trigger_words));
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (texts[i].text)
			ncm_json_set_string(entry, texts[i].key, texts[i].text);
	}
	if (isfinite(card->preferred_weight) && card->preferred_weight > 0)
		json_object_set_new(entry, "preferred_weight", json_real(card->preferred_weight));
}

void registry_entry_write(const struct ncm_reg_model *model, const char *base, json_t *entry)
{
	bool same;

	write_contract(model, base, entry);
	ncm_json_set_string(entry, "id", model->id);
	ncm_json_set_or_null(entry, "kind", model->kind);
	write_profiles(model, entry);
	if (model->aliases.count > 0)
		json_object_set_new(entry, "aliases", ncm_json_string_array(&model->aliases));
	ncm_json_set_u64(entry, "phase", model->phase);
	ncm_json_set_or_null(entry, "priority", model->priority);
	ncm_json_set_or_null(entry, "store", model->store);
	set_source(entry, model->source);
	ncm_json_set_or_null(entry, "revision", model->revision);
	ncm_json_set_or_null(entry, "variant", model->variant);
	ncm_json_set_or_null(entry, "trust", model->trust);
	ncm_json_set_or_null(entry, "license", model->license);
	set_known(entry, "license_class", model->license_class ? json_string(model->license_class) : NULL);
	ncm_json_set_or_null(entry, "format", model->format);
	ncm_json_set_or_null(entry, "architecture", model->architecture);
	ncm_json_set_or_null(entry, "quantization", model->quantization);
	ncm_json_set_or_null(entry, "parameters", model->parameters);
	set_count(entry, "context_length", model->context_length);
	set_count(entry, "dimensions", model->dimensions);
	set_number(entry, "vram_gb", model->vram_gb);
	write_card(&model->card, entry);
	set_known(entry, "vram_gb_at_least", model->vram_at_least ? json_true() : NULL);
	same = write_files(model, base, entry);
	registry_entry_write_size(entry);
	write_times(model, same, entry);
}
