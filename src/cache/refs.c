/* SPDX-License-Identifier: MIT */
#include "cache/refs.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strings.h"
#include "cache/lease_object.h"
#include "digest/hash.h"

#include <stdatomic.h>
#include <string.h>

enum { REF_BYTES = 64 << 10 };

struct cache_ref {
	struct cache_refs *refs;
	char *source, *file, *revision;
	char *key, *lease; /* of the objects */
	char *etag;        /* of our lease */
	bool held, proven;
	bool others;   /* had a lease when this machine looked last */
	double leased; /* monotonic seconds: it was written last */
	struct cache_found found;
};

/* A content that was sent to the cache, or (not `there`) was to be. */
struct filled {
	struct ncm_sha256 sha256;
	bool there;
};

struct cache_refs {
	const struct cache *cache;
	char *text;            /* of our leases */
	pthread_mutex_t mutex; /* of all that follows, and of the refs */
	pthread_cond_t changed;
	pthread_t keeper;
	bool started, ending;
	_Atomic bool unconditional; /* the server knows no conditions */
	_Atomic bool silent;        /* it could not be asked, for all its tries: leases are left to time */
	unsigned leading;           /* held, or about to be, and not proven */
	struct cache_ref **items;
	size_t count;
	struct filled *filled;
	size_t filled_count;
};

struct cache_refs *cache_refs_new(const struct cache *cache)
{
	struct cache_refs *refs = ncm_calloc(1, sizeof *refs);

	refs->cache = cache;
	refs->text = cache_lease_text();
	pthread_mutex_init(&refs->mutex, NULL);
	pthread_cond_init(&refs->changed, NULL);
	return refs;
}

struct cache_ref *cache_ref_new(struct cache_refs *refs, const char *source, const char *file, const char *revision)
{
	struct cache_ref *ref = ncm_calloc(1, sizeof *ref);
	NCM_AUTO_FREE char *name = ncm_asprintf("%s\n%s\n%s\n", source, file, revision);
	struct ncm_sha256 digest;
	char hex[NCM_SHA256_HEX + 1];

	ncm_sha256_of(name, strlen(name), &digest);
	(void)ncm_sha256_hex(&digest, hex);
	*ref = (struct cache_ref){.refs = refs,
				  .source = ncm_strdup(source),
				  .file = ncm_strdup(file),
				  .revision = ncm_strdup(revision),
				  .key = ncm_asprintf(CACHE_REFS "%s", hex),
				  .lease = ncm_asprintf(CACHE_REFS "%s.lease", hex)};
	pthread_mutex_lock(&refs->mutex);
	*NCM_PUSH(refs->items, refs->count) = ref;
	pthread_mutex_unlock(&refs->mutex);
	return ref;
}

/* What an object says, as JSON. NULL without an error if there is none, or none that can be read. */
static json_t *read_object(const struct cache *cache, const char *key, struct ncm_error *err)
{
	CACHE_AUTO_OBJECT struct cache_object object = {0};

	if (cache_get(cache, key, REF_BYTES, &object, err) <= 0)
		return NULL;
	return ncm_json_parse(object.data, object.size, key, NCM_E_PROTOCOL, NULL);
}

static bool take_digest(const json_t *object, struct ncm_sha256 *sha256)
{
	const char *hex = ncm_json_string(object, "sha256");

	return hex && ncm_sha256_parse(hex, sha256) == 0;
}

int cache_ref_read(const struct cache *cache, const char *key, struct ncm_sha256 *sha256, struct ncm_error *err)
{
	struct ncm_error why = NCM_ERROR_INIT;
	NCM_AUTO_JSON json_t *object = read_object(cache, key, &why);

	if (why.code != NCM_OK && why.code != NCM_E_PROTOCOL) /* that is: larger than a ref is */
		return ncm_error_move(err, &why);
	ncm_error_clear(&why);
	return object && take_digest(object, sha256);
}

/* What a ref is of, as its object says it: what is no UTF-8 stands there in another form. */
static json_t *begin_object(const struct cache_ref *ref)
{
	json_t *object = json_object();

	ncm_json_set_string(object, "source", ref->source);
	ncm_json_set_string(object, "file", ref->file);
	ncm_json_set_string(object, "revision", ref->revision);
	return object;
}

static bool is_about(const json_t *object, const struct cache_ref *ref)
{
	NCM_AUTO_JSON json_t *expected = begin_object(ref);
	const char *key;
	json_t *value;

	json_object_foreach(expected, key, value)
	{
		if (!json_equal(json_object_get(object, key), value))
			return false;
	}
	return true;
}

/* Returns 1, 0 if nobody has found it, or -1. What is no ref of it is none: it will be written over. */
static int find(const struct cache_ref *ref, struct cache_found *found)
{
	struct ncm_error why = NCM_ERROR_INIT;
	NCM_AUTO_JSON json_t *object = read_object(ref->refs->cache, ref->key, &why);
	const bool failed = why.code != NCM_OK;

	ncm_error_clear(&why);
	if (failed)
		return -1;
	return object && is_about(object, ref) && take_digest(object, &found->sha256) &&
	       ncm_json_u64(object, "size", &found->size);
}

