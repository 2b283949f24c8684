/* SPDX-License-Identifier: MIT */
/*
 * What the end of a stream's request means for the whole: retry with back-off, mirror fail-over, renewal of a
 * credential, a fetch from the start, or the end.
 */
#include "transfer/fetch.h"

#include "base/file.h"
#include "base/mem.h"
#include "transfer/answer.h"

#include <inttypes.h>
#include <string.h>

static const double RENEWAL_SECONDS = 0.2;
static const unsigned MOST_SLOW = 2;       /* spells below the speed limit: each takes the limit's time */
static const unsigned MOST_DISTRUSTED = 4; /* wrong ranges after right ones, before all is asked for anew */

bool ncm_fetch_turn_to_whole(struct ncm_fetch *fetch, const char *why)
{
	NCM_AUTO_FREE char *text = ncm_asprintf("%s%swho is left gives no ranges, so it comes from the start",
						why ? why : "", why ? "; " : "");

	for (size_t i = 0; i < fetch->site_count; i++) {
		const struct ncm_site *site = &fetch->sites[i];

		if (site->dead || !site->passed_over)
			continue;
		ncm_fetch_emit(fetch, NCM_EVENT_RETRY, text);
		ncm_fetch_start_over(fetch);
		return true;
	}
	return false;
}

void ncm_fetch_give_up(struct ncm_fetch *fetch, struct ncm_stream *stream, struct ncm_error *err)
{
	bool ours = err->code == NCM_E_IO || err->code == NCM_E_STALE || err->code == NCM_E_NO_SPACE ||
		    err->code == NCM_E_INTERRUPTED;
	NCM_AUTO_FREE char *text = NULL;

	if (stream->site->from.sharing && !ours) {
		ncm_fetch_refuse_part(fetch, stream, err);
		return;
	}
	stream->site->dead = true;
	/* The first place's reason is the one to act on. */
	if (fetch->site_error.code == NCM_OK && !ours && !stream->site->from.preferred)
		ncm_error_copy(&fetch->site_error, err);
	for (size_t i = 0; i < fetch->site_count && !ours; i++) {
		if (!ncm_site_counts(&fetch->sites[i]))
			continue;
		ncm_fetch_drop(fetch, stream, true);
		ncm_fetch_note_joined(fetch);
		fetch->backoff.failures = 0;
		text = ncm_asprintf("%s; going on from another place", err->message);
		ncm_fetch_emit(fetch, NCM_EVENT_RETRY, text);
		ncm_error_clear(err);
		return;
	}
	if (!ours && ncm_fetch_turn_to_whole(fetch, err->message)) {
		fetch->backoff.failures = 0;
		ncm_error_clear(err);
		return;
	}
	if (!ours && fetch->site_error.code != NCM_OK) {
		ncm_error_clear(err);
		ncm_error_move(err, &fetch->site_error);
	}
	ncm_fetch_fail(fetch, err);
}

/* Seconds to the next try, or -1 when the budget is spent. Progress renews it. */
static double next_wait(struct ncm_fetch *fetch, double asked)
{
	const uint64_t here = ncm_fetch_bytes_here(fetch);
	double wait;

	/* A second's worth at the speed limit: what brings less is no better than nothing. */
	if (here > fetch->most + fetch->run->http->speed_limit) {
		fetch->most = here;
		ncm_backoff_progress(&fetch->backoff);
	}
	wait = ncm_backoff_next(&fetch->backoff, asked);
	return wait >= 0 && ncm_http_is_cut_off(fetch->run->http, wait) ? -1 : wait;
}

/* The stream's part is for others to bring, or for itself after a wait. */
static void put_off(struct ncm_fetch *fetch, struct ncm_stream *stream, double wait, struct ncm_error *err)
{
	stream->site->wake_at = ncm_monotonic() + wait;
	ncm_fetch_drop(fetch, stream, true);
	ncm_error_clear(err);
}

static void add_tries(unsigned tries, struct ncm_error *err)
{
	char *text = ncm_asprintf("%s (tried %u times)", err->message, tries);

	free(err->message);
	err->message = text;
}

/* Another try after a wait (exponential back-off), if the budget allows; else *err is the end. */
static void retry(struct ncm_fetch *fetch, struct ncm_stream *stream, double asked, struct ncm_error *err)
{
	const bool shared = stream->site->from.sharing;
	const double wait = shared ? -1 : next_wait(fetch, asked);
	NCM_AUTO_FREE char *text = NULL;

	if (shared) {
		ncm_fetch_refuse_part(fetch, stream, err);
		return;
	}
	ncm_fetch_note_joined(fetch);
	if (wait >= 0) {
		text = ncm_asprintf("%s; again in %.1f s", err->message, wait);
		put_off(fetch, stream, wait, err);
		/* While nobody has answered it is one trouble, not one of every file, and told once in the end. */
		ncm_fetch_emit(fetch, fetch->run->http->reached ? NCM_EVENT_RETRY : NCM_EVENT_DEBUG, text);
	} else if (fetch->stream_count > 1) { /* the others go on */
		fetch->backoff.failures--;
		put_off(fetch, stream, 1, err);
	} else {
		if (fetch->backoff.failures > 1)
			add_tries(fetch->backoff.failures, err);
		ncm_fetch_give_up(fetch, stream, err);
	}
}

