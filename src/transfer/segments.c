/* SPDX-License-Identifier: MIT */
/*
 * Segmented download: which bytes a stream brings, and where from; its requests, one range after another.
 *
 * It gets a window at the front of what is missing, not a large part of the file: so the bytes come nearly in the order
 * in which they are hashed, and few of them have to be read again. A window lasts for several round trips, else asking
 * would cost more than the bytes. At the end of the file, where no window is left, a further stream takes half of what
 * the slowest one has before it.
 */
#include "transfer/fetch.h"

#include "base/file.h"
#include "base/mem.h"

#include <string.h>

static const double PROGRESS_EVERY_SECONDS = 0.1;
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

	return fetch->partial.identity.has_size && !ncm_ranges_gap(&fetch->assigned, known_size(fetch), &gap);
}

/* The running stream that has the longest way before it, if it is worth to share. */
static struct ncm_stream *slowest(const struct ncm_fetch *fetch, const struct ncm_site *site)
{
	double now = ncm_monotonic(), longest = WORTH_STEALING_SECONDS;
	struct ncm_stream *found = NULL;

	for (unsigned i = 0; i < fetch->stream_count; i++) {
		struct ncm_stream *stream = fetch->streams[i];
		double seconds = now - stream->asked_at;
		double left, speed;

		if (stream->body != NCM_BODY_FILE || !stream->ranged || stream->end - stream->at < LEAST_STOLEN)
			continue;
		/* What is shared is not at its source's, and the other way round; of its source nothing comes twice. */
		if (fetch->sharing && (!stream->site->from.sharing || !site->from.sharing))
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

static bool has_work(const struct ncm_fetch *fetch, const struct ncm_site *site)
{
	struct ncm_range gap;

	return ncm_fetch_next_gap(fetch, site, &gap) || slowest(fetch, site);
}

static void set_range(struct ncm_fetch *fetch, struct ncm_stream *stream, uint64_t start, uint64_t end)
{
	stream->offset = stream->at = start;
	stream->end = stream->assigned_end = end;
	ncm_ranges_add(&fetch->assigned, start, end);
	ncm_fetch_note_site(fetch, stream->site, start, end);
}

/* The stream brings no more of its range: what has come is here if it is kept, the rest is for others to bring. */
static void settle(struct ncm_fetch *fetch, struct ncm_stream *stream, bool keep)
{
	if (!keep)
		stream->at = stream->offset;
	ncm_ranges_remove(&fetch->assigned, stream->at, stream->assigned_end);
	ncm_ranges_add(&fetch->assigned, stream->offset, stream->at);
	stream->offset = stream->end = stream->assigned_end = stream->at;
}

/* Work stealing: half of what the slowest stream has before it. */
static bool steal(struct ncm_fetch *fetch, struct ncm_stream *stream)
{
	struct ncm_stream *other = slowest(fetch, stream->site);
	uint64_t half;

	if (!other)
		return false;
	half = other->at + (other->end - other->at) / 2;
	half -= half % (other->end - other->at < 4 * NCM_BLOCK_BYTES ? NCM_BLOCK_ALIGN : NCM_BLOCK_BYTES);
	if (half <= other->at)
		return false;
	set_range(fetch, stream, half, other->end);
	other->end = other->assigned_end = half;
	return true;
}

/* Gives the stream its next range. False if there is none. */
static bool assign(struct ncm_fetch *fetch, struct ncm_stream *stream)
{
	struct ncm_range gap;

	stream->ranged = !fetch->whole;
	if (fetch->whole) {
		set_range(fetch, stream, 0, UINT64_MAX);
		return true;
	}
	if (ncm_fetch_next_gap(fetch, stream->site, &gap)) {
		uint64_t end = gap.start - gap.start % NCM_BLOCK_BYTES + window_of(stream->site);

		/* Each stream has spans of its own, which are hashed side by side; a part that others wait for comes
		 * over as many connections as there are. */
		if (fetch->sharing ? stream->site->from.sharing != NULL : fetch->intake.known != NULL)
			end = (end + NCM_CHECKPOINT_SPAN - 1) / NCM_CHECKPOINT_SPAN * NCM_CHECKPOINT_SPAN;

		/* A rest that is not worth a request of its own. */
		if (end < gap.end && gap.end - end >= SMALLEST_WINDOW)
			gap.end = end;
		set_range(fetch, stream, gap.start, gap.end);
		stream->ranged = gap.start > 0 || gap.end != known_size(fetch);
		return true;
	}
	return steal(fetch, stream);
}

static unsigned streams_at(const struct ncm_fetch *fetch, const struct ncm_site *site)
{
	unsigned count = 0;

	for (unsigned i = 0; i < fetch->stream_count; i++)
		count += fetch->streams[i]->site == site;
	return count;
}

bool ncm_fetch_serves_ranges(const struct ncm_fetch *fetch)
{
	for (size_t i = 0; i < fetch->site_count; i++) {
		const struct ncm_site *site = &fetch->sites[i];

		if (site->ranges_work && (!site->dead || streams_at(fetch, site) > 0))
			return true;
	}
	return false;
}

/* One stream alone shows whether a place serves ranges; the first of all shows it before another begins. */
static bool may_join(const struct ncm_fetch *fetch, const struct ncm_site *site)
{
	struct ncm_range gap;

	if (fetch->stream_count == 0)
		return fetch->sharing ? ncm_fetch_next_gap(fetch, site, &gap) : !ncm_fetch_has_all(fetch);
	if (fetch->whole || !ncm_fetch_serves_ranges(fetch) || (!site->ranges_work && streams_at(fetch, site) > 0))
		return false;
	return has_work(fetch, site);
}

/* Whether another place is to be asked in its stead. */
static bool is_spare(const struct ncm_fetch *fetch, const struct ncm_site *site, double now)
{
	/* Of a file that is shared each has bytes that the other has not. */
	for (size_t i = 0; i < fetch->site_count && !site->from.preferred && !fetch->sharing; i++) {
		const struct ncm_site *other = &fetch->sites[i];

		if (other->from.preferred && ncm_site_counts(other) && !ncm_site_rests(other, now))
			return true;
	}
	return false;
}

struct ncm_site *ncm_fetch_wants_stream(const struct ncm_fetch *fetch, const struct ncm_pace *pace, double now)
{
	if (fetch->stage != NCM_STAGE_RECEIVE || fetch->stream_count == NCM_LIMIT_PARALLEL ||
	    fetch->intake.error.code != NCM_OK)
		return NULL;
	for (size_t i = 0; i < fetch->site_count; i++) {
		struct ncm_site *site = &fetch->sites[i];

		if (!ncm_site_counts(site) || ncm_site_rests(site, now) || is_spare(fetch, site, now))
			continue;
		if (site->pace == pace && may_join(fetch, site))
			return site;
		/* The first place that is left is the one to begin with. */
		if (fetch->stream_count == 0 && !fetch->sharing)
			return NULL;
	}
	return NULL;
}

void ncm_fetch_drop(struct ncm_fetch *fetch, struct ncm_stream *stream, bool keep)
{
	ncm_stream_detach(stream);
	if (!keep && stream->filling) {
		ncm_pool_give(stream->filling);
		stream->filling = NULL;
	}
	ncm_intake_flush(&fetch->intake, &stream->filling);
	/* It has begun: what follows may be asked for by range. */
	if (stream->body == NCM_BODY_FILE && keep)
		fetch->whole = false;
	settle(fetch, stream, keep);
	for (unsigned i = 0; i < fetch->stream_count; i++) {
		if (fetch->streams[i] == stream)
			fetch->streams[i] = fetch->streams[--fetch->stream_count];
	}
	stream->site->pace->active--;
	if (fetch->renewing == stream && !fetch->job.running)
		fetch->renewing = NULL;
	/* A credential is being renewed for it in another thread. */
	if (fetch->renewing == stream)
		return;
	ncm_stream_end(stream);
	free(stream);
}

void ncm_fetch_end_streams(struct ncm_fetch *fetch, bool keep)
{
	while (fetch->stream_count > 0)
		ncm_fetch_drop(fetch, fetch->streams[0], keep);
}

void ncm_fetch_request(struct ncm_fetch *fetch, struct ncm_stream *stream)
{
	struct ncm_error err = NCM_ERROR_INIT;

	/* The whole file is no answer where an earlier run's bytes lie behind a gap: they would be hashed with it. */
	stream->alone = fetch->stream_count == 1 && !ncm_fetch_serves_ranges(fetch) &&
			ncm_ranges_sum(&fetch->assigned) == stream->assigned_end - stream->offset;
	if (ncm_stream_request(stream, &err) < 0)
		ncm_fetch_give_up(fetch, stream, &err);
}

void ncm_fetch_request_anew(struct ncm_fetch *fetch, struct ncm_stream *stream)
{
	struct ncm_error err = NCM_ERROR_INIT;

	stream->reused = false;
	if (stream->site->from.sharing)
		ncm_fetch_find_part(fetch, stream);
	if (ncm_chain_start(&stream->chain, fetch->run->http, stream->url ? stream->url : stream->site->from.url,
			    &err) < 0) {
		ncm_error_wrap(&err, "%s", fetch->what);
		ncm_fetch_give_up(fetch, stream, &err);
		return;
	}
	ncm_fetch_request(fetch, stream);
}

/* A stream whose redirects have been followed already. */
static const struct ncm_stream *find_sibling(const struct ncm_fetch *fetch, const struct ncm_stream *stream)
{
	for (unsigned i = 0; i < fetch->stream_count && !stream->site->from.sharing; i++) {
		const struct ncm_stream *other = fetch->streams[i];

		if (other != stream && other != fetch->renewing && other->site == stream->site &&
		    (other->reused || other->body == NCM_BODY_FILE))
			return other;
	}
	return NULL;
}

/* Answers that no validator holds together may be of two versions: a wrong digest is worth a fetch in one piece. */
static void note_unproved(struct ncm_fetch *fetch, const struct ncm_stream *stream)
{
	if (stream->offset > 0 && (stream->is_mirror || !fetch->partial.identity.etag))
		ncm_fetch_note_joined(fetch);
}

static void after_bytes(struct ncm_stream *stream, size_t size)
{
	struct ncm_fetch *fetch = stream->fetch;
	double now = ncm_monotonic();

	/* Known from its first bytes on: a slow first connection does not keep others from starting. */
	stream->site->ranges_work = stream->site->ranges_work || stream->exchange.status == 206;
	stream->site->pace->bytes += size;
	stream->site->received += size;
	if (now - fetch->told_at >= PROGRESS_EVERY_SECONDS) {
		fetch->told_at = now;
		ncm_fetch_emit(fetch, NCM_EVENT_PROGRESS, NULL);
	}
}

void ncm_fetch_add_stream(struct ncm_fetch *fetch, struct ncm_site *site)
{
	struct ncm_stream *stream = ncm_calloc(1, sizeof *stream);
	const struct ncm_stream *sibling;

	/* Bytes that nothing proves to be of the same file are not joined to others. */
	if (!fetch->whole && fetch->assigned.count > 0 && !ncm_fetch_can_join(fetch)) {
		free(stream);
		ncm_fetch_start_over(fetch);
		return;
	}
	*stream = (struct ncm_stream){
	    .fetch = fetch,
	    .item = fetch->item,
	    .site = site,
	    .is_mirror = site != fetch->sites,
	    .partial = &fetch->partial,
	    .intake = &fetch->intake,
	    .multi = fetch->run->multi,
	    .rate = &fetch->run->rate,
	    .chain = {.what = fetch->what, .credential = site->from.credential, .service = site->from.service},
	    .on_bytes = after_bytes,
	};
	if (!assign(fetch, stream)) {
		free(stream);
		return;
	}
	note_unproved(fetch, stream);
	fetch->streams[fetch->stream_count++] = stream;
	site->pace->active++;
	sibling = find_sibling(fetch, stream);
	if (!sibling) {
		ncm_fetch_request_anew(fetch, stream);
		return;
	}
	ncm_chain_copy(&stream->chain, &sibling->chain);
	stream->reused = true;
	ncm_fetch_request(fetch, stream);
}

void ncm_fetch_next_range(struct ncm_fetch *fetch, struct ncm_stream *stream)
{
	struct ncm_site *site = stream->site;

	site->latency = stream->latency;
	site->speed = stream->speed;
	ncm_intake_flush(&fetch->intake, &stream->filling);
	settle(fetch, stream, true);
	if (site->ranges_work && site->doubted_until <= ncm_monotonic() && site->pace->active <= site->pace->allowed &&
	    !ncm_fetch_has_all(fetch) && assign(fetch, stream)) {
		note_unproved(fetch, stream);
		if (site->from.sharing) {
			ncm_fetch_request_anew(fetch, stream);
			return;
		}
		stream->reused = true;
		ncm_fetch_request(fetch, stream);
		return;
	}
	ncm_fetch_drop(fetch, stream, true);
}

void ncm_fetch_reconnect(struct ncm_fetch *fetch, struct ncm_stream *stream)
{
	/* Should all of them have become slow, this one was as good as the others. */
	stream->site->speed /= 2;
	ncm_fetch_drop(fetch, stream, true);
	ncm_fetch_note_joined(fetch);
	ncm_fetch_emit(fetch, NCM_EVENT_RETRY, "a connection has all but stopped; its part is asked for again");
}
