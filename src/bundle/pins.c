/* SPDX-License-Identifier: MIT */
#include "bundle/pins.h"

#include "base/mem.h"

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
