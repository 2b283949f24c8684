/* SPDX-License-Identifier: MIT */
/* Which files go where, and whether they may. */
#include "move/work.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <ncmodel/text.h>
#include <string.h>
#include <unistd.h>

struct item *mover_add(struct mover *mover, const char *path, const char *relative)
{
	const json_t *known = json_object_get(mover->by_path, path);
	struct item *item;

	if (known)
		return &mover->items[json_integer_value(known)];
	json_object_set_new_nocheck(mover->by_path, path, json_integer((json_int_t)mover->count));
	item = NCM_PUSH(mover->items, mover->count);
	item->from = ncm_strdup(path);
	item->relative = ncm_strdup(relative);
	item->store = ncm_layout_store_of(mover->layout, path, NULL);
	return item;
}

static void add_registered(struct mover *mover, const struct ncm_reg_model *model, const struct ncm_reg_file *file,
			   const char *relative)
{
	struct item *item = mover_add(mover, file->abs, relative);

	item->registered = true;
	item->store = ncm_layout_store_of(mover->layout, file->abs, file->store);
	item->is_name = file->role && strcmp(file->role, "manifest") == 0;
	item->sha256 = file->sha256;
	if (!item->model)
		item->model = model->id;
	*NCM_PUSH(mover->switches, mover->switch_count) =
	    (struct switching){model->id, file->abs, (size_t)(item - mover->items)};
}

static void add_store(struct mover *mover)
{
	const struct ncm_store *store = &mover->layout->stores[mover->source];

	for (size_t i = 0; i < mover->registry->count; i++) {
		const struct ncm_reg_model *model = &mover->registry->models[i];

		for (size_t k = 0; k < model->file_count; k++) {
			const struct ncm_reg_file *file = &model->files[k];

			if (ncm_layout_store_of(mover->layout, file->abs, file->store) == mover->source)
				add_registered(mover, model, file, ncm_path_below(file->abs, store->path));
		}
	}
}

/* The one store that all files of a model lie in. */
static int store_of_model(const struct mover *mover, const struct ncm_reg_model *model, size_t *store,
			  struct ncm_error *err)
{
	for (size_t i = 0; i < model->file_count; i++) {
		const struct ncm_reg_file *file = &model->files[i];
		const size_t found = ncm_layout_store_of(mover->layout, file->abs, file->store);

		if (i > 0 && found != *store) {
			ncm_error_set(err, NCM_E_USAGE, "%s has files in more than one store: %s and %s", model->id,
				      model->files[0].abs, file->abs);
			return ncm_error_hint(err, "a store can be moved as a whole: ncmodel mv STORE PATH");
		}
		*store = found;
	}
	return 0;
}

static enum ncm_store_kind kind_of(const struct mover *mover, size_t store)
{
	return store == NCM_NO_STORE ? NCM_STORE_FOLDERS : mover->layout->stores[store].kind;
}

/* Which folder of the layout a path lies in: the longest that fits, or NULL. */
static const struct ncm_store_folder *folder_around(const struct ncm_store *store, const char *path)
{
	const char *relative = ncm_path_below(path, store->path);
	const struct ncm_store_folder *found = NULL;

	for (size_t i = 0; relative && i < store->folder_count; i++) {
		const struct ncm_store_folder *folder = &store->folders[i];

		if (ncm_path_below(relative, folder->path) && (!found || strlen(folder->path) > strlen(found->path)))
			found = folder;
	}
	return found;
}

/* Where a model of folders goes below the target: what was named, or the folder of the name that it has now. The caller
 * frees it. */
static char *folder_for(const struct mover *mover, const struct ncm_reg_model *model, size_t store,
			struct ncm_error *err)
{
	const struct ncm_store_folder *around =
	    store == NCM_NO_STORE ? NULL : folder_around(&mover->layout->stores[store], model->files[0].abs);
	NCM_AUTO_FREE char *path = NULL;

