/* SPDX-License-Identifier: MIT */
/* Where to look, and what is found there, without reading it. */
#include "adopt/adopt.h"

#include "base/mem.h"
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

void adopt_find_roots(struct adopt *adopt)
{
	adopt->roots = ncm_calloc(adopt->layout->count + 1, sizeof *adopt->roots);
	for (size_t i = 0; i < adopt->layout->count; i++)
		adopt->roots[i] = realpath(adopt->layout->stores[i].path, NULL);
}

char *adopt_canonical(const struct adopt *adopt, const char *path, const struct ncm_store **store)
{
	NCM_AUTO_FREE char *real = realpath(path, NULL);
	const char *below = NULL;
	size_t longest = 0;

	*store = NULL;
	for (size_t i = 0; real && i < adopt->layout->count; i++) {
		const char *root = adopt->roots[i];

		if (!root || strlen(root) <= longest || (strcmp(real, root) != 0 && !ncm_path_below(real, root)))
			continue;
		longest = strlen(root);
		*store = &adopt->layout->stores[i];
		below = real + longest + (real[longest] == '/');
	}
	if (!*store)
		return ncm_strdup(real ? real : path);
	return *below ? ncm_path_join((*store)->path, below) : ncm_strdup((*store)->path);
}

/*
 * What tells a model from others: an Ollama model's manifest, for tags share blobs; of other models the first file. Two
 * stores may lead to one file, by a link or because one lies in the other; two commits of a repository share files,
 * too, and are two models all the same.
 */
static const char *key_of(const struct found *found)
{
	for (size_t i = 0; i < found->file_count; i++) {
		if (strcmp(found->files[i].role, "manifest") == 0)
			return found->files[i].path;
	}
	return strcmp(found->seen->known_by, "hf") == 0 ? found->files[0].seen->path : found->files[0].path;
}

static bool is_found_already(const struct adopt *adopt, const char *key)
{
	if (json_object_get(adopt->by_path, key))
		return true;
	json_object_set_new_nocheck(adopt->by_path, key, json_true());
	return false;
}

static void add_files(const struct adopt *adopt, const struct ncm_survey *survey, struct found *found)
{
	for (size_t i = 0; i < found->seen->file_count; i++) {
		const struct ncm_survey_file *seen = &survey->files[found->seen->files[i]];
		struct found_file *file = NCM_PUSH(found->files, found->file_count);
		const struct ncm_store *store;

		*file = (struct found_file){
		    .seen = seen,
		    .path = adopt_canonical(adopt, seen->real ? seen->real : seen->path, &store),
		    .role = seen->role,
		    .size = seen->size,
		    .mtime_ns = seen->mtime_ns,
		};
		file->store = store ? store->id : NULL;
	}
}

static void found_free(struct found *found)
{
	for (size_t i = 0; i < found->file_count; i++)
		free(found->files[i].path);
	free(found->files);
	free(found->doubt);
}

void adopt_free_found(struct adopt *adopt)
{
	for (size_t i = 0; i < adopt->found_count; i++)
		found_free(&adopt->found[i]);
	free(adopt->found);
	for (size_t i = 0; i < adopt->survey_count; i++)
		ncm_survey_free(adopt->surveys[i]);
	free(adopt->surveys);
	for (size_t i = 0; adopt->roots && i < adopt->layout->count; i++)
		free(adopt->roots[i]);
	free(adopt->roots);
}

static bool is_within(const char *path, const char *wanted)
{
	return !wanted || strcmp(path, wanted) == 0 || ncm_path_below(path, wanted);
}

/* By the name that it goes by, and by the file behind it. */
static bool has_file_within(const struct found *found, const char *wanted)
{
	for (size_t i = 0; i < found->file_count; i++) {
		if (is_within(found->files[i].path, wanted) || is_within(found->files[i].seen->path, wanted))
			return true;
	}
	return false;
}

