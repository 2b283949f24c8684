/* SPDX-License-Identifier: MIT */
#include "transfer/fetch.h"

#include "base/file.h"
#include "base/mem.h"
#include "transfer/answer.h"

#include <inttypes.h>
#include <string.h>

static const uint64_t SYNC_EVERY_BYTES = 64 << 20; /* bounds what a power cut costs, and bursts of dirty pages */
static const double PROGRESS_EVERY_SECONDS = 0.1;

static void emit(const struct ncm_fetch *fetch, enum ncm_event_type type, const char *text)
{
	const struct ncm_journal *journal = &fetch->partial.journal;

	ncm_emit(fetch->sink, &(struct ncm_event){
				  .type = type,
				  .slot = fetch->slot,
				  .model = fetch->item->model,
				  .file = fetch->item->name,
				  .text = text,
				  .done = fetch->partial.length,
				  .total = journal->has_size ? journal->size : 0,
			      });
}

/* Ends the fetch with *err; the STOP job sees to what is on disk. */
static void fail(struct ncm_fetch *fetch, struct ncm_error *err)
{
	ncm_stream_detach(&fetch->stream);
	/* Wrong bytes are no beginning of the right ones; a wrong size that was only announced says nothing of ours. */
	if (err->code == NCM_E_CHECKSUM && fetch->stream.body == NCM_BODY_FILE)
		fetch->discard = true;
	ncm_error_move(&fetch->item->error, err);
	fetch->stage = NCM_STAGE_STOP;
}

/* Another try after a wait, if the budget allows; else *err is the end. */
static void retry(struct ncm_fetch *fetch, double asked, struct ncm_error *err)
{
	NCM_AUTO_FREE char *text = NULL;
	unsigned tries;
	double wait;

	if (fetch->partial.length > fetch->most) {
		fetch->most = fetch->partial.length;
		ncm_backoff_progress(&fetch->backoff);
	}
	wait = ncm_backoff_next(&fetch->backoff, asked);
	tries = fetch->backoff.failures;
	if (wait < 0) {
		if (tries > 1) {
			text = ncm_asprintf("%s (tried %u times)", err->message, tries);
			free(err->message);
			err->message = text;
			text = NULL;
		}
		fail(fetch, err);
		return;
	}
	text = ncm_asprintf("%s; again in %.1f s", err->message, wait);
	emit(fetch, NCM_EVENT_RETRY, text);
	ncm_error_clear(err);
	fetch->stage = NCM_STAGE_BACKOFF;
	fetch->wake_at = ncm_monotonic() + wait;
}

static void run_prepare(void *context)
{
	struct ncm_fetch *fetch = context;

	fetch->job_result = ncm_partial_open(&fetch->partial, fetch->item, &fetch->waiting, &fetch->job_error);
}

static void run_sync(void *context)
{
	struct ncm_fetch *fetch = context;
	struct ncm_error *err = &fetch->job_error;

	fetch->job_lost = ncm_partial_sync(&fetch->partial, err) < 0;
	fetch->job_result =
	    fetch->job_lost ? -1 : ncm_partial_note(&fetch->partial, &fetch->job_journal, fetch->job_length, err);
}

static void run_renew(void *context)
{
	struct ncm_fetch *fetch = context;

	fetch->job_result = ncm_chain_renew(&fetch->stream.chain, fetch->challenge, &fetch->job_error);
}

static void run_finish(void *context)
{
	struct ncm_fetch *fetch = context;

	fetch->job_result = ncm_partial_finish(&fetch->partial, fetch->item, &fetch->job_error);
}

static void run_stop(void *context)
{
	struct ncm_fetch *fetch = context;
	struct ncm_partial *partial = &fetch->partial;
	bool keep = fetch->prepared && !fetch->discard && partial->length > 0 && ncm_partial_sync(partial, NULL) == 0;

	/* On a full disk the journal that is there already has to do. */
	if (keep)
		(void)ncm_partial_note(partial, &partial->journal, partial->length, NULL);
	/* A partial that could not be looked at is left as it was. */
	ncm_partial_close(partial, fetch->prepared && !keep);
}

static void start_job(struct ncm_fetch *fetch, void (*run)(void *))
{
	fetch->job_stage = fetch->stage;
	fetch->job_result = 0;
	ncm_job_start(&fetch->job, run, fetch, fetch->stream.multi);
}

