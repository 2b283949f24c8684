/* SPDX-License-Identifier: MIT */
/* Folders of a store that lie elsewhere: search paths, of which the first one is written to. */
#include "store/parts.h"

#include "base/mem.h"
#include "base/path.h"
#include "config/environment.h"
#include "os/os.h"
#include "store/inside.h"
#include "store/location.h"

#include <string.h>

bool store_path_is_own_word(const char *path)
{
	return ncm_path_is_absolute(path) || (path[0] == '~' && (path[1] == '/' || path[1] == '\0'));
}

char *store_path_given(const struct ncm_config *config, const char *path)
{
	NCM_AUTO_FREE char *home = *path == '~' ? config_home() : NULL;
	NCM_AUTO_FREE char *joined = home ? ncm_asprintf("%s%s", home, path + 1) : ncm_path_join(config->root, path);

	return ncm_path_absolute(joined);
}

static bool is_part_of(const struct ncm_store *part, const char *store, const char *folder)
{
	return part->part_of && strcmp(part->part_of, store) == 0 && strcmp(part->part, folder) == 0;
}

static bool is_known(const struct ncm_layout *layout, const struct store_part *part, size_t *number)
{
	*number = 1;
	for (size_t i = 0; i < layout->count; i++) {
		if (!is_part_of(&layout->stores[i], part->store, part->folder))
			continue;
		if (strcmp(layout->stores[i].path, part->path) == 0)
			return true;
		++*number;
	}
	return false;
}

static char *part_id(const struct store_part *part, size_t number)
{
	return number == 1 ? ncm_asprintf("%s/%s", part->store, part->folder)
			   : ncm_asprintf("%s/%s:%zu", part->store, part->folder, number);
}

void store_add_part(const struct ncm_config *config, struct ncm_layout *layout, const struct store_part *part)
{
	struct store_word word = {.kind = &ncm_kind_folders, .path = (char *)part->path};
	NCM_AUTO_FREE char *id = NULL;
	struct ncm_store *store;
	size_t number;

	if (is_known(layout, part, &number))
		return;
	id = part_id(part, number);
	word.id = id;
	store = NCM_PUSH(layout->stores, layout->count);
	*store = (struct ncm_store){
	    .id = ncm_strdup(id),
	    .kind = &ncm_kind_folders,
	    .part_of = ncm_strdup(part->store),
	    .part = ncm_strdup(part->folder),
	    .is_first = part->is_first,
	    .dirfd = -1,
	    .staging = -1,
	};
	store->path = store_location(config, &word, &store->why, &store->told_by);
	if (store->why != NCM_PLACED_BY_LAYOUT)
		return;
	store->why = part->why;
	store->told_by = ncm_strdup_null(part->told_by);
}

bool ncm_store_is_of(const struct ncm_store *store, const char *id)
{
	return strcmp(store->id, id) == 0 || (store->part_of && strcmp(store->part_of, id) == 0);
}

/* "loras/flux": the folder, and the sub-folder of it. */
static char *split(const char *folder, const char **below)
{
	const char *slash = folder ? strchr(folder, '/') : NULL;

	*below = slash ? slash + 1 : NULL;
	return slash ? ncm_strndup(folder, (size_t)(slash - folder)) : ncm_strdup_null(folder);
}

static bool has(const struct ncm_store *store, const char *relative)
{
	NCM_AUTO_CLOSE int dirfd = ncm_store_peek(store);
	const char *name;
	NCM_AUTO_CLOSE int parent = dirfd < 0 ? -1 : store_parent_inside(store, dirfd, relative, &name);
	struct os_stat status;

	return parent >= 0 && os_lstat(parent, name, &status) == 0;
}

/* The folder of several files, so that they stay together; or the file. */
static bool has_begun(const struct ncm_store *store, const char *relative, size_t before)
{
	const char *slash = strchr(relative + before, '/');
	NCM_AUTO_FREE char *top = slash ? ncm_strndup(relative, (size_t)(slash - relative)) : ncm_strdup(relative);

	return has(store, top);
}

/* An application looks for a name in every folder of its list: what lies in one is not to be had in another. */
static struct ncm_store *choose(const struct ncm_layout *layout, struct ncm_store *store, const char *folder,
				const char *below, const char *own)
{
	const size_t before = own ? strlen(own) - strlen(below) : 0;
	struct ncm_store *first = store;

	for (size_t i = 0; i < layout->count; i++) {
		if (is_part_of(&layout->stores[i], store->id, folder) && layout->stores[i].is_first && first == store)
			first = &layout->stores[i];
	}
	if (first == store ? own && has_begun(store, own, before) : has_begun(first, below, 0))
		return first;
	for (size_t i = 0; i < layout->count; i++) {
		struct ncm_store *part = &layout->stores[i];

		if (is_part_of(part, store->id, folder) && has_begun(part, below, 0))
			return part;
	}
	return first != store && own && has_begun(store, own, before) ? store : first;
}

bool ncm_layout_has_folder(const struct ncm_layout *layout, const struct ncm_store *store, const char *folder)
{
	const char *below;
	NCM_AUTO_FREE char *head = split(folder, &below);

	for (size_t i = 0; i < store->folder_count; i++) {
		if (strcmp(store->folders[i].name, head) == 0)
			return true;
	}
	for (size_t i = 0; i < layout->count; i++) {
		if (is_part_of(&layout->stores[i], store->id, head))
			return true;
	}
	return false;
}

char *ncm_layout_place(const struct ncm_layout *layout, struct ncm_store **store, const struct ncm_store_offer *offer,
		       struct ncm_error *err)
{
	struct ncm_error why = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *own = ncm_store_place(*store, offer, &why);
	const char *sub;
	NCM_AUTO_FREE char *head = split(offer->folder, &sub);
	NCM_AUTO_FREE char *below = ncm_path_join(sub, offer->name);
	struct ncm_store *chosen =
	    head && ncm_path_check(below, NULL) ? choose(layout, *store, head, below, own) : *store;

	if (chosen == *store) {
		if (!own)
			ncm_error_move(err, &why);
		return own ? ncm_strdup(own) : NULL;
	}
	ncm_error_clear(&why);
	*store = chosen;
	return ncm_strdup(below);
}

char *ncm_layout_path(const struct ncm_layout *layout, struct ncm_store **store, const char *folder, const char *name,
		      struct ncm_error *err)
{
	const struct ncm_store_offer offer = {.folder = folder, .name = name, .is_spelled = true};

	return ncm_layout_place(layout, store, &offer, err);
}
