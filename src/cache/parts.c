/* SPDX-License-Identifier: MIT */
/* What of an upload in parts has arrived, and which uploads are under way: so another run goes on with one. */
#include "cache/work.h"

#include "base/mem.h"
#include "base/strings.h"

#include <string.h>

enum { MOST_PARTS = 10000, PAGE = 1000 };

void cache_parts_clear(struct cache_parts *parts)
{
	for (size_t i = 0; i < parts->count; i++)
		free(parts->items[i].etag);
	free(parts->items);
	*parts = (struct cache_parts){0};
}

const struct cache_part *cache_parts_find(const struct cache_parts *parts, unsigned number)
{
	for (size_t i = 0; i < parts->count; i++) {
		if (parts->items[i].number == number)
			return &parts->items[i];
	}
	return NULL;
}

void cache_parts_set(struct cache_parts *parts, unsigned number, uint64_t size, char *etag)
{
	size_t at = parts->count;

	while (at > 0 && parts->items[at - 1].number >= number)
		at--;
	if (at < parts->count && parts->items[at].number == number) {
		free(parts->items[at].etag);
	} else {
		(void)NCM_PUSH(parts->items, parts->count);
		memmove(&parts->items[at + 1], &parts->items[at], (parts->count - 1 - at) * sizeof *parts->items);
	}
	parts->items[at] = (struct cache_part){number, size, etag};
}

static void take_parts(struct xml_part document, struct cache_parts *parts)
{
	struct xml_part one;

	while (xml_next(&document, "Part", &one)) {
		char *etag = xml_text(one, "ETag");
		uint64_t number, size;

		if (etag && xml_number(one, "PartNumber", MOST_PARTS, &number) && number > 0 &&
		    xml_number(one, "Size", INT64_MAX, &size))
			cache_parts_set(parts, (unsigned)number, size, etag);
		else
			free(etag);
	}
}

/* *marker: the number behind which the page begins, then the next; 0: at the start, at the end. */
static int take_page(const struct cache *cache, const char *key, const char *id, uint64_t *marker,
		     struct cache_parts *parts, struct ncm_error *err)
{
	NCM_AUTO_FREE char *encoded = cache_encoded(id);
	NCM_AUTO_FREE char *query = ncm_asprintf("max-parts=%d&part-number-marker=%llu&uploadId=%s", PAGE,
						 (unsigned long long)*marker, encoded);
	const struct cache_request request = {.method = "GET", .key = key, .query = query};
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	uint64_t next = 0;

	if (cache_ask(cache, &request, &reply, err) < 0)
		return -1;
	if (reply.status == 404)
		return 0;
	if (!cache_succeeded(&reply))
		return cache_refused(cache, key, &reply, err);
	take_parts(xml_of(&reply), parts);
	if (xml_flag(xml_of(&reply), "IsTruncated") &&
	    (!xml_number(xml_of(&reply), "NextPartNumberMarker", MOST_PARTS, &next) || next <= *marker))
		return cache_no_answer(cache, key, "further page", err);
	*marker = next;
	return 1;
}

int cache_upload_parts(const struct cache *cache, const char *key, const char *id, struct cache_parts *parts,
		       struct ncm_error *err)
{
	uint64_t marker = 0;
	int there;

	do {
		there = take_page(cache, key, id, &marker, parts, err);
	} while (there > 0 && marker > 0);
	if (there <= 0)
		cache_parts_clear(parts);
	return there;
}

int cache_uploads(const struct cache *cache, const char *key, struct ncm_strings *ids, struct ncm_error *err)
{
	NCM_AUTO_FREE char *whole = ncm_asprintf("%s%s", cache->prefix, key);
	NCM_AUTO_FREE char *prefix = cache_encoded(whole);
	NCM_AUTO_FREE char *query = ncm_asprintf("prefix=%s&uploads=", prefix);
	const struct cache_request request = {.method = "GET", .query = query};
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	struct xml_part rest, one;

	if (cache_ask(cache, &request, &reply, err) < 0)
		return -1;
	if (reply.status == 501 || reply.status == 405)
		return 0;
	if (!cache_succeeded(&reply))
		return cache_refused(cache, NULL, &reply, err);
	for (rest = xml_of(&reply); xml_next(&rest, "Upload", &one);) {
		NCM_AUTO_FREE char *of = xml_text(one, "Key");
		char *id = xml_text(one, "UploadId");

		if (id && *id && ncm_same_text(of, whole))
			ncm_strings_take(ids, id);
		else
			free(id);
	}
	return 0;
}
