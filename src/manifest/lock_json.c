/* SPDX-License-Identifier: MIT */
#include "manifest/lock_json.h"

#include "base/address.h"
#include "base/json.h"
#include "base/mem.h"
#include "digest/hash.h"
#include "source/source.h"

#include <errno.h>
#include <string.h>

void lock_entry_clear(struct ncm_lock_entry *entry)
{
	for (size_t i = 0; i < entry->file_count; i++) {
		free(entry->files[i].path);
		free(entry->files[i].role);
		free(entry->files[i].url);
		ncm_strings_free(&entry->files[i].places);
	}
	free(entry->files);
	free(entry->uri);
	free(entry->canonical);
	free(entry->pinned);
	free(entry->revision);
	free(entry->trust);
	free(entry->resolved_at);
	free(entry->ollama_name);
	free(entry->kind);
	*entry = (struct ncm_lock_entry){0};
}

/* Where a query is a key, the source makes the URL anew. */
static bool is_shareable(const char *url)
{
	return url && !ncm_text_has_secret(url);
}

char *lock_key(const char *uri)
{
	NCM_AUTO_FREE char *kept = ncm_source_remembered(uri);

	return ncm_address_unmarked(kept);
}

void lock_entry_copy(struct ncm_lock_entry *to, const struct ncm_lock_entry *from)
{
	*to = (struct ncm_lock_entry){
	    .uri = ncm_source_remembered(from->uri),
	    .pinned = from->pinned ? ncm_source_remembered(from->pinned) : NULL,
	    .revision = ncm_strdup_null(from->revision),
	    .trust = ncm_strdup_null(from->trust),
	    .resolved_at = ncm_strdup_null(from->resolved_at),
	    .ollama_name = ncm_strdup_null(from->ollama_name),
	    .kind = ncm_strdup_null(from->kind),
	    .unsaved = from->unsaved,
	    .files = ncm_calloc(from->file_count + 1, sizeof *from->files),
	    .file_count = from->file_count,
	};
	for (size_t i = 0; i < from->file_count; i++) {
		to->files[i] = from->files[i];
		/* What has no name is called by its address. */
		to->files[i].path =
		    ncm_strdup(strcmp(from->files[i].path, from->uri) == 0 ? to->uri : from->files[i].path);
		to->files[i].role = ncm_strdup_null(from->files[i].role);
		to->files[i].url = is_shareable(from->files[i].url) ? ncm_strdup_null(from->files[i].url) : NULL;
		lock_places_copy(&to->files[i].places, &from->files[i].places);
	}
}

json_t *lock_read(const char *path, struct ncm_error *err)
{
	struct ncm_error reason = NCM_ERROR_INIT;
	json_t *document = ncm_json_read(path, NCM_E_MANIFEST, &reason);
	const json_t *version;

	if (!document && errno == ENOENT && reason.code == NCM_E_IO) {
		ncm_error_clear(&reason);
		return json_object();
	}
	if (!document) {
		ncm_error_move(err, &reason);
		ncm_error_hint(err, "restore the lock file, or move it away and pull again");
		return NULL;
	}
	version = json_object_get(document, "schema_version");
	if (json_is_integer(version) && json_integer_value(version) > LOCK_SCHEMA_VERSION)
		lock_tell_newer(path, json_integer_value(version), err);
	else if (!json_is_object(document) || (version && !json_is_integer(version)))
		ncm_error_set(err, NCM_E_MANIFEST, "%s: is not a lock file", path);
	else
		return document;
	json_decref(document);
	return NULL;
}

static void write_places(const struct ncm_lock_file *file, json_t *json)
{
	json_t *places = json_array();

	for (size_t i = 0; i < file->places.count; i++)
		json_array_append_new(places, json_string(file->places.items[i]));
	json_object_del(json, "places");
	if (file->places.count > 0)
		json_object_set(json, "places", places);
	json_decref(places);
}

