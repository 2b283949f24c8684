/* SPDX-License-Identifier: MIT */
#include "store/commit.h"

#include "base/ability.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "digest/copy.h"
#include "os/os.h"
#include "store/inside.h"
#include "store/names.h"
#include "store/share.h"
#include "store/staging.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int store_in_the_way(const struct ncm_store *store, const char *relative, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_POLICY, "a file that ncmodel did not put there is in the way: %s/%s", store->path,
		      relative);
	return ncm_error_hint(err, "move it away, or let --force replace it");
}

int store_seal(int fd)
{
	if (ncm_set_times(fd, OS_NOW, OS_NOW) < 0)
		return -1;
	return ncm_sync(fd);
}

int store_parent(const struct ncm_store *store, const char *relative, const char **name, struct ncm_error *err)
{
	struct ncm_error why = NCM_ERROR_INIT;
	int fd = ncm_parent_beneath(store->dirfd, relative, true, name, &why);

	if (fd < 0 && why.code == NCM_E_POLICY)
		fd = store_make_parent_inside(store, store->dirfd, relative, name);
	if (fd >= 0) {
		ncm_error_clear(&why);
		return fd;
	}
	ncm_error_wrap(&why, "%s", store->path);
	if (why.code == NCM_E_POLICY)
		ncm_error_hint(
		    &why, "links inside a store are not followed, but for those that root or the store's owner put "
			  "in place of a layout's folder; give the store or the layout the real folder");
	return ncm_error_move(err, &why);
}

int store_rename_new(int from_dir, const char *from, int to_dir, const char *to)
{
	struct os_stat there;

	if (os_rename_new(from_dir, from, to_dir, to) == 0)
		return 0;
	if (!ncm_is_without_flags(errno))
		return -1;
	/* This file system cannot do that in one step; link(2) never replaces. */
	if (os_link(from_dir, from, to_dir, to) == 0)
		return os_unlink(from_dir, from);
	if (!ncm_is_without_links(errno))
		return -1;
	/* Nor has it links, or this is a folder. The store's lock keeps other ncmodels away meanwhile. */
	if (os_lstat(to_dir, to, &there) == 0) {
		errno = EEXIST;
		return -1;
	}
	return errno == ENOENT ? os_rename(from_dir, from, to_dir, to) : -1;
}

int store_stage(const struct ncm_store *store, char **staged)
{
	*staged = staging_commit_name();
	return ncm_own_create(store->staging, *staged, OS_READ | OS_WRITE, NCM_OWN_FILE);
}

int store_copy(int from, int to, struct ncm_sha256 *digest)
{
	struct ncm_copying copying = {.from = from, .to = to};

	if (!digest)
		return ncm_copy_plain(from, to);
	if (ncm_copy_hashed(&copying) < 0)
		return -1;
	*digest = copying.sha256;
	ncm_checkpoints_clear(&copying.checkpoints);
	return 0;
}

static int give_name(int from_dir, const char *from, int to_dir, const char *to, bool replace)
{
	return replace ? os_rename(from_dir, from, to_dir, to) : store_rename_new(from_dir, from, to_dir, to);
}

/* The folder is a mount of its own: the bytes go into a hidden temporary there first. Returns 0, or -1 with errno. */
static int name_across(int fd, int parent, const char *name, bool replace, struct os_stat *status)
{
	NCM_AUTO_FREE char *temporary = staging_hidden_name();
	NCM_AUTO_CLOSE int copy = -1;
	int saved;

	copy = ncm_own_create(parent, temporary, OS_READ | OS_WRITE, NCM_OWN_FILE);
	if (copy < 0)
		return -1;
	if (store_copy(fd, copy, NULL) == 0 && store_seal(copy) == 0 &&
	    give_name(parent, temporary, parent, name, replace) == 0)
		return os_fstat(copy, status);
	saved = errno;
	os_unlink(parent, temporary);
	errno = saved;
	return -1;
}

/* What root found and may not give away goes the way of what lies on another disk. */
static int fit(int fd, int parent, enum publish_what what)
{
	if (what == PUBLISH_AS_IT_IS || ncm_own_fit(fd, parent, what == PUBLISH_MADE))
		return 0;
	errno = EXDEV;
	return -1;
}

