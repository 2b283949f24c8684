/* SPDX-License-Identifier: MIT */
#include "manifest/lock.h"

#include "base/file.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/path.h"
#include "manifest/lock_json.h"
#include "source/source.h"

#include <string.h>

enum { SCHEMA_VERSION = 1 };

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct ncm_lock_entry *)a)->uri, ((const struct ncm_lock_entry *)b)->uri);
}

/* The canonical spelling of an URI that has another, or NULL. */
static char *respelled(const char *uri)
{
	NCM_AUTO_FREE char *canonical = NULL;
	NCM_AUTO_FREE char *kept = NULL;
	char *taken;
	size_t size;

	if (ncm_source_stem(uri, &size) || ncm_source_check(uri, true, &canonical, NULL) < 0)
		return NULL;
	kept = ncm_source_remembered(canonical);
	if (strcmp(kept, uri) == 0)
		return NULL;
	taken = kept;
	kept = NULL;
	return taken;
}

static void note_spelling(struct ncm_lock *lock, struct ncm_lock_entry *entry)
{
	entry->canonical = respelled(entry->uri);
	lock->respelled += entry->canonical ? 1 : 0;
}

static void add_entry(void *context, struct ncm_lock_entry *entry)
{
	struct ncm_lock *lock = context;

	if (entry->file_count == 0) {
		lock_entry_clear(entry);
		return;
	}
	note_spelling(lock, entry);
	*NCM_PUSH(lock->entries, lock->count) = *entry;
}

/* Sorted, so that a look-up among many is quick. */
static struct ncm_lock *sorted(struct ncm_lock *lock, int failed)
{
	if (failed) {
		ncm_lock_free(lock);
		return NULL;
	}
	if (lock->count > 1)
		qsort(lock->entries, lock->count, sizeof *lock->entries, compare_entries);
	return lock;
}

struct ncm_lock *ncm_lock_load(const char *path, struct ncm_error *err)
{
	struct ncm_lock *lock = ncm_calloc(1, sizeof *lock);

	lock->path = ncm_strdup(path);
	return sorted(lock, lock_load(path, add_entry, lock, err));
}

struct ncm_lock *ncm_lock_parse(const char *name, const char *text, size_t size, struct ncm_error *err)
{
	struct ncm_lock *lock = ncm_calloc(1, sizeof *lock);

	lock->path = ncm_strdup(name);
	return sorted(lock, lock_load_text(name, text, size, add_entry, lock, err));
}

void ncm_lock_free(struct ncm_lock *lock)
{
	if (!lock)
		return;
	for (size_t i = 0; i < lock->count; i++)
		lock_entry_clear(&lock->entries[i]);
	free(lock->entries);
	free(lock->path);
	free(lock);
}

/* Where an URI's entry is, or belongs; *found tells which. */
static size_t place_of(const struct ncm_lock *lock, const char *uri, bool *found)
{
	size_t first = 0, end = lock->count;

	*found = false;
	while (first < end) {
		const size_t middle = first + (end - first) / 2;
		const int order = strcmp(lock->entries[middle].uri, uri);

		*found = *found || order == 0;
		if (order < 0)
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}

/* The entry of an URI that is not its key. */
static struct ncm_lock_entry *other_spelling(const struct ncm_lock *lock, const char *uri)
{
	NCM_AUTO_FREE char *canonical = respelled(uri);
	const char *wanted = canonical ? canonical : uri;
	bool found = false;
	const size_t at = canonical ? place_of(lock, canonical, &found) : 0;

	if (found)
		return &lock->entries[at];
	for (size_t i = 0; lock->respelled > 0 && i < lock->count; i++) {
		if (lock->entries[i].canonical && strcmp(lock->entries[i].canonical, wanted) == 0)
			return &lock->entries[i];
	}
	return NULL;
}

const struct ncm_lock_entry *ncm_lock_find(const struct ncm_lock *lock, const char *uri)
{
	bool found;
	const size_t at = place_of(lock, uri, &found);

	return found ? &lock->entries[at] : other_spelling(lock, uri);
}

void ncm_lock_put(struct ncm_lock *lock, const struct ncm_lock_entry *entry)
{
	struct ncm_lock_entry *there, copy;
	bool found;
	size_t at;

	if (entry->file_count == 0)
		return;
	there = (struct ncm_lock_entry *)ncm_lock_find(lock, entry->uri);
	lock_entry_copy(&copy, entry);
	if (there) { /* under the spelling that it has */
		lock_places_keep(&copy, there);
		free(copy.uri);
		copy.uri = there->uri;
		copy.canonical = there->canonical;
		there->uri = there->canonical = NULL;
		lock_entry_clear(there);
		*there = copy;
		return;
	}
	note_spelling(lock, &copy);
	at = place_of(lock, copy.uri, &found);
	(void)NCM_PUSH(lock->entries, lock->count);
	memmove(&lock->entries[at + 1], &lock->entries[at], (lock->count - 1 - at) * sizeof copy);
	lock->entries[at] = copy;
}

void ncm_lock_drop(struct ncm_lock *lock, const char *uri)
{
	struct ncm_lock_entry *entry = (struct ncm_lock_entry *)ncm_lock_find(lock, uri);

	if (!entry)
		return;
	lock->respelled -= entry->canonical ? 1 : 0;
	lock_entry_clear(entry);
	lock->count--;
	memmove(entry, entry + 1, (size_t)(lock->entries + lock->count - entry) * sizeof *entry);
}

static char *text_of(const json_t *document)
{
	NCM_AUTO_FREE char *text = json_dumps(document, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));

	return text ? ncm_asprintf("%s\n", text) : NULL;
}

