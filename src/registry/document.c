/* SPDX-License-Identifier: MIT */
/* Strict for what we need and for what the readers need; keys that we do not know are nobody's fault. */
#include "registry/document.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "manifest/line.h"

#include <errno.h>
#include <ncmodel/limits.h>
#include <ncmodel/text.h>
#include <string.h>

/* The text beside the value, for the line of a fault. */
struct source {
	const char *path;
	const char *text;
	size_t size;
	struct ncm_error *err;
};

static int bad(const struct source *source, const char *at, const char *reason)
{
	size_t line = ncm_json_nearest_line(source->text, source->size, at);

	ncm_error_set(source->err, NCM_E_REGISTRY, "%s:%zu: %s %s; the file was left as it is", source->path, line, at,
		      reason);
	return ncm_error_hint(source->err,
			      "repair the file or move it away, then pull again: what is on disk is found");
}

static int bad_member(const struct source *source, const char *at, const char *key, const char *reason)
{
	NCM_AUTO_FREE char *path = ncm_asprintf("%s.%s", at, key);

	return bad(source, path, reason);
}

static int check_texts(const struct source *source, const char *at, const json_t *json, const char *const *keys,
		       size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const json_t *member = json_object_get(json, keys[i]);

		if (member && !json_is_string(member) && !json_is_null(member))
			return bad_member(source, at, keys[i], "must be a string");
	}
	return 0;
}

static int check_words(const struct source *source, const char *at, const json_t *json, const char *key)
{
	const json_t *words = json_object_get(json, key);
	const json_t *word;
	size_t i;

	if (words && !json_is_array(words))
		return bad_member(source, at, key, "must be an array of strings");
	json_array_foreach(words, i, word)
	{
		if (!json_is_string(word))
			return bad_member(source, at, key, "must be an array of strings");
	}
	return 0;
}

static int check_file(const struct source *source, const char *at, const json_t *file)
{
	static const char *const texts[] = {"role", "store", "sha256"};
	const char *hex = ncm_json_string(file, "sha256");
	const json_t *mtime = json_object_get(file, "mtime_ns");
	struct ncm_sha256 digest;
	uint64_t size;

	if (!json_is_object(file))
		return bad(source, at, "must be an object");
	if (!ncm_json_string(file, "path") || !*ncm_json_string(file, "path"))
		return bad_member(source, at, "path", "must be a string that is not empty");
	if (!ncm_json_u64(file, "size", &size))
		return bad_member(source, at, "size", "must be an integer, 0 or more");
	if (hex && (strlen(hex) != NCM_SHA256_HEX || ncm_sha256_parse(hex, &digest) < 0))
		return bad_member(source, at, "sha256", "must be 64 lower-case hex digits");
	if (mtime && !json_is_integer(mtime) && !json_is_null(mtime))
		return bad_member(source, at, "mtime_ns", "must be an integer");
	return check_texts(source, at, file, texts, sizeof texts / sizeof *texts);
}

static int check_files(const struct source *source, const char *at, const json_t *entry)
{
	const json_t *files = json_object_get(entry, "files");
	const json_t *file;
	size_t i;

	if (files && !json_is_array(files))
		return bad_member(source, at, "files", "must be an array");
	json_array_foreach(files, i, file)
	{
		NCM_AUTO_FREE char *path = ncm_asprintf("%s.files[%zu]", at, i);

		if (check_file(source, path, file) < 0)
			return -1;
	}
	if (json_array_size(files) == 0 && !ncm_json_string(entry, "file_path"))
		return bad_member(source, at, "file_path", "must be a string");
	return 0;
}

