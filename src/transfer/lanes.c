/* SPDX-License-Identifier: MIT */
/* The streams of a fetch: where each asks, and what its answers mean for the whole. */
#include "transfer/fetch.h"

#include "base/file.h"
#include "base/mem.h"
#include "transfer/answer.h"

#include <inttypes.h>
#include <string.h>

static const double PROGRESS_EVERY_SECONDS = 0.1;
static const double RENEWAL_SECONDS = 0.2;
static const unsigned MOST_SLOW = 2;       /* spells below the speed limit: each takes the limit's time */
static const unsigned MOST_DISTRUSTED = 4; /* wrong ranges after right ones, before all is asked for anew */

static bool any_ranges(const struct ncm_fetch *fetch)
{
	for (size_t i = 0; i < fetch->site_count; i++) {
		if (fetch->sites[i].ranges_work)
			return true;
	}
	return false;
}

static unsigned streams_at(const struct ncm_fetch *fetch, const struct ncm_site *site)
{
	unsigned count = 0;

	for (unsigned i = 0; i < fetch->stream_count; i++)
		count += fetch->streams[i]->site == site;
	return count;
}

/* One stream alone shows whether a place serves ranges; the first of all shows it before another begins. */
static bool may_join(const struct ncm_fetch *fetch, const struct ncm_site *site)
{
	if (fetch->stream_count == 0)
		return !ncm_fetch_has_all(fetch);
	if (fetch->whole || !any_ranges(fetch) || (!site->ranges_work && streams_at(fetch, site) > 0))
		return false;
	return ncm_fetch_has_work(fetch);
}

struct ncm_site *ncm_fetch_wants_stream(const struct ncm_fetch *fetch, const struct ncm_pace *pace, double now)
{
	if (fetch->stage != NCM_STAGE_RECEIVE || fetch->stream_count == NCM_LIMIT_PARALLEL ||
	    fetch->intake.error.code != NCM_OK)
		return NULL;
	for (size_t i = 0; i < fetch->site_count; i++) {
		struct ncm_site *site = &fetch->sites[i];

		if (site->dead || site->wake_at > now)
			continue;
		if (site->pace == pace && may_join(fetch, site))
			return site;
		if (fetch->stream_count == 0) /* the first place that is left is the one to begin with */
			return NULL;
	}
	return NULL;
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

/* Takes a stream off. What it has is written if it is to be kept. */
static void drop(struct ncm_fetch *fetch, struct ncm_stream *stream, bool keep)
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
	ncm_fetch_settle(fetch, stream, keep);
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
		drop(fetch, fetch->streams[0], keep);
}

static void keep_reason(struct ncm_error *reason, const struct ncm_error *err)
{
	ncm_error_set(reason, err->code, "%s", err->message);
	if (err->hint)
		ncm_error_hint(reason, "%s", err->hint);
}

/* The place does not have the file, or not for us. While there are others the fetch goes on with them. */
static void give_up_site(struct ncm_fetch *fetch, struct ncm_stream *stream, struct ncm_error *err)
{
	bool ours = err->code == NCM_E_IO || err->code == NCM_E_STALE || err->code == NCM_E_NO_SPACE ||
		    err->code == NCM_E_INTERRUPTED;
	NCM_AUTO_FREE char *text = NULL;

	stream->site->dead = true;
	/* The first place's reason is the one to act on. */
	if (fetch->site_error.code == NCM_OK && !ours)
		keep_reason(&fetch->site_error, err);
	for (size_t i = 0; i < fetch->site_count && !ours; i++) {
		if (fetch->sites[i].dead)
			continue;
		drop(fetch, stream, true);
		fetch->resumed = true;
		fetch->backoff.failures = 0;
		text = ncm_asprintf("%s; going on from another place", err->message);
		ncm_fetch_emit(fetch, NCM_EVENT_RETRY, text);
		ncm_error_clear(err);
		return;
	}
	if (!ours && fetch->site_error.code != NCM_OK) {
		ncm_error_clear(err);
		ncm_error_move(err, &fetch->site_error);
	}
	ncm_fetch_fail(fetch, err);
}

