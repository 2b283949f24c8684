/* SPDX-License-Identifier: MIT */
/* Making a plan: resolve, look at the disk, say what a pull would do. Nothing is written. */
#include "provision/plan.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "manifest/load.h"

#include <string.h>

/* Events come from several threads; the user's sink sees one at a time. */
static void emit_locked(void *context, const struct ncm_event *event)
{
	struct run *run = context;

	pthread_mutex_lock(&run->mutex);
	ncm_emit(&run->user_sink, event);
	pthread_mutex_unlock(&run->mutex);
}

void run_free(struct run *run)
{
	if (!run)
		return;
	items_free(run);
	for (size_t i = 0; i < run->wanted_count; i++) {
		ncm_resolution_free(run->wanted[i].resolution);
		ncm_error_clear(&run->wanted[i].error);
	}
	for (size_t i = 0; i < run->model_count; i++)
		ncm_error_clear(&run->models[i].error);
	free(run->wanted);
	free(run->models);
	free(run->hashed);
	elsewhere_free(run);
	free(run->damages);
	for (size_t i = 0; i < run->own_count; i++)
		manifest_model_clear(&run->own_models[i]);
	free(run->own_models);
	free(run->registry_path);
	ncm_sources_free(run->sources);
	ncm_http_free(run->http);
	ncm_lock_free(run->lock);
	ncm_registry_free(run->registry);
	ncm_layout_free(run->layout);
	pthread_mutex_destroy(&run->mutex);
	free(run);
}

void run_take_models(struct run *run, struct ncm_model *const *models, size_t count)
{
	run->models = ncm_calloc(count, sizeof *run->models);
	run->model_count = count;
	for (size_t i = 0; i < count; i++) {
		struct chosen_model *chosen = &run->models[i];

		chosen->model = models[i];
		chosen->files = models[i]->chosen ? models[i]->chosen->files : models[i]->files;
		chosen->file_count = models[i]->chosen ? models[i]->chosen->file_count : models[i]->file_count;
		for (size_t k = 0; k < chosen->file_count; k++) {
			struct wanted *wanted = NCM_PUSH(run->wanted, run->wanted_count);

			wanted->model = i;
			wanted->spec = &chosen->files[k];
		}
	}
}

struct run *run_new(const struct ncm_config *config, const struct ncm_provision_options *options,
		    const struct ncm_sink *sink, struct ncm_error *err)
{
	struct run *run = ncm_calloc(1, sizeof *run);
	NCM_AUTO_FREE char *lock_path = NULL;

	pthread_mutex_init(&run->mutex, NULL);
	run->config = config;
	run->options = *options;
	if (sink)
		run->user_sink = *sink;
	run->sink = (struct ncm_sink){emit_locked, run};
	run->layout = ncm_layout_load(config, err);
	if (!run->layout)
		goto failed;
	run->registry_path = ncm_layout_registry(run->layout, config);
	lock_path = ncm_layout_lock(run->layout, config);
	run->registry = ncm_registry_load(config, err);
	if (!run->registry)
		goto failed;
	run->lock = ncm_lock_load(lock_path, err);
	if (!run->lock)
		goto failed;
	run->http = ncm_http_new(config, &run->sink);
	run->sources = ncm_sources_new(config, run->http, &run->sink);
	return run;
failed:
	run_free(run);
	return NULL;
}

static bool item_is_file(const struct run *run, const struct item *item)
{
	return !item->is_manifest && !run->wanted[item->wanted].spec->extract;
}

/* What the lock knew and the disk has needs no source; the rest does. */
static void settle_present(struct run *run)
{
	NCM_AUTO_FREE bool *missing = ncm_calloc(run->wanted_count, sizeof *missing);

	for (size_t i = 0; i < run->item_count; i++) {
		const struct item *item = &run->items[i];
		/* What another copy on this machine is linked to needs no source either. */
		const bool here = item_is_file(run, item) && item_ready_path(item);

		for (size_t k = 0; k < item->dest_count; k++)
			missing[item->dests[k].wanted] |= !item->dests[k].right && !here;
	}
	for (size_t i = 0; i < run->wanted_count; i++) {
		struct wanted *wanted = &run->wanted[i];

		if (wanted->from_lock && !missing[i])
			wanted->settled = true;
	}
}

