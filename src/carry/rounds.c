/* SPDX-License-Identifier: MIT */
/*
 * Rounds of transfers. While the engine fetches, another thread finishes the models whose content is complete. What
 * failed at one place is tried at the next in a further round (mirror fail-over); a large content comes from all places
 * at once.
 */
#include "carry/carry.h"

#include "base/mem.h"
#include "base/thread.h"

#include <string.h>

struct round {
	struct carry *carry;
	struct task **tasks;
	struct ncm_transfer_item *transfers;
	size_t count;
	/* The queue to the finisher: indices of completed transfers. */
	pthread_mutex_t mutex;
	pthread_cond_t filled;
	size_t *queue;
	size_t queued, taken;
	bool closed;
};

static void note_bytes(struct task *task, const struct ncm_transfer_item *transfer)
{
	struct content *content = task->item->content;

	task->state = TASK_FETCHED;
	task->served_by = transfer->served_by == 0 ? content->resolution->uri
						   : task->mirror_resolutions[transfer->served_by - 1]->uri;
	if (task->item->mend.count == 0) {
		content->has_size = content->has_sha256 = true;
		content->size = transfer->final_size;
		content->sha256 = transfer->final_sha256;
	}
	carry_refs_came(task, transfer->etag);
	ncm_error_clear(&task->error);
}

static void note_result(struct carry *carry, struct task *task, struct ncm_transfer_item *transfer)
{
	if (task->flight)
		cache_flight_end(task->flight, transfer->done);
	task->received += transfer->received;
	task->range_received += task->item->mend.count > 0 ? transfer->received : 0;
	free(task->server_name);
	task->server_name = transfer->server_name;
	transfer->server_name = NULL;
	ncm_checkpoints_clear(&task->checkpoints);
	task->checkpoints = transfer->checkpoints;
	transfer->checkpoints = (struct ncm_checkpoints){0};
	if (transfer->done) {
		note_bytes(task, transfer);
		task_recount(carry, task);
		return;
	}
	task->last_error = transfer->error.code;
	/* The first place's reason is the one to act on. */
	if (task->error.code == NCM_OK)
		ncm_error_move(&task->error, &transfer->error);
	if (task->error.code == NCM_E_NO_SPACE && task->item->content->place_count > 0)
		ncm_error_hint(&task->error, "free some space on the disk of %s, then run the same command again",
			       task->item->content->places[0].store->path);
	ncm_error_clear(&transfer->error);
	carry_refs_failed(carry, task);
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
			note_result(round->carry, round->tasks[round->queue[i]], &round->transfers[round->queue[i]]);
		carry_finish_ready(round->carry);
		carry_refs_settle(round->carry);
	}
}

/* The engine tells of a complete file by its FETCHED event; the result is in the transfer by then. */
static void on_event(void *context, const struct ncm_event *event)
{
	struct round *round = context;

	ncm_emit(&round->carry->run->sink, event);
	if (event->type != NCM_EVENT_FETCHED)
		return;
	pthread_mutex_lock(&round->mutex);
	round->queue[round->queued++] = event->slot;
	pthread_cond_signal(&round->filled);
	pthread_mutex_unlock(&round->mutex);
}

static int run_round(struct round *round, struct ncm_error *err)
{
	const struct ncm_config *config = round->carry->run->config;
	const struct ncm_transfer_options options = {.jobs = config->jobs,
						     .connections = config->connections,
						     .limit_rate = config->limit_rate,
						     .retries = config->retries};
	const struct ncm_sink sink = {on_event, round};
	pthread_t thread;
	int result;

	if (pthread_create(&thread, NULL, finisher, round) != 0)
		return ncm_error_set(err, NCM_E_OTHER, "cannot start a thread");
	result = ncm_transfer_run(round->carry->run->http, round->transfers, round->count, &options, &sink, err);
	pthread_mutex_lock(&round->mutex);
	round->closed = true;
	pthread_cond_signal(&round->filled);
	pthread_mutex_unlock(&round->mutex);
	pthread_join(thread, NULL);
	for (size_t i = 0; i < round->count; i++) {
		if (!round->transfers[i].done)
			note_result(round->carry, round->tasks[i], &round->transfers[i]);
	}
	return result;
}

/* Another place may have what this one could not give; it cannot mend our disk or a missing consent. */
static bool worth_an_alternate(const struct task *task, bool offline)
{
	switch (task->error.code) {
	case NCM_E_NO_SPACE:
	case NCM_E_IO:
	case NCM_E_STALE:
	case NCM_E_POLICY:
	case NCM_E_INTERRUPTED:
		return false;
	default:
		return task->state == TASK_OPEN && !offline;
	}
}

bool place_counts(const struct carry *carry, const struct place *place)
{
	return model_of(carry->run, place->wanted)->error.code == NCM_OK;
}

