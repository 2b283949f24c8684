/* SPDX-License-Identifier: MIT */
/*
 * Admission, before anything is fetched: places that a model cannot have, each told with what to do about it; and of
 * each repository that may have a gate, one small request whether its files are handed out.
 */
#include "plan/plan.h"

#include "base/ability.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/thread.h"
#include "os/os.h"
#include "store/inside.h"

#include <errno.h>
#include <string.h>

/* How the user gets both: another name for this one. */
static void hint_other_place(const struct run *run, const struct place *place, struct ncm_error *err, const char *also)
{
	NCM_AUTO_FREE char *other_name = wanted_other_name(run, &run->wanted[place->wanted]);

	if (place->store->kind->takes_only || place->store->kind->keeps_repositories)
		ncm_error_hint(err, "%s", strncmp(also, "or ", 3) == 0 ? also + 3 : also);
	else
		ncm_error_hint(err, "%s; %s", other_name, also);
}

/* What is the model's own, and yet not to be replaced. */
static void tell_own(const struct run *run, const struct place *place, const struct step *step, struct ncm_error *err)
{
	const char *id = model_id(run, &run->wanted[place->wanted]);

	if (!step->is_edited) {
		ncm_error_set(err, NCM_E_POLICY, "%s: %s is in the way: it did not come from this source", id,
			      place->path);
		hint_other_place(run, place, err, "or replace it with --force, which keeps it aside");
		return;
	}
	ncm_error_set(err, NCM_E_POLICY, "%s: %s was changed since ncmodel recorded it, and stays", id, place->path);
	ncm_error_hint(err,
		       "to have the recorded bytes again: ncmodel verify --repair %s; to take what is served now: "
		       "--force; both keep what is there aside",
		       step->owner);
}

static void tell_others(const struct run *run, const struct place *place, const struct step *step,
			struct ncm_error *err)
{
	const char *id = model_id(run, &run->wanted[place->wanted]);
	NCM_AUTO_FREE char *also =
	    ncm_asprintf("%sor remove the other: ncmodel rm %s",
			 step->is_missing ? "if it was moved, `ncmodel adopt` finds it; " : "", step->owner);

	ncm_error_set(err, NCM_E_POLICY, "%s: %s is a file of %s%s", id, place->path, step->owner,
		      step->is_missing ? ", though it is not there now" : "");
	hint_other_place(run, place, err, also);
}

/* Something of another shape than a file. */
static void tell_shape(const struct run *run, const struct place *place, const struct step *step, struct ncm_error *err)
{
	const bool may_force = step->is_folder && run->wanted[place->wanted].spec->extract;

	ncm_error_set(err, NCM_E_POLICY, "%s: a %s%s%s is in the way: %s", model_id(run, &run->wanted[place->wanted]),
		      step->is_link     ? "symbolic link"
		      : step->is_folder ? "folder"
					: "file where a folder is needed",
		      step->owner ? " of " : "", step->owner ? step->owner : "", place->path);
	hint_other_place(run, place, err,
			 may_force ? "or move that away; or replace it with --force, which keeps it aside"
				   : "or move that away");
}

static void tell_behind(const struct run *run, const struct place *place, struct ncm_error *err)
{
	NCM_AUTO_CLOSE int dirfd = ncm_store_peek(place->store);
	NCM_AUTO_FREE char *relative = dirfd < 0 ? NULL : store_link_on_the_way(place->store, dirfd, place->relative);
	NCM_AUTO_FREE char *link = ncm_path_join(place->store->path, relative ? relative : place->relative);
	NCM_AUTO_FREE char *target = os_real_path(link);

	ncm_error_set(err, NCM_E_POLICY, "%s: %s is a link to %s, and is not written through",
		      model_id(run, &run->wanted[place->wanted]), link, target ? target : "another place");
	ncm_error_hint(err, "followed are links at or above a folder of the layout, which "
			    "root or the store's owner made, to a folder of theirs (his to one of root's only if he "
			    "may write there); put a folder in its place, or give the store or the layout the folder "
			    "that it leads to");
}

static void tell_in_way(const struct run *run, const struct place *place, const struct step *step,
			struct ncm_error *err)
{
	const char *id = model_id(run, &run->wanted[place->wanted]);

