/* SPDX-License-Identifier: MIT */
/*
 * The parts of a content that this machine has proved become the blob, within the server; then they are removed. Where
 * the server cannot, they stay, and are read as they are.
 */
#include "cache/flight_work.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/strings.h"

struct joining {
	struct cache_flight *flight;
	char *key; /* of the lease of who joins */
	char *etag;
	double leased;
};

/* Whether the blob is there, or nobody knows. */
static bool may_be_there(const struct cache_flight *flight)
{
	CACHE_AUTO_OBJECT struct cache_object object = {0};

	return cache_head(&flight->all->cache, flight->blob, &object, NULL) != 0;
}

static bool write_lease(struct joining *joining, const char *old)
{
	char *etag = NULL;
	const enum cache_made made = flight_write_lease(joining->flight->all, joining->key, old, &etag, NULL);

	if (made != CACHE_MADE) {
		free(etag);
		return false;
	}
	free(joining->etag);
	joining->etag = etag;
	joining->leased = ncm_monotonic();
	return true;
}

static bool take_lease(struct joining *joining)
{
	CACHE_AUTO_OBJECT struct cache_object object = {0};

	if (write_lease(joining, NULL))
		return true;
	return cache_head(&joining->flight->all->cache, joining->key, &object, NULL) == 1 && object.etag &&
	       object.now - object.modified > FLIGHT_LEASE_SECONDS && write_lease(joining, object.etag);
}

static bool keep_lease(struct joining *joining)
{
	if (ncm_monotonic() - joining->leased < FLIGHT_RENEW_SECONDS)
		return true;
	return !ncm_interrupted() && write_lease(joining, joining->etag);
}

static bool copy_parts(struct joining *joining, const char *id, struct cache_parts *parts)
{
	struct cache_flight *flight = joining->flight;

	for (size_t i = 0; i < flight->count; i++) {
		NCM_AUTO_FREE char *from = flight_part_key(flight, i);
		char *etag = NULL;

		if (!keep_lease(joining) || cache_upload_copy(&flight->all->cache, flight->blob, id, (unsigned)i + 1,
							      from, &etag, NULL) != CACHE_MADE)
			return false;
		cache_parts_set(parts, (unsigned)i + 1, flight_part_size(flight, i), etag);
	}
	return true;
}

static bool finish(const struct cache_flight *flight, const char *id, const struct cache_parts *parts)
{
	const struct cache_condition condition = {.only_new = true};
	const struct cache *cache = &flight->all->cache;
	enum cache_made made = cache_upload_finish(cache, flight->blob, id, parts, &condition, NULL);

	if (made == CACHE_UNSUPPORTED)
		made = cache_upload_finish(cache, flight->blob, id, parts, NULL, NULL);
	return made == CACHE_MADE || made == CACHE_EXISTS;
}

static bool join(struct joining *joining)
{
	struct cache_flight *flight = joining->flight;
	const struct cache *cache = &flight->all->cache;
	NCM_AUTO_FREE char *id = cache_upload_start(cache, flight->blob, NULL);
	struct cache_parts parts = {0};
	bool joined;

	if (!id)
		return false;
	joined = copy_parts(joining, id, &parts) && finish(flight, id, &parts);
	if (!joined)
		(void)cache_upload_abort(cache, flight->blob, id, NULL);
	cache_parts_clear(&parts);
	return joined;
}

static int take_key(void *context, const char *key, const struct cache_object *object, struct ncm_error *err)
{
	(void)object;
	(void)err;
	ncm_strings_add(context, key);
	return 0;
}

void flight_remove_parts(struct cache_flight *flight)
{
	const struct cache *cache = &flight->all->cache;
	struct ncm_strings keys = {0};

	/* From behind: the lease of who joins, which keeps others from it, is the last by its name. */
	if (cache_list(cache, flight->begins, take_key, &keys, NULL) == 0) {
		for (size_t i = 0; i < keys.count && !ncm_interrupted(); i++)
			(void)cache_delete(cache, keys.items[i], NULL);
	}
	ncm_strings_free(&keys);
}

void flight_join(struct cache_flight *flight)
{
	struct joining joining = {.flight = flight, .key = ncm_asprintf("%sjoin.lease", flight->begins)};

	if (!may_be_there(flight) && take_lease(&joining)) {
		if (may_be_there(flight) || join(&joining))
			flight_remove_parts(flight);
		else
			(void)cache_delete(&flight->all->cache, joining.key, NULL);
	}
	free(joining.key);
	free(joining.etag);
}