/* Another try after a wait, if the budget allows; else *err is the end. */
static void retry(struct ncm_fetch *fetch, struct ncm_stream *stream, double asked, struct ncm_error *err)
{
	uint64_t here = ncm_fetch_bytes_here(fetch);
	struct ncm_site *site = stream->site;
	NCM_AUTO_FREE char *text = NULL;
	unsigned tries;
	double wait;

	fetch->resumed = true;
	/* A second's worth at the speed limit: what brings less is no better than nothing. */
	if (here > fetch->most + fetch->run->http->speed_limit) {
		fetch->most = here;
		ncm_backoff_progress(&fetch->backoff);
	}
	wait = ncm_backoff_next(&fetch->backoff, asked);
	if (wait >= 0 && ncm_http_is_cut_off(fetch->run->http, wait))
		wait = -1;
	tries = fetch->backoff.failures;
	if (wait < 0 && fetch->stream_count > 1) { /* the others go on */
		fetch->backoff.failures--;
		site->wake_at = ncm_monotonic() + 1;
		drop(fetch, stream, true);
		ncm_error_clear(err);
		return;
	}
	if (wait < 0) {
		if (tries > 1) {
			text = ncm_asprintf("%s (tried %u times)", err->message, tries);
			free(err->message);
			err->message = text;
			text = NULL;
		}
		give_up_site(fetch, stream, err);
		return;
	}
	drop(fetch, stream, true);
	text = ncm_asprintf("%s; again in %.1f s", err->message, wait);
	/* While nobody has answered it is one trouble, not one of every file, and told once in the end. */
	ncm_fetch_emit(fetch, fetch->run->http->reached ? NCM_EVENT_RETRY : NCM_EVENT_DEBUG, text);
	ncm_error_clear(err);
	site->wake_at = ncm_monotonic() + wait;
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
		fetch->resumed = true;
		ncm_fetch_emit(fetch, NCM_EVENT_RETRY, text);
		ncm_error_clear(&err);
		return;
	}
	fetch->watch.slow = 0;
	give_up_site(fetch, stream, &err);
}

void ncm_fetch_reconnect(struct ncm_fetch *fetch, struct ncm_stream *stream)
{
	/* Should all of them have become slow, this one was as good as the others. */
	stream->site->speed /= 2;
	drop(fetch, stream, true);
	fetch->resumed = true;
	ncm_fetch_emit(fetch, NCM_EVENT_RETRY, "a connection has all but stopped; its part is asked for again");
}

static void request(struct ncm_fetch *fetch, struct ncm_stream *stream)
{
	struct ncm_error err = NCM_ERROR_INIT;

	/* The whole file is no answer where an earlier run's bytes lie behind a gap: they would be hashed with it. */
	stream->alone = fetch->stream_count == 1 && !any_ranges(fetch) &&
			ncm_extents_sum(&fetch->claimed) == stream->claimed_end - stream->offset;
	if (ncm_stream_request(stream, &err) < 0)
		give_up_site(fetch, stream, &err);
}

static void ask_from_the_start(struct ncm_fetch *fetch, struct ncm_stream *stream)
{
	struct ncm_error err = NCM_ERROR_INIT;

	stream->reused = false;
	if (ncm_chain_start(&stream->chain, fetch->run->http, stream->site->place.url, &err) < 0) {
		ncm_error_wrap(&err, "%s", fetch->what);
		give_up_site(fetch, stream, &err);
		return;
	}
	request(fetch, stream);
}

/* A stream whose redirects have been followed already. */
static const struct ncm_stream *find_sibling(const struct ncm_fetch *fetch, const struct ncm_stream *stream)
{
	for (unsigned i = 0; i < fetch->stream_count; i++) {
		const struct ncm_stream *other = fetch->streams[i];

		if (other != stream && other != fetch->renewing && other->site == stream->site &&
		    (other->reused || other->body == NCM_BODY_FILE))
			return other;
	}
	return NULL;
}

/* Answers that no validator holds together may be of two versions: a wrong digest is worth a fetch in one piece. */
static void note_joined(struct ncm_fetch *fetch, const struct ncm_stream *stream)
{
	if (stream->offset > 0 && (stream->is_mirror || !fetch->partial.identity.etag))
		fetch->resumed = true;
}

void ncm_fetch_add_stream(struct ncm_fetch *fetch, struct ncm_site *site)
{
	struct ncm_stream *stream = ncm_calloc(1, sizeof *stream);
	const struct ncm_stream *sibling;

	/* Bytes that nothing proves to be of the same file are not joined to others. */
	if (!fetch->whole && fetch->claimed.count > 0 && !ncm_fetch_can_join(fetch)) {
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
	    .chain = {.what = fetch->what, .credential = site->place.credential, .service = site->place.service},
	    .on_bytes = after_bytes,
	};
	if (!ncm_fetch_claim(fetch, stream)) {
		free(stream);
		return;
	}
	note_joined(fetch, stream);
	fetch->streams[fetch->stream_count++] = stream;
	site->pace->active++;
	sibling = find_sibling(fetch, stream);
	if (!sibling) {
		ask_from_the_start(fetch, stream);
		return;
	}
	ncm_chain_copy(&stream->chain, &sibling->chain);
	stream->reused = true;
	request(fetch, stream);
}