static int tell_failure(const struct ncm_store *store, const char *relative, int errnum, struct ncm_error *err)
{
	if (errnum == EEXIST)
		return store_in_the_way(store, relative, err);
	if (errnum == EISDIR)
		return ncm_error_set(err, NCM_E_POLICY, "a folder is in the way: %s/%s", store->path, relative);
	if (errnum == ESTALE) {
		ncm_error_set(err, NCM_E_DAMAGED, "%s/%s was changed meanwhile", store->path, relative);
		return ncm_error_hint(err, "run the same command again: what is there is looked at anew");
	}
	if (errnum == EINTR)
		return ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted while placing %s/%s", store->path, relative);
	return ncm_error_errno(err, errnum, "cannot place %s/%s", store->path, relative);
}

/* FUSE mounts may know an open file by the name that it was opened by alone, and that is gone. */
static int look_at_placed(int fd, int parent, const char *name, struct os_stat *status)
{
	if (os_fstat(fd, status) == 0)
		return 0;
	return errno == ENOENT || errno == ESTALE ? os_lstat(parent, name, status) : -1;
}

int store_publish(struct ncm_store *store, int fd, const char *staged, const char *relative, struct publish *how,
		  struct os_stat *status, struct ncm_error *err)
{
	const char *name;
	NCM_AUTO_CLOSE int parent = store_parent(store, relative, &name, err);
	struct os_stat there;
	int failed;

	if (parent < 0)
		return -1;
	if (os_lstat(parent, name, &there) == 0) {
		if (there.kind == OS_IS_FOLDER)
			return tell_failure(store, relative, EISDIR, err);
		if (how->replace == NCM_KEEP_OUT)
			return tell_failure(store, relative, EEXIST, err);
		if (how->over && !store_is_unchanged(how->over, &there))
			return tell_failure(store, relative, ESTALE, err);
	} else if (errno != ENOENT || how->over) {
		return tell_failure(store, relative, how->over && errno == ENOENT ? ESTALE : errno, err);
	}
	if (how->replace == NCM_SET_ASIDE && os_lstat(parent, name, &there) == 0 &&
	    store_set_aside(store, parent, name, relative, &how->kept, err) < 0)
		return -1;
	failed = fit(fd, parent, how->what);
	if (!failed)
		failed = give_name(store->staging, staged, parent, name, how->replace != NCM_KEEP_OUT);
	if (!failed) {
		failed = look_at_placed(fd, parent, name, &there);
	} else if (errno == EXDEV && how->may_copy) {
		failed = name_across(fd, parent, name, how->replace != NCM_KEEP_OUT, &there);
		how->copied = !failed;
	}
	if (failed)
		return tell_failure(store, relative, errno, err);
	/* It stays after a copy, and after a rename onto another link of the same file, which does nothing. */
	os_unlink(store->staging, staged);
	if (!how->sync_later && ncm_sync_dir(parent) < 0)
		return ncm_error_errno(err, errno, "cannot sync the folder of %s/%s", store->path, relative);
	if (status)
		*status = there;
	return 0;
}

int store_check_relative(const struct ncm_store *store, const char *relative, struct ncm_error *err)
{
	if (store->kind->check)
		return store->kind->check(store, relative, err);
	return ncm_path_check(relative, err) ? 0 : -1;
}

int store_publish_kept(struct ncm_store *store, int fd, const char *staged, const char *relative, struct publish *how,
		       struct os_stat *status, char **kept, struct ncm_error *err)
{
	const int failed = store_publish(store, fd, staged, relative, how, status, err);

	if (kept)
		*kept = how->kept;
	else
		free(how->kept);
	how->kept = NULL;
	return failed;
}

int ncm_store_commit(struct ncm_store *store, const char *staged, const char *relative, enum ncm_replacing replace,
		     const struct os_stat *over, struct os_stat *status, char **kept, struct ncm_error *err)
{
	struct publish how = {.what = PUBLISH_FOUND,
			      .replace = replace,
			      .may_copy = true,
			      .over = over,
			      .sync_later = store_is_named_later(store, relative)};
	NCM_AUTO_CLOSE int fd = -1;
	struct os_stat found;

	if (store_check_relative(store, relative, err) < 0)
		return -1;
	fd = os_open_beneath(store->staging, staged, OS_READ);
	if (fd < 0 || os_fstat(fd, &found) < 0)
		return ncm_error_errno(err, errno, "cannot open what was staged for %s/%s", store->path, relative);
	if (found.kind != OS_IS_FILE)
		return ncm_error_set(err, NCM_E_POLICY, "what was staged for %s/%s is not a regular file", store->path,
				     relative);
	if (store_seal(fd) < 0)
		return ncm_error_errno(err, errno, "cannot sync what was staged for %s/%s", store->path, relative);
	return store_publish_kept(store, fd, staged, relative, &how, status, kept, err);
}

