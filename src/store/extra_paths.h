/* SPDX-License-Identifier: MIT */
/*
 * What an application's own settings say of its folders: ComfyUI's extra_model_paths.yaml, which lies in its folder and
 * which the layout names ("extra_paths").
 */
#ifndef NCM_STORE_EXTRA_PATHS_H
#define NCM_STORE_EXTRA_PATHS_H

#include "base/json.h"
#include "store/store.h"

/*
 * Adds the folders of that file in the store's as its parts (parts.h): those that are there and lie in no store of the
 * layout, and what it says is to be written to (`is_default`). It counts only if the user or root owns it and nobody
 * else may write it; why it was not read is noted in the store (`unread`). That there is none is fine.
 */
void store_read_extra_paths(const struct ncm_config *config, struct ncm_layout *layout, size_t store, const char *name);

/*
 * The same file, already parsed: calls `each` for every folder, absolute, in the file's order, by the rules of ComfyUI
 * (utils/extra_config.py): environment and `~` expanded, relative to base_path or to `folder`, the file's own.
 */
void store_each_extra_path(const json_t *settings, const char *folder,
			   void (*each)(void *context, const char *key, const char *path, bool is_default),
			   void *context);

#endif
