/* SPDX-License-Identifier: MIT */
/*
 * Rounds of transfers. While the engine fetches, another thread finishes the models whose content is complete. What
 * failed at one place is tried at the next in a further round.
 */
#include "provision/run.h"

#include "base/mem.h"
#include "base/thread.h"

#include <string.h>

struct round {
	struct run *run;
	struct item **items;
	struct ncm_transfer_item *transfers;
	size_t count;
	/* The queue to the finisher: indices of completed transfers. */
	pthread_mutex_t mutex;
	pthread_cond_t filled;
	size_t *queue;
	size_t queued, taken;
	bool closed;
};

void item_transfer(const struct run *run, const struct item *item, struct ncm_transfer_item *transfer)
{
	const struct ncm_artifact *artifact = item->artifact;

	*transfer = (struct ncm_transfer_item){
	    .model = model_id(run, &run->wanted[item->wanted]),
	    .name = item->name,
	    .url = artifact->url,
	    .credential = item->resolution->credential,
	    .service = item->resolution->service,
	    .mirrors = item->places,
	    .mirror_count = item->mirror_count,
	    .has_size = item->has_size,
	    .size = item->has_size ? item->size : 0,
	    .has_sha256 = item->has_sha256,
	    .sha256 = item->sha256,
	    .has_git_sha1 = artifact->has_git_sha1,
	    .git_sha1 = artifact->git_sha1,
	    .expect_binary = artifact->expect_binary,
	    .dirfd = item->dests[0].store->staging,
	    .partial = item_partial(item),
	    .ranges = item->ranges,
	    .range_count = item->range_count,
	};
}

static bool wants(const struct run *run, const struct item *item, size_t model)
{
	for (size_t i = 0; i < item->dest_count; i++) {
		if (run->wanted[item->dests[i].wanted].model == model)
			return true;
	}
	return false;
}

static bool is_ready(const struct item *item)
{
	return item->is_manifest || item->state == ITEM_FETCHED || item->state == ITEM_PLACED || item_ready_path(item);
}

static bool model_is_ready(const struct run *run, size_t model)
{
	if (run->models[model].error.code != NCM_OK || run->models[model].registered)
		return false;
	for (size_t i = 0; i < run->item_count; i++) {
		if (wants(run, &run->items[i], model) && !is_ready(&run->items[i]))
			return false;
	}
	return true;
}

static void finish_ready_models(struct run *run)
{
	NCM_AUTO_FREE size_t *ready = ncm_calloc(run->model_count, sizeof *ready);
	size_t count = 0;

	for (size_t m = 0; m < run->model_count; m++) {
		if (model_is_ready(run, m))
			ready[count++] = m;
	}
	models_finish(run, ready, count);
}

static void take_result(struct item *item, struct ncm_transfer_item *transfer)
{
	item->received += transfer->received;
	item->range_received += item->range_count > 0 ? transfer->received : 0;
	free(item->server_name);
	item->server_name = transfer->server_name;
	transfer->server_name = NULL;
	ncm_checkpoints_clear(&item->checkpoints);
	item->checkpoints = transfer->checkpoints;
	transfer->checkpoints = (struct ncm_checkpoints){0};
	if (transfer->done) {
		item->state = ITEM_FETCHED;
		item->served_by =
		    transfer->served_by == 0 ? item->resolution->uri : item->mirrors[transfer->served_by - 1]->uri;
		if (item->range_count == 0) {
			item->has_size = true;
			item->size = transfer->final_size;
			item->sha256 = transfer->final_sha256;
		}
		ncm_error_clear(&item->error);
		return;
	}
	/* The first place's reason is the one to act on. */
	if (item->error.code == NCM_OK)
		ncm_error_move(&item->error, &transfer->error);
	ncm_error_clear(&transfer->error);
}

static void *finisher(void *argument)
{
	struct round *round = argument;

	for (;;) {
		size_t first, last;

		pthread_mutex_lock(&round->mutex);
		while (round->taken == round->queued && !round->closed)
			pthread_cond_wait(&round->filled, &round->mutex);
		if (round->taken == round->queued) {
			pthread_mutex_unlock(&round->mutex);
			return NULL;
		}
		/* What has piled up meanwhile is finished, and written down, at once. */
		first = round->taken;
		last = round->taken = round->queued;
		pthread_mutex_unlock(&round->mutex);
		for (size_t i = first; i < last; i++)
			take_result(round->items[round->queue[i]], &round->transfers[round->queue[i]]);
		finish_ready_models(round->run);
	}
}

/* The engine tells of a complete file by its FETCHED event; the result is in the transfer by then. */
static void on_event(void *context, const struct ncm_event *event)
{
	struct round *round = context;

	ncm_emit(&round->run->sink, event);
	if (event->type != NCM_EVENT_FETCHED)
		return;
	pthread_mutex_lock(&round->mutex);
	round->queue[round->queued++] = event->slot;
	pthread_cond_signal(&round->filled);
	pthread_mutex_unlock(&round->mutex);
}

