/* SPDX-License-Identifier: MIT */
/* Carrying a plan out. */
#include "upkeep/upkeep.h"

#include "base/file.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "os/os.h"
#include "registry/deed.h"
#include "registry/write.h"

#include <errno.h>
#include <string.h>

/* The locks of one run, in the order in which they were taken. */
struct locks {
	int *fds;
	size_t count;
	json_t *stores;             /* paths of those that are held */
	int notes;                  /* `.ncmodel` beside models.json, or -1 */
	struct ncm_strings refused; /* gc: what is left undone, because a store cannot be locked */
};

static struct ncm_store **stores_used(const struct upkeep *upkeep, size_t *count)
{
	bool *used = ncm_calloc(upkeep->layout->count, sizeof *used);
	struct ncm_store **stores = NULL;

	*count = 0;
	for (size_t i = 0; i < upkeep->removal->count; i++) {
		if (upkeep->removal->files[i].state == NCM_REMOVAL_GOES && upkeep->targets[i].store != NOWHERE)
			used[upkeep->targets[i].store] = true;
	}
	for (size_t i = 0; i < upkeep->absent_count; i++)
		used[upkeep->absent[i].store] = true;
	for (size_t i = 0; i < upkeep->layout->count; i++) {
		if (used[i])
			*NCM_PUSH(stores, *count) = &upkeep->layout->stores[i];
	}
	free(used);
	ncm_stores_order(stores, count);
	return stores;
}

/* By whatever names their folder has. */
static void remember_locked(const struct upkeep *upkeep, const struct ncm_store *locked, struct locks *locks)
{
	for (size_t i = 0; i < upkeep->layout->count; i++) {
		if (ncm_stores_share(&upkeep->layout->stores[i], locked))
			json_object_set_new_nocheck(locks->stores, upkeep->layout->stores[i].path, json_true());
	}
}

/* gc passes by a store that cannot be locked; rm gives up. */
static int lock_stores(struct upkeep *upkeep, bool no_wait, const struct ncm_sink *sink, struct locks *locks,
		       struct ncm_error *err)
{
	size_t count;
	NCM_AUTO_FREE struct ncm_store **stores = stores_used(upkeep, &count);

	for (size_t i = 0; i < count; i++) {
		struct ncm_error why = NCM_ERROR_INIT;
		const int fd = ncm_store_lock(stores[i], no_wait, sink, &why);

		if (fd >= 0) {
			*NCM_PUSH(locks->fds, locks->count) = fd;
			remember_locked(upkeep, stores[i], locks);
		} else if (why.code == NCM_E_BUSY || why.code == NCM_E_INTERRUPTED || !upkeep->request.collect) {
			return ncm_error_move(err, &why);
		} else {
			ncm_strings_add(&locks->refused, why.message);
		}
		ncm_error_clear(&why);
	}
	return 0;
}

/* One rm or gc at a time works with the notes. */
static int lock_notes(struct upkeep *upkeep, const struct ncm_sink *sink, struct locks *locks, struct ncm_error *err)
{
	struct ncm_error why = NCM_ERROR_INIT;
	int fd;

	locks->notes = upkeep_notes_open(upkeep, !upkeep->request.collect, &why);
	if (locks->notes < 0)
		return why.code == NCM_OK ? 0 : ncm_error_move(err, &why);
	fd = ncm_lock_beneath(locks->notes, "upkeep.lock", upkeep->registry->path, false, sink, &why);
	if (fd < 0 && why.code == NCM_E_IO)
		ncm_hint_refused(&why, ncm_is_read_only(upkeep->registry->path) ? EROFS : EACCES,
				 "nothing was removed; ", "run it as a user who may write to that folder");
	if (fd < 0)
		return ncm_error_move(err, &why);
	*NCM_PUSH(locks->fds, locks->count) = fd;
	return 0;
}

