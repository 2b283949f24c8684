/* SPDX-License-Identifier: MIT */
/* A run from the stores' locks to the last look; and which models have all of their content (dependency counting). */
#include "carry/carry.h"

#include "base/file.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/path.h"
#include "verify/check.h"

#include <errno.h>
#include <string.h>

/* What failed is waited for no longer: whoever wants it is told why when its turn comes. */
static bool is_settled(const struct task *task)
{
	return task->item->content->kind == CONTENT_MANIFEST || task->state != TASK_OPEN || item_ready_path(task->item);
}

void carry_count(struct carry *carry)
{
	const struct contents *contents = &carry->planned->contents;

	for (size_t i = 0; i < contents->count; i++)
		carry->tasks[i].settled = is_settled(&carry->tasks[i]);
	for (size_t m = 0; m < carry->run->model_count; m++) {
		struct outcome *outcome = &carry->outcomes[m];

		for (size_t i = contents->first[m]; i < contents->first[m + 1]; i++)
			outcome->awaited += !carry->tasks[contents->of_models[i]].settled;
		if (outcome->awaited == 0)
			*NCM_PUSH(carry->ready, carry->ready_count) = m;
	}
}

void task_recount(struct carry *carry, struct task *task)
{
	const struct content *content = task->item->content;
	const bool settled = is_settled(task);

	if (settled == task->settled)
		return;
	task->settled = settled;
	carry->recounts++;
	for (size_t i = 0; i < content->place_count; i++) {
		const size_t model = carry->run->wanted[content->places[i].wanted].model;
		struct outcome *outcome = &carry->outcomes[model];

		if (outcome->recount == carry->recounts) /* it wants it in another place, too */
			continue;
		outcome->recount = carry->recounts;
		outcome->awaited = settled ? outcome->awaited - 1 : outcome->awaited + 1;
		if (outcome->awaited == 0)
			*NCM_PUSH(carry->ready, carry->ready_count) = model;
	}
}

static int compare_numbers(const void *a, const void *b)
{
	const size_t x = *(const size_t *)a, y = *(const size_t *)b;

	return (x > y) - (x < y);
}

void carry_finish_ready(struct carry *carry)
{
	NCM_AUTO_FREE size_t *ready = carry->ready;
	const size_t ready_count = carry->ready_count;
	size_t count = 0;

	carry->ready = NULL;
	carry->ready_count = 0;
	for (size_t i = 0; i < ready_count; i++) {
		if (carry->run->models[ready[i]].error.code == NCM_OK && !carry->outcomes[ready[i]].registered)
			ready[count++] = ready[i];
	}
	/* What is ready at one time is recorded in the order in which it was asked for. */
	if (count > 1)
		qsort(ready, count, sizeof *ready, compare_numbers);
	carry_finish(carry, ready, count);
}

/* The stores that this run writes to, each once, in an order that is the same in every process. */
static struct ncm_store **stores_used(const struct planned *planned, size_t *count)
{
	const struct ncm_layout *layout = planned->run->layout;
	NCM_AUTO_FREE bool *used = ncm_calloc(layout->count + 1, sizeof *used);
	struct ncm_store **stores = NULL;

	*count = 0;
	for (size_t i = 0; i < planned->contents.count; i++) {
		const struct content *content = &planned->contents.items[i];

		for (size_t k = 0; k < content->place_count; k++)
			used[content->places[k].store - layout->stores] = true;
	}
	for (size_t i = 0; i < layout->count; i++) {
		if (used[i])
			*NCM_PUSH(stores, *count) = &layout->stores[i];
	}
	ncm_stores_order(stores, count);
	return stores;
}

/* What is in place needs nothing of its store. */
static void fail_users_of(const struct planned *planned, const struct ncm_store *store, const struct ncm_error *why)
{
	for (size_t i = 0; i < planned->contents.count; i++) {
		const struct content *content = &planned->contents.items[i];

		for (size_t k = 0; k < content->place_count; k++) {
			struct chosen_model *model = model_of(planned->run, content->places[k].wanted);

			if (model->error.code != NCM_OK || item_step(&planned->items[i], k) == NCM_STEP_KEEP ||
			    !ncm_stores_share(content->places[k].store, store))
				continue;
			ncm_error_copy(&model->error, why);
			ncm_error_wrap(&model->error, "%s", model->model->id);
		}
	}
}

