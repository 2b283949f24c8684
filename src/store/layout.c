/* SPDX-License-Identifier: MIT */
#include "store/store.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/path.h"
#include "base/strings.h"
#include "os/os.h"
#include "store/extra_paths.h"
#include "store/layout_read.h"
#include "store/location.h"
#include "store/parts.h"

#include <errno.h>
#include <ncmodel/layout.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void add_store(const struct ncm_config *config, struct ncm_layout *layout, const struct store_word *word)
{
	struct ncm_store *store = NCM_PUSH(layout->stores, layout->count);

	*store = (struct ncm_store){
	    .id = ncm_strdup(word->id),
	    .kind = word->kind,
	    .env = ncm_strdup_null(word->env),
	    .dirfd = -1,
	    .staging = -1,
	};
	store->path = store_location(config, word, &store->why, &store->told_by);
	for (size_t i = 0; i < word->folder_count; i++) {
		if (!store_path_is_own_word(word->folders[i].path))
			*NCM_PUSH(store->folders, store->folder_count) = (struct ncm_store_folder){
			    ncm_strdup(word->folders[i].name), ncm_strdup(word->folders[i].path)};
	}
}

/* Folders that their owner has elsewhere. */
static void add_parts(const struct ncm_config *config, struct ncm_layout *layout, const struct store_word *word)
{
	for (size_t i = 0; i < word->folder_count; i++) {
		const struct ncm_store_folder *folder = &word->folders[i];
		NCM_AUTO_FREE char *absolute = store_path_given(config, folder->path);

		if (store_path_is_own_word(folder->path))
			store_add_part(config, layout,
				       &(struct store_part){.store = word->id,
							    .folder = folder->name,
							    .path = absolute,
							    .is_first = true,
							    .why = NCM_PLACED_BY_LAYOUT});
	}
}

/* Folders of a store for which the user has another place: "comfyui/loras". */
static void add_said_parts(const struct ncm_config *config, struct ncm_layout *layout)
{
	for (size_t i = 0; i < config->store_count; i++) {
		const char *id = config->stores[i].store, *slash = strchr(id, '/');
		NCM_AUTO_FREE char *name = slash ? ncm_strndup(id, (size_t)(slash - id)) : NULL;
		const struct ncm_store *store = name ? ncm_layout_find(layout, name) : NULL;

		if (store && !strchr(slash + 1, '/') && ncm_layout_has_folder(layout, store, slash + 1) &&
		    !ncm_layout_find(layout, id))
			store_add_part(config, layout,
				       &(struct store_part){.store = name,
							    .folder = slash + 1,
							    .path = config->stores[i].path,
							    .is_first = true,
							    .why = NCM_PLACED_BY_LAYOUT});
	}
}

/* Behind all stores: those whose settings say it. */
static void add_extra_paths(const struct ncm_config *config, struct ncm_layout *layout,
			    const struct layout_words *words)
{
	for (size_t i = 0; i < words->count; i++) {
		if (words->stores[i].extra_paths)
			store_read_extra_paths(config, layout, i, words->stores[i].extra_paths);
	}
}

static struct ncm_layout *make_layout(const struct ncm_config *config, const struct layout_words *words)
{
	struct ncm_layout *layout = ncm_calloc(1, sizeof *layout);

	layout->name = ncm_strdup(words->name);
	layout->registry = store_path_given(config, words->registry);
	for (size_t i = 0; i < words->count; i++)
		add_store(config, layout, &words->stores[i]);
	for (size_t i = 0; i < words->count; i++)
		add_parts(config, layout, &words->stores[i]);
	add_said_parts(config, layout);
	add_extra_paths(config, layout, words);
	return layout;
}

/* "STORE:FOLDER" is meant as "STORE/FOLDER". The caller frees it. NULL: it is not that. */
static char *with_slash(const struct ncm_layout *layout, const char *target)
{
	const char *colon = strchr(target, ':');
	NCM_AUTO_FREE char *store = colon ? ncm_strndup(target, (size_t)(colon - target)) : NULL;

	return store && ncm_layout_find(layout, store) ? ncm_asprintf("%s/%s", store, colon + 1) : NULL;
}

int ncm_layout_lacks(const struct ncm_layout *layout, const char *store, struct ncm_error *err)
{
	struct ncm_buffer ids = {0};
	struct ncm_nearest nearest = {.to = store};
	NCM_AUTO_FREE char *meant = with_slash(layout, store);
	const char *close;

	for (size_t i = 0; i < layout->count; i++) {
		ncm_buffer_printf(&ids, "%s%s", i ? ", " : "", layout->stores[i].id);
		ncm_nearest_offer(&nearest, layout->stores[i].id);
	}
	close = meant ? meant : ncm_nearest_close(&nearest);
	for (size_t i = 0; i < layout->count && !close; i++) {
		if (layout->stores[i].kind != &ncm_kind_folders && strcasecmp(layout->stores[i].kind->name, store) == 0)
			close = layout->stores[i].id;
	}
	ncm_error_set(err, NCM_E_USAGE, "the layout \"%s\" has no store \"%s\"", layout->name, store);
	ncm_error_hint(err, "%s%s%sits stores are: %s", close ? "did you mean " : "", close ? close : "",
		       close ? "? " : "", ids.data ? ids.data : "none");
	ncm_buffer_free(&ids);
	return -1;
}

