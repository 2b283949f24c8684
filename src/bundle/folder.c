/* SPDX-License-Identifier: MIT */
/* A bundle as a folder: content first, then the manifests and pins that name it, then the index of it all. */
#include "bundle/making.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/own.h"
#include "base/path.h"
#include "digest/checkpoint.h"
#include "os/os.h"

#include <errno.h>

struct folder {
	struct making *making;
	int dirfd, blobs, checkpoints;
};

static void keep_checkpoints(struct folder *folder, const struct ncm_checkpoints *checkpoints)
{
	if (checkpoints->count > 0 && folder->checkpoints < 0)
		folder->checkpoints = ncm_mkdir_beneath(folder->dirfd, BUNDLE_CHECKPOINTS, NULL);
	if (folder->checkpoints >= 0)
		(void)ncm_checkpoints_write_in(folder->checkpoints, checkpoints, NULL);
}

static int copy_file(struct folder *folder, struct ncm_bundle_file *file, const struct bundle_source *source,
		     struct ncm_error *err)
{
	struct making *making = folder->making;
	struct bundle_copy copy = {.blobs = folder->blobs,
				   .from = source->path,
				   .name = ncm_path_base(file->path),
				   .sha256 = file->sha256,
				   .size = file->size,
				   .before = making->done,
				   .total = making->total,
				   .sink = making->sink};

	if (bundle_copy(&copy, err) < 0)
		return ncm_error_wrap(err, "%s", source->model);
	making->done += file->size;
	file->state = copy.copied ? NCM_BUNDLE_COPIED : NCM_BUNDLE_OK;
	making->bundle->copied += copy.copied ? file->size : 0;
	keep_checkpoints(folder, &copy.checkpoints);
	ncm_checkpoints_clear(&copy.checkpoints);
	return 0;
}

static int write_document(const struct folder *folder, const struct bundle_document *document, struct ncm_error *err)
{
	const char *name;
	NCM_AUTO_CLOSE int parent = ncm_parent_beneath(folder->dirfd, document->path, true, &name, err);

	return parent < 0 ? -1 : ncm_write_atomic(parent, name, document->text, document->size, NCM_OWN_FILE, err);
}

static int write_all(struct folder *folder, struct ncm_error *err)
{
	const struct making *making = folder->making;

	bundle_forget_copies(folder->blobs);
	for (size_t i = 0; i < making->bundle->count; i++) {
		struct ncm_bundle_file *file = &making->bundle->files[i];
		const struct bundle_source *source = making_source(making, file);

		if (source && copy_file(folder, file, source, err) < 0)
			return -1;
	}
	if (ncm_sync_dir(folder->blobs) < 0) /* before anything names them */
		return ncm_error_errno(err, errno, "cannot write %s", making->bundle->path);
	for (size_t i = 0; i < making->document_count; i++) {
		if (write_document(folder, &making->documents[i], err) < 0)
			return -1;
	}
	return 0;
}

int making_write_folder(struct making *making, struct ncm_error *err)
{
	NCM_AUTO_CLOSE int dirfd = ncm_dir_open(making->bundle->path, true, err);
	NCM_AUTO_CLOSE int blobs = dirfd < 0 ? -1 : ncm_mkdir_beneath(dirfd, BUNDLE_BLOBS, err);
	struct folder folder = {.making = making, .dirfd = dirfd, .blobs = blobs, .checkpoints = -1};
	int failed;

	if (blobs < 0)
		return ncm_error_wrap(err, "%s", making->bundle->path);
	failed = write_all(&folder, err);
	if (folder.checkpoints >= 0)
		os_close(folder.checkpoints);
	return failed;
}
