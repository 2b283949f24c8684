/* SPDX-License-Identifier: MIT */
#include "store/commit.h"

#include "base/ability.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "store/staging.h"

#include <errno.h>
#include <stdio.h>

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

static int tell_failure(const struct ncm_store *store, const char *relative, int errnum, struct ncm_error *err)
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
	tell_failure(store, relative, errno, err);
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
		return tell_failure(store, relative, errno, err);
	if (ncm_sync_dir(parent) < 0)
		return ncm_error_errno(err, errno, "cannot sync the folder of %s/%s", store->path, relative);
	/* The new one is safe: what stays of the old one is only in nobody's way. */
	(void)ncm_remove_beneath(store->staging, staged);
	(void)ncm_remove_beneath(store->staging, old);
	return 0;
}
