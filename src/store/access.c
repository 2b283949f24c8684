/* SPDX-License-Identifier: MIT */
/*
 * May this user write there, how much fits, and what can the file system not do? Asked before anything is fetched, of
 * what is there now: nothing is made.
 */
#include "store/store.h"

#include "base/ability.h"
#include "base/links.h"
#include "base/mem.h"
#include "base/own.h"
#include "base/path.h"
#include "base/strings.h"
#include "os/os.h"
#include "store/staging.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* "ollama", or the number of a user without a name. The caller frees it. */
static char *name_of(uint32_t user)
{
	char name[256];

	return os_user_name(user, name, sizeof name) ? ncm_strdup(name) : ncm_asprintf("the user %u", user);
}

/* The deepest part of a path that is there; *status is its. NULL with errno. The caller frees it. */
static char *deepest(const char *path, struct os_stat *status)
{
	char *at = ncm_path_absolute(path);

	while (os_stat(OS_HERE, at, status) < 0) {
		char *slash = strrchr(at, '/');

		/* A link to what is not there is in the way of a folder. */
		if (errno != ENOENT || at[1] == '\0' || os_lstat(OS_HERE, at, status) == 0) {
			const int saved = errno;

			free(at);
			errno = saved == 0 ? ENOENT : saved;
			return NULL;
		}
		slash[slash == at] = '\0';
	}
	return at;
}

/* The link on the way to a path that leads to nothing, or NULL. The caller frees it. */
static char *dangling(const char *path)
{
	char *at = ncm_path_absolute(path);
	struct os_stat status;

	while (os_stat(OS_HERE, at, &status) < 0 && errno == ENOENT && at[1] != '\0') {
		char *slash = strrchr(at, '/');

		if (os_lstat(OS_HERE, at, &status) == 0)
			return at;
		slash[slash == at] = '\0';
	}
	free(at);
	return NULL;
}

char *ncm_barrier_of(const char *path)
{
	struct os_stat status;
	NCM_AUTO_FREE char *at = deepest(path, &status);
	NCM_AUTO_FREE char *owner = NULL;
	int failure = at ? 0 : errno;
	NCM_AUTO_FREE char *link = at ? NULL : dangling(path);

	if (link)
		return ncm_asprintf("%s is a link that leads to nothing: is its disk there?", link);
	if (at && status.kind != OS_IS_FOLDER)
		return ncm_asprintf("%s is not a folder", at);
	if (at && os_access(OS_HERE, at, OS_MAY_WRITE | OS_MAY_ENTER) == 0)
		return NULL;
	if (at)
		failure = errno;
	if (!at || failure != EACCES)
		return ncm_asprintf("%s: %s", at ? at : path, os_error_text(failure));
	owner = name_of(status.owner);
	return ncm_asprintf("%s belongs to %s, and you may not write there", at, owner);
}

/* What is being fetched is its owner's alone. */
static char *barrier_of_own(const struct ncm_store *store)
{
	NCM_AUTO_FREE char *folder = ncm_asprintf("%s/%s/staging", store->path, ncm_store_own(store));

	return ncm_barrier_of(folder);
}

char *ncm_store_stray_link(const char *path)
{
	char *stray = NULL;
	const int fd = ncm_dir_by_links(path, &stray);

	if (fd >= 0)
		os_close(fd);
	return stray;
}

char *ncm_store_barrier(const struct ncm_store *store)
{
	struct os_stat status;
	NCM_AUTO_FREE char *link = ncm_store_stray_link(store->path);
	char *barrier = link ? NULL : ncm_barrier_of(store->path);
	NCM_AUTO_FREE char *own = ncm_path_join(store->path, ncm_store_own(store));

	if (link)
		return ncm_asprintf("%s is a link, and who made it may not write where it leads", link);
	/* Where our folder is there already the store's own need not be written to. */
	if (!barrier || os_stat(OS_HERE, own, &status) < 0)
		return barrier ? barrier : barrier_of_own(store);
	free(barrier);
	return barrier_of_own(store);
}

