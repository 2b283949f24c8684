/* SPDX-License-Identifier: MIT */
/*
 * Files that nobody registered, where only registered ones should be: a folder below one of the layout's own that holds
 * the files of one model alone (an unpacked archive, a whole repository), and blobs that no Ollama manifest names.
 */
#include "verify/check.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "store/walk.h"

#include <ncmodel/limits.h>
#include <string.h>

/* The layout's own folder that a path below the store lies in: the longest that fits, else the store itself (""). */
static const char *home_of(const struct ncm_store *store, const char *relative)
{
	const char *home = "";

	for (size_t i = 0; i < store->folder_count; i++) {
		const char *folder = store->folders[i].path;

		if (strlen(folder) > strlen(home) && ncm_path_below(relative, folder))
			home = folder;
	}
	return home;
}

/* Cuts `common` down to the folders that it shares with `path`. */
static void keep_common(char *common, const char *path)
{
	size_t cut = 0;

	for (size_t i = 0;; i++) {
		bool end = common[i] == '\0' || common[i] == '/';

		if (end && (path[i] == '/' || path[i] == '\0'))
			cut = i;
		if (common[i] == '\0' || common[i] != path[i])
			break;
	}
	common[cut] = '\0';
}

/* The deepest folder that holds all files that the model has in this home, below the store. NULL: none of its own. */
static char *own_folder(const struct ncm_store *store, const char *home, const struct ncm_reg_model *model)
{
	char *common = NULL;

	for (size_t i = 0; i < model->file_count; i++) {
		const char *relative = ncm_path_below(model->files[i].abs, store->path);
		NCM_AUTO_FREE char *folder = NULL;

		if (!relative || strcmp(home_of(store, relative), home) != 0)
			continue;
		folder = ncm_strndup(relative, strlen(relative) - strlen(ncm_path_base(relative)));
		if (*folder)
			folder[strlen(folder) - 1] = '\0';
		if (!common)
			common = ncm_strdup(folder);
		else
			keep_common(common, folder);
	}
	if (common && (!*common || strcmp(common, home) == 0 || !ncm_path_below(common, home))) {
		free(common);
		common = NULL;
	}
	return common;
}

/* Whether nothing else has a place in the folder: another model's file, or one of the layout's folders. */
static bool is_wholly(const struct ncm_store *store, const char *folder, const struct ncm_registry *registry,
		      const struct ncm_reg_model *model)
{
	NCM_AUTO_FREE char *absolute = ncm_path_join(store->path, folder);

	for (size_t i = 0; i < store->folder_count; i++) {
		if (ncm_path_below(store->folders[i].path, folder) || strcmp(store->folders[i].path, folder) == 0)
			return false;
	}
	for (size_t i = 0; i < registry->count; i++) {
		const struct ncm_reg_model *other = &registry->models[i];

		for (size_t k = 0; other != model && k < other->file_count; k++) {
			if (ncm_path_below(other->files[k].abs, absolute))
				return false;
		}
	}
	return true;
}

struct finding {
	const char *folder; /* absolute */
	const json_t *known;
	struct ncm_strings *extra;
};

static void find_unknown(void *context, const struct ncm_walk_entry *entry)
{
	const struct finding *finding = context;
	NCM_AUTO_FREE char *absolute = ncm_path_join(finding->folder, entry->path);

	if (!json_object_get(finding->known, absolute) && finding->extra->count < NCM_LIMIT_FILES)
		ncm_strings_add(finding->extra, absolute);
}

static void look_in_home(const struct ncm_store *store, const char *home, const struct ncm_registry *registry,
			 const struct ncm_reg_model *model, const json_t *known, struct ncm_strings *extra)
{
	NCM_AUTO_FREE char *folder = own_folder(store, home, model);
	NCM_AUTO_FREE char *absolute = folder ? ncm_path_join(store->path, folder) : NULL;
	NCM_AUTO_CLOSE int dirfd = -1;

	if (!folder || !is_wholly(store, folder, registry, model))
		return;
	dirfd = ncm_store_peek(store);
	if (dirfd >= 0)
		(void)ncm_walk_store(store, dirfd, folder, &(struct ncm_walk_how){.links = STORE_LINKS_OF_STORE},
				     find_unknown, NULL, &(struct finding){absolute, known, extra});
}

struct unnamed {
	const struct ncm_store *store;
	const json_t *named;
	const json_t *known;
	struct ncm_strings *extra;
};

static void find_unnamed(void *context, const struct ncm_walk_entry *entry)
{
	const struct unnamed *unnamed = context;
	NCM_AUTO_FREE char *relative = ncm_path_join(unnamed->store->kind->blobs, entry->path);
	NCM_AUTO_FREE char *absolute = ncm_path_join(unnamed->store->path, relative);
	const char *key = unnamed->store->kind->blob_key(relative);

	if (key && !json_object_get(unnamed->named, key) && !json_object_get(unnamed->known, absolute))
		ncm_strings_add(unnamed->extra, absolute);
}

static void look_for_blobs(const struct ncm_store *store, const json_t *known, struct ncm_strings *extra)
{
	NCM_AUTO_CLOSE int dirfd = ncm_store_peek(store);
	bool complete = false;
	NCM_AUTO_JSON json_t *named = dirfd < 0 ? NULL : store->kind->named(dirfd, &complete);

	/* A manifest that we cannot read may name any of them. */
	if (complete)
		(void)ncm_walk_store(store, dirfd, store->kind->blobs,
				     &(struct ncm_walk_how){.links = STORE_LINKS_OF_STORE}, find_unnamed, NULL,
				     &(struct unnamed){store, named, known, extra});
}

static bool has_files_in(const struct ncm_store *store, const struct ncm_reg_model *const *models, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < models[i]->file_count; k++) {
			if (ncm_path_below(models[i]->files[k].abs, store->path))
				return true;
		}
	}
	return false;
}

static int compare_words(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void verify_find_extra(const struct ncm_layout *layout, const struct ncm_registry *registry,
		       const struct ncm_reg_model *const *models, size_t count, struct ncm_strings *extra)
{
	NCM_AUTO_JSON json_t *known = json_object();

	for (size_t i = 0; i < registry->count; i++) {
		for (size_t k = 0; k < registry->models[i].file_count; k++)
			json_object_set_new_nocheck(known, registry->models[i].files[k].abs, json_true());
	}
	for (size_t s = 0; s < layout->count; s++) {
		const struct ncm_store *store = &layout->stores[s];

		if (!has_files_in(store, models, count))
			continue;
		if (store->kind->named)
			look_for_blobs(store, known, extra);
		for (size_t i = 0; !store->kind->by_digest && i < count && !ncm_interrupted(); i++) {
			look_in_home(store, "", registry, models[i], known, extra);
			for (size_t f = 0; f < store->folder_count; f++)
				look_in_home(store, store->folders[f].path, registry, models[i], known, extra);
		}
	}
	if (extra->count > 1)
		qsort(extra->items, extra->count, sizeof *extra->items, compare_words);
}
