/* SPDX-License-Identifier: MIT */
/*
 * What would be refused is told before anything is fetched: of each repository with something to fetch that may have a
 * gate, one small request asks for one of its files.
 */
#include "plan/plan.h"

#include "base/mem.h"
#include "base/thread.h"

#include <string.h>

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

static void collect(const struct planned *planned, struct accesses *accesses)
{
	for (size_t i = 0; i < planned->contents.count; i++) {
		const struct plan_item *item = &planned->items[i];

		if (is_asked(planned, item) && !access_of(accesses, item->content->resolution))
			*NCM_PUSH(accesses->items, accesses->count) = (struct access){
			    .resolution = item->content->resolution, .artifact = item->content->artifact};
	}
}

static void ask(void *context, size_t index)
{
	struct accesses *accesses = context;
	struct access *access = &accesses->items[index];

	if (!ncm_interrupted())
		(void)ncm_source_ask_access(accesses->run->sources, access->resolution, access->artifact,
					    &access->refusal);
}

/* Each model that wants something of the repository cannot be had. */
static void refuse(const struct planned *planned, const struct plan_item *item, const struct ncm_error *refusal)
{
	for (size_t i = 0; i < item->content->place_count; i++) {
		const size_t wanted = item->content->places[i].wanted;
		struct ncm_error why = NCM_ERROR_INIT;

		ncm_error_set(&why, refusal->code, "%s", refusal->message);
		ncm_error_wrap(&why, "%s", model_id(planned->run, &planned->run->wanted[wanted]));
		if (refusal->hint)
			ncm_error_hint(&why, "%s", refusal->hint);
		model_fail(model_of(planned->run, wanted), &why);
		ncm_error_clear(&why);
	}
}

void plan_ask_access(struct planned *planned)
{
	struct accesses accesses = {.run = planned->run};

	if (planned->run->options.offline)
		return;
	collect(planned, &accesses);
	if (accesses.count > 0)
		ncm_parallel(RESOLVE_THREADS, accesses.count, ask, &accesses);
	for (size_t i = 0; i < planned->contents.count; i++) {
		const struct plan_item *item = &planned->items[i];
		const struct access *access =
		    is_asked(planned, item) ? access_of(&accesses, item->content->resolution) : NULL;

		if (access && access->refusal.code != NCM_OK)
			refuse(planned, item, &access->refusal);
	}
	for (size_t i = 0; i < accesses.count; i++)
		ncm_error_clear(&accesses.items[i].refusal);
	free(accesses.items);
}
