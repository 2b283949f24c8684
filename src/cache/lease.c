/* SPDX-License-Identifier: MIT */
/* Whose a part is: what lies in the cache is looked at, leases are taken, kept and let go. The keeper's thread. */
#include "cache/flight_work.h"

#include "base/file.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

static const unsigned PAUSE_MS = 200;
static const double ACTIVE_SECONDS = 3; /* since the engine has asked for it */
static const double SOON_SECONDS = 1;   /* between two looks, where little is left to be read … */
static const double LATER_SECONDS = 5;  /* … and where much is */
static const size_t LITTLE = 4;         /* parts */
static const double SETTLED_SECONDS = 0.5;
static const double WORTH_SECONDS = 2; /* of work that is leased beforehand */
enum { LEAST_LEASES = 1, MOST_LEASES = 16, MOST_CHOICES = 32 };

enum cache_made flight_write_lease(struct cache_flights *flights, const char *key, const char *etag, char **made_etag,
				   struct ncm_error *err)
{
	bool unconditional = false;
	const enum cache_made made =
	    cache_lease_write(&flights->cache, key, flights->lease, etag, made_etag, &unconditional, err);

	if (unconditional) {
		pthread_mutex_lock(&flights->mutex);
		flights->unconditional = true;
		pthread_mutex_unlock(&flights->mutex);
	}
	return made;
}

static bool is_free(const struct flight_part *part)
{
	return part->where == PART_NOWHERE || (part->where == PART_LEASED && part->expired);
}

/* How many parts are leased that have not come. */
static size_t count_leases(const struct cache_flights *all)
{
	size_t count = 0;

	for (size_t i = 0; i < all->count; i++) {
		const struct cache_flight *flight = all->flights[i];

		for (size_t k = 0; k < flight->count && !flight->ended; k++)
			count += flight_is_ours(&flight->parts[k]) && !flight->parts[k].here;
	}
	return count;
}

/* As many as this machine brings in a little while. */
static size_t most_leases(const struct cache_flights *all, double now)
{
	const double seconds = all->first_at > 0 ? now - all->first_at : 0;
	const double rate = seconds > 0 ? (double)all->brought / seconds : 0;
	const double most = LEAST_LEASES + rate * WORTH_SECONDS / NCM_CHECKPOINT_SPAN;

	return most < MOST_LEASES ? (size_t)most : MOST_LEASES;
}

static bool may_lease(const struct cache_flights *all)
{
	return count_leases(all) < most_leases(all, ncm_monotonic());
}

/* One of the first that nobody has; what is here already before others. Machines that begin together take others. */
static bool choose(const struct cache_flight *flight, bool more, size_t *chosen)
{
	size_t choices[MOST_CHOICES], count = 0;
	char hex[9];

	for (size_t i = 0; i < flight->count && count < MOST_CHOICES; i++) {
		if (!is_free(&flight->parts[i]))
			continue;
		if (flight->parts[i].here && flight->fd >= 0) {
			*chosen = i;
			return true;
		}
		if (more && !flight->parts[i].here)
			choices[count++] = i;
	}
	if (count == 0)
		return false;
	ncm_random_hex(hex, sizeof hex);
	*chosen = choices[strtoul(hex, NULL, 16) % count];
	return true;
}

static void note_claim(struct cache_flight *flight, struct flight_part *part, enum cache_made made, char *etag,
		       const struct ncm_error *err)
{
	struct cache_flights *all = flight->all;

	free(part->etag);
	part->etag = etag;
	part->leased = ncm_monotonic();
	part->expired = false;
	if (made == CACHE_MADE && !all->etag)
		all->etag = ncm_strdup_null(etag);
	if (made == CACHE_MADE && all->first_at == 0)
		all->first_at = part->leased;
	if (made == CACHE_EXISTS)
		flight_set(flight, part, PART_LEASED);
	else if (made != CACHE_MADE)
		flight_set(flight, part, PART_NOWHERE);
	if (made != CACHE_FAILED || err->code == NCM_E_INTERRUPTED)
		return;
	all->read_only = true;
	flight_tell(all, "the cache cannot be written, so what nobody else brings comes from its source", err);
}

static bool may_claim(const struct cache_flight *flight)
{
	const struct cache_flights *all = flight->all;

	return !all->gone && !all->read_only && !flight->whole && !flight->alone && !flight->ended &&
	       flight->listed_at > 0 && ncm_monotonic() - flight->asked_at < ACTIVE_SECONDS;
}

/* Takes a lease, which the next list confirms. False: there is none to be had now. The mutex is held, but while it is
 * asked for. */
