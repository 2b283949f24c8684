/* SPDX-License-Identifier: MIT */
#include "cache/lease_object.h"

#include "base/file.h"
#include "base/mem.h"

#include <string.h>
#include <time.h>

enum { LEASE_BYTES = 4096 };

char *cache_lease_text(void)
{
	char holder[33];

	ncm_random_hex(holder, sizeof holder);
	return ncm_asprintf("{\"holder\":\"%s\",\"seconds\":%d}\n", holder, CACHE_LEASE_SECONDS);
}

bool cache_lease_says(const struct cache *cache, const char *key, const char *text, char **etag, struct ncm_error *err)
{
	CACHE_AUTO_OBJECT struct cache_object object = {0};

	if (cache_get(cache, key, LEASE_BYTES, &object, err) != 1 || strcmp(object.data, text) != 0)
		return false;
	*etag = object.etag;
	object.etag = NULL;
	return true;
}

enum cache_made cache_lease_write(const struct cache *cache, const char *key, const char *text, const char *etag,
				  char **made_etag, bool *unconditional, struct ncm_error *err)
{
	const struct cache_condition condition = {.only_new = !etag, .if_match = etag};
	const size_t size = strlen(text);
	const enum cache_made made = cache_put(cache, key, text, size, &condition, made_etag, err);

	/* Of a write whose answer got lost the second try is refused. */
	if (made == CACHE_EXISTS || made == CACHE_CONFLICT)
		return cache_lease_says(cache, key, text, made_etag, NULL) ? CACHE_MADE : made;
	if (made != CACHE_UNSUPPORTED)
		return made;
	*unconditional = true;
	return cache_put(cache, key, text, size, NULL, made_etag, err);
}

bool cache_lease_is_void(const struct cache_object *object)
{
	return object->modified > 0 && object->now > 0 && object->now - object->modified > CACHE_LEASE_SECONDS;
}

void cache_wait(pthread_cond_t *changed, pthread_mutex_t *mutex, unsigned milliseconds)
{
	struct timespec until;

	timespec_get(&until, TIME_UTC);
	until.tv_sec += milliseconds / 1000;
	until.tv_nsec += (long)(milliseconds % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	(void)pthread_cond_timedwait(changed, mutex, &until);
}