/* Opens every store and takes its lock, so that no other run works in it. locks[i] is -1 for a store that cannot be
 * used. */
static int lock_stores(struct planned *planned, struct ncm_store **stores, size_t count, int *locks,
		       struct ncm_error *err)
{
	struct run *run = planned->run;

	for (size_t i = 0; i < count; i++) {
		struct ncm_error why = NCM_ERROR_INIT;

		locks[i] = ncm_store_lock(stores[i], run->options.no_wait, &run->sink, &why);
		if (why.code == NCM_E_BUSY || why.code == NCM_E_INTERRUPTED)
			return ncm_error_move(err, &why);
		if (why.code != NCM_OK)
			fail_users_of(planned, stores[i], &why);
		ncm_error_clear(&why);
	}
	/* Several ids may name one folder: they share what was opened. */
	for (size_t i = 0; i < run->layout->count; i++) {
		struct ncm_store *store = &run->layout->stores[i];

		for (size_t k = 0; k < count; k++) {
			if (store != stores[k] && store->dirfd < 0 && ncm_stores_share(store, stores[k]))
				(void)ncm_store_open(store, NULL);
		}
	}
	return 0;
}

static bool anything_to_do(const struct carry *carry)
{
	const struct planned *planned = carry->planned;

	for (size_t i = 0; i < planned->contents.count; i++) {
		if (planned->contents.items[i].place_count > 0 && !item_is_right(&planned->items[i]))
			return true;
	}
	for (size_t i = 0; i < carry->run->model_count && !planned->repairs; i++) {
		if (carry->run->models[i].error.code == NCM_OK && carry_needs_record(carry, i))
			return true;
	}
	return false;
}

/* Another run may have done part of the work while this one waited for the locks. */
static int judge_anew(struct planned *planned, struct ncm_error *err)
{
	if (run_reload_registry(planned->run, err) < 0)
		return -1;
	plan_judge(planned);
	/* What was not judged again may speak of entries that are gone. */
	if (ncm_interrupted())
		return ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted; nothing was changed");
	plan_refuse(planned);
	return space_check(planned, err);
}

static void check_model(struct chosen_model *model, const struct outcome *outcome)
{
	const struct ncm_reg_model entry = {
	    .id = model->id, .files = outcome->files, .file_count = outcome->file_count};

	for (size_t i = 0; i < entry.file_count && model->error.code == NCM_OK; i++) {
		const enum ncm_verdict verdict = verify_look(&entry, &entry.files[i]);

		if (verdict != NCM_VERDICT_OK)
			ncm_error_set(&model->error, NCM_E_DAMAGED, "%s: %s is %s right after the pull",
				      model->model->id, entry.files[i].abs, ncm_verdict_name(verdict));
	}
}

/*
 * The last look over what was pulled, and nothing else: its bytes were hashed as they were written, so the files'
 * presence, size and mtime and the Ollama manifests are checked here, not every byte again: `ncmodel verify` does that.
 */
static void check_pulled(const struct carry *carry)
{
	const struct run *run = carry->run;
	size_t models = 0, files = 0;

	for (size_t i = 0; i < run->model_count; i++) {
		const struct outcome *outcome = &carry->outcomes[i];

		if (!outcome->registered || !outcome->changed)
			continue;
		check_model(&run->models[i], outcome);
		files += outcome->file_count;
		models++;
	}
	if (models > 0)
		ncm_emit_text(&run->sink, NCM_EVENT_NOTE,
			      "checked %zu %s of %zu %s: there, with the size and digest they were fetched with", files,
			      files == 1 ? "file" : "files", models, models == 1 ? "model" : "models");
}

