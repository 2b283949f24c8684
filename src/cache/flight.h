/* SPDX-License-Identifier: MIT */
/*
 * Single flight: machines that want the same content at the same time, which the cache lacks, fetch each part of it
 * from its source once, and hand it on to one another through the cache.
 *
 *   parts/sha256/abcd…/OFFSET         16 MiB of the content from there on, whoever brought them
 *   parts/sha256/abcd…/OFFSET.lease   who is about to bring them: a holder's random name, and for how long it holds
 *
 * A lease (lease_object.h) is believed when a list that was asked for afterwards shows it, without the part: so a
 * server without conditional writes costs bytes that come twice, and nothing else. Who has the content proved by its
 * digest, and sees all parts, has the server join them to the blob, and removes them; where that fails, one sends the
 * whole (send.h). Nothing in here is believed by anybody: parts are bytes like any other's, and a digest decides.
 */
#ifndef NCM_CACHE_FLIGHT_H
#define NCM_CACHE_FLIGHT_H

#include "cache/cache.h"
#include "transfer/transfer.h"

enum {
	FLIGHT_LONGEST_SECONDS = 600, /* that one machine may take for a part */
};

/* All contents of a run that are shared, and the threads that see to them. */
struct cache_flights;
struct cache_flight;

/* Without `brings` what others bring is used, and nothing is handed on. NULL: there is no cache, or none that can be
 * spelled (told elsewhere). No request. */
struct cache_flights *cache_flights_begin(struct ncm_sources *sources, bool brings);
/*
 * A content that the cache has not, of which the partial is to be `partial` in `dirfd` (borrowed until
 * cache_flight_end). NULL if it is too small or too large to be shared.
 */
struct cache_flight *cache_flight_begin(struct cache_flights *flights, const struct ncm_sha256 *sha256, uint64_t size,
					int dirfd, const char *partial);
/* The place to be added to those of its item; borrowed from the flights, as what it points to. */
struct ncm_replica cache_flight_place(const struct cache_flight *flight);
/* Where it is, for people: "s3:models/team". Borrowed. */
const char *cache_flights_name(const struct cache_flights *flights);
/* Its transfer has ended; `proved`: the digest was right. Any thread. */
void cache_flight_end(struct cache_flight *flight, bool proved);
/* Hands on what others wait for, and joins what is complete. An interrupted run leaves its leases to time, and
 * perhaps an upload to the bucket's rule. NULL: none. */
void cache_flights_wait(struct cache_flights *flights);
/* What became of it in the cache, after that. */
enum cache_flight_end {
	CACHE_FLIGHT_JOINED,  /* this machine made the blob of its parts */
	CACHE_FLIGHT_THERE,   /* the blob is there by another */
	CACHE_FLIGHT_OTHERS,  /* another is about to make it, unless it dies of that */
	CACHE_FLIGHT_NOWHERE, /* nothing that is right is there by this machine's doing */
};
enum cache_flight_end cache_flight_ended(const struct cache_flight *flight);
void cache_flights_free(struct cache_flights *flights);

#endif