	if (step->is_newer_tag) {
		ncm_error_set(err, NCM_E_POLICY,
			      "%s: Ollama 0.40 and newer run another model under this name, from manifests-v2 in %s",
			      id, place->store->path);
		ncm_error_hint(err, "give that one a name of its own with `ollama cp`, and replace it with --force, "
				    "which keeps what it names");
	} else if (step->spelled) {
		ncm_error_set(err, NCM_E_POLICY,
			      "%s: %s is a file of %s: this file system takes it and %s for one name", id,
			      step->spelled, step->owner, ncm_path_base(place->path));
		hint_other_place(run, place, err, "or choose a store on another disk");
	} else if (step->is_taken) {
		ncm_error_set(err, NCM_E_POLICY, "%s: %s is a file of %s, and sound", id, place->path, step->owner);
		ncm_error_hint(err, "ncmodel rm %s forgets that it was this one's, and leaves it there", id);
	} else if (step->is_across) {
		ncm_error_set(err, NCM_E_POLICY,
			      "%s: %s lies on another file system than its store, where nothing is unpacked", id,
			      place->path);
		hint_other_place(run, place, err, "or give the store or the layout the folder on that disk");
	} else if (step->is_behind) {
		tell_behind(run, place, err);
	} else if (step->is_link || step->is_folder || step->is_above) {
		tell_shape(run, place, step, err);
	} else if (step->owner && strcmp(step->owner, model_of(run, place->wanted)->id) == 0) {
		tell_own(run, place, step, err);
	} else if (step->owner) {
		tell_others(run, place, step, err);
	} else {
		ncm_error_set(err, NCM_E_POLICY,
			      "%s: something that ncmodel did not put there, with other bytes, is in the way: %s", id,
			      place->path);
		hint_other_place(run, place, err, "or move it away; or replace it with --force, which keeps it aside");
	}
}

void place_tell(const struct run *run, const struct place *place, const struct step *step, struct ncm_error *err)
{
	NCM_AUTO_FREE char *link = step->state == PLACE_UNREADABLE ? ncm_store_stray_link(place->store->path) : NULL;

	if (link) {
		NCM_AUTO_FREE char *barrier = ncm_store_barrier(place->store);

		ncm_store_refuse(place->store, barrier, err);
	} else if (step->state == PLACE_IN_WAY) {
		tell_in_way(run, place, step, err);
	} else if (step->state == PLACE_UNREADABLE) {
		ncm_error_errno(err, step->failure, "%s: cannot tell what is at %s",
				model_id(run, &run->wanted[place->wanted]), place->path);
		if (step->failure != ESTALE)
			ncm_error_hint(err, "nothing was changed there; run it as a user who may read that");
	}
}

bool item_is_given_up(const struct run *run, const struct plan_item *item)
{
	for (size_t i = 0; i < item->content->place_count; i++) {
		if (model_of(run, item->content->places[i].wanted)->error.code == NCM_OK)
			return false;
	}
	return true;
}

/* A place that is another's, or that cannot be read, is told before anything is fetched, not after. */
void plan_refuse(struct planned *planned)
{
	for (size_t i = 0; i < planned->contents.count; i++) {
		const struct content *content = planned->items[i].content;

		for (size_t k = 0; k < content->place_count; k++) {
			struct ncm_error why = NCM_ERROR_INIT;

			place_tell(planned->run, &content->places[k], &planned->items[i].steps[k], &why);
			if (why.code != NCM_OK)
				model_fail(model_of(planned->run, content->places[k].wanted), &why);
			ncm_error_clear(&why);
		}
	}
}

/* Of each store once, and of the folder that the file is to go into. NULL: it can be written. The caller frees it. */
static char *barrier_at(const struct planned *planned, char **of_stores, const struct place *place)
{
	const size_t number = (size_t)(place->store - planned->run->layout->stores);
	NCM_AUTO_FREE char *folder = NULL;

	if (!of_stores[number]) {
		char *barrier = ncm_store_barrier(place->store);

		of_stores[number] = barrier ? barrier : ncm_strdup("");
	}
	if (*of_stores[number])
		return ncm_strdup(of_stores[number]);
	folder = ncm_path_folder(place->path);
	return ncm_barrier_of(folder);
}

static void refuse_place(struct planned *planned, char **of_stores, const struct place *place)
{
	struct chosen_model *model = model_of(planned->run, place->wanted);
	NCM_AUTO_FREE char *barrier = model->error.code == NCM_OK ? barrier_at(planned, of_stores, place) : NULL;
	struct ncm_error why = NCM_ERROR_INIT;

	if (!barrier)
		return;
	ncm_store_refuse(place->store, barrier, &why);
	ncm_error_wrap(&why, "%s", model_id(planned->run, &planned->run->wanted[place->wanted]));
	model_fail(model, &why);
	ncm_error_clear(&why);
}

/* What could not be placed is not fetched. */
void plan_refuse_unwritable(struct planned *planned)
{
	const size_t count = planned->run->layout->count;
	char **of_stores = ncm_calloc(count + 1, sizeof *of_stores);

	for (size_t i = 0; i < planned->contents.count; i++) {
		const struct plan_item *item = &planned->items[i];

		for (size_t k = 0; k < item->content->place_count; k++) {
			if (!step_is_done(&item->steps[k]))
				refuse_place(planned, of_stores, &item->content->places[k]);
		}
	}
	for (size_t i = 0; i < count; i++)
		free(of_stores[i]);
	free(of_stores);
}