static void unlock(struct locks *locks)
{
	for (size_t i = locks->count; i > 0; i--)
		ncm_lock_release(locks->fds[i - 1]);
	free(locks->fds);
	json_decref(locks->stores);
	ncm_strings_free(&locks->refused);
	if (locks->notes >= 0)
		os_close(locks->notes);
}

/* The list and what belongs to it change places: `removal` is the caller's for good. */
static void take_over(struct ncm_removal *removal, struct upkeep *fresh)
{
	struct upkeep *old = removal->impl;
	struct ncm_removal *place = fresh->removal;
	const struct ncm_removal list = *removal;

	*removal = *place;
	*place = list;
	fresh->removal = removal;
	removal->impl = fresh;
	old->removal = place;
	place->impl = old;
	upkeep_free(old);
}

/* Plans again with what is there now that nobody else changes it. */
static int plan_again(struct ncm_removal *removal, const struct locks *locks, struct upkeep **planned,
		      struct ncm_error *err)
{
	const struct upkeep *old = removal->impl;
	struct request request = old->request;
	struct upkeep *fresh;

	request.again = true;
	request.names = removal->models;
	fresh = upkeep_plan(&request, err);
	for (size_t i = 0; fresh && i < fresh->removal->count; i++) {
		struct ncm_removal_file *file = &fresh->removal->files[i];
		const size_t store = fresh->targets[i].store;

		if (file->state != NCM_REMOVAL_GOES || store == NOWHERE ||
		    json_object_get(locks->stores, fresh->layout->stores[store].path))
			continue;
		if (!request.collect) {
			upkeep_free(fresh);
			ncm_error_set(err, NCM_E_BUSY,
				      "%s was changed by another ncmodel meanwhile; nothing was removed",
				      old->registry->path);
			return ncm_error_hint(err, "run the same command again");
		}
		upkeep_settle(file, NCM_REMOVAL_KEPT, ncm_strdup("its store cannot be locked"));
	}
	for (size_t i = 0; fresh && i < locks->refused.count; i++)
		upkeep_undone(fresh, "nothing of a store that cannot be locked is removed: %s",
			      locks->refused.items[i]);
	*planned = fresh;
	return fresh ? 0 : -1;
}

/* With all its digests and sources: this is the last that is known of them. */
static void tell_removed(const struct upkeep *upkeep, const char *model, const struct ncm_sink *sink)
{
	const struct ncm_reg_model *entry = ncm_registry_find(upkeep->registry, model);

	if (entry)
		registry_tell_deed(sink, "removed", entry);
}

/* Those of a model together; what went for none comes last. */
static int by_model(const void *a, const void *b)
{
	const struct ncm_removal_file *const *one = a, *const *other = b;
	const char *x = (*one)->model, *y = (*other)->model;
	const int order = x && y ? strcmp(x, y) : !x - !y;

	return order ? order : (*one > *other) - (*one < *other);
}

static struct ncm_deed_file describe(const struct ncm_removal_file *file)
{
	return (struct ncm_deed_file){.path = file->path,
				      .store = file->store,
				      .how = (char *)ncm_removal_kind_name(file->kind),
				      .size = file->size};
}

/* The files that went: one deed for each model, and one for what was no model's. */
static void tell_deleted(const struct ncm_removal *removal, const struct ncm_sink *sink)
{
	NCM_AUTO_FREE const struct ncm_removal_file **gone = ncm_calloc(removal->count + 1, sizeof *gone);
	NCM_AUTO_FREE struct ncm_deed_file *files = ncm_calloc(removal->count + 1, sizeof *files);
	size_t count = 0;

	for (size_t i = 0; i < removal->count; i++) {
		if (removal->files[i].state == NCM_REMOVAL_REMOVED)
			gone[count++] = &removal->files[i];
	}
	if (count > 1)
		qsort(gone, count, sizeof *gone, by_model);
	for (size_t i = 0; i < count; i++)
		files[i] = describe(gone[i]);
	for (size_t at = 0, end; at < count; at = end) {
		const char *model = gone[at]->model;

		for (end = at + 1; end < count && ncm_same_text(gone[end]->model, model);)
			end++;
		ncm_emit_deed(sink,
			      &(const struct ncm_deed){
				  .action = "deleted", .model = model, .files = &files[at], .file_count = end - at});
	}
}

