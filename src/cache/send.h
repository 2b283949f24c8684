/* SPDX-License-Identifier: MIT */
/*
 * A file into the cache, from where it lies. Each 16 MiB are proven by checkpoints while they are sent, in any order:
 * when all steps hold, the whole is what the digest says, and only then the object is made. What an earlier run, or
 * another machine, has sent of it is not sent again if the server names it by the MD5 that the same bytes have here.
 */
#ifndef NCM_CACHE_SEND_H
#define NCM_CACHE_SEND_H

#include "cache/cache.h"
#include "digest/span.h"

/* tell.c: one file's way into the cache, for people. Borrowed, all of it. */
struct cache_telling {
	const struct ncm_sink *sink;
	const char *model, *path;
	uint64_t size;
	unsigned slot;
	_Atomic bool started;
};
/* As `progress` of a sending, whose context it is: the first tells that it began. */
void cache_tell_progress(void *telling, uint64_t done);
/* Nothing, if it never began. */
void cache_tell_end(const struct cache_telling *telling, bool failed);

struct cache_sending {
	const struct cache *cache;
	const char *what;  /* "MODEL: FILE" */
	const char *model; /* id, for hints */
	const char *path;
	struct ncm_sha256 sha256;
	uint64_t size;
	const struct ncm_checkpoints *known;            /* of the file, by whoever; or NULL: it is hashed first */
	unsigned at_once;                               /* parts */
	const _Atomic bool *stop;                       /* set: it is to end; or NULL */
	void (*progress)(void *context, uint64_t done); /* bytes of it that the cache has; from any thread; or NULL */
	void *context;
	_Atomic uint64_t sent; /* result: bytes that went out */
};

/*
 * MADE, EXISTS, or FAILED: DAMAGED if the file is not what its digest says (then nothing of it stays at the cache),
 * INTERRUPTED (what was sent stays, and a later run goes on), IO, and what the operations say. An object of another
 * size is replaced. Checkpoints go with it, made while it is hashed if none were known; then what flights have of it
 * (flight.h) is removed.
 */
enum cache_made cache_send(struct cache_sending *sending, struct ncm_error *err);
/* Of an object that is there: who made it may have died before they were. That they cannot be sent is no failure. */
void cache_send_missing_checkpoints(const struct cache *cache, const struct ncm_checkpoints *checkpoints);

/* send_body.c: a part of the file as a body that proves itself. */
struct cache_proof {
	const struct cache_sending *sending;
	const struct ncm_checkpoints *checkpoints;
	int fd;
	uint64_t start, size, at; /* begins at a checkpoint */
	struct ncm_span_proof span;
	_Atomic uint64_t *done; /* bytes of all parts */
};
struct ncm_upload cache_proof_body(struct cache_proof *proof);
/* Reads it without sending. Returns 1 if the server's name of it says that it has the same bytes, 0 if not, or -1 as a
 * body would. */
int cache_proof_compare(struct cache_proof *proof, const char *etag, struct ncm_error *err);
int cache_differs(const struct cache_sending *sending, const char *how, struct ncm_error *err);

#endif
