/* SPDX-License-Identifier: MIT */
/*
 * The new files. On one file system a hard link, whose bytes are the old ones' by nature; else a copy with the owner,
 * mode and time of the old one, which is read again and must have the SHA-256 of what was read first.
 */
#include "move/work.h"

#include "base/ability.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "digest/checkpoint.h"
#include "digest/hash.h"
#include "os/os.h"
#include "store/commit.h"
#include "store/inside.h"
#include "store/share.h"
#include "store/staging.h"

#include <errno.h>
#include <string.h>

/* One file under way. */
struct making {
	struct mover *mover;
	struct item *item;
	int folder; /* that holds the old one */
	int fd;     /* the old one; -1: a link */
	char *path; /* of the new one */
};

static bool is_seen(const struct os_stat *seen, const struct os_stat *now)
{
	return seen->device == now->device && seen->inode == now->inode && seen->size == now->size &&
	       seen->mtime_ns == now->mtime_ns;
}

static int changed(const struct making *making, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_DAMAGED, "%s was changed meanwhile", making->item->from);
	return ncm_error_hint(err, "what is registered is at its old place; run the same command again");
}

/* Where the folders of the old file lie: below its store, as far as they have the names that the new ones get. */
static bool old_folder(const struct making *making, const char *relative, struct os_stat *status)
{
	const struct mover *mover = making->mover;
	const size_t store = making->item->store;
	NCM_AUTO_FREE char *path = NULL;

	if (store == NCM_NO_STORE)
		return false;
	path = ncm_path_join(mover->layout->stores[store].path, mover->source == NCM_NO_STORE ? "" : relative);
	return os_stat(OS_HERE, path, status) == 0;
}

/* A folder that root made in one of root's belongs to whom the old one did: its application has to write there. In
 * another's it is that one's already; and he could have put any other in its place by now. */
static void own_folder(const struct making *making, const char *relative)
{
	const char *slash = strrchr(relative, '/');
	NCM_AUTO_FREE char *prefix = ncm_strndup(relative, slash ? (size_t)(slash - relative) : 0);
	const struct ncm_store *target = making->mover->target;
	NCM_AUTO_CLOSE int parent = store_dir_inside(target, target->dirfd, slash ? prefix : ".");
	NCM_AUTO_CLOSE int fd = parent < 0 ? -1 : ncm_dir_beneath(parent, slash ? slash + 1 : relative);
	struct os_stat old, made, above;

	if (fd < 0 || !old_folder(making, relative, &old) || os_fstat(fd, &made) < 0 || os_fstat(parent, &above) < 0 ||
	    made.owner != 0 || !ncm_own_is_roots(&above) || old.owner == 0)
		return;
	if (os_set_owner(fd, old.owner, old.group) == 0)
		(void)ncm_set_mode(fd, old.mode);
}

/* Opens the new file's folder, made if need be. */
static int new_folder(const struct making *making, const char **name, struct ncm_error *err)
{
	const struct ncm_store *target = making->mover->target;
	const char *relative = making->item->relative;
	NCM_AUTO_FREE bool *missing = ncm_calloc(strlen(relative) + 1, sizeof *missing);
	size_t end;
	int fd;

	for (const char *slash = strchr(relative, '/'); slash; slash = strchr(slash + 1, '/')) {
		NCM_AUTO_FREE char *prefix = ncm_strndup(relative, (size_t)(slash - relative));
		NCM_AUTO_CLOSE int there = store_dir_inside(target, target->dirfd, prefix);

		missing[slash - relative] = there < 0;
	}
	fd = store_parent(target, relative, name, err);
	/* The deepest first: those above are root's until then. */
	for (end = strlen(relative); fd >= 0 && os_is_root() && end > 0; end--) {
		NCM_AUTO_FREE char *prefix = ncm_strndup(relative, end);

		if (missing[end])
			own_folder(making, prefix);
	}
	return fd;
}