	if (*mover->folder || mover->target->folder_count == 0)
		return ncm_strdup(mover->folder);
	path = around ? ncm_store_path(mover->target, around->name, "x", NULL) : NULL;
	if (path)
		return ncm_path_folder(path);
	ncm_error_set(err, NCM_E_USAGE, "into which folder of the store \"%s\" is %s to go?", mover->target->id,
		      model->id);
	ncm_error_hint(err, "say --to %s/FOLDER, as --to %s/%s", mover->target->id, mover->target->id,
		       mover->target->folders[0].name);
	return NULL;
}

/* How much of the paths of a model's files is the folder that all lie in, with its slash. */
static size_t common_folder(const struct ncm_reg_model *model)
{
	const char *first = model->files[0].abs;
	size_t size = (size_t)(ncm_path_base(first) - first);

	for (size_t i = 1; i < model->file_count; i++) {
		while (size > 0 && (strncmp(model->files[i].abs, first, size) != 0 || first[size - 1] != '/'))
			size--;
	}
	return size;
}

static int add_model(struct mover *mover, const struct ncm_reg_model *model, struct ncm_error *err)
{
	size_t store = NCM_NO_STORE, common;
	NCM_AUTO_FREE char *folder = NULL;

	if (model->file_count == 0)
		return 0;
	if (store_of_model(mover, model, &store, err) < 0)
		return -1;
	if (kind_of(mover, store) != mover->target->kind) {
		ncm_error_set(err, NCM_E_USAGE, "%s cannot go from a store of kind %s to one of kind %s", model->id,
			      ncm_store_kind_name(kind_of(mover, store)), ncm_store_kind_name(mover->target->kind));
		return ncm_error_hint(err, "`ncmodel stores --json` tells the kinds");
	}
	if (mover->target->kind == NCM_STORE_FOLDERS) {
		folder = folder_for(mover, model, store, err);
		if (!folder)
			return -1;
	}
	common = folder ? common_folder(model) : strlen(mover->layout->stores[store].path) + 1;
	for (size_t i = 0; i < model->file_count; i++) {
		NCM_AUTO_FREE char *relative = ncm_path_join(folder, model->files[i].abs + common);
		NCM_AUTO_FREE char *place = ncm_path_join(mover->target->path, relative);

		if (strcmp(place, model->files[i].abs) != 0)
			add_registered(mover, model, &model->files[i], relative);
	}
	return 0;
}

static int add_models(struct mover *mover, struct ncm_error *err)
{
	struct ncm_selector selector = {0};
	const struct ncm_reg_model **chosen = NULL;
	size_t count = 0;
	int failed;

	for (size_t i = 0; i < mover->options.count; i++)
		ncm_strings_add(&selector.names, mover->options.names[i]);
	failed = ncm_registry_select(mover->registry, &selector, &chosen, &count, err);
	for (size_t i = 0; i < count && !failed; i++)
		failed = add_model(mover, chosen[i], err);
	ncm_strings_free(&selector.names);
	free(chosen);
	return failed;
}

/* The number of the item that a path leads to, or -1. */
static json_int_t item_at(const struct mover *mover, const char *path)
{
	const json_t *number = json_object_get(mover->by_path, path);

	return number ? json_integer_value(number) : -1;
}

/* What the new link says. Inside another tool's store links are relative, and go with what they lead to. */
static int read_link(struct mover *mover, struct item *item, struct ncm_error *err)
{
	char text[PATH_MAX];
	const ssize_t size = readlink(item->from, text, sizeof text - 1);
	NCM_AUTO_FREE char *folder = ncm_path_folder(item->from);
	NCM_AUTO_FREE char *joined = NULL, *leads_to = NULL;
	json_int_t other;

	if (size < 0)
		return ncm_error_errno(err, errno, "cannot read the link %s", item->from);
	text[size] = '\0';
	joined = ncm_path_join(folder, text);
	leads_to = ncm_path_absolute(joined);
	other = item_at(mover, leads_to);
	if (*text != '/' && (mover->target->kind != NCM_STORE_FOLDERS || (other >= 0 && mover->source != NCM_NO_STORE)))
		item->link = ncm_strdup(text);
	else
		item->link =
		    other < 0 ? ncm_strdup(leads_to) : ncm_path_join(mover->target->path, mover->items[other].relative);
	return 0;
}

