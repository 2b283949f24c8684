/* SPDX-License-Identifier: MIT */
/* Folders: of unpacked archives, and those that are in a file's way. */
#include "plan/judgement.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "store/inside.h"
#include "store/intent.h"
#include "store/walk.h"

#include <errno.h>
#include <string.h>

const char *judge_owner_near(const struct judgement *judgement, bool below)
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
	judgement->step->is_folder = S_ISDIR(judgement->step->status.st_mode);
	judgement->step->owner = judgement->step->is_folder ? judge_owner_near(judgement, true) : NULL;
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
	struct stat status;

	*untouched = true;
	*right = !judgement->planned->repairs &&
		 (judgement->content->has_sha256 || !judgement->planned->run->options.update);
	for (size_t i = 0; known && i < known->file_count; i++) {
		const struct ncm_reg_file *file = &known->files[i];

		if (!ncm_path_below(file->abs, judgement->place->path))
			continue;
		found++;
		*untouched = *untouched && lstat(file->abs, &status) == 0 && judge_unchanged(file, &status);
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
	} else if (lstat(place->path, &step->status) < 0) {
		step->failure = errno;
		step->state = errno == ENOENT ? PLACE_EMPTY : errno == ENOTDIR ? PLACE_IN_WAY : PLACE_UNREADABLE;
		step->is_above = step->state == PLACE_IN_WAY;
		step->owner = step->is_above ? judge_owner_near(judgement, false) : NULL;
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
