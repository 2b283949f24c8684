/* SPDX-License-Identifier: MIT */
/* Where to look, and what is found there, without reading it. */
#include "adopt/adopt.h"

#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "store/inside.h"
#include "store/staging.h"

#include <errno.h>
#include <string.h>

static void add_root(struct adopt *adopt, const struct ncm_store *store, const char *below)
{
	NCM_AUTO_FREE char *path = ncm_path_join(store->path, below);
	char *real = os_real_path(path);

	if (real)
		*NCM_PUSH(adopt->roots, adopt->root_count) = (struct root){real, store, below};
}

/* What lies behind a link that is part of the store lies in the store. */
static void add_linked_folders(struct adopt *adopt, const struct ncm_store *store)
{
	NCM_AUTO_CLOSE int dirfd = ncm_store_peek(store);
	const char *folder;

	for (size_t i = 0; dirfd >= 0 && (folder = ncm_store_folder_at(store, i)); i++) {
		NCM_AUTO_CLOSE int plain = ncm_dir_beneath(dirfd, folder);
		NCM_AUTO_CLOSE int inside = plain < 0 ? store_dir_inside(store, dirfd, folder) : -1;

		if (inside >= 0)
			add_root(adopt, store, folder);
	}
}

void adopt_find_roots(struct adopt *adopt)
{
	for (size_t i = 0; i < adopt->layout->count; i++)
		add_root(adopt, &adopt->layout->stores[i], "");
	for (size_t i = 0; i < adopt->layout->count; i++)
		add_linked_folders(adopt, &adopt->layout->stores[i]);
}

/* The innermost of the stores that a path without links lies in, or else of the folders that links lead to. */
static const struct root *root_of(const struct adopt *adopt, const char *real)
{
	const struct root *found = NULL;

	for (size_t i = 0; i < adopt->root_count; i++) {
		const struct root *root = &adopt->roots[i];

		if (strcmp(real, root->real) != 0 && !ncm_path_below(real, root->real))
			continue;
		if (!found || (!*found->below == !*root->below && strlen(root->real) > strlen(found->real)))
			found = root;
	}
	return found;
}

/* A path without links, spelled as the layout spells the store around it. */
static char *spell(const struct adopt *adopt, const char *real, const struct ncm_store **store)
{
	const struct root *root = root_of(adopt, real);
	const char *rest = root ? real + strlen(root->real) : real;
	NCM_AUTO_FREE char *folder = root ? ncm_path_join(root->store->path, root->below) : NULL;

	*store = root ? root->store : NULL;
	return root ? ncm_path_join(folder, rest + (*rest == '/')) : ncm_strdup(real);
}

char *adopt_canonical(const struct adopt *adopt, const char *path, const struct ncm_store **store)
{
	NCM_AUTO_FREE char *real = os_real_path(path);

	*store = NULL;
	return real ? spell(adopt, real, store) : ncm_strdup(path);
}

char *adopt_canonical_link(const struct adopt *adopt, const char *path, const struct ncm_store **store)
{
	NCM_AUTO_FREE char *absolute = ncm_path_absolute(path);
	NCM_AUTO_FREE char *above = ncm_path_folder(absolute);
	NCM_AUTO_FREE char *folder = os_real_path(above);
	NCM_AUTO_FREE char *real = folder ? ncm_path_join(folder, ncm_path_base(absolute)) : NULL;

	*store = NULL;
	return real ? spell(adopt, real, store) : ncm_strdup(path);
}

/* What is a link at its own name is registered as the link; a snapshot of the Hub's is links by its nature. */
static bool is_link(const struct found *found, const struct ncm_survey_file *seen)
{
	struct os_stat status;

	return seen->real && found->seen->form != NCM_SURVEY_SNAPSHOT && os_lstat(OS_HERE, seen->path, &status) == 0 &&
	       status.kind == OS_IS_LINK;
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
	return found->seen->form == NCM_SURVEY_SNAPSHOT ? found->files[0].seen->path : found->files[0].path;
}

/* A name in a folder, whichever way leads there: by other links, by a second mount. The caller frees it. */
static char *entry_of(const char *path)
{
	NCM_AUTO_FREE char *folder = ncm_path_folder(path);
	struct os_stat status;

	if (os_stat(OS_HERE, folder, &status) < 0)
		return ncm_strdup(path);
	return ncm_asprintf("%llx:%llx/%s", (unsigned long long)status.device, (unsigned long long)status.inode,
			    ncm_path_base(path));
}

static bool is_found_already(const struct adopt *adopt, const char *path)
{
	NCM_AUTO_FREE char *key = entry_of(path);

	if (json_object_get(adopt->by_path, key))
		return true;
	json_object_set_new_nocheck(adopt->by_path, key, json_true());
	return false;
}

/*
 * A manifest of Ollama's may be a link to its blob: the link is what has the model's name. Of other files the one
 * behind the link is meant.
 */
static char *place_of(const struct adopt *adopt, const struct ncm_survey_file *seen, const struct ncm_store **store)
{
	NCM_AUTO_FREE char *folder = NULL;
	NCM_AUTO_FREE char *canonical = NULL;

	if (strcmp(seen->role, "manifest") != 0 || !seen->real)
		return adopt_canonical(adopt, seen->real ? seen->real : seen->path, store);
	folder = ncm_path_folder(seen->path);
	canonical = adopt_canonical(adopt, folder, store);
	return ncm_path_join(canonical, ncm_path_base(seen->path));
}