void ncm_fetch_stalled(struct ncm_fetch *fetch, struct ncm_stream *stream)
{
	struct ncm_error err = NCM_ERROR_INIT;

	if (ncm_fetch_serves_ranges(fetch)) {
		ncm_fetch_reconnect(fetch, stream);
		return;
	}
	ncm_error_set(&err, NCM_E_NETWORK, "%s: the connection has all but stopped after %" PRIu64 " bytes",
		      fetch->what, stream->at);
	ncm_error_hint(&err, "check the network; run the same command again, what is here is kept");
	retry(fetch, stream, 0, &err);
}

/* Bytes came, so it is no progress that is missing: a second slow spell is the place's end. */
void ncm_fetch_too_slow(struct ncm_fetch *fetch)
{
	struct ncm_stream *stream = fetch->streams[0];
	struct ncm_error err = NCM_ERROR_INIT;

	ncm_slow_error(fetch->run->http, stream->chain.origin, &err);
	ncm_error_wrap(&err, "%s", fetch->what);
	if (++fetch->watch.slow < MOST_SLOW && fetch->watch.slow < fetch->backoff.limit) {
		NCM_AUTO_FREE char *text = ncm_asprintf("%s; its part is asked for again", err.message);

		ncm_fetch_end_streams(fetch, true);
		ncm_fetch_note_joined(fetch);
		ncm_fetch_emit(fetch, NCM_EVENT_RETRY, text);
		ncm_error_clear(&err);
		return;
	}
	fetch->watch.slow = 0;
	ncm_fetch_give_up(fetch, stream, &err);
}

static void received(struct ncm_fetch *fetch, struct ncm_stream *stream)
{
	struct ncm_identity *identity = &fetch->partial.identity;
	struct ncm_error err = NCM_ERROR_INIT;

	if (!identity->has_size && stream->exchange.status == 200) {
		/* Only its end tells how long it is. */
		identity->has_size = true;
		identity->size = stream->end = stream->at;
	}
	if (stream->at == stream->end) {
		ncm_fetch_next_range(fetch, stream);
		return;
	}
	ncm_error_set(&err, NCM_E_NETWORK, "%s: the connection was closed after %" PRIu64 " of %" PRIu64 " bytes",
		      fetch->what, stream->at, identity->size);
	ncm_error_hint(&err, "check the network; run the same command again, what is here is kept");
	retry(fetch, stream, 0, &err);
}

/* Ranges that cannot be believed. While others can be, it is this connection's trouble alone. */
static void distrust(struct ncm_fetch *fetch, struct ncm_stream *stream)
{
	bool changed = stream->refusal == NCM_REFUSAL_JOIN || !fetch->item->has_sha256;
	struct ncm_site *site = stream->site;
	struct ncm_error none = NCM_ERROR_INIT;

	if (site->from.sharing) {
		ncm_fetch_refuse_part(fetch, stream, &none);
		return;
	}
	if (changed || !ncm_fetch_serves_ranges(fetch) || site->distrusted == MOST_DISTRUSTED) {
		ncm_fetch_start_over(fetch);
		return;
	}
	ncm_fetch_drop(fetch, stream, true);
	ncm_fetch_note_joined(fetch);
	if (!site->ranges_work) { /* others do */
		site->passed_over = true;
		return;
	}
	site->wake_at = ncm_monotonic() + fetch->backoff.first * ++site->distrusted;
	ncm_fetch_emit(fetch, NCM_EVENT_RETRY, "the server sent another range than was asked for");
}

/* 416: there is nothing from our offset on. That is right if the offset is the file's end. */
static void unsatisfied(struct ncm_fetch *fetch, struct ncm_stream *stream)
{
	struct ncm_identity *identity = &fetch->partial.identity;
	uint64_t size;

	if (ncm_fetch_serves_ranges(fetch) || stream->site->from.sharing) { /* as for a range that cannot be believed */
		distrust(fetch, stream);
		return;
	}
	if (ncm_answer_unsatisfied_size(stream->exchange.head.data, &size) < 0 || size != stream->offset ||
	    (identity->has_size && identity->size != size) || fetch->stream_count > 1 || size == 0) {
		ncm_fetch_start_over(fetch);
		return;
	}
	ncm_fetch_drop(fetch, stream, true);
	identity->has_size = true;
	identity->size = size;
}

