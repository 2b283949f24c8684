/* SPDX-License-Identifier: MIT */
/* A plan as its readers see it. */
#include "plan/plan.h"

#include "base/mem.h"

static void summarize_file(const struct plan_item *item, size_t number, struct ncm_plan_model *out)
{
	const struct content *content = item->content;
	const struct place *place = &content->places[number];
	const struct step *step = &item->steps[number];
	struct ncm_plan_file *file = NCM_PUSH(out->files, out->file_count);

	file->name = ncm_strdup(content->name);
	file->path = ncm_strdup(place->path);
	file->store = ncm_strdup(place->store->id);
	file->source = ncm_strdup(content->resolution->uri);
	file->step = item_step(item, number);
	if (file->step == NCM_STEP_LINK || file->step == NCM_STEP_COPY)
		file->from = ncm_strdup_null(item_ready_path(item));
	file->size = content->size;
	file->size_unknown = item_doubt(item).unknown > 0;
	file->size_expected = item_doubt(item).expected > 0;
	file->present = step_is_done(step) ? content->size : item->present;
	file->to_get = number == 0 ? item_to_get(item) : 0;
	file->first_use = content->first_use && content->kind != CONTENT_MANIFEST && !step_is_done(step);
	file->unconfirmed = step->unconfirmed;
	file->sets_aside = step->state == PLACE_OURS && step->replace == NCM_SET_ASIDE &&
			   (number > 0 || item->mend.count == 0); /* ranges are mended where the file lies */
}

/* Of so many bytes of an item. */
static void add_doubt(const struct plan_item *item, uint64_t bytes, struct ncm_doubt *sum)
{
	const struct ncm_doubt doubt = item_doubt(item);

	ncm_doubt_add(sum, &(const struct ncm_doubt){doubt.expected > 0 ? bytes : 0, doubt.unknown});
}

/* Its places of this model. Shared content is counted with the first model that wants it. */
static void summarize_item(const struct run *run, const struct plan_item *item, size_t model,
			   struct ncm_plan_model *out)
{
	const struct content *content = item->content;

	for (size_t i = 0; i < content->place_count; i++) {
		if (run->wanted[content->places[i].wanted].model == model)
			summarize_file(item, i, out);
	}
	out->size += content->size;
	add_doubt(item, content->size, &out->size_doubt);
	if (run->wanted[content->places[0].wanted].model != model || !item_needs_network(item))
		return;
	out->to_get += item_to_get(item);
	add_doubt(item, item_to_get(item), &out->to_get_doubt);
}

static void summarize_source(const struct wanted *wanted, struct ncm_plan_model *out)
{
	const struct ncm_resolution *resolution = wanted->resolution;

	if (out->source)
		return;
	out->source = ncm_strdup(resolution ? resolution->uri : wanted->spec->from.items[0]);
	out->revision = ncm_strdup_null(resolution ? resolution->revision : NULL);
}

/* What a source did not tell of what is to be fetched. The first reason is enough. */
static void summarize_untold(const struct run *run, const struct chosen_model *model, struct ncm_plan_model *out)
{
	const struct ncm_doubt *doubt = &out->to_get_doubt;

	for (size_t i = 0; i < model->file_count && (doubt->unknown > 0 || doubt->expected > 0); i++) {
		const struct ncm_resolution *resolution = run->wanted[model->first_wanted + i].resolution;
		const struct ncm_error *why = resolution ? &resolution->untold : NULL;

		if (!why || why->code == NCM_OK || out->untold.code != NCM_OK)
			continue;
		ncm_error_set(&out->untold, why->code, "%s: the look-up of its size failed: %s", model->model->id,
			      why->message);
		if (why->hint)
			ncm_error_hint(&out->untold, "%s", why->hint);
	}
}

static void summarize_odd(const struct run *run, const struct chosen_model *model, struct ncm_plan_model *out)
{
	for (size_t i = 0; i < model->file_count; i++) {
		const struct wanted *wanted = &run->wanted[model->first_wanted + i];

		for (size_t k = 0; k < wanted->odd_count; k++)
			*NCM_PUSH(out->odd, out->odd_count) =
			    (struct ncm_plan_odd){ncm_strdup(wanted->odd[k].name), ncm_strdup_null(wanted->odd[k].as)};
	}
}

