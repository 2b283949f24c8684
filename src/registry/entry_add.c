/* SPDX-License-Identifier: MIT */
/* What a pull adds to an entry: written as a new one would be, and then what the old one knows on top. */
#include "registry/entry.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "source/source.h"

#include <string.h>

/* What a manifest says of a model. */
static const char *const description[] = {"display_name",
					  "capabilities",
					  "performance_score",
					  "cost_score",
					  "performance_score_by",
					  "cost_score_by",
					  "privacy_tier",
					  "use_cases",
					  "tags",
					  "kind",
					  "phase",
					  "priority",
					  "license",
					  "license_class",
					  "architecture",
					  "parameters",
					  "context_length",
					  "dimensions",
					  "vram_gb",
					  "vram_gb_at_least",
					  NULL};
/* What was pulled, and how far it is to be trusted. */
static const char *const origin[] = {"file_path", "store",  "source",       "signed", "revision",
				     "variant",   "format", "quantization", "trust",  NULL};
static const char *const form[] = {"format", "quantization", NULL};
static const char *const proof[] = {"verified_at", "verify_result", NULL};
static const char *const first_time[] = {"installed_at", NULL};

static void restore(json_t *entry, const json_t *old, const char *const *keys)
{
	for (; *keys; keys++) {
		json_t *value = json_object_get(old, *keys);

		if (value)
			json_object_set(entry, *keys, value);
		else
			json_object_del(entry, *keys);
	}
}

static bool is_known(const json_t *value)
{
	return value && !json_is_null(value) && !(json_is_array(value) && json_array_size(value) == 0);
}

/* Only what the old entry knows. */
static void restore_known(json_t *entry, const json_t *old, const char *const *keys)
{
	for (; *keys; keys++) {
		if (is_known(json_object_get(old, *keys)))
			json_object_set(entry, *keys, json_object_get(old, *keys));
	}
}

/* Only what the new one does not know. */
static void fill_in(json_t *entry, const json_t *old, const char *const *keys)
{
	for (; *keys; keys++) {
		if (!is_known(json_object_get(entry, *keys)))
			json_object_set(entry, *keys, json_object_get(old, *keys));
	}
}

static bool has_word(const json_t *words, const char *word)
{
	const json_t *item;
	size_t i;

	json_array_foreach(words, i, item)
	{
		if (json_is_string(item) && strcmp(json_string_value(item), word) == 0)
			return true;
	}
	return false;
}

/* Appends what is not there yet. */
static void unite(json_t *words, const json_t *more)
{
	json_t *item;
	size_t i;

	json_array_foreach(more, i, item)
	{
		if (json_is_string(item) && !has_word(words, json_string_value(item)))
			json_array_append(words, item);
	}
}

/* All profiles of an entry; an older version wrote the first alone. New reference. */
static json_t *profiles_of(const json_t *entry)
{
	const char *first = ncm_json_string(entry, "profile");
	json_t *profiles = json_array();

	unite(profiles, json_object_get(entry, "profiles"));
	if (first && !has_word(profiles, first))
		json_array_insert_new(profiles, 0, json_string(first));
	return profiles;
}

static bool has_all(const json_t *words, const json_t *of)
{
	const json_t *item;
	size_t i;

	json_array_foreach(of, i, item)
	{
		if (!has_word(words, json_string_value(item)))
			return false;
	}
	return true;
}