static void renew(struct ncm_fetch *fetch, struct ncm_stream *stream, const struct ncm_reply *reply)
{
	if (fetch->renewing) { /* for another stream */
		stream->site->wake_at = ncm_monotonic() + RENEWAL_SECONDS;
		ncm_fetch_drop(fetch, stream, true);
		return;
	}
	free(fetch->challenge);
	fetch->challenge = ncm_reply_challenge(reply);
	fetch->renewing = stream;
}

void ncm_fetch_renewed(struct ncm_fetch *fetch, struct ncm_error *err)
{
	struct ncm_stream *stream = fetch->renewing;
	bool wanted = false;

	fetch->renewing = NULL;
	for (unsigned i = 0; i < fetch->stream_count; i++)
		wanted = wanted || fetch->streams[i] == stream;
	if (!wanted) { /* dropped meanwhile */
		ncm_stream_end(stream);
		free(stream);
		ncm_error_clear(err);
	} else if (err->code != NCM_OK) {
		ncm_fetch_give_up(fetch, stream, err);
	} else {
		ncm_fetch_request(fetch, stream);
	}
}

static bool is_elsewhere(const struct ncm_chain *chain)
{
	return strcmp(chain->origin, chain->first_origin) != 0;
}

static void follow_up(struct ncm_fetch *fetch, struct ncm_stream *stream)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_reply reply = {0};
	double wait = 0;

	ncm_exchange_reply(&stream->exchange, &reply);
	switch (ncm_chain_decide(&stream->chain, &reply, false, &wait, &err)) {
	case NCM_HOP_NEXT:
		ncm_fetch_request(fetch, stream);
		break;
	case NCM_HOP_RENEW:
		renew(fetch, stream, &reply);
		break;
	case NCM_HOP_RETRY:
		if (reply.status == 429 || reply.status == 503)
			ncm_pace_refused(stream->site->pace, ncm_monotonic());
		retry(fetch, stream, wait, &err);
		break;
	case NCM_HOP_DONE: /* only 200 and 206 are, and those are files */
	case NCM_HOP_FAIL:
		if (stream->reused) { /* a signed URL has had its day */
			ncm_error_clear(&err);
			ncm_fetch_request_anew(fetch, stream);
		} else if (err.code == NCM_E_AUTH &&
			   is_elsewhere(&stream->chain)) { /* the next link may be a good one */
			retry(fetch, stream, 0, &err);
		} else {
			ncm_fetch_give_up(fetch, stream, &err);
		}
		break;
	}
	ncm_reply_clear(&reply);
}

static void explain(struct ncm_fetch *fetch, struct ncm_stream *stream)
{
	const struct ncm_exchange *exchange = &stream->exchange;
	const struct ncm_question question = {.has_size = fetch->item->has_size, .size = fetch->item->size};
	struct ncm_error err = NCM_ERROR_INIT;

	if (stream->reused) {
		ncm_fetch_request_anew(fetch, stream);
		return;
	}
	ncm_answer_explain(exchange->head.data, exchange->body.data ? exchange->body.data : "", exchange->body.size,
			   &question, &err);
	ncm_error_wrap(&err, "%s", fetch->what);
	ncm_fetch_give_up(fetch, stream, &err);
}

static void answered(struct ncm_fetch *fetch, struct ncm_stream *stream)
{
	if (stream->refusal != NCM_REFUSAL_NONE)
		distrust(fetch, stream);
	else if (stream->body == NCM_BODY_FILE)
		received(fetch, stream);
	else if (stream->body == NCM_BODY_EXPLAIN)
		explain(fetch, stream);
	else if (stream->exchange.status == 416 && stream->ranged)
		unsatisfied(fetch, stream);
	else
		follow_up(fetch, stream);
}

/* Trouble after the last byte is none. */
static bool is_complete(const struct ncm_fetch *fetch, const struct ncm_stream *stream)
{
	return stream->body == NCM_BODY_FILE && fetch->partial.identity.has_size && stream->at == stream->end;
}

void ncm_fetch_answered(struct ncm_fetch *fetch, struct ncm_stream *stream, CURLcode code)
{
	struct ncm_error err = NCM_ERROR_INIT;

	ncm_stream_detach(stream);
	switch (ncm_exchange_result(&stream->exchange, code, &err)) {
	case NCM_EXCHANGE_ANSWERED:
		answered(fetch, stream);
		break;
	case NCM_EXCHANGE_TRANSIENT:
		if (is_complete(fetch, stream)) {
			ncm_error_clear(&err);
			received(fetch, stream);
			break;
		}
		if (code == CURLE_COULDNT_CONNECT)
			ncm_pace_refused(stream->site->pace, ncm_monotonic());
		retry(fetch, stream, 0, &err);
		break;
	case NCM_EXCHANGE_FAILED:
		/* A wrong size that was only announced says nothing of ours. */
		if (fetch->site_count == 1 && err.code == NCM_E_CHECKSUM && stream->body == NCM_BODY_FILE)
			fetch->remains = NCM_REMAINS_REMOVED;
		ncm_fetch_give_up(fetch, stream, &err);
		break;
	}
}
