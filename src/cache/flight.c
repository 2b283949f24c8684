/* SPDX-License-Identifier: MIT */
/* What the engine asks of a flight, and tells it: nothing here waits for a request. */
#include "cache/flight_work.h"

#include "base/file.h"
#include "base/mem.h"
#include "os/os.h"

#include <inttypes.h>

enum { MOST_PARTS = 10000 }; /* of an upload */
static const unsigned MOST_FAILURES = 3;

uint64_t flight_offset(size_t part)
{
	return (uint64_t)part * NCM_CHECKPOINT_SPAN;
}

uint64_t flight_part_size(const struct cache_flight *flight, size_t part)
{
	const uint64_t left = flight->size - flight_offset(part);

	return left < NCM_CHECKPOINT_SPAN ? left : NCM_CHECKPOINT_SPAN;
}

void flight_wait(struct cache_flights *flights, unsigned milliseconds)
{
	cache_wait(&flights->moved, &flights->mutex, milliseconds);
}

void flight_set(struct cache_flight *flight, struct flight_part *part, enum part_where where)
{
	part->where = where;
	part->since = ncm_monotonic();
	if (where == PART_THERE || where == PART_OURS)
		flight->moved_at = part->since;
}

char *flight_part_key(const struct cache_flight *flight, size_t part)
{
	return ncm_asprintf("%s%" PRIu64, flight->begins, flight_offset(part));
}

char *flight_lease_key(const struct cache_flight *flight, size_t part)
{
	return ncm_asprintf("%s%" PRIu64 ".lease", flight->begins, flight_offset(part));
}

void flight_tell(struct cache_flights *flights, const char *what, const struct ncm_error *err)
{
	const bool told = flights->told;
	/* Who may read alone knows that; who cannot list learns here that nothing is lost by it. */
	const bool of_note = err->code == NCM_E_NETWORK || err->code == NCM_E_RATE_LIMIT;

	flights->told = true;
	if (!told && err->code != NCM_E_INTERRUPTED)
		ncm_emit_text(flights->sources->sink, of_note ? NCM_EVENT_NOTE : NCM_EVENT_DEBUG, "%s: %s", what,
			      err->message);
}

/* Whoever holds a lease lets go of it before; a server that says otherwise does not hold up anybody for ever. */
static bool is_patient(const struct cache_flight *flight)
{
	return flight->asked_at - flight->moved_at < FLIGHT_PATIENCE_SECONDS;
}

static enum ncm_part_state state_of(const struct cache_flight *flight, const struct flight_part *part)
{
	const struct cache_flights *all = flight->all;

	if (part->where == PART_ALONE || part->where == PART_OURS)
		return NCM_PART_OURS;
	if (flight->whole || part->where == PART_THERE)
		return NCM_PART_SHARED;
	if (all->gone || flight->ended || !is_patient(flight) ||
	    (all->read_only && part->where != PART_LEASED && flight->listed_at > 0))
		return NCM_PART_OURS;
	return NCM_PART_AWAITED;
}

static enum ncm_part_state look(void *context, size_t part)
{
	struct cache_flight *flight = context;
	enum ncm_part_state state;

	pthread_mutex_lock(&flight->all->mutex);
	flight->asked_at = ncm_monotonic();
	flight->moved_at = flight->moved_at != 0 ? flight->moved_at : flight->asked_at;
	state = state_of(flight, &flight->parts[part]);
	pthread_mutex_unlock(&flight->all->mutex);
	return state;
}

static char *url_of(const struct cache *cache, const char *key)
{
	NCM_AUTO_FREE char *raw = ncm_asprintf("%s%s", cache->prefix, key);
	NCM_AUTO_FREE char *path = ncm_url_encode(raw, true);

	return ncm_asprintf("%s/%s", cache->url, path);
}

