/* SPDX-License-Identifier: MIT */
/* The same bytes in a second store: shared where the file systems can, copied where they cannot. */
#include "store/commit.h"

#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "store/inside.h"
#include "store/names.h"
#include "store/share.h"

#include <errno.h>

static bool same_file(const struct os_stat *a, const struct os_stat *b)
{
	return a->device == b->device && a->inode == b->inode;
}

static bool is_there_already(const struct ncm_store *store, const char *relative, const struct os_stat *source,
			     struct os_stat *status)
{
	NCM_AUTO_CLOSE int fd = store_open_inside(store, store->dirfd, relative);

	return fd >= 0 && os_fstat(fd, status) == 0 && same_file(status, source);
}

/* What every way of making the twin has in hand. */
struct twin {
	struct ncm_store *store;
	const char *relative;
	int source;
	struct publish how;
	struct os_stat *status;
};

/* 0: done; 1: not possible here; -1: failed with *err. */
static int by_reflink(struct twin *twin, struct ncm_error *err)
{
	NCM_AUTO_FREE char *staged = NULL;
	NCM_AUTO_CLOSE int fd = store_stage(twin->store, &staged);
	int result = 1;

	if (fd < 0)
		return ncm_error_errno(err, errno, "cannot stage %s/%s", twin->store->path, twin->relative);
	if (os_clone(twin->source, fd) == 0) {
		twin->how.what = PUBLISH_MADE;
		if (store_seal(fd) < 0)
			result = ncm_error_errno(err, errno, "cannot sync %s/%s", twin->store->path, twin->relative);
		else
			result = store_publish(twin->store, fd, staged, twin->relative, &twin->how, twin->status, err);
	}
	if (result != 0)
		os_unlink(twin->store->staging, staged);
	return result;
}

/* No store_seal: the times are the other name's too, and models.json knows them. */
static int by_hard_link(struct twin *twin, const char *source_path, const struct os_stat *source, struct ncm_error *err)
{
	NCM_AUTO_FREE char *staged = NULL;

	if (!store_may_gain_name(source_path, source) || !store_is_only_read(twin->relative))
		return 1;
	staged = store_stage_link(twin->store, twin->source, OS_HERE, source_path);
	if (!staged)
		return 1;
	if (store_publish(twin->store, twin->source, staged, twin->relative, &twin->how, twin->status, err) == 0)
		return 0;
	os_unlink(twin->store->staging, staged);
	return -1;
}

static int copy_checked(struct twin *twin, int fd, const char *source_path, const struct ncm_sha256 *digest,
			struct ncm_error *err)
{
	struct ncm_sha256 found;
	char expected[NCM_SHA256_HEX + 1], hex[NCM_SHA256_HEX + 1];

	if (store_copy(twin->source, fd, &found) < 0) {
		if (errno == EINTR)
			return ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted while copying %s", source_path);
		return ncm_error_errno(err, errno, "cannot copy %s to %s/%s", source_path, twin->store->path,
				       twin->relative);
	}
	if (!ncm_sha256_equal(&found, digest)) {
		ncm_error_set(err, NCM_E_CHECKSUM, "%s changed: its sha256 is %s, not %s", source_path,
			      ncm_sha256_hex(&found, hex), ncm_sha256_hex(digest, expected));
		return ncm_error_hint(err, "run \"ncmodel verify\" to see what else is damaged");
	}
	if (store_seal(fd) < 0)
		return ncm_error_errno(err, errno, "cannot sync %s/%s", twin->store->path, twin->relative);
	return 0;
}

static int by_copy(struct twin *twin, const char *source_path, const struct ncm_sha256 *digest, struct ncm_error *err)
{
	NCM_AUTO_FREE char *staged = NULL;
	NCM_AUTO_CLOSE int fd = store_stage(twin->store, &staged);

	if (fd < 0)
		return ncm_error_errno(err, errno, "cannot stage %s/%s", twin->store->path, twin->relative);
	twin->how.what = PUBLISH_MADE;
	if (copy_checked(twin, fd, source_path, digest, err) == 0 &&
	    store_publish(twin->store, fd, staged, twin->relative, &twin->how, twin->status, err) == 0)
		return 0;
	os_unlink(twin->store->staging, staged);
	return -1;
}

int ncm_store_duplicate(struct ncm_store *store, const char *relative, int fd, const char *source_path,
			const struct ncm_sha256 *digest, enum ncm_replacing replace, const struct os_stat *over,
			const char **how, struct os_stat *status, char **kept, struct ncm_error *err)
{
	struct os_stat source, unused;
	struct twin twin = {.store = store,
			    .relative = relative,
			    .source = fd,
			    .how = {.replace = replace,
				    .may_copy = true,
				    .over = over,
				    .sync_later = store_is_named_later(store, relative)},
			    .status = status ? status : &unused};
	const char *way = "reflink";
	int result;

	if (store_check_relative(store, relative, err) < 0)
		return -1;
	if (os_fstat(fd, &source) < 0 || source.kind != OS_IS_FILE)
		return ncm_error_set(err, NCM_E_POLICY, "%s is not a regular file", source_path);
	if (is_there_already(store, relative, &source, twin.status)) {
		if (how)
			*how = "hard link";
		return 0;
	}
	result = by_reflink(&twin, err);
	if (result > 0) {
		way = "hard link";
		result = by_hard_link(&twin, source_path, &source, err);
	}
	if (result > 0) {
		way = "copy";
		result = by_copy(&twin, source_path, digest, err);
	}
	if (result == 0 && how)
		*how = twin.how.copied ? "copy" : way;
	if (kept)
		*kept = twin.how.kept;
	else
		free(twin.how.kept);
	return result;
}
