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
#include "store/commit.h"
#include "store/inside.h"
#include "store/share.h"
#include "store/staging.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* One file under way. */
struct making {
	struct mover *mover;
	struct item *item;
	int folder; /* that holds the old one */
	int fd;     /* the old one; -1: a link */
	char *path; /* of the new one */
};

static bool is_seen(const struct stat *seen, const struct stat *now)
{
	return seen->st_dev == now->st_dev && seen->st_ino == now->st_ino && seen->st_size == now->st_size &&
	       ncm_mtime_ns(seen) == ncm_mtime_ns(now);
}

static int changed(const struct making *making, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_DAMAGED, "%s was changed meanwhile", making->item->from);
	return ncm_error_hint(err, "what is registered is at its old place; run the same command again");
}

/* Where the folders of the old file lie: below its store, as far as they have the names that the new ones get. */
static bool old_folder(const struct making *making, const char *relative, struct stat *status)
{
	const struct mover *mover = making->mover;
	const size_t store = making->item->store;
	NCM_AUTO_FREE char *path = NULL;

	if (store == NCM_NO_STORE)
		return false;
	path = ncm_path_join(mover->layout->stores[store].path, mover->source == NCM_NO_STORE ? "" : relative);
	return stat(path, status) == 0;
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
	struct stat old, made, above;

	if (fd < 0 || !old_folder(making, relative, &old) || fstat(fd, &made) < 0 || fstat(parent, &above) < 0 ||
	    made.st_uid != 0 || !ncm_own_is_roots(OS_STAT(&above)) || old.st_uid == 0)
		return;
	if (fchown(fd, old.st_uid, old.st_gid) == 0)
		(void)ncm_set_mode(fd, old.st_mode & 07777);
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
	for (end = strlen(relative); fd >= 0 && geteuid() == 0 && end > 0; end--) {
		NCM_AUTO_FREE char *prefix = ncm_strndup(relative, end);

		if (missing[end])
			own_folder(making, prefix);
	}
	return fd;
}

/* What is there already, of an earlier run or by chance: it counts if it has the same bytes. */
static int take_existing(const struct making *making, int parent, const char *name, struct ncm_error *err)
{
	NCM_AUTO_CLOSE int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct ncm_sha256 old, new;
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return ncm_error_errno(err, errno, "cannot open %s", making->path);
	making->item->mtime_ns = ncm_mtime_ns(&status);
	if (status.st_dev == making->item->seen.st_dev && status.st_ino == making->item->seen.st_ino)
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
	struct stat status;

	if (store_publish(target, fd, staged, making->item->relative, &how, &status, err) < 0) {
		unlinkat(target->staging, staged, 0);
		return -1;
	}
	making->item->mtime_ns = ncm_mtime_ns(&status);
	return 0;
}

/* 0: done; 1: it cannot be linked; -1: failed. */
static int by_link(const struct making *making, struct ncm_error *err)
{
	const struct ncm_store *target = making->mover->target;
	NCM_AUTO_FREE char *staged = staging_commit_name();
	struct stat linked;

	if (linkat(making->folder, ncm_path_base(making->item->from), target->staging, staged, 0) < 0)
		return 1;
	if (fstatat(target->staging, staged, &linked, AT_SYMLINK_NOFOLLOW) == 0 &&
	    is_seen(&making->item->seen, &linked) && ncm_sync(making->fd) == 0)
		return publish(making, making->fd, staged, err);
	unlinkat(target->staging, staged, 0);
	return changed(making, err);
}

static int prove(const struct making *making, int copy, const struct ncm_sha256 *read, struct ncm_error *err)
{
	struct ncm_sha256 written;
	struct stat now;

	if (ncm_sha256_fd(copy, UINT64_MAX, &written, NULL, NULL, NULL) < 0)
		return ncm_error_errno(err, errno, "cannot read back the copy of %s", making->item->from);
	if (!ncm_sha256_equal(&written, read)) {
		ncm_error_set(err, NCM_E_CHECKSUM, "the copy of %s at %s has other bytes than were read",
			      making->item->from, making->mover->target->path);
		return ncm_error_hint(err, "what is registered is at its old place; check that disk");
	}
	return fstat(making->fd, &now) == 0 && is_seen(&making->item->seen, &now) ? 0 : changed(making, err);
}

/* Its owner's, as the old one; an ordinary user's copy is his own. */
static int dress(const struct making *making, int copy)
{
	const struct stat *seen = &making->item->seen;
	const struct timespec times[2] = {seen->st_atim, seen->st_mtim};

	if (geteuid() == 0 && ncm_set_owner(copy, seen->st_uid, seen->st_gid) < 0)
		return -1;
	return ncm_set_mode(copy, seen->st_mode & 0777) < 0 || ncm_set_times(copy, times) < 0 ? -1 : ncm_sync(copy);
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
		unlinkat(target->staging, staged, 0);
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
	    ncm_checkpoints_read(old, &item->sha256, (uint64_t)item->seen.st_size, &checkpoints) < 0)
		return;
	(void)ncm_checkpoints_write(new, &checkpoints, NULL);
	ncm_checkpoints_clear(&checkpoints);
}

static int make_file(struct making *making, struct ncm_error *err)
{
	struct stat now;
	int result;

	making->fd = openat(making->folder, ncm_path_base(making->item->from),
			    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (making->fd < 0 || fstat(making->fd, &now) < 0)
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
	making->item->mtime_ns = ncm_mtime_ns(&making->item->seen);
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
	NCM_AUTO_CLOSE int old = parent < 0 ? -1 : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

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
		close(making.fd);
	if (!failed)
		ncm_emit(sink, &(struct ncm_event){.type = NCM_EVENT_PLACED,
						   .model = item->model,
						   .file = path,
						   .text = "moved",
						   .done = (uint64_t)item->seen.st_size,
						   .total = (uint64_t)item->seen.st_size});
	return failed;
}
