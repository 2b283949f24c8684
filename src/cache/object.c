/* SPDX-License-Identifier: MIT */
/* Whole objects: written, read, asked for, deleted. */
#include "cache/work.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/strings.h"
#include "digest/hash.h"

#include <errno.h>
#include <string.h>

enum { ERROR_BYTES = 64 << 10 }; /* an error document has more than a small object */

void cache_object_clear(struct cache_object *object)
{
	free(object->etag);
	free(object->data);
	*object = (struct cache_object){0};
}

static ssize_t read_memory(void *context, char *data, size_t size, struct ncm_error *err)
{
	struct cache_memory *memory = context;
	const size_t left = memory->size - memory->at, got = left < size ? left : size;

	(void)err;
	memcpy(data, memory->data + memory->at, got);
	memory->at += got;
	return (ssize_t)got;
}

static int restart_memory(void *context, struct ncm_error *err)
{
	struct cache_memory *memory = context;

	(void)err;
	memory->at = 0;
	return 0;
}

struct ncm_upload cache_memory_body(struct cache_memory *memory, const void *data, size_t size)
{
	struct ncm_sha256 digest;

	*memory = (struct cache_memory){.data = data, .size = size};
	ncm_sha256_of(data, size, &digest);
	(void)ncm_sha256_hex(&digest, memory->hex);
	return (struct ncm_upload){
	    .sha256 = memory->hex, .size = size, .read = read_memory, .restart = restart_memory, .context = memory};
}

static ssize_t read_range(void *context, char *data, size_t size, struct ncm_error *err)
{
	struct cache_range *range = context;
	const uint64_t left = range->size - range->at;
	const ssize_t got = ncm_pread_all(range->fd, data, left < size ? (size_t)left : size, range->start + range->at);

	if (got < 0 && errno == EINTR)
		return ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted");
	if (got < 0)
		return ncm_error_errno(err, errno, "what is to be sent cannot be read");
	if (got == 0 && left > 0)
		return ncm_error_set(err, NCM_E_DAMAGED, "what is to be sent became shorter");
	range->at += (uint64_t)got;
	return got;
}

static int restart_range(void *context, struct ncm_error *err)
{
	struct cache_range *range = context;

	(void)err;
	range->at = 0;
	return 0;
}

struct ncm_upload cache_range_body(struct cache_range *range)
{
	range->at = 0;
	return (struct ncm_upload){.size = range->size, .read = read_range, .restart = restart_range, .context = range};
}

enum cache_made cache_put_body(const struct cache *cache, const char *key, const struct ncm_upload *body,
			       const struct cache_condition *condition, char **etag, struct ncm_error *err)
{
	struct ncm_strings headers = {0};
	struct ncm_upload upload = *body;
	const struct cache_request request = {.method = "PUT", .key = key, .upload = &upload};
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	enum cache_made made = CACHE_FAILED;

	upload.type = upload.type ? upload.type : "application/octet-stream";
	cache_condition_headers(condition, &headers);
	upload.headers = &headers;
	if (cache_ask(cache, &request, &reply, err) == 0)
		made = cache_judge_made(cache, key, condition, &reply, err);
	if (etag)
		*etag = made == CACHE_MADE ? ncm_reply_header(&reply, "ETag") : NULL;
	ncm_strings_free(&headers);
	return made;
}

enum cache_made cache_put(const struct cache *cache, const char *key, const void *data, size_t size,
			  const struct cache_condition *condition, char **etag, struct ncm_error *err)
{
	struct cache_memory memory;
	const struct ncm_upload body = cache_memory_body(&memory, data, size);

	return cache_put_body(cache, key, &body, condition, etag, err);
}

static void describe(const struct ncm_reply *reply, struct cache_object *object)
{
	*object = (struct cache_object){.etag = ncm_reply_header(reply, "ETag")};
	if (!ncm_reply_time(reply, "Last-Modified", &object->modified))
		object->modified = 0;
	if (!ncm_reply_time(reply, "Date", &object->now))
		object->now = 0;
}

/* Of a bucket that is missing a HEAD is told no more than of an object. */
static bool is_absent(const struct ncm_reply *reply)
{
	NCM_AUTO_FREE char *code = cache_code(reply);

	return reply->status == 404 && !ncm_same_text(code, "NoSuchBucket");
}

static int fetch(const struct cache *cache, const struct cache_request *request, size_t limit,
		 struct cache_object *object, struct ncm_error *err)
{
	NCM_AUTO_REPLY struct ncm_reply reply = {0};

	if (cache_ask(cache, request, &reply, err) < 0)
		return -1;
	if (is_absent(&reply))
		return 0;
	if (!cache_succeeded(&reply))
		return cache_refused(cache, request->key, &reply, err);
	if (reply.body_size > limit)
		return ncm_error_set(err, NCM_E_PROTOCOL, "%s/%s is larger than %zu bytes", cache->what, request->key,
				     limit);
	describe(&reply, object);
	object->size = reply.body_size;
	object->data = reply.body;
	reply.body = NULL;
	return 1;
}

int cache_get(const struct cache *cache, const char *key, size_t limit, struct cache_object *object,
	      struct ncm_error *err)
{
	const struct cache_request request = {
	    .method = "GET", .key = key, .limit = limit < ERROR_BYTES ? ERROR_BYTES : limit};

	return fetch(cache, &request, limit, object, err);
}

int cache_read(const struct cache *cache, const char *key, uint64_t from, uint64_t to, struct cache_object *object,
	       struct ncm_error *err)
{
	const struct cache_request request = {.method = "GET", .key = key, .ranged = true, .from = from, .to = to};

	return fetch(cache, &request, SIZE_MAX, object, err);
}

static int ask_head(const struct cache *cache, const char *key, bool again, struct ncm_reply *reply,
		    struct ncm_error *err)
{
	const struct cache_request request = {.method = "HEAD", .key = key, .wants_words = again};

	if (cache_ask(cache, &request, reply, err) < 0)
		return -1;
	if (again || cache_succeeded(reply) || reply->status == 404)
		return 0;
	ncm_reply_clear(reply);
	return ask_head(cache, key, true, reply, err);
}

int cache_head(const struct cache *cache, const char *key, struct cache_object *object, struct ncm_error *err)
{
	NCM_AUTO_REPLY struct ncm_reply reply = {0};

	if (ask_head(cache, key, false, &reply, err) < 0)
		return -1;
	if (is_absent(&reply))
		return 0;
	if (!cache_succeeded(&reply))
		return cache_refused(cache, key, &reply, err);
	describe(&reply, object);
	if (ncm_source_told_size(&reply, &object->size))
		return 1;
	cache_object_clear(object);
	return cache_no_answer(cache, key, "size", err);
}

int cache_delete(const struct cache *cache, const char *key, struct ncm_error *err)
{
	const struct cache_request request = {.method = "DELETE", .key = key};
	NCM_AUTO_REPLY struct ncm_reply reply = {0};

	if (cache_ask(cache, &request, &reply, err) < 0)
		return -1;
	return cache_succeeded(&reply) || is_absent(&reply) ? 0 : cache_refused(cache, key, &reply, err);
}