static bool equal_texts(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* Whether what was pulled is what the entry is from, maybe at another revision; not one file of it. */
static bool is_from(const struct ncm_reg_model *model, const json_t *old)
{
	const char *source = ncm_json_string(old, "source");
	NCM_AUTO_FREE char *key = source && model->source ? ncm_source_key(model->source) : NULL;
	NCM_AUTO_FREE char *old_key = key ? ncm_source_key(source) : NULL;
	NCM_AUTO_FREE char *newest = key ? ncm_source_newest(model->source) : NULL;
	NCM_AUTO_FREE char *old_newest = key ? ncm_source_newest(source) : NULL;

	return !source || equal_texts(key, old_key) || equal_texts(newest, old_newest);
}

/* What one profile's document says of it is not lost because another's says nothing. */
static void keep_score(json_t *entry, const json_t *old, const char *score, const char *by)
{
	if (is_known(json_object_get(entry, by)) || !is_known(json_object_get(old, by)))
		return;
	json_object_set(entry, score, json_object_get(old, score));
	json_object_set(entry, by, json_object_get(old, by));
}

static void add_description(const struct ncm_reg_model *model, const json_t *old, json_t *entry)
{
	static const char *const words[] = {"use_cases", "tags", "capabilities"};
	NCM_AUTO_JSON json_t *before = profiles_of(old);
	NCM_AUTO_JSON json_t *now = profiles_of(entry);
	const bool is_spelled_out = json_array_size(now) == 0;

	if (is_spelled_out && is_from(model, old))
		fill_in(entry, old, form);
	else if (is_spelled_out)
		restore(entry, old, origin);
	if (is_spelled_out) {
		restore_known(entry, old, description);
	} else if (!has_all(now, before)) {
		for (size_t i = 0; i < sizeof words / sizeof *words; i++)
			unite(json_object_get(entry, words[i]), json_object_get(old, words[i]));
		keep_score(entry, old, "performance_score", "performance_score_by");
		keep_score(entry, old, "cost_score", "cost_score_by");
	}
	unite(before, now);
	if (json_array_size(before) > 0)
		json_object_set(entry, "profile", json_array_get(before, 0));
	json_object_set(entry, "profiles", before);
}

static char *absolute(const char *base, const json_t *file)
{
	NCM_AUTO_FREE char *joined = ncm_path_join(base, ncm_json_string(file, "path"));

	return ncm_path_absolute(joined);
}

/* By their absolute paths. New reference. */
static json_t *by_path(const json_t *files, const char *base)
{
	json_t *index = json_object();
	json_t *file;
	size_t i;

	json_array_foreach(files, i, file)
	{
		NCM_AUTO_FREE char *abs = absolute(base, file);

		json_object_set_nocheck(index, abs, file);
	}
	return index;
}

/* The files of an entry; an older script's has one path alone. New reference. */
static json_t *files_of(const json_t *entry)
{
	json_t *files = json_object_get(entry, "files");
	const char *path = ncm_json_string(entry, "file_path");

	if (json_array_size(files) > 0 || !path || !*path)
		return files ? json_incref(files) : json_array();
	return json_pack("[{s:s, s:i, s:n, s:i, s:s, s:O?}]", "path", path, "size", 0, "sha256", "mtime_ns", 0, "role",
			 "weights", "store", json_object_get(entry, "store"));
}

/* With a folder that was unpacked anew all that was in it is gone; a file may have got another name. */
static bool is_renewed(const struct ncm_strings *folders, const char *abs)
{
	for (size_t i = 0; i < folders->count; i++) {
		if (strcmp(abs, folders->items[i]) == 0 || ncm_path_below(abs, folders->items[i]))
			return true;
	}
	return false;
}

struct united {
	bool kept; /* files that were not pulled now */
	bool news; /* bytes that were not there before */
};

static struct united add_files(const struct ncm_strings *renewed, const json_t *old, const char *base, json_t *entry)
{
	json_t *files = json_object_get(entry, "files");
	NCM_AUTO_JSON json_t *old_files = files_of(old);
	NCM_AUTO_JSON json_t *before = by_path(old_files, base);
	NCM_AUTO_JSON json_t *now = by_path(files, base);
	struct united united = {0};
	const char *abs;
	json_t *file;

	json_object_foreach(now, abs, file)
	{
		const json_t *same = json_object_get(before, abs);

		united.news = united.news || !same ||
			      !json_equal(json_object_get(same, "sha256"), json_object_get(file, "sha256"));
	}
	json_object_foreach(before, abs, file)
	{
		if (json_object_get(now, abs) || is_renewed(renewed, abs))
			continue;
		json_array_append(files, file);
		united.kept = true;
	}
	return united;
}

/* An alias is an id, and stays whoever pulls it. */
static void add_aliases(const struct registry_addition *addition, const json_t *old, json_t *entry)
{
	json_t *aliases = json_array();

	unite(aliases, json_object_get(old, "aliases"));
	if (addition->alias && !has_word(aliases, addition->alias))
		json_array_append_new(aliases, json_string(addition->alias));
	if (json_array_size(aliases) > 0)
		json_object_set(entry, "aliases", aliases);
	json_decref(aliases);
}

void registry_entry_add(const struct registry_addition *addition, const char *base, json_t *entry)
{
	const struct ncm_reg_model *model = addition->model;
	NCM_AUTO_JSON json_t *old = json_copy(entry);
	struct united united;

	registry_entry_write(model, base, entry);
	if (!json_object_get(old, "files") && !json_object_get(old, "file_path"))
		return; /* a new one */
	united = add_files(&addition->renewed, old, base, entry);
	add_description(model, old, entry);
	add_aliases(addition, old, entry);
	if (!united.news)
		restore(entry, old, first_time);
	/* Nobody looked at the files that stay. */
	if (united.kept) {
		restore(entry, old, proof);
		registry_entry_write_size(entry);
	}
}