/* What is there already, of an earlier run or by chance: it counts if it has the same bytes. */
static int take_existing(const struct making *making, int parent, const char *name, struct ncm_error *err)
{
	NCM_AUTO_CLOSE int fd = os_open(parent, name, OS_READ | OS_NO_LINK);
	struct ncm_sha256 old, new;
	struct os_stat status;

	if (fd < 0 || os_fstat(fd, &status) < 0)
		return ncm_error_errno(err, errno, "cannot open %s", making->path);
	making->item->mtime_ns = status.mtime_ns;
	if (status.device == making->item->seen.device && status.inode == making->item->seen.inode)
		return 0;
	if (ncm_sha256_fd(fd, UINT64_MAX, &new, NULL, NULL, NULL) < 0 ||
	    ncm_sha256_fd(making->fd, UINT64_MAX, &old, NULL, NULL, NULL) < 0)
		return ncm_error_errno(err, errno, "cannot read %s", making->path);
	if (ncm_sha256_equal(&old, &new))
		return ncm_sync(fd) == 0 ? 0 : ncm_error_errno(err, errno, "cannot sync %s", making->path);
	ncm_error_set(err, NCM_E_POLICY, "something else is in the way of %s: %s", making->item->from, making->path);
	return ncm_error_hint(err, "what is registered is at its old place; move that away, or choose another place");
}

static int publish(const struct making *making, int fd, const char *staged, struct ncm_error *err)
{
	struct publish how = {.replace = NCM_KEEP_OUT, .may_copy = true};
	struct ncm_store *target = making->mover->target;
	struct os_stat status;

	if (store_publish(target, fd, staged, making->item->relative, &how, &status, err) < 0) {
		os_unlink(target->staging, staged);
		return -1;
	}
	making->item->mtime_ns = status.mtime_ns;
	return 0;
}

/* 0: done; 1: it cannot be linked; -1: failed. */
static int by_link(const struct making *making, struct ncm_error *err)
{
	const struct ncm_store *target = making->mover->target;
	NCM_AUTO_FREE char *staged = staging_commit_name();
	struct os_stat linked;

	if (os_link(making->folder, ncm_path_base(making->item->from), target->staging, staged) < 0)
		return 1;
	if (os_lstat(target->staging, staged, &linked) == 0 && is_seen(&making->item->seen, &linked) &&
	    ncm_sync(making->fd) == 0)
		return publish(making, making->fd, staged, err);
	os_unlink(target->staging, staged);
	return changed(making, err);
}

static int prove(const struct making *making, int copy, const struct ncm_sha256 *read, struct ncm_error *err)
{
	struct ncm_sha256 written;
	struct os_stat now;

	if (ncm_sha256_fd(copy, UINT64_MAX, &written, NULL, NULL, NULL) < 0)
		return ncm_error_errno(err, errno, "cannot read back the copy of %s", making->item->from);
	if (!ncm_sha256_equal(&written, read)) {
		ncm_error_set(err, NCM_E_CHECKSUM, "the copy of %s at %s has other bytes than were read",
			      making->item->from, making->mover->target->path);
		return ncm_error_hint(err, "what is registered is at its old place; check that disk");
	}
	return os_fstat(making->fd, &now) == 0 && is_seen(&making->item->seen, &now) ? 0 : changed(making, err);
}

/* Its owner's, as the old one; an ordinary user's copy is his own. */
static int dress(const struct making *making, int copy)
{
	const struct os_stat *seen = &making->item->seen;

	if (os_is_root() && ncm_set_owner(copy, seen->owner, seen->group) < 0)
		return -1;
	return ncm_set_mode(copy, seen->mode & 0777) < 0 || ncm_set_times(copy, seen->atime_ns, seen->mtime_ns) < 0
		   ? -1
		   : ncm_sync(copy);
}

static int copy_failed(const struct making *making, int errnum, struct ncm_error *err)
{
	if (errnum == EINTR) {
		ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted while copying %s", making->item->from);
		return ncm_error_hint(err, "what is registered is at its old place; the same command goes on");
	}
	return ncm_error_errno(err, errnum, "cannot copy %s to %s", making->item->from, making->path);
}

