/* SPDX-License-Identifier: MIT */
/*
 * One item's life as a state machine (enum ncm_stage): the partial opened, its missing bytes received, its digest
 * compared; restarted or stopped where that fails. Minimum speed and dead connections are watched here.
 */
#include "transfer/fetch.h"

#include "base/file.h"
#include "base/mem.h"

#include <string.h>

static const double SLOW_SECONDS = 0.5;
static const double STALLED_SECONDS = 5;
static const double TELL_SECONDS = 1; /* what stands still is told as such */
static const double CRAWLING = 16;    /* times slower than the last range of its place */

uint64_t ncm_fetch_bytes_here(const struct ncm_fetch *fetch)
{
	uint64_t sum = ncm_ranges_sum(&fetch->assigned);

	for (unsigned i = 0; i < fetch->stream_count; i++) {
		const struct ncm_stream *stream = fetch->streams[i];

		sum -= stream->assigned_end - stream->offset;
		sum += stream->at - stream->offset;
	}
	return sum;
}

static const char *stage_name(const struct ncm_fetch *fetch)
{
	switch (fetch->stage) {
	case NCM_STAGE_PREPARE:
		return "waiting";
	case NCM_STAGE_RECEIVE:
	case NCM_STAGE_RESTART:
		return fetch->stream_count == 0 && ncm_fetch_has_all(fetch) ? "hashing"
		       : fetch->stream_count == 0                           ? "waiting"
									    : "fetching";
	case NCM_STAGE_FINISH:
		return "hashing";
	default:
		return fetch->item->done ? "done" : NULL;
	}
}

void ncm_fetch_emit(const struct ncm_fetch *fetch, enum ncm_event_type type, const char *text)
{
	const struct ncm_identity *identity = &fetch->partial.identity;

	ncm_emit(fetch->run->sink, &(struct ncm_event){
				       .type = type,
				       .slot = fetch->slot,
				       .model = fetch->item->model,
				       .file = fetch->item->name,
				       .text = text,
				       .done = ncm_fetch_bytes_here(fetch),
				       .total = identity->has_size ? identity->size : 0,
				       .connections = fetch->stream_count,
				       .stage = stage_name(fetch),
				   });
}

bool ncm_fetch_can_join(const struct ncm_fetch *fetch)
{
	return ncm_item_has_digest(fetch->item) || fetch->partial.identity.etag;
}

/* Where each connection brings a span of its own, a core has something to do for as many as it hashes side by side. */
static void ask_for_lanes(const struct ncm_fetch *fetch)
{
	for (size_t i = 0; fetch->intake.known && i < fetch->site_count; i++)
		ncm_pace_at_least(fetch->sites[i].pace, (unsigned)ncm_sha256_lanes(), ncm_monotonic());
}

/* Begins with what the partial has. */
static void begin_intake(struct ncm_fetch *fetch)
{
	const struct ncm_transfer_item *item = fetch->item;
	uint64_t at = 0;

	ncm_fetch_begin_spans(fetch);
	ncm_intake_begin(&fetch->intake, &fetch->partial, &fetch->run->pool, fetch->run->crew, item->range_count == 0,
			 ncm_fetch_known(fetch));
	ask_for_lanes(fetch);
	ncm_partial_look(&fetch->partial, &fetch->assigned);
	/* What nobody wants need not come. */
	for (size_t i = 0; i < item->range_count; i++) {
		ncm_ranges_add(&fetch->assigned, at, item->ranges[i].start);
		at = item->ranges[i].end;
	}
	if (item->range_count > 0)
		ncm_ranges_add(&fetch->assigned, at, item->size);
}

void ncm_fetch_fail(struct ncm_fetch *fetch, struct ncm_error *err)
{
	ncm_fetch_end_streams(fetch, fetch->remains != NCM_REMAINS_REMOVED);
	fetch->intake.stopped = true;
	ncm_error_move(&fetch->item->error, err);
	fetch->stage = NCM_STAGE_STOP;
}

void ncm_fetch_note_joined(struct ncm_fetch *fetch)
{
	if (fetch->pieces == NCM_PIECES_ONE)
		fetch->pieces = NCM_PIECES_JOINED;
}

