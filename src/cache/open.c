/* SPDX-License-Identifier: MIT */
/* Which bucket, its requests, and what its refusals mean. */
#include "cache/work.h"

#include "base/mem.h"
#include "source/s3.h"

#include <string.h>

/* A server may take a while to make a large object of its parts, or a large part durable, before it answers. */
enum { SILENT_SECONDS = 300 };

static int none(struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_USAGE, "there is no cache");
	return ncm_error_hint(
	    err, "name the bucket that machines share: NCMODEL_CACHE=s3:BUCKET/PREFIX, or \"cache\" in the "
		 "configuration; NCMODEL_S3_ENDPOINT says where the server is");
}

/* A prefix is spelled as a key is: an object below it lends it its grammar. */
static int read_place(struct cache *cache, const char *uri, struct ncm_error *err)
{
	S3_AUTO_NAME struct s3_name name = {0};
	NCM_AUTO_FREE char *inside = NULL;
	size_t size = strlen(uri);

	while (size > 0 && uri[size - 1] == '/')
		size--;
	inside = ncm_asprintf("%.*s/x", (int)size, uri);
	if (!s3_claims(uri) || s3_name_parse(inside, &name, NULL) < 0) {
		ncm_error_set(err, NCM_E_USAGE, "the cache %.*s is not s3:BUCKET or s3:BUCKET/PREFIX",
			      ncm_source_shown(uri), uri);
		return ncm_error_hint(err, "a bucket's name has 3 to 63 of a-z, 0-9, '.' and '-'");
	}
	cache->bucket = ncm_strdup(name.bucket);
	cache->prefix = ncm_strndup(name.key, strlen(name.key) - 1);
	cache->what = ncm_asprintf("s3:%s%s%.*s", name.bucket, *cache->prefix ? "/" : "",
				   *cache->prefix ? (int)strlen(cache->prefix) - 1 : 0, cache->prefix);
	return 0;
}

int cache_open(struct cache *cache, struct ncm_sources *sources, const char *uri, struct ncm_error *err)
{
	NCM_AUTO_FREE char *base = s3_base(sources->config);

	*cache = (struct cache){.sources = sources};
	uri = uri ? uri : sources->config->cache;
	if (!uri)
		return none(err);
	if (read_place(cache, uri, err) < 0 || s3_check_keys(sources->config, err) < 0) {
		cache_close(cache);
		return -1;
	}
	cache->url = ncm_asprintf("%s/%s", base, cache->bucket);
	cache->credential = ncm_source_credential(sources, &ncm_source_s3);
	return 0;
}

void cache_close(struct cache *cache)
{
	free(cache->bucket);
	free(cache->url);
	free(cache->prefix);
	free(cache->what);
	*cache = (struct cache){0};
}

static char *key_of(const char *folder, const struct ncm_sha256 *sha256)
{
	char hex[NCM_SHA256_HEX + 1];

	(void)ncm_sha256_hex(sha256, hex);
	return ncm_asprintf("%s/sha256/%.2s/%s", folder, hex, hex);
}

char *cache_blob_key(const struct ncm_sha256 *sha256)
{
	return key_of("blobs", sha256);
}

char *cache_checkpoints_key(const struct ncm_sha256 *sha256)
{
	return key_of("checkpoints", sha256);
}

char *cache_encoded(const char *text)
{
	return ncm_url_encode(text, false);
}

static char *address_of(const struct cache *cache, const struct cache_request *request)
{
	NCM_AUTO_FREE char *prefix = request->key ? ncm_url_encode(cache->prefix, true) : NULL;
	NCM_AUTO_FREE char *key = request->key ? ncm_url_encode(request->key, true) : NULL;

	return ncm_asprintf("%s%s%s%s%s%s", cache->url, key ? "/" : "", key ? prefix : "", key ? key : "",
			    request->query ? "?" : "", request->query ? request->query : "");
}

static bool is_plain(const char *method)
{
	return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

int cache_ask(const struct cache *cache, const struct cache_request *asked, struct ncm_reply *reply,
	      struct ncm_error *err)
{
	NCM_AUTO_FREE char *url = address_of(cache, asked);
	struct ncm_upload upload = asked->upload ? *asked->upload : (struct ncm_upload){0};
	const struct ncm_request request = {.url = url,
					    .method = is_plain(asked->method) ? asked->method : NULL,
					    .upload = is_plain(asked->method) ? NULL : &upload,
					    .what = cache->what,
					    .credential = cache->credential,
					    .service = &s3_service,
					    .limit = asked->limit,
					    .ranged = asked->ranged,
					    .from = asked->from,
					    .to = asked->to,
					    .head_or_first_byte = asked->wants_words,
					    .any_status = true,
					    .stop_at_foreign_redirect = true,
					    .silent_seconds = SILENT_SECONDS};

	upload.method = asked->method;
	return cache->sources->get(cache->sources->http, &request, reply, err);
}

bool cache_succeeded(const struct ncm_reply *reply)
{
	return reply->status == 200 || reply->status == 204 || reply->status == 206;
}

char *cache_code(const struct ncm_reply *reply)
{
	return xml_text(xml_of(reply), "Code");
}

static int may_not(const char *what, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_AUTH, "%s: the S3 server does not let the access key do it", what);
	return ncm_error_hint(
	    err, "give it s3:PutObject, s3:GetObject, s3:DeleteObject, s3:ListBucket and "
		 "s3:ListMultipartUploadParts of the bucket; a pull with --no-fill (\"cache_fill\": false) "
		 "reads alone");
}

int cache_refused(const struct cache *cache, const char *key, const struct ncm_reply *reply, struct ncm_error *err)
{
	NCM_AUTO_FREE char *what = ncm_asprintf("%s%s%s", cache->what, key ? "/" : "", key ? key : "");
	NCM_AUTO_FREE char *code = cache_code(reply);
	NCM_AUTO_FREE char *words = NULL;
	const bool signed_one = cache->credential->bearer != NULL;

	if (signed_one && code && strcmp(code, "AccessDenied") == 0)
		return may_not(what, err);
	if (s3_service.judge(reply, what, signed_one, err) < 0)
		return -1;
	words = ncm_reply_words(reply);
	ncm_error_set(err, ncm_reply_class(reply->status), "%s: the S3 server says %ld%s%.256s", what, reply->status,
		      words ? ": " : "", words ? words : "");
	if (reply->status == 507)
		return ncm_error_hint(err, "the server's disk is full: make room there; uploads that were cut short "
					   "go by the bucket's own rule. Then run the same command: what has arrived "
					   "is not sent again");
	if (ncm_errc_retryable(ncm_reply_class(reply->status)))
		return ncm_error_hint(err, "run the same command again later: what has arrived is not sent again");
	return -1;
}

int cache_no_answer(const struct cache *cache, const char *key, const char *missing, struct ncm_error *err)
{
	return ncm_error_set(err, NCM_E_PROTOCOL, "%s%s%s: the S3 server's answer has no %s", cache->what,
			     key ? "/" : "", key ? key : "", missing);
}
