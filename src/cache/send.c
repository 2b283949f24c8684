/* SPDX-License-Identifier: MIT */
#include "cache/send.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/strings.h"
#include "base/thread.h"
#include "cache/work.h"
#include "digest/checkpoint.h"
#include "digest/hash.h"
#include "os/os.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

/* Parts are as large as what a checkpoint proves, or several times that where there would be too many. */
enum { MOST_PARTS = 10000, MOST_ROUNDS = 3 };

static const struct cache_condition only_new = {.only_new = true};

struct round {
	struct cache_sending *sending;
	const struct ncm_checkpoints *checkpoints;
	int fd;
	const char *key, *id;
	uint64_t part; /* bytes */
	struct cache_parts parts;
	_Atomic uint64_t done;
	pthread_mutex_t lock; /* of parts and error */
	struct ncm_error error;
	_Atomic bool failed;
};

static struct cache_proof proof_of(struct round *round, uint64_t start, uint64_t size)
{
	return (struct cache_proof){.sending = round->sending,
				    .checkpoints = round->checkpoints,
				    .fd = round->fd,
				    .start = start,
				    .size = size,
				    .done = &round->done};
}

/* Asks for the object anew without a condition where the server knows none. */
static enum cache_made put_whole(struct round *round, const struct cache_condition *condition, struct ncm_error *err)
{
	struct cache_proof proof = proof_of(round, 0, round->sending->size);
	const struct ncm_upload body = cache_proof_body(&proof);
	const enum cache_made made = cache_put_body(round->sending->cache, round->key, &body, condition, NULL, err);

	if (made == CACHE_UNSUPPORTED)
		return put_whole(round, NULL, err);
	if (made == CACHE_MADE)
		round->sending->sent += round->sending->size;
	return made;
}

/* Returns 1 if the part need not be sent, 0, or -1. */
static int is_there(struct round *round, unsigned number, struct cache_proof *proof, struct ncm_error *err)
{
	const struct cache_part *part;
	NCM_AUTO_FREE char *etag = NULL;

	pthread_mutex_lock(&round->lock);
	part = cache_parts_find(&round->parts, number);
	if (part && part->size == proof->size)
		etag = ncm_strdup(part->etag);
	pthread_mutex_unlock(&round->lock);
	return etag ? cache_proof_compare(proof, etag, err) : 0;
}

static int send_part(struct round *round, unsigned number, struct ncm_error *err)
{
	const uint64_t start = (number - 1) * round->part, left = round->sending->size - start;
	struct cache_proof proof = proof_of(round, start, left < round->part ? left : round->part);
	const struct ncm_upload body = cache_proof_body(&proof);
	const int there = is_there(round, number, &proof, err);
	char *etag = NULL;

	if (there != 0)
		return there < 0 ? -1 : 0;
	if (cache_upload_part(round->sending->cache, round->key, round->id, number, &body, &etag, err) < 0)
		return -1;
	round->sending->sent += proof.size;
	pthread_mutex_lock(&round->lock);
	cache_parts_set(&round->parts, number, proof.size, etag);
	pthread_mutex_unlock(&round->lock);
	return 0;
}

static void job(void *context, size_t index)
{
	struct round *round = context;
	struct ncm_error err = NCM_ERROR_INIT;

	if (round->failed || send_part(round, (unsigned)index + 1, &err) == 0)
		return;
	pthread_mutex_lock(&round->lock);
	if (!round->failed)
		ncm_error_move(&round->error, &err);
	round->failed = true;
	pthread_mutex_unlock(&round->lock);
	ncm_error_clear(&err);
}

static uint64_t bytes_of(const struct cache_parts *parts)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < parts->count; i++)
		sum += parts->items[i].size;
	return sum;
}

/* Of the uploads to this key that are under way the one that has most. The caller frees it; NULL: there is none. */
static char *find_upload(const struct round *round, struct cache_parts *most)
{
	struct ncm_strings ids = {0};
	char *best = NULL;

	(void)cache_uploads(round->sending->cache, round->key, &ids, NULL);
	for (size_t i = 0; i < ids.count; i++) {
		struct cache_parts parts = {0};

		if (cache_upload_parts(round->sending->cache, round->key, ids.items[i], &parts, NULL) <= 0 ||
		    (best && bytes_of(&parts) <= bytes_of(most))) {
			cache_parts_clear(&parts);
			continue;
		}
		free(best);
		cache_parts_clear(most);
		best = ncm_strdup(ids.items[i]);
		*most = parts;
	}
	ncm_strings_free(&ids);
	return best;
}

/* Numbers beyond the last are an upload's of other parts. */
static void drop_beyond(struct cache_parts *parts, size_t count)
{
	while (parts->count > 0 && parts->items[parts->count - 1].number > count)
		free(parts->items[--parts->count].etag);
}

