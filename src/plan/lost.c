/* SPDX-License-Identifier: MIT */
/* What no source has any more and is nowhere on this machine: who has its bytes is asked, or why it cannot be had told.
 */
#include "plan/plan.h"

#include "base/mem.h"
#include "base/thread.h"

struct losses {
	struct planned *planned;
	struct plan_item **items;
	size_t count;
};

static struct wanted *wanted_of(const struct planned *planned, const struct plan_item *item)
{
	return &planned->run->wanted[item->content->wanted];
}

static bool is_lost(const struct planned *planned, const struct plan_item *item)
{
	return item->content->place_count > 0 && item_needs_network(item) && !item->content->artifact->url &&
	       wanted_of(planned, item)->lost.code != NCM_OK && !item_is_given_up(planned->run, item);
}

static void find(void *context, size_t index)
{
	struct losses *losses = context;
	struct content *content = losses->items[index]->content;
	struct ncm_resolution *found = lost_ask_next(losses->planned->run, content);

	if (!found)
		return;
	content->found = found;
	content->artifact = same_artifact(found, content);
	content->resolution = found;
}

static void refuse(const struct planned *planned, const struct plan_item *item)
{
	struct ncm_error why = NCM_ERROR_INIT;

	lost_tell(wanted_of(planned, item), item->content, &why);
	for (size_t i = 0; i < item->content->place_count; i++)
		model_fail(model_of(planned->run, item->content->places[i].wanted), &why);
	ncm_error_clear(&why);
}

/* Of each file spec once: a repository may have many files. */
static void tell(const struct planned *planned, const struct plan_item *item, bool *told)
{
	const struct wanted *wanted = wanted_of(planned, item);

	if (told[item->content->wanted])
		return;
	told[item->content->wanted] = true;
	ncm_emit_text(&planned->run->sink, NCM_EVENT_NOTE, "%s", wanted->lost.message);
	ncm_emit_text(&planned->run->sink, NCM_EVENT_NOTE, "%s: its pinned bytes come from %s",
		      model_id(planned->run, wanted), item->content->found->uri);
}

static void collect(struct planned *planned, struct losses *losses)
{
	losses->items = ncm_calloc(planned->contents.count + 1, sizeof *losses->items);
	for (size_t i = 0; i < planned->contents.count; i++) {
		if (is_lost(planned, &planned->items[i]))
			losses->items[losses->count++] = &planned->items[i];
	}
}

void plan_find_lost(struct planned *planned)
{
	struct losses losses = {.planned = planned};
	NCM_AUTO_FREE bool *told = ncm_calloc(planned->run->wanted_count + 1, sizeof *told);

	collect(planned, &losses);
	if (losses.count > 0)
		ncm_parallel(RESOLVE_THREADS, losses.count, find, &losses);
	for (size_t i = 0; i < losses.count; i++) {
		if (losses.items[i]->content->found)
			tell(planned, losses.items[i], told);
		else
			refuse(planned, losses.items[i]);
	}
	free(losses.items);
}
