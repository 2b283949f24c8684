/* SPDX-License-Identifier: MIT */
/* Manifest against lock against disk: what a pull would find, without asking anybody. */
#include "drift/drift.h"

#include "base/mem.h"
#include "base/strings.h"
#include "os/os.h"

#include <string.h>

/* The lock says otherwise than the manifest: then the manifest's own pins are what is wanted. */
static void settle_conflicts(struct run *run, struct ncm_drift *drift)
{
	for (size_t i = 0; i < run->wanted_count; i++) {
		struct wanted *wanted = &run->wanted[i];

		if (wanted->error.code != NCM_E_POLICY)
			continue;
		ncm_error_clear(&wanted->error);
		drift->entries[i].state = NCM_DRIFT_CHANGED;
		drift_say(&drift->entries[i], "the manifest pins other bytes than the lock");
		wanted->uri = wanted->spec->from.items[0];
		wanted->resolution = ncm_source_offline(run->sources, wanted->uri, wanted->spec, NULL);
	}
}

static const struct ncm_reg_file *registered(const struct run *run, const struct place *place)
{
	const struct ncm_reg_model *known = model_of(run, place->wanted)->known;
	size_t count;
	const struct registry_ref *refs = registry_at(run->lookup, place->path, &count);

	for (size_t i = 0; i < count; i++) {
		if (refs[i].model == known)
			return refs[i].file;
	}
	return NULL;
}

static enum ncm_drift_state state_of(const struct run *run, const struct place *place, const struct step *step)
{
	switch (step->state) {
	case PLACE_RIGHT:
		return NCM_DRIFT_SAME;
	case PLACE_UNRECORDED:
		return NCM_DRIFT_NEW;
	case PLACE_EMPTY:
		return registered(run, place) ? NCM_DRIFT_MISSING : NCM_DRIFT_NEW;
	case PLACE_OURS:
	case PLACE_IN_WAY:
		return registered(run, place) ? NCM_DRIFT_CHANGED : NCM_DRIFT_NEW;
	case PLACE_UNREADABLE:
		break;
	}
	return NCM_DRIFT_UNKNOWN;
}

static void add_file(const struct run *run, const struct content *content, const struct place *place,
		     struct ncm_drift_entry *entry)
{
	const struct ncm_reg_file *old = registered(run, place);
	struct ncm_drift_file *file = NCM_PUSH(entry->files, entry->file_count);

	file->name = ncm_strdup(place->path);
	file->size_before = old ? old->size : 0;
	file->before = old ? old->sha256 : (struct ncm_sha256){0};
	file->size_after = content->size;
	file->after = content->has_sha256 ? content->sha256 : (struct ncm_sha256){0};
}

/* Of several files the gravest counts. */
static int gravity(enum ncm_drift_state state)
{
	switch (state) {
	case NCM_DRIFT_CHANGED:
		return 3;
	case NCM_DRIFT_MISSING:
		return 2;
	case NCM_DRIFT_NEW:
		return 1;
	default:
		return 0;
	}
}

/* What cannot be read is told as such: nobody knows what it is. */
static void tell_place(const struct run *run, const struct place *place, const struct step *step,
		       struct ncm_drift_entry *entry)
{
	struct ncm_error why = NCM_ERROR_INIT;

	place_tell(run, place, step, &why);
	if (step->state == PLACE_UNREADABLE)
		drift_fail(entry, &why);
	else if (step->state == PLACE_IN_WAY)
		drift_say(entry, "%s", why.message);
	else if (step->state == PLACE_UNRECORDED)
		drift_say(entry, "there already; a pull registers it");
	else if (step->unconfirmed && !entry->detail)
		drift_say(entry, "as it was trusted on first use; whether its source still serves it is not known");
	ncm_error_clear(&why);
}

static void add_place(const struct run *run, const struct plan_item *item, size_t number, struct ncm_drift_entry *entry)
{
	const struct place *place = &item->content->places[number];
	const struct step *step = &item->steps[number];
	const enum ncm_drift_state state = state_of(run, place, step);

	if (number == 0 && !step_is_done(step))
		entry->to_get += item_to_get(item);
	if (state != NCM_DRIFT_SAME)
		add_file(run, item->content, place, entry);
	if (entry->error.code != NCM_OK)
		return;
	tell_place(run, place, step, entry);
	if (entry->error.code == NCM_OK &&
	    (entry->state == NCM_DRIFT_UNKNOWN || gravity(state) > gravity(entry->state)))
		entry->state = state;
}

static const char *what_it_means(enum ncm_drift_state state)
{
	switch (state) {
	case NCM_DRIFT_CHANGED:
		return "what is on disk is not what is pinned";
	case NCM_DRIFT_MISSING:
		return "registered, and not on disk";
	case NCM_DRIFT_NEW:
		return "to fetch";
	default:
		return NULL;
	}
}

static bool is_other_revision(const struct ncm_drift_entry *entry)
{
	return entry->revision_before && entry->revision_after &&
	       !ncm_same_text(entry->revision_before, entry->revision_after);
}