/* A foreign file in the way is told before anything is fetched, not after. */
void refuse_foreign(struct run *run)
{
	for (size_t i = 0; i < run->item_count && !run->options.force; i++) {
		for (size_t k = 0; k < run->items[i].dest_count; k++) {
			const struct dest *dest = &run->items[i].dests[k];
			struct chosen_model *model = &run->models[run->wanted[dest->wanted].model];

			if (!dest->in_way || model->error.code != NCM_OK)
				continue;
			ncm_error_set(
			    &model->error, NCM_E_POLICY,
			    "%s: something that ncmodel did not put there, with other bytes, is in the way: %s",
			    model->model->id, dest->path);
			ncm_error_hint(&model->error, "move it away, or replace it with --force");
		}
	}
}

static void look_at_everything(struct run *run)
{
	wanted_resolve_locally(run);
	items_build(run);
	items_classify(run);
	settle_present(run);
	wanted_resolve_by_network(run);
	items_build(run);
	items_classify(run);
	if (run->verified)
		mend_refuse_lost(run);
	refuse_foreign(run);
}

/* A variant is other bytes: offered when the first form cannot be had, never taken unasked. */
static void offer_variants(struct ncm_error *out, const struct ncm_model *model)
{
	struct ncm_buffer text = {0};
	NCM_AUTO_FREE char *offer = NULL;

	if (model->chosen || model->variant_count == 0 || out->code == NCM_E_INTERRUPTED || out->code == NCM_E_IO)
		return;
	for (size_t i = 0; i < model->variant_count; i++)
		ncm_buffer_printf(&text, "%s--variant %s", i > 0 ? " or " : "", model->variants[i].name);
	offer = ncm_buffer_take(&text);
	if (out->hint)
		ncm_error_hint(out, "%s; another form of this model: %s", out->hint, offer);
	else
		ncm_error_hint(out, "another form of this model: %s", offer);
}

void model_error_copy(struct ncm_error *out, const struct chosen_model *model)
{
	ncm_error_set(out, model->error.code, "%s", model->error.message);
	if (model->error.hint)
		ncm_error_hint(out, "%s", model->error.hint);
	offer_variants(out, model->model);
}

static bool wants_model(const struct run *run, const struct dest *dest, size_t model)
{
	return run->wanted[dest->wanted].model == model;
}

static void describe_model(const struct run *run, size_t index, struct ncm_plan_model *out)
{
	const struct chosen_model *model = &run->models[index];

	out->model = model->model;
	for (size_t i = 0; i < run->wanted_count; i++) {
		const struct ncm_resolution *resolution = run->wanted[i].resolution;

		if (run->wanted[i].model != index || out->source)
			continue;
		out->source = ncm_strdup(resolution ? resolution->uri : run->wanted[i].spec->from.items[0]);
		out->revision = ncm_strdup_null(resolution ? resolution->revision : NULL);
	}
	if (model->error.code != NCM_OK) {
		model_error_copy(&out->error, model);
		return;
	}
	for (size_t i = 0; i < run->item_count; i++) {
		const struct item *item = &run->items[i];
		bool counted = false;

		for (size_t k = 0; k < item->dest_count; k++) {
			const struct dest *dest = &item->dests[k];
			struct ncm_plan_file *file;

			if (!wants_model(run, dest, index))
				continue;
			file = NCM_PUSH(out->files, out->file_count);
			file->name = ncm_strdup(item->name);
			file->path = ncm_strdup(dest->path);
			file->store = ncm_strdup(dest->store->id);
			file->source = ncm_strdup(item->resolution->uri);
			file->step = item_step(item, dest);
			if (file->step == NCM_STEP_LINK || file->step == NCM_STEP_COPY)
				file->from = ncm_strdup_null(item_ready_path(item));
			file->size = item->size;
			file->present = dest->right ? item->size : item->present;
			file->to_get = dest == &item->dests[0] ? item_to_get(item) : 0;
			file->first_use = item->first_use && !item->is_manifest && !dest->right;
			if (!counted) {
				out->size += item->size;
				/* Shared content is counted with the first model that wants it. */
				if (wants_model(run, &item->dests[0], index))
					out->to_get += item_to_get(item);
			}
			counted = true;
		}
	}
}

static bool is_change(enum ncm_step step)
{
	return step != NCM_STEP_KEEP;
}

