/* SPDX-License-Identifier: MIT */
/* Uploads in parts: started, sent, finished, given up. Facts: S3 user guide, "Uploading and copying objects using
 * multipart upload". */
#include "cache/work.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/strings.h"

#include <string.h>

/* Tries to finish where the server takes it and then says that it had trouble. */
enum { MOST_TRIES = 4 };

static char *query_of(const char *id, unsigned number)
{
	NCM_AUTO_FREE char *encoded = cache_encoded(id);

	return number > 0 ? ncm_asprintf("partNumber=%u&uploadId=%s", number, encoded)
			  : ncm_asprintf("uploadId=%s", encoded);
}

char *cache_upload_start(const struct cache *cache, const char *key, struct ncm_error *err)
{
	const struct ncm_upload upload = {.type = "application/octet-stream"};
	const struct cache_request request = {.method = "POST", .key = key, .query = "uploads=", .upload = &upload};
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	char *id;

	if (cache_ask(cache, &request, &reply, err) < 0)
		return NULL;
	if (!cache_succeeded(&reply)) {
		(void)cache_refused(cache, key, &reply, err);
		return NULL;
	}
	id = xml_text(xml_of(&reply), "UploadId");
	if (id && *id)
		return id;
	free(id);
	(void)cache_no_answer(cache, key, "upload", err);
	return NULL;
}

int cache_upload_part(const struct cache *cache, const char *key, const char *id, unsigned number,
		      const struct ncm_upload *body, char **etag, struct ncm_error *err)
{
	NCM_AUTO_FREE char *query = query_of(id, number);
	const struct cache_request request = {.method = "PUT", .key = key, .query = query, .upload = body};
	NCM_AUTO_REPLY struct ncm_reply reply = {0};

	if (cache_ask(cache, &request, &reply, err) < 0)
		return -1;
	if (!cache_succeeded(&reply))
		return cache_refused(cache, key, &reply, err);
	*etag = ncm_reply_header(&reply, "ETag");
	return *etag ? 0 : cache_no_answer(cache, key, "ETag", err);
}

/* An error may come after the server has said that all is well, as a document; or nothing does. */
static void expect(struct ncm_reply *reply, const char *result)
{
	struct xml_part rest = xml_of(reply), found;

	if (cache_succeeded(reply) && !xml_next(&rest, result, &found))
		reply->status = 500;
}

enum cache_made cache_upload_copy(const struct cache *cache, const char *key, const char *id, unsigned number,
				  const char *from, const char *from_etag, char **etag, struct ncm_error *err)
{
	const struct cache_condition condition = {.if_match = from_etag};
	NCM_AUTO_FREE char *raw = ncm_asprintf("%s%s", cache->prefix, from);
	NCM_AUTO_FREE char *source = ncm_url_encode(raw, true);
	NCM_AUTO_FREE char *query = query_of(id, number);
	struct ncm_strings headers = {0};
	const struct ncm_upload upload = {.headers = &headers};
	const struct cache_request request = {.method = "PUT", .key = key, .query = query, .upload = &upload};
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	int failed;

	ncm_strings_take(&headers, ncm_asprintf("x-amz-copy-source:/%s/%s", cache->bucket, source));
	if (from_etag)
		ncm_strings_take(&headers, ncm_asprintf("x-amz-copy-source-if-match:%s", from_etag));
	failed = cache_ask(cache, &request, &reply, err);
	ncm_strings_free(&headers);
	if (failed)
		return CACHE_FAILED;
	expect(&reply, "ETag");
	if (reply.status == 501 || reply.status == 405)
		return CACHE_UNSUPPORTED;
	if (!cache_succeeded(&reply))
		return cache_judge_made(cache, key, &condition, &reply, err);
	*etag = xml_text(xml_of(&reply), "ETag");
	return *etag ? CACHE_MADE : (enum cache_made)cache_no_answer(cache, key, "ETag", err);
}

static void add_escaped(struct ncm_buffer *text, const char *raw)
{
	for (; *raw; raw++) {
		if (strchr("&<>\"", *raw))
			ncm_buffer_printf(text, "&#%d;", *raw);
		else
			ncm_buffer_add(text, raw, 1);
	}
}

static char *document_of(const struct cache_parts *parts)
{
	struct ncm_buffer text = {0};

	ncm_buffer_puts(&text, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
	for (size_t i = 0; i < parts->count; i++) {
		ncm_buffer_puts(&text, "<Part><ETag>");
		add_escaped(&text, parts->items[i].etag);
		ncm_buffer_printf(&text, "</ETag><PartNumber>%u</PartNumber></Part>", parts->items[i].number);
	}
	ncm_buffer_puts(&text, "</CompleteMultipartUpload>");
	return ncm_buffer_take(&text);
}

/* Another may have finished it, or we ourselves, in a try whose answer was lost. */
static enum cache_made look_if_there(const struct cache *cache, const char *key, const struct ncm_reply *reply,
				     struct ncm_error *err)
{
	CACHE_AUTO_OBJECT struct cache_object object = {0};
	const int there = cache_head(cache, key, &object, err);

	if (there > 0)
		return CACHE_EXISTS;
	return there < 0 ? CACHE_FAILED : (enum cache_made)cache_refused(cache, key, reply, err);
}

static enum cache_made finish_once(const struct cache *cache, const char *key, const char *id, const char *document,
				   const struct cache_condition *condition, struct ncm_error *err)
{
	NCM_AUTO_FREE char *query = query_of(id, 0);
	struct ncm_strings headers = {0};
	struct cache_memory memory;
	struct ncm_upload upload = cache_memory_body(&memory, document, strlen(document));
	const struct cache_request request = {.method = "POST", .key = key, .query = query, .upload = &upload};
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	NCM_AUTO_FREE char *code = NULL;
	int failed;

	cache_condition_headers(condition, &headers);
	upload.headers = &headers;
	upload.type = "application/xml";
	failed = cache_ask(cache, &request, &reply, err);
	ncm_strings_free(&headers);
	if (failed)
		return CACHE_FAILED;
	expect(&reply, "CompleteMultipartUploadResult");
	code = cache_code(&reply);
	return ncm_same_text(code, "NoSuchUpload") ? look_if_there(cache, key, &reply, err)
						   : cache_judge_made(cache, key, condition, &reply, err);
}

enum cache_made cache_upload_finish(const struct cache *cache, const char *key, const char *id,
				    const struct cache_parts *parts, const struct cache_condition *condition,
				    struct ncm_error *err)
{
	NCM_AUTO_FREE char *document = document_of(parts);
	struct ncm_error last = NCM_ERROR_INIT;

	for (unsigned tries = 1;; tries++) {
		const enum cache_made made = finish_once(cache, key, id, document, condition, &last);

		if (made != CACHE_FAILED) {
			ncm_error_clear(&last);
			return made;
		}
		if (!ncm_errc_retryable(last.code) || tries == MOST_TRIES || ncm_wait(0.5 * tries) < 0)
			return (enum cache_made)ncm_error_move(err, &last);
	}
}

int cache_upload_abort(const struct cache *cache, const char *key, const char *id, struct ncm_error *err)
{
	NCM_AUTO_FREE char *query = query_of(id, 0);
	const struct cache_request request = {.method = "DELETE", .key = key, .query = query};
	NCM_AUTO_REPLY struct ncm_reply reply = {0};

	if (cache_ask(cache, &request, &reply, err) < 0)
		return -1;
	return cache_succeeded(&reply) || reply.status == 404 ? 0 : cache_refused(cache, key, &reply, err);
}