static char *address(void *context, size_t part, bool *whole)
{
	struct cache_flight *flight = context;
	NCM_AUTO_FREE char *key = flight_part_key(flight, part);

	pthread_mutex_lock(&flight->all->mutex);
	*whole = flight->whole;
	pthread_mutex_unlock(&flight->all->mutex);
	return url_of(&flight->all->cache, *whole ? flight->blob : key);
}

/* While it is a name in the staging folder. */
static bool open_partial(struct cache_flight *flight)
{
	if (flight->fd < 0)
		flight->fd = os_open(flight->dirfd, flight->partial, OS_READ | OS_NO_LINK);
	return flight->fd >= 0;
}

static void have(void *context, size_t index)
{
	struct cache_flight *flight = context;
	struct cache_flights *all = flight->all;
	struct flight_part *part = &flight->parts[index];

	pthread_mutex_lock(&all->mutex);
	if (flight->ended) { /* of a second try: that is another partial */
		pthread_mutex_unlock(&all->mutex);
		return;
	}
	part->here = true;
	if (part->where == PART_OURS)
		all->brought += flight_part_size(flight, index);
	/* To be handed on now or later, or held against what another has put there. */
	part->due = !all->read_only && open_partial(flight) && (part->where == PART_OURS || part->wrong);
	pthread_cond_broadcast(&all->moved);
	pthread_mutex_unlock(&all->mutex);
}

static void failed(void *context, size_t index, bool wrong)
{
	struct cache_flight *flight = context;
	struct flight_part *part = &flight->parts[index];

	pthread_mutex_lock(&flight->all->mutex);
	part->wrong = part->wrong || wrong;
	part->copied = false;
	flight->tried_at = 0;
	flight_set(flight, part, wrong || ++part->failures >= MOST_FAILURES ? PART_ALONE : PART_NOWHERE);
	flight->whole = false;
	pthread_cond_broadcast(&flight->all->moved);
	pthread_mutex_unlock(&flight->all->mutex);
}

static void leave(void *context)
{
	struct cache_flight *flight = context;

	pthread_mutex_lock(&flight->all->mutex);
	flight->alone = true;
	for (size_t i = 0; i < flight->count; i++)
		flight->parts[i].due = false;
	pthread_mutex_unlock(&flight->all->mutex);
}

struct cache_flights *cache_flights_begin(struct ncm_sources *sources, bool brings)
{
	struct cache_flights *flights;
	struct ncm_error why = NCM_ERROR_INIT;

	if (!sources->config->cache)
		return NULL;
	flights = ncm_calloc(1, sizeof *flights);
	if (cache_open(&flights->cache, sources, NULL, &why) < 0) {
		ncm_error_clear(&why);
		free(flights);
		return NULL;
	}
	flights->sources = sources;
	flights->read_only = !brings;
	flights->lease = cache_lease_text();
	pthread_mutex_init(&flights->mutex, NULL);
	pthread_cond_init(&flights->moved, NULL);
	return flights;
}

/* With the mutex held: several threads begin flights. */
static bool start(struct cache_flights *flights)
{
	if (flights->started || flights->gone)
		return flights->started;
	flights->gone = pthread_create(&flights->keeper, NULL, flight_keep, flights) != 0;
	if (flights->gone)
		return false;
	flights->started = true;
	while (flights->writer_count < FLIGHT_WRITERS &&
	       pthread_create(&flights->writers[flights->writer_count], NULL, flight_write, flights) == 0)
		flights->writer_count++;
	flights->writing = (unsigned)flights->writer_count;
	flights->gone = flights->writer_count == 0;
	return true;
}

static struct cache_flight *make(struct cache_flights *flights, const struct ncm_sha256 *sha256, uint64_t size)
{
	struct cache_flight *flight = ncm_calloc(1, sizeof *flight);