bool ncm_store_is_closed(const char *path, int errnum)
{
	struct os_stat status;

	return errnum == EACCES && strcmp(ncm_path_base(path), OWN_STAGING) == 0 &&
	       os_lstat(OS_HERE, path, &status) == 0 && status.kind == OS_IS_FOLDER && !os_is_mine(&status) &&
	       (status.mode & 07) == 0;
}

/* In a sticky folder everybody may make files, but replace none of another's. */
static bool is_open_to_all(const char *path)
{
	struct os_stat status;

	return os_stat(OS_HERE, path, &status) == 0 && status.kind == OS_IS_FOLDER &&
	       (status.mode & (OS_ALL_WRITE | OS_STICKY)) == OS_ALL_WRITE;
}

char *ncm_store_exposure(const struct ncm_store *store)
{
	NCM_AUTO_FREE char *real = os_real_path(store->path);
	char *at = ncm_path_absolute(real ? real : store->path);

	while (!is_open_to_all(at) && at[1] != '\0') {
		char *slash = strrchr(at, '/');

		slash[slash == at] = '\0';
	}
	if (is_open_to_all(at))
		return at;
	free(at);
	for (size_t i = 0; i < store->folder_count; i++) {
		char *folder = ncm_path_join(store->path, store->folders[i].path);

		if (is_open_to_all(folder))
			return folder;
		free(folder);
	}
	return NULL;
}

bool ncm_is_read_only(const char *path)
{
	struct os_stat status;
	struct os_space space;
	NCM_AUTO_FREE char *at = deepest(path, &status);

	return at && os_space(at, &space) == 0 && space.read_only;
}

int ncm_store_refuse(const struct ncm_store *store, const char *barrier, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_IO, "the store \"%s\" cannot be written: %s", store->id, barrier);
	return ncm_error_hint(
	    err, "%s, or give this store another folder: --store-path %s=PATH; `ncmodel stores` shows them all",
	    ncm_is_read_only(store->path) ? "mount that disk for writing" : "run it as a user who may write there",
	    store->id);
}

int ncm_space_of(const char *path, struct ncm_space *space, struct ncm_error *err)
{
	NCM_AUTO_FREE char *at = ncm_path_absolute(path);
	struct os_space room;
	struct os_stat status;

	while (os_stat(OS_HERE, at, &status) < 0) {
		char *slash = strrchr(at, '/');

		if ((errno != ENOENT && errno != ENOTDIR) || at[1] == '\0')
			return ncm_error_errno(err, errno, "cannot look at the disk of %s", path);
		slash[slash == at] = '\0'; /* the root keeps its slash */
	}
	if (os_space(at, &room) < 0)
		return ncm_error_errno(err, errno, "cannot look at the disk of %s", path);
	*space = (struct ncm_space){.device = status.device, .known = room.known, .free = UINT64_MAX};
	if (room.known) {
		space->free = room.free;
		space->total = room.total;
	}
	return 0;
}

/* What cannot be had in a store is said once a run, in one line. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct ncm_strings told;

/* Whether it is for this caller to tell. */
static bool is_first(const char *path)
{
	bool first = true;

	pthread_mutex_lock(&mutex);
	for (size_t i = 0; i < told.count && first; i++)
		first = strcmp(told.items[i], path) != 0;
	if (first)
		ncm_strings_add(&told, path);
	pthread_mutex_unlock(&mutex);
	return first;
}

void ncm_store_tell_lacks(const struct ncm_store *store, const struct ncm_sink *sink)
{
	NCM_AUTO_FREE char *lacks = NULL;
	NCM_AUTO_FREE char *text = NULL;

	if (!sink || !sink->emit)
		return;
	lacks = ncm_lacks_text(ncm_lacks_of(store->staging));
	if (!lacks)
		return;
	text = ncm_asprintf("%s: this file system %s", store->id ? store->id : store->path, lacks);
	if (is_first(text))
		ncm_emit_text(sink, NCM_EVENT_NOTE, "%s", text);
}
