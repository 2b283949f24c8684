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
static const double WORTH_SECONDS = 2;  /* of work that is leased beforehand */
enum { LEAST_LEASES = 2, MOST_LEASES = 16, MOST_CHOICES = 32 };

enum cache_made flight_write_lease(struct cache_flights *flights, const char *key, const char *etag, char **made_etag,
				   struct ncm_error *err)
{
	const struct cache_condition condition = {.only_new = !etag, .if_match = etag};
	const size_t size = strlen(flights->lease);
	enum cache_made made = cache_put(&flights->cache, key, flights->lease, size, &condition, made_etag, err);

	if (made == CACHE_UNSUPPORTED)
		made = cache_put(&flights->cache, key, flights->lease, size, NULL, made_etag, err);
	return made;
}

/* What a list showed of a part. */
struct sight {
	bool there, leased, expired;
	char *etag;
};

struct looking {
	const struct cache_flight *flight;
	struct sight *sights;
};

/* "16777216" or "16777216.lease". False for what is neither, as the lease of who joins. */
static bool read_name(const struct cache_flight *flight, const char *name, size_t *part, bool *lease)
{
	char *end;
	const uint64_t offset = strtoull(name, &end, 10);

	*lease = strcmp(end, ".lease") == 0;
	*part = (size_t)(offset / NCM_CHECKPOINT_SPAN);
	return end > name && name[0] >= '0' && name[0] <= '9' && (*lease || *end == '\0') &&
	       offset % NCM_CHECKPOINT_SPAN == 0 && offset < flight->size;
}

static int take_sight(void *context, const char *key, const struct cache_object *object, struct ncm_error *err)
{
	struct looking *looking = context;
	const struct cache_flight *flight = looking->flight;
	struct sight *sight;
	size_t part;
	bool lease;

	(void)err;
	if (!read_name(flight, key + strlen(flight->begins), &part, &lease))
		return 0;
	sight = &looking->sights[part];
	if (!lease) {
		sight->there = object->size == flight_part_size(flight, part);
		return 0;
	}
	free(sight->etag);
	sight->etag = ncm_strdup_null(object->etag);
	sight->leased = true;
	sight->expired = object->now - object->modified > FLIGHT_LEASE_SECONDS;
	return 0;
}

static bool is_ours(const struct flight_part *part)
{
	return part->where == PART_CLAIMED || part->where == PART_OURS;
}

static void believe_lease(struct flight_part *part, struct sight *sight)
{
	const bool same = part->etag && sight->etag && strcmp(part->etag, sight->etag) == 0;

	if (is_ours(part) && (same || !part->etag || !sight->etag)) {
		if (part->where == PART_CLAIMED)
			flight_set(part, PART_OURS);
		return;
	}
	free(part->etag);
	part->etag = sight->etag;
	sight->etag = NULL;
	part->expired = sight->expired;
	if (part->where != PART_LEASED)
		flight_set(part, PART_LEASED);
}

/* Takes note of a list that was asked for at `began`. Returns whether the whole may be there instead. */
static bool believe(struct cache_flight *flight, struct sight *sights, double began)
{
	bool any = false, fewer = false, claims = false;

	for (size_t i = 0; i < flight->count; i++) {
		struct flight_part *part = &flight->parts[i];

		any = any || sights[i].there;
		claims = claims || part->where == PART_CLAIMED;
		if (part->where == PART_ALONE || (part->where == PART_THERE && part->since >= began))
			continue;
		if (sights[i].there && !part->wrong) {
			if (part->where != PART_THERE)
				flight_set(part, PART_THERE);
		} else if (sights[i].leased) {
			believe_lease(part, &sights[i]);
		} else if (part->where != PART_NOWHERE && part->where != PART_OURS) {
			fewer = fewer || part->where == PART_THERE;
			flight_set(part, PART_NOWHERE);
		}
		part->due = part->due || (part->where == PART_OURS && part->here && flight->fd >= 0);
	}
	return !any || fewer || claims;
}

static void cannot_ask(struct cache_flights *all, const struct ncm_error *err)
{
	if (err->code != NCM_E_INTERRUPTED)
		all->gone = true;
	flight_tell(all, "the cache does not say what other machines bring, so all comes from its source", err);
}

/* 1: the blob is there; 0: it is not; -1. */
static int ask_for_blob(const struct cache_flight *flight, struct ncm_error *err)
{
	CACHE_AUTO_OBJECT struct cache_object object = {0};

	return cache_head(&flight->all->cache, flight->blob, &object, err);
}

