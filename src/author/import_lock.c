/* SPDX-License-Identifier: MIT */
/*
 * comfy-cli's comfy-lock.yaml: models: [{model: NAME, url: ADDRESS, paths: [{path: PATH}], hashes: [{hash: HEX, type:
 * SHA256}], type: KIND}] (its README, "format of comfy-lock.yaml"). Paths are below ComfyUI's folder.
 */
#include "author/import.h"

#include "base/mem.h"
#include "base/path.h"
#include "digest/name.h"
#include "source/source.h"

#include <string.h>
#include <strings.h>

bool import_is_lock(const struct list *list)
{
	const json_t *models = json_object_get(list->yaml, "models");
	const json_t *first = json_array_get(models, 0);

	return (ncm_json_string(first, "url") && (json_object_get(first, "paths") || json_object_get(first, "hashes") ||
						  ncm_json_string(first, "model"))) ||
	       (json_is_array(models) && json_object_get(list->yaml, "custom_nodes"));
}

/* Others (AutoV1, AutoV2, CRC32, Blake3) pin nothing here. */
static bool find_sha256(const json_t *entry, struct ncm_sha256 *sha256)
{
	const json_t *hash;
	size_t i;

	json_array_foreach(json_object_get(entry, "hashes"), i, hash)
	{
		const char *type = ncm_json_string(hash, "type"), *hex = ncm_json_string(hash, "hash");

		if (type && hex && strcasecmp(type, "SHA256") == 0)
			return ncm_sha256_parse_any_case(hex, sha256) == 0;
	}
	return false;
}

/* One place of the entry: a path with a file's name, or a folder. */
static void take_place(struct import *import, const json_t *entry, const char *path)
{
	struct ncm_sha256 sha256;
	const bool pinned = find_sha256(entry, &sha256);
	const char *name = path ? ncm_path_base(path) : NULL;
	const bool is_file = name && ncm_source_habit_of_name(name);
	NCM_AUTO_FREE char *folder = !path ? NULL : is_file ? ncm_path_folder(path) : ncm_strdup(path);
	const bool starts = folder && (*folder == '/' || strncasecmp(folder, "ComfyUI", 7) == 0);
	NCM_AUTO_FREE char *place = !folder ? NULL : starts ? ncm_strdup(folder) : ncm_asprintf("ComfyUI/%s", folder);

	import_item(import, &(const struct import_item){.uri = ncm_json_string(entry, "url"),
							.place = place,
							.name = is_file ? name : NULL,
							.sha256 = pinned ? &sha256 : NULL});
}

static void take_entry(struct import *import, const json_t *entry)
{
	const json_t *paths = json_object_get(entry, "paths"), *path;
	const char *name = ncm_json_string(entry, "model"), *type = ncm_json_string(entry, "type");
	size_t i;

	if (!ncm_json_string(entry, "url")) {
		author_leave_out(&import->author, 0, name ? name : "(no name)", "says no url");
		return;
	}
	json_array_foreach(paths, i, path)
	{
		take_place(import, entry,
			   json_is_string(path) ? json_string_value(path) : ncm_json_string(path, "path"));
	}
	/* comfy-cli's own folder for such a kind. */
	if (json_array_size(paths) == 0)
		take_place(import, entry, type);
}

static void tell_nodes(struct import *import, const json_t *nodes)
{
	const char *address;
	json_t *node;

	json_object_foreach(json_object_get(nodes, "git_custom_nodes"), address, node)
	{
		author_tell(&import->author, 0, address,
			    "is a custom node, which is not taken: the list pins a commit, "
			    "not an archive");
	}
}

int import_lock(struct import *import, const struct list *list, struct ncm_error *err)
{
	const json_t *entry;
	size_t i;

	(void)err;
	json_array_foreach(json_object_get(list->yaml, "models"), i, entry)
	{
		take_entry(import, entry);
	}
	tell_nodes(import, json_object_get(list->yaml, "custom_nodes"));
	return 0;
}
