/* SPDX-License-Identifier: MIT */
#include "cache/fill.h"

#include "base/mem.h"

#include <ncmodel/text.h>
#include <pthread.h>
#include <stdatomic.h>

enum { FILES_AT_ONCE = 2, PARTS_AT_ONCE = 2 };

struct fill {
	char *model, *path, *what;
	struct ncm_sha256 sha256;
	uint64_t size;
	struct ncm_checkpoints checkpoints;
	unsigned slot;
};

struct cache_filler {
	const struct cache *cache;
	const struct ncm_sink *sink;
	cache_filled *filled;
	void *context;
	pthread_t threads[FILES_AT_ONCE];
	size_t thread_count;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct fill **queue;
	struct ncm_sha256 *digests; /* of all that were queued: each goes once */
	size_t queued, taken;
	bool closed;
	_Atomic bool failed;
	struct ncm_error error; /* the first */
	size_t sent_files;
	uint64_t sent;
};

/* What is wrong with one file is no reason to leave the others. */
static bool is_its_own(const struct ncm_error *err)
{
	return err->code == NCM_E_DAMAGED || err->code == NCM_E_IO;
}

static void note_failure(struct cache_filler *filler, struct ncm_error *err)
{
	pthread_mutex_lock(&filler->lock);
	if (filler->error.code == NCM_OK || (!is_its_own(err) && !filler->failed)) {
		const bool own = is_its_own(err);

		ncm_error_move(&filler->error, err);
		filler->failed = filler->failed || !own;
	}
	pthread_mutex_unlock(&filler->lock);
	ncm_error_clear(err);
}

static void send(struct cache_filler *filler, struct fill *fill)
{
	struct cache_telling telling = {filler->sink, fill->model, fill->path, fill->size, fill->slot, false};
	struct cache_sending sending = {.cache = filler->cache,
					.what = fill->what,
					.model = fill->model,
					.path = fill->path,
					.sha256 = fill->sha256,
					.size = fill->size,
					.known = fill->checkpoints.size > 0 ? &fill->checkpoints : NULL,
					.at_once = PARTS_AT_ONCE,
					.stop = &filler->failed,
					.progress = fill->size > NCM_CHECKPOINT_SPAN ? cache_tell_progress : NULL,
					.context = &telling};
	struct ncm_error err = NCM_ERROR_INIT;
	const bool failed = cache_send(&sending, &err) == CACHE_FAILED;

	cache_tell_end(&telling, failed);
	filler->filled(filler->context, &fill->sha256,
		       !failed            ? CACHE_FILL_THERE
		       : is_its_own(&err) ? CACHE_FILL_WRONG
					  : CACHE_FILL_LEFT);
	if (failed) {
		note_failure(filler, &err);
		return;
	}
	pthread_mutex_lock(&filler->lock);
	filler->sent_files += sending.sent > 0;
	filler->sent += sending.sent;
	pthread_mutex_unlock(&filler->lock);
}

static struct fill *next(struct cache_filler *filler)
{
	struct fill *fill = NULL;

	pthread_mutex_lock(&filler->lock);
	while (filler->taken == filler->queued && !filler->closed)
		pthread_cond_wait(&filler->changed, &filler->lock);
	if (filler->taken < filler->queued)
		fill = filler->queue[filler->taken++];
	pthread_mutex_unlock(&filler->lock);
	return fill;
}

static void clear_fill(struct fill *fill)
{
	free(fill->model);
	free(fill->path);
	free(fill->what);
	ncm_checkpoints_clear(&fill->checkpoints);
	free(fill);
}

static void *work(void *context)
{
	struct cache_filler *filler = context;
	struct fill *fill;

	while ((fill = next(filler))) {
		if (!filler->failed && !ncm_interrupted())
			send(filler, fill);
		else
			filler->filled(filler->context, &fill->sha256, CACHE_FILL_LEFT);
		clear_fill(fill);
	}
	return NULL;
}

struct cache_filler *cache_filler_new(const struct cache *cache, const struct ncm_sink *sink, cache_filled *filled,
				      void *context)
{
	struct cache_filler *filler = ncm_calloc(1, sizeof *filler);

	*filler = (struct cache_filler){.cache = cache, .sink = sink, .filled = filled, .context = context};
	pthread_mutex_init(&filler->lock, NULL);
	pthread_cond_init(&filler->changed, NULL);
	return filler;
}

/* A thread is made for what it is to do: most runs fill nothing. */
static void start_thread(struct cache_filler *filler)
{
	if (filler->thread_count < FILES_AT_ONCE &&
	    pthread_create(&filler->threads[filler->thread_count], NULL, work, filler) == 0)
		filler->thread_count++;
}

static struct fill *copy_of(const struct cache_fill *what)
{
	struct fill *fill = ncm_calloc(1, sizeof *fill);

	*fill = (struct fill){.model = ncm_strdup(what->model),
			      .path = ncm_strdup(what->path),
			      .what = ncm_asprintf("%s: %s", what->model, what->path),
			      .sha256 = what->sha256,
			      .size = what->size,
			      .slot = what->slot};
	if (what->checkpoints && what->checkpoints->size > 0)
		ncm_checkpoints_copy(&fill->checkpoints, what->checkpoints);
	return fill;
}

static bool is_queued(const struct cache_filler *filler, const struct ncm_sha256 *sha256)
{
	for (size_t i = 0; i < filler->queued; i++) {
		if (ncm_sha256_equal(&filler->digests[i], sha256))
			return true;
	}
	return false;
}

void cache_filler_add(struct cache_filler *filler, const struct cache_fill *what)
{
	size_t count;

	pthread_mutex_lock(&filler->lock);
	if (!is_queued(filler, &what->sha256)) {
		count = filler->queued;
		*NCM_PUSH(filler->digests, count) = what->sha256;
		*NCM_PUSH(filler->queue, filler->queued) = copy_of(what);
		start_thread(filler);
		pthread_cond_signal(&filler->changed);
	}
	pthread_mutex_unlock(&filler->lock);
}

static void tell_end(const struct cache_filler *filler)
{
	const struct ncm_error *why = &filler->error;
	char size[32];

	if (why->code != NCM_OK && why->code != NCM_E_INTERRUPTED)
		ncm_emit_text(filler->sink, NCM_EVENT_WARNING, "the cache was not filled: %s", why->message);
	if (why->code != NCM_OK && why->code != NCM_E_INTERRUPTED && why->hint)
		ncm_emit_text(filler->sink, NCM_EVENT_NOTE, "%s", why->hint);
	if (filler->sent_files > 0)
		ncm_emit_text(filler->sink, NCM_EVENT_NOTE, "%zu %s (%s) went into the cache", filler->sent_files,
			      filler->sent_files == 1 ? "file" : "files",
			      ncm_format_size(filler->sent, size, sizeof size));
}

void cache_filler_end(struct cache_filler *filler)
{
	if (!filler)
		return;
	pthread_mutex_lock(&filler->lock);
	filler->closed = true;
	pthread_cond_broadcast(&filler->changed);
	pthread_mutex_unlock(&filler->lock);
	for (size_t i = 0; i < filler->thread_count; i++)
		pthread_join(filler->threads[i], NULL);
	tell_end(filler);
	for (; filler->taken < filler->queued; filler->taken++) /* no thread could be had */
		clear_fill(filler->queue[filler->taken]);
	free(filler->queue);
	free(filler->digests);
	ncm_error_clear(&filler->error);
	pthread_cond_destroy(&filler->changed);
	pthread_mutex_destroy(&filler->lock);
	free(filler);
}
