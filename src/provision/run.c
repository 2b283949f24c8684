/* SPDX-License-Identifier: MIT */
/* Carrying a plan out. */
#include "provision/plan.h"

#include "base/file.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/strings.h"

#include <ncmodel/verify.h>

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The stores that this run writes to, each once, in an order that is the same in every process. */
static struct ncm_store **stores_used(const struct run *run, size_t *count)
{
	struct ncm_store **stores = NULL;

	*count = 0;
	for (size_t i = 0; i < run->item_count; i++) {
		for (size_t k = 0; k < run->items[i].dest_count; k++)
			*NCM_PUSH(stores, *count) = run->items[i].dests[k].store;
	}
	ncm_stores_order(stores, count);
	return stores;
}

static void fail_users_of(struct run *run, const struct ncm_store *store, const struct ncm_error *why)
{
	for (size_t i = 0; i < run->item_count; i++) {
		for (size_t k = 0; k < run->items[i].dest_count; k++) {
			const struct dest *dest = &run->items[i].dests[k];
			struct chosen_model *model = &run->models[run->wanted[dest->wanted].model];

			if (strcmp(dest->store->path, store->path) == 0 && model->error.code == NCM_OK)
				ncm_error_set(&model->error, why->code, "%s: %s", model->model->id, why->message);
		}
	}
}

/* Opens every store and takes its lock, so that no other run works in it. locks[i] is -1 for a store that cannot be
 * used. */
static int lock_stores(struct run *run, struct ncm_store **stores, size_t count, int *locks, struct ncm_error *err)
{
	for (size_t i = 0; i < count; i++) {
		struct ncm_error why = NCM_ERROR_INIT;

		locks[i] = ncm_store_lock(stores[i], run->options.no_wait, &run->sink, &why);
		if (why.code == NCM_E_BUSY || why.code == NCM_E_INTERRUPTED)
			return ncm_error_move(err, &why);
		if (why.code != NCM_OK)
			fail_users_of(run, stores[i], &why);
		ncm_error_clear(&why);
	}
	/* Several ids may name one folder: they share what was opened. */
	for (size_t i = 0; i < run->layout->count; i++) {
		struct ncm_store *store = &run->layout->stores[i];

		for (size_t k = 0; k < count; k++) {
			if (store != stores[k] && store->dirfd < 0 && strcmp(store->path, stores[k]->path) == 0)
				(void)ncm_store_open(store, NULL);
		}
	}
	return 0;
}

static bool anything_to_do(const struct run *run)
{
	for (size_t i = 0; i < run->item_count; i++) {
		for (size_t k = 0; k < run->items[i].dest_count; k++) {
			if (!run->items[i].dests[k].right || run->items[i].dests[k].adopted)
				return true;
		}
	}
	for (size_t i = 0; i < run->model_count; i++) {
		if (run->models[i].error.code == NCM_OK && !ncm_registry_find(run->registry, run->models[i].model->id))
			return true;
	}
	return false;
}

/* Another run may have done part of the work while this one waited for the locks. */
static int look_again(struct run *run, struct ncm_error *err)
{
	struct ncm_registry *fresh = ncm_registry_load(run->config, err);

	if (!fresh)
		return -1;
	ncm_registry_free(run->registry);
	run->registry = fresh;
	items_classify(run);
	refuse_foreign(run);
	return space_check(run, err);
}

/*
 * The last look over what was pulled. Its bytes were hashed as they were written, so the files' presence, size and
 * mtime and the Ollama manifests are checked here, not every byte again: `ncmodel verify` does that.
 */
static void verify_pulled(struct run *run)
{
	struct ncm_selector selector = {0};
	struct ncm_verify_report *report;

	for (size_t i = 0; i < run->model_count; i++) {
		if (run->models[i].registered && run->models[i].changed)
			ncm_strings_add(&selector.names, run->models[i].model->id);
	}
	if (selector.names.count == 0)
		return;
	report = ncm_verify(run->config, &selector, true, NULL, NULL);
	for (size_t i = 0; report && i < report->count; i++) {
		const struct ncm_verify_file *file = &report->files[i];

		for (size_t k = 0; k < run->model_count && file->verdict != NCM_VERDICT_OK; k++) {
			struct chosen_model *model = &run->models[k];

			if (strcmp(model->model->id, file->model->id) == 0 && model->error.code == NCM_OK)
				ncm_error_set(&model->error, NCM_E_DAMAGED, "%s: %s is %s right after the pull",
					      model->model->id, file->file->abs, ncm_verdict_name(file->verdict));
		}
	}
	if (report)
		ncm_emit_text(&run->sink, NCM_EVENT_NOTE,
			      "checked %zu files of %zu models: there, with the size and digest they were fetched with",
			      report->count, report->models);
	ncm_verify_free(report);
	ncm_strings_free(&selector.names);
}

