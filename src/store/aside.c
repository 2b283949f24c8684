/* SPDX-License-Identifier: MIT */
/*
 * What is replaced, and nobody is known to bring back, is kept: in `replaced/TIME/PATH` of the store's own folder,
 * until `gc --replaced`. Files get a second name there before the first one goes to the new bytes, so that no crash
 * leaves the place empty; folders, and files where links cannot be had, move.
 */
#include "store/commit.h"
#include "store/inside.h"

#include "base/ability.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "store/staging.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

enum { MOST_A_SECOND = 1000, RANGE_CHUNK = 1 << 20 };

/* Of folders there are none anywhere. */
static bool has_no_links(int errnum)
{
	return ncm_is_without_links(errnum) || errnum == EISDIR;
}

/* The place is on another disk than the store's own folder. */
static int copy_across(int parent, const char *name, int to, const char *kept)
{
	NCM_AUTO_CLOSE int from = os_open(parent, name, OS_READ | OS_NO_LINK);
	NCM_AUTO_CLOSE int copy = from < 0 ? -1 : ncm_own_create(to, kept, OS_READ | OS_WRITE, NCM_OWN_FILE);
	struct os_stat old;
	int saved;

	if (copy < 0)
		return -1;
	if (os_fstat(from, &old) == 0)
		ncm_own_like(copy, &old);
	if (store_copy(from, copy, NULL) == 0 && ncm_sync(copy) == 0)
		return 0;
	saved = errno;
	os_unlink(to, kept);
	errno = saved;
	return -1;
}

static int give_second_name(int parent, const char *name, int to, const char *kept)
{
	if (os_link(parent, name, to, kept) == 0)
		return 0;
	if (errno == EXDEV)
		return copy_across(parent, name, to, kept);
	return has_no_links(errno) ? store_rename_new(parent, name, to, kept) : -1;
}

/* "20261128T163000Z", and for a second one of the same name in that second "20261128T163000Z-2". The caller frees it.
 */
static char *moment(unsigned number)
{
	const time_t now = time(NULL);
	struct tm utc;
	char text[32];

	gmtime_r(&now, &utc);
	strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc);
	return number == 1 ? ncm_strdup(text) : ncm_asprintf("%s-%u", text, number);
}

static int keep_at(const struct ncm_store *store, int parent, const char *name, const char *kept, struct ncm_error *err)
{
	const char *last;
	NCM_AUTO_CLOSE int folder = ncm_parent_beneath(store->dirfd, kept, true, &last, err);

	if (folder < 0)
		return -1;
	if (give_second_name(parent, name, folder, last) == 0)
		return ncm_sync_dir(folder) < 0 ? ncm_error_errno(err, errno, "cannot sync %s/%s", store->path, kept)
						: 0;
	if (errno == EEXIST)
		return 1;
	ncm_error_errno(err, errno, "cannot keep what is to be replaced as %s/%s", store->path, kept);
	ncm_error_hint(err, "nothing was replaced; move the old file away yourself");
	return -1;
}

int store_set_aside(const struct ncm_store *store, int parent, const char *name, const char *relative, char **kept,
		    struct ncm_error *err)
{
	int result = 1;

	for (unsigned number = 1; result > 0 && number <= MOST_A_SECOND; number++) {
		NCM_AUTO_FREE char *now = moment(number);
		char *at = ncm_asprintf("%s/" OWN_REPLACED "/%s/%s", ncm_store_own(store), now, relative);

		result = keep_at(store, parent, name, at, err);
		if (result == 0 && kept) {
			free(*kept);
			*kept = ncm_path_join(store->path, at);
		}
		free(at);
	}
	return result > 0
		   ? ncm_error_set(err, NCM_E_IO, "cannot keep %s/%s: too many of its name", store->path, relative)
		   : result;
}

static int copy_range(int from, int to, uint64_t start, uint64_t end)
{
	NCM_AUTO_FREE char *chunk = ncm_malloc(RANGE_CHUNK);
	uint64_t at = start;

	while (at < end) {
		const size_t wanted = end - at < RANGE_CHUNK ? (size_t)(end - at) : RANGE_CHUNK;
		const ssize_t got = ncm_pread_all(from, chunk, wanted, at);

		if (got < 0 || ncm_pwrite_all(to, chunk, (size_t)got, at - start) < 0)
			return -1;
		if ((size_t)got < wanted)
			break;
		at += wanted;
	}
	return ncm_sync(to);
}

int store_keep_range(const struct ncm_store *store, const char *relative, uint64_t start, uint64_t end,
		     struct ncm_error *err)
{
	NCM_AUTO_FREE char *name =
	    ncm_asprintf("%s.%llu-%llu", relative, (unsigned long long)start, (unsigned long long)end);
	NCM_AUTO_CLOSE int from = store_open_inside(store, store->dirfd, relative);
	NCM_AUTO_FREE char *staged = NULL;
	NCM_AUTO_CLOSE int to = from < 0 ? -1 : store_stage(store, &staged);
	int failed;

	if (to < 0 || copy_range(from, to, start, end) < 0)
		failed = ncm_error_errno(err, errno, "cannot keep the damaged bytes of %s/%s", store->path, relative);
	else
		failed = store_set_aside(store, store->staging, staged, name, NULL, err);
	if (staged)
		os_unlink(store->staging, staged);
	return failed;
}
