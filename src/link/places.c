/* SPDX-License-Identifier: MIT */
#include "link/work.h"

#include "base/lock.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "store/staging.h"

#include <errno.h>
#include <string.h>

/* The innermost place that has this path (without links), or place_count. */
static size_t place_of(const struct work *work, const char *real, const char **relative)
{
	size_t found = work->place_count, longest = 0;

	for (size_t i = 0; i < work->place_count; i++) {
		const char *folder = work->places[i].real;
		const char *rest = strcmp(real, folder) == 0 ? "" : ncm_path_below(real, folder);

		if (rest && strlen(folder) > longest) {
			longest = strlen(folder);
			found = i;
			*relative = rest;
		}
	}
	return found;
}

static void add_source(struct work *work, size_t place, const char *relative, bool is_file)
{
	*NCM_PUSH(work->sources, work->source_count) = (struct source){place, ncm_strdup(relative), is_file};
}

static bool is_chosen(const struct work *work, const struct ncm_store *store)
{
	for (size_t i = 0; i < work->options->store_count; i++) {
		if (ncm_store_is_of(store, work->options->stores[i]))
			return true;
	}
	return work->options->store_count == 0;
}

/* A store that is not there is no matter; one that cannot be looked into is. */
static void tell_unread(struct work *work, const struct ncm_store *store, int errnum)
{
	if (errnum != ENOENT && errnum != ENOTDIR && is_chosen(work, store))
		files_tell_unread(work, store->path, errnum);
}

/* Several ids may name one folder. A store that is not looked through is a place all the same: a file that was named
 * may lie in it. */
static void add_store(struct work *work, struct ncm_store *store)
{
	NCM_AUTO_FREE char *real = os_real_path(store->path);
	size_t at = 0;

	if (!real)
		tell_unread(work, store, errno);
	while (real && at < work->place_count && strcmp(work->places[at].real, real) != 0)
		at++;
	if (!real)
		return;
	if (at == work->place_count) {
		store->dirfd = ncm_store_peek(store);
		if (store->dirfd < 0) {
			tell_unread(work, store, errno);
			return;
		}
		*NCM_PUSH(work->places, work->place_count) = (struct place){.store = store, .lock = -1};
		work->places[at].real = ncm_strdup(real);
	}
	if (is_chosen(work, store))
		add_source(work, at, "", false);
}

static int check_stores(const struct work *work, struct ncm_error *err)
{
	for (size_t i = 0; i < work->options->store_count; i++) {
		if (!ncm_layout_find(work->layout, work->options->stores[i]))
			return ncm_layout_lacks(work->layout, work->options->stores[i], err);
	}
	return 0;
}

static int add_folder(struct work *work, const char *real, struct ncm_error *err)
{
	struct place *place;
	const int dirfd = os_open(OS_HERE, real, OS_FOLDER);

	if (dirfd < 0)
		return ncm_error_errno(err, errno, "cannot look into %s", real);
	place = NCM_PUSH(work->places, work->place_count);
	place->real = ncm_strdup(real);
	place->lock = -1;
	place->own = (struct ncm_store){
	    .kind = ncm_store_kind_at(dirfd), /* it says where our folder may be */
	    .path = ncm_strdup(real),
	    .dirfd = dirfd,
	    .staging = -1,
	};
	return 0;
}

/* What the user named: a folder or a file, in a store or anywhere. */
static int add_path(struct work *work, const char *path, struct ncm_error *err)
{
	NCM_AUTO_FREE char *real = os_real_path(path);
	const char *relative = "";
	struct os_stat status;
	size_t place;

	if (!real || os_stat(OS_HERE, real, &status) < 0) {
		const int saved = errno;

		if (saved != ENOENT)
			return ncm_error_errno(err, saved, "cannot look at %s", path);
		ncm_error_set(err, NCM_E_USAGE, "there is no \"%s\"", path);
		return ncm_error_hint(err, "check its spelling; a relative path begins at the current folder");
	}
	if (status.kind != OS_IS_FOLDER && status.kind != OS_IS_FILE)
		return ncm_error_set(err, NCM_E_USAGE, "%s is neither a folder nor a file", path);
	place = place_of(work, real, &relative);
	if (place == work->place_count) {
		const size_t size = status.kind == OS_IS_FOLDER ? strlen(real) : (size_t)(ncm_path_base(real) - real);
		/* Without the slash, unless it is all there is. */
		NCM_AUTO_FREE char *folder = ncm_strndup(real, size > 1 && real[size - 1] == '/' ? size - 1 : size);

		if (add_folder(work, folder, err) < 0)
			return -1;
		relative = status.kind == OS_IS_FOLDER ? "" : ncm_path_base(real);
	}
	add_source(work, place, relative, status.kind == OS_IS_FILE);
	return 0;
}

