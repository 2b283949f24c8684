/* SPDX-License-Identifier: MIT */
#include "survey/work.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "source/shared.h"
#include "store/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void survey_settle(struct work *work, size_t file, enum ncm_survey_state state, char *detail)
{
	struct ncm_survey_file *out = &work->survey->files[file];

	out->state = state;
	free(out->detail);
	out->detail = detail;
	work->clues[file].settled = true;
}

static void take_status(struct ncm_survey_file *file, const struct stat *status)
{
	file->size = (uint64_t)status->st_size;
	file->device = status->st_dev;
	file->inode = status->st_ino;
	file->mtime_ns = ncm_mtime_ns(status);
}

static void settle_absent(struct work *work, size_t file, int errnum)
{
	if (errnum == ENOENT || errnum == ENOTDIR)
		survey_settle(work, file, NCM_SURVEY_MISSING, ncm_strdup("is not there"));
	else
		survey_settle(work, file, NCM_SURVEY_UNREADABLE,
			      ncm_strdup(strerrordesc_np(errnum) ? strerrordesc_np(errnum) : "error"));
}

/* Applications follow links among their models, so a survey does; only a regular file is taken for one. */
static void look(struct work *work, size_t index, const char *relative)
{
	struct ncm_survey_file *file = &work->survey->files[index];
	struct stat status;

	if (fstatat(work->dirfd, relative, &status, AT_SYMLINK_NOFOLLOW) < 0) {
		settle_absent(work, index, errno);
		return;
	}
	if (S_ISLNK(status.st_mode)) {
		NCM_AUTO_FREE char *link = ncm_path_join(work->store->path, relative);

		free(file->real);
		file->real = realpath(link, NULL);
		if (!file->real || lstat(file->real, &status) < 0) {
			settle_absent(work, index, errno);
			if (file->state == NCM_SURVEY_MISSING)
				survey_settle(work, index, NCM_SURVEY_MISSING,
					      ncm_strdup("is a link to something that is not there"));
			return;
		}
	}
	if (S_ISREG(status.st_mode))
		take_status(file, &status);
	else
		survey_settle(work, index, NCM_SURVEY_UNREADABLE, ncm_strdup("is not a regular file"));
}

bool survey_has(const struct work *work, const char *relative, size_t *file)
{
	NCM_AUTO_FREE char *path = ncm_path_join(work->store->path, relative);
	const json_t *known = json_object_get(work->by_path, path);

	*file = known ? (size_t)json_integer_value(known) : 0;
	return known != NULL;
}

static size_t add(struct work *work, const char *relative, const char *behind, const char *role)
{
	struct ncm_survey *survey = work->survey;
	struct ncm_survey_file *file;
	size_t index = survey->file_count;

	if (survey_has(work, relative, &index))
		return index;
	index = survey->file_count;
	/* Two arrays of one length: both grow before either counts. */
	ncm_grow((void **)&work->clues, index, sizeof *work->clues);
	work->clues[index] = (struct clue){.store = work->store_index, .model = NO_MODEL};
	file = NCM_PUSH(survey->files, survey->file_count);
	file->path = ncm_path_join(work->store->path, relative);
	file->store = ncm_strdup(work->store->id);
	file->role = ncm_strdup(role);
	file->state = NCM_SURVEY_UNPROVED;
	json_object_set_new_nocheck(work->by_path, file->path, json_integer((json_int_t)index));
	file->real = behind ? ncm_path_join(work->store->path, behind) : NULL;
	look(work, index, behind ? behind : relative);
	return index;
}

size_t survey_add(struct work *work, const char *relative, const char *role)
{
	return add(work, relative, NULL, role);
}

size_t survey_add_link(struct work *work, const char *relative, const char *behind, const char *role)
{
	return add(work, relative, behind, role);
}

void survey_tell_sha256(struct work *work, size_t index, const struct ncm_sha256 *sha256, const char *told_by)
{
	struct ncm_survey_file *file = &work->survey->files[index];

	if (file->told_by)
		return;
	file->has_expected = true;
	file->expected = *sha256;
	file->told_by = told_by;
}

void survey_tell_git_sha1(struct work *work, size_t index, const struct ncm_sha1 *git_sha1, const char *told_by)
{
	struct ncm_survey_file *file = &work->survey->files[index];

	if (file->told_by)
		return;
	work->clues[index].has_git_sha1 = true;
	work->clues[index].git_sha1 = *git_sha1;
	file->told_by = told_by;
}

void survey_tell_size(struct work *work, size_t index, uint64_t size)
{
	struct ncm_survey_file *file = &work->survey->files[index];

	if (file->has_expected_size)
		return;
	file->has_expected_size = true;
	file->expected_size = size;
}

size_t survey_add_model(struct work *work, const char *source, const char *name, const char *known_by)
{
	const size_t index = work->survey->model_count;
	struct ncm_survey_model *model = NCM_PUSH(work->survey->models, work->survey->model_count);
	struct ncm_reg_model *entry = &model->entry;
	char *id = NULL;

	model->known_by = known_by;
	if (source)
		ncm_source_names(source, &id, &entry->display_name);
	else
		entry->display_name = ncm_strdup(name);
	entry->id = id ? id : ncm_source_slug(name);
	entry->store = ncm_strdup(work->store->id);
	entry->source = ncm_strdup_null(source);
	entry->performance_score = entry->cost_score = -1;
	return index;
}

void survey_join(struct work *work, size_t model, size_t file)
{
	struct ncm_survey_model *out = &work->survey->models[model];

	for (size_t i = 0; i < out->file_count; i++) {
		if (out->files[i] == file)
			return;
	}
	*NCM_PUSH(out->files, out->file_count) = file;
	if (work->clues[file].model == NO_MODEL)
		work->clues[file].model = model;
}

void survey_say(char **field, const char *text)
{
	if (!*field && text && *text)
		*field = ncm_strdup(text);
}

static void find_partial(void *context, const struct ncm_walk_entry *entry)
{
	struct work *work = context;
	NCM_AUTO_FREE char *relative = NULL;

	if (!ncm_path_has_suffix(entry->name, ".part"))
		return;
	relative = ncm_asprintf("%s/staging/%s", ncm_store_own(work->store), entry->path);
	survey_settle(work, survey_add(work, relative, "partial"), NCM_SURVEY_PARTIAL,
		      ncm_strdup("a download of ncmodel's: the same pull goes on with it"));
}

void survey_staging(struct work *work)
{
	NCM_AUTO_FREE char *staging = ncm_asprintf("%s/staging", ncm_store_own(work->store));

	ncm_walk(work->dirfd, staging, find_partial, work);
}
