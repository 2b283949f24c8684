/* SPDX-License-Identifier: MIT */
/*
 * A bucket of S3 as a cache that many machines share, written and read: single operations, each a signed request.
 * Whatever comes back is foreign: who uses an object proves it by the digest in its key.
 *
 *   blobs/sha256/ab/abcd…        contents by their digest (64 hex digits)
 *   checkpoints/sha256/ab/abcd…  their SHA-256 states, as digest/checkpoint.h writes them
 *   locks/NAME.lock              what machines are to have
 *
 * Keys are given below the cache's prefix, raw. What may pass (connections, 429, 503) is tried again with back-off
 * inside each operation. Errors have the classes of the source s3: (AUTH for keys, rights and clocks, NOT_FOUND for a
 * bucket, RATE_LIMIT, NETWORK), PROTOCOL for answers that are none.
 */
#ifndef NCM_CACHE_CACHE_H
#define NCM_CACHE_CACHE_H

#include "source/source.h"

/* A cache that requests go to; used from many threads at once. */
struct cache {
	struct ncm_sources *sources; /* borrowed */
	struct ncm_credential *credential;
	char *bucket; /* "models" */
	char *url;    /* "http://127.0.0.1:9000/models" */
	char *prefix; /* "team/", or "" */
	char *what;   /* "s3:models/team", for messages */
};

/* The configuration's; `uri` stands in for its "cache" unless NULL. USAGE: there is none, or it is not
 * s3:BUCKET[/PREFIX], or of the two keys one is missing. No request. */
int cache_open(struct cache *cache, struct ncm_sources *sources, const char *uri, struct ncm_error *err);
void cache_close(struct cache *cache);

/* "blobs/sha256/ab/abcd…", "checkpoints/sha256/ab/abcd…". The caller frees them. */
char *cache_blob_key(const struct ncm_sha256 *sha256);
char *cache_checkpoints_key(const struct ncm_sha256 *sha256);

/* What became of a write with a condition. */
enum cache_made {
	CACHE_FAILED = -1, /* *err */
	CACHE_MADE,        /* or, without a condition, written */
	CACHE_EXISTS,      /* the condition does not hold: somebody else was first (if_match: it changed, or is gone) */
	CACHE_CONFLICT,    /* another write is under way: try again, of an upload in parts from its start */
	CACHE_UNSUPPORTED, /* the server knows no such condition: nothing was written */
};
/* Servers that do not know conditions may ignore them, too: then every write is MADE. */
struct cache_condition {
	bool only_new;        /* If-None-Match: * */
	const char *if_match; /* the ETag that it must still have; or NULL */
};

/* What a server tells of an object. ETags are no digests: they tell one state from the next alone. */
struct cache_object {
	uint64_t size;    /* bytes */
	char *etag;       /* as the server spells it, with its quotes; or NULL */
	int64_t modified; /* seconds since 1970; 0: not told */
	int64_t now;      /* the server's clock when it answered; 0: not told */
	char *data;       /* of cache_get: the content, NUL added; else NULL */
};
void cache_object_clear(struct cache_object *object);
#define CACHE_AUTO_OBJECT __attribute__((cleanup(cache_object_clear)))

/* object.c */
/* Writes bytes in memory, which are signed. `condition` may be NULL; *etag (may be NULL) gets what it is called now,
 * which the caller frees. */
enum cache_made cache_put(const struct cache *cache, const char *key, const void *data, size_t size,
			  const struct cache_condition *condition, char **etag, struct ncm_error *err);
/* The same of what `body` reads, of at most 5 GiB: its size, read, restart and context alone count. */
enum cache_made cache_put_body(const struct cache *cache, const char *key, const struct ncm_upload *body,
			       const struct cache_condition *condition, char **etag, struct ncm_error *err);
/* Returns 1 with *object (free with cache_object_clear) if it is there, 0 if not, or -1. An object larger than `limit`
 * bytes is PROTOCOL. */
