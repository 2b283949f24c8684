/* SPDX-License-Identifier: MIT */
/* The folder that volumes are unpacked to: one run has it, and who is through with it removes it. */
#include "base/file.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/path.h"
#include "bundle/volumes.h"
#include "os/os.h"
#include "store/staging.h"

#include <string.h>

/* Whether this is what lies by that name. */
static bool is_still(const char *folder, int dirfd)
{
	NCM_AUTO_CLOSE int now = os_open(OS_HERE, folder, OS_FOLDER);
	struct os_stat a, b;

	return now >= 0 && os_fstat(now, &a) == 0 && os_fstat(dirfd, &b) == 0 && a.device == b.device &&
	       a.inode == b.inode;
}

/* For this run alone. Whoever had it before may have been through with it, and have removed it. */
int bundle_open_import(const char *folder, int *lock, const struct ncm_sink *sink, struct ncm_error *err)
{
	for (;;) {
		struct ncm_error why = NCM_ERROR_INIT;
		const int dirfd = ncm_dir_open(folder, true, err);

		if (dirfd < 0)
			return -1;
		*lock = ncm_lock_beneath(dirfd, STAGING_IMPORT_LOCK, folder, false, sink, &why);
		if (*lock >= 0 && is_still(folder, dirfd))
			return dirfd;
		if (*lock < 0 && (why.code == NCM_E_INTERRUPTED || is_still(folder, dirfd))) {
			os_close(dirfd);
			return ncm_error_move(err, &why);
		}
		ncm_error_clear(&why);
		ncm_lock_release(*lock);
		*lock = -1;
		os_close(dirfd);
	}
}

/* The lock is the last to go: until then who waits for it finds it held. */
static void empty(int dirfd)
{
	struct os_list *list = os_list(os_dup(dirfd));
	const char *name;

	while (list && (name = os_list_next(list))) {
		if (strcmp(name, STAGING_IMPORT_LOCK) != 0)
			(void)ncm_remove_beneath(dirfd, name);
	}
	os_list_end(list);
	os_unlink(dirfd, STAGING_IMPORT_LOCK);
}

void ncm_bundle_forget(const char *folder)
{
	NCM_AUTO_CLOSE int dirfd = os_open(OS_HERE, folder, OS_FOLDER);

	if (dirfd < 0)
		return;
	empty(dirfd);
	os_rmdir(OS_HERE, folder);
}
