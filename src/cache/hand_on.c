/* SPDX-License-Identifier: MIT */
/* What this machine has brought goes into the cache, part by part; and is joined there. The writers' threads. */
#include "cache/flight_work.h"

#include "base/file.h"
#include "base/mem.h"

static const unsigned PAUSE_MS = 500;
enum { MOST_TRIES = 4 };
static const double AGAIN_SECONDS = 10; /* before the lease of who joins is asked for once more */

static bool find_due(const struct cache_flights *all, struct cache_flight **flight, size_t *part)
{
	for (size_t i = 0; i < all->count; i++) {
		for (size_t k = 0; k < all->flights[i]->count; k++) {
			if (!all->flights[i]->parts[k].due || all->flights[i]->parts[k].taken)
				continue;
			*flight = all->flights[i];
			*part = k;
			return true;
		}
	}
	return false;
}

static enum cache_made put_once(const struct cache_flight *flight, size_t index, bool over, char **tag,
				struct ncm_error *err)
{
	NCM_AUTO_FREE char *key = flight_part_key(flight, index);
	struct cache_range range = {
	    .fd = flight->fd, .start = flight_offset(index), .size = flight_part_size(flight, index)};
	const struct ncm_upload body = cache_range_body(&range);
	const struct cache_condition condition = {.only_new = true};
	const struct cache *cache = &flight->all->cache;
	enum cache_made made = over ? CACHE_UNSUPPORTED : cache_put_body(cache, key, &body, &condition, tag, err);

	return made == CACHE_UNSUPPORTED ? cache_put_body(cache, key, &body, NULL, tag, err) : made;
}

/* Another may write the same part at this moment. */
static enum cache_made put(const struct cache_flight *flight, size_t index, bool over, char **tag,
			   struct ncm_error *err)
{
	enum cache_made made = put_once(flight, index, over, tag, err);

	for (unsigned i = 1; i < MOST_TRIES && made == CACHE_CONFLICT && ncm_wait(0.5 * i) == 0; i++)
		made = put_once(flight, index, over, tag, err);
	/* Nobody knows what another has put there, and what this machine joins it has to know. */
	return made == CACHE_EXISTS ? put_once(flight, index, true, tag, err) : made;
}

/* Takes over `tag`. */
static void note_put(struct cache_flight *flight, struct flight_part *part, char *tag)
{
	free(part->tag);
	part->tag = tag;
	part->put = true;
	part->wrong = part->doubted = false;
	flight_set(flight, part, PART_THERE);
}

/* The mutex is held, but while it is sent. */
static void hand_on(struct cache_flight *flight, size_t index)
{
	struct cache_flights *all = flight->all;
	struct flight_part *part = &flight->parts[index];
	NCM_AUTO_FREE char *lease = flight_lease_key(flight, index);
	struct ncm_error err = NCM_ERROR_INIT;
	const bool over = part->wrong;
	char *tag = NULL;
	enum cache_made made;

	part->taken = true;
	pthread_mutex_unlock(&all->mutex);
	made = put(flight, index, over, &tag, &err);
	if (made == CACHE_MADE)
		(void)cache_delete(&all->cache, lease, NULL);
	pthread_mutex_lock(&all->mutex);
	part->due = part->taken = false;
	if (made == CACHE_MADE) {
		note_put(flight, part, tag);
	} else if (made == CACHE_FAILED && err.code != NCM_E_INTERRUPTED) {
		all->read_only = true; /* the keeper lets its lease go when the fetch ends, or time does */
		flight_tell(all, "the cache cannot be written, so others bring what this machine has", &err);
	}
	ncm_error_clear(&err);
}

static bool is_wanted(const struct cache_flight *flight)
{
	return !flight->alone && !flight->whole && !flight->joined && (!flight->ended || flight->proved);
}