static enum cache_made write_lease(const struct cache_ref *ref, const char *old, char **etag)
{
	struct cache_refs *refs = ref->refs;
	bool unconditional = false;
	const enum cache_made made =
	    cache_lease_write(refs->cache, ref->lease, refs->text, old, etag, &unconditional, NULL);

	if (unconditional)
		refs->unconditional = true;
	return made;
}

static void renew(struct cache_ref *ref)
{
	struct cache_refs *refs = ref->refs;
	NCM_AUTO_FREE char *old = ncm_strdup_null(ref->etag);
	char *etag = NULL;
	enum cache_made made;

	pthread_mutex_unlock(&refs->mutex);
	made = write_lease(ref, old, &etag);
	pthread_mutex_lock(&refs->mutex);
	ref->leased = ncm_monotonic(); /* or tried to */
	if (made == CACHE_MADE && ref->held) {
		free(ref->etag);
		ref->etag = etag;
		etag = NULL;
	}
	free(etag);
}

static void *keep(void *context)
{
	struct cache_refs *refs = context;

	pthread_mutex_lock(&refs->mutex);
	while (!refs->ending && !ncm_interrupted()) {
		for (size_t i = 0; i < refs->count && !refs->ending; i++) {
			if (refs->items[i]->held &&
			    ncm_monotonic() - refs->items[i]->leased > CACHE_LEASE_RENEW_SECONDS)
				renew(refs->items[i]);
		}
		cache_wait(&refs->changed, &refs->mutex, 500);
	}
	pthread_mutex_unlock(&refs->mutex);
	return NULL;
}

/* A machine that cannot keep a lease takes none. */
static bool reserve(struct cache_refs *refs, unsigned most)
{
	bool reserved = false;

	pthread_mutex_lock(&refs->mutex);
	if (!refs->started && most > 0)
		refs->started = pthread_create(&refs->keeper, NULL, keep, refs) == 0;
	if (refs->started && refs->leading < most) {
		refs->leading++;
		reserved = true;
	}
	pthread_mutex_unlock(&refs->mutex);
	return reserved;
}

static bool is_ours(const struct cache_ref *ref)
{
	struct cache_refs *refs = ref->refs;
	struct ncm_error why = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *etag = NULL;
	const bool ours = cache_lease_says(refs->cache, ref->lease, refs->text, &etag, &why);

	if (ncm_errc_retryable(why.code))
		refs->silent = true;
	ncm_error_clear(&why);
	return ours;
}

static void take(struct cache_ref *ref, char *etag)
{
	pthread_mutex_lock(&ref->refs->mutex);
	free(ref->etag);
	ref->etag = etag;
	ref->held = true;
	ref->leased = ncm_monotonic();
	pthread_mutex_unlock(&ref->refs->mutex);
}

/* `old`: the ETag of a lease that is void, or NULL. A place among those that are led is reserved. */
static enum cache_ref_state claim(struct cache_ref *ref, const char *old, struct cache_found *found)
{
	char *etag = NULL;
	const enum cache_made made = write_lease(ref, old, &etag);

	if (made != CACHE_MADE) {
		free(etag);
		return made == CACHE_FAILED ? CACHE_REF_NONE : CACHE_REF_OTHERS;
	}
	/* Without conditions the last one who writes has it: whoever writes at the same time is given time to do so. */
	if ((ref->refs->unconditional && ncm_wait(1) < 0) || !is_ours(ref)) {
		free(etag);
		return CACHE_REF_OTHERS;
	}
	take(ref, etag);
	/* Who held it before may have told what it found after this machine had looked. */
	if (find(ref, found) != 1)
		return CACHE_REF_OURS;
	cache_ref_let_go(ref);
	return CACHE_REF_FOUND;
}

/* Others held it no more, which is not the same as that they died of it: they told of it, or could not have it either.
 * Who takes it up after them would be followed by the next, each at the cost of all that it takes. */
static enum cache_ref_state after_others(const struct cache_ref *ref, struct cache_found *found)
{
	return find(ref, found) == 1 ? CACHE_REF_FOUND : CACHE_REF_NONE;
}

static enum cache_ref_state lease(struct cache_ref *ref, unsigned most, struct cache_found *found)
{
	struct cache_refs *refs = ref->refs;
	CACHE_AUTO_OBJECT struct cache_object object = {0};
	const int leased = cache_head(refs->cache, ref->lease, &object, NULL);
	const bool awaited = ref->others;
	enum cache_ref_state state;

	ref->others = leased > 0;
	if (leased < 0)
		return CACHE_REF_NONE;
	if (leased > 0 && !cache_lease_is_void(&object))
		return CACHE_REF_OTHERS;
	if (leased == 0 && awaited)
		return after_others(ref, found);
	if (!reserve(refs, most))
		return CACHE_REF_FREE;
	state = claim(ref, leased > 0 ? object.etag : NULL, found);
	if (state != CACHE_REF_OURS && state != CACHE_REF_FOUND) {
		pthread_mutex_lock(&refs->mutex);
		refs->leading--;
		pthread_mutex_unlock(&refs->mutex);
	}
	return state;
}

