/* SPDX-License-Identifier: MIT */
/*
 * Which bytes a stream brings.
 *
 * It gets a window at the front of what is missing, not a large part of the file: so the bytes come nearly in the order
 * in which they are hashed, and few of them have to be read again. A window lasts for several round trips, else asking
 * would cost more than the bytes. At the end of the file, where no window is left, a further stream takes half of what
 * the slowest one has before it.
 */
#include "transfer/fetch.h"

#include "base/file.h"

static const uint64_t SMALLEST_WINDOW = 2 << 20;
static const uint64_t LARGEST_SHARE = 8 << 20; /* of the run's memory, that one window takes */
static const uint64_t LARGEST_WINDOW = 64 << 20;
static const double ROUND_TRIPS = 4;
/* What is on its way already comes twice when a range is cut: half of it goes to another stream only if it is much, or
 * is to take long. */
static const double WORTH_STEALING_SECONDS = 1;
static const uint64_t WORTH_STEALING_BYTES = 8 << 20;
static const double LONG_SECONDS = 5;
static const uint64_t LEAST_STOLEN = 64 << 10;

static uint64_t window_of(const struct ncm_site *site)
{
	uint64_t window = (uint64_t)NCM_POOL_BLOCKS * NCM_BLOCK_BYTES / 2 / site->pace->allowed;
	double busy = site->latency * site->speed * ROUND_TRIPS;

	if (window > LARGEST_SHARE)
		window = LARGEST_SHARE;
	if (window < SMALLEST_WINDOW)
		window = SMALLEST_WINDOW;
	if (busy > (double)LARGEST_WINDOW)
		busy = (double)LARGEST_WINDOW;
	if (busy > (double)window)
		window = (uint64_t)busy;
	return window - window % NCM_BLOCK_BYTES;
}

static uint64_t known_size(const struct ncm_fetch *fetch)
{
	return fetch->partial.identity.has_size ? fetch->partial.identity.size : UINT64_MAX;
}

bool ncm_fetch_has_all(const struct ncm_fetch *fetch)
{
	struct ncm_range gap;

	return fetch->partial.identity.has_size && !ncm_extents_gap(&fetch->claimed, known_size(fetch), &gap);
}

/* The running stream that has the longest way before it, if it is worth to share. */
static struct ncm_stream *slowest(const struct ncm_fetch *fetch)
{
	double now = ncm_monotonic(), longest = WORTH_STEALING_SECONDS;
	struct ncm_stream *found = NULL;

	for (unsigned i = 0; i < fetch->stream_count; i++) {
		struct ncm_stream *stream = fetch->streams[i];
		double seconds = now - stream->asked_at;
		double left, speed;

		if (stream->body != NCM_BODY_FILE || !stream->ranged || stream->end - stream->at < LEAST_STOLEN)
			continue;
		/* It has only just begun: of its speed nothing is known yet. */
		if (seconds < WORTH_STEALING_SECONDS)
			continue;
		left = (double)(stream->end - stream->at);
		speed = (double)(stream->at - stream->offset + 1) / (seconds > 0 ? seconds : 1);
		if (left / speed <= longest || (left <= (double)WORTH_STEALING_BYTES && left / speed <= LONG_SECONDS))
			continue;
		longest = left / speed;
		found = stream;
	}
	return found;
}

bool ncm_fetch_has_work(const struct ncm_fetch *fetch)
{
	struct ncm_range gap;

	return ncm_extents_gap(&fetch->claimed, known_size(fetch), &gap) || slowest(fetch);
}

static void take(struct ncm_fetch *fetch, struct ncm_stream *stream, uint64_t start, uint64_t end)
{
	stream->offset = stream->at = start;
	stream->end = stream->claimed_end = end;
	ncm_extents_add(&fetch->claimed, start, end);
}

void ncm_fetch_settle(struct ncm_fetch *fetch, struct ncm_stream *stream, bool keep)
{
	if (!keep)
		stream->at = stream->offset;
	ncm_extents_remove(&fetch->claimed, stream->at, stream->claimed_end);
	ncm_extents_add(&fetch->claimed, stream->offset, stream->at);
	stream->offset = stream->end = stream->claimed_end = stream->at;
}

bool ncm_fetch_claim(struct ncm_fetch *fetch, struct ncm_stream *stream)
{
	struct ncm_stream *other;
	struct ncm_range gap;
	uint64_t half;

	stream->ranged = !fetch->whole;
	if (fetch->whole) {
		take(fetch, stream, 0, UINT64_MAX);
		return true;
	}
	if (ncm_extents_gap(&fetch->claimed, known_size(fetch), &gap)) {
		uint64_t end = gap.start - gap.start % NCM_BLOCK_BYTES + window_of(stream->site);

		/* A rest that is not worth a request of its own. */
		if (end < gap.end && gap.end - end >= SMALLEST_WINDOW)
			gap.end = end;
		take(fetch, stream, gap.start, gap.end);
		stream->ranged = gap.start > 0 || gap.end != known_size(fetch);
		return true;
	}
	other = slowest(fetch);
	if (!other)
		return false;
	half = other->at + (other->end - other->at) / 2;
	half -= half % (other->end - other->at < 4 * NCM_BLOCK_BYTES ? NCM_BLOCK_ALIGN : NCM_BLOCK_BYTES);
	if (half <= other->at)
		return false;
	take(fetch, stream, half, other->end);
	other->end = other->claimed_end = half;
	return true;
}