/* Whether this machine joins the parts, or may: another may do it already, or have died of it. */
static bool may_join(const struct cache_flight *flight, double now)
{
	const struct flight_join *join = &flight->join;

	return join->id || join->tried_at == 0 ||
	       (flight->ended ? join->tried_at < flight->ended_at : now - join->tried_at > AGAIN_SECONDS);
}

/* Whether the join has to be held before more is copied: it is not begun, or its lease is to be renewed. */
static bool wants_hold(const struct cache_flight *flight)
{
	return !flight->join.id || flight_join_is_due(flight);
}

static bool may_copy(const struct cache_flight *flight, double now)
{
	const struct flight_join *join = &flight->join;

	return is_wanted(flight) && !join->held && !join->failed && may_join(flight, now) &&
	       (join->copying == 0 || !wants_hold(flight));
}

/* What another has put there is held against what is here. */
static bool is_to_copy(const struct cache_flight *flight, const struct flight_part *part)
{
	return part->where == PART_THERE && !part->copied && !part->taken && (part->put || part->here) &&
	       (!part->doubted || flight->proved);
}

static bool find_copy(const struct cache_flights *all, struct cache_flight **flight, size_t *part)
{
	const double now = ncm_monotonic();

	for (size_t i = 0; i < all->count; i++) {
		struct cache_flight *one = all->flights[i];
		const bool may = may_copy(one, now);

		for (size_t k = 0; k < one->count && may; k++) {
			if (!is_to_copy(one, &one->parts[k]))
				continue;
			*flight = one;
			*part = k;
			return true;
		}
	}
	return false;
}

/* Begins the join, or keeps its lease. As flight_join_begin. The mutex is held, but while it is done. */
static int hold(struct cache_flight *flight)
{
	const bool began = flight->join.id;
	int joins;

	flight->join.held = true;
	pthread_mutex_unlock(&flight->all->mutex);
	joins = began ? flight_join_keep(flight) : flight_join_begin(flight);
	pthread_mutex_lock(&flight->all->mutex);
	flight->join.held = false;
	pthread_cond_broadcast(&flight->all->moved);
	return joins;
}

static void forget_copies(struct cache_flight *flight, bool stuck)
{
	for (size_t i = 0; i < flight->count; i++)
		flight->parts[i].copied = false;
	flight->stuck = flight->stuck || stuck;
	flight->joined = flight->joined || flight->stuck || flight->ended;
}

/* What could not be copied by any of those who were at it. */
static void give_up_copying(struct cache_flight *flight)
{
	flight->join.held = true;
	pthread_mutex_unlock(&flight->all->mutex);
	flight_join_give_up(flight);
	pthread_mutex_lock(&flight->all->mutex);
	flight->join.held = flight->join.failed = false;
	forget_copies(flight, true);
}

/* It is put over; but bytes that may be wrong themselves in place of others' are put by nobody. */
static void doubt(struct cache_flight *flight, struct flight_part *part)
{
	part->copied = false;
	if (part->where != PART_THERE)
		return;
	part->doubted = true;
	if (!flight->proved)
		return;
	if (part->put || flight->fd < 0) {
		flight->join.failed = true;
		return;
	}
	part->wrong = part->due = true;
	flight_set(flight, part, PART_ALONE);
}

/* The mutex is held, but while it is done. */
static void copy(struct cache_flight *flight, size_t index)
{
	struct cache_flights *all = flight->all;
	struct flight_join *join = &flight->join;
	struct flight_part *part = &flight->parts[index];
	const int joins = join->copying == 0 && wants_hold(flight) ? hold(flight) : 1;
	NCM_AUTO_FREE char *tag = NULL;
	char *etag = NULL;
	bool known;

	if (joins <= 0) {
		forget_copies(flight, joins < 0);
		return;
	}
	if (!is_wanted(flight) || !is_to_copy(flight, part)) /* meanwhile */
		return;
	join->copying++;
	part->copied = part->taken = true; /* unless it turns out to be wrong meanwhile */
	tag = ncm_strdup_null(part->tag);
	known = tag && part->put;
	pthread_mutex_unlock(&all->mutex);
	known = known || (tag && flight_is_named(flight, index, tag));
	if (known)
		etag = flight_join_part(flight, index, tag);
	pthread_mutex_lock(&all->mutex);
	join->copying--;
	part->taken = false;
	if (etag)
		cache_parts_set(&join->parts, (unsigned)index + 1, flight_part_size(flight, index), etag);
	else if (known)
		join->failed = true;
	else
		doubt(flight, part);
	if (join->failed && join->copying == 0)
		give_up_copying(flight);
}