static void after_bytes(void *context)
{
	struct ncm_fetch *fetch = context;
	double now = ncm_monotonic();

	if (now - fetch->told_at >= PROGRESS_EVERY_SECONDS) {
		fetch->told_at = now;
		emit(fetch, NCM_EVENT_PROGRESS, NULL);
	}
	if (fetch->partial.length - fetch->sync_mark < SYNC_EVERY_BYTES || fetch->job.running)
		return;
	ncm_journal_copy(&fetch->job_journal, &fetch->partial.journal);
	fetch->job_length = fetch->partial.length;
	fetch->sync_mark = fetch->partial.length;
	start_job(fetch, run_sync);
}

struct ncm_fetch *ncm_fetch_new(struct ncm_http *http, CURLM *multi, struct ncm_rate *rate,
				struct ncm_transfer_item *item, unsigned slot, unsigned retries,
				const struct ncm_sink *sink)
{
	struct ncm_fetch *fetch = ncm_calloc(1, sizeof *fetch);

	fetch->item = item;
	fetch->sink = sink;
	fetch->slot = slot;
	fetch->what =
	    ncm_asprintf("%s: %s", item->model ? item->model : "(no model)", item->name ? item->name : item->partial);
	fetch->partial.fd = -1;
	fetch->backoff = (struct ncm_backoff){.limit = retries, .first = http->first_backoff};
	fetch->stream = (struct ncm_stream){
	    .item = item,
	    .partial = &fetch->partial,
	    .multi = multi,
	    .rate = rate,
	    .chain = {.http = http, .what = fetch->what, .credential = item->credential, .service = item->service},
	    .on_bytes = after_bytes,
	    .context = fetch,
	};
	return fetch;
}

void ncm_fetch_free(struct ncm_fetch *fetch)
{
	ncm_stream_end(&fetch->stream);
	ncm_partial_close(&fetch->partial, false);
	ncm_journal_clear(&fetch->job_journal);
	ncm_error_clear(&fetch->job_error);
	free(fetch->challenge);
	free(fetch->what);
	free(fetch);
}

/* Whether further bytes can be joined to those that are here: something must tell if they are not of the same file. */
static bool can_resume(const struct ncm_fetch *fetch)
{
	return fetch->item->has_sha256 || fetch->item->has_git_sha1 || fetch->partial.journal.etag;
}

static void request(struct ncm_fetch *fetch)
{
	struct ncm_error err = NCM_ERROR_INIT;

	fetch->stage = NCM_STAGE_RECEIVE;
	if (ncm_stream_request(&fetch->stream, &err) < 0)
		fail(fetch, &err);
}

void ncm_fetch_try(struct ncm_fetch *fetch)
{
	struct ncm_stream *stream = &fetch->stream;
	struct ncm_error err = NCM_ERROR_INIT;

	if (fetch->partial.length < fetch->sync_mark)
		fetch->sync_mark = fetch->partial.length;
	stream->whole = fetch->whole || !can_resume(fetch);
	if (ncm_chain_start(&stream->chain, stream->chain.http, fetch->item->url, &err) < 0) {
		ncm_error_wrap(&err, "%s", fetch->what);
		fail(fetch, &err);
		return;
	}
	request(fetch);
}

bool ncm_fetch_is_due(const struct ncm_fetch *fetch, double now)
{
	return fetch->stage == NCM_STAGE_BACKOFF && !fetch->job.running && fetch->wake_at <= now;
}

static void prepared(struct ncm_fetch *fetch)
{
	const struct ncm_partial *partial = &fetch->partial;

	if (fetch->job_result < 0) {
		ncm_error_wrap(&fetch->job_error, "%s", fetch->what);
		fail(fetch, &fetch->job_error);
		return;
	}
	fetch->prepared = true;
	fetch->most = partial->length;
	fetch->sync_mark = partial->length;
	fetch->resumed = partial->length > 0;
	emit(fetch, NCM_EVENT_STARTED, NULL);
	if (partial->journal.has_size && partial->length == partial->journal.size &&
	    (fetch->item->has_size || partial->length > 0) &&
	    (fetch->item->has_sha256 || fetch->item->has_git_sha1 || partial->length == 0))
		fetch->stage = NCM_STAGE_FINISH;
	else
		ncm_fetch_try(fetch);
}

/* What is here is of no use with what came: the next try asks for the whole. */
static void start_over(struct ncm_fetch *fetch)
{
	fetch->whole = true;
	fetch->stage = NCM_STAGE_BACKOFF;
	fetch->wake_at = 0;
}

