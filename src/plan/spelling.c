/* SPDX-License-Identifier: MIT */
/* Names where case does not count. */
#include "plan/judgement.h"

#include "base/ability.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"

#include <string.h>

/* FUSE mounts may number names instead of files. */
static bool is_same_file(const char *path, int fd)
{
	struct stat named, open;

	return lstat(path, &named) == 0 && fstat(fd, &open) == 0 && named.st_dev == open.st_dev &&
	       (named.st_ino == open.st_ino ||
		(named.st_size == open.st_size && ncm_mtime_ns(&named) == ncm_mtime_ns(&open)));
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
