/* SPDX-License-Identifier: MIT */
/*
 * The streams of a fetch: which bytes each brings, and what its answers mean for the whole.
 *
 * A stream gets a window at the front of what is missing, not a large part of the file: so the bytes come nearly in
 * the order in which they are hashed, and few of them have to be read again. A window lasts for several round trips,
 * else asking would cost more than the bytes. At the end of the file, where no window is left, a further stream takes
 * half of what the slowest one has before it.
 */
#include "transfer/fetch.h"

#include "base/file.h"
#include "base/mem.h"
#include "transfer/answer.h"

#include <inttypes.h>
#include <string.h>

static const uint64_t SMALLEST_WINDOW = 2 << 20;
static const uint64_t LARGEST_SHARE = 8 << 20; /* of the run's memory, that one window takes */
static const uint64_t LARGEST_WINDOW = 64 << 20;
static const double ROUND_TRIPS = 4;
static const double WORTH_STEALING_SECONDS = 0.5; /* what is left takes longer than this */
static const uint64_t WORTH_STEALING_BYTES = 2 << 20;
static const double PROGRESS_EVERY_SECONDS = 0.1;
static const double RENEWAL_SECONDS = 0.2;
static const unsigned MOST_DISTRUSTED = 4; /* wrong ranges after right ones, before all is asked for anew */

static uint64_t window_of(const struct ncm_fetch *fetch)
{
	uint64_t window = (uint64_t)NCM_POOL_BLOCKS * NCM_BLOCK_BYTES / 2 / fetch->pace->allowed;
	double busy = fetch->latency * fetch->speed * ROUND_TRIPS;

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

		if (stream->body != NCM_BODY_FILE || !stream->ranged || stream->end - stream->at < WORTH_STEALING_BYTES)
			continue;
		left = (double)(stream->end - stream->at);
		speed = (double)(stream->at - stream->offset + 1) / (seconds > 0 ? seconds : 1);
		if (left / speed <= longest)
			continue;
		longest = left / speed;
		found = stream;
	}
	return found;
}

static bool has_work(const struct ncm_fetch *fetch)
{
	struct ncm_range gap;

	return ncm_extents_gap(&fetch->claimed, known_size(fetch), &gap) || slowest(fetch);
}

bool ncm_fetch_wants_stream(const struct ncm_fetch *fetch, double now)
{
	if (fetch->stage != NCM_STAGE_RECEIVE || fetch->wake_at > now || fetch->stream_count == NCM_LIMIT_PARALLEL ||
	    fetch->intake.error.code != NCM_OK)
		return false;
	if (fetch->stream_count == 0)
		return !ncm_fetch_has_all(fetch);
	return fetch->ranges_work && !fetch->whole && has_work(fetch);
}

static void take(struct ncm_fetch *fetch, struct ncm_stream *stream, uint64_t start, uint64_t end)
{
	stream->offset = stream->at = start;
	stream->end = stream->claimed_end = end;
	ncm_extents_add(&fetch->claimed, start, end);
}

/* What the stream has brought is here; what it has not is for others to bring. */
static void settle(struct ncm_fetch *fetch, struct ncm_stream *stream, bool keep)
{
	if (!keep)
		stream->at = stream->offset;
	ncm_extents_remove(&fetch->claimed, stream->at, stream->claimed_end);
	ncm_extents_add(&fetch->claimed, stream->offset, stream->at);
	stream->offset = stream->end = stream->claimed_end = stream->at;
}

/* Gives the stream its next range. False if there is none. */
static bool claim(struct ncm_fetch *fetch, struct ncm_stream *stream)
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
		uint64_t end = gap.start - gap.start % NCM_BLOCK_BYTES + window_of(fetch);

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
	half -= half % NCM_BLOCK_BYTES;
	if (half <= other->at)
		return false;
	take(fetch, stream, half, other->end);
	other->end = other->claimed_end = half;
	return true;
}

