/* SPDX-License-Identifier: MIT */
/* Whether the places of a manifest are places of a layout: of this machine's, so a catalog may well have others. */
#include "manifest/load.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "source/source.h"

#include <string.h>

/* One target: where it stands in which file, and whose it is. */
struct spot {
	struct manifest_set *set;
	size_t file;
	const char *path; /* JSON */
	bool ollama;      /* an Ollama model is to go there */
	bool hub;         /* a file of a repository is */
};

/* "; did you mean "x"?", else "; there is: x, y". The caller frees it. */
static char *what_there_is(const struct ncm_nearest *nearest, const struct ncm_buffer *all)
{
	const char *near = ncm_nearest_close(nearest);

	if (near)
		return ncm_asprintf("; did you mean \"%s\"?", near);
	return all->data ? ncm_asprintf("; there is: %s", all->data) : ncm_strdup("; it has no folders with names");
}

static void tell_store(const struct spot *spot, const struct ncm_layout *layout, const char *store)
{
	NCM_AUTO_FREE char *path = ncm_asprintf("%s.store", spot->path);
	struct ncm_nearest nearest = {.to = store};
	struct ncm_buffer all = {0};
	NCM_AUTO_FREE char *there_is = NULL;

	for (size_t i = 0; i < layout->count; i++) {
		ncm_nearest_offer(&nearest, layout->stores[i].id);
		ncm_buffer_printf(&all, "%s%s", i > 0 ? ", " : "", layout->stores[i].id);
	}
	there_is = what_there_is(&nearest, &all);
	manifest_fault(spot->set, spot->file, path, "the layout \"%s\" has no store \"%s\"%s", layout->name, store,
		       there_is);
	ncm_buffer_free(&all);
}

static void tell_folder(const struct spot *spot, const struct ncm_store *store, const char *folder)
{
	NCM_AUTO_FREE char *path = ncm_asprintf("%s.folder", spot->path);
	struct ncm_nearest nearest = {.to = folder};
	struct ncm_buffer all = {0};
	NCM_AUTO_FREE char *there_is = NULL;

	for (size_t i = 0; i < store->folder_count; i++) {
		ncm_nearest_offer(&nearest, store->folders[i].name);
		ncm_buffer_printf(&all, "%s%s", i > 0 ? ", " : "", store->folders[i].name);
	}
	there_is = what_there_is(&nearest, &all);
	manifest_fault(spot->set, spot->file, path, "store \"%s\" has no folder \"%s\"%s", store->id, folder, there_is);
	ncm_buffer_free(&all);
}

static void tell_kind(const struct spot *spot, const struct ncm_store *store)
{
	NCM_AUTO_FREE char *path = ncm_asprintf("%s.store", spot->path);

	if (spot->ollama)
		manifest_fault(spot->set, spot->file, path, "store \"%s\" is not an Ollama store", store->id);
	else if (store->kind->keeps_repositories)
		manifest_fault(spot->set, spot->file, path,
			       "store \"%s\" takes files of an hf: source alone, without a folder or a name",
			       store->id);
	else
		manifest_fault(spot->set, spot->file, path, "store \"%s\" takes no files: %s alone puts models there",
			       store->id, store->kind->takes_only);
}

static bool takes(const struct ncm_store *store, const struct spot *spot, const struct ncm_target *target)
{
	if (spot->ollama)
		return store->kind->takes_tags;
	if (store->kind->keeps_repositories)
		return spot->hub && !target->folder && !target->name;
	return !store->kind->takes_only;
}

static void check_target(const struct spot *spot, const struct ncm_layout *layout, const struct ncm_target *target)
{
	const struct ncm_store *store = ncm_layout_find(layout, target->store);

	if (!store)
		tell_store(spot, layout, target->store);
	else if (!takes(store, spot, target))
		tell_kind(spot, store);
	else if (!spot->ollama && target->folder && !ncm_layout_has_folder(layout, store, target->folder))
		tell_folder(spot, store, target->folder);
}

static void check_files(const struct spot *of, const struct ncm_layout *layout, const struct ncm_file_spec *files,
			size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < files[i].to_count; k++) {
			NCM_AUTO_FREE char *path = ncm_asprintf("%s.files[%zu].to[%zu]", of->path, i, k);
			NCM_AUTO_FREE char *repository = ncm_source_home(files[i].from.items[0]);
			const struct spot spot = {of->set, of->file, path,
						  ncm_source_gives_blobs(files[i].from.items[0]),
						  repository && !files[i].extract};

			check_target(&spot, layout, &files[i].to[k]);
		}
	}
}

static void check_model(const struct spot *of, const struct ncm_layout *layout, const struct ncm_model *model)
{
	check_files(of, layout, model->files, model->file_count);
	for (size_t i = 0; i < model->variant_count; i++) {
		NCM_AUTO_FREE char *path = ncm_asprintf("%s.variants[%zu]", of->path, i);

		check_files(&(const struct spot){of->set, of->file, path, false, false}, layout,
			    model->variants[i].files, model->variants[i].file_count);
	}
}

void manifest_check_targets(struct manifest_set *set, const struct ncm_layout *layout)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct manifest_file *file = &set->files[i];

		for (size_t k = 0; k < file->count && !file->context; k++) {
			NCM_AUTO_FREE char *path = ncm_asprintf("$.models[%zu]", k);

			check_model(&(const struct spot){set, i, path, false, false}, layout,
				    &set->catalog->models[file->first + k]);
		}
	}
}
