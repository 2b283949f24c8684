/* SPDX-License-Identifier: MIT */
/* What the operations share. */
#ifndef NCM_CACHE_WORK_H
#define NCM_CACHE_WORK_H

#include "cache/cache.h"
#include "source/shared.h"

/* open.c: one request. Any status is an answer but redirects. */
struct cache_request {
	const char *method;
	const char *key;                 /* below the prefix; NULL: the bucket */
	const char *query;               /* encoded, sorted, each parameter with its '='; NULL: none */
	const struct ncm_upload *upload; /* what it sends; NULL: nothing. Its method is that of the request */
	size_t limit;                    /* of the answer; 0: NCM_LIMIT_API_BYTES */
	bool ranged;                     /* the bytes `from` to before `to` alone */
	uint64_t from, to;
	bool wants_words; /* of a HEAD: refused, it is asked again so that the server says why */
};
int cache_ask(const struct cache *cache, const struct cache_request *request, struct ncm_reply *reply,
	      struct ncm_error *err);
/* What an answer that is no success means, of a key or (NULL) the bucket. Always returns -1. */
int cache_refused(const struct cache *cache, const char *key, const struct ncm_reply *reply, struct ncm_error *err);
bool cache_succeeded(const struct ncm_reply *reply);
/* The Code of an error document, or NULL. The caller frees it. */
char *cache_code(const struct ncm_reply *reply);
int cache_no_answer(const struct cache *cache, const char *key, const char *missing, struct ncm_error *err);
/* "uploadId", percent-encoded for a query. The caller frees it. */
char *cache_encoded(const char *text);

/* send_body.c: whether an ETag is that MD5. It stands in quotes; what has something else behind it is none. */
bool cache_etag_is(const char *etag, const char hex[33]);

/* send.c: of a key whose object is there. Nobody needs them any more: who is still at one learns that. */
void cache_drop_uploads(const struct cache *cache, const char *key);

/* conditional.c */
void cache_condition_headers(const struct cache_condition *condition, struct ncm_strings *headers);
/* What the answer to a write with (or, NULL, without) a condition means; FAILED with *err. */
enum cache_made cache_judge_made(const struct cache *cache, const char *key, const struct cache_condition *condition,
				 const struct ncm_reply *reply, struct ncm_error *err);

/* xml.c: reads what S3 answers, documents of elements without attributes that mean anything. Whatever it is, nothing is
 * read beyond the text's end. */
struct xml_part {
	const char *at, *end;
};
struct xml_part xml_of(const struct ncm_reply *reply);
/* The content of the next element of that name in *rest, which then begins behind it. */
bool xml_next(struct xml_part *rest, const char *name, struct xml_part *inside);
/* The first one's text, its entities decoded; NULL: there is none. The caller frees it. */
char *xml_text(struct xml_part part, const char *name);
/* The same as a number of digits alone. */
bool xml_number(struct xml_part part, const char *name, uint64_t most, uint64_t *value);
bool xml_flag(struct xml_part part, const char *name); /* "true" */

/* A body in memory. */
struct cache_memory {
	const char *data;
	size_t size, at;
	char hex[NCM_SHA256_HEX + 1];
};
struct ncm_upload cache_memory_body(struct cache_memory *memory, const void *data, size_t size);

#endif
