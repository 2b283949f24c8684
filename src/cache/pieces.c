/* SPDX-License-Identifier: MIT */
/* What machines that bring a content together leave below parts/ (flight.h), once its blob is there. */
#include "cache/work.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/strings.h"

char *cache_pieces_begin(const struct ncm_sha256 *sha256)
{
	char hex[NCM_SHA256_HEX + 1];

	return ncm_asprintf("parts/sha256/%s/", ncm_sha256_hex(sha256, hex));
}

static int take_key(void *context, const char *key, const struct cache_object *object, struct ncm_error *err)
{
	(void)object;
	(void)err;
	ncm_strings_add(context, key);
	return 0;
}

void cache_remove_pieces(const struct cache *cache, const char *begins)
{
	struct ncm_strings keys = {0};

	/* In their order: the lease of who joins, which keeps others from it, is the last by its name. */
	if (cache_list(cache, begins, take_key, &keys, NULL) == 0) {
		for (size_t i = 0; i < keys.count && !ncm_interrupted(); i++)
			(void)cache_delete(cache, keys.items[i], NULL);
	}
	ncm_strings_free(&keys);
}