static int run_round(struct round *round, struct ncm_error *err)
{
	const struct ncm_config *config = round->run->config;
	const struct ncm_transfer_options options = {.jobs = config->jobs,
						     .connections = config->connections,
						     .limit_rate = config->limit_rate,
						     .retries = config->retries};
	const struct ncm_sink sink = {on_event, round};
	pthread_t thread;
	int result;

	if (pthread_create(&thread, NULL, finisher, round) != 0)
		return ncm_error_set(err, NCM_E_OTHER, "cannot start a thread");
	result = ncm_transfer_run(round->run->http, round->transfers, round->count, &options, &sink, err);
	pthread_mutex_lock(&round->mutex);
	round->closed = true;
	pthread_cond_signal(&round->filled);
	pthread_mutex_unlock(&round->mutex);
	pthread_join(thread, NULL);
	for (size_t i = 0; i < round->count; i++) {
		if (!round->transfers[i].done)
			take_result(round->items[i], &round->transfers[i]);
	}
	return result;
}

/* Another place may have what this one could not give; it cannot mend our disk or a missing consent. */
static bool worth_an_alternate(const struct item *item)
{
	switch (item->error.code) {
	case NCM_E_NO_SPACE:
	case NCM_E_IO:
	case NCM_E_POLICY:
	case NCM_E_INTERRUPTED:
		return false;
	default:
		return item->state == ITEM_OPEN;
	}
}

/* Fetches go to the first destination whose store could be opened. */
static bool pick_staging(struct item *item)
{
	for (size_t i = 0; i < item->dest_count; i++) {
		struct dest chosen = item->dests[i];

		if (chosen.store->staging < 0)
			continue;
		item->dests[i] = item->dests[0];
		item->dests[0] = chosen;
		return true;
	}
	return false;
}

static bool is_wanted_still(const struct run *run, const struct item *item)
{
	for (size_t i = 0; i < item->dest_count; i++) {
		if (run->models[run->wanted[item->dests[i].wanted].model].error.code == NCM_OK)
			return true;
	}
	return false;
}

static void fail_models(struct run *run, const struct item *item)
{
	for (size_t i = 0; i < item->dest_count; i++) {
		struct chosen_model *model = &run->models[run->wanted[item->dests[i].wanted].model];

		if (model->error.code != NCM_OK)
			continue;
		ncm_error_set(&model->error, item->error.code, "%s", item->error.message);
		if (item->error.hint)
			ncm_error_hint(&model->error, "%s", item->error.hint);
	}
}

/* A file that could not be mended in its place is fetched whole, which the plan's space did not count. */
static bool try_again(const struct run *run, struct item *item)
{
	const bool again = item->again;

	item->again = false;
	return again && space_check(run, &item->error) == 0;
}

static size_t gather(struct run *run, bool first, struct item **chosen)
{
	size_t count = 0;

	for (size_t i = 0; i < run->item_count; i++) {
		struct item *item = &run->items[i];

		if (item->state != ITEM_OPEN || !item_needs_network(item) || !is_wanted_still(run, item) ||
		    !pick_staging(item))
			continue;
		if (!item->artifact->url) {
			/* The lock told its digest alone: it was here, and is gone since the plan was made. */
			ncm_error_set(&item->error, NCM_E_IO, "%s was here and is gone now", item->name);
			ncm_error_hint(&item->error, "pull again: then it is fetched");
			item->state = ITEM_FAILED;
			fail_models(run, item);
		} else if (first || try_again(run, item)) {
			chosen[count++] = item;
		} else if (worth_an_alternate(item) && wanted_next_alternate(run, item) == 0) {
			ncm_emit_text(&run->sink, NCM_EVENT_NOTE, "%s: %s; trying %s", item->name, item->error.message,
				      item->resolution->uri);
			chosen[count++] = item;
		} else {
			item->state = ITEM_FAILED;
			fail_models(run, item);
		}
	}
	return count;
}

static void find_mirrors(void *context, size_t index)
{
	struct round *round = context;

	wanted_find_mirrors(round->run, round->items[index]);
}

static int fetch_round(struct run *run, struct item **chosen, size_t count, struct ncm_error *err)
{
	struct round round = {.run = run, .items = chosen, .count = count};
	int result;

	round.transfers = ncm_calloc(count, sizeof *round.transfers);
	round.queue = ncm_calloc(count, sizeof *round.queue);
	pthread_mutex_init(&round.mutex, NULL);
	pthread_cond_init(&round.filled, NULL);
	ncm_parallel(RESOLVE_THREADS, count, find_mirrors, &round);
	for (size_t i = 0; i < count; i++)
		item_transfer(run, chosen[i], &round.transfers[i]);
	result = run_round(&round, err);
	pthread_cond_destroy(&round.filled);
	pthread_mutex_destroy(&round.mutex);
	free(round.queue);
	free(round.transfers);
	return result;
}

int items_fetch(struct run *run, struct ncm_error *err)
{
	NCM_AUTO_FREE struct item **chosen = ncm_calloc(run->item_count, sizeof *chosen);
	size_t count;

	finish_ready_models(run); /* what needs no network */
	for (bool first = true; (count = gather(run, first, chosen)) > 0; first = false) {
		if (run->options.offline) {
			for (size_t i = 0; i < count; i++) {
				ncm_error_set(&chosen[i]->error, NCM_E_NETWORK,
					      "%s is not here, and --offline forbids to fetch it", chosen[i]->name);
				chosen[i]->state = ITEM_FAILED;
				fail_models(run, chosen[i]);
			}
		} else if (fetch_round(run, chosen, count, err) < 0) {
			return -1;
		}
	}
	return 0;
}
