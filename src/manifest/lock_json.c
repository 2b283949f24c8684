/* SPDX-License-Identifier: MIT */
#include "manifest/lock_json.h"

#include "base/address.h"
#include "base/json.h"
#include "base/mem.h"
#include "digest/hash.h"
#include "source/source.h"

#include <errno.h>
#include <string.h>

enum { SCHEMA_VERSION = 1 };

void lock_entry_clear(struct ncm_lock_entry *entry)
{
	for (size_t i = 0; i < entry->file_count; i++) {
		free(entry->files[i].path);
		free(entry->files[i].role);
		free(entry->files[i].url);
	}
	free(entry->files);
	free(entry->uri);
	free(entry->canonical);
	free(entry->pinned);
	free(entry->revision);
	free(entry->trust);
	free(entry->resolved_at);
	free(entry->ollama_name);
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
	if (json_is_integer(version) && json_integer_value(version) > SCHEMA_VERSION)
		ncm_error_set(err, NCM_E_MANIFEST, "%s: needs a newer ncmodel (version %lld, this one reads %d)", path,
			      (long long)json_integer_value(version), SCHEMA_VERSION);
	else if (!json_is_object(document) || (version && !json_is_integer(version)))
		ncm_error_set(err, NCM_E_MANIFEST, "%s: is not a lock file", path);
	else
		return document;
	json_decref(document);
	return NULL;
}

/* A string or null or nothing; false for anything else. */
static bool take_text(const json_t *json, const char *key, char **text)
{
	const json_t *member = json_object_get(json, key);

	*text = ncm_strdup_null(json_string_value(member));
	return !member || json_is_null(member) || json_is_string(member);
}

static bool is_zero(const struct ncm_sha256 *digest)
{
	static const struct ncm_sha256 zero;

	return ncm_sha256_equal(digest, &zero);
}

static char *parse_digests(const json_t *json, struct ncm_lock_file *file)
{
	const json_t *sha256 = json_object_get(json, "sha256"), *git_sha1 = json_object_get(json, "git_sha1");
	const char *hex = json_string_value(sha256);

	if (sha256 && !json_is_null(sha256)) {
		if (!hex || strlen(hex) != NCM_SHA256_HEX || ncm_sha256_parse(hex, &file->sha256) < 0)
			return ncm_strdup(".sha256: must be 64 lower-case hex digits");
		file->has_sha256 = !is_zero(&file->sha256);
	}
	if (git_sha1 && !json_is_null(git_sha1)) {
		if (ncm_sha1_parse(json_string_value(git_sha1), &file->git_sha1) < 0)
			return ncm_strdup(".git_sha1: must be 40 lower-case hex digits");
		file->has_git_sha1 = true;
	}
	return NULL;
}

static char *parse_size(const json_t *json, struct ncm_lock_file *file)
{
	const json_t *size = json_object_get(json, "size");
	struct ncm_sha256 empty;

	if (!size || json_is_null(size))
		return NULL;
	if (!ncm_json_u64(json, "size", &file->size))
		return ncm_strdup(".size: must be an integer, 0 or more");
	ncm_sha256_of("", 0, &empty);
	file->has_size =
	    file->size > 0 || file->has_git_sha1 || (file->has_sha256 && ncm_sha256_equal(&file->sha256, &empty));
	return NULL;
}

static char *parse_file(const json_t *json, struct ncm_lock_file *file)
{
	char *reason;

	if (!take_text(json, "path", &file->path) || !file->path)
		return ncm_strdup(".path: must be a string");
	if (!take_text(json, "role", &file->role))
		return ncm_strdup(".role: must be a string");
	if (!take_text(json, "url", &file->url))
		return ncm_strdup(".url: must be a string");
	reason = parse_digests(json, file);
	return reason ? reason : parse_size(json, file);
}

static bool is_trust(const char *word)
{
	return strcmp(word, "manifest") == 0 || strcmp(word, "upstream") == 0 || strcmp(word, "first-use") == 0;
}