static void add_files(const struct adopt *adopt, const struct ncm_survey *survey, struct found *found)
{
	for (size_t i = 0; i < found->seen->file_count; i++) {
		const struct ncm_survey_file *seen = &survey->files[found->seen->files[i]];
		const bool link = is_link(found, seen);
		struct found_file *file;
		const struct ncm_store *store;

		if (seen->is_beside)
			continue;
		file = NCM_PUSH(found->files, found->file_count);
		*file = (struct found_file){
		    .seen = seen,
		    .path = link ? adopt_canonical_link(adopt, seen->path, &store) : place_of(adopt, seen, &store),
		    .target = link ? ncm_strdup(seen->real) : NULL,
		    .role = seen->role,
		    .size = seen->size,
		    .mtime_ns = seen->mtime_ns,
		};
		file->store = store ? store->id : NULL;
	}
}

static void found_free(struct found *found)
{
	for (size_t i = 0; i < found->file_count; i++) {
		free(found->files[i].path);
		free(found->files[i].target);
		free(found->files[i].doubt);
		identity_free(found->files[i].identity);
	}
	free(found->files);
}

void adopt_free_found(struct adopt *adopt)
{
	for (size_t i = 0; i < adopt->found_count; i++)
		found_free(&adopt->found[i]);
	free(adopt->found);
	for (size_t i = 0; i < adopt->survey_count; i++)
		ncm_survey_free(adopt->surveys[i]);
	free(adopt->surveys);
	for (size_t i = 0; i < adopt->root_count; i++)
		free(adopt->roots[i].real);
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

static bool is_of_a_model(const struct ncm_survey *survey, size_t index)
{
	for (size_t i = 0; i < survey->model_count; i++) {
		for (size_t k = 0; k < survey->models[i].file_count; k++) {
			if (survey->models[i].files[k] == index)
				return true;
		}
	}
	return false;
}

/* What cannot be read may hold what was asked for. */
static void take_unread(struct adopt *adopt, const struct ncm_survey *survey, const char *wanted)
{
	for (size_t i = 0; i < survey->file_count; i++) {
		const struct ncm_survey_file *file = &survey->files[i];

		/* What is being fetched is nothing to adopt, and its owner's alone. */
		if (file->state == NCM_SURVEY_UNREADABLE && !is_of_a_model(survey, i) &&
		    !store_is_staging(file->path) && (is_within(file->path, wanted) || is_within(wanted, file->path)))
			*NCM_PUSH(adopt->adoption->unread, adopt->adoption->unread_count) =
			    (struct ncm_unread){ncm_strdup(file->path), ncm_strdup_null(file->detail)};
	}
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
	take_unread(adopt, found, wanted);
	return 0;
}

/* What a folder outside every store looks like; as a store of its kind it is surveyed. */
static const char *store_like(const struct ncm_layout *layout, const char *path)
{
	NCM_AUTO_CLOSE int dirfd = os_open(OS_HERE, path, OS_PATH | OS_FOLDER);
	const struct ncm_store_kind *kind = dirfd < 0 ? &ncm_kind_folders : ncm_store_kind_at(dirfd);

	/* Of stores of folders one that has none of its own: everything in it is looked at. */
	for (size_t i = 0; i < layout->count; i++) {
		if (layout->stores[i].kind == kind && layout->stores[i].folder_count == 0)
			return layout->stores[i].id;
	}
	return layout->count > 0 ? layout->stores[0].id : NULL;
}

/* A file that the user named by a link is the link; a folder so named is that folder. */
char *adopt_named(const struct adopt *adopt, const char *given, const struct ncm_store **store)
{
	struct os_stat link, status;

	if (os_lstat(OS_HERE, given, &link) == 0 && link.kind == OS_IS_LINK && os_stat(OS_HERE, given, &status) == 0 &&
	    status.kind == OS_IS_FILE)
		return adopt_canonical_link(adopt, given, store);
	return adopt_canonical(adopt, given, store);
}

static bool is_absent(int errnum)
{
	return errnum == ENOENT || errnum == ENOTDIR;
}

static int look_at_path(struct adopt *adopt, const char *given, struct ncm_error *err)
{
	const struct ncm_store *store;
	NCM_AUTO_FREE char *path = adopt_named(adopt, given, &store);
	NCM_AUTO_FREE char *folder = NULL;
	const size_t before = adopt->found_count, unread = adopt->adoption->unread_count;
	struct os_stat status;
	int failed;

	if (os_stat(OS_HERE, path, &status) < 0) {
		if (!is_absent(errno))
			return ncm_error_errno(err, errno, "cannot look at %s", given);
		ncm_error_set(err, NCM_E_USAGE, "there is nothing at \"%s\"", given);
		return ncm_error_hint(err, "check its spelling; a relative path begins at the current folder");
	}
	folder = status.kind == OS_IS_FOLDER ? ncm_strdup(path) : ncm_path_folder(path);
	failed = store ? survey(adopt, store->id, NULL, path, err)
		       : survey(adopt, store_like(adopt->layout, folder), folder, path, err);
	if (!failed && adopt->found_count == before && adopt->adoption->unread_count == unread)
		ncm_emit_text(adopt->sink, NCM_EVENT_WARNING, "there is no model file in %s", given);
	return failed;
}

static bool is_there(const struct ncm_store *store)
{
	struct os_stat status;

	return os_stat(OS_HERE, store->path, &status) == 0 || !is_absent(errno);
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
		const struct ncm_store *store = &adopt->layout->stores[i];
		const struct ncm_store *whole = store->part_of ? ncm_layout_find(adopt->layout, store->part_of) : NULL;

		if (is_there(store) && !(whole && is_there(whole)) &&
		    survey(adopt, adopt->layout->stores[i].id, NULL, NULL, err) < 0)
			return -1;
	}
	return 0;
}
