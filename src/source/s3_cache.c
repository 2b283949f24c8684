/* SPDX-License-Identifier: MIT */
/*
 * A bucket of S3 as a cache that many machines share: contents by their digest, CACHE/blobs/sha256/ab/abcd…. Here it is
 * read alone; src/cache writes it.
 */
#include "source/s3.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static char *address_of(const char *cache, const struct ncm_sha256 *sha256)
{
	char hex[NCM_SHA256_HEX + 1];
	size_t size = strlen(cache);

	while (size > 0 && cache[size - 1] == '/')
		size--;
	(void)ncm_sha256_hex(sha256, hex);
	return ncm_asprintf("%.*s/blobs/sha256/%.2s/%s#sha256=%s", (int)size, cache, hex, hex, hex);
}

static pthread_mutex_t remembering = PTHREAD_MUTEX_INITIALIZER;

/* The first that was told. */
static void remember(struct ncm_sources *sources, const struct ncm_error *why)
{
	pthread_mutex_lock(&remembering);
	if (sources->cache_why.code == NCM_OK)
		ncm_error_copy(&sources->cache_why, why);
	pthread_mutex_unlock(&remembering);
}

bool ncm_source_cache_why(struct ncm_sources *sources, struct ncm_error *err)
{
	bool hindered;

	pthread_mutex_lock(&remembering);
	hindered = sources->cache_why.code != NCM_OK;
	if (hindered)
		ncm_error_copy(err, &sources->cache_why);
	pthread_mutex_unlock(&remembering);
	return hindered;
}

/* Who may not list a bucket is refused what is not there: then others may be there. */
static void tell(struct ncm_sources *sources, const struct ncm_error *why)
{
	remember(sources, why);
	if (why->code != NCM_E_AUTH)
		sources->cache_gone = true;
	if (sources->cache_alone) /* each file's error tells */
		return;
	if (atomic_exchange(&sources->cache_told, true))
		return;
	ncm_emit_text(sources->sink, NCM_EVENT_WARNING, "the cache cannot be asked, so the sources are: %s",
		      why->message);
	if (why->hint)
		ncm_emit_text(sources->sink, NCM_EVENT_NOTE, "%s", why->hint);
}

static struct ncm_resolution *ask(struct ncm_sources *sources, const char *uri, struct ncm_error *err)
{
	NCM_AUTO_FREE char *canonical = NULL;

	if (!s3_claims(uri)) {
		ncm_error_set(err, NCM_E_USAGE, "\"cache\" is not s3:BUCKET or s3:BUCKET/PREFIX");
		return NULL;
	}
	return s3_check(uri, false, &canonical, err) < 0 ? NULL : s3_resolve_once(sources, canonical, err);
}

char *ncm_source_cached_bytes(struct ncm_sources *sources, const struct ncm_sha256 *sha256, size_t limit, size_t *size)
{
	struct ncm_resolution *found = sources->cache_alone ? ncm_source_cached(sources, sha256, NULL) : NULL;
	char *body = found ? ncm_source_proven(sources, found, sha256, limit, size) : NULL;

	ncm_resolution_free(found);
	return body;
}

struct ncm_resolution *ncm_source_cached(struct ncm_sources *sources, const struct ncm_sha256 *sha256,
					 const uint64_t *size)
{
	const char *cache = sources->config->cache;
	NCM_AUTO_FREE char *uri = cache ? address_of(cache, sha256) : NULL;
	struct ncm_error why = NCM_ERROR_INIT;
	struct ncm_resolution *found;

	if (!cache || sources->cache_gone)
		return NULL;
	found = ask(sources, uri, &why);
	if (!found && why.code != NCM_E_NOT_FOUND)
		tell(sources, &why);
	ncm_error_clear(&why);
	if (!found)
		return NULL;
	/* Of another size, it is half of it. */
	if (size && found->artifacts[0].has_size && found->artifacts[0].size != *size)
		return ncm_resolution_drop(found);
	free(found->uri); /* what is told of where it came from */
	found->uri = ncm_strdup(cache);
	return found;
}