int places_find(struct work *work, struct ncm_error *err)
{
	if (check_stores(work, err) < 0)
		return -1;
	for (size_t i = 0; i < work->layout->count; i++)
		add_store(work, &work->layout->stores[i]);
	for (size_t i = 0; i < work->options->path_count; i++) {
		if (add_path(work, work->options->paths[i], err) < 0)
			return -1;
	}
	/* The array does not grow any more. */
	for (size_t i = 0; i < work->place_count; i++) {
		if (!work->places[i].store)
			work->places[i].store = &work->places[i].own;
	}
	return 0;
}

size_t places_locate(const struct work *work, const struct source *source, const char *path, char **absolute,
		     size_t *relative_at)
{
	NCM_AUTO_FREE char *from = ncm_path_join(work->places[source->place].real, source->relative);
	NCM_AUTO_FREE char *joined = ncm_path_join(from, path);
	NCM_AUTO_FREE char *real = ncm_path_absolute(joined);
	const char *relative = "";
	const size_t place = place_of(work, real, &relative);

	*absolute = ncm_path_join(work->places[place].store->path, relative);
	*relative_at = strlen(*absolute) - strlen(relative);
	return place;
}

/* Who was stopped while linking left another name of a file there. With the store's lock held it is nobody's. */
static void clear_staging(const struct ncm_store *store)
{
	NCM_AUTO_CLOSE int fd = staging_open(store, store->dirfd);

	if (fd >= 0)
		(void)staging_forget_commits(fd); /* gc tells what stays */
}

void places_clear(const struct work *work)
{
	for (size_t i = 0; i < work->place_count; i++) {
		const struct ncm_store *store = work->places[i].store;
		NCM_AUTO_FREE char *lock = ncm_asprintf("%s/lock", ncm_store_own(store));
		NCM_AUTO_CLOSE int exists = os_open_beneath(store->dirfd, lock, OS_READ);
		NCM_AUTO_LOCK int held =
		    exists < 0 ? -1 : ncm_lock_beneath(store->dirfd, lock, store->path, true, NULL, NULL);

		if (held >= 0)
			clear_staging(store);
	}
}

static int by_path(const void *a, const void *b)
{
	const struct place *const *left = a, *const *right = b;

	return strcmp((*left)->store->path, (*right)->store->path);
}

int places_lock(struct work *work, struct ncm_error *err)
{
	NCM_AUTO_FREE struct place **order = ncm_calloc(work->place_count + 1, sizeof *order);

	for (size_t i = 0; i < work->place_count; i++)
		order[i] = &work->places[i];
	qsort(order, work->place_count, sizeof *order, by_path);
	for (size_t i = 0; i < work->place_count; i++) {
		struct ncm_error why = NCM_ERROR_INIT;

		if (!order[i]->needed)
			continue;
		order[i]->lock = ncm_store_lock(order[i]->store, work->options->no_wait, work->sink, &why);
		if (why.code == NCM_E_BUSY || why.code == NCM_E_INTERRUPTED)
			return ncm_error_move(err, &why);
		if (why.code != NCM_OK)
			order[i]->refusal = ncm_strdup(why.message);
		ncm_error_clear(&why);
	}
	return 0;
}

void places_free(struct work *work)
{
	for (size_t i = 0; i < work->place_count; i++) {
		struct place *place = &work->places[i];

		ncm_lock_release(place->lock);
		if (place->store == &place->own || !place->store) {
			os_close(place->own.dirfd);
			if (place->own.staging >= 0)
				os_close(place->own.staging);
		}
		free(place->own.path);
		free(place->real);
		free(place->refusal);
	}
	free(work->places);
	for (size_t i = 0; i < work->source_count; i++)
		free(work->sources[i].relative);
	free(work->sources);
}
