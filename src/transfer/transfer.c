/* SPDX-License-Identifier: MIT */
/* The event loop over all files: one libcurl multi handle, at most `jobs` files busy at once. */
#include "transfer/transfer.h"

#include "base/file.h"
#include "base/mem.h"
#include "transfer/fetch.h"
#include "transfer/pace.h"
#include "transfer/proxy.h"

#include <string.h>

static const int LONGEST_POLL_MS = 100; /* an interrupt and the end of a wait are noticed within this */
static const int PAUSED_POLL_MS = 10;
static const unsigned MOST_STILL_LOOKS = 50; /* at as many polls nothing was under way: nothing ever will be */

struct engine {
	struct ncm_run run;
	struct ncm_transfer_item *items;
	size_t count;
	size_t next; /* item to start */
	unsigned jobs;
	unsigned connections;
	struct ncm_fetch **fetches; /* begun and not ended */
	size_t fetch_count;
	struct ncm_pace **paces; /* one a host */
	size_t pace_count;
	struct ncm_load load;
	bool paused; /* a stream is, for want of memory or by the rate limit */
	size_t turn;
	unsigned still_looks;
};

static struct ncm_pace *pace_of(struct engine *engine, const char *url)
{
	NCM_AUTO_FREE char *origin = ncm_url_origin(url);
	struct ncm_pace *pace;

	for (size_t i = 0; i < engine->pace_count; i++) {
		if (strcmp(engine->paces[i]->origin, origin) == 0)
			return engine->paces[i];
	}
	pace = ncm_calloc(1, sizeof *pace);
	ncm_pace_begin(pace, origin, engine->connections, ncm_monotonic());
	return *NCM_PUSH(engine->paces, engine->pace_count) = pace;
}

/* A file that waits to be asked for again leaves its place to another; so does one that has all its bytes. */
static unsigned busy_count(const struct engine *engine, double now)
{
	unsigned busy = 0;

	for (size_t i = 0; i < engine->fetch_count; i++) {
		const struct ncm_fetch *fetch = engine->fetches[i];

		busy += fetch->stage != NCM_STAGE_FINISH && !ncm_fetch_is_idle(fetch, now);
	}
	return busy;
}

static void start_more(struct engine *engine, double now)
{
	unsigned busy = busy_count(engine, now);

	/* Waiting files hold a descriptor each, and a service that refuses many needs no more requests. */
	while (busy < engine->jobs && engine->next < engine->count &&
	       engine->fetch_count < engine->jobs + NCM_LIMIT_PARALLEL) {
		struct ncm_transfer_item *item = &engine->items[engine->next];
		struct ncm_fetch *fetch = ncm_fetch_new(&engine->run, item, (unsigned)engine->next);

		for (size_t i = 0; i < fetch->site_count; i++)
			fetch->sites[i].pace = pace_of(engine, fetch->sites[i].from.url);
		engine->fetches[engine->fetch_count++] = fetch;
		ncm_fetch_tick(fetch);
		engine->next++;
		busy++;
	}
}

static void tick_all(struct engine *engine)
{
	size_t kept = 0;

	ncm_crew_collect(engine->run.crew);
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

/* The fetch of a host that wants a stream and has the fewest. */
static struct ncm_fetch *neediest(const struct engine *engine, const struct ncm_pace *pace, double now,
				  struct ncm_site **site)
{
	struct ncm_fetch *found = NULL;

	for (size_t i = 0; i < engine->fetch_count; i++) {
		struct ncm_fetch *fetch = engine->fetches[i];
		struct ncm_site *wanted;

		if (found && fetch->stream_count >= found->stream_count)
			continue;
		wanted = ncm_fetch_wants_stream(fetch, pace, now);
		if (!wanted)
			continue;
		*site = wanted;
		found = fetch;
	}
	return found;
}

/* A proxy that may not take our password is asked by one stream first. */
static unsigned most_streams(const struct engine *engine, const struct ncm_pace *pace)
{
	unsigned active = 0;

	if (!ncm_proxy_is_untried(engine->run.http, pace->origin))
		return pace->allowed;
	for (size_t i = 0; i < engine->pace_count; i++)
		active += engine->paces[i]->active;
	return active == 0 ? 1 : 0;
}

static void add_streams(struct engine *engine, double now)
{
	bool busy = ncm_load_look(&engine->load, now) || engine->paused;

	for (size_t i = 0; i < engine->pace_count; i++) {
		struct ncm_pace *pace = engine->paces[i];
		struct ncm_site *site = NULL;
		struct ncm_fetch *fetch = neediest(engine, pace, now, &site);

		ncm_pace_tick(pace, fetch && !busy, now);
		for (unsigned tries = 0;
		     fetch && pace->active < most_streams(engine, pace) && tries < NCM_LIMIT_PARALLEL; tries++) {
			ncm_fetch_add_stream(fetch, site);
			fetch = neediest(engine, pace, now, &site);
		}
	}
}

/* Lets paused streams go on, each in turn first. */
static void continue_paused(struct engine *engine)
{
	engine->paused = false;
	ncm_rate_refill(&engine->run.rate, ncm_monotonic());
	engine->turn++;
	for (size_t i = 0; i < engine->fetch_count; i++) {
		struct ncm_fetch *fetch = engine->fetches[(i + engine->turn) % engine->fetch_count];

		for (unsigned k = 0; k < fetch->stream_count; k++) {
			struct ncm_stream *stream = fetch->streams[k];
			CURLcode code = CURLE_OK;

			if (!stream->attached || !stream->paused)
				continue;
			if (engine->run.rate.limit == 0 || engine->run.rate.allowed > 0)
				code = curl_easy_pause(stream->exchange.easy, CURLPAUSE_CONT);
			engine->paused = engine->paused || stream->paused;
			/* What fails in here is not told again by the loop. The streams may be others after that. */
			if (code != CURLE_OK) {
				ncm_fetch_answered(fetch, stream, code);
				break;
			}
		}
	}
}

static struct ncm_fetch *fetch_of(const struct engine *engine, const struct ncm_stream *stream)
{
	for (size_t i = 0; i < engine->fetch_count; i++) {
		if (engine->fetches[i] == stream->fetch)
			return engine->fetches[i];
	}
	return NULL;
}

/* Returns whether there were any. */
static bool handle_messages(struct engine *engine)
{
	const CURLMsg *message;
	bool any = false;
	int left;

	while ((message = curl_multi_info_read(engine->run.multi, &left))) {
		struct ncm_stream *stream = NULL;

		any = true;
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&stream);
		if (stream && fetch_of(engine, stream))
			ncm_fetch_answered(fetch_of(engine, stream), stream, message->data.result);
	}
	return any;
}

