/* SPDX-License-Identifier: MIT */
/* Final names. Each file is complete, checked and synced before it gets one. */
#include "provision/run.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "digest/checkpoint.h"

#include <errno.h>
#include <fcntl.h>

static bool may_replace(const struct run *run, const struct dest *dest)
{
	return dest->ours || run->options.force;
}

static void told(struct run *run, const struct item *item, const struct dest *dest, const char *how)
{
	ncm_emit(&run->sink, &(struct ncm_event){.type = NCM_EVENT_PLACED,
						 .model = model_id(run, &run->wanted[dest->wanted]),
						 .file = item->name,
						 .text = how,
						 .stage = "placing",
						 .done = item->size,
						 .total = item->size});
}

static int place_archive(struct run *run, struct item *item, struct dest *dest)
{
	NCM_AUTO_FREE char *staged = ncm_asprintf("%s.dir", item->partial);
	NCM_AUTO_CLOSE int fd = ncm_open_beneath(dest->store->staging, item->partial, O_RDONLY, 0);
	NCM_AUTO_CLOSE int dirfd = -1;

	if (fd < 0)
		return ncm_error_errno(&item->error, errno, "cannot open what was fetched of %s", item->name);
	if (ncm_remove_beneath(dest->store->staging, staged) < 0) /* of a run that was killed */
		return ncm_error_errno(&item->error, errno, "cannot clear %s", staged);
	dirfd = ncm_mkdir_beneath(dest->store->staging, staged, &item->error);
	if (dirfd < 0)
		return -1;
	ncm_unpacked_free(item->unpacked, item->unpacked_count);
	item->unpacked = NULL;
	item->unpacked_count = 0;
	if (ncm_archive_unpack(fd, dirfd, run->wanted[dest->wanted].spec->strip, &item->unpacked, &item->unpacked_count,
			       &item->error) < 0 ||
	    intent_note(dest, NULL, &item->error) < 0 ||
	    ncm_store_commit_dir(dest->store, staged, dest->relative, may_replace(run, dest), &item->error) < 0) {
		intent_forget(dest);
		ncm_remove_beneath(dest->store->staging, staged);
		return ncm_error_wrap(&item->error, "%s", item->name);
	}
	dest->right = true;
	told(run, item, dest, "unpacked");
	return 0;
}

static int place_fetched(struct run *run, struct item *item)
{
	struct dest *dest = &item->dests[0];
	NCM_AUTO_CLOSE int fd = ncm_open_beneath(dest->store->staging, item->partial, O_RDONLY, 0);

	if (fd < 0)
		return ncm_error_errno(&item->error, errno, "cannot open what was fetched of %s", item->name);
	if (item_take_server_name(run, item) < 0)
		return -1;
	if (sniff_check(fd, ncm_path_base(dest->relative), &item->error) < 0) {
		ncm_transfer_discard(dest->store->staging, item->partial);
		return -1;
	}
	if (!item->has_sha256 && intent_note(dest, &item->sha256, &item->error) < 0)
		return -1;
	if (ncm_store_commit(dest->store, item->partial, dest->relative, may_replace(run, dest), &dest->status,
			     &item->error) < 0) {
		intent_forget(dest);
		return -1;
	}
	dest->right = true;
	told(run, item, dest, "placed");
	return 0;
}

/* As mend_in_place. */
static int place_ranges(struct run *run, struct item *item)
{
	const int result = mend_in_place(run, item);

	if (result == 0)
		told(run, item, &item->dests[0], "mended");
	return result;
}

/* Links change its ctime, ours too; what is written changes its mtime. */
static bool is_as_believed(int fd, const struct stat *then)
{
	struct stat now;

	return fstat(fd, &now) == 0 && now.st_dev == then->st_dev && now.st_ino == then->st_ino &&
	       now.st_size == then->st_size && ncm_mtime_ns(&now) == ncm_mtime_ns(then);
}

static int duplicate(struct run *run, struct item *item, const char *ready, struct dest *dest)
{
	NCM_AUTO_CLOSE int fd = open(ready, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	const char *how = "copy";

	if (fd < 0)
		return ncm_error_errno(&item->error, errno, "cannot open %s", ready);
	if (ready == item->local && !is_as_believed(fd, &item->local_status)) {
		ncm_error_set(&item->error, NCM_E_CHECKSUM, "%s was changed after it was checked", ready);
		return ncm_error_hint(&item->error, "pull again: what is there is looked at anew");
	}
	if (ncm_store_duplicate(dest->store, dest->relative, fd, ready, &item->sha256, may_replace(run, dest), &how,
				&dest->status, &item->error) < 0)
		return -1;
	dest->right = true;
	told(run, item, dest, how);
	return 0;
}

static int place_manifest(struct item *item, struct dest *dest)
{
	const struct ncm_resolution *resolution = item->resolution;
	struct ncm_sha256 *blobs = NULL;
	uint64_t *sizes = NULL;
	char **types = NULL;
	size_t count = 0;
	NCM_AUTO_CLOSE int fd = -1;
	int failed;

	if (!resolution->manifest)
		return ncm_error_set(&item->error, NCM_E_OTHER, "%s: its manifest was not fetched", item->name);
	failed = ncm_ollama_manifest_blobs(resolution->manifest, resolution->manifest_size, &blobs, &sizes, &types,
					   &count, &item->error);
	if (!failed)
		failed = ncm_ollama_commit(dest->store, resolution->ollama_name, resolution->manifest,
					   resolution->manifest_size, blobs, sizes, count, &item->error);
	for (size_t i = 0; i < count; i++)
		free(types[i]);
	free(types);
	free(blobs);
	free(sizes);
	if (failed)
		return -1;
	fd = ncm_open_beneath(dest->store->dirfd, dest->relative, O_RDONLY, 0);
	if (fd < 0 || fstat(fd, &dest->status) < 0)
		return ncm_error_errno(&item->error, errno, "cannot open %s", dest->path);
	dest->right = true;
	return 0;
}

/* Each store can prove its own files. Without them a verify has more to do, nothing worse. */
static void keep_checkpoints(const struct item *item)
{
	for (size_t i = 0; i < item->dest_count; i++) {
		const struct ncm_store *store = item->dests[i].store;
		NCM_AUTO_CLOSE int home = ncm_store_home(store, store->dirfd);

		(void)ncm_checkpoints_write(home, &item->checkpoints, NULL);
	}
}

static int place_all(struct run *run, struct item *item)
{
	const bool extract = !item->is_manifest && run->wanted[item->wanted].spec->extract;

	int failed = 0;

	if (!item->is_manifest && !extract && !item_ready_path(item))
		failed = item->range_count > 0 ? place_ranges(run, item) : place_fetched(run, item);
	if (failed)
		return failed;
	for (size_t i = 0; i < item->dest_count; i++) {
		struct dest *dest = &item->dests[i];

		if (dest->right)
			continue;
		if (item->is_manifest)
			failed = place_manifest(item, dest);
		else if (extract)
			failed = place_archive(run, item, dest);
		else
			failed = duplicate(run, item, item_ready_path(item), dest);
		if (failed)
			return -1;
	}
	if (!extract)
		keep_checkpoints(item);
	if (item->state == ITEM_FETCHED)
		ncm_transfer_discard(item->dests[0].store->staging, item_partial(item));
	return 0;
}

void item_place(struct run *run, struct item *item)
{
	int failed;

	if (item->state == ITEM_PLACED || item->state == ITEM_FAILED)
		return;
	failed = place_all(run, item);
	item->state = failed < 0 ? ITEM_FAILED : failed > 0 ? ITEM_OPEN : ITEM_PLACED;
}
