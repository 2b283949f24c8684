/* SPDX-License-Identifier: MIT */
#include "resolve/run.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "manifest/load.h"
#include "registry/moving.h"
#include "registry/write.h"

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
	for (size_t i = 0; i < run->wanted_count; i++) {
		ncm_resolution_free(run->wanted[i].resolution);
		free(run->wanted[i].contents);
		free(run->wanted[i].forms);
		wanted_forget_odd(&run->wanted[i]);
		ncm_error_clear(&run->wanted[i].error);
		ncm_error_clear(&run->wanted[i].lost);
		ncm_lock_free(run->wanted[i].sent_lock);
	}
	for (size_t i = 0; i < run->model_count; i++) {
		free(run->models[i].id);
		free(run->models[i].alias);
		ncm_error_clear(&run->models[i].error);
	}
	for (size_t i = 0; i < run->own_count; i++)
		manifest_model_clear(&run->own_models[i]);
	free(run->own_models);
	free(run->wanted);
	free(run->models);
	free(run->registry_path);
	ncm_sources_free(run->sources);
	ncm_http_free(run->http);
	ncm_lock_free(run->lock);
	ncm_registry_free(run->registry);
	ncm_layout_free(run->layout);
	pthread_mutex_destroy(&run->mutex);
	pthread_mutex_destroy(&run->sent_mutex);
	free(run);
}

void run_identify(const struct run *run, struct chosen_model *chosen)
{
	free(chosen->id);
	free(chosen->alias);
	chosen->id = registry_id_for(run->lookup, chosen->model);
	chosen->alias = registry_alias_for(run->lookup, chosen->model);
	chosen->known = registry_same(run->lookup, chosen->model);
}

/* Of a repository that was pulled in part, the same part is meant until another is chosen. */
static void recall_choice(struct run *run, struct ncm_model *model)
{
	const struct ncm_reg_model *known = NULL;
	char *recalled = NULL;

	if (registry_is_spelled_out(model) && model->file_count == 1 && model->files[0].from.count == 1)
		known = registry_same(run->lookup, model);
	if (known && known->source)
		recalled = ncm_source_recall(model->files[0].from.items[0], known->source);
	if (!recalled)
		return;
	free(model->files[0].from.items[0]);
	model->files[0].from.items[0] = recalled;
	if (strcmp(strchr(recalled, '?'), "?include=*") == 0)
		return; /* all of it */
	ncm_emit_text(&run->sink, NCM_EVENT_NOTE, "%s: as chosen before: %s; all of it: --include '*'", known->id,
		      strchr(recalled, '?') + 1);
}

void run_take_models(struct run *run, struct ncm_model *const *models, size_t count)
{
	run->models = ncm_calloc(count, sizeof *run->models);
	run->model_count = count;
	for (size_t i = 0; i < count; i++) {
		struct chosen_model *chosen = &run->models[i];
		const struct ncm_variant *variant = models[i]->chosen;

		recall_choice(run, models[i]);
		chosen->model = models[i];
		chosen->files = variant ? variant->files : models[i]->files;
		chosen->file_count = variant ? variant->file_count : models[i]->file_count;
		chosen->first_wanted = run->wanted_count;
		run_identify(run, chosen);
		for (size_t k = 0; k < chosen->file_count; k++) {
			struct wanted *wanted = NCM_PUSH(run->wanted, run->wanted_count);

			wanted->model = i;
			wanted->spec = &chosen->files[k];
		}
	}
}

static int read_registry(struct run *run, struct ncm_error *err)
{
	struct ncm_registry *fresh = ncm_registry_load(run->config, err);

	if (!fresh)
		return -1;
	ncm_registry_free(run->registry);
	run->registry = fresh;
	run->lookup = registry_lookup_of(fresh);
	return 0;
}

int run_reload_registry(struct run *run, struct ncm_error *err)
{
	if (ncm_registry_is_current(run->registry))
		return 0;
	if (read_registry(run, err) < 0)
		return -1;
	for (size_t i = 0; i < run->model_count; i++)
		run_identify(run, &run->models[i]);
	return 0;
}

static void take_pin(struct ncm_lock *lock, struct ncm_lock_entry entry)
{
	entry.unsaved = true;
	ncm_lock_put(lock, &entry);
}

/* In memory alone: what of them is used is recorded like any other pin. */
static int take_pins(struct ncm_lock *lock, const struct ncm_provision_options *options, struct ncm_error *err)
{
	struct ncm_lock *more = ncm_lock_load(options->pins, err);

	for (size_t i = 0; more && i < more->count; i++) {
		if (options->pins_first || !ncm_lock_find(lock, more->entries[i].uri))
			take_pin(lock, more->entries[i]);
	}
	ncm_lock_free(more);
	return more ? 0 : -1;
}

struct run *run_new(const struct ncm_config *config, const struct ncm_provision_options *options,
		    const struct ncm_sink *sink, struct ncm_error *err)
{
	struct run *run = ncm_calloc(1, sizeof *run);
	NCM_AUTO_FREE char *lock_path = NULL;

	pthread_mutex_init(&run->mutex, NULL);
	pthread_mutex_init(&run->sent_mutex, NULL);
	run->config = config;
	run->options = *options;
	if (sink)
		run->user_sink = *sink;
	run->sink = (struct ncm_sink){emit_locked, run};
	run->layout = moving_layout(config, err);
	if (!run->layout || read_registry(run, err) < 0)
		goto failed;
	run->registry_path = ncm_layout_registry(run->layout, config);
	lock_path = ncm_layout_lock(run->layout, config);
	run->lock = ncm_lock_load(lock_path, err);
	if (!run->lock)
		goto failed;
	if (options->pins && take_pins(run->lock, options, err) < 0)
		goto failed;
	run->http = ncm_http_new(config, &run->sink);
	run->sources = ncm_sources_new(config, run->http, &run->sink);
	run->sources->cache_alone = options->from_cache;
	return run;
failed:
	run_free(run);
	return NULL;
}

void run_hint_offline(const struct run *run, const char *otherwise, struct ncm_error *err)
{
	ncm_error_hint(err, "%s", run->options.remedy ? run->options.remedy : otherwise);
}

const char *model_id(const struct run *run, const struct wanted *wanted)
{
	return run->models[wanted->model].model->id;
}

struct chosen_model *model_of(const struct run *run, size_t wanted)
{
	return &run->models[run->wanted[wanted].model];
}

void model_fail(struct chosen_model *model, const struct ncm_error *why)
{
	if (model->error.code != NCM_OK)
		return;
	ncm_error_copy(&model->error, why);
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
	ncm_error_copy(out, &model->error);
	if (!model->variants_are_no_help)
		offer_variants(out, model->model);
}
