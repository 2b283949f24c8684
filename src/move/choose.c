/* SPDX-License-Identifier: MIT */
/* Which files go where. */
#include "move/work.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "source/source.h"

#include <string.h>

struct item *mover_add(struct mover *mover, const char *path, const char *relative)
{
	const json_t *known = json_object_get(mover->by_path, path);
	struct item *item;

	if (known)
		return &mover->items[json_integer_value(known)];
	json_object_set_new_nocheck(mover->by_path, path, json_integer((json_int_t)mover->count));
	item = NCM_PUSH(mover->items, mover->count);
	item->from = ncm_strdup(path);
	item->relative = ncm_strdup(relative);
	item->store = ncm_layout_store_of(mover->layout, path, NULL);
	return item;
}

static void add_registered(struct mover *mover, const struct ncm_reg_model *model, const struct ncm_reg_file *file,
			   const char *relative)
{
	struct item *item = mover_add(mover, file->abs, relative);

	item->registered = true;
	item->store = ncm_layout_store_of(mover->layout, file->abs, file->store);
	item->is_name = file->role && strcmp(file->role, "manifest") == 0;
	item->sha256 = file->sha256;
	if (!item->model)
		item->model = model->id;
	*NCM_PUSH(mover->switches, mover->switch_count) =
	    (struct switching){model, file, (size_t)(item - mover->items)};
}

static void add_store(struct mover *mover)
{
	const struct ncm_store *store = &mover->layout->stores[mover->source];

	for (size_t i = 0; i < mover->registry->count; i++) {
		const struct ncm_reg_model *model = &mover->registry->models[i];

		for (size_t k = 0; k < model->file_count; k++) {
			const struct ncm_reg_file *file = &model->files[k];

			if (ncm_layout_store_of(mover->layout, file->abs, file->store) == mover->source)
				add_registered(mover, model, file, ncm_path_below(file->abs, store->path));
		}
	}
}

/* The one store that all files of a model lie in. */
static int store_of_model(const struct mover *mover, const struct ncm_reg_model *model, size_t *store,
			  struct ncm_error *err)
{
	for (size_t i = 0; i < model->file_count; i++) {
		const struct ncm_reg_file *file = &model->files[i];
		const size_t found = ncm_layout_store_of(mover->layout, file->abs, file->store);

		if (i > 0 && found != *store) {
			ncm_error_set(err, NCM_E_USAGE, "%s has files in more than one store: %s and %s", model->id,
				      model->files[0].abs, file->abs);
			return ncm_error_hint(err, "a store can be moved as a whole: ncmodel mv STORE PATH");
		}
		*store = found;
	}
	return 0;
}

static const struct ncm_store_kind *kind_of(const struct mover *mover, size_t store)
{
	return store == NCM_NO_STORE ? &ncm_kind_folders : mover->layout->stores[store].kind;
}

/* Whether what lies in a store of one kind can lie in one of the other, too. */
static bool are_alike(const struct ncm_store_kind *a, const struct ncm_store_kind *b)
{
	return a == b || (!a->by_digest && !b->by_digest);
}

/* Where a model of folders goes below the target: what was named, or the folder of the name that it has now. The caller
 * frees it. */
static char *folder_for(const struct mover *mover, const struct ncm_reg_model *model, size_t store,
			struct ncm_error *err)
{
	const struct ncm_store *from = store == NCM_NO_STORE ? NULL : &mover->layout->stores[store];
	const char *relative = from ? ncm_path_below(model->files[0].abs, from->path) : NULL;
	const struct ncm_store_folder *around = relative ? ncm_store_folder_around(from, relative) : NULL;
	NCM_AUTO_FREE char *path = NULL;