static int by_copy(const struct making *making, struct ncm_error *err)
{
	struct ncm_store *target = making->mover->target;
	NCM_AUTO_FREE char *staged = NULL;
	NCM_AUTO_CLOSE int copy = store_stage(target, &staged);
	struct ncm_sha256 read;
	int failed = copy < 0 || store_copy(making->fd, copy, &read) < 0 || dress(making, copy) < 0;

	if (failed)
		copy_failed(making, errno, err);
	else
		failed = prove(making, copy, &read, err);
	if (!failed)
		return publish(making, copy, staged, err);
	if (copy >= 0)
		os_unlink(target->staging, staged);
	return -1;
}

/* A verify of the new file takes all cores, as one of the old did. */
static void copy_checkpoints(const struct making *making)
{
	const struct item *item = making->item;
	const struct ncm_store *from = item->store == NCM_NO_STORE ? NULL : &making->mover->layout->stores[item->store];
	NCM_AUTO_CLOSE int old_dir = from ? ncm_store_peek(from) : -1;
	NCM_AUTO_CLOSE int old = old_dir < 0 ? -1 : ncm_store_home(from, old_dir);
	NCM_AUTO_CLOSE int new = old < 0 ? -1 : ncm_store_home(making->mover->target, making->mover->target->dirfd);
	struct ncm_checkpoints checkpoints;

	if (new < 0 || ncm_sha256_is_zero(&item->sha256) ||
	    ncm_checkpoints_read(old, &item->sha256, item->seen.size, &checkpoints) < 0)
		return;
	(void)ncm_checkpoints_write(new, &checkpoints, NULL);
	ncm_checkpoints_clear(&checkpoints);
}

static int make_file(struct making *making, struct ncm_error *err)
{
	struct os_stat now;
	int result;

	making->fd = os_open(making->folder, ncm_path_base(making->item->from), OS_READ | OS_NO_LINK);
	if (making->fd < 0 || os_fstat(making->fd, &now) < 0)
		return ncm_error_errno(err, errno, "cannot open %s", making->item->from);
	if (!is_seen(&making->item->seen, &now))
		return changed(making, err);
	if (making->item->there) {
		const char *name;
		NCM_AUTO_CLOSE int parent = store_parent(making->mover->target, making->item->relative, &name, err);

		result = parent < 0 ? -1 : take_existing(making, parent, name, err);
	} else {
		result = by_link(making, err);
		if (result > 0)
			result = by_copy(making, err);
	}
	if (result == 0)
		copy_checkpoints(making);
	return result;
}

static int make_link(const struct making *making, int parent, const char *name, struct ncm_error *err)
{
	making->item->mtime_ns = making->item->seen.mtime_ns;
	if (making->item->there)
		return 0;
	if (ncm_own_symlink(making->item->link, parent, name) < 0 || ncm_sync_dir(parent) < 0)
		return ncm_error_errno(err, errno, "cannot make the link %s", making->path);
	return 0;
}

static int make(struct making *making, struct ncm_error *err)
{
	NCM_AUTO_FREE char *folder = ncm_path_folder(making->item->from);
	const char *name;
	NCM_AUTO_CLOSE int parent = new_folder(making, &name, err);
	NCM_AUTO_CLOSE int old = parent < 0 ? -1 : os_open(OS_HERE, folder, OS_FOLDER);

	if (parent < 0)
		return -1;
	if (old < 0)
		return ncm_error_errno(err, errno, "cannot open %s", folder);
	making->folder = old;
	return making->item->link ? make_link(making, parent, name, err) : make_file(making, err);
}

int mover_make(struct mover *mover, size_t number, const struct ncm_sink *sink, struct ncm_error *err)
{
	struct item *item = &mover->items[number];
	NCM_AUTO_FREE char *path = ncm_path_join(mover->target->path, item->relative);
	struct making making = {.mover = mover, .item = item, .fd = -1, .path = path};
	const int failed = make(&making, err);

	if (making.fd >= 0)
		os_close(making.fd);
	if (!failed)
		ncm_emit(sink, &(struct ncm_event){.type = NCM_EVENT_PLACED,
						   .model = item->model,
						   .file = path,
						   .text = "moved",
						   .done = item->seen.size,
						   .total = item->seen.size});
	return failed;
}
