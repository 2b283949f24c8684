/* SPDX-License-Identifier: MIT */
#include "store/store.h"

#include "base/mem.h"
#include "base/strings.h"

#include <ncmodel/layout.h>
#include <string.h>

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