static void stay(struct item *item, const char *why)
{
	free(item->why);
	item->why = ncm_strdup(why);
}

/* Who wrote models.json could have named any file. */
static bool is_believed(const struct mover *mover, const struct item *item)
{
	NCM_AUTO_FREE char *name = ncm_path_folder(item->from);
	struct stat folder;

	return stat(name, &folder) == 0 && authority_is_believed(&mover->said, &folder, &item->seen);
}

static int check_removable(const struct item *item, struct ncm_error *err)
{
	NCM_AUTO_FREE char *folder = ncm_path_folder(item->from);

	if (item->store == NCM_NO_STORE || faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0)
		return 0;
	ncm_error_errno(err, errno, "cannot move %s away", item->from);
	return ncm_error_hint(err, "nothing was moved; run it as a user who may write to that folder");
}

static int look_at_source(struct mover *mover, struct item *item, struct ncm_error *err)
{
	if (lstat(item->from, &item->seen) < 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			return ncm_error_errno(err, errno, "cannot look at %s", item->from);
		stay(item, "is not there");
		return 0;
	}
	if (!S_ISREG(item->seen.st_mode) && !S_ISLNK(item->seen.st_mode))
		stay(item, "is not a regular file");
	else if (item->registered && !is_believed(mover, item))
		stay(item, "not all who may have written into models.json that it is ours could remove it themselves, "
			   "so that is not believed");
	else if (check_removable(item, err) < 0)
		return -1;
	else if (S_ISLNK(item->seen.st_mode))
		return read_link(mover, item, err);
	return 0;
}

static bool is_this_link(const char *path, const char *link)
{
	char text[PATH_MAX];
	const ssize_t size = readlink(path, text, sizeof text - 1);

	return size >= 0 && (text[size] = '\0', strcmp(text, link) == 0);
}

/* Whether what is there may be the same, to be read when the time comes. */
static bool may_be_same(const struct item *item, const char *path, const struct stat *there)
{
	if (item->link)
		return S_ISLNK(there->st_mode) && is_this_link(path, item->link);
	return S_ISREG(there->st_mode) && there->st_size == item->seen.st_size;
}

static int look_at_target(const struct mover *mover, struct item *item, struct ncm_error *err)
{
	NCM_AUTO_FREE char *path = ncm_path_join(mover->target->path, item->relative);
	struct stat there;

	if (lstat(path, &there) < 0) {
		if (errno == ENOENT)
			return 0;
		return ncm_error_errno(err, errno, "cannot look at %s", path);
	}
	item->there = may_be_same(item, path, &there);
	if (item->there)
		return 0;
	ncm_error_set(err, NCM_E_POLICY, "something else is in the way of %s: %s", item->from, path);
	return ncm_error_hint(err, "nothing was moved; move that away, or choose another place");
}

static bool is_copied(const struct item *item, const struct ncm_space *space)
{
	return !item->link && !item->there && item->seen.st_dev != space->device;
}

static int check_space(struct mover *mover, const struct ncm_space *space, struct ncm_error *err)
{
	const uint64_t needed = mover->move->to_copy, reserve = mover->config->reserve;
	char a[32], b[32], c[32];

	if (needed == 0 || (needed <= space->free && space->free - needed >= reserve))
		return 0;
	ncm_error_set(err, NCM_E_NO_SPACE, "not enough disk space at %s: %s needed and %s reserve, %s free",
		      mover->target->path, ncm_format_size(needed, a, sizeof a), ncm_format_size(reserve, b, sizeof b),
		      ncm_format_size(space->free, c, sizeof c));
	return ncm_error_hint(err, "nothing was moved; free some space, or move one model at a time");
}

static int judge(struct mover *mover, struct ncm_error *err)
{
	struct ncm_space space;

	if (ncm_space_of(mover->target->path, &space, err) < 0)
		return -1;
	for (size_t i = 0; i < mover->count; i++) {
		struct item *item = &mover->items[i];

		if (look_at_source(mover, item, err) < 0 || (!item->why && look_at_target(mover, item, err) < 0))
			return -1;
		if (item->why)
			continue;
		mover->move->bytes += (uint64_t)item->seen.st_size;
		if (is_copied(item, &space))
			mover->move->to_copy += (uint64_t)item->seen.st_size;
	}
	return check_space(mover, &space, err);
}

