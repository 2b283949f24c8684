/* SPDX-License-Identifier: MIT */
/* What of the items the cache has, asked for one by one, several at once. */
#include "cache/keep.h"

#include "base/mem.h"
#include "base/thread.h"
#include "manifest/filter.h"

static void judge(struct ncm_cache_item *item, int there, const struct cache_object *object)
{
	item->state = there > 0 ? NCM_CACHE_THERE : NCM_CACHE_ABSENT;
	if (there == 0)
		return;
	if (item->size > 0 && object->size != item->size) {
		item->state = NCM_CACHE_DAMAGED;
		item->why = ncm_asprintf("it has %llu bytes, not %llu", (unsigned long long)object->size,
					 (unsigned long long)item->size);
		return;
	}
	item->size = object->size;
}

static void job(void *context, size_t index)
{
	struct keeping *keeping = context;
	struct ncm_cache_item *item = &keeping->report->items[index];
	CACHE_AUTO_OBJECT struct cache_object object = {0};
	struct ncm_error err = NCM_ERROR_INIT;
	int there;

	if (keeping->failed)
		return;
	there = cache_head(&keeping->cache, item->key, &object, &err);
	if (there < 0)
		keeping_fail(keeping, &err);
	else
		judge(item, there, &object);
}

int keeping_look(struct keeping *keeping, struct ncm_error *err)
{
	ncm_parallel(CACHE_ASKS_AT_ONCE, keeping->report->count, job, keeping);
	return keeping->failed ? ncm_error_move(err, &keeping->failure) : 0;
}

/* What the lock pins and nobody has installed yet. */
static void add_pinned(struct keeping *keeping)
{
	for (size_t i = 0; i < keeping->lock->count; i++) {
		const struct ncm_lock_entry *entry = &keeping->lock->entries[i];

		for (size_t k = 0; k < entry->file_count; k++) {
			const struct ncm_lock_file *file = &entry->files[k];
			struct ncm_cache_item *item;

			if (!file->has_sha256)
				continue;
			item = keeping_item(keeping, &file->sha256);
			item->model = item->model ? item->model : ncm_strdup(entry->uri);
			item->size = item->size > 0 || !file->has_size ? item->size : file->size;
		}
	}
}

static bool has_any(const struct ncm_cache_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		if (report->items[i].state != NCM_CACHE_ABSENT)
			return true;
	}
	return false;
}

/* A HEAD tells no more of a bucket that is missing than of an object, and where nothing is wanted nobody was asked. */
static int ask_for_bucket(const struct keeping *keeping, struct ncm_error *err)
{
	CACHE_AUTO_OBJECT struct cache_object object = {0};

	return cache_get(&keeping->cache, "locks/status", 0, &object, err) < 0 ? -1 : 0;
}

static int tell(struct keeping *keeping, struct ncm_error *err)
{
	if (keeping_choose(keeping, err) < 0)
		return -1;
	if (ncm_selector_is_open(keeping->options->selector)) {
		if (keeping_load_pins(keeping, err) < 0)
			return -1;
		add_pinned(keeping);
	}
	if (keeping_look(keeping, err) < 0)
		return -1;
	return has_any(keeping->report) ? 0 : ask_for_bucket(keeping, err);
}

struct ncm_cache_report *ncm_cache_status(const struct ncm_config *config, const struct ncm_cache_options *options,
					  const struct ncm_sink *sink, struct ncm_error *err)
{
	return keeping_run(config, options, sink, tell, err);
}