static void after_bytes(void *context, size_t size)
{
	struct ncm_fetch *fetch = context;
	double now = ncm_monotonic();

	fetch->pace->bytes += size;
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
	settle(fetch, stream, keep);
	for (unsigned i = 0; i < fetch->stream_count; i++) {
		if (fetch->streams[i] == stream)
			fetch->streams[i] = fetch->streams[--fetch->stream_count];
	}
	fetch->pace->active--;
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

/* Another try after a wait, if the budget allows; else *err is the end. */
static void retry(struct ncm_fetch *fetch, struct ncm_stream *stream, double asked, struct ncm_error *err)
{
	NCM_AUTO_FREE char *text = NULL;
	uint64_t here;
	unsigned tries;
	double wait;

	drop(fetch, stream, true);
	fetch->resumed = true;
	here = ncm_fetch_bytes_here(fetch);
	if (here > fetch->most) {
		fetch->most = here;
		ncm_backoff_progress(&fetch->backoff);
	}
	wait = ncm_backoff_next(&fetch->backoff, asked);
	tries = fetch->backoff.failures;
	if (wait < 0 && fetch->stream_count > 0) { /* the others go on */
		fetch->backoff.failures--;
		fetch->wake_at = ncm_monotonic() + 1;
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
		ncm_fetch_fail(fetch, err);
		return;
	}
	text = ncm_asprintf("%s; again in %.1f s", err->message, wait);
	ncm_fetch_emit(fetch, NCM_EVENT_RETRY, text);
	ncm_error_clear(err);
	fetch->wake_at = ncm_monotonic() + wait;
}

static void request(struct ncm_fetch *fetch, struct ncm_stream *stream)
{
	struct ncm_error err = NCM_ERROR_INIT;

	if (ncm_stream_request(stream, &err) < 0)
		ncm_fetch_fail(fetch, &err);
}

static void ask_from_the_start(struct ncm_fetch *fetch, struct ncm_stream *stream)
{
	struct ncm_error err = NCM_ERROR_INIT;

	stream->reused = false;
	if (ncm_chain_start(&stream->chain, fetch->run->http, fetch->item->url, &err) < 0) {
		ncm_error_wrap(&err, "%s", fetch->what);
		ncm_fetch_fail(fetch, &err);
		return;
	}
	request(fetch, stream);
}

/* A stream whose redirects have been followed already. */
static const struct ncm_stream *find_sibling(const struct ncm_fetch *fetch, const struct ncm_stream *stream)
{
	for (unsigned i = 0; i < fetch->stream_count; i++) {
		if (fetch->streams[i] != stream && fetch->streams[i]->body == NCM_BODY_FILE)
			return fetch->streams[i];
	}
	return NULL;
}

void ncm_fetch_add_stream(struct ncm_fetch *fetch)
{
	const struct ncm_transfer_item *item = fetch->item;
	struct ncm_stream *stream = ncm_calloc(1, sizeof *stream);
	const struct ncm_stream *sibling;

	/* Bytes that nothing proves to be of the same file are not joined to others. */
	if (!fetch->whole && fetch->claimed.count > 0 && !ncm_fetch_can_join(fetch)) {
		free(stream);
		ncm_fetch_start_over(fetch);
		return;
	}
	*stream = (struct ncm_stream){
	    .item = fetch->item,
	    .partial = &fetch->partial,
	    .intake = &fetch->intake,
	    .multi = fetch->run->multi,
	    .rate = &fetch->run->rate,
	    .chain = {.what = fetch->what, .credential = item->credential, .service = item->service},
	    .on_bytes = after_bytes,
	    .context = fetch,
	};
	if (!claim(fetch, stream)) {
		free(stream);
		return;
	}
	fetch->streams[fetch->stream_count++] = stream;
	fetch->pace->active++;
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
	if (stream->exchange.status == 206)
		fetch->ranges_work = true;
	fetch->latency = stream->latency;
	fetch->speed = stream->speed;
	ncm_intake_flush(&fetch->intake, &stream->filling);
	settle(fetch, stream, true);
	if (fetch->ranges_work && fetch->pace->active <= fetch->pace->allowed && !ncm_fetch_has_all(fetch) &&
	    claim(fetch, stream)) {
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

	if (fetch->ranges_work && !changed && fetch->distrusted++ < MOST_DISTRUSTED) {
		drop(fetch, stream, true);
		ncm_fetch_emit(fetch, NCM_EVENT_RETRY, "the server sent another range than was asked for");
		fetch->wake_at = ncm_monotonic() + fetch->backoff.first * fetch->distrusted;
		return;
	}
	ncm_fetch_start_over(fetch);
}

/* 416: there is nothing from our offset on. That is right if the offset is the file's end. */
static void unsatisfied(struct ncm_fetch *fetch, struct ncm_stream *stream)
{
	struct ncm_identity *identity = &fetch->partial.identity;
	uint64_t size;

	if (ncm_answer_unsatisfied_size(stream->exchange.head.data, &size) < 0 || size != stream->offset ||
	    (fetch->item->has_size && fetch->item->size != size) || fetch->stream_count > 1 || size == 0) {
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
		drop(fetch, stream, true);
		fetch->wake_at = ncm_monotonic() + RENEWAL_SECONDS;
		return;
	}
	free(fetch->challenge);
	fetch->challenge = ncm_reply_header(reply, "WWW-Authenticate");
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
		ncm_fetch_fail(fetch, err);
	} else {
		request(fetch, stream);
	}
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
			ncm_pace_refused(fetch->pace, ncm_monotonic());
		retry(fetch, stream, wait, &err);
		break;
	case NCM_STEP_DONE: /* only 200 and 206 are, and those are files */
	case NCM_STEP_FAIL:
		if (stream->reused) { /* a signed URL has had its day */
			ncm_error_clear(&err);
			ask_from_the_start(fetch, stream);
		} else {
			ncm_fetch_fail(fetch, &err);
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
	ncm_fetch_fail(fetch, &err);
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

static bool is_refused(CURLcode code)
{
	return code == CURLE_COULDNT_CONNECT;
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
		if (is_refused(code))
			ncm_pace_refused(fetch->pace, ncm_monotonic());
		retry(fetch, stream, 0, &err);
		break;
	case NCM_EXCHANGE_FAILED:
		/* Wrong bytes are no beginning of the right ones; a wrong size that was only announced says nothing of
		 * ours. */
		fetch->discard = fetch->discard || (err.code == NCM_E_CHECKSUM && stream->body == NCM_BODY_FILE);
		ncm_fetch_fail(fetch, &err);
		break;
	}
}
