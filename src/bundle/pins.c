/* SPDX-License-Identifier: MIT */
#include "bundle/pins.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/strings.h"
#include "source/source.h"

#include <string.h>

static bool has(const struct ncm_text_map *blobs, const struct ncm_sha256 *sha256)
{
	char hex[NCM_SHA256_HEX + 1];

	return ncm_text_map_find(blobs, ncm_sha256_hex(sha256, hex), NCM_SHA256_HEX) != NULL;
}

static bool is_whole(const struct ncm_lock_entry *entry, const struct ncm_text_map *blobs)
{
	for (size_t i = 0; i < entry->file_count; i++) {
		if (!entry->files[i].has_sha256 || !has(blobs, &entry->files[i].sha256))
			return false;
	}
	return entry->file_count > 0;
}

char *bundle_pins(const struct ncm_lock *lock, const struct ncm_text_map *blobs)
{
	struct ncm_lock *chosen = ncm_calloc(1, sizeof *chosen);
	char *text;

	for (size_t i = 0; i < lock->count; i++) {
		struct ncm_lock_entry entry = lock->entries[i];

		if (!is_whole(&entry, blobs))
			continue;
		ncm_lock_put(chosen, &entry);
		if (!entry.pinned || entry.ollama_name || ncm_lock_find(chosen, entry.pinned))
			continue;
		entry.uri = entry.pinned;
		ncm_lock_put(chosen, &entry);
	}
	text = ncm_lock_text(chosen);
	ncm_lock_free(chosen);
	return text;
}

static bool pins_bytes(const struct ncm_lock_entry *entry, const struct ncm_sha256 *sha256)
{
	for (size_t i = 0; sha256 && i < entry->file_count; i++) {
		if (entry->files[i].has_sha256 && ncm_sha256_equal(&entry->files[i].sha256, sha256))
			return true;
	}
	return false;
}

static bool is_pinned(const struct ncm_lock *lock, const char *source, const struct ncm_sha256 *sha256)
{
	for (size_t i = 0; i < lock->count; i++) {
		const struct ncm_lock_entry *entry = &lock->entries[i];

		if (pins_bytes(entry, sha256) || ncm_same_text(entry->pinned, source) ||
		    strcmp(entry->uri, source) == 0)
			return true;
	}
	return false;
}

static bool is_of_same(const char *a, const char *b)
{
	NCM_AUTO_FREE char *key = a ? ncm_source_key(a) : NULL, *other = b ? ncm_source_key(b) : NULL;

	return key && ncm_same_text(key, other);
}

static bool is_superseded(const struct ncm_lock *lock, const char *source, const struct ncm_sha256 *sha256)
{
	if (!source || is_pinned(lock, source, sha256))
		return false;
	for (size_t i = 0; i < lock->count; i++) {
		if (is_of_same(source, lock->entries[i].uri))
			return true;
	}
	return false;
}

bool bundle_is_older(const struct ncm_lock *lock, const struct ncm_reg_model *model, const struct ncm_reg_file *file)
{
	if (!is_superseded(lock, file->source, &file->sha256))
		return false;
	for (size_t i = 0; i < model->file_count; i++) {
		if (is_of_same(model->files[i].source, file->source) &&
		    !is_superseded(lock, model->files[i].source, NULL))
			return true;
	}
	return false;
}

static bool stays_as_it_is(const json_t *spec, const struct ncm_layout *layout)
{
	const char *id = ncm_json_string(json_array_get(json_object_get(spec, "to"), 0), "store");
	const struct ncm_store *store = id ? ncm_layout_find(layout, id) : NULL;

	return store && store->kind->keeps_repositories;
}

/* The name under which it was pinned, or NULL. */
static const char *name_of(const struct ncm_lock *lock, const char *pinned)
{
	for (size_t i = 0; i < lock->count; i++) {
		if (lock->entries[i].pinned && strcmp(lock->entries[i].pinned, pinned) == 0)
			return lock->entries[i].uri;
	}
	return NULL;
}

static void rename_source(json_t *spec, const struct ncm_lock *lock)
{
	json_t *from = json_object_get(spec, "from");
	const char *pinned = json_string_value(json_array_get(from, 0));
	const char *name = pinned ? name_of(lock, pinned) : NULL;

	if (name)
		json_array_set_new(from, 0, json_string(name));
}

static const char *first_source(const json_t *specs, size_t i)
{
	return json_string_value(json_array_get(json_object_get(json_array_get(specs, i), "from"), 0));
}

static bool has_newer(const json_t *specs, const char *source, const struct ncm_lock *lock)
{
	for (size_t i = 0; i < json_array_size(specs); i++) {
		if (is_of_same(first_source(specs, i), source) && !is_superseded(lock, first_source(specs, i), NULL))
			return true;
	}
	return false;
}

static void drop_older(json_t *specs, const struct ncm_lock *lock, const struct ncm_layout *layout)
{
	for (size_t i = json_array_size(specs); i > 0; i--) {
		const char *source = first_source(specs, i - 1);

		if (stays_as_it_is(json_array_get(specs, i - 1), layout) && is_superseded(lock, source, NULL) &&
		    has_newer(specs, source, lock))
			json_array_remove(specs, i - 1);
	}
}

char *bundle_manifest(const char *text, const struct ncm_lock *lock, const struct ncm_layout *layout)
{
	NCM_AUTO_JSON json_t *document = ncm_json_parse(text, strlen(text), "the manifest", NCM_E_MANIFEST, NULL);
	json_t *model, *spec;
	size_t i, k;

	json_array_foreach(json_object_get(document, "models"), i, model)
	{
		drop_older(json_object_get(model, "files"), lock, layout);
		json_array_foreach(json_object_get(model, "files"), k, spec)
		{
			rename_source(spec, lock);
		}
	}
	return document ? ncm_json_dump(document) : ncm_strdup(text);
}
