/* SPDX-License-Identifier: MIT */
/* What this machine has brought goes into the cache, part by part; then the parts are joined. The writer's thread. */
#include "cache/flight_work.h"

#include "base/mem.h"

static const unsigned PAUSE_MS = 500;

static bool find_due(const struct cache_flights *all, struct cache_flight **flight, size_t *part)
{
	for (size_t i = 0; i < all->count; i++) {
		for (size_t k = 0; k < all->flights[i]->count; k++) {
			if (!all->flights[i]->parts[k].due)
				continue;
			*flight = all->flights[i];
			*part = k;
			return true;
		}
	}
	return false;
}

static enum cache_made put(const struct cache_flight *flight, size_t index, bool over, struct ncm_error *err)
{
	NCM_AUTO_FREE char *key = flight_part_key(flight, index);
	struct cache_range range = {
	    .fd = flight->fd, .start = flight_offset(index), .size = flight_part_size(flight, index)};
	const struct ncm_upload body = cache_range_body(&range);
	const struct cache_condition condition = {.only_new = true};
	const struct cache *cache = &flight->all->cache;
	enum cache_made made = over ? CACHE_UNSUPPORTED : cache_put_body(cache, key, &body, &condition, NULL, err);

	return made == CACHE_UNSUPPORTED ? cache_put_body(cache, key, &body, NULL, NULL, err) : made;
}

/* The mutex is held, but while it is sent. */
static void hand_on(struct cache_flight *flight, size_t index)
{
	struct cache_flights *all = flight->all;
	struct flight_part *part = &flight->parts[index];
	NCM_AUTO_FREE char *lease = flight_lease_key(flight, index);
	struct ncm_error err = NCM_ERROR_INIT;
	const bool over = part->wrong;
	enum cache_made made;

	pthread_mutex_unlock(&all->mutex);
	made = put(flight, index, over, &err);
	if (made == CACHE_MADE || made == CACHE_EXISTS)
		(void)cache_delete(&all->cache, lease, NULL);
	pthread_mutex_lock(&all->mutex);
	part->due = false;
	if (made == CACHE_MADE || made == CACHE_EXISTS) {
		part->wrong = false;
		flight_set(part, PART_THERE);
	} else if (err.code != NCM_E_INTERRUPTED) {
		all->read_only = true; /* the keeper lets its lease go when the fetch ends, or time does */
		flight_tell(all, "the cache cannot be written, so others bring what this machine has", &err);
	}
	ncm_error_clear(&err);
}

static bool is_ready(const struct cache_flight *flight)
{
	if (!flight->ended || !flight->proved || flight->joined || flight->whole)
		return false;
	for (size_t i = 0; i < flight->count && !flight->alone; i++) {
		if (flight->parts[i].where != PART_THERE)
			return false;
	}
	return true;
}

static struct cache_flight *find_ready(const struct cache_flights *all)
{
	for (size_t i = 0; i < all->count && !all->read_only && !all->gone; i++) {
		if (is_ready(all->flights[i]))
			return all->flights[i];
	}
	return NULL;
}

static void finish(struct cache_flight *flight)
{
	struct cache_flights *all = flight->all;
	const bool wrong = flight->alone;

	flight->joined = true;
	pthread_mutex_unlock(&all->mutex);
	if (wrong)
		flight_remove_parts(flight);
	else
		flight_join(flight);
	pthread_mutex_lock(&all->mutex);
}

void *flight_write(void *context)
{
	struct cache_flights *all = context;
	struct cache_flight *flight;
	size_t part;

	pthread_mutex_lock(&all->mutex);
	while (!ncm_interrupted()) {
		if (!all->read_only && !all->gone && find_due(all, &flight, &part))
			hand_on(flight, part);
		else if ((flight = find_ready(all)))
			finish(flight);
		else if (all->ending)
			break;
		else
			flight_wait(all, PAUSE_MS);
	}
	all->written = true;
	pthread_cond_broadcast(&all->moved);
	pthread_mutex_unlock(&all->mutex);
	return NULL;
}
