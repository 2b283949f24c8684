/* SPDX-License-Identifier: MIT */
#include "cache/send.h"

#include "base/file.h"
#include "base/mem.h"
#include "cache/work.h"
#include "digest/hash.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

enum { CHUNK = 1 << 20 };

int cache_differs(const struct cache_sending *sending, const char *how, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_DAMAGED, "%s is not what models.json says: %s", sending->what, how);
	return ncm_error_hint(
	    err, "ncmodel verify --repair %s brings the recorded bytes back; nothing of it went into the cache",
	    sending->model);
}

static int begin(void *context, struct ncm_error *err)
{
	struct cache_proof *proof = context;

	(void)err;
	atomic_fetch_sub(proof->done, proof->at);
	proof->at = 0;
	ncm_span_begin(&proof->span, proof->checkpoints, (size_t)(proof->start / NCM_CHECKPOINT_SPAN));
	return 0;
}

/* At the end of a span: does it lead where the checkpoints say? */
static int step(struct cache_proof *proof, struct ncm_error *err)
{
	const uint64_t end = ncm_span_end(proof->checkpoints, proof->span.span);
	NCM_AUTO_FREE char *how = NULL;

	if (proof->start + proof->at < end)
		return 0;
	if (!ncm_span_holds(&proof->span)) {
		how = ncm_asprintf("bytes %llu-%llu are others", (unsigned long long)ncm_span_start(proof->span.span),
				   (unsigned long long)end - 1);
		return cache_differs(proof->sending, how, err);
	}
	if (proof->at < proof->size)
		ncm_span_begin(&proof->span, proof->checkpoints, proof->span.span + 1);
	return 0;
}

/* No further than the span goes. */
static ssize_t read_some(struct cache_proof *proof, char *data, size_t size, struct ncm_error *err)
{
	const uint64_t at = proof->start + proof->at, end = ncm_span_end(proof->checkpoints, proof->span.span);
	const ssize_t got = ncm_pread_all(proof->fd, data, end - at < size ? (size_t)(end - at) : size, at);

	if (got < 0 && errno == EINTR)
		return ncm_error_set(err, NCM_E_INTERRUPTED, "%s: interrupted", proof->sending->what);
	if (got < 0)
		return ncm_error_errno(err, errno, "%s: cannot be read", proof->sending->what);
	if (got == 0)
		return cache_differs(proof->sending, "it became shorter", err);
	ncm_span_update(&proof->span, data, (size_t)got);
	proof->at += (uint64_t)got;
	return step(proof, err) < 0 ? -1 : got;
}

static void tell(const struct cache_proof *proof, uint64_t got)
{
	const uint64_t done = atomic_fetch_add(proof->done, got) + got;

	if (proof->sending->progress)
		proof->sending->progress(proof->sending->context, done);
}

static ssize_t read_body(void *context, char *data, size_t size, struct ncm_error *err)
{
	struct cache_proof *proof = context;
	ssize_t got;

	if (proof->sending->stop && *proof->sending->stop)
		return ncm_error_set(err, NCM_E_INTERRUPTED, "%s: stopped", proof->sending->what);
	got = read_some(proof, data, size, err);
	if (got > 0)
		tell(proof, (uint64_t)got);
	return got;
}

struct ncm_upload cache_proof_body(struct cache_proof *proof)
{
	return (struct ncm_upload){.size = proof->size, .read = read_body, .restart = begin, .context = proof};
}

bool cache_etag_is(const char *etag, const char hex[33])
{
	return etag[0] == '"' && strncmp(etag + 1, hex, 32) == 0 && strcmp(etag + 33, "\"") == 0;
}

int cache_proof_compare(struct cache_proof *proof, const char *etag, struct ncm_error *err)
{
	NCM_AUTO_FREE char *chunk = ncm_malloc(CHUNK);
	struct ncm_hash *md5 = ncm_hash_new(NCM_HASH_MD5);
	char hex[33];
	ssize_t got = 1;

	if (!md5)
		return 0;
	(void)begin(proof, err);
	while (got > 0 && proof->at < proof->size) {
		got = ncm_interrupted() ? ncm_error_set(err, NCM_E_INTERRUPTED, "%s: interrupted", proof->sending->what)
					: read_some(proof, chunk, CHUNK, err);
		if (got > 0)
			ncm_hash_update(md5, chunk, (size_t)got);
	}
	if (got < 0) {
		ncm_hash_free(md5);
		return -1;
	}
	proof->at = 0;
	if (!cache_etag_is(etag, ncm_hash_md5(md5, hex)))
		return 0;
	tell(proof, proof->size);
	return 1;
}