static void describe_resolved(const struct planned *planned, size_t index, struct ncm_drift_entry *entry)
{
	const struct run *run = planned->run;
	const struct contents *contents = &planned->contents;
	const size_t model = run->wanted[index].model;

	entry->revision_after = ncm_strdup_null(run->wanted[index].resolution->revision);
	for (size_t i = contents->first[model]; i < contents->first[model + 1]; i++) {
		const struct plan_item *item = &planned->items[contents->of_models[i]];
		bool counted = false;

		for (size_t k = 0; k < item->content->place_count; k++) {
			if (item->content->places[k].wanted != index)
				continue;
			add_place(run, item, k, entry);
			entry->size_after += counted ? 0 : item->content->size;
			counted = true;
		}
	}
	if (!entry->detail && entry->state == NCM_DRIFT_CHANGED && is_other_revision(entry))
		drift_say(entry, "another revision is pinned than is installed");
	if (!entry->detail && what_it_means(entry->state))
		drift_say(entry, "%s", what_it_means(entry->state));
}

static bool is_all_there(const struct ncm_reg_model *model)
{
	struct os_stat status;

	for (size_t i = 0; i < model->file_count; i++) {
		if (os_lstat(OS_HERE, model->files[i].abs, &status) < 0)
			return false;
	}
	return true;
}

/* Neither the manifest nor the lock says which files these are. */
static void describe_unpinned(const struct ncm_reg_model *model, struct ncm_drift_entry *entry)
{
	if (!model) {
		entry->state = NCM_DRIFT_NEW;
		drift_say(entry, "to fetch; not looked up yet");
	} else if (!is_all_there(model)) {
		entry->state = NCM_DRIFT_MISSING;
		drift_say(entry, "%s", what_it_means(NCM_DRIFT_MISSING));
	} else {
		entry->state = NCM_DRIFT_UNPINNED;
		drift_say(entry, "installed, and the lock does not have it");
	}
}

/* A model's error is told once, however many sources it has. */
static void tell_failure(const struct chosen_model *model, bool first, struct ncm_drift_entry *entry)
{
	struct ncm_error why = NCM_ERROR_INIT;

	model_error_copy(&why, model);
	drift_fail(entry, &why);
	if (!first)
		ncm_error_clear(&entry->error);
}

static void describe(const struct planned *planned, size_t index, struct ncm_drift_entry *entry)
{
	const struct run *run = planned->run;
	const struct chosen_model *model = model_of(run, index);
	const struct ncm_reg_model *installed = model->known;
	const bool first = index == 0 || run->wanted[index - 1].model != run->wanted[index].model;

	if (model->error.code != NCM_OK) {
		tell_failure(model, first, entry);
		return;
	}
	/* models.json tells one revision and one size of a model: of its first source, and of all. */
	entry->revision_before = ncm_strdup_null(installed && first ? installed->revision : NULL);
	entry->size_before = installed && model->file_count == 1 ? installed->size : 0;
	if (run->wanted[index].resolution)
		describe_resolved(planned, index, entry);
	else if (entry->state != NCM_DRIFT_CHANGED)
		describe_unpinned(installed, entry);
}

static void add_extra(struct run *run, struct ncm_drift *drift)
{
	AUTO_CENSUS struct census census = {0};
	struct ncm_error why = NCM_ERROR_INIT;

	if (census_take(run, &census, &why) < 0) {
		ncm_emit_text(&run->sink, NCM_EVENT_WARNING, "what no manifest has cannot be told: %s", why.message);
		ncm_error_clear(&why);
		return;
	}
	for (size_t i = 0; i < run->registry->count; i++) {
		const struct ncm_reg_model *model = &run->registry->models[i];
		struct ncm_drift_entry *entry;

		if (census_has_model(&census, model))
			continue;
		entry = drift_add(drift, model->id, model->source);
		entry->state = NCM_DRIFT_EXTRA;
		entry->revision_before = ncm_strdup_null(model->revision);
		entry->size_before = model->size;
		drift_say(entry, "installed, and in no manifest");
	}
}

struct ncm_drift *ncm_diff(const struct ncm_config *config, struct ncm_model *const *models, size_t count, bool whole,
			   const struct ncm_sink *sink, struct ncm_error *err)
{
	struct run *run = run_new(config, &(const struct ncm_provision_options){0}, sink, err);
	struct planned *planned;
	struct ncm_drift *drift;

	if (!run)
		return NULL;
	planned = planned_new(run);
	run_take_models(run, models, count);
	drift = drift_new(run);
	wanted_resolve_locally(run);
	settle_conflicts(run, drift);
	plan_build(planned, content_targets, NULL);
	for (size_t i = 0; i < run->wanted_count; i++)
		describe(planned, i, &drift->entries[i]);
	if (whole)
		add_extra(run, drift);
	drift_count(drift, true);
	planned_free(planned);
	if (ncm_interrupted()) {
		ncm_drift_free(drift);
		ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted; nothing was changed");
		return NULL;
	}
	return drift;
}
