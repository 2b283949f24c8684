/* SPDX-License-Identifier: MIT */
/*
 * A lease: a small object that says who is about to do something, so that nobody else does. It is made by
 * If-None-Match:*, renewed while its holder works, and void CACHE_LEASE_SECONDS after it was last written, by the
 * server's clock; then another takes it over, by If-Match. Servers that know no conditions let the last writer have it.
 */
#ifndef NCM_CACHE_LEASE_OBJECT_H
#define NCM_CACHE_LEASE_OBJECT_H

#include "cache/cache.h"

#include <pthread.h>

enum { CACHE_LEASE_SECONDS = 30, CACHE_LEASE_RENEW_SECONDS = 8 };

/* What a new holder's leases say: a random name. The caller frees it. */
char *cache_lease_text(void);
/* Writes one, as new or (`etag`, which may be NULL without conditions) in place of that. *made_etag is freed by the
 * caller. *unconditional is set if the server turns out to know no conditions. */
enum cache_made cache_lease_write(const struct cache *cache, const char *key, const char *text, const char *etag,
				  char **made_etag, bool *unconditional, struct ncm_error *err);
/* Whether the lease that lies there says this; its ETag, which may be NULL, is freed by the caller. False with *err: it
 * cannot be asked. */
bool cache_lease_says(const struct cache *cache, const char *key, const char *text, char **etag, struct ncm_error *err);
/* Of another's, by the server's clock: where it tells no times no lease is known to be void. */
bool cache_lease_is_void(const struct cache_object *object);
/* Waits, with the mutex held, or until something has changed. */
void cache_wait(pthread_cond_t *changed, pthread_mutex_t *mutex, unsigned milliseconds);

#endif