static bool claim(struct cache_flight *flight)
{
	struct cache_flights *all = flight->all;
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *old = NULL;
	NCM_AUTO_FREE char *key = NULL;
	char *etag = NULL;
	enum cache_made made;
	size_t chosen;

	if (!may_claim(flight) || !choose(flight, may_lease(all), &chosen))
		return false;
	key = flight_lease_key(flight, chosen);
	if (flight->parts[chosen].where == PART_LEASED)
		old = ncm_strdup_null(flight->parts[chosen].etag);
	flight_set(flight, &flight->parts[chosen], PART_CLAIMED);
	pthread_mutex_unlock(&all->mutex);
	made = flight_write_lease(all, key, old, &etag, &err);
	pthread_mutex_lock(&all->mutex);
	note_claim(flight, &flight->parts[chosen], made, etag, &err);
	ncm_error_clear(&err);
	return made != CACHE_FAILED;
}

static void renew(struct cache_flight *flight, size_t index)
{
	struct cache_flights *all = flight->all;
	struct flight_part *part = &flight->parts[index];
	NCM_AUTO_FREE char *key = flight_lease_key(flight, index);
	NCM_AUTO_FREE char *old = ncm_strdup_null(part->etag);
	char *etag = NULL;
	enum cache_made made;

	pthread_mutex_unlock(&all->mutex);
	made = flight_write_lease(all, key, old, &etag, NULL);
	pthread_mutex_lock(&all->mutex);
	if (made == CACHE_MADE) {
		free(part->etag);
		part->etag = etag;
		etag = NULL;
		part->leased = ncm_monotonic();
	} else if (made == CACHE_EXISTS &&
		   flight_is_ours(part)) { /* it was void for a while, and somebody has it now */
		flight_set(flight, part, PART_LEASED);
	}
	free(etag);
}

static void let_go(struct cache_flight *flight, size_t index)
{
	struct cache_flights *all = flight->all;
	NCM_AUTO_FREE char *key = flight_lease_key(flight, index);

	flight_set(flight, &flight->parts[index], PART_NOWHERE);
	pthread_mutex_unlock(&all->mutex);
	(void)cache_delete(&all->cache, key, NULL);
	pthread_mutex_lock(&all->mutex);
}

static void keep_leases(struct cache_flight *flight)
{
	for (size_t i = 0; i < flight->count && !ncm_interrupted(); i++) {
		const struct flight_part *part = &flight->parts[i];
		const double now = ncm_monotonic();

		if (!flight_is_ours(part))
			continue;
		if ((flight->ended || flight->alone) && !part->due)
			let_go(flight, i);
		else if (now - part->leased > CACHE_LEASE_RENEW_SECONDS && now - part->since < FLIGHT_LONGEST_SECONDS)
			renew(flight, i);
	}
}

static bool should_look(const struct cache_flight *flight, double now)
{
	size_t unread = 0;

	if (flight->ended || flight->alone || flight->whole || now - flight->asked_at > ACTIVE_SECONDS)
		return false;
	for (size_t i = 0; i < flight->count; i++)
		unread += flight->parts[i].where == PART_THERE && !flight->parts[i].here;
	return flight->tried_at == 0 || now - flight->tried_at > (unread > LITTLE ? LATER_SECONDS : SOON_SECONDS);
}

/* Without conditions the last one who writes a lease has it: who writes at the same time is given time to do so. */
static bool claim_all(struct cache_flight *flight)
{
	struct cache_flights *all = flight->all;
	size_t chosen;
	bool claimed = false;

	if (all->unconditional && may_claim(flight) && choose(flight, may_lease(all), &chosen))
		flight_look(flight);
	while (!ncm_interrupted() && claim(flight))
		claimed = true;
	for (double until = ncm_monotonic() + SETTLED_SECONDS;
	     claimed && all->unconditional && ncm_monotonic() < until && !ncm_interrupted();)
		flight_wait(all, PAUSE_MS);
	return claimed;
}

static void keep(struct cache_flight *flight)
{
	keep_leases(flight);
	if (should_look(flight, ncm_monotonic()))
		flight_look(flight);
	if (claim_all(flight))
		flight_look(flight);
}

void *flight_keep(void *context)
{
	struct cache_flights *all = context;

	pthread_mutex_lock(&all->mutex);
	while (!ncm_interrupted() && !(all->ending && all->writing == 0)) {
		for (size_t i = 0; i < all->count && !all->gone && !ncm_interrupted(); i++)
			keep(all->flights[i]);
		flight_wait(all, PAUSE_MS);
	}
	for (size_t i = 0; i < all->count && !all->gone; i++)
		keep_leases(all->flights[i]);
	pthread_mutex_unlock(&all->mutex);
	return NULL;
}
