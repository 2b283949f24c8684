/* SPDX-License-Identifier: MIT */
/* Where the stores are, and whether they can be worked in. */
#include "base/mem.h"
#include "os/os.h"
#include "registry/moving.h"
#include "registry/write.h"
#include "store/store.h"

#include <ncmodel/stores.h>

#include <errno.h>
#include <string.h>

static void look_at_store(const struct ncm_store *store, struct ncm_store_info *info)
{
	struct ncm_space space;
	struct os_stat status;

	info->id = ncm_strdup(store->id);
	info->kind = store->kind->name;
	info->path = ncm_strdup(store->path);
	info->why = store->why;
	info->told_by = ncm_strdup_null(store->told_by);
	info->there = os_stat(OS_HERE, store->path, &status) == 0 || (errno != ENOENT && errno != ENOTDIR);
	info->barrier = ncm_store_barrier(store);
	info->writable = !info->barrier;
	info->settings_unread = ncm_strdup_null(store->unread);
	info->open_to_all = ncm_store_exposure(store);
	info->has_space = ncm_space_of(store->path, &space, NULL) == 0 && space.known;
	if (info->has_space) {
		info->free = space.free;
		info->total = space.total;
	}
}

/* A model counts once in each store that it has files in. */
static void count_model(const struct ncm_layout *layout, const struct ncm_reg_model *model, size_t *last, size_t number,
			struct ncm_store_list *list)
{
	for (size_t i = 0; i < model->file_count; i++) {
		const struct ncm_reg_file *file = &model->files[i];
		const size_t store = ncm_layout_store_of(layout, file->abs, file->store);

		if (store == NCM_NO_STORE)
			continue;
		list->stores[store].bytes += file->size;
		list->stores[store].models += last[store] != number;
		last[store] = number;
	}
}

static void count_models(const struct ncm_layout *layout, const struct ncm_registry *registry,
			 struct ncm_store_list *list)
{
	NCM_AUTO_FREE size_t *last = ncm_calloc(layout->count + 1, sizeof *last);

	for (size_t i = 0; i < registry->count; i++)
		count_model(layout, &registry->models[i], last, i + 1, list);
}

static struct ncm_store_list *look(const struct ncm_layout *layout, const struct ncm_registry *registry)
{
	struct ncm_store_list *list = ncm_calloc(1, sizeof *list);

	list->layout = ncm_strdup(layout->name);
	list->registry = ncm_strdup(registry->path);
	for (size_t i = 0; i < layout->count; i++)
		look_at_store(&layout->stores[i], NCM_PUSH(list->stores, list->count));
	count_models(layout, registry, list);
	return list;
}

struct ncm_store_list *ncm_stores_look(const struct ncm_config *config, struct ncm_error *err)
{
	struct ncm_layout *layout = moving_layout(config, err);
	NCM_AUTO_FREE char *path = layout ? ncm_layout_registry(layout, config) : NULL;
	struct ncm_registry *registry = path ? ncm_registry_read(path, err) : NULL;
	struct ncm_store_list *list = registry ? look(layout, registry) : NULL;

	ncm_registry_free(registry);
	ncm_layout_free(layout);
	return list;
}

void ncm_stores_free(struct ncm_store_list *list)
{
	if (!list)
		return;
	for (size_t i = 0; i < list->count; i++) {
		free(list->stores[i].id);
		free(list->stores[i].path);
		free(list->stores[i].told_by);
		free(list->stores[i].barrier);
		free(list->stores[i].settings_unread);
		free(list->stores[i].open_to_all);
	}
	free(list->stores);
	free(list->layout);
	free(list->registry);
	free(list);
}