static int check_target(struct mover *mover, struct ncm_error *err)
{
	NCM_AUTO_FREE char *barrier = ncm_store_barrier(mover->target);

	if (!barrier)
		return 0;
	ncm_error_set(err, NCM_E_IO, "cannot write to %s: %s", mover->target->path, barrier);
	return ncm_error_hint(err, "nothing was moved; choose another place, or run it as a user who may write there");
}

void mover_describe(struct mover *mover)
{
	struct ncm_move *move = mover->move;
	struct ncm_space space = {0};

	(void)ncm_space_of(mover->target->path, &space, NULL);
	for (size_t i = 0; i < mover->count; i++) {
		const struct item *item = &mover->items[i];
		struct ncm_move_file *file = NCM_PUSH(move->files, move->count);

		*file = (struct ncm_move_file){
		    .from = ncm_strdup(item->from),
		    .to = ncm_path_join(mover->target->path, item->relative),
		    .model = ncm_strdup_null(item->model),
		    .size = (uint64_t)item->seen.st_size,
		    .copied = is_copied(item, &space),
		    .state = item->why ? NCM_MOVE_STAYS : NCM_MOVE_GOES,
		    .why = ncm_strdup_null(item->why),
		};
		move->going += !item->why;
		move->staying += item->why != NULL;
	}
}

static void forget(struct mover *mover)
{
	struct ncm_move *move = mover->move;

	for (size_t i = 0; i < mover->count; i++) {
		free(mover->items[i].from);
		free(mover->items[i].relative);
		free(mover->items[i].link);
		free(mover->items[i].why);
	}
	for (size_t i = 0; i < move->count; i++) {
		free(move->files[i].from);
		free(move->files[i].to);
		free(move->files[i].model);
		free(move->files[i].why);
	}
	free(mover->items);
	free(mover->switches);
	free(move->files);
	mover->items = NULL;
	mover->switches = NULL;
	move->files = NULL;
	mover->count = mover->switch_count = move->count = 0;
	move->going = move->moved = move->staying = move->left = move->unfinished = 0;
	move->bytes = move->to_copy = 0;
	json_object_clear(mover->by_path);
	ncm_strings_free(&move->settings);
	ncm_strings_free(&move->warnings);
	ncm_registry_free(mover->registry);
	mover->registry = NULL;
}

void mover_clear(struct mover *mover)
{
	forget(mover);
	if (mover->moved.staging >= 0)
		close(mover->moved.staging);
	if (mover->moved.dirfd >= 0)
		close(mover->moved.dirfd);
	free(mover->moved.path);
	free(mover->folder);
	json_decref(mover->by_path);
	json_decref(mover->pending);
	ncm_layout_free(mover->layout);
}

static int choose(struct mover *mover, struct ncm_error *err)
{
	if (mover->source == NCM_NO_STORE)
		return add_models(mover, err) < 0 ? -1 : mover_add_belongings(mover, err);
	if (mover->is_there)
		return 0;
	add_store(mover);
	if (mover_add_belongings(mover, err) < 0)
		return -1;
	return mover->options.rest ? mover_add_rest(mover, err) : 0;
}

int mover_plan(struct mover *mover, struct ncm_error *err)
{
	NCM_AUTO_FREE char *path = ncm_layout_registry(mover->layout, mover->config);

	forget(mover);
	mover->registry = ncm_registry_read(path, err);
	if (!mover->registry)
		return -1;
	mover->said = authority_of_registry(path);
	mover_find_pending(mover);
	if (check_target(mover, err) < 0 || choose(mover, err) < 0 || judge(mover, err) < 0)
		return -1;
	if (ncm_interrupted())
		return ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted; nothing was moved");
	mover_describe(mover);
	if (mover->move->going > 0 && mover_refuse_busy(mover, err) < 0)
		return -1;
	mover_tell_settings(mover);
	return 0;
}
