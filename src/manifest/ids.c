/* SPDX-License-Identifier: MIT */
#include "manifest/ids.h"

#include "base/arena.h"
#include "base/mem.h"
#include "base/text_map.h"

#include <string.h>

struct manifest_ids {
	struct ncm_arena texts;
	struct ncm_text_map own;   /* by profile, NUL and id */
	struct ncm_text_map first; /* by id alone: of the first profile that has it */
};

struct manifest_ids *manifest_ids_new(void)
{
	return ncm_calloc(1, sizeof(struct manifest_ids));
}

void manifest_ids_free(struct manifest_ids *ids)
{
	if (!ids)
		return;
	ncm_text_map_free(&ids->own);
	ncm_text_map_free(&ids->first);
	ncm_arena_free(&ids->texts);
	free(ids);
}

/* Neither may hold a NUL, so no two pairs give one key. */
static size_t key_size(const char *profile, const char *id)
{
	return strlen(profile) + 1 + strlen(id);
}

static void write_key(const char *profile, const char *id, char *key)
{
	const size_t size = strlen(profile) + 1;

	memcpy(key, profile, size);
	memcpy(key + size, id, strlen(id));
}

bool manifest_ids_add(struct manifest_ids *ids, const char *profile, const char *id, size_t number)
{
	const char *of = profile ? profile : "";
	const size_t size = key_size(of, id);
	char *key = ncm_arena_take(&ids->texts, size);

	write_key(of, id, key);
	if (!ncm_text_map_add(&ids->own, key, size, number))
		return false;
	(void)ncm_text_map_add(&ids->first, key + strlen(of) + 1, strlen(id), number);
	return true;
}

static bool found(const uint32_t *number, size_t *result)
{
	if (number)
		*result = *number;
	return number != NULL;
}

bool manifest_ids_own(const struct manifest_ids *ids, const char *profile, const char *id, size_t *number)
{
	const char *of = profile ? profile : "";
	const size_t size = key_size(of, id);
	NCM_AUTO_FREE char *key = ncm_malloc(size);

	write_key(of, id, key);
	return found(ncm_text_map_find(&ids->own, key, size), number);
}

bool manifest_ids_meant(const struct manifest_ids *ids, const char *profile, const char *id, size_t *number)
{
	return manifest_ids_own(ids, profile, id, number) ||
	       found(ncm_text_map_find(&ids->first, id, strlen(id)), number);
}
