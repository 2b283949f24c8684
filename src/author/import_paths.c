/* SPDX-License-Identifier: MIT */
/*
 * ComfyUI's extra_model_paths.yaml names folders, not models: what models.json has in those folders is taken, with its
 * sources; folders in which it knows nothing are told, with what makes them known.
 */
#include "author/import.h"

#include "base/mem.h"
#include "base/path.h"
#include "manifest/lock.h"
#include "store/extra_paths.h"

#include <ncmodel/registry.h>
#include <string.h>

struct paths {
	struct import *import;
	const struct ncm_registry *registry;
	const struct ncm_lock *lock;
	bool *taken; /* of the registry's models */
	json_t *seen;
};

bool import_is_paths(const struct list *list)
{
	const char *name;
	json_t *section;
	bool any = false;

	json_object_foreach((json_t *)list->yaml, name, section)
	{
		if (!json_is_object(section))
			return false;
		any = any || ncm_json_string(section, "base_path") || ncm_json_string(section, "checkpoints") ||
		      ncm_json_string(section, "loras");
	}
	return any;
}

static bool lies_in(const struct ncm_reg_model *entry, const char *folder)
{
	for (size_t i = 0; i < entry->file_count; i++) {
		if (ncm_path_below(entry->files[i].abs, folder) ||
		    (entry->files[i].target && ncm_path_below(entry->files[i].target, folder)))
			return true;
	}
	return false;
}

static void take_entry(struct paths *paths, size_t index)
{
	const struct provenance provenance = {NULL, paths->lock};
	NCM_AUTO_FREE char *why = NULL;

	if (paths->taken[index])
		return;
	paths->taken[index] = true;
	if (dump_entry(&paths->import->author, &provenance, &paths->registry->models[index], &why) < 0)
		author_leave_out(&paths->import->author, 0, paths->registry->models[index].id, "%s", why);
}

static void take_folder(void *context, const char *key, const char *path, bool is_default)
{
	struct paths *paths = context;
	bool any = false;

	(void)is_default;
	if (json_object_get(paths->seen, path) || strcmp(key, "custom_nodes") == 0)
		return;
	json_object_set_new(paths->seen, path, json_true());
	for (size_t i = 0; i < paths->registry->count; i++) {
		if (!lies_in(&paths->registry->models[i], path))
			continue;
		take_entry(paths, i);
		any = true;
	}
	if (!any)
		author_tell(
		    &paths->import->author, 0, path,
		    "(%s) is a folder in which nothing is registered; `ncmodel adopt` with its path registers what "
		    "lies there",
		    key);
}

int import_paths(struct import *import, const struct list *list, struct ncm_error *err)
{
	NCM_AUTO_FREE char *absolute = ncm_path_absolute(import->path ? import->path : ".");
	NCM_AUTO_FREE char *folder = import->path ? ncm_path_folder(absolute) : ncm_strdup(absolute);
	NCM_AUTO_FREE char *lock_path = ncm_layout_lock(import->author.layout, import->author.config);
	struct ncm_registry *registry = ncm_registry_load(import->author.config, err);
	struct ncm_lock *lock = registry ? ncm_lock_load(lock_path, err) : NULL;
	struct paths paths = {.import = import, .registry = registry, .lock = lock};

	if (lock) {
		paths.seen = json_object();
		paths.taken = ncm_calloc(registry->count + 1, sizeof *paths.taken);
		store_each_extra_path(list->yaml, folder, take_folder, &paths);
		json_decref(paths.seen);
		free(paths.taken);
	}
	ncm_lock_free(lock);
	ncm_registry_free(registry);
	return lock ? 0 : -1;
}
