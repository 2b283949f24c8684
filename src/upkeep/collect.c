/* SPDX-License-Identifier: MIT */
/* What nobody uses: what cut-short removals left, our own leftovers, and what other tools left in their stores. */
#include "upkeep/upkeep.h"

#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "store/share.h"
#include "store/walk.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum { SECOND = 1000000000 }; /* in nanoseconds */

static const time_t NEVER = INT64_MAX;

time_t upkeep_young_until(const struct os_stat *status, uint64_t seconds)
{
	/* A file keeps its mtime when it is moved; that it was is seen from its ctime. */
	const time_t changed = (status->mtime_ns > status->ctime_ns ? status->mtime_ns : status->ctime_ns) / SECOND;
	const time_t now = time(NULL);
	time_t until;

	if (__builtin_add_overflow(changed, seconds, &until))
		until = NEVER;
	return now >= changed && now >= until ? 0 : until;
}

struct search {
	struct upkeep *upkeep;
	size_t store;
	const char *folder; /* that is walked */
	bool shared;        /* the blobs that all repositories of a cache share */
};

static void consider_blob(void *context, const struct ncm_walk_entry *entry)
{
	const struct search *search = context;
	struct upkeep *upkeep = search->upkeep;
	const struct ncm_store *store = &upkeep->layout->stores[search->store];
	NCM_AUTO_FREE char *relative = ncm_path_join(search->folder, entry->path);
	NCM_AUTO_FREE char *path = ncm_path_join(store->path, relative);
	const bool incomplete = store->kind->is_partial && store->kind->is_partial(relative);
	const char *key = incomplete ? NULL : upkeep_blob_key(store, relative);
	const bool is_link = entry->status->kind == OS_IS_LINK && store->kind->blobs_are_links;
	struct ncm_sha256 digest;

	if ((!incomplete && !key) || (entry->status->kind != OS_IS_FILE && !is_link) ||
	    store_is_shared_blob(relative) != search->shared)
		return;
	if (upkeep_consider(upkeep,
			    &(struct candidate){
				.kind = incomplete ? NCM_REMOVAL_INCOMPLETE
					: is_link  ? NCM_REMOVAL_LINK
						   : NCM_REMOVAL_BLOB,
				.path = path,
				.store = store->id,
				.foreign = true,
				.quiet = true,
				.until = upkeep_young_until(entry->status, upkeep->request.gc.min_age),
			    }) &&
	    key && ncm_sha256_parse(ncm_path_base(key), &digest) == 0)
		upkeep_consider_checkpoints(upkeep, search->store, &digest, NULL);
}

/* What of a cache lies behind a link is the user's own, and a warning; what cannot be read at all is said by the walk.
 */
static void warn_of_names(struct upkeep *upkeep, size_t store)
{
	const struct ncm_store *in = &upkeep->layout->stores[store];
	const struct upkeep_kind *kind = upkeep_kind_of(in->kind);
	const char *repository;
	json_t *why;

	if (upkeep->facts[store].complete)
		return;
	json_object_foreach(upkeep->facts[store].unread, repository, why)
	{
		upkeep_warn(upkeep, "no blob of %s is removed: %s", in->path, json_string_value(why));
	}
	if (kind->warn_of_names)
		kind->warn_of_names(upkeep, store);
}

static void collect_blobs(struct upkeep *upkeep, size_t store)
{
	const struct ncm_store *in = &upkeep->layout->stores[store];
	struct search search = {upkeep, store, in->kind->blobs, false};

	upkeep_learn_names(upkeep, store, false);
	warn_of_names(upkeep, store);
	(void)upkeep_walk(upkeep, store, search.folder, true, consider_blob, &search);
	/* Afterwards: which links to them go is known then. Without the mark the folder is not the application's. */
	search.folder = "blobs";
	search.shared = true;
	if (in->kind->shared_mark && os_has(upkeep->facts[store].dirfd, in->kind->shared_mark))
		(void)upkeep_walk(upkeep, store, search.folder, true, consider_blob, &search);
}

/* A store that is not there holds nothing; one that cannot be opened may hold anything. */
static bool can_be_seen(struct upkeep *upkeep, size_t store)
{
	const struct store_facts *facts = &upkeep->facts[store];

	if (facts->dirfd < 0 && facts->failure != ENOENT && !facts->twin)
		upkeep_cannot_read(upkeep, upkeep->layout->stores[store].path, facts->failure);
	return facts->dirfd >= 0 && !facts->twin;
}

static void collect_store(struct upkeep *upkeep, size_t store)
{
	if (upkeep->request.gc.replaced) {
		upkeep_collect_replaced(upkeep, store);
		return;
	}
	if (upkeep->layout->stores[store].kind->by_digest)
		collect_blobs(upkeep, store);
	upkeep_collect_own(upkeep, store);
}

int upkeep_plan_collection(struct upkeep *upkeep, struct ncm_error *err)
{
	(void)err;
	upkeep_learn_users(upkeep);
	if (!upkeep->request.gc.replaced)
		upkeep_collect_noted(upkeep);
	for (size_t i = 0; i < upkeep->layout->count; i++) {
		if (can_be_seen(upkeep, i))
			collect_store(upkeep, i);
	}
	if (!upkeep->request.gc.replaced)
		upkeep_collect_beside_registry(upkeep);
	return 0;
}

struct ncm_removal *ncm_gc_plan(const struct ncm_config *config, const struct ncm_gc_options *options,
				struct ncm_error *err)
{
	const struct request request = {.config = config, .collect = true, .gc = *options};
	struct upkeep *upkeep = upkeep_plan(&request, err);

	return upkeep ? upkeep->removal : NULL;
}
