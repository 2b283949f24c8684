/* SPDX-License-Identifier: MIT */
/* Whether the chosen files may go where they are to. */
#include "move/work.h"

#include "base/ability.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "os/os.h"

#include <errno.h>
#include <limits.h>
#include <ncmodel/text.h>
#include <string.h>

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
	const ssize_t size = os_readlink(OS_HERE, item->from, text, sizeof text);
	NCM_AUTO_FREE char *folder = ncm_path_folder(item->from);
	NCM_AUTO_FREE char *joined = NULL, *leads_to = NULL;
	json_int_t other;

	if (size < 0)
		return ncm_error_errno(err, errno, "cannot read the link %s", item->from);
	joined = ncm_path_join(folder, text);
	leads_to = ncm_path_absolute(joined);
	other = item_at(mover, leads_to);
	if (*text != '/' && (mover->target->kind->by_digest || (other >= 0 && mover->source != NCM_NO_STORE)))
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
	struct os_stat folder;

	return os_stat(OS_HERE, name, &folder) == 0 && authority_is_believed(&mover->said, &folder, &item->seen);
}

/* Half a model, or a store whose models are elsewhere, is worse than none that moved. */
static int refuse(const struct item *item, const char *why, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_POLICY, "%s %s", item->from, why);
	if (!item->model)
		return ncm_error_hint(err, "nothing was moved; if nothing needs it, remove it");
	return ncm_error_hint(err, "nothing was moved; `ncmodel show %s` tells what models.json says", item->model);
}

static int check_removable(const struct item *item, struct ncm_error *err)
{
	NCM_AUTO_FREE char *folder = ncm_path_folder(item->from);
	int why;

	if (item->store == NCM_NO_STORE || os_access(OS_HERE, folder, OS_MAY_WRITE | OS_MAY_ENTER) == 0)
		return 0;
	why = errno;
	ncm_error_errno(err, why, "cannot move %s away", item->from);
	return ncm_hint_refused(err, why, "nothing was moved; ", "run it as a user who may write to that folder");
}

static int look_at_source(struct mover *mover, struct item *item, struct ncm_error *err)
{
	NCM_AUTO_JSON json_t *as_text = json_string(item->from);

	if (!as_text) {
		stay(item, "its name is not valid UTF-8: no note of the move can have it");
		return 0;
	}
	if (os_lstat(OS_HERE, item->from, &item->seen) < 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			return ncm_error_errno(err, errno, "cannot look at %s", item->from);
		stay(item, "is not there");
		return 0;
	}
	if (item->seen.kind != OS_IS_FILE && item->seen.kind != OS_IS_LINK)
		return refuse(item, "is not a regular file", err);
	if (item->registered && !is_believed(mover, item))
		return refuse(item,
			      "stays: not all who may have written into models.json that it is ours could remove it "
			      "themselves, so that is not believed",
			      err);
	if (check_removable(item, err) < 0)
		return -1;
	return item->seen.kind == OS_IS_LINK ? read_link(mover, item, err) : 0;
}

static bool is_this_link(const char *path, const char *link)
{
	char text[PATH_MAX];
	const ssize_t size = os_readlink(OS_HERE, path, text, sizeof text);

	return size >= 0 && strcmp(text, link) == 0;
}

/* Whether what is there may be the same, to be read when the time comes. */
static bool may_be_same(const struct item *item, const char *path, const struct os_stat *there)
{
	if (item->link)
		return there->kind == OS_IS_LINK && is_this_link(path, item->link);
	return there->kind == OS_IS_FILE && there->size == item->seen.size;
}

/* Whether a path is the very name that the item has, through a link or a mount: then making the new one is nothing, and
 * removing the old one would be all. */
static bool is_same_name(const struct item *item, const char *path)
{
	NCM_AUTO_FREE char *from = ncm_path_folder(item->from), *to = ncm_path_folder(path);
	struct os_stat old, other;

	return strcmp(ncm_path_base(item->from), ncm_path_base(path)) == 0 && os_stat(OS_HERE, from, &old) == 0 &&
	       os_stat(OS_HERE, to, &other) == 0 && old.device == other.device && old.inode == other.inode;
}

static int look_at_target(const struct mover *mover, struct item *item, struct ncm_error *err)
{
	NCM_AUTO_FREE char *path = ncm_path_join(mover->target->path, item->relative);
	struct os_stat there;

	if (os_lstat(OS_HERE, path, &there) < 0) {
		if (errno == ENOENT)
			return 0;
		return ncm_error_errno(err, errno, "cannot look at %s", path);
	}
	if (is_same_name(item, path)) {
		ncm_error_set(err, NCM_E_POLICY, "%s lies there already: %s is the same by another name", item->from,
			      path);
		return ncm_error_hint(err, "nothing was moved; choose another place");
	}
	item->there = may_be_same(item, path, &there);
	if (item->there)
		return 0;
	ncm_error_set(err, NCM_E_POLICY, "something else is in the way of %s: %s", item->from, path);
	return ncm_error_hint(err, "nothing was moved; move that away, or choose another place");
}

static bool is_copied(const struct mover *mover, const struct item *item, const struct ncm_space *space)
{
	return !item->link && !item->there &&
	       (item->seen.device != space->device || ncm_lacks_at(mover->target->path) & NCM_LACKS_HARD_LINKS);
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
		mover->move->bytes += item->seen.size;
		if (is_copied(mover, item, &space))
			mover->move->to_copy += item->seen.size;
	}
	return check_space(mover, &space, err);
}

static int check_target(struct mover *mover, struct ncm_error *err)
{
	NCM_AUTO_FREE char *barrier = ncm_store_barrier(mover->target);

	if (!barrier)
		return 0;
	ncm_error_set(err, NCM_E_IO, "cannot write to %s: %s", mover->target->path, barrier);
	return ncm_hint_refused(err, ncm_is_read_only(mover->target->path) ? EROFS : EACCES, "nothing was moved; ",
				"choose another place, or run it as a user who may write there");
}

static void describe(struct mover *mover)
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
		    .size = item->seen.size,
		    .copied = is_copied(mover, item, &space),
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
		os_close(mover->moved.staging);
	if (mover->moved.dirfd >= 0)
		os_close(mover->moved.dirfd);
	free(mover->moved.path);
	free(mover->folder);
	json_decref(mover->by_path);
	json_decref(mover->pending);
	ncm_layout_free(mover->layout);
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
	if (check_target(mover, err) < 0 || mover_choose(mover, err) < 0 || judge(mover, err) < 0)
		return -1;
	if (ncm_interrupted())
		return ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted; nothing was moved");
	describe(mover);
	if (mover->move->going > 0 && mover_refuse_busy(mover, err) < 0)
		return -1;
	mover_tell_settings(mover);
	return 0;
}
