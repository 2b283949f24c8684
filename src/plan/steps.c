/* SPDX-License-Identifier: MIT */
/* What the states of its places mean for a content. */
#include "plan/plan.h"

#include "base/ability.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/share.h"
#include "store/staging.h"

bool step_is_done(const struct step *step)
{
	return step->state == PLACE_RIGHT || step->state == PLACE_UNRECORDED;
}

bool item_is_right(const struct plan_item *item)
{
	for (size_t i = 0; i < item->content->place_count; i++) {
		if (!step_is_done(&item->steps[i]) || item->steps[i].nameless)
			return false;
	}
	return true;
}

const char *item_ready_path(const struct plan_item *item)
{
	for (size_t i = 0; i < item->content->place_count; i++) {
		if (step_is_done(&item->steps[i]))
			return place_bytes_path(&item->content->places[i]);
	}
	return item->local.path;
}

bool item_needs_network(const struct plan_item *item)
{
	return item->content->kind != CONTENT_MANIFEST && !item_ready_path(item);
}

/* Of what is fetched: the ranges, or everything. */
static uint64_t item_fetch_size(const struct plan_item *item)
{
	uint64_t size = 0;

	for (size_t i = 0; i < item->mend.count; i++)
		size += item->mend.ranges[i].end - item->mend.ranges[i].start;
	return item->mend.count > 0 ? size : item->content->size;
}

uint64_t item_to_get(const struct plan_item *item)
{
	const uint64_t size = item_fetch_size(item);

	if (!item_needs_network(item) || item->present >= size)
		return 0;
	return size - item->present;
}

/* What a manifest of Ollama's weighs, some hundred bytes, is no doubt worth telling. */
struct ncm_doubt item_doubt(const struct plan_item *item)
{
	const struct content *content = item->content;

	if (content->has_size || content->kind == CONTENT_MANIFEST)
		return (struct ncm_doubt){0};
	return (struct ncm_doubt){.expected = content->is_expected ? content->size : 0, .unknown = content->size == 0};
}

bool place_can_be_linked(const char *ready, const struct place *place)
{
	struct ncm_space here, there, folder;

	return ncm_space_of(ready, &here, NULL) == 0 && ncm_space_of(place->store->path, &there, NULL) == 0 &&
	       ncm_space_of(place->path, &folder, NULL) == 0 && here.device == there.device &&
	       here.device == folder.device && !(ncm_lacks_at(place->store->path) & NCM_LACKS_HARD_LINKS);
}

/* A file system that can share blocks needs no hard link, but which one can is known only when it is tried: then the
 * plan counts too much space, not too little. */
static bool can_be_one(const char *ready, const struct place *place)
{
	struct os_stat status;

	return os_lstat(OS_HERE, ready, &status) == 0 && store_may_gain_name(ready, &status) &&
	       store_is_only_read(place_bytes(place));
}

enum ncm_step item_step(const struct plan_item *item, size_t number)
{
	const struct place *place = &item->content->places[number];
	const struct step *step = &item->steps[number];
	const char *ready = item_ready_path(item);

	if (step_is_done(step))
		return step->state == PLACE_UNRECORDED ? NCM_STEP_ADOPT : NCM_STEP_KEEP;
	if (item->content->kind == CONTENT_MANIFEST)
		return NCM_STEP_FETCH;
	if (ready)
		return place_can_be_linked(ready, place) && can_be_one(ready, place) ? NCM_STEP_LINK : NCM_STEP_COPY;
	if (number > 0)
		return place_can_be_linked(item->content->places[0].store->path, place) &&
			       store_is_only_read(place_bytes(place))
			   ? NCM_STEP_LINK
			   : NCM_STEP_COPY;
	if (item->present > 0)
		return NCM_STEP_RESUME;
	return step->state == PLACE_OURS ? NCM_STEP_REPLACE : NCM_STEP_FETCH;
}

/* Stable over runs, and from no one's input: digests of the content, else of its source. */
char *item_partial(const struct plan_item *item)
{
	const struct content *content = item->content;
	const struct ncm_resolution *resolution = content->resolution;
	NCM_AUTO_FREE char *source = content->has_sha256 ? NULL : ncm_source_key(resolution->uri);

	if (item->mend.count > 0)
		return staging_repair_name(&content->sha256);
	if (content->has_sha256)
		return staging_partial_name(&content->sha256, NULL, NULL, NULL);
	if (!content->artifact || !content->artifact->url)
		return NULL;
	return staging_partial_name(NULL, source ? source : resolution->uri, resolution->revision,
				    content->artifact->name);
}

void item_transfer(const struct run *run, const struct plan_item *item, const char *partial,
		   struct ncm_transfer_item *transfer)
{
	const struct content *content = item->content;
	const struct ncm_artifact *artifact = content->artifact;

	*transfer = (struct ncm_transfer_item){
	    .model = model_id(run, &run->wanted[content->wanted]),
	    .name = content->name,
	    .url = artifact->url,
	    .credential = content->resolution->credential,
	    .service = content->resolution->service,
	    .has_size = content->has_size,
	    .size = content->has_size ? content->size : 0,
	    .has_sha256 = content->has_sha256,
	    .sha256 = content->sha256,
	    .has_git_sha1 = content->has_git_sha1,
	    .git_sha1 = content->git_sha1,
	    .expect_binary = artifact->expect_binary,
	    .dirfd = content->places[0].store->staging,
	    .partial = partial,
	    .ranges = item->mend.ranges,
	    .range_count = item->mend.count,
	};
}
