/* SPDX-License-Identifier: MIT */
/*
 * What is told of a move. To whoever keeps a log: the files at their new places; of the old ones the removal tells. To
 * the user: what the applications' own settings, and manifests, have to say from now on, for ours tell them nothing.
 */
#include "move/work.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "os/os.h"
#include "registry/deed.h"

#include <string.h>

/* The files of one model, or (NULL) of none. */
struct telling {
	const struct mover *mover;
	const struct ncm_reg_model *model;
	struct ncm_deed_file *files;
	size_t count;
};

static void add(struct telling *telling, const struct item *item, struct ncm_deed_file file)
{
	if (item->why)
		return;
	file.path = ncm_path_join(telling->mover->target->path, item->relative);
	file.store = telling->mover->target->id;
	*NCM_PUSH(telling->files, telling->count) = file;
}

static void tell(struct telling *telling, const struct ncm_sink *sink)
{
	const struct ncm_reg_model *model = telling->model;
	const struct ncm_deed deed = {.action = "moved",
				      .model = model ? model->id : NULL,
				      .source = model ? model->source : NULL,
				      .revision = model ? model->revision : NULL,
				      .files = telling->files,
				      .file_count = telling->count};

	if (telling->count > 0)
		ncm_emit_deed(sink, &deed);
	for (size_t i = 0; i < telling->count; i++)
		free(telling->files[i].path);
	free(telling->files);
	telling->files = NULL;
	telling->count = 0;
}

static void tell_models(const struct mover *mover, const struct ncm_sink *sink)
{
	struct telling telling = {.mover = mover};

	/* Those of one model follow each other. */
	for (size_t i = 0; i < mover->switch_count; i++) {
		const struct switching *switching = &mover->switches[i];

		if (telling.model != switching->model)
			tell(&telling, sink);
		telling.model = switching->model;
		add(&telling, &mover->items[switching->item], registry_deed_file(switching->file));
	}
	tell(&telling, sink);
}

static void tell_rest(const struct mover *mover, const struct ncm_sink *sink)
{
	struct telling telling = {.mover = mover};

	for (size_t i = 0; i < mover->count; i++) {
		const struct item *item = &mover->items[i];

		if (!item->registered)
			add(&telling, item, (struct ncm_deed_file){.size = item->link ? 0 : item->seen.size});
	}
	tell(&telling, sink);
}

void mover_tell_deeds(const struct mover *mover, const struct ncm_sink *sink)
{
	tell_models(mover, sink);
	tell_rest(mover, sink);
}

static void say(struct mover *mover, char *line)
{
	ncm_strings_take(&mover->move->settings, line);
}

static void say_folders(struct mover *mover, const struct ncm_store *store, const char *path)
{
	if (!store->part_of && strncmp(store->id, "comfyui", 7) == 0)
		say(mover, ncm_asprintf("ComfyUI: base_path: %s, in its extra_model_paths.yaml", path));
	else if (!store->part_of && strncmp(store->id, "a1111", 5) == 0)
		say(mover, ncm_asprintf("stable-diffusion-webui: --data-dir %s", path));
	else
		say(mover, ncm_asprintf("the programs that read %s: the folder is %s now", store->path, path));
}

/* A word that goes before the configuration file. */
static void say_own(struct mover *mover, const struct ncm_store *store, const char *path)
{
	if (store->why == NCM_PLACED_BY_FLAG)
		say(mover, ncm_asprintf("ncmodel: --store-path %s=%s in place of the old one", store->id, path));
	else if (store->why == NCM_PLACED_BY_ENVIRONMENT && strncmp(store->told_by, "NCMODEL_", 8) == 0)
		say(mover, ncm_asprintf("ncmodel: %s=%s", store->told_by, path));
}

/* A manifest says where its models go: a pull of it would place them where they were. */
static void say_manifests(struct mover *mover)
{
	const struct ncm_reg_model *told = NULL;

	/* Those of one model follow each other. */
	for (size_t i = 0; i < mover->switch_count; i++) {
		const struct ncm_reg_model *model = mover->switches[i].model;

		if (model != told && model->profiles.count > 0)
			say(mover,
			    ncm_asprintf("the manifest of %s (profile %s): its new place, in \"to\"; else the next "
					 "pull places it where it was, too",
					 model->id, model->profiles.items[0]));
		told = model;
	}
}

void mover_tell_settings(struct mover *mover)
{
	const struct ncm_store *store = mover->source == NCM_NO_STORE ? NULL : &mover->layout->stores[mover->source];
	const char *path = mover->target->path;

	mover->move->sets_configuration = store != NULL;
	if (!store) {
		say_manifests(mover);
		return;
	}
	say_own(mover, store, path);
	if (store->kind->setting)
		say(mover, store->kind->setting(store, path));
	else
		say_folders(mover, store, path);
}