/* A registry's port is part of the name of a folder of manifests in Ollama's store. */
static void refuse_name(struct planned *planned, const struct place *place)
{
	struct ncm_error why = NCM_ERROR_INIT;

	if (!strchr(place->relative, ':') || !(ncm_lacks_at(place->store->path) & NCM_LACKS_COLON))
		return;
	ncm_error_set(&why, NCM_E_POLICY, "%s: the file system of %s has no ':' in names, and Ollama keeps it as %s",
		      model_id(planned->run, &planned->run->wanted[place->wanted]), place->store->path,
		      place->relative);
	ncm_error_hint(&why, "give the store a folder on another disk, or ask the registry by a name without a port");
	model_fail(model_of(planned->run, place->wanted), &why);
	ncm_error_clear(&why);
}

/* What could have no name there is not fetched, either. */
void plan_refuse_names(struct planned *planned)
{
	for (size_t i = 0; i < planned->contents.count; i++) {
		const struct plan_item *item = &planned->items[i];

		for (size_t k = 0; k < item->content->place_count; k++) {
			if (!step_is_done(&item->steps[k]))
				refuse_name(planned, &item->content->places[k]);
		}
	}
}

/* One repository (or version at Civitai), by its page. */
struct access {
	const struct ncm_resolution *resolution;
	const struct ncm_artifact *artifact;
	struct ncm_error refusal; /* code NCM_OK: it is handed out, as far as anybody can tell */
};

struct accesses {
	const struct run *run;
	struct access *items;
	size_t count;
};

/* Whether there may be a gate that the look-up did not meet. Who has other places of the same bytes needs none of it.
 */
static bool may_be_shut(const struct run *run, const struct content *content)
{
	const struct wanted *wanted = &run->wanted[content->wanted];
	const struct ncm_resolution *resolution = content->resolution;
	const struct ncm_model *model = run->models[wanted->model].model;

	if (!resolution->page || resolution->ollama_name || !content->artifact || !content->artifact->url ||
	    wanted->spec->from.count > 1)
		return false;
	if (resolution->gate != NCM_GATE_UNKNOWN)
		return resolution->gate == NCM_GATE_SHUT;
	return model->gated || !model->profile; /* a manifest says what it knows to be gated */
}

static struct access *access_of(const struct accesses *accesses, const struct ncm_resolution *resolution)
{
	for (size_t i = 0; i < accesses->count; i++) {
		if (strcmp(accesses->items[i].resolution->page, resolution->page) == 0)
			return &accesses->items[i];
	}
	return NULL;
}

static bool is_asked(const struct planned *planned, const struct plan_item *item)
{
	return item->content->place_count > 0 && item_needs_network(item) && may_be_shut(planned->run, item->content);
}

static void collect_gates(const struct planned *planned, struct accesses *accesses)
{
	for (size_t i = 0; i < planned->contents.count; i++) {
		const struct plan_item *item = &planned->items[i];

		if (is_asked(planned, item) && !access_of(accesses, item->content->resolution))
			*NCM_PUSH(accesses->items, accesses->count) = (struct access){
			    .resolution = item->content->resolution, .artifact = item->content->artifact};
	}
}

static void ask_gate(void *context, size_t index)
{
	struct accesses *accesses = context;
	struct access *access = &accesses->items[index];

	if (!ncm_interrupted())
		(void)ncm_source_ask_access(accesses->run->sources, access->resolution, access->artifact,
					    &access->refusal);
}

/* Each model that wants something of the repository cannot be had. */
static void refuse_shut(const struct planned *planned, const struct plan_item *item, const struct ncm_error *refusal)
{
	for (size_t i = 0; i < item->content->place_count; i++) {
		const size_t wanted = item->content->places[i].wanted;
		struct ncm_error why = NCM_ERROR_INIT;

		ncm_error_copy(&why, refusal);
		ncm_error_wrap(&why, "%s", model_id(planned->run, &planned->run->wanted[wanted]));
		model_fail(model_of(planned->run, wanted), &why);
		ncm_error_clear(&why);
	}
}

void plan_ask_access(struct planned *planned)
{
	struct accesses accesses = {.run = planned->run};

	if (planned->run->options.offline)
		return;
	collect_gates(planned, &accesses);
	if (accesses.count > 0)
		ncm_parallel(RESOLVE_THREADS, accesses.count, ask_gate, &accesses);
	for (size_t i = 0; i < planned->contents.count; i++) {
		const struct plan_item *item = &planned->items[i];
		const struct access *access =
		    is_asked(planned, item) ? access_of(&accesses, item->content->resolution) : NULL;

		if (access && access->refusal.code != NCM_OK)
			refuse_shut(planned, item, &access->refusal);
	}
	for (size_t i = 0; i < accesses.count; i++)
		ncm_error_clear(&accesses.items[i].refusal);
	free(accesses.items);
}