static void refetch(struct ncm_fetch *fetch, struct ncm_error *err)
{
	NCM_AUTO_FREE char *text =
	    ncm_asprintf("%s; it was put together from parts, so it is fetched once from the start", err->message);

	fetch->refetched = true;
	emit(fetch, NCM_EVENT_RETRY, text);
	ncm_error_clear(err);
	if (ncm_partial_restart(&fetch->partial, err) < 0) {
		ncm_error_wrap(err, "%s", fetch->what);
		fail(fetch, err);
		return;
	}
	fetch->resumed = false;
	start_over(fetch);
}

static void finished(struct ncm_fetch *fetch)
{
	struct ncm_transfer_item *item = fetch->item;
	struct ncm_error *err = &fetch->job_error;

	if (fetch->job_result == 0) {
		item->final_size = fetch->partial.length;
		item->done = true;
		fetch->stage = NCM_STAGE_ENDED;
		emit(fetch, NCM_EVENT_FETCHED, NULL);
		return;
	}
	ncm_error_wrap(err, "%s", fetch->what);
	if (err->code == NCM_E_CHECKSUM && fetch->resumed && !fetch->refetched) {
		refetch(fetch, err);
		return;
	}
	/* A sync that failed may have lost bytes which later reads still show: they are dead. */
	fetch->discard = true;
	fail(fetch, err);
}

static void synced(struct ncm_fetch *fetch)
{
	if (fetch->job_result == 0) {
		fetch->partial.journal.synced = fetch->job_journal.synced;
		return;
	}
	fetch->discard = fetch->discard || fetch->job_lost;
	if (fetch->stage == NCM_STAGE_STOP) {
		ncm_error_clear(&fetch->job_error);
		return;
	}
	ncm_error_wrap(&fetch->job_error, "%s", fetch->what);
	fail(fetch, &fetch->job_error);
}

static void renewed(struct ncm_fetch *fetch)
{
	if (fetch->stage != NCM_STAGE_RENEW) /* interrupted meanwhile */
		ncm_error_clear(&fetch->job_error);
	else if (fetch->job_result < 0)
		fail(fetch, &fetch->job_error);
	else
		request(fetch);
}

static void stopped(struct ncm_fetch *fetch)
{
	fetch->stage = NCM_STAGE_ENDED;
	if (fetch->item->error.code != NCM_E_INTERRUPTED)
		emit(fetch, NCM_EVENT_FAILED, fetch->item->error.message);
}

static void interrupted_while_preparing(struct ncm_fetch *fetch)
{
	fetch->prepared = fetch->job_result == 0;
	ncm_error_clear(&fetch->job_error);
}

static void end_job(struct ncm_fetch *fetch)
{
	switch (fetch->job_stage) {
	case NCM_STAGE_PREPARE:
		if (fetch->stage == NCM_STAGE_PREPARE)
			prepared(fetch);
		else
			interrupted_while_preparing(fetch);
		break;
	case NCM_STAGE_RECEIVE:
		synced(fetch);
		break;
	case NCM_STAGE_RENEW:
		renewed(fetch);
		break;
	case NCM_STAGE_FINISH:
		finished(fetch);
		break;
	case NCM_STAGE_STOP:
		stopped(fetch);
		break;
	case NCM_STAGE_BACKOFF:
	case NCM_STAGE_ENDED:
		break;
	}
}

void ncm_fetch_tick(struct ncm_fetch *fetch)
{
	if (atomic_load(&fetch->waiting) && !fetch->told_waiting) {
		fetch->told_waiting = true;
		ncm_emit_text(fetch->sink, NCM_EVENT_WAITING, "waiting: another ncmodel is fetching %s", fetch->what);
	}
	if (ncm_job_reap(&fetch->job))
		end_job(fetch);
	if (fetch->job.running)
		return;
	switch (fetch->stage) {
	case NCM_STAGE_PREPARE:
		start_job(fetch, run_prepare);
		break;
	case NCM_STAGE_RENEW:
		start_job(fetch, run_renew);
		break;
	case NCM_STAGE_FINISH:
		start_job(fetch, run_finish);
		break;
	case NCM_STAGE_STOP:
		start_job(fetch, run_stop);
		break;
	case NCM_STAGE_RECEIVE:
	case NCM_STAGE_BACKOFF:
	case NCM_STAGE_ENDED:
		break;
	}
}

