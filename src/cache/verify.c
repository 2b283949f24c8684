/* SPDX-License-Identifier: MIT */
/* Every object read, piece by piece, and held against its name. */
#include "cache/keep.h"

#include "base/mem.h"
#include "base/thread.h"
#include "digest/checkpoint.h"

#include <string.h>

enum { READS_AT_ONCE = 2, LARGEST_CHECKPOINTS = 32 << 20 };

/* Of content and checkpoints; locks are read by those who use them. */
static int note(void *context, const char *key, const struct cache_object *object, struct ncm_error *err)
{
	struct keeping *keeping = context;
	struct ncm_cache_item *item;
	struct ncm_sha256 sha256 = {{0}};
	const bool known = keeping_digest(key, "blobs", &sha256) || keeping_digest(key, "checkpoints", &sha256);

	(void)err;
	item = NCM_PUSH(keeping->report->items, keeping->report->count);
	*item = (struct ncm_cache_item){.key = ncm_strdup(key), .sha256 = sha256, .size = object->size};
	item->state = known ? NCM_CACHE_THERE : NCM_CACHE_STRANGE;
	return 0;
}

static void damaged(struct ncm_cache_item *item, char *why_to_keep)
{
	item->state = NCM_CACHE_DAMAGED;
	item->why = why_to_keep;
}

static int read_all(const struct keeping *keeping, const struct ncm_cache_item *item, struct ncm_tally *tally,
		    struct ncm_error *err)
{
	for (uint64_t at = 0; at < item->size;) {
		const uint64_t end = item->size - at < NCM_CHECKPOINT_SPAN ? item->size : at + NCM_CHECKPOINT_SPAN;
		CACHE_AUTO_OBJECT struct cache_object piece = {0};
		const int there = cache_read(&keeping->cache, item->key, at, end, &piece, err);

		if (there <= 0)
			return there;
		ncm_tally_update(tally, piece.data, piece.size);
		at += piece.size;
		if (piece.size == 0)
			break;
	}
	return 1;
}

/* The checkpoints of a content that is right are right themselves, or of no use. */
static int check_checkpoints(const struct keeping *keeping, const struct ncm_checkpoints *made,
			     struct ncm_cache_item *item, struct ncm_error *err)
{
	CACHE_AUTO_OBJECT struct cache_object object = {0};
	NCM_AUTO_FREE uint8_t *bytes = NULL;
	size_t length = 0;
	const int there = cache_get(&keeping->cache, item->key, LARGEST_CHECKPOINTS, &object, err);

	if (there <= 0)
		return there;
	bytes = ncm_checkpoints_pack(made, &length);
	if (bytes && length == object.size && memcmp(bytes, object.data, length) == 0)
		item->state = NCM_CACHE_RIGHT;
	else
		damaged(item, ncm_strdup("they are not those of this content"));
	return 0;
}

static struct ncm_cache_item *checkpoints_of(const struct keeping *keeping, const struct ncm_sha256 *sha256)
{
	for (size_t i = 0; i < keeping->report->count; i++) {
		struct ncm_cache_item *item = &keeping->report->items[i];

		if (strncmp(item->key, "checkpoints/", 12) == 0 && ncm_sha256_equal(&item->sha256, sha256) &&
		    item->state == NCM_CACHE_THERE)
			return item;
	}
	return NULL;
}

static int check(const struct keeping *keeping, struct ncm_cache_item *item, struct ncm_error *err)
{
	struct ncm_tally *tally = ncm_tally_new();
	struct ncm_checkpoints made = {0};
	struct ncm_cache_item *beside;
	struct ncm_sha256 found;
	char hex[NCM_SHA256_HEX + 1];
	const int there = read_all(keeping, item, tally, err);
	int failed = 0;

	ncm_tally_end(tally, &found, &made);
	if (there == 0) { /* it was removed meanwhile */
		item->state = NCM_CACHE_ABSENT;
	} else if (there > 0 && ncm_sha256_equal(&found, &item->sha256)) {
		item->state = NCM_CACHE_RIGHT;
		beside = checkpoints_of(keeping, &item->sha256);
		failed = beside ? check_checkpoints(keeping, &made, beside, err) : 0;
	} else if (there > 0) {
		damaged(item, ncm_asprintf("its SHA-256 is %s", ncm_sha256_hex(&found, hex)));
	}
	ncm_checkpoints_clear(&made);
	return there < 0 ? -1 : failed;
}

static void job(void *context, size_t index)
{
	struct keeping *keeping = context;
	struct ncm_cache_item *item = &keeping->report->items[index];
	struct ncm_error err = NCM_ERROR_INIT;

	/* The state of other items is that of who checks their content. */
	if (strncmp(item->key, "blobs/", 6) != 0 || keeping->failed || item->state != NCM_CACHE_THERE)
		return;
	if (check(keeping, item, &err) < 0)
		keeping_fail(keeping, &err);
	ncm_emit(&keeping->sink, &(const struct ncm_event){.type = NCM_EVENT_VERIFIED, .file = item->key});
}

/* Checkpoints whose content is not there, or is not right. */
static void judge_orphans(const struct keeping *keeping)
{
	for (size_t i = 0; i < keeping->report->count; i++) {
		struct ncm_cache_item *item = &keeping->report->items[i];

		if (item->state == NCM_CACHE_THERE)
			damaged(item, ncm_strdup("there is no right content that they are of"));
	}
}

static int remove_bad(struct keeping *keeping, struct ncm_error *err)
{
	keeping->changes = true;
	for (size_t i = 0; i < keeping->report->count; i++) {
		struct ncm_cache_item *item = &keeping->report->items[i];

		if (item->state != NCM_CACHE_DAMAGED && item->state != NCM_CACHE_STRANGE)
			continue;
		if (cache_delete(&keeping->cache, item->key, err) < 0)
			return -1;
		item->state = NCM_CACHE_REMOVED;
	}
	return 0;
}

static int verify(struct keeping *keeping, struct ncm_error *err)
{
	if (cache_list(&keeping->cache, "blobs/", note, keeping, err) < 0 ||
	    cache_list(&keeping->cache, "checkpoints/", note, keeping, err) < 0)
		return -1;
	ncm_parallel(READS_AT_ONCE, keeping->report->count, job, keeping);
	if (keeping->failed)
		return ncm_error_move(err, &keeping->failure);
	judge_orphans(keeping);
	return keeping->options->remove ? remove_bad(keeping, err) : 0;
}

struct ncm_cache_report *ncm_cache_verify(const struct ncm_config *config, const struct ncm_cache_options *options,
					  const struct ncm_sink *sink, struct ncm_error *err)
{
	return keeping_run(config, options, sink, verify, err);
}
