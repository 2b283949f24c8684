/* SPDX-License-Identifier: MIT */
/* The applications' own settings, and the manifests: ours tell them nothing. */
#include "move/work.h"

#include "base/mem.h"
#include "base/strings.h"

#include <string.h>

static void say(struct mover *mover, char *line)
{
	ncm_strings_take(&mover->move->settings, line);
}

static void say_folders(struct mover *mover, const struct ncm_store *store, const char *path)
{
	if (strncmp(store->id, "comfyui", 7) == 0)
		say(mover, ncm_asprintf("ComfyUI: base_path: %s, in its extra_model_paths.yaml", path));
	else if (strncmp(store->id, "a1111", 5) == 0)
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