/* Who named a store that is not there: it need not be this command line. */
static int tell_who_said(const struct ncm_config *config, const struct ncm_store_override *said, struct ncm_error *err)
{
	switch (said->by) {
	case NCM_SAID_BY_FILE:
		return ncm_error_wrap(err, "%s: $.stores", config->file);
	case NCM_SAID_BY_ENVIRONMENT:
		return ncm_error_wrap(err, "NCMODEL_STORE_<STORE>");
	default:
		return ncm_error_wrap(err, "--store-path");
	}
}

static int check_overrides(const struct ncm_config *config, const struct ncm_layout *layout, struct ncm_error *err)
{
	for (size_t i = 0; i < config->store_count; i++) {
		if (ncm_layout_find(layout, config->stores[i].store))
			continue;
		ncm_layout_lacks(layout, config->stores[i].store, err);
		tell_who_said(config, &config->stores[i], err);
		return -1;
	}
	return 0;
}

static char *layout_file(const struct ncm_config *config)
{
	if (strchr(config->layout, '/') || ncm_path_has_suffix(config->layout, ".json"))
		return ncm_path_absolute(config->layout);
	return ncm_asprintf("%s/layouts/%s.json", config->data_dir, config->layout);
}

static void tell_absent(const struct ncm_config *config, const char *file, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_USAGE, "there is no layout \"%s\": no file %s", config->layout, file);
	ncm_error_hint(err,
		       os_access(OS_HERE, config->data_dir ? config->data_dir : "", 0) == 0
			   ? "name \"default\", \"linux\", or the path of a layout file"
			   : "the program's own layouts and manifests are not there: install it, or say where they are "
			     "with NCMODEL_DATADIR=DIR (in its source the folder manifests)");
}

struct ncm_layout *ncm_layout_load(const struct ncm_config *config, struct ncm_error *err)
{
	NCM_AUTO_FREE char *file = layout_file(config);
	struct layout_words words = {0};
	const int failed = layout_read(file, &words, err);
	struct ncm_layout *layout = NULL;

	if (failed && errno == ENOENT)
		tell_absent(config, file, err);
	if (!failed)
		layout = make_layout(config, &words);
	layout_words_clear(&words);
	if (!layout || check_overrides(config, layout, err) == 0)
		return layout;
	ncm_layout_free(layout);
	return NULL;
}

void ncm_layout_free(struct ncm_layout *layout)
{
	if (!layout)
		return;
	for (size_t i = 0; i < layout->count; i++) {
		struct ncm_store *store = &layout->stores[i];

		for (size_t k = 0; k < store->folder_count; k++) {
			free(store->folders[k].name);
			free(store->folders[k].path);
		}
		free(store->folders);
		free(store->id);
		free(store->path);
		free(store->env);
		free(store->told_by);
		free(store->part_of);
		free(store->part);
		free(store->unread);
		if (store->staging >= 0)
			os_close(store->staging);
		if (store->dirfd >= 0)
			os_close(store->dirfd);
	}
	free(layout->stores);
	free(layout->registry);
	free(layout->name);
	free(layout);
}

struct ncm_store *ncm_layout_find(const struct ncm_layout *layout, const char *store)
{
	for (size_t i = 0; i < layout->count; i++) {
		if (strcmp(layout->stores[i].id, store) == 0)
			return &layout->stores[i];
	}
	return NULL;
}

char *ncm_layout_registry(const struct ncm_layout *layout, const struct ncm_config *config)
{
	return ncm_path_absolute(config->registry ? config->registry : layout->registry);
}

char *ncm_layout_lock(const struct ncm_layout *layout, const struct ncm_config *config)
{
	NCM_AUTO_FREE char *registry = NULL;

	if (config->lock)
		return ncm_path_absolute(config->lock);
	registry = ncm_layout_registry(layout, config);
	registry[ncm_path_base(registry) - registry] = '\0';
	return ncm_path_join(registry, "ncmodel.lock");
}

int ncm_layout_names(const struct ncm_config *config, struct ncm_strings *stores, struct ncm_strings *folders,
		     struct ncm_error *err)
{
	struct ncm_layout *layout = ncm_layout_load(config, err);

	for (size_t i = 0; layout && i < layout->count; i++) {
		const struct ncm_store *store = &layout->stores[i];

		if (stores)
			ncm_strings_add(stores, store->id);
		for (size_t k = 0; folders && k < store->folder_count; k++) {
			NCM_AUTO_FREE char *place = ncm_asprintf("%s/%s", store->id, store->folders[k].name);

			ncm_strings_add(folders, place);
		}
		if (folders && store->part_of && !strchr(store->id, ':'))
			ncm_strings_add_new(folders, store->id);
	}
	ncm_layout_free(layout);
	return layout ? 0 : -1;
}