static void write_file(const struct ncm_lock_file *file, const char *path, json_t *json)
{
	const bool has_sha256 = file->has_sha256 && !ncm_sha256_is_zero(&file->sha256);
	char hex[NCM_SHA256_HEX + 1];

	ncm_json_set_string(json, "path", path);
	ncm_json_set_string(json, "role", file->role);
	ncm_json_set_string(json, "url", is_shareable(file->url) ? file->url : NULL);
	json_object_set_new(json, "size", file->has_size ? json_integer((json_int_t)file->size) : json_null());
	ncm_json_set_string(json, "git_sha1", file->has_git_sha1 ? ncm_sha1_hex(&file->git_sha1, hex) : NULL);
	ncm_json_set_or_null(json, "sha256", has_sha256 ? ncm_sha256_hex(&file->sha256, hex) : NULL);
	write_places(file, json);
}

/* The object that the file of this path had. New reference. */
static json_t *old_file(const json_t *files, const char *path)
{
	const json_t *item;
	size_t i;

	json_array_foreach(files, i, item)
	{
		const char *old = ncm_json_string(item, "path");

		if (old && strcmp(old, path) == 0)
			return json_deep_copy(item);
	}
	return json_object();
}

static void set_signed(json_t *json, bool is_signed)
{
	if (is_signed)
		json_object_set_new(json, "signed", json_true());
	else
		json_object_del(json, "signed");
}

void lock_entry_write(const struct ncm_lock_entry *entry, json_t *json)
{
	NCM_AUTO_FREE char *key = lock_key(entry->uri);
	NCM_AUTO_FREE char *pinned = ncm_address_unmarked(entry->pinned);
	json_t *files = json_array();

	for (size_t i = 0; i < entry->file_count; i++) {
		const char *own = entry->files[i].path;
		const char *path = strcmp(own, entry->uri) == 0 ? key : own;
		json_t *file = old_file(json_object_get(json, "files"), path);

		write_file(&entry->files[i], path, file);
		json_array_append_new(files, file);
	}
	json_object_set_new(json, "files", files);
	ncm_json_set_or_null(json, "pinned", pinned);
	set_signed(json, ncm_address_is_signed(entry->uri));
	ncm_json_set_or_null(json, "revision", entry->revision);
	ncm_json_set_or_null(json, "trust", entry->trust);
	ncm_json_set_or_null(json, "resolved_at", entry->resolved_at);
	ncm_json_set_string(json, "ollama_name", entry->ollama_name);
	ncm_json_set_string(json, "kind", entry->kind);
}

static bool tells_secret(const json_t *file)
{
	const char *url = ncm_json_string(file, "url");
	bool found = url && ncm_text_has_secret(url);
	const json_t *place;
	size_t i;

	json_array_foreach(json_object_get(file, "places"), i, place)
	{
		found = found || (json_is_string(place) && ncm_text_has_secret(json_string_value(place)));
	}
	return found;
}

static bool needs_cleaning(const char *uri, const json_t *json)
{
	const char *pinned = ncm_json_string(json, "pinned");
	bool found = ncm_text_has_secret(uri) || (pinned && ncm_text_has_secret(pinned));
	const json_t *file;
	size_t i;

	json_array_foreach(json_object_get(json, "files"), i, file)
	{
		found = found || tells_secret(file);
	}
	return found;
}

void lock_clean(json_t *entries)
{
	NCM_AUTO_JSON json_t *old = json_copy(entries);
	const char *uri;
	json_t *json;

	json_object_foreach(old, uri, json)
	{
		struct ncm_lock_entry entry;
		NCM_AUTO_FREE char *key = NULL;

		if (!needs_cleaning(uri, json) || !lock_entry_parse(uri, json, &entry))
			continue;
		key = lock_key(uri);
		lock_entry_write(&entry, json);
		lock_entry_clear(&entry);
		if (strcmp(key, uri) == 0)
			continue;
		if (!json_object_get(entries, key))
			json_object_set(entries, key, json);
		json_object_del(entries, uri);
	}
}
