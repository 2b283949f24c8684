/* SPDX-License-Identifier: MIT */
#include "manifest/lock_json.h"

#include "base/json.h"
#include "base/mem.h"
#include "digest/hash.h"

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

void lock_entry_copy(struct ncm_lock_entry *to, const struct ncm_lock_entry *from)
{
	*to = (struct ncm_lock_entry){
	    .uri = ncm_strdup(from->uri),
	    .pinned = ncm_strdup_null(from->pinned),
	    .revision = ncm_strdup_null(from->revision),
	    .trust = ncm_strdup_null(from->trust),
	    .resolved_at = ncm_strdup_null(from->resolved_at),
	    .ollama_name = ncm_strdup_null(from->ollama_name),
	    .files = ncm_calloc(from->file_count + 1, sizeof *from->files),
	    .file_count = from->file_count,
	};
	for (size_t i = 0; i < from->file_count; i++) {
		to->files[i] = from->files[i];
		to->files[i].path = ncm_strdup(from->files[i].path);
		to->files[i].role = ncm_strdup_null(from->files[i].role);
		to->files[i].url = ncm_strdup_null(from->files[i].url);
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

int lock_entry_parse(const char *uri, const json_t *json, struct ncm_lock_entry *entry, char **reason)
{
	*entry = (struct ncm_lock_entry){.uri = ncm_strdup(uri)};
	*reason = parse_entry(json, entry);
	if (!*reason)
		return 0;
	lock_entry_clear(entry);
	return -1;
}

/*
 * A query may be a signature or a key, and a lock is made to be shared: only queries of parameters that are known to
 * choose a file are written down. Where one is left out, the source makes the URL anew.
 */
static bool is_shareable(const char *url)
{
	static const char *const harmless[] = {"fileId", "type", "format", "size", "fp", "download"};
	const char *host = strstr(url, "://");
	const char *user = host ? strchr(host + 3, '@') : NULL;
	const char *at = strchr(url, '?');

	if (user && user < host + 3 + strcspn(host + 3, "/?#"))
		return false;
	while (at && *at && *at != '#') {
		const char *name = at + 1;
		size_t size = strcspn(name, "=&#"), i = 0;

		while (i < sizeof harmless / sizeof *harmless &&
		       (strlen(harmless[i]) != size || strncmp(harmless[i], name, size) != 0))
			i++;
		if (size > 0 && i == sizeof harmless / sizeof *harmless)
			return false;
		at = name + strcspn(name, "&#");
	}
	return true;
}

static void set_or_null(json_t *json, const char *key, const char *text)
{
	if (text)
		ncm_json_set_string(json, key, text);
	else
		json_object_set_new(json, key, json_null());
}

static void write_file(const struct ncm_lock_file *file, json_t *json)
{
	const bool has_sha256 = file->has_sha256 && !is_zero(&file->sha256);
	char hex[NCM_SHA256_HEX + 1];

	ncm_json_set_string(json, "path", file->path);
	ncm_json_set_string(json, "role", file->role);
	ncm_json_set_string(json, "url", file->url && is_shareable(file->url) ? file->url : NULL);
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

void lock_entry_write(const struct ncm_lock_entry *entry, json_t *json)
{
	json_t *files = json_array();

	for (size_t i = 0; i < entry->file_count; i++) {
		json_t *file = old_file(json_object_get(json, "files"), entry->files[i].path);

		write_file(&entry->files[i], file);
		json_array_append_new(files, file);
	}
	json_object_set_new(json, "files", files);
	set_or_null(json, "pinned", entry->pinned);
	set_or_null(json, "revision", entry->revision);
	set_or_null(json, "trust", entry->trust);
	set_or_null(json, "resolved_at", entry->resolved_at);
	ncm_json_set_string(json, "ollama_name", entry->ollama_name);
}
