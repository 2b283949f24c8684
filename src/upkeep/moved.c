/* SPDX-License-Identifier: MIT */
#include "upkeep/moved.h"

#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "upkeep/upkeep.h"

static enum ncm_removal_kind kind_of(const struct upkeep *upkeep, const struct upkeep_moved *file)
{
	const size_t number = upkeep_store_of(upkeep, file->path, file->store);
	const struct ncm_store *store = number == NOWHERE ? NULL : &upkeep->layout->stores[number];
	const char *relative = store ? ncm_path_below(file->path, store->path) : NULL;
	struct os_stat status;

	if (relative && upkeep_is_tag(upkeep, number, relative))
		return NCM_REMOVAL_MANIFEST;
	if (relative && os_lstat(OS_HERE, file->path, &status) == 0 && status.kind == OS_IS_LINK)
		return NCM_REMOVAL_LINK;
	if (relative && upkeep_blob_key(store, relative))
		return NCM_REMOVAL_BLOB;
	return file->is_name && relative ? NCM_REMOVAL_MANIFEST : NCM_REMOVAL_FILE;
}

static void consider(struct upkeep *upkeep, const struct upkeep_moved *file)
{
	upkeep_consider(upkeep, &(struct candidate){.kind = kind_of(upkeep, file),
						    .path = file->path,
						    .store = file->store,
						    .by = upkeep->request.moved_by,
						    .recorded = true,
						    .size = file->size,
						    .mtime_ns = file->mtime_ns});
}

int upkeep_plan_moved(struct upkeep *upkeep, struct ncm_error *err)
{
	upkeep_learn_users(upkeep);
	/* Names first: what else names a blob is known then. */
	for (int names = 1; names >= 0; names--) {
		for (size_t i = 0; i < upkeep->request.moved_count; i++) {
			if (upkeep->request.moved[i].is_name == (names == 1))
				consider(upkeep, &upkeep->request.moved[i]);
		}
	}
	return upkeep->error.code == NCM_OK ? 0 : ncm_error_move(err, &upkeep->error);
}

struct ncm_removal *upkeep_moved_plan(const struct ncm_config *config, const struct upkeep_moved *files, size_t count,
				      const struct authority *by, struct ncm_error *err)
{
	const struct request request = {
	    .config = config, .is_move = true, .moved = files, .moved_count = count, .moved_by = by};
	struct upkeep *upkeep = upkeep_plan(&request, err);

	return upkeep ? upkeep->removal : NULL;
}
