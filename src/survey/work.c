/* SPDX-License-Identifier: MIT */
#include "survey/work.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "source/shared.h"
#include "store/staging.h"
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

static const char *reason(int errnum)
{
	const char *text = strerrordesc_np(errnum);

	return errnum == ELOOP
		   ? "is, or leads through, a link that is not followed: only links to folders of root or of "
		     "the store's owner are, which one of them made, and that its maker may write"
	       : text ? text
		      : "error";
}

static void settle_absent(struct work *work, size_t file, int errnum)
{
	if (errnum == ENOENT || errnum == ENOTDIR)
		survey_settle(work, file, NCM_SURVEY_MISSING, ncm_strdup("is not there"));
	else
		survey_settle(work, file, NCM_SURVEY_UNREADABLE, ncm_strdup(reason(errnum)));
}

/* Whoever made a link learns nothing through us of a file that is not his and not everybody's to read. */
static bool leads_to_private(const struct stat *link, const struct stat *file)
{
	return !(file->st_mode & S_IROTH) && link->st_uid != 0 && link->st_uid != geteuid() &&
	       link->st_uid != file->st_uid;
}

/* Applications follow links among their models, so a survey does; only a regular file is taken for one. */
static void look(struct work *work, size_t index, const char *relative)
{
	struct ncm_survey_file *file = &work->survey->files[index];
	const char *name = ncm_path_base(relative);
	NCM_AUTO_FREE char *folder = ncm_strndup(relative, name > relative ? (size_t)(name - relative) - 1 : 0);
	NCM_AUTO_CLOSE int at = store_dir_by(work->store, work->dirfd, folder, STORE_LINKS_READ);
	struct stat status;

	if (at < 0 || fstatat(at, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
		settle_absent(work, index, errno);
		return;
	}
	if (S_ISLNK(status.st_mode)) {
		NCM_AUTO_FREE char *link = ncm_path_join(work->store->path, relative);
		const struct stat of_link = status;

		free(file->real);
		file->real = realpath(link, NULL);
		if (!file->real || lstat(file->real, &status) < 0) {
			settle_absent(work, index, errno);
			if (file->state == NCM_SURVEY_MISSING)
				survey_settle(work, index, NCM_SURVEY_MISSING,
					      ncm_strdup("is a link to something that is not there"));
			return;
		}
		if (S_ISREG(status.st_mode) && leads_to_private(&of_link, &status)) {
			survey_settle(work, index, NCM_SURVEY_UNREADABLE,
				      ncm_strdup("is somebody's link to a file of somebody else, which not everybody "
						 "may read"));
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

/* Who tells the same again may know more of it. */
static void claim_join(struct ncm_survey_claim *to, struct ncm_survey_claim *from)
{
	if (!to->source && from->source) {
		to->source = from->source;
		to->revision = from->revision;
		from->source = from->revision = NULL;
	}
	if (!to->which) {
		to->which = from->which;
		from->which = NULL;
	}
	if (!*to->tensors)
		memcpy(to->tensors, from->tensors, sizeof to->tensors);
	to->size = to->size ? to->size : from->size;
	claim_clear(from);
}

void survey_claim(struct work *work, size_t index, struct ncm_survey_claim *claim)
{
	struct ncm_survey_file *file = &work->survey->files[index];

	survey_tell_sha256(work, index, &claim->sha256, claim->told_by);
	for (size_t i = 0; i < file->claim_count; i++) {
		if (ncm_sha256_equal(&file->claims[i].sha256, &claim->sha256)) {
			claim_join(&file->claims[i], claim);
			return;
		}
	}
	*NCM_PUSH(file->claims, file->claim_count) = *claim;
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
	if (work->store->kind->guess && !out->guess) {
		const char *relative = ncm_path_below(work->survey->files[file].path, work->store->path);

		out->guess = relative ? work->store->kind->guess(relative) : NULL;
	}
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
	const enum staging_kind kind = staging_kind_of(entry->name);
	NCM_AUTO_FREE char *staging = NULL, *relative = NULL;

	if (kind != STAGING_PARTIAL && kind != STAGING_REPAIR)
		return;
	staging = store_own_path(work->store, OWN_STAGING);
	relative = ncm_path_join(staging, entry->path);
	survey_settle(work, survey_add(work, relative, "partial"), NCM_SURVEY_PARTIAL,
		      ncm_strdup("a download of ncmodel's: the same pull goes on with it"));
}

void survey_staging(struct work *work)
{
	NCM_AUTO_FREE char *staging = store_own_path(work->store, OWN_STAGING);
	NCM_AUTO_FREE char *path = ncm_path_join(work->store->path, staging);

	if (access(path, R_OK | X_OK) < 0 && ncm_store_is_closed(path, errno))
		return;
	survey_walk(work, staging, &(struct ncm_walk_how){.all = false}, find_partial, work);
}

void survey_tell_unreadable(struct work *work, const char *relative, const char *role, int errnum)
{
	survey_settle(work, survey_add(work, relative, role), NCM_SURVEY_UNREADABLE, ncm_strdup(reason(errnum)));
	work->survey->stores[work->store_index].readable = false;
}

struct walking {
	struct work *work;
	const char *below;
	void (*found)(void *context, const struct ncm_walk_entry *entry);
	void *context;
};

static void tell_found(void *context, const struct ncm_walk_entry *entry)
{
	const struct walking *walking = context;

	walking->found(walking->context, entry);
}

static void tell_unseen(void *context, const char *path, int errnum)
{
	const struct walking *walking = context;
	NCM_AUTO_FREE char *relative = ncm_path_join(walking->below, path);

	if (errnum != ENOENT && (*path || errnum != ENOTDIR))
		survey_tell_unreadable(walking->work, relative, "folder", errnum);
}

void survey_walk(struct work *work, const char *relative, const struct ncm_walk_how *how,
		 void (*found)(void *context, const struct ncm_walk_entry *entry), void *context)
{
	struct walking walking = {work, relative, found, context};

	(void)ncm_walk_store(work->store, work->dirfd, relative, how, tell_found, tell_unseen, &walking);
}