char *ncm_lock_text(const struct ncm_lock *lock)
{
	NCM_AUTO_JSON json_t *document = json_object();
	json_t *entries = json_object();

	json_object_set_new(document, "schema_version", json_integer(SCHEMA_VERSION));
	json_object_set_new(document, "entries", entries);
	for (size_t i = 0; i < lock->count; i++) {
		NCM_AUTO_FREE char *key = lock_key(lock->entries[i].uri);
		json_t *json = json_object();

		lock_entry_write(&lock->entries[i], json);
		if (json_object_set_new(entries, key, json) < 0)
			return NULL;
	}
	return text_of(document);
}

static int write_document(int dirfd, const char *path, const json_t *document, struct ncm_error *err)
{
	NCM_AUTO_FREE char *line = text_of(document);

	if (!line)
		return ncm_error_set(err, NCM_E_MANIFEST, "%s: cannot be written as JSON", path);
	if (ncm_write_atomic(dirfd, ncm_path_base(path), line, strlen(line), NCM_OWN_FILE, err) < 0)
		return ncm_error_wrap(err, "%s", path);
	return 0;
}

int ncm_lock_save(const struct ncm_lock *lock, const char *const *uris, size_t count, struct ncm_error *err)
{
	NCM_AUTO_FREE char *path = ncm_path_absolute(lock->path);
	NCM_AUTO_FREE char *folder = ncm_strndup(path, (size_t)(ncm_path_base(path) - path));
	NCM_AUTO_CLOSE int dirfd = ncm_dir_open(folder, true, err);
	NCM_AUTO_CLOSE int ours = dirfd < 0 ? -1 : ncm_mkdir_beneath(dirfd, ".ncmodel", err);
	NCM_AUTO_LOCK int held = ours < 0 ? -1 : ncm_lock_beneath(ours, "lock-file.lock", path, false, NULL, err);
	NCM_AUTO_JSON json_t *document = held < 0 ? NULL : lock_read(path, err);
	json_t *entries;

	if (!document)
		return -1;
	entries = json_object_get(document, "entries");
	if (entries && !json_is_object(entries))
		return ncm_error_set(err, NCM_E_MANIFEST, "%s: $.entries: must be an object", path);
	if (!entries) {
		entries = json_object();
		json_object_set_new(document, "entries", entries);
	}
	lock_clean(entries);
	json_object_set_new(document, "schema_version", json_integer(SCHEMA_VERSION));
	for (size_t i = 0; i < count; i++) {
		const struct ncm_lock_entry *entry = ncm_lock_find(lock, uris[i]);
		NCM_AUTO_FREE char *key = lock_key(entry ? entry->uri : uris[i]);
		json_t *json = json_object_get(entries, key);

		if (!entry) {
			(void)json_object_del(entries, key);
			continue;
		}
		if (!json_is_object(json)) {
			json = json_object();
			if (json_object_set_new(entries, key, json) < 0)
				return ncm_error_set(err, NCM_E_MANIFEST, "%s: \"%s\" is not valid UTF-8", path, key);
		}
		lock_entry_write(entry, json);
	}
	return write_document(dirfd, path, document, err);
}
