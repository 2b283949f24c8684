/* SPDX-License-Identifier: MIT */
/*
 * Content whose digest nobody knows beforehand, where the configuration lets the cache say it ("cache_refs"): one
 * machine fetches it from its source and tells the others, which wait for it and take it by its digest from then on.
 *
 * A model is named when all of its content is here, and only what is named goes into the cache. So that no two machines
 * wait for each other, a machine that is about to find the first content of a model finds the others, too; and one that
 * has nothing left to do but to wait, and something that others may wait for, waits no longer.
 */
#include "carry/carry.h"

#include "base/address.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/thread.h"
#include "cache/refs.h"

static const double PATIENCE_SECONDS = 3600; /* with a machine that does not come to its end */

void carry_refs_begin(struct carry *carry)
{
	const struct run *run = carry->run;

	if (carry->shares && run->config->cache_refs && !run->options.offline && !run->options.from_cache)
		carry->refs = cache_refs_new(&carry->cache);
}

static bool is_named(const struct content *content)
{
	for (size_t i = 0; i < content->place_count; i++) {
		if (content->places[i].unnamed)
			return false;
	}
	return true;
}

/* What this machine has begun it goes on with. */
static bool may_be_shared(const struct carry *carry, const struct task *task)
{
	const struct content *content = task->item->content;

	return carry->refs && !task->finding.decided && task->state == TASK_OPEN && task->unpinned &&
	       !content->has_sha256 && content->kind == CONTENT_FILE && content->place_count > 0 &&
	       content->artifact->url && is_named(content) && !item_is_given_up(carry->run, task->item) &&
	       item_needs_network(task->item) && task->item->present == 0 &&
	       !(content->has_size && content->size < CACHE_SHARED_LEAST);
}

static bool name_ref(const struct carry *carry, struct task *task)
{
	const struct content *content = task->item->content;
	const struct ncm_resolution *found = content->resolution;
	const char *name = content->artifact->name;
	NCM_AUTO_FREE char *source = ncm_source_key(found->uri);
	NCM_AUTO_FREE char *state = NULL;

	if (task->finding.ref || !source || ncm_text_has_secret(source))
		return task->finding.ref != NULL;
	state = ncm_source_state(carry->run->sources, found, content->artifact);
	if (state)
		task->finding.ref = cache_ref_new(carry->refs, source, name ? name : "", state);
	return task->finding.ref != NULL;
}

/* Two of one digest would have one partial. */
static bool is_under_way(const struct carry *carry, const struct ncm_sha256 *sha256)
{
	for (size_t i = 0; i < carry->planned->contents.count; i++) {
		const struct task *task = &carry->tasks[i];
		const struct content *content = task->item->content;

		if ((task->state == TASK_OPEN || task->state == TASK_FETCHED) && content->has_sha256 &&
		    ncm_sha256_equal(&content->sha256, sha256) && item_needs_network(task->item))
			return true;
	}
	return false;
}

/* Another size than the source says is no word to take. */
static void adopt(const struct carry *carry, struct task *task)
{
	struct content *content = task->item->content;
	const struct cache_found *found = &task->finding.found;

	if ((content->has_size && content->size != found->size) || is_under_way(carry, &found->sha256))
		return;
	task->finding.believed = true;
	task->finding.had_size = content->has_size;
	task->finding.size = content->size;
	content->has_size = content->has_sha256 = true;
	content->size = found->size;
	content->sha256 = found->sha256;
	ncm_emit_text(&carry->run->sink, NCM_EVENT_NOTE, "%s: which bytes its source has, %s says; they are believed",
		      content->name, carry->cache.what);
}

static void put_off(struct task *task)
{
	task->again = task->finding.put_off = true;
}

/* Also what was not asked about, since it is of a model that waits: who is out of patience with one content is so with
 * the others. */
static void await(struct task *task)
{
	struct finding *finding = &task->finding;

	finding->awaited = true;
	finding->since = finding->since > 0 ? finding->since : ncm_monotonic();
	put_off(task);
}

static bool is_patient(const struct finding *finding)
{
	return finding->since == 0 || ncm_monotonic() - finding->since < PATIENCE_SECONDS;
}

/* Returns whether it is left to others for now. `leads`: this machine is to find something of the same model. */
static bool look(const struct carry *carry, struct task *task, bool *leads)
{
	const unsigned most = !carry->filler ? 0 : *leads ? UINT32_MAX : carry->run->config->jobs;
	enum cache_ref_state state = CACHE_REF_NONE;

	if (name_ref(carry, task))
		state = cache_ref_look(task->finding.ref, most, &task->finding.found);
	task->finding.told = state == CACHE_REF_FOUND;
	*leads = *leads || state == CACHE_REF_OURS;
	task->finding.decided = *leads || !(state == CACHE_REF_OTHERS || (state == CACHE_REF_FREE && most > 0)) ||
				!is_patient(&task->finding);
	return !task->finding.decided;
}