/*
 * From here on the bytes are nobody's, and the note says so. It stays if models.json cannot be written: an error may
 * come after the new one has its name. Where the old one is still there, the note names files that are somebody's, and
 * gives no right to anything.
 */
static int forget_models(const struct upkeep *upkeep, const struct locks *locks, const struct ncm_sink *sink,
			 char **note, struct ncm_error *err)
{
	const struct ncm_strings *models = &upkeep->removal->models;

	if (models->count == 0)
		return 0;
	if (upkeep->removal->going > 0 && upkeep_note(upkeep, locks->notes, note, err) < 0)
		return -1;
	if (ncm_registry_remove(upkeep->registry->path, (const char *const *)models->items, models->count, err) == 0) {
		for (size_t i = 0; i < models->count; i++)
			tell_removed(upkeep, models->items[i], sink);
		return 0;
	}
	ncm_error_hint(err,
		       "%srun the same command again; if a model is not installed any more, `ncmodel gc` removes its "
		       "files",
		       err && err->code == NCM_E_NO_SPACE ? "free some space on that disk, then " : "");
	return -1;
}

/* Bytes are nobody's only when the models.json that does not name them is there to stay. */
static int sync_registry(const struct upkeep *upkeep, struct ncm_error *err)
{
	const char *path = upkeep->registry->path;
	NCM_AUTO_FREE char *folder = ncm_path_folder(path);
	NCM_AUTO_CLOSE int fd = os_open(OS_HERE, folder, OS_FOLDER);

	if (fd >= 0 ? ncm_sync_dir(fd) == 0 : errno == ENOENT)
		return 0;
	return ncm_error_errno(err, errno, "nothing was removed: cannot sync %s", folder);
}

static int delete_all(struct upkeep *upkeep, const struct locks *locks, const struct ncm_sink *sink,
		      struct ncm_error *err)
{
	NCM_AUTO_FREE bool *stopped = ncm_calloc(upkeep->layout->count, sizeof *stopped);
	struct deletion deletion = {.upkeep = upkeep, .sink = sink, .stopped = stopped};
	NCM_AUTO_FREE char *note = NULL;

	if (forget_models(upkeep, locks, sink, &note, err) < 0 ||
	    (upkeep->request.collect && sync_registry(upkeep, err) < 0))
		return -1;
	for (enum rank rank = RANK_NAMES; rank <= RANK_BYTES; rank++)
		upkeep_delete_rank(&deletion, rank);
	upkeep_delete_empty_folders(&deletion);
	if (!deletion.failed)
		upkeep_delete_rank(&deletion, RANK_NOTES);
	if (note && !deletion.failed && !ncm_interrupted())
		os_unlink(locks->notes, note);
	tell_deleted(upkeep->removal, sink);
	upkeep_sum(upkeep->removal);
	if (!ncm_interrupted())
		return 0;
	ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted; %s",
		      note ? "some files are still there" : "not all is done");
	return ncm_error_hint(err, "`ncmodel gc` removes the rest");
}

int ncm_removal_run(struct ncm_removal *removal, bool no_wait, const struct ncm_sink *sink, struct ncm_error *err)
{
	struct locks locks = {.stores = json_object(), .notes = -1};
	struct upkeep *fresh = NULL;
	int failed = 0;

	if (removal->going > 0 || removal->models.count > 0) {
		failed = lock_stores(removal->impl, no_wait, sink, &locks, err);
		if (!failed)
			failed = lock_notes(removal->impl, sink, &locks, err);
		if (!failed)
			failed = plan_again(removal, &locks, &fresh, err);
		if (!failed)
			failed = delete_all(fresh, &locks, sink, err);
		if (fresh)
			take_over(removal, fresh);
	}
	unlock(&locks);
	return failed;
}