	flight->all = flights;
	flight->sharing = (struct ncm_sharing){flight, look, address, have, failed, leave};
	flight->begins = cache_pieces_begin(sha256);
	flight->blob = cache_blob_key(sha256);
	flight->size = size;
	flight->count = (size_t)((size + NCM_CHECKPOINT_SPAN - 1) / NCM_CHECKPOINT_SPAN);
	flight->parts = ncm_calloc(flight->count, sizeof *flight->parts);
	flight->fd = -1;
	return flight;
}

struct cache_flight *cache_flight_begin(struct cache_flights *flights, const struct ncm_sha256 *sha256, uint64_t size,
					int dirfd, const char *partial)
{
	struct cache_flight *flight = NULL;

	if (size < CACHE_SHARED_LEAST || size > (uint64_t)MOST_PARTS * NCM_CHECKPOINT_SPAN)
		return NULL;
	pthread_mutex_lock(&flights->mutex);
	if (start(flights) && !flights->gone) {
		flight = make(flights, sha256, size);
		flight->dirfd = dirfd;
		flight->partial = ncm_strdup(partial);
		*NCM_PUSH(flights->flights, flights->count) = flight;
	}
	pthread_mutex_unlock(&flights->mutex);
	return flight;
}

struct ncm_replica cache_flight_place(const struct cache_flight *flight)
{
	return (struct ncm_replica){.url = flight->all->cache.url,
				    .credential = flight->all->cache.credential,
				    .preferred = true,
				    .sharing = &flight->sharing};
}

const char *cache_flights_name(const struct cache_flights *flights)
{
	return flights->cache.what;
}

void cache_flight_end(struct cache_flight *flight, bool proved)
{
	struct cache_flights *all = flight->all;

	pthread_mutex_lock(&all->mutex);
	flight->ended = true;
	flight->ended_at = ncm_monotonic();
	flight->proved = proved;
	/* Nothing that was wrong in the end is handed on. */
	for (size_t i = 0; i < flight->count; i++)
		flight->parts[i].due = flight->parts[i].due && proved && !flight->alone;
	pthread_cond_broadcast(&all->moved);
	pthread_mutex_unlock(&all->mutex);
}

static void free_flight(struct cache_flight *flight)
{
	if (flight->fd >= 0)
		os_close(flight->fd);
	for (size_t i = 0; i < flight->count; i++) {
		free(flight->parts[i].etag);
		free(flight->parts[i].tag);
	}
	free(flight->parts);
	free(flight->join.key);
	free(flight->join.etag);
	free(flight->join.id);
	cache_parts_clear(&flight->join.parts);
	free(flight->partial);
	free(flight->begins);
	free(flight->blob);
	free(flight);
}

void cache_flights_wait(struct cache_flights *flights)
{
	if (!flights)
		return;
	pthread_mutex_lock(&flights->mutex);
	flights->ending = true;
	pthread_cond_broadcast(&flights->moved);
	pthread_mutex_unlock(&flights->mutex);
	for (size_t i = 0; i < flights->writer_count; i++)
		pthread_join(flights->writers[i], NULL);
	if (flights->started)
		pthread_join(flights->keeper, NULL);
}

enum cache_flight_end cache_flight_ended(const struct cache_flight *flight)
{
	const struct cache_flights *all = flight->all;

	if (flight->made)
		return CACHE_FLIGHT_JOINED;
	if (flight->whole)
		return CACHE_FLIGHT_THERE;
	if (flight->alone || flight->stuck || !flight->proved || all->gone || all->read_only)
		return CACHE_FLIGHT_NOWHERE;
	return CACHE_FLIGHT_OTHERS;
}

void cache_flights_free(struct cache_flights *flights)
{
	if (!flights)
		return;
	for (size_t i = 0; i < flights->count; i++)
		free_flight(flights->flights[i]);
	free(flights->flights);
	pthread_cond_destroy(&flights->moved);
	pthread_mutex_destroy(&flights->mutex);
	cache_close(&flights->cache);
	free(flights->lease);
	free(flights->etag);
	free(flights);
}