void ncm_fetch_start_over(struct ncm_fetch *fetch)
{
	ncm_fetch_end_streams(fetch, false);
	ncm_fetch_leave(fetch);
	fetch->intake.stopped = true;
	for (size_t i = 0; i < fetch->site_count; i++) {
		fetch->sites[i].passed_over = false;
		fetch->sites[i].received = 0; /* of what is kept nothing is theirs */
	}
	/* Not twice: they, and a server without ranges, could go on so for ever. */
	fetch->spans_failed = fetch->spans_failed || fetch->asked_again;
	fetch->whole = true;
	fetch->stage = NCM_STAGE_RESTART;
}

static void run_prepare(void *context)
{
	struct ncm_fetch *fetch = context;

	fetch->job_result = ncm_partial_open(&fetch->partial, fetch->item, &fetch->job_error);
}

static void run_renew(void *context)
{
	struct ncm_fetch *fetch = context;

	fetch->job_result = ncm_chain_renew(&fetch->renewing->chain, fetch->challenge, &fetch->job_error);
}

static void run_finish(void *context)
{
	struct ncm_fetch *fetch = context;
	struct ncm_sha256 digest;
	const bool hashed = ncm_intake_digest(&fetch->intake, &digest, &fetch->item->checkpoints);

	fetch->job_result =
	    ncm_partial_finish(&fetch->partial, hashed ? &digest : NULL, fetch->item, &fetch->job_error);
}

static void run_stop(void *context)
{
	struct ncm_fetch *fetch = context;
	struct ncm_partial *partial = &fetch->partial;
	const bool opened = fetch->remains != NCM_REMAINS_UNTOUCHED;
	const bool keep = fetch->remains == NCM_REMAINS_KEPT && partial->on_disk.count > 0;

	/* On a full disk the journal that is there already has to do. */
	if (keep && ncm_partial_unsynced(partial) > 0)
		(void)ncm_partial_sync(partial, NULL);
	ncm_partial_close(partial, opened && !keep);
}

static void start_job(struct ncm_fetch *fetch, void (*run)(void *))
{
	fetch->job_stage = fetch->stage;
	fetch->job_result = 0;
	ncm_job_start(&fetch->job, run, fetch, fetch->run->multi);
}

struct ncm_fetch *ncm_fetch_new(struct ncm_run *run, struct ncm_transfer_item *item, unsigned slot)
{
	struct ncm_fetch *fetch = ncm_calloc(1, sizeof *fetch);

	fetch->run = run;
	fetch->item = item;
	fetch->site_count = 1 + (item->has_sha256 ? item->mirror_count : 0);
	fetch->sites = ncm_calloc(fetch->site_count, sizeof *fetch->sites);
	for (size_t i = 0; i < fetch->site_count; i++)
		fetch->sites[i].from =
		    i > 0 ? item->mirrors[i - 1]
			  : (struct ncm_replica){item->url, item->credential, item->service, false, NULL};
	fetch->slot = slot;
	fetch->what =
	    ncm_asprintf("%s: %s", item->model ? item->model : "(no model)", item->name ? item->name : item->partial);
	ncm_fetch_begin_sharing(fetch);
	fetch->partial.fd = -1;
	fetch->backoff = (struct ncm_backoff){.limit = run->retries, .first = run->http->first_backoff};
	return fetch;
}

void ncm_fetch_free(struct ncm_fetch *fetch)
{
	ncm_fetch_end_streams(fetch, false);
	ncm_intake_end(&fetch->intake);
	ncm_partial_close(&fetch->partial, false);
	ncm_ranges_clear(&fetch->assigned);
	ncm_error_clear(&fetch->job_error);
	ncm_error_clear(&fetch->site_error);
	free(fetch->challenge);
	free(fetch->spans);
	free(fetch->parts_told);
	free(fetch->sites);
	free(fetch->what);
	free(fetch);
}

bool ncm_fetch_is_idle(const struct ncm_fetch *fetch, double now)
{
	if (fetch->stage != NCM_STAGE_RECEIVE || fetch->stream_count > 0 || ncm_intake_busy(&fetch->intake))
		return false;
	for (size_t i = 0; i < fetch->site_count; i++) {
		const struct ncm_site *site = &fetch->sites[i];
		struct ncm_range gap;

		if (ncm_site_counts(site) && !ncm_site_rests(site, now) &&
		    (!fetch->sharing || ncm_fetch_next_gap(fetch, site, &gap)))
			return false;
	}
	return true;
}