static int check_entry(const struct source *source, const char *at, const json_t *entry)
{
	static const char *const texts[] = {
	    "id",         "display_name", "file_path", "profile",      "priority",    "kind",         "store",
	    "source",     "revision",     "variant",   "license",      "format",      "architecture", "quantization",
	    "parameters", "privacy_tier", "trust",     "installed_at", "verified_at", "verify_result"};
	static const char *const words[] = {"use_cases", "tags", "capabilities"};
	static const char *const numbers[] = {"size_mb",        "performance_score", "cost_score", "vram_gb",
					      "context_length", "dimensions",        "phase"};
	const char *name = ncm_json_string(entry, "name");

	if (!json_is_object(entry))
		return bad(source, at, "must be an object");
	if (!name || !*name)
		return bad_member(source, at, "name", "must be a string that is not empty");
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (check_words(source, at, entry, words[i]) < 0)
			return -1;
	}
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		const json_t *member = json_object_get(entry, numbers[i]);

		if (member && !json_is_null(member) && (!json_is_number(member) || json_number_value(member) < 0))
			return bad_member(source, at, numbers[i], "must be a number, 0 or more");
	}
	if (check_texts(source, at, entry, texts, sizeof texts / sizeof *texts) < 0)
		return -1;
	return check_files(source, at, entry);
}

static int check_document(const struct source *source, const json_t *document)
{
	const json_t *version = json_object_get(document, "schema_version");
	const json_t *models = json_object_get(document, "models");
	NCM_AUTO_JSON json_t *ids = json_object(), *names = json_object();
	const json_t *entry;
	size_t i;

	if (!json_is_object(document))
		return bad(source, "$", "must be an object");
	if (version && !json_is_integer(version))
		return bad(source, "$.schema_version", "must be an integer");
	if (json_integer_value(version) > REGISTRY_SCHEMA_VERSION)
		return bad(source, "$.schema_version", "is of a newer ncmodel than this one");
	if (!json_is_array(models))
		return bad(source, "$.models", "must be an array");
	json_array_foreach(models, i, entry)
	{
		NCM_AUTO_FREE char *at = ncm_asprintf("$.models[%zu]", i);

		if (check_entry(source, at, entry) < 0)
			return -1;
		if (json_object_get(names, ncm_json_string(entry, "name")))
			return bad_member(source, at, "name", "is that of another model too");
		if (json_object_get(ids, registry_entry_id(entry)))
			return bad_member(source, at, "id", "is that of another model too");
		json_object_set_new(names, ncm_json_string(entry, "name"), json_true());
		json_object_set_new(ids, registry_entry_id(entry), json_true());
	}
	return 0;
}

const char *registry_entry_id(const json_t *entry)
{
	const char *id = ncm_json_string(entry, "id");

	return id ? id : ncm_json_string(entry, "name");
}

char *registry_base(const char *path)
{
	char *base = ncm_path_absolute(path);

	for (unsigned level = 0; level < 2; level++) {
		char *slash = strrchr(base, '/');

		if (slash > base)
			*slash = '\0';
		else
			base[1] = '\0';
	}
	return base;
}

json_t *registry_document(const char *path, bool *missing, struct ncm_error *err)
{
	struct source source = {.path = path, .err = err};
	NCM_AUTO_FREE char *text = ncm_read_file(path, NCM_LIMIT_MANIFEST_BYTES, &source.size);
	const int saved = errno;
	json_t *document;

	*missing = !text && saved == ENOENT;
	if (*missing)
		return NULL;
	if (!text) {
		if (saved == EFBIG)
			ncm_error_set(err, NCM_E_REGISTRY, "%s: larger than %u bytes", path, NCM_LIMIT_MANIFEST_BYTES);
		else
			ncm_error_errno(err, saved, "cannot read %s", path);
		return NULL;
	}
	source.text = text;
	document = ncm_json_parse(text, source.size, path, NCM_E_REGISTRY, err);
	if (!document) {
		if (err)
			ncm_error_set(err, NCM_E_REGISTRY, "%s; the file was left as it is", err->message);
		ncm_error_hint(err, "repair the file or move it away, then pull again: what is on disk is found");
		return NULL;
	}
	if (check_document(&source, document) == 0)
		return document;
	json_decref(document);
	return NULL;
}