void cache_drop_uploads(const struct cache *cache, const char *key)
{
	struct ncm_strings ids = {0};

	(void)cache_uploads(cache, key, &ids, NULL);
	for (size_t i = 0; i < ids.count; i++)
		(void)cache_upload_abort(cache, key, ids.items[i], NULL);
	ncm_strings_free(&ids);
}

static enum cache_made finish(const struct round *round, struct ncm_error *err)
{
	const struct cache *cache = round->sending->cache;
	enum cache_made made = cache_upload_finish(cache, round->key, round->id, &round->parts, &only_new, err);

	if (made == CACHE_UNSUPPORTED)
		made = cache_upload_finish(cache, round->key, round->id, &round->parts, NULL, err);
	if (made == CACHE_MADE || made == CACHE_EXISTS)
		cache_drop_uploads(cache, round->key);
	return made;
}

static enum cache_made send_parts(struct round *round, struct ncm_error *err)
{
	const size_t count = (size_t)((round->sending->size + round->part - 1) / round->part);

	drop_beyond(&round->parts, count);
	ncm_parallel(round->sending->at_once, count, job, round);
	if (!round->failed)
		return finish(round, err);
	if (round->error.code == NCM_E_DAMAGED)
		(void)cache_upload_abort(round->sending->cache, round->key, round->id, NULL);
	return (enum cache_made)ncm_error_move(err, &round->error);
}

static enum cache_made upload(struct round *round, struct ncm_error *err)
{
	NCM_AUTO_FREE char *id = find_upload(round, &round->parts);

	if (!id)
		id = cache_upload_start(round->sending->cache, round->key, err);
	round->id = id;
	return id ? send_parts(round, err) : CACHE_FAILED;
}

static uint64_t part_size(uint64_t size)
{
	const uint64_t spans = (size + NCM_CHECKPOINT_SPAN - 1) / NCM_CHECKPOINT_SPAN;

	return (spans + MOST_PARTS - 1) / MOST_PARTS * NCM_CHECKPOINT_SPAN;
}

static enum cache_made send_once(struct cache_sending *sending, int fd, const char *key,
				 const struct ncm_checkpoints *checkpoints, struct ncm_error *err)
{
	struct round round = {.sending = sending,
			      .checkpoints = checkpoints,
			      .fd = fd,
			      .key = key,
			      .part = part_size(sending->size),
			      .lock = PTHREAD_MUTEX_INITIALIZER};
	const enum cache_made made =
	    sending->size <= NCM_CHECKPOINT_SPAN ? put_whole(&round, &only_new, err) : upload(&round, err);

	cache_parts_clear(&round.parts);
	return made;
}

/* What lies by that name and cannot be it. Returns 1 if what lies there may be it, 0 if nothing does, or -1. */
static int make_room(const struct cache_sending *sending, const char *key, struct ncm_error *err)
{
	CACHE_AUTO_OBJECT struct cache_object object = {0};
	const int there = cache_head(sending->cache, key, &object, err);

	if (there <= 0 || object.size == sending->size)
		return there;
	return cache_delete(sending->cache, key, err);
}

/* Where somebody else is at the same object, or has changed the upload's parts, it is looked at anew. */
static enum cache_made send_rounds(struct cache_sending *sending, int fd, const char *key,
				   const struct ncm_checkpoints *checkpoints, struct ncm_error *err)
{
	struct ncm_error last = NCM_ERROR_INIT;

	for (unsigned i = 1;; i++) {
		const int there = i > 1 ? make_room(sending, key, &last) : 0;
		const enum cache_made made = there > 0   ? CACHE_EXISTS
					     : there < 0 ? CACHE_FAILED
							 : send_once(sending, fd, key, checkpoints, &last);

		if (made == CACHE_MADE || made == CACHE_EXISTS) {
			ncm_error_clear(&last);
			return made;
		}
		if (made == CACHE_CONFLICT)
			ncm_error_set(&last, NCM_E_NETWORK, "%s: another writes it into the cache, too", sending->what);
		if (i == MOST_ROUNDS || (made == CACHE_CONFLICT && ncm_wait(0.5 * i) < 0) ||
		    (made != CACHE_CONFLICT && last.code != NCM_E_REFUSED && last.code != NCM_E_NOT_FOUND))
			return (enum cache_made)ncm_error_move(err, &last);
	}
}

