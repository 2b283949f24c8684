/* SPDX-License-Identifier: MIT */
/* Who else has a content: its other places, the cache, web servers that have it by its digest, other machines. */
#include "carry/carry.h"

#include "base/mem.h"

/* Below this a second place costs more to ask than it brings. */
static const uint64_t MIRRORS_WORTH_BYTES = 16 << 20;

static bool is_other(const struct content *content, const struct ncm_artifact *artifact)
{
	return content->has_sha256 && artifact->has_sha256 && !ncm_sha256_equal(&content->sha256, &artifact->sha256);
}

int alternate_ask(struct carry *carry, struct task *task, size_t place)
{
	struct content *content = task->item->content;
	const struct wanted *wanted = &carry->run->wanted[content->wanted];
	struct ncm_resolution *found = wanted_ask_place(carry->run, wanted, place, NULL);
	const struct ncm_artifact *artifact = found ? same_artifact(found, content) : NULL;

	if (!artifact || is_other(content, artifact)) {
		ncm_resolution_free(found);
		return -1;
	}
	ncm_resolution_free(task->own);
	task->own = found;
	content->resolution = found;
	content->artifact = artifact;
	return 0;
}

/* Returns 0 when its content is its next alternate's, or -1 when there is none left. */
static int next_place(struct carry *carry, struct task *task)
{
	const struct wanted *wanted = &carry->run->wanted[task->item->content->wanted];

	while (task->alternate + 1 < wanted->spec->from.count && !ncm_interrupted()) {
		if (alternate_ask(carry, task, ++task->alternate) == 0)
			return 0;
	}
	return -1;
}

static void add_mirror(struct task *task, const char *url, struct ncm_resolution *found)
{
	task->mirrors[task->mirror_count] =
	    (struct ncm_replica){.url = url, .credential = found->credential, .service = found->service};
	task->mirror_resolutions[task->mirror_count++] = found;
}

/* So does what a web server has by its digest. */
static void find_in_bundles(const struct run *run, struct task *task)
{
	const struct content *content = task->item->content;

	for (size_t i = 0; i < run->config->bundle_count; i++) {
		struct ncm_resolution *found =
		    ncm_source_at_bundle(run->sources, i, &content->sha256, content->has_size ? &content->size : NULL);

		if (!found)
			continue;
		add_mirror(task, found->uri, found);
		task->mirrors[task->mirror_count - 1].preferred = true;
	}
}

/* What it has not yet comes through it, by the part, from whoever fetches the same. */
static void share(const struct carry *carry, struct task *task)
{
	const struct content *content = task->item->content;
	NCM_AUTO_FREE char *partial = NULL;
	struct ncm_resolution *place;

	if (!carry->flights || !content->has_size || task->item->mend.count > 0)
		return;
	partial = item_partial(task->item);
	task->flight = cache_flight_begin(carry->flights, &content->sha256, content->size,
					  content->places[0].store->staging, partial);
	if (!task->flight)
		return;
	place = ncm_calloc(1, sizeof *place);
	place->uri = ncm_strdup(cache_flights_name(carry->flights));
	add_mirror(task, NULL, place);
	task->mirrors[task->mirror_count - 1] = cache_flight_place(task->flight);
}

/* What the cache has comes from there first. */
static void find_in_cache(const struct carry *carry, struct task *task)
{
	struct ncm_resolution *found = carry_shared_find(carry, task);

	if (!found) {
		share(carry, task);
		return;
	}
	add_mirror(task, found->artifacts[0].url, found);
	task->mirrors[task->mirror_count - 1].preferred = true;
}

void alternate_add_mirrors(struct carry *carry, struct task *task)
{
	const struct content *content = task->item->content;
	const struct wanted *wanted = &carry->run->wanted[content->wanted];
	const size_t places = wanted->spec->from.count, room = places + carry->run->config->bundle_count + 1;

	if (!content->has_sha256 || task->mirror_resolutions || carry->run->options.offline)
		return;
	task->mirror_resolutions = ncm_calloc(room, sizeof(struct ncm_resolution *));
	task->mirrors = ncm_calloc(room, sizeof *task->mirrors);
	if (!content->found) { /* else they were asked */
		find_in_cache(carry, task);
		find_in_bundles(carry->run, task);
	}
	if (!content->has_size || content->size < MIRRORS_WORTH_BYTES)
		return;
	for (size_t i = task->alternate + 1; i < places && !ncm_interrupted(); i++) {
		struct ncm_resolution *found = wanted_ask_place(carry->run, wanted, i, NULL);
		const struct ncm_artifact *artifact = found ? same_artifact(found, content) : NULL;

		if (!artifact || !artifact->has_sha256 || is_other(content, artifact)) {
			ncm_resolution_free(found);
			continue;
		}
		add_mirror(task, artifact->url, found);
	}
}

void task_forget_mirrors(struct task *task)
{
	for (size_t i = 0; i < task->mirror_count; i++)
		ncm_resolution_free(task->mirror_resolutions[i]);
	free(task->mirror_resolutions);
	free(task->mirrors);
	task->mirror_resolutions = NULL;
	task->mirrors = NULL;
	task->mirror_count = 0;
	task->flight = NULL;
	task->fills = false;
	ncm_checkpoints_clear(&task->known);
}

/*
 * By its digest others are asked for what was known to be pinned, where no source has it any more. The cache and web
 * servers were places of the transfer that failed. Returns 0 when it is another's now, or -1 when none is left.
 */
static int next_by_digest(struct carry *carry, struct task *task)
{
	struct content *content = task->item->content;
	const struct wanted *wanted = &carry->run->wanted[content->wanted];
	struct ncm_resolution *found;

	if (task->unpinned || !(lost_is_told(task->error.code) || wanted->lost.code != NCM_OK))
		return -1;
	if (content->places_asked == 0)
		content->places_asked = lost_after_mirrors(carry->run);
	if (content->found || task->by_digest)
		lost_note_failure(content, content->resolution->uri, task->last_error);
	found = lost_ask_next(carry->run, content);
	if (!found)
		return -1;
	task->by_digest = true;
	ncm_resolution_free(task->own);
	task->own = found;
	content->resolution = found;
	content->artifact = same_artifact(found, content);
	return 0;
}

int alternate_next(struct carry *carry, struct task *task)
{
	return next_place(carry, task) == 0 ? 0 : next_by_digest(carry, task);
}