static void look_at(struct cache_flight *flight)
{
	struct cache_flights *all = flight->all;
	struct looking looking = {flight, ncm_calloc(flight->count, sizeof *looking.sights)};
	struct ncm_error err = NCM_ERROR_INIT;
	const double began = ncm_monotonic();
	int answered = cache_list(&all->cache, flight->begins, take_sight, &looking, &err), whole = 0;

	pthread_mutex_lock(&all->mutex);
	flight->tried_at = began;
	if (answered == 0 && believe(flight, looking.sights, began)) {
		pthread_mutex_unlock(&all->mutex);
		whole = ask_for_blob(flight, &err);
		pthread_mutex_lock(&all->mutex);
	}
	flight->whole = flight->whole || whole == 1;
	if (answered < 0 || whole < 0)
		cannot_ask(all, &err);
	else
		flight->listed_at = began;
	pthread_cond_broadcast(&all->moved);
	pthread_mutex_unlock(&all->mutex);
	for (size_t i = 0; i < flight->count; i++)
		free(looking.sights[i].etag);
	free(looking.sights);
	ncm_error_clear(&err);
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
			count += is_ours(&flight->parts[k]) && !flight->parts[k].here;
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

static void note_claim(struct cache_flights *all, struct flight_part *part, enum cache_made made, char *etag,
		       const struct ncm_error *err)
{
	free(part->etag);
	part->etag = etag;
	part->leased = ncm_monotonic();
	part->expired = false;
	if (made == CACHE_MADE && all->first_at == 0)
		all->first_at = part->leased;
	if (made == CACHE_EXISTS)
		flight_set(part, PART_LEASED);
	else if (made != CACHE_MADE)
		flight_set(part, PART_NOWHERE);
	if (made != CACHE_FAILED || err->code == NCM_E_INTERRUPTED)
		return;
	all->read_only = true;
	flight_tell(all, "the cache cannot be written, so what nobody else brings comes from its source", err);
}

/* Takes a lease, which the next list confirms. False: there is none to be had now. The mutex is held, but while it is
 * asked for. */
static bool claim(struct cache_flight *flight)
{
	struct cache_flights *all = flight->all;
	const bool more = count_leases(all) < most_leases(all, ncm_monotonic());
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *old = NULL;
	NCM_AUTO_FREE char *key = NULL;
	char *etag = NULL;
	enum cache_made made;
	size_t chosen;

	if (all->gone || all->read_only || flight->whole || flight->alone || flight->ended || flight->listed_at == 0 ||
	    !choose(flight, more, &chosen))
		return false;
	key = flight_lease_key(flight, chosen);
	if (flight->parts[chosen].where == PART_LEASED)
		old = ncm_strdup_null(flight->parts[chosen].etag);
	flight_set(&flight->parts[chosen], PART_CLAIMED);
	pthread_mutex_unlock(&all->mutex);
	made = flight_write_lease(all, key, old, &etag, &err);
	pthread_mutex_lock(&all->mutex);
	note_claim(all, &flight->parts[chosen], made, etag, &err);
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
	} else if (made == CACHE_EXISTS && is_ours(part)) { /* it was void for a while, and somebody has it now */
		flight_set(part, PART_LEASED);
	}
	free(etag);
}

static void let_go(struct cache_flight *flight, size_t index)
{
	struct cache_flights *all = flight->all;
	NCM_AUTO_FREE char *key = flight_lease_key(flight, index);

	flight_set(&flight->parts[index], PART_NOWHERE);
	pthread_mutex_unlock(&all->mutex);
	(void)cache_delete(&all->cache, key, NULL);
	pthread_mutex_lock(&all->mutex);
}

static void keep_leases(struct cache_flight *flight)
{
	for (size_t i = 0; i < flight->count && !ncm_interrupted(); i++) {
		const struct flight_part *part = &flight->parts[i];
		const double now = ncm_monotonic();

		if (!is_ours(part))
			continue;
		if ((flight->ended || flight->alone) && !part->due)
			let_go(flight, i);
		else if (now - part->leased > FLIGHT_RENEW_SECONDS && now - part->since < FLIGHT_LONGEST_SECONDS)
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

static void keep(struct cache_flight *flight)
{
	struct cache_flights *all = flight->all;
	bool claimed = false;

	keep_leases(flight);
	if (should_look(flight, ncm_monotonic())) {
		pthread_mutex_unlock(&all->mutex);
		look_at(flight);
		pthread_mutex_lock(&all->mutex);
	}
	if (ncm_monotonic() - flight->asked_at > ACTIVE_SECONDS)
		return;
	while (!ncm_interrupted() && claim(flight))
		claimed = true;
	if (!claimed)
		return;
	pthread_mutex_unlock(&all->mutex);
	look_at(flight);
	pthread_mutex_lock(&all->mutex);
}

void *flight_keep(void *context)
{
	struct cache_flights *all = context;

	pthread_mutex_lock(&all->mutex);
	while (!ncm_interrupted() && !(all->ending && all->written)) {
		for (size_t i = 0; i < all->count && !all->gone && !ncm_interrupted(); i++)
			keep(all->flights[i]);
		flight_wait(all, PAUSE_MS);
	}
	pthread_mutex_unlock(&all->mutex);
	return NULL;
}