/* Fetches go to the first place that still counts and whose store could be opened; that becomes the first of all. */
static bool pick_staging(const struct carry *carry, struct task *task)
{
	struct content *content = task->item->content;

	for (size_t i = 0; i < content->place_count; i++) {
		const struct place place = content->places[i];
		const struct step step = task->item->steps[i];

		if (place.store->staging < 0 || !place_counts(carry, &place))
			continue;
		content->places[i] = content->places[0];
		content->places[0] = place;
		task->item->steps[i] = task->item->steps[0];
		task->item->steps[0] = step;
		if (i > 0)
			task->item->mend.count = 0; /* they are another place's */
		return true;
	}
	return false;
}

static void fail_models(const struct carry *carry, const struct task *task)
{
	const struct content *content = task->item->content;

	for (size_t i = 0; i < content->place_count; i++)
		model_fail(model_of(carry->run, content->places[i].wanted), &task->error);
}

/* Other bytes than were pinned: who pinned them can take others. */
static void hint_at_pin(const struct carry *carry, struct task *task)
{
	const struct wanted *wanted = &carry->run->wanted[task->item->content->wanted];

	if (task->error.code != NCM_E_CHECKSUM || task->error.hint)
		return;
	if (wanted->spec->has_sha256)
		ncm_error_hint(&task->error,
			       "the manifest pins other bytes than are served: correct it, or the source");
	else if (wanted_lock_entry(carry->run, wanted))
		ncm_error_hint(&task->error,
			       "the lock pins other bytes than are served; to take what is served now: "
			       "ncmodel pull --update %s",
			       model_id(carry->run, wanted));
	else if (ncm_source_is_hearsay(wanted->uri) && wanted->resolution && wanted->resolution->service)
		ncm_error_hint(&task->error,
			       "%s says that it has the digest that was expected, and has been wrong before; who knows "
			       "the right one pins it: %s#sha256=HEX",
			       wanted->resolution->service->name, wanted->resolution->uri);
}

/* What no source has is told as that, whatever became of those who were asked by its digest. */
static void tell_asked(const struct carry *carry, struct task *task)
{
	const struct content *content = task->item->content;
	const struct wanted *wanted = &carry->run->wanted[content->wanted];
	struct ncm_error *error = &task->error;
	char *message = error->message;

	if (content->found && error->code != NCM_E_INTERRUPTED &&
	    worth_an_alternate(task, carry->run->options.offline)) {
		lost_tell(wanted, content, error);
	} else if (content->asked.size > 0 && message) {
		error->message = ncm_asprintf("%s; asked by its digest, too: %s", message, content->asked.data);
		free(message);
	}
}

static void give_up(const struct carry *carry, struct task *task)
{
	hint_at_pin(carry, task);
	tell_asked(carry, task);
	task->state = TASK_FAILED;
	fail_models(carry, task);
}

/* A file that could not be mended in its place is fetched whole, which the plan's space did not count. */
static bool try_again(const struct carry *carry, struct task *task)
{
	const bool again = task->again, counted = task->finding.put_off;

	task->again = task->finding.put_off = false;
	return again && (counted || space_check(carry->planned, &task->error) == 0);
}

static bool is_to_fetch(struct carry *carry, struct task *task, bool first)
{
	const struct content *content = task->item->content;

	if (first && carry->run->options.from_cache && carry_shared_take(carry, task) < 0)
		return false;
	/* The lock told its digest alone: it was here, and is gone since the plan was made. Its source was not asked;
	 * blobs alone are not all that a tag needs. */
	if (!content->artifact->url && !carry->run->options.offline &&
	    !ncm_source_gives_blobs(carry->run->wanted[content->wanted].uri))
		(void)alternate_ask(carry, task, task->alternate);
	if (!content->artifact->url) {
		ncm_error_set(&task->error, NCM_E_IO, "%s was here and is gone now", content->name);
		ncm_error_hint(&task->error, "pull again: then it is fetched");
		return false;
	}
	if (first || try_again(carry, task))
		return true;
	if (!task->has_next)
		return false;
	ncm_emit_text(&carry->run->sink, NCM_EVENT_NOTE, "%s: %s; trying %s", content->name, task->error.message,
		      content->resolution->uri);
	return true;
}

static void find_next(void *context, size_t index)
{
	struct round *round = context;
	struct task *task = round->tasks[index];

	task->has_next = alternate_next(round->carry, task) == 0;
}