bool ncm_fetch_is_under_way(const struct ncm_fetch *fetch, double now)
{
	if (fetch->stage != NCM_STAGE_RECEIVE || fetch->stream_count > 0 || fetch->job.running ||
	    ncm_intake_busy(&fetch->intake) || fetch->sharing)
		return true;
	for (size_t i = 0; i < fetch->site_count; i++) {
		if (ncm_site_counts(&fetch->sites[i]) && ncm_site_rests(&fetch->sites[i], now))
			return true;
	}
	return false;
}

void ncm_fetch_give_in(struct ncm_fetch *fetch)
{
	struct ncm_error err = NCM_ERROR_INIT;

	if (fetch->site_error.code != NCM_OK) {
		ncm_error_move(&err, &fetch->site_error);
	} else {
		ncm_error_set(&err, NCM_E_NETWORK, "%s: nobody is left to be asked for the bytes that are missing",
			      fetch->what);
		ncm_error_hint(&err, "run the same command again, what is here is kept");
	}
	ncm_fetch_fail(fetch, &err);
}

static bool is_deserted(const struct ncm_fetch *fetch)
{
	for (size_t i = 0; i < fetch->site_count; i++) {
		if (ncm_site_counts(&fetch->sites[i]))
			return false;
	}
	return fetch->stream_count == 0 && !fetch->job.running && !ncm_fetch_has_all(fetch);
}

static void prepared(struct ncm_fetch *fetch)
{
	const struct ncm_transfer_item *item = fetch->item;

	if (fetch->job_result < 0) {
		ncm_error_wrap(&fetch->job_error, "%s", fetch->what);
		ncm_fetch_fail(fetch, &fetch->job_error);
		return;
	}
	fetch->remains = NCM_REMAINS_KEPT;
	begin_intake(fetch);
	if (fetch->partial.inherited)
		ncm_fetch_note_joined(fetch);
	fetch->most = ncm_fetch_bytes_here(fetch);
	fetch->stage = NCM_STAGE_RECEIVE;
	ncm_fetch_emit(fetch, NCM_EVENT_STARTED, NULL);
	/* Without a digest only the server can say that it still is the same file: it is asked for the last byte. */
	if (fetch->partial.inherited && !ncm_item_has_digest(item) && ncm_fetch_has_all(fetch))
		ncm_ranges_remove(&fetch->assigned, fetch->partial.identity.size - 1, UINT64_MAX);
}

static void restart(struct ncm_fetch *fetch)
{
	struct ncm_error err = NCM_ERROR_INIT;

	ncm_intake_end(&fetch->intake);
	ncm_ranges_clear(&fetch->assigned);
	if (fetch->pieces == NCM_PIECES_JOINED)
		fetch->pieces = NCM_PIECES_ONE;
	if (ncm_partial_restart(&fetch->partial, &err) < 0) {
		ncm_error_wrap(&err, "%s", fetch->what);
		ncm_fetch_fail(fetch, &err);
		return;
	}
	begin_intake(fetch);
	fetch->stage = NCM_STAGE_RECEIVE;
}

static void refetch(struct ncm_fetch *fetch, const char *why, struct ncm_error *err)
{
	NCM_AUTO_FREE char *text = ncm_asprintf("%s; %s", err->message, why);

	fetch->pieces = NCM_PIECES_LAST;
	ncm_fetch_emit(fetch, NCM_EVENT_RETRY, text);
	ncm_error_clear(err);
	ncm_checkpoints_clear(&fetch->item->checkpoints);
	ncm_fetch_start_over(fetch);
}

/* A cache is trusted by nobody: with wrong bytes, those whom it stands before are asked. */
static bool give_up_preferred(struct ncm_fetch *fetch)
{
	bool found = false;

	for (size_t i = 0; i < fetch->site_count; i++) {
		struct ncm_site *site = &fetch->sites[i];

		found = found || (site->from.preferred && site->received > 0 && !site->dead);
		site->dead = site->dead || site->from.preferred;
	}
	return found;
}

