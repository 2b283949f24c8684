/* SPDX-License-Identifier: MIT */
/* What no lock names goes, once it is old enough that nobody may be about to name it. */
#include "cache/keep.h"
#include "cache/refs.h"

#include "base/mem.h"
#include "base/strings.h"

#include <string.h>

static const int64_t DAY = 24 * 60 * 60;

struct collecting {
	struct keeping *keeping;
	struct ncm_strings used; /* digests, sorted */
};

/* What is not known to be old stays. */
static bool is_old(const struct keeping *keeping, const struct cache_object *object)
{
	return object->modified > 0 && object->now > 0 &&
	       object->now - object->modified >= (int64_t)keeping->options->days * DAY;
}

/* "16777216", "16777216.lease", "join.lease": what is of no fill is somebody's. */
static bool is_piece(const char *name)
{
	const size_t digits = strspn(name, "0123456789");

	return strcmp(name, "join.lease") == 0 ||
	       (digits > 0 && (name[digits] == '\0' || strcmp(name + digits, ".lease") == 0));
}

/* Whether a name begins with the 64 digits of a digest. */
static bool begins_with_digest(const char *name, struct ncm_sha256 *sha256)
{
	NCM_AUTO_FREE char *hex = ncm_strndup(name, NCM_SHA256_HEX);

	return ncm_sha256_parse(hex, sha256) == 0;
}

/* The digest that a key of ours is about: its last part, or for pieces ("parts/sha256/HEX/OFFSET") the part before. */
static bool digest_of(const char *key, struct ncm_sha256 *sha256)
{
	static const char pieces[] = "parts/sha256/";
	const char *name = key + sizeof pieces - 1;

	if (keeping_digest(key, "blobs", sha256) || keeping_digest(key, "checkpoints", sha256))
		return true;
	return strncmp(key, pieces, sizeof pieces - 1) == 0 && begins_with_digest(name, sha256) &&
	       name[NCM_SHA256_HEX] == '/' && is_piece(name + NCM_SHA256_HEX + 1);
}

/* Pieces are of no use once they are old: the whole was made of them, or nobody is at it any more. */
static bool is_used(const struct collecting *collecting, const char *key, const struct ncm_sha256 *sha256)
{
	char hex[NCM_SHA256_HEX + 1];

	return strncmp(key, "parts/", 6) != 0 && ncm_strings_hold(&collecting->used, ncm_sha256_hex(sha256, hex));
}

/* A ref goes with what it tells of; the lease of one is of nothing that is kept. Returns 1, 0 if it is neither, or -1.
 */
static int read_ref(const struct keeping *keeping, const char *key, struct ncm_sha256 *sha256, struct ncm_error *err)
{
	const char *name = key + sizeof CACHE_REFS - 1;

	if (!begins_with_digest(name, sha256))
		return 0;
	if (strcmp(name + NCM_SHA256_HEX, ".lease") == 0)
		return 1;
	return name[NCM_SHA256_HEX] == '\0' ? cache_ref_read(&keeping->cache, key, sha256, err) : 0;
}

/* Returns 1 with the digest that it is about if it may go, 0, or -1. */
static int is_garbage(const struct collecting *collecting, const char *key, const struct cache_object *object,
		      struct ncm_sha256 *sha256, struct ncm_error *err)
{
	const struct keeping *keeping = collecting->keeping;
	const bool is_ref = strncmp(key, CACHE_REFS, sizeof CACHE_REFS - 1) == 0;
	int about;

	if (!is_old(keeping, object))
		return 0;
	about = is_ref ? read_ref(keeping, key, sha256, err) : digest_of(key, sha256);
	return about <= 0 ? about : !is_used(collecting, key, sha256);
}

static int note(void *context, const char *key, const struct cache_object *object, struct ncm_error *err)
{
	struct collecting *collecting = context;
	struct ncm_cache_report *report = collecting->keeping->report;
	struct ncm_cache_item *item;
	struct ncm_sha256 sha256;
	const int garbage = is_garbage(collecting, key, object, &sha256, err);

	if (garbage < 0)
		return -1;
	if (garbage == 0) {
		report->kept++;
		return 0;
	}
	item = NCM_PUSH(report->items, report->count);
	*item = (struct ncm_cache_item){
	    .key = ncm_strdup(key), .sha256 = sha256, .size = object->size, .state = NCM_CACHE_UNUSED};
	return 0;
}

/* Refs and checkpoints before what they are of, so that none is left without. */
static int by_key_backwards(const void *a, const void *b)
{
	return strcmp(((const struct ncm_cache_item *)b)->key, ((const struct ncm_cache_item *)a)->key);
}

static int remove_all(struct keeping *keeping, struct ncm_error *err)
{
	struct ncm_cache_report *report = keeping->report;

	keeping->changes = true;
	for (size_t i = 0; i < report->count; i++) {
		if (ncm_interrupted())
			return ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted");
		if (cache_delete(&keeping->cache, report->items[i].key, err) < 0)
			return -1;
		report->items[i].state = NCM_CACHE_REMOVED;
	}
	return 0;
}

static int find(struct collecting *collecting, struct ncm_error *err)
{
	static const char *const folders[] = {"checkpoints/", "parts/", "blobs/", CACHE_REFS};
	struct keeping *keeping = collecting->keeping;

	if (keeping_read_locks(keeping, &collecting->used, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		if (cache_list(&keeping->cache, folders[i], note, collecting, err) < 0)
			return -1;
	}
	if (keeping->report->count > 1)
		qsort(keeping->report->items, keeping->report->count, sizeof *keeping->report->items, by_key_backwards);
	return 0;
}

static int collect(struct keeping *keeping, struct ncm_error *err)
{
	struct collecting collecting = {.keeping = keeping};
	const int failed = find(&collecting, err);

	ncm_strings_free(&collecting.used);
	if (failed || keeping->options->dry_run)
		return failed;
	return remove_all(keeping, err);
}

struct ncm_cache_report *ncm_cache_gc(const struct ncm_config *config, const struct ncm_cache_options *options,
				      const struct ncm_sink *sink, struct ncm_error *err)
{
	return keeping_run(config, options, sink, collect, err);
}
