/* SPDX-License-Identifier: MIT */
/*
 * models.json: of ncmodel, whose entries say source and digests, and of the loading plan's scripts, whose entries have
 * names and a path alone ("name", "file_path", "size_mb"). Those are looked for in the manifests.
 */
#include "author/import.h"

#include "base/mem.h"
#include "base/path.h"
#include "manifest/lock.h"
#include "registry/write.h"

#include <ncmodel/registry.h>
#include <string.h>

bool import_is_registry(const struct list *list)
{
	const json_t *models = json_object_get(list->json, "models");
	const json_t *first = json_array_get(models, 0);

	return ncm_json_string(first, "file_path") ||
	       (json_is_array(models) &&
		(json_object_get(list->json, "registered_at") || json_object_get(list->json, "total_models")));
}

/* By its id or its file's name. False: no manifest knows it. */
static bool take_known(struct import *import, const struct ncm_reg_model *entry, size_t line)
{
	const struct ncm_model *model = import_known_find(import, entry->id);

	if (!model)
		model = import_known_find(import, ncm_path_base(entry->file_path));
	if (!model)
		return false;
	if (author_take(&import->author, model, line, entry->id) && strcmp(model->id, entry->id) != 0)
		author_tell(&import->author, line, entry->id, "is taken as %s of the profile %s, which brings its file",
			    model->id, model->profile);
	return true;
}

/* Of one file whose store is not here: by its source, to the folder that its path says. False: it has no source. */
static bool take_source(struct import *import, const struct ncm_reg_model *entry, size_t line)
{
	const struct ncm_reg_file *file = entry->file_count == 1 ? entry->files : NULL;
	NCM_AUTO_FREE char *folder = file ? ncm_path_folder(file->abs) : NULL;

	if (!file || !entry->source)
		return false;
	import_item(import,
		    &(const struct import_item){.line = line,
						.uri = entry->source,
						.place = folder,
						.name = ncm_path_base(file->abs),
						.sha256 = ncm_sha256_is_zero(&file->sha256) ? NULL : &file->sha256});
	return true;
}

static size_t line_of(const struct list *list, size_t index)
{
	enum { MOST_LINES_TOLD = 50 };
	NCM_AUTO_FREE char *at = ncm_asprintf("$.models[%zu]", index);

	return index < MOST_LINES_TOLD ? ncm_json_line(list->text, list->size, at) : 0;
}

static void take_entries(struct import *import, const struct list *list, const struct ncm_registry *registry)
{
	NCM_AUTO_FREE char *lock_path = ncm_layout_lock(import->author.layout, import->author.config);
	struct ncm_lock *lock = ncm_lock_load(lock_path, NULL);
	const struct provenance provenance = {NULL, lock};

	for (size_t i = 0; lock && i < registry->count; i++) {
		const struct ncm_reg_model *entry = &registry->models[i];
		NCM_AUTO_FREE char *why = NULL;
		size_t line;

		if (dump_entry(&import->author, &provenance, entry, &why) == 0)
			continue;
		line = line_of(list, i);
		if (!take_source(import, entry, line) && !take_known(import, entry, line))
			author_leave_out(&import->author, line, entry->id,
					 "%s, and no manifest has a model or file of its name", why);
	}
	ncm_lock_free(lock);
}

/* It is read from its own folder, which its paths begin at. */
int import_registry(struct import *import, const struct list *list, struct ncm_error *err)
{
	struct ncm_registry *registry;

	if (!import->path) {
		ncm_error_set(err, NCM_E_USAGE, "models.json says where files are from its own folder on");
		return ncm_error_hint(err, "give its path instead of standard input");
	}
	registry = ncm_registry_read(import->path, err);
	if (!registry)
		return -1;
	take_entries(import, list, registry);
	ncm_registry_free(registry);
	return 0;
}
