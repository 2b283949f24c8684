/* SPDX-License-Identifier: MIT */
/*
 * The order of things: a note of the move; the new files, durable and proved; models.json, all at once; the
 * configuration; the old files, as rm removes them; the end of the note. Cut short before models.json changed, the old
 * files are whole and registered, after it the new ones; the same command goes on from there.
 */
#include "move/work.h"

#include "base/lock.h"
#include "base/mem.h"
#include "base/own.h"
#include "base/path.h"
#include "base/strings.h"
#include "config/save.h"
#include "os/os.h"
#include "registry/moving.h"
#include "registry/relocate.h"
#include "store/staging.h"

#include <errno.h>
#include <string.h>

const char *ncm_move_state_name(enum ncm_move_state state)
{
	static const char *const names[] = {
	    [NCM_MOVE_GOES] = "goes",
	    [NCM_MOVE_STAYS] = "stays",
	    [NCM_MOVE_MOVED] = "moved",
	    [NCM_MOVE_LEFT] = "left",
	};

	return names[state];
}

static int no_such_store(const struct mover *mover, const char *id, struct ncm_error *err)
{
	NCM_AUTO_FREE char *ids = ncm_strdup("");

	for (size_t i = 0; i < mover->layout->count; i++) {
		char *more = ncm_asprintf("%s%s%s", ids, i ? ", " : "", mover->layout->stores[i].id);

		free(ids);
		ids = more;
	}
	ncm_error_set(err, NCM_E_USAGE, "the layout \"%s\" has no store \"%s\"", mover->layout->name, id);
	return ncm_error_hint(err, "its stores are: %s", ids);
}

static int check_path(const struct mover *mover, const struct ncm_store *store, const char *path, struct ncm_error *err)
{
	if (ncm_path_below(path, store->path) || ncm_path_below(store->path, path))
		return ncm_error_set(err, NCM_E_USAGE, "%s and %s, where the store \"%s\" lies, are one in the other",
				     path, store->path, store->id);
	for (size_t i = 0; i < mover->layout->count; i++) {
		const struct ncm_store *other = &mover->layout->stores[i];

		if (other != store && strcmp(other->path, path) == 0 && strcmp(other->path, store->path) != 0) {
			ncm_error_set(err, NCM_E_USAGE, "%s is the folder of the store \"%s\"", path, other->id);
			return other->kind == store->kind
				   ? ncm_error_hint(err, "choose another; single models: ncmodel mv MODEL --to %s",
						    other->id)
				   : ncm_error_hint(err, "choose another");
		}
	}
	return 0;
}

static int aim_store(struct mover *mover, struct ncm_error *err)
{
	struct ncm_store *store = ncm_layout_find(mover->layout, mover->options.store);
	NCM_AUTO_JSON json_t *as_text = json_string(mover->options.path);

	if (!store)
		return no_such_store(mover, mover->options.store, err);
	if (store->why == NCM_PLACED_BY_APPLICATION) {
		ncm_error_set(err, NCM_E_USAGE, "%s lies where %s says", store->id, store->told_by);
		return ncm_error_hint(
		    err, "move the files yourself, and say the new folder there; they are found again by their digest");
	}
	if (!as_text)
		return ncm_error_set(err, NCM_E_USAGE, "%s is not valid UTF-8, which models.json has to hold",
				     mover->options.path);
	/* Of stores that share a folder the first has the files: all of them move. */
	for (size_t i = mover->layout->count; i > 0; i--) {
		if (strcmp(mover->layout->stores[i - 1].path, store->path) == 0)
			mover->source = i - 1;
	}
	mover->moved = *store;
	mover->moved.path = ncm_path_absolute(mover->options.path);
	mover->target = &mover->moved;
	mover->is_there = strcmp(mover->moved.path, store->path) == 0;
	mover->move->store = ncm_strdup(store->id);
	mover->move->from = ncm_strdup(store->path);
	mover->move->to = ncm_strdup(mover->moved.path);
	if (mover->is_there)
		return 0;
	if (!store->is_moving)
		return check_path(mover, store, mover->moved.path, err);
	ncm_error_set(err, NCM_E_POLICY, "a move of the store \"%s\" to %s was cut short", store->id, store->path);
	return ncm_error_hint(err, "end that first: ncmodel mv %s %s", store->id, store->path);
}

static int aim_models(struct mover *mover, struct ncm_error *err)
{
	const char *folder = strchrnul(mover->options.to, '/');
	NCM_AUTO_FREE char *id = ncm_strndup(mover->options.to, (size_t)(folder - mover->options.to));
	NCM_AUTO_FREE char *path = NULL;

	mover->target = ncm_layout_find(mover->layout, id);
	if (!mover->target)
		return no_such_store(mover, id, err);
	mover->move->store = ncm_strdup(id);
	if (*folder && folder[1]) {
		path = ncm_layout_path(mover->layout, &mover->target, folder + 1, "x", err);
		if (!path)
			return -1;
	}
	mover->folder = path ? ncm_path_folder(path) : ncm_strdup("");
	return 0;
}

