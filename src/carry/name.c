/* SPDX-License-Identifier: MIT */
/* Where names come last (store/names.h): all bytes of the model are there, then all names, then what means the
 * revision. Files are many: each folder is synced once, when all is in it. */
#include "carry/carry.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/text_map.h"
#include "store/names.h"

/* The names of one model. */
struct naming {
	const struct run *run;
	struct ncm_text_map synced; /* folders, as the places' paths begin */
};

/* Calls with each place of the model, until one fails. */
static int each_place(const struct carry *carry, size_t model,
		      int (*call)(struct naming *naming, const struct place *place, struct ncm_error *err),
		      struct naming *naming, struct ncm_error *err)
{
	const struct contents *contents = &carry->planned->contents;

	for (size_t i = contents->first[model]; i < contents->first[model + 1]; i++) {
		const struct content *content = carry->planned->items[contents->of_models[i]].content;

		for (size_t k = 0; k < content->place_count; k++) {
			const struct place *place = &content->places[k];

			if (carry->run->wanted[place->wanted].model == model && call(naming, place, err) < 0)
				return -1;
		}
	}
	return 0;
}

static int list(struct naming *naming, const struct place *place, struct ncm_error *err)
{
	const struct ncm_resolution *resolution = naming->run->wanted[place->wanted].resolution;

	return store_list(place->store, place->relative, resolution ? resolution->listing : NULL, err);
}

static int give_name(struct naming *naming, const struct place *place, struct ncm_error *err)
{
	(void)naming;
	return store_give_name(place->store, place->relative, place->blob, err);
}

/* Syncs the folder of a path, absolute and below its store, once. */
static int sync_folder(struct naming *naming, const struct place *place, const char *path, const char *relative,
		       struct ncm_error *err)
{
	const size_t folder = (size_t)(ncm_path_base(path) - path);

	if (!place->blob || !ncm_text_map_add(&naming->synced, path, folder, 0))
		return 0;
	return store_sync_names(place->store, relative, err);
}

static int sync_bytes(struct naming *naming, const struct place *place, struct ncm_error *err)
{
	return sync_folder(naming, place, place_bytes_path(place), place_bytes(place), err);
}

/* Names that were there already, too: the run that made them may have been killed before it synced them. */
static int sync_names(struct naming *naming, const struct place *place, struct ncm_error *err)
{
	return sync_folder(naming, place, place->path, place->relative, err);
}

static int refer(struct naming *naming, const struct place *place, struct ncm_error *err)
{
	NCM_AUTO_FREE char *reference = ncm_source_reference(naming->run->wanted[place->wanted].uri);

	return store_refer(place->store, place->relative, reference, err);
}

int carry_name_model(struct carry *carry, size_t index)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct naming naming = {.run = carry->run};
	int failed = each_place(carry, index, sync_bytes, &naming, &err);

	if (!failed)
		failed = each_place(carry, index, list, &naming, &err);
	if (!failed)
		failed = each_place(carry, index, give_name, &naming, &err);
	if (!failed)
		failed = each_place(carry, index, sync_names, &naming, &err);
	/* A repair brings back what was there, and no branch moves. */
	if (!failed && !carry->planned->repairs)
		failed = each_place(carry, index, refer, &naming, &err);
	if (failed)
		model_fail(&carry->run->models[index], &err);
	ncm_text_map_free(&naming.synced);
	ncm_error_clear(&err);
	return failed;
}
