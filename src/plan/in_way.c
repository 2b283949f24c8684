/* SPDX-License-Identifier: MIT */
/* What is in the way of a place: folders (but for the archive's own), and names where case does not count. */
#include "plan/judgement.h"

#include "base/ability.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "os/os.h"
#include "registry/model.h"
#include "store/inside.h"
#include "store/intent.h"
#include "store/walk.h"

#include <errno.h>
#include <string.h>

const char *owner_near(const struct judgement *judgement, bool below)
{
	const struct ncm_registry *registry = judgement->planned->run->registry;
	const char *path = judgement->place->path;

	for (size_t i = 0; i < registry->count; i++) {
		const struct ncm_reg_model *model = &registry->models[i];

		for (size_t k = 0; k < model->file_count; k++) {
			const char *abs = model->files[k].abs;

			if (below ? ncm_path_below(abs, path) : ncm_path_below(path, abs))
				return model->id;
		}
	}
	return NULL;
}

void judge_no_file(const struct judgement *judgement)
{
	judgement->step->state = PLACE_IN_WAY;
	judgement->step->is_folder = judgement->step->status.kind == OS_IS_FOLDER;
	judgement->step->owner = judgement->step->is_folder ? owner_near(judgement, true) : NULL;
}

/* Another archive may lie at the same URL. Entries of older versions know the URL alone. */
static bool is_of_archive(const struct judgement *judgement, const struct ncm_reg_file *file)
{
	const struct content *content = judgement->content;
	const struct ncm_reg_model *known = model_of(judgement->planned->run, judgement->place->wanted)->known;

	if (content->has_sha256 && !ncm_sha256_is_zero(&file->archive))
		return ncm_sha256_equal(&file->archive, &content->sha256);
	return ncm_same_text(file->source ? file->source : known->source, content->resolution->uri);
}

struct counting {
	size_t files;
};

static void count_file(void *context, const struct ncm_walk_entry *entry)
{
	struct counting *counting = context;

	/* What Python makes of the archive's own files is made again. */
	counting->files += strstr(entry->path, "__pycache__/") == NULL;
}

/* Whether a folder holds so many files and no more. */
static bool holds_only(const struct place *place, int dirfd, size_t count)
{
	struct counting counting = {0};
	NCM_AUTO_CLOSE int folder = store_dir_inside(place->store, dirfd, place->relative);

	return folder >= 0 && ncm_walk_all(folder, "", count_file, &counting) == 0 && counting.files == count;
}

/* How many files of the archive are registered below the folder; *untouched: all of them are as they were, *right: and
 * from this very archive. */
static size_t count_unpacked(const struct judgement *judgement, const struct ncm_reg_model *known, bool *untouched,
			     bool *right)
{
	size_t found = 0;
	struct os_stat status;

	*untouched = true;
	*right = !judgement->planned->repairs &&
		 (judgement->content->has_sha256 || !judgement->planned->run->options.update);
	for (size_t i = 0; known && i < known->file_count; i++) {
		const struct ncm_reg_file *file = &known->files[i];

		if (!ncm_path_below(file->abs, judgement->place->path))
			continue;
		found++;
		*untouched =
		    *untouched && os_lstat(OS_HERE, file->abs, &status) == 0 && registry_is_unchanged(file, &status);
		*right = *right && *untouched && is_of_archive(judgement, file);
	}
	return found;
}

/* A folder gets its name in one step, from the store's staging: only within one file system. */
static bool is_across(const struct place *place)
{
	struct ncm_space store, folder;

	return ncm_space_of(place->store->path, &store, NULL) == 0 && ncm_space_of(place->path, &folder, NULL) == 0 &&
	       store.device != folder.device;
}

void judge_folder(const struct judgement *judgement)
{
	const struct place *place = judgement->place;
	struct step *step = judgement->step;
	const struct ncm_reg_model *known = model_of(judgement->planned->run, place->wanted)->known;
	const int dirfd = look_at_store(judgement->look, place->store);
	bool untouched, right;
	const size_t found = count_unpacked(judgement, known, &untouched, &right);

	step->replace = NCM_SET_ASIDE;
	if (dirfd < 0 && errno != ENOENT) {
		step->state = PLACE_UNREADABLE;
		step->failure = errno;
	} else if (os_lstat(OS_HERE, place->path, &step->status) < 0) {
		step->failure = errno;
		step->state = errno == ENOENT ? PLACE_EMPTY : errno == ENOTDIR ? PLACE_IN_WAY : PLACE_UNREADABLE;
		step->is_above = step->state == PLACE_IN_WAY;
		step->owner = step->is_above ? owner_near(judgement, false) : NULL;
	} else if (found > 0) {
		step->state = right ? PLACE_RIGHT : PLACE_OURS;
		if (untouched && holds_only(place, dirfd, found))
			step->replace = NCM_REPLACE;
	} else if (judgement->planned->run->options.force || judgement->planned->repairs ||
		   store_intent_stands(place->store, dirfd, place->relative, NULL,
				       judgement->content->resolution->uri)) {
		step->state = PLACE_OURS;
	} else {
		judge_no_file(judgement);
	}
	if ((step->state == PLACE_EMPTY || step->state == PLACE_OURS) && is_across(place)) {
		step->state = PLACE_IN_WAY;
		step->is_across = true;
	}
}

/* FUSE mounts may number names instead of files. */
static bool is_same_file(const char *path, int fd)
{
	struct os_stat named, open;

	return os_lstat(OS_HERE, path, &named) == 0 && os_fstat(fd, &open) == 0 && named.device == open.device &&
	       (named.inode == open.inode || (named.size == open.size && named.mtime_ns == open.mtime_ns));
}

static bool is_other_spelling(const struct judgement *judgement, const char *folded, const char *path)
{
	NCM_AUTO_FREE char *other = ncm_path_fold(path);

	return strcmp(other, folded) == 0 && strcmp(path, judgement->place->path) != 0 &&
	       is_same_file(path, judgement->fd);
}

/* Of a file of this model the path as registered, if it is another spelling of the place. */
static const char *find_in(const struct judgement *judgement, const struct ncm_reg_model *model, const char *folded)
{
	for (size_t i = 0; i < model->file_count; i++) {
		if (is_other_spelling(judgement, folded, model->files[i].abs))
			return model->files[i].abs;
	}
	return NULL;
}

bool judge_spelling(const struct judgement *judgement)
{
	const struct run *run = judgement->planned->run;
	const struct ncm_reg_model *known = model_of(run, judgement->place->wanted)->known;
	NCM_AUTO_FREE char *folded = NULL;

	if (judgement->ref_count > 0 || !(ncm_lacks_at(judgement->place->store->path) & NCM_LACKS_CASE))
		return false;
	folded = ncm_path_fold(judgement->place->path);
	for (size_t i = 0; i < run->registry->count && !judgement->step->spelled; i++) {
		const struct ncm_reg_model *model = &run->registry->models[i];

		if (model != known)
			judgement->step->spelled = find_in(judgement, model, folded);
		if (judgement->step->spelled)
			judgement->step->owner = model->id;
	}
	if (judgement->step->spelled)
		judgement->step->state = PLACE_IN_WAY;
	return judgement->step->spelled != NULL;
}