static int begin(struct mover *mover, struct ncm_error *err)
{
	mover->source = NCM_NO_STORE;
	mover->moved = (struct ncm_store){.dirfd = -1, .staging = -1};
	mover->by_path = json_object();
	mover->pending = json_object();
	mover->layout = moving_layout(mover->config, err);
	if (!mover->layout)
		return -1;
	return mover->options.store ? aim_store(mover, err) : aim_models(mover, err);
}

/* The store that is there already: only the rest of an earlier move. */
static int check_anything(const struct mover *mover, struct ncm_error *err)
{
	if (!mover->is_there || json_object_size(mover->pending) > 0)
		return 0;
	return ncm_error_set(err, NCM_E_USAGE, "the store \"%s\" lies at %s already", mover->move->store,
			     mover->move->to);
}

struct ncm_move *ncm_move_plan(const struct ncm_config *config, const struct ncm_move_options *options,
			       struct ncm_error *err)
{
	struct ncm_move *move = ncm_calloc(1, sizeof *move);
	struct mover *mover = ncm_calloc(1, sizeof *mover);

	move->impl = mover;
	mover->move = move;
	mover->config = config;
	mover->options = *options;
	if (begin(mover, err) == 0 && mover_plan(mover, err) == 0 && check_anything(mover, err) == 0)
		return move;
	ncm_move_free(move);
	return NULL;
}

void ncm_move_free(struct ncm_move *move)
{
	if (!move)
		return;
	mover_clear(move->impl);
	free(move->impl);
	free(move->store);
	free(move->from);
	free(move->to);
	free(move);
}

/* All stores that are read or written, in the order in which everybody takes their locks. */
static struct ncm_store **stores_used(struct mover *mover, size_t *count)
{
	NCM_AUTO_FREE bool *used = ncm_calloc(mover->layout->count + 1, sizeof *used);
	struct ncm_store **stores = NULL;

	*count = 0;
	*NCM_PUSH(stores, *count) = mover->target;
	for (size_t i = 0; i < mover->count; i++) {
		if (mover->items[i].store != NCM_NO_STORE)
			used[mover->items[i].store] = true;
	}
	for (size_t i = 0; i < mover->layout->count; i++) {
		if (used[i] && &mover->layout->stores[i] != mover->target)
			*NCM_PUSH(stores, *count) = &mover->layout->stores[i];
	}
	ncm_stores_order(stores, count);
	return stores;
}

/* Takes fd. Where the file system has no owners there is nothing to give. */
static void own(int fd, const struct os_stat *owner)
{
	const int failed = fd < 0 || os_set_owner(fd, owner->owner, owner->group) < 0;

	if (fd >= 0)
		os_close(fd);
	(void)failed;
}

/* A store's folder that root made belongs to whom the old one did, and so does what we add to it. */
static void own_target(const struct mover *mover, bool was_there)
{
	const struct ncm_store *target = mover->target;
	NCM_AUTO_FREE char *above = ncm_asprintf("%s/..", target->path);
	struct os_stat old, parent;

	if (was_there || mover->source == NCM_NO_STORE || !os_is_root() ||
	    os_stat(OS_HERE, mover->layout->stores[mover->source].path, &old) < 0 ||
	    os_stat(OS_HERE, above, &parent) < 0)
		return;
	/* In another's folder it is that one's already, who could have put any other in its place by now. */
	if (!ncm_own_is_roots(&parent))
		return;
	own(ncm_dir_beneath(target->dirfd, NULL), &old);
	own(ncm_dir_beneath(target->dirfd, ncm_store_own(target)), &old);
	own(os_dup(target->staging), &old);
}

static int lock_all(struct mover *mover, struct ncm_store **stores, size_t count, int *locks,
		    const struct ncm_sink *sink, struct ncm_error *err)
{
	const bool was_there = os_access(OS_HERE, mover->target->path, 0) == 0;

	for (size_t i = 0; i < count; i++) {
		locks[i] = ncm_store_lock(stores[i], mover->options.no_wait, sink, err);
		if (locks[i] < 0)
			return -1;
	}
	if (ncm_store_open(mover->target, err) < 0)
		return -1;
	(void)staging_forget_commits(mover->target->staging);
	own_target(mover, was_there);
	return 0;
}

static int make_all(struct mover *mover, const struct ncm_sink *sink, struct ncm_error *err)
{
	/* Bytes first, then what names them: an application that looks meanwhile finds whole models. */
	for (int names = 0; names <= 1; names++) {
		for (size_t i = 0; i < mover->count; i++) {
			if (mover->items[i].why || mover->items[i].is_name != (names == 1))
				continue;
			if (ncm_interrupted()) {
				ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted");
				return ncm_error_hint(
				    err, "what is registered is at its old place; the same command goes on");
			}
			if (mover_make(mover, i, sink, err) < 0)
				return -1;
		}
	}
	return 0;
}