static void sum_up(struct ncm_plan *plan, const struct run *run)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct ncm_plan_model *model = &plan->models[i];

		plan->size += model->size;
		plan->to_get += model->to_get;
		plan->changes = plan->changes || model->error.code != NCM_OK;
		for (size_t k = 0; k < model->file_count; k++)
			plan->changes = plan->changes || is_change(model->files[k].step);
	}
	for (size_t i = 0; i < run->item_count; i++)
		plan->files_to_get += !item_is_right(&run->items[i]) && item_needs_network(&run->items[i]);
}

/* Takes the run, also when it fails. */
static struct ncm_plan *plan_of(struct run *run, struct ncm_error *err)
{
	struct ncm_plan *plan;

	look_at_everything(run);
	if (ncm_interrupted()) {
		run_free(run);
		ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted while planning; nothing was changed");
		return NULL;
	}
	plan = ncm_calloc(1, sizeof *plan);
	plan->impl = run;
	plan->models = ncm_calloc(run->model_count, sizeof *plan->models);
	plan->count = run->model_count;
	plan->asked_network = run->asked_network;
	for (size_t i = 0; i < run->model_count; i++)
		describe_model(run, i, &plan->models[i]);
	sum_up(plan, run);
	space_measure(run, &plan->disks, &plan->disk_count, &plan->enough_space);
	if (!plan->enough_space)
		plan->fits = space_fits(run);
	return plan;
}

struct ncm_plan *ncm_plan_make(const struct ncm_config *config, struct ncm_model *const *models, size_t count,
			       const struct ncm_provision_options *options, const struct ncm_sink *sink,
			       struct ncm_error *err)
{
	struct run *run = run_new(config, options, sink, err);

	if (!run)
		return NULL;
	run_take_models(run, models, count);
	return plan_of(run, err);
}

static void take_damage(struct run *run, const struct ncm_verify_report *report)
{
	run->verified = report;
	for (size_t i = 0; i < report->count; i++) {
		if (report->files[i].verdict != NCM_VERDICT_OK)
			NCM_PUSH(run->damages, run->damage_count)->file = &report->files[i];
	}
}

/* The models with damage, each once. The array is the caller's. */
static struct ncm_model **damaged_models(struct run *run, struct ncm_catalog *catalog, size_t *count)
{
	struct ncm_model **models = ncm_calloc(run->damage_count + 1, sizeof *models);

	run->own_models = ncm_calloc(run->damage_count + 1, sizeof *run->own_models);
	*count = 0;
	for (size_t i = 0; i < run->damage_count; i++) {
		const struct ncm_reg_model *entry = run->damages[i].file->model;
		struct ncm_model *model;

		if (i > 0 && run->damages[i - 1].file->model == entry) /* a report tells a model's files together */
			continue;
		model = known_in_catalog(catalog, entry);
		if (!model) {
			model = &run->own_models[run->own_count++];
			known_from_registry(run, entry, model);
		}
		models[(*count)++] = model;
	}
	return models;
}

struct ncm_plan *ncm_plan_repair(const struct ncm_config *config, struct ncm_catalog *catalog,
				 const struct ncm_verify_report *report, const struct ncm_provision_options *options,
				 const struct ncm_sink *sink, struct ncm_error *err)
{
	struct run *run = run_new(config, options, sink, err);
	NCM_AUTO_FREE struct ncm_model **models = NULL;
	size_t count;

	if (!run)
		return NULL;
	take_damage(run, report);
	models = damaged_models(run, catalog, &count);
	run_take_models(run, models, count);
	return plan_of(run, err);
}

void plan_disks_free(struct ncm_plan_disk *disks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(disks[i].path);
	free(disks);
}

void ncm_plan_free(struct ncm_plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->count; i++) {
		struct ncm_plan_model *model = &plan->models[i];

		for (size_t k = 0; k < model->file_count; k++) {
			free(model->files[k].name);
			free(model->files[k].path);
			free(model->files[k].store);
			free(model->files[k].source);
			free(model->files[k].from);
		}
		free(model->files);
		free(model->source);
		free(model->revision);
		ncm_error_clear(&model->error);
	}
	free(plan->models);
	plan_disks_free(plan->disks, plan->disk_count);
	free(plan->fits);
	run_free(plan->impl);
	free(plan);
}