	if (*mover->folder || mover->target->folder_count == 0)
		return ncm_strdup(mover->folder);
	path = around ? ncm_store_path(mover->target, around->name, "x", NULL) : NULL;
	if (path)
		return ncm_path_folder(path);
	ncm_error_set(err, NCM_E_USAGE, "into which folder of the store \"%s\" is %s to go?", mover->target->id,
		      model->id);
	ncm_error_hint(err, "say --to %s/FOLDER, as --to %s/%s", mover->target->id, mover->target->id,
		       mover->target->folders[0].name);
	return NULL;
}

/* How much of the paths of a model's files is the folder that all lie in, with its slash. */
static size_t common_folder(const struct ncm_reg_model *model)
{
	const char *first = model->files[0].abs;
	size_t size = (size_t)(ncm_path_base(first) - first);

	for (size_t i = 1; i < model->file_count; i++) {
		while (size > 0 && (strncmp(model->files[i].abs, first, size) != 0 || first[size - 1] != '/'))
			size--;
	}
	return size;
}

/* Where a file goes whose path in its model's folder is `name`: into the chosen folder, but for a store whose kind has
 * places of its own for files. The caller frees it. */
static char *relative_for(const struct mover *mover, const struct ncm_reg_model *model, const char *folder,
			  const char *name, struct ncm_error *err)
{
	NCM_AUTO_FREE char *home = model->source ? ncm_source_folder(model->source) : NULL;
	const struct ncm_store_offer offer = {
	    .name = name, .repository = home, .path = name, .is_part = model->file_count > 1};

	return folder && mover->target->kind->place ? ncm_store_place(mover->target, &offer, err)
						    : ncm_path_join(folder, name);
}

static int add_model(struct mover *mover, const struct ncm_reg_model *model, struct ncm_error *err)
{
	size_t store = NCM_NO_STORE, common;
	NCM_AUTO_FREE char *folder = NULL;

	if (model->file_count == 0)
		return 0;
	if (store_of_model(mover, model, &store, err) < 0)
		return -1;
	if (!are_alike(kind_of(mover, store), mover->target->kind)) {
		ncm_error_set(err, NCM_E_USAGE, "%s cannot go from a store of kind %s to one of kind %s", model->id,
			      kind_of(mover, store)->name, mover->target->kind->name);
		return ncm_error_hint(err, "`ncmodel stores --json` tells the kinds");
	}
	if (!mover->target->kind->by_digest) {
		folder = folder_for(mover, model, store, err);
		if (!folder)
			return -1;
	}
	common = folder ? common_folder(model) : strlen(mover->layout->stores[store].path) + 1;
	for (size_t i = 0; i < model->file_count; i++) {
		NCM_AUTO_FREE char *relative = relative_for(mover, model, folder, model->files[i].abs + common, err);
		NCM_AUTO_FREE char *place = relative ? ncm_path_join(mover->target->path, relative) : NULL;

		if (!place)
			return ncm_error_wrap(err, "%s", model->id);
		if (strcmp(place, model->files[i].abs) != 0)
			add_registered(mover, model, &model->files[i], relative);
	}
	return 0;
}

static int add_models(struct mover *mover, struct ncm_error *err)
{
	struct ncm_selector selector = {0};
	const struct ncm_reg_model **chosen = NULL;
	size_t count = 0;
	int failed;

	for (size_t i = 0; i < mover->options.count; i++)
		ncm_strings_add(&selector.names, mover->options.names[i]);
	failed = ncm_registry_select(mover->registry, &selector, &chosen, &count, err);
	for (size_t i = 0; i < count && !failed; i++)
		failed = add_model(mover, chosen[i], err);
	ncm_strings_free(&selector.names);
	free(chosen);
	return failed;
}

int mover_choose(struct mover *mover, struct ncm_error *err)
{
	if (mover->source == NCM_NO_STORE)
		return add_models(mover, err) < 0 ? -1 : mover_add_belongings(mover, err);
	if (mover->is_there)
		return 0;
	add_store(mover);
	if (mover_add_belongings(mover, err) < 0)
		return -1;
	return mover->options.rest ? mover_add_rest(mover, err) : 0;
}