static void take_model(struct adopt *adopt, const struct ncm_survey *survey, const struct ncm_survey_model *model,
		       const char *wanted)
{
	struct found found = {.seen = model};

	add_files(adopt, survey, &found);
	if (found.file_count > 0 && has_file_within(&found, wanted) && !is_found_already(adopt, key_of(&found)))
		*NCM_PUSH(adopt->found, adopt->found_count) = found;
	else
		found_free(&found);
}

/* Surveys one store (`path`: a folder in its place) and takes what lies within `wanted` (NULL: everything). */
static int survey(struct adopt *adopt, const char *store, const char *path, const char *wanted, struct ncm_error *err)
{
	const struct ncm_survey_options options = {
	    .stores = &store, .store_count = 1, .path = path, .depth = NCM_SURVEY_HEADERS};
	struct ncm_survey *found = ncm_survey_make(adopt->config, &options, adopt->sink, err);

	if (!found)
		return -1;
	*NCM_PUSH(adopt->surveys, adopt->survey_count) = found;
	for (size_t i = 0; i < found->model_count; i++)
		take_model(adopt, found, &found->models[i], wanted);
	return 0;
}

static bool has_folder(const char *path, const char *name)
{
	NCM_AUTO_FREE char *folder = ncm_path_join(path, name);
	struct stat status;

	return stat(folder, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool has_repositories(const char *path)
{
	static const char prefix[] = "models--";
	DIR *dir = opendir(path);
	const struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir)))
		found = strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	if (dir)
		closedir(dir);
	return found;
}

/* What a folder outside every store looks like; as a store of its kind it is surveyed. */
static const char *store_like(const struct ncm_layout *layout, const char *path)
{
	enum ncm_store_kind kind = NCM_STORE_FOLDERS;

	if (has_folder(path, "manifests") && has_folder(path, "blobs"))
		kind = NCM_STORE_OLLAMA;
	else if (has_repositories(path))
		kind = NCM_STORE_HUGGINGFACE;
	/* Of stores of folders one that has none of its own: everything in it is looked at. */
	for (size_t i = 0; i < layout->count; i++) {
		if (layout->stores[i].kind == kind && layout->stores[i].folder_count == 0)
			return layout->stores[i].id;
	}
	return layout->count > 0 ? layout->stores[0].id : NULL;
}

static int look_at_path(struct adopt *adopt, const char *given, struct ncm_error *err)
{
	const struct ncm_store *store;
	NCM_AUTO_FREE char *path = adopt_canonical(adopt, given, &store);
	NCM_AUTO_FREE char *folder = NULL;
	const size_t before = adopt->found_count;
	struct stat status;
	int failed;

	if (stat(path, &status) < 0)
		return ncm_error_set(err, NCM_E_USAGE, "there is nothing at %s: %s", given,
				     strerrordesc_np(errno) ? strerrordesc_np(errno) : "error");
	folder = S_ISDIR(status.st_mode) ? ncm_strdup(path) : ncm_strndup(path, (size_t)(ncm_path_base(path) - path));
	failed = store ? survey(adopt, store->id, NULL, path, err)
		       : survey(adopt, store_like(adopt->layout, folder), folder, path, err);
	if (!failed && adopt->found_count == before)
		ncm_emit_text(adopt->sink, NCM_EVENT_WARNING, "there is no model file in %s", given);
	return failed;
}

int adopt_gather(struct adopt *adopt, struct ncm_error *err)
{
	const struct ncm_adopt_options *options = adopt->options;
	const bool everywhere = options->store_count == 0 && options->path_count == 0;

	for (size_t i = 0; i < options->store_count; i++) {
		if (survey(adopt, options->stores[i], NULL, NULL, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < options->path_count; i++) {
		if (look_at_path(adopt, options->paths[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; everywhere && i < adopt->layout->count; i++) {
		struct stat status;

		if (stat(adopt->layout->stores[i].path, &status) == 0 &&
		    survey(adopt, adopt->layout->stores[i].id, NULL, NULL, err) < 0)
			return -1;
	}
	return 0;
}
