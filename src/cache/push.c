/* SPDX-License-Identifier: MIT */
/* Installed models into the cache: content, then the lock that keeps it. */
#include "cache/keep.h"
#include "cache/send.h"

#include "base/mem.h"
#include "base/thread.h"
#include "manifest/filter.h"

enum { PARTS_AT_ONCE = 4 };

static int send(struct keeping *keeping, struct ncm_cache_item *item, struct cache_telling *telling,
		struct ncm_error *err)
{
	NCM_AUTO_FREE char *what = ncm_asprintf("%s: %s", item->model, item->path);
	struct ncm_checkpoints known = {0};
	struct cache_sending sending = {.cache = &keeping->cache,
					.what = what,
					.model = item->model,
					.path = item->path,
					.sha256 = item->sha256,
					.size = item->size,
					.at_once = PARTS_AT_ONCE,
					.stop = &keeping->failed,
					.progress = cache_tell_progress,
					.context = telling};
	enum cache_made made;

	if (ncm_layout_checkpoints(keeping->layout, &item->sha256, item->size, &known) == 0)
		sending.known = &known;
	made = cache_send(&sending, err);
	ncm_checkpoints_clear(&known);
	if (made == CACHE_FAILED)
		return -1;
	item->state = made == CACHE_MADE ? NCM_CACHE_SENT : NCM_CACHE_THERE;
	free(item->why);
	item->why = NULL;
	pthread_mutex_lock(&keeping->failure_lock);
	keeping->report->sent += sending.sent;
	pthread_mutex_unlock(&keeping->failure_lock);
	return 0;
}

static void complete(const struct keeping *keeping, const struct ncm_cache_item *item)
{
	struct ncm_checkpoints known;

	if (ncm_layout_checkpoints(keeping->layout, &item->sha256, item->size, &known) < 0)
		return;
	cache_send_missing_checkpoints(&keeping->cache, &known);
	ncm_checkpoints_clear(&known);
}

/* What another's failure or the user stopped is not its own. */
static void note_unsent(struct ncm_cache_item *item, const struct ncm_error *err)
{
	if (err->code == NCM_E_INTERRUPTED)
		return;
	item->state = NCM_CACHE_UNSENT;
	free(item->why);
	item->why = ncm_strdup(err->message);
}

static void job(void *context, size_t index)
{
	struct keeping *keeping = context;
	struct ncm_cache_item *item = &keeping->report->items[index];
	struct cache_telling telling = {&keeping->sink, item->model, item->path, item->size, (unsigned)index, false};
	struct ncm_error err = NCM_ERROR_INIT;
	int failed;

	if (keeping->failed)
		return;
	if (item->state == NCM_CACHE_THERE) {
		complete(keeping, item);
		return;
	}
	failed = send(keeping, item, &telling, &err);
	cache_tell_end(&telling, failed);
	if (!failed)
		return;
	note_unsent(item, &err);
	keeping_fail(keeping, &err);
}

static int send_all(struct keeping *keeping, struct ncm_error *err)
{
	keeping->changes = true;
	ncm_parallel(keeping->config->jobs ? keeping->config->jobs : 1, keeping->report->count, job, keeping);
	return keeping->failed ? ncm_error_move(err, &keeping->failure) : 0;
}

static void note_to_send(const struct keeping *keeping)
{
	for (size_t i = 0; i < keeping->report->count; i++) {
		struct ncm_cache_item *item = &keeping->report->items[i];

		if (item->state != NCM_CACHE_THERE)
			item->state = NCM_CACHE_TO_SEND;
	}
}

static int check_choice(const struct keeping *keeping, struct ncm_error *err)
{
	if (keeping->options->all || !ncm_selector_is_open(keeping->options->selector))
		return 0;
	ncm_error_set(err, NCM_E_USAGE, "which models are to go into the cache?");
	return ncm_error_hint(err, "name them, or choose some as for `ncmodel list`, which shows what is installed; "
				   "--all means every one");
}

static int check_name(const struct keeping *keeping, struct ncm_error *err)
{
	NCM_AUTO_FREE char *name = NULL;

	return keeping_name_lock(keeping, &name, err);
}

static int push(struct keeping *keeping, struct ncm_error *err)
{
	if (check_choice(keeping, err) < 0 || check_name(keeping, err) < 0 || keeping_choose(keeping, err) < 0)
		return -1;
	if (keeping->report->count == 0)
		return ncm_error_set(err, NCM_E_USAGE, "no registered model is chosen: there is nothing to send");
	if (keeping_look(keeping, err) < 0)
		return -1;
	note_to_send(keeping);
	if (keeping->options->dry_run)
		return 0;
	if (keeping_load_pins(keeping, err) < 0)
		return -1;
	if (send_all(keeping, err) < 0) {
		(void)keeping_write_lock(keeping, NULL);
		if (err->code == NCM_E_INTERRUPTED && !err->hint)
			ncm_error_hint(err, "run the same command to go on: what has arrived is not sent again");
		return -1;
	}
	return keeping_write_lock(keeping, err);
}

struct ncm_cache_report *ncm_cache_push(const struct ncm_config *config, const struct ncm_cache_options *options,
					const struct ncm_sink *sink, struct ncm_error *err)
{
	return keeping_run(config, options, sink, push, err);
}