static bool are_all_copied(const struct cache_flight *flight)
{
	for (size_t i = 0; i < flight->count; i++) {
		if (!flight->parts[i].copied || flight->parts[i].where != PART_THERE)
			return false;
	}
	return true;
}

/* Whether nothing more comes of it, and something is to be done about that. */
static bool is_over(const struct cache_flight *flight)
{
	if (flight->joined || flight->join.held || flight->join.copying > 0)
		return false;
	for (size_t i = 0; i < flight->count; i++) {
		if (flight->parts[i].taken)
			return false;
	}
	if (!is_wanted(flight))
		return flight->join.id || (flight->alone && flight->ended && flight->proved);
	return flight->ended && flight->proved && flight->join.id;
}

static struct cache_flight *find_over(const struct cache_flights *all)
{
	for (size_t i = 0; i < all->count; i++) {
		if (is_over(all->flights[i]))
			return all->flights[i];
	}
	return NULL;
}

static void finish(struct cache_flight *flight)
{
	struct cache_flights *all = flight->all;
	const bool wrong = flight->alone && flight->proved, all_there = is_wanted(flight) && are_all_copied(flight);

	flight->joined = flight->join.held = true;
	pthread_mutex_unlock(&all->mutex);
	if (all_there)
		flight_join_end(flight);
	else
		flight_join_drop(flight);
	flight->stuck = flight->stuck || (all_there && !flight->made);
	if (wrong)
		cache_remove_pieces(&all->cache, flight->begins);
	pthread_mutex_lock(&all->mutex);
	flight->join.held = false;
}

static void keep_all(struct cache_flights *all)
{
	for (size_t i = 0; i < all->count && !all->gone; i++) {
		struct cache_flight *flight = all->flights[i];

		if (flight->join.held || flight->join.copying > 0 || !flight->join.id || !flight_join_is_due(flight))
			continue;
		(void)hold(flight);
		for (size_t k = 0; k < flight->count && !flight->join.id; k++)
			flight->parts[k].copied = false;
	}
}

static bool work(struct cache_flights *all)
{
	struct cache_flight *flight;
	size_t part;

	if (all->gone)
		return false;
	if (!all->read_only && find_due(all, &flight, &part))
		hand_on(flight, part);
	else if (!all->read_only && find_copy(all, &flight, &part))
		copy(flight, part);
	else if ((flight = find_over(all)))
		finish(flight);
	else
		return false;
	return true;
}

/* One step; the others are told, for there may be something for them to do behind it. */
static bool work_and_tell(struct cache_flights *all)
{
	bool worked;

	all->busy++;
	worked = work(all);
	all->busy--;
	if (worked)
		pthread_cond_broadcast(&all->moved);
	return worked;
}

void *flight_write(void *context)
{
	struct cache_flights *all = context;

	pthread_mutex_lock(&all->mutex);
	while (!ncm_interrupted()) {
		keep_all(all);
		if (work_and_tell(all))
			continue;
		if (all->ending && all->busy == 0)
			break;
		flight_wait(all, PAUSE_MS);
	}
	all->writing--;
	pthread_cond_broadcast(&all->moved);
	pthread_mutex_unlock(&all->mutex);
	return NULL;
}
