/* SPDX-License-Identifier: MIT */
/*
 * The parts of a content become the blob, within the server: one machine, under a lease, has them copied into an upload
 * while they come, and ends that when it has proved the whole; then the parts are removed. Where the server cannot,
 * they are read as they are until the whole was sent (send.h). Without the mutex, by the writer that holds the join
 * (`held`), or, to copy, while it is counted (`copying`).
 */
#include "cache/flight_work.h"
#include "cache/work.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/strings.h"

/* Whether the blob is there, or nobody knows. */
static bool may_be_there(const struct cache_flight *flight)
{
	CACHE_AUTO_OBJECT struct cache_object object = {0};

	return cache_head(&flight->all->cache, flight->blob, &object, NULL) != 0;
}

static bool write_lease(struct cache_flight *flight, const char *old)
{
	struct flight_join *join = &flight->join;
	char *etag = NULL;

	if (flight_write_lease(flight->all, join->key, old, &etag, NULL) != CACHE_MADE) {
		free(etag);
		return false;
	}
	free(join->etag);
	join->etag = etag;
	join->leased = ncm_monotonic();
	return true;
}

static bool take_lease(struct cache_flight *flight)
{
	struct flight_join *join = &flight->join;
	CACHE_AUTO_OBJECT struct cache_object object = {0};

	if (!join->key)
		join->key = ncm_asprintf("%sjoin.lease", flight->begins);
	if (write_lease(flight, NULL))
		return true;
	return cache_head(&flight->all->cache, join->key, &object, NULL) == 1 && object.etag &&
	       cache_lease_is_void(&object) && write_lease(flight, object.etag);
}

int flight_join_begin(struct cache_flight *flight)
{
	struct flight_join *join = &flight->join;

	join->tried_at = ncm_monotonic();
	cache_parts_clear(&join->parts);
	if (!take_lease(flight))
		return 0;
	if (may_be_there(flight)) {
		(void)cache_delete(&flight->all->cache, join->key, NULL);
		return 0;
	}
	join->id = cache_upload_start(&flight->all->cache, flight->blob, NULL);
	return join->id ? 1 : -1;
}

void flight_join_drop(struct cache_flight *flight)
{
	struct flight_join *join = &flight->join;

	if (!join->id)
		return;
	(void)cache_upload_abort(&flight->all->cache, flight->blob, join->id, NULL);
	(void)cache_delete(&flight->all->cache, join->key, NULL);
	free(join->id);
	join->id = NULL;
}

bool flight_join_is_due(const struct cache_flight *flight)
{
	return ncm_monotonic() - flight->join.leased >= CACHE_LEASE_RENEW_SECONDS;
}

static void fail(struct cache_flight *flight)
{
	(void)cache_upload_abort(&flight->all->cache, flight->blob, flight->join.id, NULL);
	free(flight->join.id);
	flight->join.id = NULL;
}

void flight_join_give_up(struct cache_flight *flight)
{
	fail(flight);
	if (may_be_there(flight)) /* by another, who has removed the parts already */
		(void)cache_delete(&flight->all->cache, flight->join.key, NULL);
}

bool flight_join_keep(struct cache_flight *flight)
{
	if (write_lease(flight, flight->join.etag))
		return true;
	/* It was void for a while, and is another's: what he does is his. */
	fail(flight);
	return false;
}

char *flight_join_part(const struct cache_flight *flight, size_t part, const char *tag)
{
	NCM_AUTO_FREE char *from = flight_part_key(flight, part);
	char *etag = NULL;

	if (cache_upload_copy(&flight->all->cache, flight->blob, flight->join.id, (unsigned)part + 1, from, tag, &etag,
			      NULL) == CACHE_MADE)
		return etag;
	free(etag);
	return NULL;
}

static bool has_all(const struct cache_flight *flight)
{
	uint64_t size = 0;

	for (size_t i = 0; i < flight->join.parts.count; i++)
		size += flight->join.parts.items[i].size;
	return flight->join.parts.count == flight->count && size == flight->size;
}

void flight_join_end(struct cache_flight *flight)
{
	const struct cache_condition condition = {.only_new = true};
	const struct cache *cache = &flight->all->cache;
	struct flight_join *join = &flight->join;
	enum cache_made made = CACHE_FAILED;

	if (has_all(flight))
		made = cache_upload_finish(cache, flight->blob, join->id, &join->parts, &condition, NULL);
	if (made == CACHE_UNSUPPORTED)
		made = cache_upload_finish(cache, flight->blob, join->id, &join->parts, NULL, NULL);
	if (made != CACHE_MADE && made != CACHE_EXISTS) {
		flight_join_drop(flight);
		return;
	}
	free(join->id);
	join->id = NULL;
	flight->made = true;
	cache_drop_uploads(cache, flight->blob);
	cache_remove_pieces(cache, flight->begins);
}