static void finished(struct ncm_fetch *fetch)
{
	struct ncm_transfer_item *item = fetch->item;
	struct ncm_error *err = &fetch->job_error;

	if (fetch->job_result == 0) {
		item->final_size = fetch->partial.identity.size;
		for (size_t i = 1; i < fetch->site_count; i++) {
			if (fetch->sites[i].received > fetch->sites[item->served_by].received)
				item->served_by = i;
		}
		item->done = true;
		fetch->stage = NCM_STAGE_ENDED;
		ncm_fetch_emit(fetch, NCM_EVENT_FETCHED, NULL);
		return;
	}
	ncm_error_wrap(err, "%s", fetch->what);
	if (err->code == NCM_E_CHECKSUM && give_up_preferred(fetch)) {
		refetch(fetch, "what the cache or mirror has is wrong, so it is fetched from its source", err);
		return;
	}
	if (err->code == NCM_E_CHECKSUM && fetch->pieces == NCM_PIECES_JOINED) {
		refetch(fetch, "it was put together from parts, so it is fetched once from the start", err);
		return;
	}
	/* A sync that failed may have lost bytes which later reads still show: they are dead. */
	fetch->remains = NCM_REMAINS_REMOVED;
	ncm_fetch_fail(fetch, err);
}

static void stopped(struct ncm_fetch *fetch)
{
	fetch->stage = NCM_STAGE_ENDED;
	if (fetch->item->error.code != NCM_E_INTERRUPTED)
		ncm_fetch_emit(fetch, NCM_EVENT_FAILED, fetch->item->error.message);
}

static void end_job(struct ncm_fetch *fetch)
{
	switch (fetch->job_stage) {
	case NCM_STAGE_PREPARE:
		if (fetch->stage == NCM_STAGE_PREPARE) {
			prepared(fetch);
			break;
		}
		/* interrupted meanwhile */
		if (fetch->job_result == 0)
			fetch->remains = NCM_REMAINS_KEPT;
		ncm_error_clear(&fetch->job_error);
		break;
	case NCM_STAGE_RECEIVE:
		ncm_fetch_renewed(fetch, &fetch->job_error);
		break;
	case NCM_STAGE_FINISH:
		finished(fetch);
		break;
	case NCM_STAGE_STOP:
		stopped(fetch);
		break;
	case NCM_STAGE_RESTART:
	case NCM_STAGE_ENDED:
		break;
	}
}

static void begin_watch(struct ncm_watch *watch, uint64_t received)
{
	watch->seconds = 0;
	watch->received = received;
}

/* For want of memory, or by the user's own limit. */
static bool is_held_up_by_us(const struct ncm_fetch *fetch)
{
	for (unsigned i = 0; i < fetch->stream_count; i++) {
		if (fetch->streams[i]->paused)
			return true;
	}
	return false;
}

/* What has to come within the limit's time. */
static uint64_t least_bytes(const struct ncm_http *http)
{
	uint64_t bytes;

	return __builtin_mul_overflow(http->speed_limit, (uint64_t)http->stall_seconds, &bytes) ? UINT64_MAX : bytes;
}

/* Looks at the speed. True: for the limit's time something came, and less than the limit; then it begins anew. */
static bool is_too_slow(struct ncm_fetch *fetch, double now)
{
	const struct ncm_http *http = fetch->run->http;
	struct ncm_watch *watch = &fetch->watch;
	const double passed = watch->looked_at > 0 ? now - watch->looked_at : 0;
	const uint64_t received = fetch->item->received, got = received - watch->received;

	watch->looked_at = now;
	if (http->speed_limit == 0 || is_held_up_by_us(fetch)) {
		begin_watch(watch, received);
		return false;
	}
	if (fetch->stream_count == 0) /* nobody is asked: that time does not count */
		return false;
	watch->seconds += passed;
	if (got < least_bytes(http) && watch->seconds < http->stall_seconds)
		return false;
	begin_watch(watch, received);
	if (got >= least_bytes(http))
		watch->slow = 0;
	/* Silence is each connection's own matter. */
	return got > 0 && got < least_bytes(http);
}

/* What a slow connection has brought does not wait in memory until its block is full: a kill would lose it. */
static void write_slow_bytes(struct ncm_fetch *fetch, struct ncm_stream *stream, double now)
{
	if (stream->filling && now - stream->filling->began > SLOW_SECONDS)
		ncm_intake_flush(&fetch->intake, &stream->filling);
}