static void ask(void *context, size_t model)
{
	struct carry *carry = context;
	const struct contents *contents = &carry->planned->contents;
	bool leads = false, awaits = false;

	for (size_t i = contents->first[model]; i < contents->first[model + 1] && !ncm_interrupted(); i++) {
		struct task *task = &carry->tasks[contents->of_models[i]];

		if (carry->run->wanted[task->item->content->wanted].model != model || !may_be_shared(carry, task))
			continue;
		awaits = awaits || look(carry, task, &leads);
		if (awaits)
			await(task);
	}
}

static void adopt_told(struct carry *carry)
{
	for (size_t i = 0; i < carry->planned->contents.count; i++) {
		struct task *task = &carry->tasks[i];

		if (task->finding.told)
			adopt(carry, task);
		task->finding.told = false;
	}
}

static bool is_settled(const struct carry *carry, const struct task *task)
{
	return task->state == TASK_PLACED || task->state == TASK_FAILED || item_is_given_up(carry->run, task->item);
}

void carry_refs_settle(const struct carry *carry)
{
	for (size_t i = 0; carry->refs && i < carry->planned->contents.count; i++) {
		const struct task *task = &carry->tasks[i];

		if (task->finding.ref && is_settled(carry, task))
			cache_ref_let_go(task->finding.ref);
	}
}

void carry_refs_ask(struct carry *carry)
{
	if (!carry->refs)
		return;
	carry_refs_settle(carry);
	for (size_t i = 0; i < carry->planned->contents.count; i++)
		carry->tasks[i].finding.awaited = false;
	ncm_parallel(RESOLVE_THREADS, carry->run->model_count, ask, carry);
	adopt_told(carry); /* one by one: no two of them may be the same */
}

static struct task *first_awaited(const struct carry *carry)
{
	for (size_t i = 0; i < carry->planned->contents.count; i++) {
		if (carry->tasks[i].finding.awaited)
			return &carry->tasks[i];
	}
	return NULL;
}

/* Others may wait for something here, and each for the other. */
static void go_on(struct carry *carry)
{
	for (size_t i = 0; i < carry->planned->contents.count; i++)
		carry->tasks[i].finding.decided = true;
}

bool carry_refs_wait(struct carry *carry)
{
	const struct task *task = first_awaited(carry);

	if (!task || ncm_interrupted())
		return false;
	if (cache_refs_leading(carry->refs) > 0) {
		go_on(carry);
		return true;
	}
	if (!carry->told_to_wait)
		ncm_emit_text(&carry->run->sink, NCM_EVENT_NOTE,
			      "%s: another machine fetches it; it comes from %s when that has it",
			      task->item->content->name, carry->cache.what);
	carry->told_to_wait = true;
	(void)ncm_wait(1);
	return true;
}

void carry_refs_came(struct task *task, const char *etag)
{
	const struct ncm_resolution *from = task->item->content->resolution;
	NCM_AUTO_FREE char *source = task->finding.ref ? ncm_source_key(from->uri) : NULL;

	task->finding.came = source && !task->finding.believed &&
			     cache_ref_is_of(task->finding.ref, source, ncm_source_state_of(from, etag));
}

/* A file that is written over while it is sent may have come under the old name with new bytes. */
static bool is_there_still(const struct carry *carry, const struct task *task)
{
	const struct content *content = task->item->content;
	NCM_AUTO_FREE char *source = ncm_source_key(content->resolution->uri);
	NCM_AUTO_FREE char *state = ncm_source_state(carry->run->sources, content->resolution, content->artifact);

	return cache_ref_is_of(task->finding.ref, source, state);
}

void carry_refs_placed(const struct carry *carry, struct task *task)
{
	const struct content *content = task->item->content;

	if (task->finding.came && is_there_still(carry, task))
		cache_ref_prove(task->finding.ref, &(struct cache_found){content->size, content->sha256});
	else if (task->finding.ref)
		cache_ref_let_go(task->finding.ref);
}

void carry_refs_failed(const struct carry *carry, struct task *task)
{
	struct content *content = task->item->content;

	if (!task->finding.ref)
		return;
	if (!task->finding.believed) {
		cache_ref_let_go(task->finding.ref);
		return;
	}
	if (task->error.code != NCM_E_CHECKSUM)
		return;
	ncm_emit_text(&carry->run->sink, NCM_EVENT_WARNING,
		      "%s: its source has other bytes than %s says; those of the source are taken", content->name,
		      carry->cache.what);
	ncm_error_clear(&task->error);
	cache_ref_refute(task->finding.ref);
	task->finding.believed = content->has_sha256 = false;
	content->has_size = task->finding.had_size;
	content->size = task->finding.size;
	task_forget_mirrors(task);
	put_off(task);
}