static void received(struct ncm_fetch *fetch)
{
	const struct ncm_partial *partial = &fetch->partial;
	struct ncm_error err = NCM_ERROR_INIT;

	if (!partial->journal.has_size || partial->length == partial->journal.size) {
		emit(fetch, NCM_EVENT_PROGRESS, NULL);
		fetch->stage = NCM_STAGE_FINISH;
		return;
	}
	ncm_error_set(&err, NCM_E_NETWORK, "%s: the connection was closed after %" PRIu64 " of %" PRIu64 " bytes",
		      fetch->what, partial->length, partial->journal.size);
	ncm_error_hint(&err, "check the network; run the same command again, what is here is kept");
	retry(fetch, 0, &err);
}

/* 416: there is nothing from our offset on. That is right if the offset is the file's end. */
static void unsatisfied(struct ncm_fetch *fetch)
{
	const struct ncm_partial *partial = &fetch->partial;
	uint64_t size;

	if (ncm_answer_unsatisfied_size(fetch->stream.exchange.head.data, &size) == 0 && size == partial->length &&
	    (!fetch->item->has_size || fetch->item->size == size))
		fetch->stage = NCM_STAGE_FINISH;
	else
		start_over(fetch);
}

static void judge(struct ncm_fetch *fetch)
{
	struct ncm_stream *stream = &fetch->stream;
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_reply reply = {0};
	double wait = 0;

	ncm_exchange_reply(&stream->exchange, &reply);
	switch (ncm_chain_judge(&stream->chain, &reply, false, &wait, &err)) {
	case NCM_STEP_NEXT:
		request(fetch);
		break;
	case NCM_STEP_RENEW:
		free(fetch->challenge);
		fetch->challenge = ncm_reply_header(&reply, "WWW-Authenticate");
		fetch->stage = NCM_STAGE_RENEW;
		break;
	case NCM_STEP_RETRY:
		retry(fetch, wait, &err);
		break;
	case NCM_STEP_DONE: /* only 200 and 206 are, and those are files */
	case NCM_STEP_FAIL:
		fail(fetch, &err);
		break;
	}
	ncm_reply_clear(&reply);
}

static void explain(struct ncm_fetch *fetch)
{
	const struct ncm_exchange *exchange = &fetch->stream.exchange;
	const struct ncm_question question = {.has_size = fetch->item->has_size, .size = fetch->item->size};
	struct ncm_error err = NCM_ERROR_INIT;

	ncm_answer_explain(exchange->head.data, exchange->body.data ? exchange->body.data : "", exchange->body.size,
			   &question, &err);
	ncm_error_wrap(&err, "%s", fetch->what);
	fail(fetch, &err);
}

static void answered(struct ncm_fetch *fetch)
{
	struct ncm_stream *stream = &fetch->stream;

	if (stream->restart)
		start_over(fetch);
	else if (stream->body == NCM_BODY_FILE)
		received(fetch);
	else if (stream->body == NCM_BODY_EXPLAIN)
		explain(fetch);
	else if (stream->exchange.status == 416 && stream->offset > 0)
		unsatisfied(fetch);
	else
		judge(fetch);
}

/* Trouble after the last byte is none. */
static bool is_complete(const struct ncm_fetch *fetch)
{
	const struct ncm_partial *partial = &fetch->partial;

	return fetch->stream.body == NCM_BODY_FILE && partial->journal.has_size &&
	       partial->length == partial->journal.size;
}

void ncm_fetch_answered(struct ncm_fetch *fetch, CURLcode code)
{
	struct ncm_stream *stream = &fetch->stream;
	struct ncm_error err = NCM_ERROR_INIT;

	ncm_stream_detach(stream);
	if (stream->body == NCM_BODY_FILE) {
		fetch->whole = false;
		fetch->resumed = stream->offset > 0 && stream->exchange.status == 206;
	}
	switch (ncm_exchange_result(&stream->exchange, code, &err)) {
	case NCM_EXCHANGE_ANSWERED:
		answered(fetch);
		break;
	case NCM_EXCHANGE_TRANSIENT:
		if (is_complete(fetch)) {
			ncm_error_clear(&err);
			received(fetch);
		} else {
			retry(fetch, 0, &err);
		}
		break;
	case NCM_EXCHANGE_FAILED:
		fail(fetch, &err);
		break;
	}
}

void ncm_fetch_interrupt(struct ncm_fetch *fetch)
{
	struct ncm_error err = NCM_ERROR_INIT;

	if (fetch->stage == NCM_STAGE_FINISH || fetch->stage == NCM_STAGE_STOP || fetch->stage == NCM_STAGE_ENDED)
		return;
	ncm_error_set(&err, NCM_E_INTERRUPTED, "%s: interrupted", fetch->what);
	fail(fetch, &err);
}
