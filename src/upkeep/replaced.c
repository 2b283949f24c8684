/* SPDX-License-Identifier: MIT */
/*
 * What --force and repairs put aside (store/aside.c): `.ncmodel/replaced/<time>/<path below the store>`, the time as
 * YYYYMMDDTHHMMSSZ, and "-2" and so on behind it where one second had several. Nobody is known to bring these bytes
 * back, so they go by name alone, when they are asked for.
 */
#include "upkeep/upkeep.h"

#include "base/mem.h"
#include "base/path.h"

#include <fnmatch.h>
#include <string.h>

static const char time_pattern[] = "[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]T[0-9][0-9][0-9][0-9][0-9][0-9]Z";

/* A time, or one with a number. */
static bool is_time(const char *name)
{
	const size_t size = strcspn(name, "-");
	NCM_AUTO_FREE char *time = ncm_strndup(name, size);
	const char *number = name + size;

	return fnmatch(time_pattern, time, 0) == 0 &&
	       (!*number || (number[1] && strspn(number + 1, "0123456789") == strlen(number + 1)));
}

struct search {
	struct upkeep *upkeep;
	size_t store;
};

/* "20261128T093000Z" as "2026-11-28T09:30:00Z". The caller frees it. */
static char *readable(const char *time)
{
	return ncm_asprintf("%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", time, time + 4, time + 6, time + 9, time + 11, time + 13);
}

static void consider_replaced(void *context, const struct ncm_walk_entry *entry)
{
	const struct search *search = context;
	const struct ncm_store *in = &search->upkeep->layout->stores[search->store];
	const char *slash = strchr(entry->path, '/');
	NCM_AUTO_FREE char *time = slash ? ncm_strndup(entry->path, (size_t)(slash - entry->path)) : NULL;
	NCM_AUTO_FREE char *below = ncm_path_join(OWN_REPLACED, entry->path);
	NCM_AUTO_FREE char *own = store_own_path(in, below);
	NCM_AUTO_FREE char *path = ncm_path_join(in->path, own);
	struct ncm_removal *removal = search->upkeep->removal;
	const size_t before = removal->count;

	if (!time || !is_time(time))
		return;
	upkeep_consider(search->upkeep,
			&(struct candidate){.kind = NCM_REMOVAL_REPLACED, .path = path, .store = in->id, .lost = true});
	if (removal->count == before)
		return;
	removal->files[before].was = ncm_path_join(in->path, slash + 1);
	removal->files[before].since = readable(time);
}

void upkeep_collect_replaced(struct upkeep *upkeep, size_t store)
{
	struct search search = {upkeep, store};
	NCM_AUTO_FREE char *own = store_own_path(&upkeep->layout->stores[store], OWN_REPLACED);

	(void)upkeep_walk(upkeep, store, own, true, consider_replaced, &search);
}