/* For all that failed at once: of many files that are gone each has others to be asked. */
static void find_next_places(struct carry *carry)
{
	const size_t most = carry->planned->contents.count;
	NCM_AUTO_FREE struct task **tasks = ncm_calloc(most + 1, sizeof *tasks);
	struct round round = {.carry = carry, .tasks = tasks};

	for (size_t i = 0; i < most; i++) {
		struct task *task = &carry->tasks[i];

		task->has_next = false;
		if (task->item->content->place_count > 0 && item_needs_network(task->item) &&
		    !item_is_given_up(carry->run, task->item) && !task->again &&
		    worth_an_alternate(task, carry->run->options.offline) && task->item->content->artifact->url)
			tasks[round.count++] = task;
	}
	ncm_parallel(RESOLVE_THREADS, round.count, find_next, &round);
}

static size_t gather(struct carry *carry, bool first, struct task **chosen)
{
	size_t count = 0;

	if (!first)
		find_next_places(carry);
	carry_refs_ask(carry);
	for (size_t i = 0; i < carry->planned->contents.count; i++) {
		struct task *task = &carry->tasks[i];

		if (task->state != TASK_OPEN || task->finding.awaited || task->item->content->place_count == 0 ||
		    !item_needs_network(task->item) || !pick_staging(carry, task))
			continue;
		if (is_to_fetch(carry, task, first))
			chosen[count++] = task;
		else
			give_up(carry, task);
	}
	return count;
}

/* Those that are kept here, else those that its source has. */
static void find_checkpoints(const struct carry *carry, struct task *task)
{
	const struct content *content = task->item->content;

	if (task->known.size > 0 || !content->has_sha256 || !content->has_size)
		return;
	if (checkpoints_find(carry->run, &content->sha256, content->size, &task->known) < 0 &&
	    ncm_source_checkpoints(carry->run->sources, content->resolution, content->artifact, &content->sha256,
				   content->size, &task->known) < 0)
		task->known = (struct ncm_checkpoints){0};
}

static void ask_around(void *context, size_t index)
{
	struct round *round = context;

	alternate_add_mirrors(round->carry, round->tasks[index]);
	find_checkpoints(round->carry, round->tasks[index]);
}

static void prepare_transfer(const struct carry *carry, struct task *task, struct ncm_transfer_item *transfer)
{
	free(task->partial);
	task->partial = item_partial(task->item);
	item_transfer(carry->run, task->item, task->partial, transfer);
	transfer->mirrors = task->mirrors;
	transfer->mirror_count = task->mirror_count;
	transfer->known = task->known.size > 0 ? &task->known : NULL;
}

static int fetch_round(struct carry *carry, struct task **chosen, size_t count, struct ncm_error *err)
{
	struct round round = {.carry = carry, .tasks = chosen, .count = count};
	int result;

	round.transfers = ncm_calloc(count, sizeof *round.transfers);
	round.queue = ncm_calloc(count, sizeof *round.queue);
	pthread_mutex_init(&round.mutex, NULL);
	pthread_cond_init(&round.filled, NULL);
	ncm_parallel(RESOLVE_THREADS, count, ask_around, &round);
	for (size_t i = 0; i < count; i++)
		prepare_transfer(carry, chosen[i], &round.transfers[i]);
	result = run_round(&round, err);
	pthread_cond_destroy(&round.filled);
	pthread_mutex_destroy(&round.mutex);
	free(round.queue);
	free(round.transfers);
	return result;
}

static void refuse_offline(const struct carry *carry, struct task **chosen, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		ncm_error_set(&chosen[i]->error, NCM_E_OFFLINE, "%s is not here, and --offline forbids to fetch it",
			      chosen[i]->item->content->name);
		run_hint_offline(carry->run, "without --offline it is fetched", &chosen[i]->error);
		give_up(carry, chosen[i]);
	}
}

static struct cache_flights *begin_flights(const struct carry *carry)
{
	return carry->shares && !carry->run->options.offline
		   ? cache_flights_begin(carry->run->sources, carry->filler != NULL)
		   : NULL;
}

static int fetch(struct carry *carry, struct task **chosen, size_t count, struct ncm_error *err)
{
	if (!carry->run->options.offline || carry->run->options.from_cache)
		return fetch_round(carry, chosen, count, err);
	refuse_offline(carry, chosen, count);
	return 0;
}

int carry_fetch(struct carry *carry, struct ncm_error *err)
{
	NCM_AUTO_FREE struct task **chosen = ncm_calloc(carry->planned->contents.count + 1, sizeof *chosen);
	bool first = true;
	int result = 0;
	size_t count;

	carry_count(carry);
	carry_finish_ready(carry); /* what needs no network */
	carry->flights = begin_flights(carry);
	while (result == 0 && ((count = gather(carry, first, chosen)) > 0 || carry_refs_wait(carry))) {
		result = count > 0 ? fetch(carry, chosen, count, err) : 0;
		first = false;
	}
	cache_flights_wait(carry->flights);
	carry_shared_landed(carry);
	cache_flights_free(carry->flights);
	carry->flights = NULL;
	return result;
}
