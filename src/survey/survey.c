/* SPDX-License-Identifier: MIT */
/* The order of things: look through the stores, ask models.json, read headers, hash, judge, describe. */
#include "survey/work.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "registry/model.h"
#include "registry/moving.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

const char *ncm_survey_state_name(enum ncm_survey_state state)
{
	static const char *const names[] = {
	    [NCM_SURVEY_OK] = "ok",
	    [NCM_SURVEY_UNPROVED] = "unproved",
	    [NCM_SURVEY_DAMAGED] = "damaged",
	    [NCM_SURVEY_TRUNCATED] = "truncated",
	    [NCM_SURVEY_MISSING] = "missing",
	    [NCM_SURVEY_ORPHANED] = "orphaned",
	    [NCM_SURVEY_UNREFERENCED] = "unreferenced",
	    [NCM_SURVEY_PARTIAL] = "partial",
	    [NCM_SURVEY_UNREADABLE] = "unreadable",
	    [NCM_SURVEY_DIFFERS] = "differs",
	};

	return names[state];
}

static bool is_absent(int errnum)
{
	return errnum == ENOENT || errnum == ENOTDIR;
}

typedef void surveyor(struct work *work);

/* How a kind of stores is looked through, if not as folders are. */
static surveyor *survey_of(const struct ncm_store_kind *kind)
{
	static const struct {
		const struct ncm_store_kind *kind;
		surveyor *survey;
	} table[] = {{&ncm_kind_ollama, survey_ollama}, {&ncm_kind_huggingface, survey_huggingface}};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (table[i].kind == kind)
			return table[i].survey;
	}
	return survey_folders;
}

static void look_through(struct work *work, const struct ncm_store *store)
{
	NCM_AUTO_CLOSE int dirfd = ncm_store_peek(store);
	const int failure = dirfd < 0 ? errno : 0;
	struct ncm_survey_store *out;

	ncm_grow((void **)&work->homes, work->survey->store_count, sizeof *work->homes);
	work->homes[work->survey->store_count] = -1;
	work->store_index = work->survey->store_count;
	out = NCM_PUSH(work->survey->stores, work->survey->store_count);
	*out = (struct ncm_survey_store){
	    .id = ncm_strdup(store->id),
	    .kind = store->kind->name,
	    .has_tags = store->kind->takes_tags,
	    .path = ncm_strdup(store->path),
	    .there = dirfd >= 0 || !is_absent(failure),
	    .readable = dirfd >= 0,
	};
	work->store = store;
	work->dirfd = dirfd;
	if (dirfd < 0 && !is_absent(failure))
		survey_tell_unreadable(work, "", "folder", failure);
	if (dirfd < 0)
		return;
	work->homes[work->store_index] = ncm_store_home(store, dirfd);
	survey_of(store->kind)(work);
	survey_staging(work);
}

static int check_options(const struct ncm_layout *layout, const struct ncm_survey_options *options,
			 struct ncm_error *err)
{
	struct stat status;

	for (size_t i = 0; i < options->store_count; i++) {
		if (!ncm_layout_find(layout, options->stores[i]))
			return ncm_layout_lacks(layout, options->stores[i], err);
	}
	if (!options->path)
		return 0;
	if (options->store_count != 1) {
		ncm_error_set(err, NCM_E_USAGE, "%s cannot be the folder of %zu stores", options->path,
			      options->store_count);
		return ncm_error_hint(err, "name one store, or leave out the path");
	}
	if (stat(options->path, &status) < 0) {
		if (!is_absent(errno))
			return ncm_error_errno(err, errno, "cannot look at %s", options->path);
		ncm_error_set(err, NCM_E_USAGE, "there is no folder \"%s\"", options->path);
		return ncm_error_hint(err, "check its spelling; a relative path begins at the current folder");
	}
	if (!S_ISDIR(status.st_mode))
		return ncm_error_set(err, NCM_E_USAGE, "%s is not a folder", options->path);
	return 0;
}

static void look_at_stores(struct work *work, struct ncm_layout *layout, const struct ncm_survey_options *options)
{
	if (options->path) {
		struct ncm_store *store = ncm_layout_find(layout, options->stores[0]);

		free(store->path);
		store->path = ncm_path_absolute(options->path);
	}
	for (size_t i = 0; i < options->store_count && !ncm_interrupted(); i++)
		look_through(work, ncm_layout_find(layout, options->stores[i]));
	for (size_t i = 0; options->store_count == 0 && i < layout->count && !ncm_interrupted(); i++) {
		if (access(layout->stores[i].path, F_OK) == 0 || !is_absent(errno))
			look_through(work, &layout->stores[i]);
	}
}

static void work_clear(struct work *work)
{
	for (size_t i = 0; work->clues && i < work->survey->file_count; i++)
		ncm_facts_clear(&work->clues[i].facts);
	for (size_t i = 0; i < work->survey->store_count; i++) {
		if (work->homes[i] >= 0)
			close(work->homes[i]);
	}
	free(work->homes);
	free(work->clues);
	json_decref(work->by_path);
}

static int survey_all(struct work *work, const struct ncm_config *config, struct ncm_layout *layout,
		      const struct ncm_survey_options *options, struct ncm_error *err)
{
	look_at_stores(work, layout, options);
	survey_consult_registry(work, config);
	if (work->depth >= NCM_SURVEY_HEADERS)
		survey_read_headers(work);
	if (work->depth >= NCM_SURVEY_CONTENT)
		survey_hash(work);
	if (ncm_interrupted())
		return ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted: not everything was looked at");
	survey_judge(work);
	survey_describe(work);
	survey_sort(work);
	return 0;
}

struct ncm_survey *ncm_survey_make(const struct ncm_config *config, const struct ncm_survey_options *options,
				   const struct ncm_sink *sink, struct ncm_error *err)
{
	const double start = ncm_monotonic();
	struct ncm_layout *layout = moving_layout(config, err);
	struct work work = {.depth = options->depth, .sink = sink};
	int failed = -1;

	if (!layout)
		return NULL;
	work.survey = ncm_calloc(1, sizeof *work.survey);
	work.by_path = json_object();
	if (check_options(layout, options, err) == 0)
		failed = survey_all(&work, config, layout, options, err);
	work_clear(&work);
	ncm_layout_free(layout);
	work.survey->seconds = ncm_monotonic() - start;
	if (!failed)
		return work.survey;
	ncm_survey_free(work.survey);
	return NULL;
}

static void free_models(struct ncm_survey *survey)
{
	for (size_t i = 0; i < survey->model_count; i++) {
		registry_model_clear(&survey->models[i].entry);
		free(survey->models[i].guess);
		free(survey->models[i].files);
	}
	free(survey->models);
}

void ncm_survey_free(struct ncm_survey *survey)
{
	if (!survey)
		return;
	for (size_t i = 0; i < survey->file_count; i++) {
		free(survey->files[i].path);
		free(survey->files[i].real);
		free(survey->files[i].store);
		free(survey->files[i].role);
		free(survey->files[i].detail);
		free(survey->files[i].damaged);
		claims_clear(&survey->files[i]);
	}
	for (size_t i = 0; i < survey->store_count; i++) {
		free(survey->stores[i].id);
		free(survey->stores[i].path);
	}
	free(survey->files);
	free(survey->stores);
	free_models(survey);
	free(survey);
}
