/* SPDX-License-Identifier: MIT */
#include "cache/keep.h"

#include "base/mem.h"
#include "cache/work.h"

#include <string.h>

const char *ncm_cache_state_name(enum ncm_cache_state state)
{
	static const char *const names[] = {"absent",  "to-send", "there",  "sent",    "ok",
					    "damaged", "strange", "unused", "removed", "failed"};

	return names[state];
}

bool ncm_cache_is_set(const struct ncm_config *config)
{
	return config->cache != NULL;
}

static int start(struct keeping *keeping, struct ncm_error *err)
{
	keeping->http = ncm_http_new(keeping->config, &keeping->sink);
	keeping->sources = ncm_sources_new(keeping->config, keeping->http, &keeping->sink);
	if (cache_open(&keeping->cache, keeping->sources, NULL, err) < 0)
		return -1;
	keeping->report->place = ncm_strdup(keeping->cache.what);
	return 0;
}

static void clear(struct keeping *keeping)
{
	cache_close(&keeping->cache);
	ncm_sources_free(keeping->sources);
	ncm_http_free(keeping->http);
	ncm_text_map_free(&keeping->digests);
	ncm_lock_free(keeping->lock);
	ncm_layout_free(keeping->layout);
	free(keeping->models);
	ncm_registry_free(keeping->registry);
	ncm_error_clear(&keeping->failure);
}

struct ncm_cache_report *keeping_run(const struct ncm_config *config, const struct ncm_cache_options *options,
				     const struct ncm_sink *sink,
				     int (*work)(struct keeping *keeping, struct ncm_error *err), struct ncm_error *err)
{
	struct keeping keeping = {.config = config,
				  .options = options,
				  .turns = {PTHREAD_MUTEX_INITIALIZER, sink},
				  .report = ncm_calloc(1, sizeof *keeping.report),
				  .failure_lock = PTHREAD_MUTEX_INITIALIZER};
	struct ncm_error why = NCM_ERROR_INIT;
	int failed;

	keeping.sink = ncm_sink_in_turn(&keeping.turns);
	failed = start(&keeping, &why) < 0 ? -1 : work(&keeping, &why);
	keeping_sum(&keeping);
	clear(&keeping);
	if (failed)
		ncm_error_move(keeping.changes ? &keeping.report->stopped : err, &why);
	if (!failed || keeping.changes)
		return keeping.report;
	ncm_cache_free(keeping.report);
	return NULL;
}

void keeping_fail(struct keeping *keeping, struct ncm_error *err)
{
	pthread_mutex_lock(&keeping->failure_lock);
	if (!keeping->failed)
		ncm_error_move(&keeping->failure, err);
	keeping->failed = true;
	pthread_mutex_unlock(&keeping->failure_lock);
	ncm_error_clear(err);
}

struct ncm_cache_item *keeping_find(const struct keeping *keeping, const struct ncm_sha256 *sha256)
{
	char hex[NCM_SHA256_HEX + 1];
	const uint32_t *index = ncm_text_map_find(&keeping->digests, ncm_sha256_hex(sha256, hex), NCM_SHA256_HEX);

	return index ? &keeping->report->items[*index] : NULL;
}

struct ncm_cache_item *keeping_item(struct keeping *keeping, const struct ncm_sha256 *sha256)
{
	struct ncm_cache_report *report = keeping->report;
	struct ncm_cache_item *item = keeping_find(keeping, sha256);

	if (item)
		return item;
	item = NCM_PUSH(report->items, report->count);
	item->sha256 = *sha256;
	item->key = cache_blob_key(sha256);
	ncm_text_map_add(&keeping->digests, strrchr(item->key, '/') + 1, NCM_SHA256_HEX, report->count - 1);
	return item;
}

int keeping_load_pins(struct keeping *keeping, struct ncm_error *err)
{
	NCM_AUTO_FREE char *path = NULL;

	keeping->layout = ncm_layout_load(keeping->config, err);
	path = keeping->layout ? ncm_layout_lock(keeping->layout, keeping->config) : NULL;
	keeping->lock = path ? ncm_lock_load(path, err) : NULL;
	return keeping->lock ? 0 : -1;
}

void keeping_sum(struct keeping *keeping)
{
	struct ncm_cache_report *report = keeping->report;
	const bool dry = keeping->options->dry_run;

	for (size_t i = 0; i < report->count; i++) {
		const struct ncm_cache_item *item = &report->items[i];

		report->size += item->size;
		report->absent += item->state == NCM_CACHE_ABSENT || item->state == NCM_CACHE_TO_SEND ||
				  item->state == NCM_CACHE_UNSENT;
		report->bad += item->state == NCM_CACHE_DAMAGED;
		report->sent += dry && item->state == NCM_CACHE_TO_SEND ? item->size : 0;
		report->removed +=
		    (dry && item->state == NCM_CACHE_UNUSED) || item->state == NCM_CACHE_REMOVED ? item->size : 0;
	}
}

bool keeping_digest(const char *key, const char *folder, struct ncm_sha256 *sha256)
{
	const size_t size = strlen(folder);
	const char *hex;

	if (strncmp(key, folder, size) != 0 || strncmp(key + size, "/sha256/", 8) != 0)
		return false;
	hex = key + size + 8;
	return strlen(hex) == 3 + NCM_SHA256_HEX && hex[2] == '/' && strncmp(hex, hex + 3, 2) == 0 &&
	       ncm_sha256_parse(hex + 3, sha256) == 0;
}

void ncm_cache_free(struct ncm_cache_report *report)
{
	if (!report)
		return;
	for (size_t i = 0; i < report->count; i++) {
		free(report->items[i].key);
		free(report->items[i].model);
		free(report->items[i].path);
		free(report->items[i].why);
	}
	free(report->items);
	free(report->place);
	free(report->lock);
	ncm_error_clear(&report->stopped);
	ncm_strings_free(&report->left_out);
	ncm_strings_free(&report->locks);
	free(report);
}
