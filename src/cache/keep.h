/* SPDX-License-Identifier: MIT */
/* What the commands that look after a cache share. */
#ifndef NCM_CACHE_KEEP_H
#define NCM_CACHE_KEEP_H

#include "base/text_map.h"
#include "base/turns.h"
#include "cache/cache.h"
#include "manifest/lock.h"
#include "store/store.h"

#include <ncmodel/cache.h>
#include <ncmodel/registry.h>

#define CACHE_LOCKS "locks/"
#define CACHE_LOCK_ENDING ".lock"

enum { CACHE_ASKS_AT_ONCE = 8 };

/* One run. */
struct keeping {
	const struct ncm_config *config;
	const struct ncm_cache_options *options;
	struct ncm_turns turns;
	struct ncm_sink sink; /* in turn */
	struct ncm_http *http;
	struct ncm_sources *sources;
	struct cache cache;
	struct ncm_cache_report *report;
	struct ncm_text_map digests; /* of the items, in hex → index */
	/* loaded where they are asked for */
	struct ncm_layout *layout;
	struct ncm_registry *registry;
	struct ncm_lock *lock;               /* the machine's own */
	const struct ncm_reg_model **models; /* chosen */
	size_t model_count;
	bool changes; /* what is in the cache: of a failure from now on the report tells, too */
	/* the first failure of several threads */
	pthread_mutex_t failure_lock;
	struct ncm_error failure;
	_Atomic bool failed;
};

/* keep.c */
/* Opens the cache, does `work`, and hands back the report; NULL if the work failed before it `changes` anything. */
struct ncm_cache_report *keeping_run(const struct ncm_config *config, const struct ncm_cache_options *options,
				     const struct ncm_sink *sink,
				     int (*work)(struct keeping *keeping, struct ncm_error *err),
				     struct ncm_error *err);
/* Notes a failure of a thread (the first one counts). */
void keeping_fail(struct keeping *keeping, struct ncm_error *err);
/* The item of a digest; NULL: there is none. */
struct ncm_cache_item *keeping_find(const struct keeping *keeping, const struct ncm_sha256 *sha256);
/* The same, made if there is none. */
struct ncm_cache_item *keeping_item(struct keeping *keeping, const struct ncm_sha256 *sha256);
int keeping_load_pins(struct keeping *keeping, struct ncm_error *err);
/* Adds up what came of the items. */
void keeping_sum(struct keeping *keeping);
/* "locks/NAME.lock" → the digest that a key names, if it is one of `folder`. */
bool keeping_digest(const char *key, const char *folder, struct ncm_sha256 *sha256);

/* choose.c: the registered models and, each content once, their files as items. USAGE, POLICY, REGISTRY. */
int keeping_choose(struct keeping *keeping, struct ncm_error *err);

/* look.c: asks which of the items the cache has. */
int keeping_look(struct keeping *keeping, struct ncm_error *err);

/* locks.c */
/* What the lock is to be called, as the options say, or this machine: USAGE if that is no name. */
int keeping_name_lock(const struct keeping *keeping, char **name, struct ncm_error *err);
/* Writes locks/NAME.lock of the chosen models; where not all of their files are there, it keeps what it has, and those
 * that are. Nothing, if none is. */
int keeping_write_lock(struct keeping *keeping, struct ncm_error *err);
/* The digests of all locks, of the cache and given, as texts of 64 digits, sorted. */
int keeping_read_locks(struct keeping *keeping, struct ncm_strings *digests, struct ncm_error *err);

#endif