static int switch_registry(struct mover *mover, struct ncm_error *err)
{
	NCM_AUTO_FREE struct registry_move *moves = ncm_calloc(mover->switch_count + 1, sizeof *moves);
	struct ncm_strings paths = {0};
	size_t count = 0;
	int failed;

	for (size_t i = 0; i < mover->switch_count; i++) {
		const struct switching *switching = &mover->switches[i];
		const struct item *item = &mover->items[switching->item];

		if (item->why)
			continue;
		ncm_strings_take(&paths, ncm_path_join(mover->target->path, item->relative));
		moves[count++] =
		    (struct registry_move){switching->model->id, switching->file->abs, paths.items[paths.count - 1],
					   mover->target->id,    item->mtime_ns,       item->link != NULL};
	}
	failed = registry_relocate(mover->registry->path, moves, count, err);
	ncm_strings_free(&paths);
	return failed;
}

static int switch_configuration(const struct mover *mover, struct ncm_error *err)
{
	int failed = 0;

	for (size_t i = 0; i < mover->layout->count && mover->source != NCM_NO_STORE && !failed; i++) {
		const struct ncm_store *store = &mover->layout->stores[i];

		if (strcmp(store->path, mover->move->from) == 0)
			failed = ncm_config_save_store(mover->config->file, store->id, mover->move->to, err);
	}
	if (!failed)
		return 0;
	return ncm_error_hint(err,
			      "models.json has the new places; run the same command again, or write it yourself: "
			      "\"stores\": { \"%s\": \"%s\" }",
			      mover->move->store, mover->move->to);
}

static int read_registry_again(struct mover *mover, struct ncm_error *err)
{
	struct ncm_registry *fresh = ncm_registry_read(mover->registry->path, err);

	if (!fresh)
		return -1;
	/* The items have names of the old one. */
	for (size_t i = 0; i < mover->count; i++)
		mover->items[i].model = NULL;
	ncm_registry_free(mover->registry);
	mover->registry = fresh;
	return 0;
}

/* Under the stores' locks, up to the moment when the new files are the registered ones. */
static int make_and_switch(struct mover *mover, const struct ncm_sink *sink, json_t **note, char **name,
			   struct ncm_error *err)
{
	if (mover_plan(mover, err) < 0)
		return -1;
	if (mover->move->going > 0) {
		*note = mover_note(mover, name, err);
		if (!*note || make_all(mover, sink, err) < 0 || switch_registry(mover, err) < 0)
			return -1;
		mover_tell_deeds(mover, sink);
	}
	return switch_configuration(mover, err);
}

static int lock_and_make(struct mover *mover, const struct ncm_sink *sink, json_t **note, char **name,
			 struct ncm_error *err)
{
	size_t count;
	NCM_AUTO_FREE struct ncm_store **stores = stores_used(mover, &count);
	NCM_AUTO_FREE int *locks = ncm_calloc(count + 1, sizeof *locks);
	int failed;

	for (size_t i = 0; i < count; i++)
		locks[i] = -1;
	failed = lock_all(mover, stores, count, locks, sink, err);
	if (!failed)
		failed = make_and_switch(mover, sink, note, name, err);
	for (size_t i = 0; i < count; i++)
		ncm_lock_release(locks[i]);
	return failed;
}

/* What earlier moves left; the new files of each are registered. */
static int finish_pending(struct mover *mover, const struct ncm_sink *sink, struct ncm_error *err)
{
	const size_t unfinished = mover->move->unfinished;
	const char *name;
	json_t *note;

	/* Notes of the same move, cut short before models.json was switched, are true by now. */
	mover_find_pending(mover);
	mover->move->unfinished = unfinished;
	json_object_foreach(mover->pending, name, note)
	{
		if (mover_finish(mover, note, name, &mover->noted, sink, err) < 0)
			return -1;
	}
	return 0;
}

static void count_states(struct ncm_move *move)
{
	move->going = move->moved = move->left = 0;
	for (size_t i = 0; i < move->count; i++) {
		move->going += move->files[i].state == NCM_MOVE_GOES;
		move->moved += move->files[i].state == NCM_MOVE_MOVED;
		move->left += move->files[i].state == NCM_MOVE_LEFT;
	}
}

int ncm_move_run(struct ncm_move *move, const struct ncm_sink *sink, struct ncm_error *err)
{
	struct mover *mover = move->impl;
	NCM_AUTO_JSON json_t *note = NULL;
	NCM_AUTO_FREE char *name = NULL;
	int failed = lock_and_make(mover, sink, &note, &name, err);

	if (!failed)
		failed = read_registry_again(mover, err);
	if (!failed && note)
		failed = mover_finish(mover, note, name, NULL, sink, err);
	if (!failed)
		failed = finish_pending(mover, sink, err);
	count_states(move);
	if (failed && err && !err->hint)
		ncm_error_hint(err, "what models.json names is whole; the same command goes on");
	return failed;
}
