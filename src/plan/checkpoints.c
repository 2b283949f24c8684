/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints that were kept: beside the lock, in the stores that have or had the file, and in bundles. Whoever uses
 * them proves them.
 */
#include "digest/checkpoint.h"

#include "base/mem.h"
#include "base/path.h"
#include "config/bundles.h"
#include "os/os.h"
#include "plan/plan.h"

#define ENDING ".checkpoints"

static int open_beside_lock(const struct run *run, bool make, struct ncm_error *err)
{
	NCM_AUTO_FREE char *lock = ncm_path_absolute(run->lock->path);
	NCM_AUTO_FREE char *folder = ncm_asprintf("%s" ENDING, lock);

	return ncm_dir_open(folder, make, err);
}

static int find_in_bundles(const struct run *run, const struct ncm_sha256 *sha256, uint64_t size,
			   struct ncm_checkpoints *checkpoints)
{
	const struct ncm_config *config = run->config;
	int failed = -1;

	for (size_t i = 0; i < config->bundle_count && failed; i++) {
		NCM_AUTO_FREE char *folder = config_bundle_checkpoints(config->bundles[i]);
		NCM_AUTO_CLOSE int dirfd =
		    config_bundle_is_address(config->bundles[i]) ? -1 : os_open(OS_HERE, folder, OS_FOLDER);

		if (dirfd >= 0)
			failed = ncm_checkpoints_read_in(dirfd, sha256, size, checkpoints);
	}
	return failed;
}

int checkpoints_find(const struct run *run, const struct ncm_sha256 *sha256, uint64_t size,
		     struct ncm_checkpoints *checkpoints)
{
	NCM_AUTO_CLOSE int beside = -1;

	if (ncm_checkpoints_expected(size) == 0)
		return -1;
	beside = open_beside_lock(run, false, NULL);
	if (beside >= 0 && ncm_checkpoints_read_in(beside, sha256, size, checkpoints) == 0)
		return 0;
	if (ncm_layout_checkpoints(run->layout, sha256, size, checkpoints) == 0)
		return 0;
	return find_in_bundles(run, sha256, size, checkpoints);
}

bool checkpoints_are_possible(uint64_t size)
{
	return ncm_checkpoints_expected(size) > 0;
}

int checkpoints_keep(const struct run *run, const struct ncm_sha256 *sha256, uint64_t size, bool *kept,
		     struct ncm_error *err)
{
	NCM_AUTO_CLOSE int beside = -1;
	struct ncm_checkpoints checkpoints;
	int failed;

	*kept = checkpoints_find(run, sha256, size, &checkpoints) == 0;
	if (!*kept)
		return 0;
	beside = open_beside_lock(run, true, err);
	failed = beside < 0 ? -1 : ncm_checkpoints_write_in(beside, &checkpoints, err);
	ncm_checkpoints_clear(&checkpoints);
	return failed;
}

static bool is_pinned(const struct run *run, const struct ncm_sha256 *sha256)
{
	for (size_t i = 0; i < run->lock->count; i++) {
		const struct ncm_lock_entry *entry = &run->lock->entries[i];

		for (size_t k = 0; k < entry->file_count; k++) {
			if (entry->files[k].has_sha256 && ncm_sha256_equal(&entry->files[k].sha256, sha256))
				return true;
		}
	}
	return false;
}

static void drop_unpinned(const struct run *run, int dirfd, const char *name)
{
	struct ncm_sha256 sha256;

	if (ncm_sha256_parse(name, &sha256) == 0 && !is_pinned(run, &sha256))
		ncm_checkpoints_remove_in(dirfd, &sha256);
}

void checkpoints_drop(const struct run *run)
{
	const int dirfd = open_beside_lock(run, false, NULL);
	struct os_list *entries = dirfd < 0 ? NULL : os_list(dirfd);
	const char *name;

	while (entries && (name = os_list_next(entries)))
		drop_unpinned(run, dirfd, name);
	os_list_end(entries);
}
