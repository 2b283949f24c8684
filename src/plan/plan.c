/* SPDX-License-Identifier: MIT */
/* Making a plan: resolve, look at the disk, say what a pull would do. Nothing is written. */
#include "plan/plan.h"

#include "base/ability.h"
#include "base/mem.h"
#include "base/path.h"
#include "store/staging.h"

#include <string.h>

static void forget_items(struct planned *planned)
{
	for (size_t i = 0; planned->items && i < planned->contents.count; i++) {
		free(planned->items[i].steps);
		free(planned->items[i].local.path);
		free(planned->items[i].mend.ranges);
	}
	free(planned->items);
	planned->items = NULL;
}

struct planned *planned_new(struct run *run)
{
	struct planned *planned = ncm_calloc(1, sizeof *planned);

	planned->run = run;
	planned->look = look_new(run);
	return planned;
}

void planned_free(struct planned *planned)
{
	if (!planned)
		return;
	forget_items(planned);
	contents_free(planned->run, &planned->contents);
	look_free(planned->look);
	run_free(planned->run);
	free(planned);
}

static uint64_t partial_bytes(const struct planned *planned, const struct plan_item *item)
{
	const struct ncm_store *store = item->content->places[0].store;
	const int dirfd = look_at_store(planned->look, store);
	NCM_AUTO_CLOSE int staging = dirfd < 0 ? -1 : staging_open(store, dirfd);
	NCM_AUTO_FREE char *partial = staging < 0 ? NULL : item_partial(item);
	struct ncm_transfer_item transfer;

	if (!partial)
		return 0;
	item_transfer(planned->run, item, partial, &transfer);
	transfer.dirfd = staging;
	return ncm_transfer_present(&transfer);
}

static void judge_item(const struct planned *planned, struct plan_item *item)
{
	struct content *content = item->content;

	for (size_t i = 0; i < content->place_count; i++)
		judge_place(planned, content, &content->places[i], &item->steps[i]);
	free(item->local.path);
	item->local = (struct twin){0};
	item->present = 0;
	if (content->place_count == 0)
		return;
	if ((content->kind == CONTENT_FILE || content->kind == CONTENT_BLOB) && !item_ready_path(item))
		(void)elsewhere_find(planned->look, content, &item->local);
	if (item_needs_network(item))
		item->present = partial_bytes(planned, item);
}

void plan_count_partials(struct planned *planned)
{
	for (size_t i = 0; i < planned->contents.count; i++) {
		struct plan_item *item = &planned->items[i];

		if (item->content->place_count > 0 && item_needs_network(item))
			item->present = partial_bytes(planned, item);
	}
}

void plan_judge(struct planned *planned)
{
	look_anew(planned->look);
	for (size_t i = 0; i < planned->contents.count && !ncm_interrupted(); i++)
		judge_item(planned, &planned->items[i]);
}

static void make_items(struct planned *planned)
{
	planned->items = ncm_calloc(planned->contents.count + 1, sizeof *planned->items);
	for (size_t i = 0; i < planned->contents.count; i++) {
		struct plan_item *item = &planned->items[i];

		item->content = &planned->contents.items[i];
		item->steps = ncm_calloc(item->content->place_count + 1, sizeof *item->steps);
	}
	plan_judge(planned);
}

void plan_build(struct planned *planned, content_placer *placer, void *context)
{
	forget_items(planned);
	contents_build(planned->run, placer, context, &planned->contents);
	make_items(planned);
}

void plan_settle_present(struct planned *planned)
{
	struct run *run = planned->run;
	NCM_AUTO_FREE bool *missing = ncm_calloc(run->wanted_count + 1, sizeof *missing);

	for (size_t i = 0; i < planned->contents.count; i++) {
		const struct plan_item *item = &planned->items[i];
		const struct content *content = item->content;
		/* What another copy on this machine is linked to needs no source either. */
		const bool here =
		    content->kind != CONTENT_MANIFEST && content->kind != CONTENT_ARCHIVE && item_ready_path(item);

		for (size_t k = 0; k < content->place_count; k++)
			missing[content->places[k].wanted] |= !step_is_done(&item->steps[k]) && !here;
	}
	for (size_t i = 0; i < run->wanted_count; i++) {
		struct wanted *wanted = &run->wanted[i];

		if (wanted->from_lock && !missing[i])
			wanted->settled = true;
	}
}