enum cache_ref_state cache_ref_look(struct cache_ref *ref, unsigned most, struct cache_found *found)
{
	const int there = find(ref, found);

	if (there != 0)
		return there > 0 ? CACHE_REF_FOUND : CACHE_REF_NONE;
	return lease(ref, most, found);
}

/* `proven`: even if it is. */
static void let_go(struct cache_ref *ref, bool proven)
{
	struct cache_refs *refs = ref->refs;
	bool goes;

	pthread_mutex_lock(&refs->mutex);
	goes = ref->held && (proven || !ref->proven);
	if (goes) {
		ref->held = false;
		refs->leading -= !ref->proven;
	}
	pthread_mutex_unlock(&refs->mutex);
	if (goes && !refs->silent && is_ours(ref))
		(void)cache_delete(refs->cache, ref->lease, NULL);
}

void cache_ref_let_go(struct cache_ref *ref)
{
	let_go(ref, false);
}

bool cache_ref_is_of(const struct cache_ref *ref, const char *source, const char *revision)
{
	return ncm_same_text(source, ref->source) && ncm_same_text(revision, ref->revision);
}

void cache_ref_refute(struct cache_ref *ref)
{
	(void)cache_delete(ref->refs->cache, ref->key, NULL);
}

static void tell(struct cache_ref *ref)
{
	NCM_AUTO_JSON json_t *object = begin_object(ref);
	NCM_AUTO_FREE char *text = NULL;
	char hex[NCM_SHA256_HEX + 1], now[32];

	ncm_json_set_u64(object, "size", ref->found.size);
	ncm_json_set_string(object, "sha256", ncm_sha256_hex(&ref->found.sha256, hex));
	ncm_json_set_string(object, "at", ncm_time_utc(now));
	text = ncm_json_dump(object);
	(void)cache_put(ref->refs->cache, ref->key, text, strlen(text), NULL, NULL, NULL);
	let_go(ref, true);
}

static void end(struct cache_ref *ref, bool there)
{
	if (there)
		tell(ref);
	else
		let_go(ref, true);
}

static const struct filled *find_filled(const struct cache_refs *refs, const struct ncm_sha256 *sha256)
{
	for (size_t i = 0; i < refs->filled_count; i++) {
		if (ncm_sha256_equal(&refs->filled[i].sha256, sha256))
			return &refs->filled[i];
	}
	return NULL;
}

void cache_ref_prove(struct cache_ref *ref, const struct cache_found *found)
{
	struct cache_refs *refs = ref->refs;
	const struct filled *filled = NULL;
	bool there = false;

	pthread_mutex_lock(&refs->mutex);
	if (ref->held && !ref->proven) {
		ref->found = *found;
		ref->proven = true;
		refs->leading--;
		filled = find_filled(refs, &found->sha256);
		there = filled && filled->there;
	}
	pthread_mutex_unlock(&refs->mutex);
	if (filled)
		end(ref, there);
}

/* The next one that is proven to be a content, from *at on. */
static struct cache_ref *next_proven(struct cache_refs *refs, const struct ncm_sha256 *sha256, size_t *at)
{
	struct cache_ref *chosen = NULL;

	pthread_mutex_lock(&refs->mutex);
	for (; *at < refs->count && !chosen; (*at)++) {
		struct cache_ref *ref = refs->items[*at];

		if (ref->held && ref->proven && ncm_sha256_equal(&ref->found.sha256, sha256))
			chosen = ref;
	}
	pthread_mutex_unlock(&refs->mutex);
	return chosen;
}

void cache_refs_filled(struct cache_refs *refs, const struct ncm_sha256 *sha256, bool there)
{
	struct cache_ref *ref;
	size_t at = 0;

	pthread_mutex_lock(&refs->mutex);
	*NCM_PUSH(refs->filled, refs->filled_count) = (struct filled){*sha256, there};
	pthread_mutex_unlock(&refs->mutex);
	while ((ref = next_proven(refs, sha256, &at)))
		end(ref, there);
}

unsigned cache_refs_leading(struct cache_refs *refs)
{
	unsigned leading;

	pthread_mutex_lock(&refs->mutex);
	leading = refs->leading;
	pthread_mutex_unlock(&refs->mutex);
	return leading;
}

static void free_ref(struct cache_ref *ref)
{
	free(ref->source);
	free(ref->file);
	free(ref->revision);
	free(ref->key);
	free(ref->lease);
	free(ref->etag);
	free(ref);
}

void cache_refs_free(struct cache_refs *refs)
{
	if (!refs)
		return;
	pthread_mutex_lock(&refs->mutex);
	refs->ending = true;
	pthread_cond_broadcast(&refs->changed);
	pthread_mutex_unlock(&refs->mutex);
	if (refs->started)
		pthread_join(refs->keeper, NULL);
	for (size_t i = 0; i < refs->count; i++) {
		let_go(refs->items[i], true);
		free_ref(refs->items[i]);
	}
	free(refs->items);
	free(refs->filled);
	free(refs->text);
	pthread_cond_destroy(&refs->changed);
	pthread_mutex_destroy(&refs->mutex);
	free(refs);
}
