/* SPDX-License-Identifier: MIT */
#include "digest/transit.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/thread.h"
#include "digest/reader.h"
#include "digest/sha256_lanes.h"
#include "os/os.h"

#include <errno.h>
#include <ncmodel/event.h>
#include <pthread.h>

enum { PIECE = 1 << 20, MOST_THREADS = 8 };

struct transits {
	struct ncm_transit *items;
	size_t count, lanes;
	void (*progress)(void *context, uint64_t bytes);
	void *context;
	pthread_mutex_t mutex; /* of progress */
};

/* One under way. */
struct passage {
	struct ncm_transit *transit;
	struct ncm_span_proof proof;
	uint64_t done, size;
	void *buffer;
};

static void begin(struct passage *passage, struct ncm_transit *transit, void *buffer)
{
	const uint64_t start = ncm_span_start(transit->span), end = ncm_span_end(transit->checkpoints, transit->span);

	*passage = (struct passage){.transit = transit, .size = end - start, .buffer = buffer};
	transit->holds = false;
	transit->failure = 0;
	ncm_span_begin(&passage->proof, transit->checkpoints, transit->span);
	os_read_soon(transit->from, transit->from_at, passage->size);
}

static bool is_under_way(const struct passage *passage)
{
	return passage->done < passage->size && !passage->transit->failure;
}

static void fail(struct ncm_transit *transit, int errnum, bool write_failed)
{
	transit->failure = errnum;
	transit->write_failed = write_failed;
}

/* Returns how many bytes came. */
static size_t read_piece(struct passage *passage)
{
	struct ncm_transit *transit = passage->transit;
	const uint64_t rest = passage->size - passage->done;
	const size_t want = rest < PIECE ? (size_t)rest : PIECE;
	const ssize_t got = ncm_pread_all(transit->from, passage->buffer, want, transit->from_at + passage->done);

	if (got == (ssize_t)want)
		return want;
	fail(transit, got < 0 ? errno : ENODATA, false);
	return 0;
}

static void write_piece(struct passage *passage, size_t size)
{
	struct ncm_transit *transit = passage->transit;

	if (transit->to >= 0 && ncm_pwrite_all(transit->to, passage->buffer, size, transit->to_at + passage->done) < 0)
		fail(transit, errno, true);
	passage->done += size;
}

/* A piece of each: read one after the other, hashed side by side. */
static void step(struct passage *passages, size_t count)
{
	struct ncm_sha256_piece pieces[NCM_SHA256_LANES];
	struct passage *with[NCM_SHA256_LANES];
	size_t some = 0;

	for (size_t i = 0; i < count; i++) {
		const size_t size = is_under_way(&passages[i]) ? read_piece(&passages[i]) : 0;

		if (size == 0)
			continue;
		with[some] = &passages[i];
		pieces[some++] = (struct ncm_sha256_piece){&passages[i].proof.run, passages[i].buffer, size};
	}
	if (some > 0)
		ncm_sha256_runs_update(pieces, some);
	for (size_t i = 0; i < some; i++)
		write_piece(with[i], pieces[i].size);
}

static bool any_under_way(const struct passage *passages, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (is_under_way(&passages[i]))
			return true;
	}
	return false;
}

static void end(struct transits *transits, const struct passage *passage)
{
	struct ncm_transit *transit = passage->transit;

	if (transit->failure)
		return;
	transit->holds = ncm_span_holds(&passage->proof);
	/* The disk works while we do; else all of it would be left to the sync. */
	if (transit->to >= 0)
		os_write_out(transit->to, transit->to_at, passage->size);
	if (!transits->progress)
		return;
	pthread_mutex_lock(&transits->mutex);
	transits->progress(transits->context, passage->size);
	pthread_mutex_unlock(&transits->mutex);
}

static void run_group(void *context, size_t index)
{
	struct transits *transits = context;
	const size_t first = index * transits->lanes;
	const size_t count = transits->count - first < transits->lanes ? transits->count - first : transits->lanes;
	struct passage passages[NCM_SHA256_LANES];

	for (size_t i = 0; i < count; i++)
		begin(&passages[i], &transits->items[first + i], ncm_reader_buffer(PIECE));
	while (any_under_way(passages, count)) {
		for (size_t i = 0; i < count && ncm_interrupted(); i++)
			fail(passages[i].transit, EINTR, false);
		step(passages, count);
	}
	for (size_t i = 0; i < count; i++) {
		end(transits, &passages[i]);
		free(passages[i].buffer);
	}
}

void ncm_transits_run(struct ncm_transit *items, size_t count, void (*progress)(void *context, uint64_t bytes),
		      void *context)
{
	struct transits transits = {
	    .items = items, .count = count, .lanes = ncm_sha256_lanes(), .progress = progress, .context = context};
	const unsigned threads = 2 * ncm_cores(); /* one waits for the disk while another hashes */

	pthread_mutex_init(&transits.mutex, NULL);
	ncm_parallel(threads < MOST_THREADS ? threads : MOST_THREADS, (count + transits.lanes - 1) / transits.lanes,
		     run_group, &transits);
	pthread_mutex_destroy(&transits.mutex);
}