static int hash_first(const struct cache_sending *sending, int fd, struct ncm_checkpoints *made, struct ncm_error *err)
{
	struct ncm_sha256 found;
	char hex[NCM_SHA256_HEX + 1];
	NCM_AUTO_FREE char *how = NULL;

	if (ncm_tally_fd(fd, sending->size, &found, made, NULL, NULL) < 0)
		return errno == EINTR ? ncm_error_set(err, NCM_E_INTERRUPTED, "%s: interrupted", sending->what)
				      : ncm_error_errno(err, errno, "%s: cannot be read", sending->what);
	if (ncm_sha256_equal(&found, &sending->sha256) && made->size == sending->size)
		return 0;
	ncm_checkpoints_clear(made);
	how = ncm_asprintf("its SHA-256 is %s", ncm_sha256_hex(&found, hex));
	return cache_differs(sending, how, err);
}

static int open_file(const struct cache_sending *sending, struct ncm_error *err)
{
	const int fd = os_open(OS_HERE, sending->path, OS_READ);
	struct os_stat status;

	if (fd < 0 && errno == ENOENT)
		return cache_differs(sending, "it is not there", err);
	if (fd < 0)
		return ncm_error_errno(err, errno, "%s: cannot read %s", sending->what, sending->path);
	if (os_fstat(fd, &status) == 0 && status.kind == OS_IS_FILE && status.size == sending->size)
		return fd;
	(void)os_close(fd);
	return cache_differs(sending, "it has another size", err);
}

/* They help readers alone: the object is good without them. */
static void put_checkpoints(const struct cache *cache, const struct ncm_checkpoints *checkpoints)
{
	size_t length = 0;
	NCM_AUTO_FREE uint8_t *bytes = ncm_checkpoints_pack(checkpoints, &length);
	NCM_AUTO_FREE char *key = cache_checkpoints_key(&checkpoints->sha256);

	if (bytes && cache_put(cache, key, bytes, length, &only_new, NULL, NULL) == CACHE_UNSUPPORTED)
		(void)cache_put(cache, key, bytes, length, NULL, NULL, NULL);
}

void cache_send_missing_checkpoints(const struct cache *cache, const struct ncm_checkpoints *checkpoints)
{
	CACHE_AUTO_OBJECT struct cache_object object = {0};
	NCM_AUTO_FREE char *key = cache_checkpoints_key(&checkpoints->sha256);

	if (cache_head(cache, key, &object, NULL) == 0)
		put_checkpoints(cache, checkpoints);
}

/* A step that does not hold may be the checkpoints' fault: then the file's digest decides. */
static enum cache_made send_file(struct cache_sending *sending, int fd, const char *key, struct ncm_error *err)
{
	const bool is_small = sending->size <= NCM_CHECKPOINT_SPAN;
	struct ncm_checkpoints made = {.size = sending->size, .sha256 = sending->sha256};
	struct ncm_error why = NCM_ERROR_INIT;
	enum cache_made result = CACHE_FAILED;

	if (sending->known) {
		result = send_rounds(sending, fd, key, sending->known, &why);
		if (result != CACHE_FAILED)
			put_checkpoints(sending->cache, sending->known);
		if (result != CACHE_FAILED || why.code != NCM_E_DAMAGED)
			return result == CACHE_FAILED ? (enum cache_made)ncm_error_move(err, &why) : result;
		ncm_error_clear(&why);
	}
	if (!is_small && hash_first(sending, fd, &made, err) < 0)
		return CACHE_FAILED;
	result = send_rounds(sending, fd, key, &made, err);
	if (result != CACHE_FAILED)
		put_checkpoints(sending->cache, &made);
	ncm_checkpoints_clear(&made);
	return result;
}

/* Of nothing there is nothing to prove while it is sent. */
static int check_empty(const struct cache_sending *sending, struct ncm_error *err)
{
	struct ncm_sha256 empty;

	ncm_sha256_of("", 0, &empty);
	return sending->size > 0 || ncm_sha256_equal(&empty, &sending->sha256)
		   ? 0
		   : cache_differs(sending, "it is empty", err);
}

/* What machines had of it that could not be joined, or are about to have. */
static void remove_pieces(const struct cache_sending *sending)
{
	NCM_AUTO_FREE char *begins = cache_pieces_begin(&sending->sha256);

	if (sending->size >= CACHE_SHARED_LEAST)
		cache_remove_pieces(sending->cache, begins);
}

enum cache_made cache_send(struct cache_sending *sending, struct ncm_error *err)
{
	enum cache_made made;
	NCM_AUTO_FREE char *key = cache_blob_key(&sending->sha256);
	NCM_AUTO_CLOSE int fd = -1;
	const int there = make_room(sending, key, err);

	if (there > 0 && sending->known)
		put_checkpoints(sending->cache, sending->known);
	if (there != 0)
		return there < 0 ? CACHE_FAILED : CACHE_EXISTS;
	fd = open_file(sending, err);
	if (fd < 0 || check_empty(sending, err) < 0)
		return CACHE_FAILED;
	made = send_file(sending, fd, key, err);
	if (made == CACHE_MADE)
		remove_pieces(sending);
	return made;
}
