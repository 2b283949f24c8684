/* SPDX-License-Identifier: MIT */
/* What moved, told to whoever keeps a log: the files at their new places. Of the old ones the removal tells. */
#include "move/work.h"

#include "base/mem.h"
#include "base/path.h"
#include "registry/deed.h"

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
			add(&telling, item,
			    (struct ncm_deed_file){.size = item->link ? 0 : (uint64_t)item->seen.st_size});
	}
	tell(&telling, sink);
}

void mover_tell_deeds(const struct mover *mover, const struct ncm_sink *sink)
{
	tell_models(mover, sink);
	tell_rest(mover, sink);
}