static void describe_result(const struct run *run, size_t index, struct ncm_result *result)
{
	const struct chosen_model *model = &run->models[index];
	struct ncm_result_model *out = &result->models[index];

	out->model = model->model;
	for (size_t i = 0; i < run->item_count; i++) {
		const struct item *item = &run->items[i];
		bool wanted = false;

		for (size_t k = 0; k < item->dest_count; k++)
			wanted = wanted || run->wanted[item->dests[k].wanted].model == index;
		if (!wanted)
			continue;
		out->size += item->size;
		if (run->wanted[item->dests[0].wanted].model == index)
			out->fetched += item->received;
		out->first_use =
		    out->first_use || (item->first_use && item->state == ITEM_PLACED && item->received > 0);
		if (!out->served_by && item->served_by)
			out->served_by = ncm_strdup(item->served_by);
	}
	result->fetched += out->fetched;
	if (model->error.code != NCM_OK || !model->registered) {
		out->outcome = NCM_OUTCOME_FAILED;
		if (model->error.code != NCM_OK) {
			model_error_copy(&out->error, model);
		} else {
			ncm_error_set(&out->error, NCM_E_INTERRUPTED, "%s: interrupted; what was fetched is kept",
				      model->model->id);
		}
		result->failed++;
	} else if (model->changed) {
		out->outcome = NCM_OUTCOME_PULLED;
		result->pulled++;
	} else {
		out->outcome = NCM_OUTCOME_PRESENT;
		result->present++;
	}
}

static struct ncm_result *make_result(const struct run *run, double started)
{
	struct ncm_result *result = ncm_calloc(1, sizeof *result);
	bool enough;

	result->models = ncm_calloc(run->model_count, sizeof *result->models);
	result->count = run->model_count;
	for (size_t i = 0; i < run->model_count; i++)
		describe_result(run, i, result);
	result->seconds = ncm_monotonic() - started;
	space_measure(run, &result->disks, &result->disk_count, &enough);
	return result;
}

static int work(struct run *run, struct ncm_error *err)
{
	size_t count;
	NCM_AUTO_FREE struct ncm_store **stores = stores_used(run, &count);
	NCM_AUTO_FREE int *locks = ncm_calloc(count, sizeof *locks);
	int failed;

	for (size_t i = 0; i < count; i++)
		locks[i] = -1;
	failed = lock_stores(run, stores, count, locks, err);
	if (!failed)
		failed = look_again(run, err);
	if (!failed)
		failed = items_fetch(run, err);
	for (size_t i = 0; i < count; i++)
		ncm_lock_release(locks[i]);
	return failed;
}

int ncm_plan_run(struct ncm_plan *plan, const struct ncm_sink *sink, struct ncm_result **result, struct ncm_error *err)
{
	struct run *run = plan->impl;
	const double started = ncm_monotonic();
	int failed = 0;

	if (result)
		*result = NULL;
	if (sink)
		run->user_sink = *sink;
	if (space_check(run, err) < 0)
		return ncm_error_hint(err, "%s; or free some space, or lower the reserve",
				      plan->fits ? plan->fits : "");
	if (anything_to_do(run)) {
		failed = work(run, err);
		if (!run->verified)
			verify_pulled(run);
	} else {
		for (size_t i = 0; i < run->model_count; i++)
			run->models[i].registered = run->models[i].error.code == NCM_OK;
	}
	if (result)
		*result = make_result(run, started);
	return failed;
}

void ncm_result_free(struct ncm_result *result)
{
	if (!result)
		return;
	for (size_t i = 0; i < result->count; i++) {
		ncm_error_clear(&result->models[i].error);
		free(result->models[i].served_by);
	}
	free(result->models);
	plan_disks_free(result->disks, result->disk_count);
	free(result);
}

enum ncm_errc ncm_result_class(const struct ncm_result *result)
{
	enum ncm_errc class = NCM_OK;

	for (size_t i = 0; i < result->count; i++) {
		enum ncm_errc code = result->models[i].error.code;

		if (code == NCM_OK)
			continue;
		if (class != NCM_OK && ncm_errc_exit(class) != ncm_errc_exit(code))
			return NCM_E_OTHER;
		class = code;
	}
	return class;
}
