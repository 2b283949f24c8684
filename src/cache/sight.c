/* SPDX-License-Identifier: MIT */
/* What lies in the cache of a content on its way, by a list: parts, leases, and whether they have become the blob. */
#include "cache/flight_work.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/strings.h"

#include <string.h>

static const double UNSEEN_SECONDS = 3;

bool flight_is_ours(const struct flight_part *part)
{
	return part->where == PART_CLAIMED || part->where == PART_OURS;
}

/* What a list showed of a part. */
struct sight {
	bool there, leased, expired;
	char *etag; /* of the lease */
	char *tag;  /* of the part */
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
		free(sight->tag);
		sight->tag = ncm_strdup_null(object->etag);
		return 0;
	}
	free(sight->etag);
	sight->etag = ncm_strdup_null(object->etag);
	sight->leased = true;
	sight->expired = cache_lease_is_void(object);
	return 0;
}

/* All of ours have the same text, and so the same ETag where that is made of it. */
static bool is_mine(const struct cache_flights *all, const struct flight_part *part, const struct sight *sight)
{
	if (flight_is_ours(part) && (!part->etag || !sight->etag))
		return true;
	return ncm_same_text(sight->etag, flight_is_ours(part) ? part->etag : all->etag) && sight->etag;
}

static void believe_lease(struct cache_flight *flight, struct flight_part *part, struct sight *sight)
{
	const bool mine = is_mine(flight->all, part, sight) && !flight->ended && !flight->alone;
	const enum part_where where = mine ? PART_OURS : PART_LEASED;

	if (sight->etag) {
		free(part->etag);
		part->etag = sight->etag;
		sight->etag = NULL;
	}
	part->expired = sight->expired;
	if (part->where != where)
		flight_set(flight, part, where);
}

static void believe_part(struct cache_flight *flight, struct flight_part *part, struct sight *sight)
{
	if (!ncm_same_text(part->tag, sight->tag)) {
		free(part->tag);
		part->tag = sight->tag;
		part->put = part->doubted = false;
		sight->tag = NULL;
	}
	if (part->where != PART_THERE)
		flight_set(flight, part, PART_THERE);
}

static bool is_newer(const struct flight_part *part, double began)
{
	return part->where == PART_ALONE || (part->where == PART_THERE && part->since >= began);
}

/*
 * Whether what a list does not show may have become the blob meanwhile: that is made before its parts are removed. No
 * lease is believed before that is known.
 */
static bool may_be_joined(const struct cache_flight *flight, const struct sight *sights, double began)
{
	bool any = false, doubt = false;

	for (size_t i = 0; i < flight->count; i++) {
		const struct flight_part *part = &flight->parts[i];

		any = any || sights[i].there;
		doubt = doubt || part->where == PART_CLAIMED ||
			(part->where == PART_THERE && !sights[i].there && !is_newer(part, began));
	}
	return !any || doubt;
}

/* A lease that was written and is not to be seen: some servers' lists lag behind a little. */
static bool is_void(const struct flight_part *part)
{
	return part->where == PART_CLAIMED && ncm_monotonic() - part->since > UNSEEN_SECONDS;
}

/* Takes note of a list that was asked for at `began`. */
static void believe(struct cache_flight *flight, struct sight *sights, double began)
{
	for (size_t i = 0; i < flight->count; i++) {
		struct flight_part *part = &flight->parts[i];

		if (is_newer(part, began))
			continue;
		if (sights[i].there && !part->wrong) {
			believe_part(flight, part, &sights[i]);
		} else if (sights[i].leased) {
			believe_lease(flight, part, &sights[i]);
		} else if (part->where == PART_THERE || part->where == PART_LEASED || is_void(part)) {
			flight_set(flight, part, PART_NOWHERE);
		}
		part->due = part->due || (part->where == PART_OURS && part->here && flight->fd >= 0);
	}
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

void flight_look(struct cache_flight *flight)
{
	struct cache_flights *all = flight->all;
	struct looking looking = {flight, ncm_calloc(flight->count, sizeof *looking.sights)};
	struct ncm_error err = NCM_ERROR_INIT;
	const double began = ncm_monotonic();
	int answered, whole = 0;

	pthread_mutex_unlock(&all->mutex);
	answered = cache_list(&all->cache, flight->begins, take_sight, &looking, &err);
	pthread_mutex_lock(&all->mutex);
	flight->tried_at = began;
	if (answered == 0 && !flight->whole && may_be_joined(flight, looking.sights, began)) {
		pthread_mutex_unlock(&all->mutex);
		whole = ask_for_blob(flight, &err);
		pthread_mutex_lock(&all->mutex);
	}
	flight->whole = flight->whole || whole == 1;
	if (answered == 0 && whole >= 0 && !flight->whole)
		believe(flight, looking.sights, began);
	if (answered < 0 || whole < 0)
		cannot_ask(all, &err);
	else
		flight->listed_at = began;
	pthread_cond_broadcast(&all->moved);
	for (size_t i = 0; i < flight->count; i++) {
		free(looking.sights[i].etag);
		free(looking.sights[i].tag);
	}
	free(looking.sights);
	ncm_error_clear(&err);
}
