/* SPDX-License-Identifier: MIT */
/*
 * What machines found at sources: content whose digest nobody publishes, by where it is and in which state.
 *
 *   refs/HEX        {"source", "file", "revision", "size", "sha256", "at"}: written by who fetched the whole of it from
 *                   there, when the content lies at blobs/sha256/…
 *   refs/HEX.lease  who is about to: as the leases of flight.h
 *
 * HEX is the SHA-256 of the lines source, file and revision. What a ref says is the word of whoever may write to the
 * bucket, and of nobody else: the bytes that come by it are those that it names, not those that the source has. So
 * they are used where the configuration says so alone ("cache_refs").
 */
#ifndef NCM_CACHE_REFS_H
#define NCM_CACHE_REFS_H

#include "cache/cache.h"

#define CACHE_REFS "refs/"

/* All of a run, and the thread that keeps their leases. */
struct cache_refs;
struct cache_ref;

/* The cache is borrowed until cache_refs_free. */
struct cache_refs *cache_refs_new(const struct cache *cache);
/* `file` names it where the source is of many. All are copied; freed with the refs. From any thread, as all below. */
struct cache_ref *cache_ref_new(struct cache_refs *refs, const char *source, const char *file, const char *revision);

enum cache_ref_state {
	CACHE_REF_FOUND,  /* *found says what it is */
	CACHE_REF_OURS,   /* nobody has found it: this machine is to, and holds the lease */
	CACHE_REF_OTHERS, /* another is about to */
	CACHE_REF_FREE,   /* nobody is, nor this machine, since it has enough to do or may not */
	CACHE_REF_NONE,   /* the cache cannot be asked for it: everybody for himself */
};
struct cache_found {
	uint64_t size;
	struct ncm_sha256 sha256;
};
/* Looks, and takes the lease if this machine holds fewer than `most` of what is not fetched yet. */
enum cache_ref_state cache_ref_look(struct cache_ref *ref, unsigned most, struct cache_found *found);
/* Whether it is this source in this state (NULL: not known) that it is of. */
bool cache_ref_is_of(const struct cache_ref *ref, const char *source, const char *revision);
/* The whole has come as this from there, which is told once the cache has it. */
void cache_ref_prove(struct cache_ref *ref, const struct cache_found *found);
/* It is wrong: nobody is to be told so again. */
void cache_ref_refute(struct cache_ref *ref);
/* The cache has a content: tells of all that are proven to be it, now or later. Or (not `there`) this machine does not
 * send it: lets them go. */
void cache_refs_filled(struct cache_refs *refs, const struct ncm_sha256 *sha256, bool there);
/* Somebody else may look for it. Nothing if it is not held, or proven: then it is to be told. */
void cache_ref_let_go(struct cache_ref *ref);
/* How many are held of what is not fetched yet. */
unsigned cache_refs_leading(struct cache_refs *refs);
/* Lets go of what is held. NULL is none. */
void cache_refs_free(struct cache_refs *refs);

/* Which content an object of refs/ tells of. Returns 1, 0 if it tells of none (or is gone), or -1. */
int cache_ref_read(const struct cache *cache, const char *key, struct ncm_sha256 *sha256, struct ncm_error *err);

#endif