static char *parse_entry(const json_t *json, struct ncm_lock_entry *entry)
{
	const json_t *files = json_object_get(json, "files");
	const json_t *item;
	size_t i;

	if (!json_is_object(json))
		return ncm_strdup(": must be an object");
	if (!take_text(json, "pinned", &entry->pinned) || !take_text(json, "revision", &entry->revision) ||
	    !take_text(json, "trust", &entry->trust) || !take_text(json, "resolved_at", &entry->resolved_at) ||
	    !take_text(json, "ollama_name", &entry->ollama_name))
		return ncm_strdup(": pinned, revision, trust, resolved_at and ollama_name must be strings or null");
	if (!entry->trust || !is_trust(entry->trust))
		return ncm_strdup(".trust: must be \"manifest\", \"upstream\" or \"first-use\"");
	if (!json_is_array(files))
		return ncm_strdup(".files: must be an array");
	json_array_foreach(files, i, item)
	{
		NCM_AUTO_FREE char *reason = parse_file(item, NCM_PUSH(entry->files, entry->file_count));

		if (reason)
			return ncm_asprintf(".files[%zu]%s", i, reason);
	}
	return NULL;
}

/* Of an address that was signed: what is called by it, and where it is pinned. */
static void mark(const char *uri, struct ncm_lock_entry *entry)
{
	char *pinned = entry->pinned ? ncm_address_marked(entry->pinned) : NULL;

	free(entry->pinned);
	entry->pinned = pinned;
	for (size_t i = 0; i < entry->file_count; i++) {
		if (strcmp(entry->files[i].path, uri) != 0)
			continue;
		free(entry->files[i].path);
		entry->files[i].path = ncm_strdup(entry->uri);
	}
}

int lock_entry_parse(const char *uri, const json_t *json, struct ncm_lock_entry *entry, char **reason)
{
	const bool is_signed = json_is_true(json_object_get(json, "signed"));
	struct ncm_lock_entry read = {.uri = is_signed ? ncm_address_marked(uri) : ncm_strdup(uri)};

	*entry = (struct ncm_lock_entry){0};
	*reason = parse_entry(json, &read);
	if (!*reason && is_signed)
		mark(uri, &read);
	if (!*reason)
		lock_entry_copy(entry, &read); /* what an older version wrote, without its secrets */
	lock_entry_clear(&read);
	if (!*reason)
		return 0;
	lock_entry_clear(entry);
	return -1;
}

static void set_or_null(json_t *json, const char *key, const char *text)
{
	if (text)
		ncm_json_set_string(json, key, text);
	else
		json_object_set_new(json, key, json_null());
}

static void write_file(const struct ncm_lock_file *file, const char *path, json_t *json)
{
	const bool has_sha256 = file->has_sha256 && !is_zero(&file->sha256);
	char hex[NCM_SHA256_HEX + 1];

	ncm_json_set_string(json, "path", path);
	ncm_json_set_string(json, "role", file->role);
	ncm_json_set_string(json, "url", is_shareable(file->url) ? file->url : NULL);
	json_object_set_new(json, "size", file->has_size ? json_integer((json_int_t)file->size) : json_null());
	ncm_json_set_string(json, "git_sha1", file->has_git_sha1 ? ncm_sha1_hex(&file->git_sha1, hex) : NULL);
	set_or_null(json, "sha256", has_sha256 ? ncm_sha256_hex(&file->sha256, hex) : NULL);
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
	set_or_null(json, "pinned", pinned);
	set_signed(json, ncm_address_is_signed(entry->uri));
	set_or_null(json, "revision", entry->revision);
	set_or_null(json, "trust", entry->trust);
	set_or_null(json, "resolved_at", entry->resolved_at);
	ncm_json_set_string(json, "ollama_name", entry->ollama_name);
}

static bool needs_cleaning(const char *uri, const json_t *json)
{
	const char *pinned = ncm_json_string(json, "pinned");
	bool found = ncm_text_has_secret(uri) || (pinned && ncm_text_has_secret(pinned));
	const json_t *file;
	size_t i;

	json_array_foreach(json_object_get(json, "files"), i, file)
	{
		const char *url = ncm_json_string(file, "url");

		found = found || (url && ncm_text_has_secret(url));
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
		NCM_AUTO_FREE char *reason = NULL;
		NCM_AUTO_FREE char *key = NULL;

		if (!needs_cleaning(uri, json) || lock_entry_parse(uri, json, &entry, &reason) < 0)
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
