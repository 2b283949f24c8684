/* SPDX-License-Identifier: MIT */
/* The same bytes in a second store: shared where the file systems can, copied where they cannot. */
#include "store/commit.h"

#include "base/mem.h"
#include "base/path.h"
#include "digest/hash.h"
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
	const char *source_path;
	const struct ncm_sha256 *digest;
	bool proven;
	struct publish how;
	struct os_stat *status;
};

static int check(const struct twin *twin, const struct ncm_sha256 *found, struct ncm_error *err)
{
	char expected[NCM_SHA256_HEX + 1], hex[NCM_SHA256_HEX + 1];

	if (ncm_sha256_equal(found, twin->digest))
		return 0;
	ncm_error_set(err, NCM_E_CHECKSUM, "%s %s: its sha256 is %s, not %s", twin->source_path,
		      twin->proven ? "changed" : "is not what it is called", ncm_sha256_hex(found, hex),
		      ncm_sha256_hex(twin->digest, expected));
	return ncm_error_hint(err, "run \"ncmodel verify\" to see what else is damaged");
}

/* What failed while the file was read or written. */
static int tell_copying(const struct twin *twin, int errnum, struct ncm_error *err)
{
	if (errnum == EINTR)
		return ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted while copying %s", twin->source_path);
	return ncm_error_errno(err, errnum, "cannot copy %s to %s/%s", twin->source_path, twin->store->path,
			       twin->relative);
}

static int seal(const struct twin *twin, int fd, struct ncm_error *err)
{
	if (store_seal(fd) < 0)
		return ncm_error_errno(err, errno, "cannot sync %s/%s", twin->store->path, twin->relative);
	return 0;
}

/* The blocks are the source's: who has not read those has to read these. */
static int prove_clone(const struct twin *twin, int fd, struct ncm_error *err)
{
	struct ncm_sha256 found;

	if (twin->proven)
		return 0;
	if (ncm_sha256_fd(fd, UINT64_MAX, &found, NULL, NULL, NULL) < 0)
		return tell_copying(twin, errno, err);
	return check(twin, &found, err);
}

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
		result = prove_clone(twin, fd, err);
		if (!result)
			result = seal(twin, fd, err);
		if (!result)
			result = store_publish(twin->store, fd, staged, twin->relative, &twin->how, twin->status, err);
	}
	if (result != 0)
		os_unlink(twin->store->staging, staged);
	return result;
}

/* No store_seal: the times are the other name's too, and models.json knows them. */
static int by_hard_link(struct twin *twin, const struct os_stat *source, struct ncm_error *err)
{
	NCM_AUTO_FREE char *staged = NULL;

	if (!twin->proven || !store_may_gain_name(twin->source_path, source) || !store_is_only_read(twin->relative))
		return 1;
	staged = store_stage_link(twin->store, twin->source, OS_HERE, twin->source_path);
	if (!staged)
		return 1;
	if (store_publish(twin->store, twin->source, staged, twin->relative, &twin->how, twin->status, err) == 0)
		return 0;
	os_unlink(twin->store->staging, staged);
	return -1;
}

static int copy_checked(const struct twin *twin, int fd, struct ncm_error *err)
{
	struct ncm_sha256 found;

	if (store_copy(twin->source, fd, &found) < 0)
		return tell_copying(twin, errno, err);
	return check(twin, &found, err) < 0 ? -1 : seal(twin, fd, err);
}

static int by_copy(struct twin *twin, struct ncm_error *err)
{
	NCM_AUTO_FREE char *staged = NULL;
	NCM_AUTO_CLOSE int fd = store_stage(twin->store, &staged);

	if (fd < 0)
		return ncm_error_errno(err, errno, "cannot stage %s/%s", twin->store->path, twin->relative);
	twin->how.what = PUBLISH_MADE;
	if (copy_checked(twin, fd, err) == 0 &&
	    store_publish(twin->store, fd, staged, twin->relative, &twin->how, twin->status, err) == 0)
		return 0;
	os_unlink(twin->store->staging, staged);
	return -1;
}

int ncm_store_duplicate(struct ncm_store *store, const char *relative, int fd, const char *source_path,
			const struct ncm_sha256 *digest, bool proven, enum ncm_replacing replace,
			const struct os_stat *over, const char **how, struct os_stat *status, char **kept,
			struct ncm_error *err)
{
	struct os_stat source, unused;
	struct twin twin = {.store = store,
			    .relative = relative,
			    .source = fd,
			    .source_path = source_path,
			    .digest = digest,
			    .proven = proven,
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
		result = by_hard_link(&twin, &source, err);
	}
	if (result > 0) {
		way = "copy";
		result = by_copy(&twin, err);
	}
	if (result == 0 && how)
		*how = twin.how.copied ? "copy" : way;
	if (kept)
		*kept = twin.how.kept;
	else
		free(twin.how.kept);
	return result;
}