/* A file for which nobody can be asked, for whatever reason, ends: else its user would wait for ever. */
static void end_standstill(struct engine *engine, double now)
{
	bool still = engine->fetch_count > 0;

	for (size_t i = 0; i < engine->fetch_count; i++)
		still = still && !ncm_fetch_is_under_way(engine->fetches[i], now);
	engine->still_looks = still ? engine->still_looks + 1 : 0;
	if (engine->still_looks < MOST_STILL_LOOKS)
		return;
	engine->still_looks = 0;
	for (size_t i = 0; i < engine->fetch_count; i++)
		ncm_fetch_give_in(engine->fetches[i]);
}

static void run(struct engine *engine)
{
	while (!ncm_interrupted()) {
		bool moved;
		double now;
		int running;

		tick_all(engine);
		now = ncm_monotonic();
		start_more(engine, now);
		if (engine->fetch_count == 0 && engine->next == engine->count)
			return;
		add_streams(engine, now);
		end_standstill(engine, now);
		continue_paused(engine);
		curl_multi_perform(engine->run.multi, &running);
		moved = handle_messages(engine);
		curl_multi_poll(engine->run.multi, NULL, 0,
				moved                                                   ? 0
				: engine->paused || ncm_strands_wait(&engine->run.pool) ? PAUSED_POLL_MS
											: LONGEST_POLL_MS,
				NULL);
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
			curl_multi_poll(engine->run.multi, NULL, 0, LONGEST_POLL_MS, NULL);
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
	item->served_by = 0;
	item->checkpoints = (struct ncm_checkpoints){0};
	item->server_name = NULL;
	item->etag[0] = '\0';
	item->error = (struct ncm_error)NCM_ERROR_INIT;
}

static unsigned bounded(unsigned wanted, unsigned otherwise)
{
	return wanted == 0 ? otherwise : wanted > NCM_LIMIT_PARALLEL ? NCM_LIMIT_PARALLEL : wanted;
}

static void end(struct engine *engine)
{
	ncm_crew_stop(engine->run.crew);
	ncm_pool_end(&engine->run.pool);
	curl_multi_cleanup(engine->run.multi);
	for (size_t i = 0; i < engine->pace_count; i++) {
		ncm_pace_end(engine->paces[i]);
		free(engine->paces[i]);
	}
	free(engine->paces);
	free(engine->fetches);
}

int ncm_transfer_run(struct ncm_http *http, struct ncm_transfer_item *items, size_t count,
		     const struct ncm_transfer_options *options, const struct ncm_sink *sink, struct ncm_error *err)
{
	struct engine engine = {
	    .run = {.http = http,
		    .multi = curl_multi_init(),
		    .rate = {.limit = options->limit_rate, .filled_at = ncm_monotonic()},
		    .sink = sink,
		    .retries = options->retries ? options->retries : 1},
	    .items = items,
	    .count = count,
	    .jobs = bounded(options->jobs, 1),
	    .connections = bounded(options->connections, NCM_LIMIT_PARALLEL),
	};

	if (!engine.run.multi)
		return ncm_error_set(err, NCM_E_OTHER, "libcurl cannot make a loop");
	engine.run.crew = ncm_crew_start(engine.run.multi);
	engine.fetches = ncm_calloc(engine.jobs + NCM_LIMIT_PARALLEL, sizeof(struct ncm_fetch *));
	curl_multi_setopt(engine.run.multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	for (size_t i = 0; i < count; i++)
		clear_results(&items[i]);
	run(&engine);
	wind_up(&engine);
	end(&engine);
	for (size_t i = 0; i < count; i++) {
		if (items[i].error.code == NCM_E_INTERRUPTED)
			return ncm_error_set(err, NCM_E_INTERRUPTED,
					     "interrupted; what has been fetched so far is kept");
	}
	return 0;
}