/* A connection can die without a word, or crawl beside others that run. A new one costs little, when this one has
 * brought something. */
static bool has_stalled(const struct ncm_stream *stream, double now)
{
	double seconds = now - stream->asked_at;

	if (!stream->attached || stream->paused || stream->body != NCM_BODY_FILE || stream->at == stream->offset ||
	    seconds <= STALLED_SECONDS)
		return false;
	return now - stream->brought_at > STALLED_SECONDS ||
	       (stream->rate->limit == 0 &&
		(double)(stream->at - stream->offset) / seconds < stream->site->speed / CRAWLING);
}

static void watch_streams(struct ncm_fetch *fetch)
{
	double now = ncm_monotonic();

	for (unsigned i = fetch->stream_count; i > 0; i--) {
		struct ncm_stream *stream = fetch->streams[i - 1];

		write_slow_bytes(fetch, stream, now);
		if (has_stalled(stream, now))
			ncm_fetch_stalled(fetch, stream);
		if (fetch->stage != NCM_STAGE_RECEIVE)
			return;
	}
	if (is_too_slow(fetch, now)) {
		ncm_fetch_too_slow(fetch);
		return;
	}
	if (fetch->stream_count > 0 && now - fetch->told_at >= TELL_SECONDS) {
		fetch->told_at = now;
		ncm_fetch_emit(fetch, NCM_EVENT_PROGRESS, NULL);
	}
}

/* The bytes are on their way; ends when all of them are on disk and in the hash. */
static void receive(struct ncm_fetch *fetch)
{
	const struct ncm_identity *identity = &fetch->partial.identity;
	struct ncm_intake *intake = &fetch->intake;

	if (intake->error.code != NCM_OK) {
		struct ncm_error err = NCM_ERROR_INIT;

		ncm_error_move(&err, &intake->error);
		ncm_error_wrap(&err, "%s", fetch->what);
		if (intake->lost)
			fetch->remains = NCM_REMAINS_REMOVED;
		ncm_fetch_fail(fetch, &err);
		return;
	}
	watch_streams(fetch);
	if (fetch->stage != NCM_STAGE_RECEIVE)
		return;
	intake->streams = fetch->stream_count;
	ncm_intake_tick(intake);
	ncm_fetch_watch_spans(fetch);
	ncm_fetch_watch_parts(fetch);
	if (fetch->stage != NCM_STAGE_RECEIVE)
		return;
	if (is_deserted(fetch)) {
		if (!ncm_fetch_turn_to_whole(fetch, NULL))
			ncm_fetch_give_in(fetch);
		return;
	}
	if (fetch->renewing && !fetch->job.running)
		start_job(fetch, run_renew);
	else if (fetch->stream_count == 0 && ncm_fetch_has_all(fetch) && !ncm_intake_busy(intake) &&
		 ncm_intake_is_hashed(intake, identity->size)) {
		ncm_fetch_emit(fetch, NCM_EVENT_PROGRESS, NULL);
		fetch->stage = NCM_STAGE_FINISH;
		start_job(fetch, run_finish);
	}
}

void ncm_fetch_tick(struct ncm_fetch *fetch)
{
	if (ncm_job_reap(&fetch->job))
		end_job(fetch);
	if (fetch->stage == NCM_STAGE_RECEIVE)
		receive(fetch);
	if (fetch->job.running || ncm_intake_busy(&fetch->intake))
		return;
	if (fetch->stage == NCM_STAGE_PREPARE)
		start_job(fetch, run_prepare);
	else if (fetch->stage == NCM_STAGE_RESTART)
		restart(fetch);
	else if (fetch->stage == NCM_STAGE_STOP)
		start_job(fetch, run_stop);
}

void ncm_fetch_interrupt(struct ncm_fetch *fetch)
{
	struct ncm_error err = NCM_ERROR_INIT;

	if (fetch->stage == NCM_STAGE_FINISH || fetch->stage == NCM_STAGE_STOP || fetch->stage == NCM_STAGE_ENDED)
		return;
	ncm_error_set(&err, NCM_E_INTERRUPTED, "%s: interrupted", fetch->what);
	ncm_fetch_fail(fetch, &err);
}
