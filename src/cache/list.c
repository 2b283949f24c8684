/* SPDX-License-Identifier: MIT */
/* What lies in the bucket below a key: ListObjectsV2, page by page. */
#include "cache/work.h"

#include "base/mem.h"
#include "base/strings.h"

#include <string.h>
#include <time.h>

/* Pages of a thousand: a server that never ends is no server. */
enum { MOST_PAGES = 10000 };

static int64_t time_of(struct xml_part part)
{
	NCM_AUTO_FREE char *text = xml_text(part, "LastModified");
	struct tm at = {0};

	if (!text || sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &at.tm_year, &at.tm_mon, &at.tm_mday, &at.tm_hour,
			    &at.tm_min, &at.tm_sec) != 6)
		return 0;
	at.tm_year -= 1900;
	at.tm_mon -= 1;
	return (int64_t)timegm(&at);
}

/* An address has no parts that are dots: it would be another object's. Who wrote such a key is none of us. */
static bool can_be_asked_for(const char *key)
{
	for (const char *part = key; part; part = strchr(part, '/')) {
		part += part != key;
		if (*part == '.' && strspn(part, ".") <= 2 &&
		    (part[strspn(part, ".")] == '/' || !part[strspn(part, ".")]))
			return false;
	}
	return true;
}

/* `begins`: with the cache's prefix. */
static int take_one(const struct cache *cache, struct xml_part part, const char *begins, int64_t now, cache_take *take,
		    void *context, struct ncm_error *err)
{
	CACHE_AUTO_OBJECT struct cache_object object = {.now = now};
	NCM_AUTO_FREE char *key = xml_text(part, "Key");

	if (!key || !xml_number(part, "Size", INT64_MAX, &object.size))
		return cache_no_answer(cache, NULL, key ? "size of an object" : "key of an object", err);
	if (strncmp(key, begins, strlen(begins)) != 0 || !can_be_asked_for(key + strlen(cache->prefix)))
		return 0;
	object.etag = xml_text(part, "ETag");
	object.modified = time_of(part);
	return take(context, key + strlen(cache->prefix), &object, err);
}

static int take_all(const struct cache *cache, const struct ncm_reply *reply, struct xml_part rest, const char *begins,
		    cache_take *take, void *context, struct ncm_error *err)
{
	struct xml_part one;
	int64_t now;

	if (!ncm_reply_time(reply, "Date", &now))
		now = 0;
	while (xml_next(&rest, "Contents", &one)) {
		if (take_one(cache, one, begins, now, take, context, err) < 0)
			return -1;
	}
	return 0;
}

/* Where the next page begins, or NULL at the end; who says that there is more, and not where, has cut the list. */
static int take_token(const struct cache *cache, struct xml_part list, const char *token, char **next,
		      struct ncm_error *err)
{
	*next = NULL;
	if (!xml_flag(list, "IsTruncated"))
		return 0;
	*next = xml_text(list, "NextContinuationToken");
	if (*next && !ncm_same_text(*next, token))
		return 0;
	free(*next);
	*next = NULL;
	return cache_no_answer(cache, NULL, "further page", err);
}

/* *token: where the page begins, then the next; NULL: at the start, at the end. */
static int take_page(const struct cache *cache, const char *begins, char **token, cache_take *take, void *context,
		     struct ncm_error *err)
{
	NCM_AUTO_FREE char *whole = ncm_asprintf("%s%s", cache->prefix, begins);
	NCM_AUTO_FREE char *prefix = cache_encoded(whole);
	NCM_AUTO_FREE char *from = *token ? cache_encoded(*token) : NULL;
	NCM_AUTO_FREE char *query = ncm_asprintf("%s%s%slist-type=2&prefix=%s", from ? "continuation-token=" : "",
						 from ? from : "", from ? "&" : "", prefix);
	const struct cache_request request = {.method = "GET", .query = query};
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	struct xml_part rest, page;
	char *next;

	if (cache_ask(cache, &request, &reply, err) < 0)
		return -1;
	if (!cache_succeeded(&reply))
		return cache_refused(cache, NULL, &reply, err);
	rest = xml_of(&reply);
	if (!xml_next(&rest, "ListBucketResult", &page)) /* what is not seen to its end may have more */
		return cache_no_answer(cache, NULL, "list", err);
	if (take_all(cache, &reply, page, whole, take, context, err) < 0 ||
	    take_token(cache, page, *token, &next, err) < 0)
		return -1;
	free(*token);
	*token = next;
	return 0;
}

int cache_list(const struct cache *cache, const char *begins, cache_take *take, void *context, struct ncm_error *err)
{
	char *token = NULL;
	int failed = 0;

	for (unsigned page = 0; !failed && (page == 0 || token); page++) {
		failed = page == MOST_PAGES ? cache_no_answer(cache, NULL, "end", err)
					    : take_page(cache, begins, &token, take, context, err);
	}
	free(token);
	return failed;
}