/* Several stores may lie in one such folder. */
static void warn_of_store(const struct run *run, const struct ncm_store *store, char **told)
{
	char *folder = ncm_store_exposure(store);

	if (!folder || (*told && strcmp(*told, folder) == 0)) {
		free(folder);
		return;
	}
	ncm_emit_text(&run->sink, NCM_EVENT_WARNING,
		      "everybody may write to %s, and so replace what lies in the store \"%s\"; %s ends that", folder,
		      store->id,
		      ncm_lacks_at(folder) & NCM_LACKS_MODES ? "mounting that disk with umask=022 (and uid=, gid=)"
							     : "`chmod o-w`");
	free(*told);
	*told = folder;
}

/* Of the stores that the plan has to do with. */
static void warn_of_open_stores(const struct planned *planned)
{
	const struct ncm_layout *layout = planned->run->layout;
	NCM_AUTO_FREE bool *seen = ncm_calloc(layout->count + 1, sizeof *seen);
	NCM_AUTO_FREE char *told = NULL;

	for (size_t i = 0; i < planned->contents.count; i++) {
		const struct content *content = planned->items[i].content;

		for (size_t k = 0; k < content->place_count; k++)
			seen[content->places[k].store - layout->stores] = true;
	}
	for (size_t i = 0; i < layout->count; i++) {
		if (seen[i])
			warn_of_store(planned->run, &layout->stores[i], &told);
	}
}

/* The specs of which something would go into a store that keeps repositories as they are. The caller frees it. */
static bool *into_repositories(const struct planned *planned)
{
	bool *into = ncm_calloc(planned->run->wanted_count + 1, sizeof *into);

	for (size_t i = 0; i < planned->contents.count; i++) {
		const struct plan_item *item = &planned->items[i];

		for (size_t k = 0; k < item->content->place_count; k++) {
			const struct place *place = &item->content->places[k];

			into[place->wanted] |=
			    item->steps[k].state != PLACE_RIGHT && place->store->kind->keeps_repositories;
		}
	}
	return into;
}

/* Programs that look there offline find what there is, and take it for all. */
static void tell_parts(const struct planned *planned)
{
	struct run *run = planned->run;
	NCM_AUTO_FREE bool *into = into_repositories(planned);

	for (size_t i = 0; i < run->wanted_count; i++) {
		const struct wanted *wanted = &run->wanted[i];
		NCM_AUTO_FREE char *home =
		    into[i] && wanted->resolution ? ncm_source_home(wanted->resolution->uri) : NULL;
		const bool whole = home && ncm_source_is_whole(wanted->resolution->uri) &&
				   wanted->spec->include.count + wanted->spec->exclude.count == 0;

		if (home && !whole && model_of(run, i)->error.code == NCM_OK)
			ncm_emit_text(
			    &run->sink, NCM_EVENT_NOTE,
			    "%s: this is part of the repository %s; offline, nothing else of it is found there",
			    model_id(run, wanted), home);
	}
}

static void look_at_everything(struct planned *planned)
{
	struct run *run = planned->run;

	wanted_resolve_locally(run);
	plan_build(planned, content_targets, NULL);
	plan_settle_present(planned);
	wanted_resolve_by_network(run);
	if (run->to_resolve > 0)
		plan_build(planned, content_targets, NULL);
	plan_refuse_names(planned);
	plan_refuse(planned);
	plan_refuse_unwritable(planned);
	plan_find_lost(planned);
	plan_ask_access(planned);
	warn_of_open_stores(planned);
	tell_parts(planned);
}

struct ncm_plan *ncm_plan_make(const struct ncm_config *config, struct ncm_model *const *models, size_t count,
			       const struct ncm_provision_options *options, const struct ncm_sink *sink,
			       struct ncm_error *err)
{
	struct run *run = run_new(config, options, sink, err);
	struct planned *planned;

	if (!run)
		return NULL;
	planned = planned_new(run);
	run_take_models(run, models, count);
	plan_refuse_licences(run);
	look_at_everything(planned);
	return plan_of(planned, err);
}