/* A range was brought: the next one over the same connection, unless the host is to have fewer of them. */
static void go_on(struct ncm_fetch *fetch, struct ncm_stream *stream)
{
	struct ncm_site *site = stream->site;

	site->latency = stream->latency;
	site->speed = stream->speed;
	ncm_intake_flush(&fetch->intake, &stream->filling);
	ncm_fetch_settle(fetch, stream, true);
	if (site->ranges_work && site->pace->active <= site->pace->allowed && !ncm_fetch_has_all(fetch) &&
	    ncm_fetch_claim(fetch, stream)) {
		note_joined(fetch, stream);
		stream->reused = true;
		request(fetch, stream);
		return;
	}
	drop(fetch, stream, true);
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
		go_on(fetch, stream);
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

	if (changed || !any_ranges(fetch) || site->distrusted == MOST_DISTRUSTED) {
		ncm_fetch_start_over(fetch);
		return;
	}
	drop(fetch, stream, true);
	fetch->resumed = true;
	if (!site->ranges_work) { /* others do */
		site->dead = true;
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

	if (any_ranges(fetch)) { /* as for a range that cannot be believed */
		distrust(fetch, stream);
		return;
	}
	if (ncm_answer_unsatisfied_size(stream->exchange.head.data, &size) < 0 || size != stream->offset ||
	    (identity->has_size && identity->size != size) || fetch->stream_count > 1 || size == 0) {
		ncm_fetch_start_over(fetch);
		return;
	}
	drop(fetch, stream, true);
	identity->has_size = true;
	identity->size = size;
}

static void renew(struct ncm_fetch *fetch, struct ncm_stream *stream, const struct ncm_reply *reply)
{
	if (fetch->renewing) { /* for another stream */
		stream->site->wake_at = ncm_monotonic() + RENEWAL_SECONDS;
		drop(fetch, stream, true);
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
		give_up_site(fetch, stream, err);
	} else {
		request(fetch, stream);
	}
}

static bool is_elsewhere(const struct ncm_chain *chain)
{
	return strcmp(chain->origin, chain->first_origin) != 0;
}

static void judge(struct ncm_fetch *fetch, struct ncm_stream *stream)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_reply reply = {0};
	double wait = 0;

	ncm_exchange_reply(&stream->exchange, &reply);
	switch (ncm_chain_judge(&stream->chain, &reply, false, &wait, &err)) {
	case NCM_STEP_NEXT:
		request(fetch, stream);
		break;
	case NCM_STEP_RENEW:
		renew(fetch, stream, &reply);
		break;
	case NCM_STEP_RETRY:
		if (reply.status == 429 || reply.status == 503)
			ncm_pace_refused(stream->site->pace, ncm_monotonic());
		retry(fetch, stream, wait, &err);
		break;
	case NCM_STEP_DONE: /* only 200 and 206 are, and those are files */
	case NCM_STEP_FAIL:
		if (stream->reused) { /* a signed URL has had its day */
			ncm_error_clear(&err);
			ask_from_the_start(fetch, stream);
		} else if (err.code == NCM_E_AUTH &&
			   is_elsewhere(&stream->chain)) { /* the next link may be a good one */
			retry(fetch, stream, 0, &err);
		} else {
			give_up_site(fetch, stream, &err);
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
		ask_from_the_start(fetch, stream);
		return;
	}
	ncm_answer_explain(exchange->head.data, exchange->body.data ? exchange->body.data : "", exchange->body.size,
			   &question, &err);
	ncm_error_wrap(&err, "%s", fetch->what);
	give_up_site(fetch, stream, &err);
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
		judge(fetch, stream);
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
		/* Wrong bytes are no beginning of the right ones; a wrong size that was only announced says nothing of
		 * ours. */
		if (fetch->site_count == 1)
			fetch->discard =
			    fetch->discard || (err.code == NCM_E_CHECKSUM && stream->body == NCM_BODY_FILE);
		give_up_site(fetch, stream, &err);
		break;
	}
}
