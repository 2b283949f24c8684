/* SPDX-License-Identifier: MIT */
/* The loop over all files: one libcurl multi handle, at most `jobs` files busy at once. */
#include "transfer/transfer.h"

#include "base/file.h"
#include "base/mem.h"
#include "transfer/fetch.h"

static const int LONGEST_POLL_MS = 100; /* an interrupt and the end of a wait are noticed within this */
static const int PAUSED_POLL_MS = 10;

struct engine {
	struct ncm_http *http;
	CURLM *multi;
	struct ncm_transfer_item *items;
	size_t count;
	size_t next; /* item to start */
	const struct ncm_transfer_options *options;
	unsigned jobs;
	const struct ncm_sink *sink;
	struct ncm_fetch **fetches; /* begun and not ended */
	size_t fetch_count;
	struct ncm_rate rate;
	size_t turn;
};

/* A file that waits to be asked for again leaves its place to another. */
static unsigned busy_count(const struct engine *engine)
{
	unsigned busy = 0;

	for (size_t i = 0; i < engine->fetch_count; i++)
		busy += engine->fetches[i]->stage != NCM_STAGE_BACKOFF;
	return busy;
}

static void start_more(struct engine *engine)
{
	unsigned busy = busy_count(engine);
	double now = ncm_monotonic();

	for (size_t i = 0; i < engine->fetch_count && busy < engine->jobs; i++) {
		if (ncm_fetch_is_due(engine->fetches[i], now)) {
			ncm_fetch_try(engine->fetches[i]);
			busy++;
		}
	}
	/* Waiting files hold a descriptor each, and a service that refuses many needs no more requests. */
	while (busy < engine->jobs && engine->next < engine->count &&
	       engine->fetch_count < engine->jobs + NCM_LIMIT_PARALLEL) {
		struct ncm_transfer_item *item = &engine->items[engine->next];

		engine->fetches[engine->fetch_count++] =
		    ncm_fetch_new(engine->http, engine->multi, &engine->rate, item, (unsigned)engine->next,
				  engine->options->retries ? engine->options->retries : 1, engine->sink);
		ncm_fetch_tick(engine->fetches[engine->fetch_count - 1]);
		engine->next++;
		busy++;
	}
}

static void tick_all(struct engine *engine)
{
	size_t kept = 0;

	for (size_t i = 0; i < engine->fetch_count; i++) {
		struct ncm_fetch *fetch = engine->fetches[i];

		ncm_fetch_tick(fetch);
		if (fetch->stage == NCM_STAGE_ENDED && !fetch->job.running)
			ncm_fetch_free(fetch);
		else
			engine->fetches[kept++] = fetch;
	}
	engine->fetch_count = kept;
}

static struct ncm_fetch *fetch_of(const struct engine *engine, const CURL *easy)
{
	for (size_t i = 0; i < engine->fetch_count; i++) {
		if (engine->fetches[i]->stream.exchange.easy == easy)
			return engine->fetches[i];
	}
	return NULL;
}

/* Lets paused streams go on, each in turn first. Returns whether one is still paused. */
static bool continue_paused(struct engine *engine)
{
	bool paused = false;

	ncm_rate_refill(&engine->rate, ncm_monotonic());
	engine->turn++;
	for (size_t i = 0; i < engine->fetch_count; i++) {
		struct ncm_fetch *fetch = engine->fetches[(i + engine->turn) % engine->fetch_count];
		CURLcode code = CURLE_OK;

		if (!fetch->stream.attached || !fetch->stream.paused)
			continue;
		if (engine->rate.allowed > 0)
			code = curl_easy_pause(fetch->stream.exchange.easy, CURLPAUSE_CONT);
		/* What fails in here is not told again by the loop. */
		if (code != CURLE_OK)
			ncm_fetch_answered(fetch, code);
		paused = paused || fetch->stream.paused;
	}
	return paused;
}

/* Returns whether there were any. */
static bool take_messages(struct engine *engine)
{
	const CURLMsg *message;
	bool any = false;
	int left;

	while ((message = curl_multi_info_read(engine->multi, &left))) {
		struct ncm_fetch *fetch = message->msg == CURLMSG_DONE ? fetch_of(engine, message->easy_handle) : NULL;

		if (fetch)
			ncm_fetch_answered(fetch, message->data.result);
		any = true;
	}
	return any;
}

static void run(struct engine *engine)
{
	while (!ncm_interrupted()) {
		int running;
		bool moved, paused;

		tick_all(engine);
		start_more(engine);
		if (engine->fetch_count == 0 && engine->next == engine->count)
			return;
		paused = continue_paused(engine);
		curl_multi_perform(engine->multi, &running);
		moved = take_messages(engine);
		curl_multi_poll(engine->multi, NULL, 0, moved ? 0 : paused ? PAUSED_POLL_MS : LONGEST_POLL_MS, NULL);
	}
}

/* Everything that has begun is stopped in parallel; what has not begun is told so. */
static void wind_up(struct engine *engine)
{
	while (engine->fetch_count > 0) {
		for (size_t i = 0; i < engine->fetch_count; i++)
			ncm_fetch_interrupt(engine->fetches[i]);
		tick_all(engine);
		if (engine->fetch_count > 0)
			curl_multi_poll(engine->multi, NULL, 0, LONGEST_POLL_MS, NULL);
	}
	for (; engine->next < engine->count; engine->next++) {
		const struct ncm_transfer_item *item = &engine->items[engine->next];

		ncm_error_set(&engine->items[engine->next].error, NCM_E_INTERRUPTED,
			      "%s: %s: interrupted before it began", item->model ? item->model : "(no model)",
			      item->name ? item->name : item->partial);
	}
}

static void clear_results(struct ncm_transfer_item *item)
{
	item->done = false;
	item->received = 0;
	item->final_size = 0;
	item->server_name = NULL;
	item->error = (struct ncm_error)NCM_ERROR_INIT;
}

int ncm_transfer_run(struct ncm_http *http, struct ncm_transfer_item *items, size_t count,
		     const struct ncm_transfer_options *options, const struct ncm_sink *sink, struct ncm_error *err)
{
	struct engine engine = {
	    .http = http, .multi = curl_multi_init(), .items = items, .count = count, .options = options, .sink = sink};

	if (!engine.multi)
		return ncm_error_set(err, NCM_E_OTHER, "libcurl cannot make a loop");
	engine.jobs = options->jobs == 0 ? 1 : options->jobs > NCM_LIMIT_PARALLEL ? NCM_LIMIT_PARALLEL : options->jobs;
	engine.fetches = ncm_calloc(engine.jobs + NCM_LIMIT_PARALLEL, sizeof *engine.fetches);
	engine.rate = (struct ncm_rate){.limit = options->limit_rate, .filled_at = ncm_monotonic()};
	curl_multi_setopt(engine.multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	for (size_t i = 0; i < count; i++)
		clear_results(&items[i]);
	run(&engine);
	wind_up(&engine);
	curl_multi_cleanup(engine.multi);
	free(engine.fetches);
	for (size_t i = 0; i < count; i++) {
		if (items[i].error.code == NCM_E_INTERRUPTED)
			return ncm_error_set(err, NCM_E_INTERRUPTED,
					     "interrupted; what has been fetched so far is kept");
	}
	return 0;
}