/* What models.json cannot take is fetched in vain, so that is asked before the first byte. */
static int check_registry(const struct run *run, struct ncm_error *err)
{
	NCM_AUTO_FREE char *folder = ncm_path_folder(run->registry_path);
	NCM_AUTO_FREE char *barrier = ncm_barrier_of(folder);

	if (!barrier)
		return 0;
	ncm_error_set(err, NCM_E_IO, "%s cannot be written: %s", run->registry_path, barrier);
	return ncm_hint_refused(
	    err, ncm_is_read_only(folder) ? EROFS : EACCES, "nothing was fetched; ",
	    "run it as a user who may write there, or name a models.json of your own with NCMODEL_REGISTRY");
}

static int work(struct carry *carry, struct ncm_error *err)
{
	size_t count;
	NCM_AUTO_FREE struct ncm_store **stores = stores_used(carry->planned, &count);
	NCM_AUTO_FREE int *locks = ncm_calloc(count + 1, sizeof *locks);
	int failed;

	for (size_t i = 0; i < count; i++)
		locks[i] = -1;
	failed = carry->planned->repairs ? 0 : check_registry(carry->run, err);
	if (!failed)
		failed = lock_stores(carry->planned, stores, count, locks, err);
	if (!failed)
		failed = judge_anew(carry->planned, err);
	if (!failed)
		failed = carry_fetch(carry, err);
	for (size_t i = 0; i < count; i++)
		ncm_lock_release(locks[i]);
	return failed;
}

static void carry_begin(struct carry *carry, struct planned *planned)
{
	const struct run *run = planned->run;

	*carry = (struct carry){.planned = planned,
				.run = planned->run,
				.tasks = ncm_calloc(planned->contents.count + 1, sizeof *carry->tasks),
				.outcomes = ncm_calloc(run->model_count + 1, sizeof *carry->outcomes)};
	for (size_t i = 0; i < planned->contents.count; i++) {
		struct task *task = &carry->tasks[i];
		const struct content *content = &planned->contents.items[i];
		const struct wanted *wanted = &run->wanted[content->wanted];

		task->item = &planned->items[i];
		task->unpinned = !content->has_sha256;
		task->origins = ncm_calloc(content->place_count + 1, sizeof *task->origins);
		while (task->alternate + 1 < wanted->spec->from.count &&
		       strcmp(wanted->spec->from.items[task->alternate], wanted->uri) != 0)
			task->alternate++;
		if (content->found) /* they were all asked */
			task->alternate = wanted->spec->from.count - 1;
	}
}

static void carry_end(struct carry *carry)
{
	for (size_t i = 0; i < carry->planned->contents.count; i++) {
		struct task *task = &carry->tasks[i];

		free(task->partial);
		free(task->origins);
		ncm_resolution_free(task->own);
		task_forget_mirrors(task);
		free(task->server_name);
		ncm_checkpoints_clear(&task->checkpoints);
		ncm_unpacked_free(task->unpacked, task->unpacked_count);
		ncm_error_clear(&task->error);
	}
	for (size_t i = 0; i < carry->run->model_count; i++) {
		outcome_clear(&carry->outcomes[i]);
		ncm_facts_clear(&carry->outcomes[i].facts);
	}
	free(carry->tasks);
	free(carry->outcomes);
	free(carry->ready);
}

int ncm_plan_run(struct ncm_plan *plan, const struct ncm_sink *sink, struct ncm_result **result, struct ncm_error *err)
{
	struct planned *planned = plan->impl;
	struct run *run = planned->run;
	const double started = ncm_monotonic();
	struct carry carry;
	int failed = 0;

	if (result)
		*result = NULL;
	if (sink)
		run->user_sink = *sink;
	if (space_check(planned, err) < 0)
		return ncm_error_hint(err, "%s; or free some space, or lower the reserve",
				      plan->fits ? plan->fits : "");
	carry_begin(&carry, planned);
	carry_shared_begin(&carry);
	if (anything_to_do(&carry)) {
		failed = work(&carry, err);
		if (!planned->repairs)
			check_pulled(&carry);
	} else {
		for (size_t i = 0; i < run->model_count; i++)
			carry.outcomes[i].registered = run->models[i].error.code == NCM_OK;
	}
	if (result)
		*result = carry_result(&carry, started);
	carry_shared_end(&carry);
	carry_end(&carry);
	return failed;
}