int cache_get(const struct cache *cache, const char *key, size_t limit, struct cache_object *object,
	      struct ncm_error *err);
/* The same of the bytes `from` to before `to` alone. POLICY: the server hands out no parts of objects. */
int cache_read(const struct cache *cache, const char *key, uint64_t from, uint64_t to, struct cache_object *object,
	       struct ncm_error *err);
int cache_head(const struct cache *cache, const char *key, struct cache_object *object, struct ncm_error *err);
/* What is not there is deleted, too. */
int cache_delete(const struct cache *cache, const char *key, struct ncm_error *err);
/* A part of an open file as a body. */
struct cache_range {
	int fd;
	uint64_t start, size, at; /* `at`: bytes of it that were read */
};
struct ncm_upload cache_range_body(struct cache_range *range);

/* list.c: hands over every object whose key begins so, with its key below the cache's prefix, in the server's order
 * (by key). -1 by `take` ends it. */
typedef int cache_take(void *context, const char *key, const struct cache_object *object, struct ncm_error *err);
int cache_list(const struct cache *cache, const char *begins, cache_take *take, void *context, struct ncm_error *err);

/* multipart.c: an upload in parts. Nobody sees an object before it is finished. Parts are numbered from 1 to 10,000;
 * all but the last have 5 MiB at least, and for some servers (R2) one size. */
char *cache_upload_start(const struct cache *cache, const char *key, struct ncm_error *err); /* its id; free() it */
/* Sends a part, or again: the last one counts. *etag is to be freed. */
int cache_upload_part(const struct cache *cache, const char *key, const char *id, unsigned number,
		      const struct ncm_upload *body, char **etag, struct ncm_error *err);
/* Makes a part of another object of the cache. UNSUPPORTED where the server cannot; with `from_etag` (or NULL) EXISTS
 * if that object is another by now, or gone. */
enum cache_made cache_upload_copy(const struct cache *cache, const char *key, const char *id, unsigned number,
				  const char *from, const char *from_etag, char **etag, struct ncm_error *err);
struct cache_part {
	unsigned number;
	uint64_t size;
	char *etag;
};
struct cache_parts {
	struct cache_part *items;
	size_t count;
};
/* Takes over `etag`. In place of one of that number, else in order. */
void cache_parts_set(struct cache_parts *parts, unsigned number, uint64_t size, char *etag);
const struct cache_part *cache_parts_find(const struct cache_parts *parts, unsigned number);
void cache_parts_clear(struct cache_parts *parts);
/* Makes the object of the parts. EXISTS, too, if the upload is gone and the object there: another has finished it. */
enum cache_made cache_upload_finish(const struct cache *cache, const char *key, const char *id,
				    const struct cache_parts *parts, const struct cache_condition *condition,
				    struct ncm_error *err);
/* Its parts are thrown away. What is not there is, too. */
int cache_upload_abort(const struct cache *cache, const char *key, const char *id, struct ncm_error *err);

enum { CACHE_SHARED_LEAST = 1 << 20 }; /* bytes: below this, asking others costs more than it spares */

/* pieces.c */
/* "parts/sha256/abcd…/": whatever machines that bring a content together have there. The caller frees it. */
char *cache_pieces_begin(const struct ncm_sha256 *sha256);
/* Once the blob is there: who still reads them has the rest from that. */
void cache_remove_pieces(const struct cache *cache, const char *begins);

/* parts.c */
/* The parts that an upload has, by number. Returns 1, 0 if there is no such upload, or -1. */
int cache_upload_parts(const struct cache *cache, const char *key, const char *id, struct cache_parts *parts,
		       struct ncm_error *err);
/* The ids of the uploads under way to just this key; none where the server does not tell. */
int cache_uploads(const struct cache *cache, const char *key, struct ncm_strings *ids, struct ncm_error *err);

#endif