static void summarize_model(const struct planned *planned, size_t index, struct ncm_plan_model *out)
{
	const struct contents *contents = &planned->contents;
	const struct chosen_model *model = &planned->run->models[index];

	out->model = model->model;
	if (model->error.code != NCM_OK) {
		model_error_copy(&out->error, model);
		return;
	}
	for (size_t i = contents->first[index]; i < contents->first[index + 1]; i++)
		summarize_item(planned->run, &planned->items[contents->of_models[i]], index, out);
	summarize_untold(planned->run, model, out);
	summarize_odd(planned->run, model, out);
}

/* What cannot be planned is in no sum: what its manifest says of it is told beside them. */
static void leave_out(struct ncm_plan *plan, const struct chosen_model *model)
{
	plan->left_out++;
	plan->left_out_size += ncm_size_stated(model->files, model->file_count, &plan->left_out_doubt);
}

static void sum_up(struct ncm_plan *plan, const struct planned *planned)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct ncm_plan_model *model = &plan->models[i];

		plan->size += model->size;
		plan->to_get += model->to_get;
		ncm_doubt_add(&plan->size_doubt, &model->size_doubt);
		ncm_doubt_add(&plan->to_get_doubt, &model->to_get_doubt);
		if (model->error.code != NCM_OK)
			leave_out(plan, &planned->run->models[i]);
		plan->changes = plan->changes || model->error.code != NCM_OK;
		for (size_t k = 0; k < model->file_count; k++)
			plan->changes = plan->changes || model->files[k].step != NCM_STEP_KEEP;
	}
	for (size_t i = 0; i < planned->contents.count; i++) {
		const struct plan_item *item = &planned->items[i];

		plan->files_to_get +=
		    item->content->place_count > 0 && item_needs_network(item) && !item_is_given_up(planned->run, item);
	}
}

struct ncm_plan *plan_of(struct planned *planned, struct ncm_error *err)
{
	const struct run *run = planned->run;
	struct ncm_plan *plan;

	if (ncm_interrupted()) {
		planned_free(planned);
		ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted while planning; nothing was changed");
		return NULL;
	}
	plan = ncm_calloc(1, sizeof *plan);
	plan->impl = planned;
	plan->models = ncm_calloc(run->model_count, sizeof *plan->models);
	plan->count = run->model_count;
	plan->asked_network = run->asked_network;
	plan->unreachable = ncm_http_unreachable(run->http);
	for (size_t i = 0; i < run->wanted_count; i++)
		summarize_source(&run->wanted[i], &plan->models[run->wanted[i].model]);
	for (size_t i = 0; i < run->model_count; i++)
		summarize_model(planned, i, &plan->models[i]);
	sum_up(plan, planned);
	space_measure(planned, &plan->disks, &plan->disk_count, &plan->enough_space);
	if (!plan->enough_space)
		plan->fits = space_fits(planned);
	return plan;
}

static void free_model(struct ncm_plan_model *model)
{
	for (size_t i = 0; i < model->file_count; i++) {
		free(model->files[i].name);
		free(model->files[i].path);
		free(model->files[i].store);
		free(model->files[i].source);
		free(model->files[i].from);
	}
	for (size_t i = 0; i < model->odd_count; i++) {
		free(model->odd[i].name);
		free(model->odd[i].as);
	}
	free(model->odd);
	free(model->files);
	free(model->source);
	free(model->revision);
	ncm_error_clear(&model->error);
	ncm_error_clear(&model->untold);
}

void ncm_plan_free(struct ncm_plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->count; i++)
		free_model(&plan->models[i]);
	free(plan->models);
	plan_disks_free(plan->disks, plan->disk_count);
	free(plan->fits);
	free(plan->unreachable);
	planned_free(plan->impl);
	free(plan);
}