/* The name changes hands in one step; where the file system cannot, the old one steps aside first and returns if the
 * new one fails. What was there ends up in staging, as `staged` or `old`. Returns 0, or -1 with errno. */
static int exchange(int staging, const char *staged, int parent, const char *name, const char *old)
{
	int saved;

	if (os_exchange(staging, staged, parent, name) == 0)
		return 0;
	if (!ncm_is_without_flags(errno))
		return -1;
	if (os_rename(parent, name, staging, old) < 0)
		return -1;
	if (store_rename_new(staging, staged, parent, name) == 0)
		return 0;
	saved = errno;
	(void)os_rename(staging, old, parent, name);
	errno = saved;
	return -1;
}

static int tell_folder_failure(const struct ncm_store *store, const char *relative, int errnum, struct ncm_error *err)
{
	if (errnum == EEXIST || errnum == ENOTEMPTY || errnum == ENOTDIR) {
		ncm_error_set(err, NCM_E_POLICY, "a folder or file that ncmodel did not put there is in the way: %s/%s",
			      store->path, relative);
		return ncm_error_hint(err, "move it away, or let --force replace it");
	}
	ncm_error_errno(err, errnum, "cannot place the folder %s/%s", store->path, relative);
	if (errnum == EXDEV)
		ncm_error_hint(err, "its parent is on another file system than the store: give the store that folder");
	return -1;
}

/* Two steps: a crash between them leaves no folder of that name, and the old one whole where it is kept. */
static int replace_aside(struct ncm_store *store, const char *staged, int parent, const char *name,
			 const char *relative, char **kept, struct ncm_error *err)
{
	if (store_set_aside(store, parent, name, relative, kept, err) < 0)
		return -1;
	if (store_rename_new(store->staging, staged, parent, name) == 0)
		return 0;
	tell_folder_failure(store, relative, errno, err);
	return ncm_error_hint(err, "what was there is kept in %s/%s/replaced", store->path, ncm_store_own(store));
}

int ncm_store_commit_dir(struct ncm_store *store, const char *staged, const char *relative, enum ncm_replacing replace,
			 char **kept, struct ncm_error *err)
{
	NCM_AUTO_CLOSE int folder = ncm_dir_beneath(store->staging, staged);
	NCM_AUTO_FREE char *old = staging_unpacked_old(staged);
	NCM_AUTO_CLOSE int parent = -1;
	const char *name;
	int failed;

	if (!ncm_path_check(relative, err))
		return -1;
	if (folder < 0 || ncm_sync_dir(folder) < 0)
		return ncm_error_errno(err, errno, "cannot use what was unpacked for %s/%s", store->path, relative);
	if (ncm_remove_beneath(store->staging, old) < 0) /* of a run that was killed */
		return ncm_error_errno(err, errno, "cannot clear %s/.ncmodel/staging/%s", store->path, old);
	parent = store_parent(store, relative, &name, err);
	if (parent < 0)
		return -1;
	failed = store_rename_new(store->staging, staged, parent, name);
	if (failed && errno == EEXIST && replace == NCM_SET_ASIDE) {
		if (replace_aside(store, staged, parent, name, relative, kept, err) < 0)
			return -1;
		failed = 0;
	} else if (failed && errno == EEXIST && replace == NCM_REPLACE) {
		failed = exchange(store->staging, staged, parent, name, old);
	}
	if (failed)
		return tell_folder_failure(store, relative, errno, err);
	if (ncm_sync_dir(parent) < 0)
		return ncm_error_errno(err, errno, "cannot sync the folder of %s/%s", store->path, relative);
	/* The new one is safe: what stays of the old one is only in nobody's way. */
	(void)ncm_remove_beneath(store->staging, staged);
	(void)ncm_remove_beneath(store->staging, old);
	return 0;
}
