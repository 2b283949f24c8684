/* SPDX-License-Identifier: MIT */
/* What removing registered models means, and what a move leaves behind. */
#include "upkeep/upkeep.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "manifest/filter.h"
#include "os/os.h"
#include "upkeep/moved.h"

#include <string.h>
#include <strings.h>

static bool is_registered(const struct upkeep *upkeep, const char *id)
{
	for (size_t i = 0; i < upkeep->registry->count; i++) {
		if (strcmp(upkeep->registry->models[i].id, id) == 0)
			return true;
	}
	return false;
}

/* Models that are not there any more when the plan is made again have been removed by somebody else. */
static void drop_absent(const struct upkeep *upkeep, struct ncm_strings *names)
{
	size_t kept = 0;

	for (size_t i = 0; i < names->count; i++) {
		if (is_registered(upkeep, names->items[i]))
			names->items[kept++] = names->items[i];
		else
			free(names->items[i]);
	}
	names->count = kept;
}

static int choose_again(struct upkeep *upkeep, const struct ncm_reg_model ***chosen, size_t *count,
			struct ncm_error *err)
{
	struct ncm_selector selector = {0};

	drop_absent(upkeep, &upkeep->request.names);
	selector.names = upkeep->request.names;
	return selector.names.count == 0 ? 0 : ncm_registry_select(upkeep->registry, &selector, chosen, count, err);
}

static int choose(struct upkeep *upkeep, const struct ncm_reg_model ***chosen, size_t *count, struct ncm_error *err)
{
	const struct ncm_selector *selector = upkeep->request.selector;

	if (!upkeep->request.all && ncm_selector_is_open(selector)) {
		ncm_error_set(err, NCM_E_USAGE, "which models are to be removed?");
		return ncm_error_hint(err, "name them, or choose some as for `ncmodel list`, which shows what is "
					   "installed");
	}
	return ncm_registry_select(upkeep->registry, selector, chosen, count, err);
}

/* Whether one of these stores, or of their parts ("STORE/FOLDER"), has the file. */
static bool is_in(const struct ncm_strings *stores, const struct ncm_reg_file *file)
{
	for (size_t i = 0; i < stores->count; i++) {
		const size_t length = strlen(stores->items[i]);

		if (strncasecmp(file->store, stores->items[i], length) == 0 &&
		    (file->store[length] == '\0' || file->store[length] == '/'))
			return true;
	}
	return false;
}

/* Models go whole: who chooses a store's need not know that one of them lies in others, too. */
static int check_stores(const struct upkeep *upkeep, const struct ncm_reg_model *model, struct ncm_error *err)
{
	const struct ncm_strings *stores = &upkeep->request.selector->stores;

	for (size_t i = 0; stores->count > 0 && i < model->file_count; i++) {
		const struct ncm_reg_file *file = &model->files[i];

		if (!file->store || is_in(stores, file))
			continue;
		ncm_error_set(err, NCM_E_USAGE,
			      "%s lies in %s, too, and would go from there as well: nothing was removed", model->id,
			      file->store);
		return ncm_error_hint(err, "leave out --store to remove a model from all stores, or add --store %s",
				      file->store);
	}
	return 0;
}

/* Who chooses a profile's models need not know of the others that have them. */
static void warn_of_profiles(struct upkeep *upkeep, const struct ncm_reg_model *model)
{
	const struct ncm_strings *chosen = &upkeep->request.selector->profiles;

	for (size_t i = 0; chosen->count > 0 && i < model->profiles.count; i++) {
		if (!ncm_strings_contain(chosen, model->profiles.items[i]))
			upkeep_warn(upkeep, "%s is of the profile %s, too", model->id, model->profiles.items[i]);
	}
}

static bool is_manifest(const struct upkeep *upkeep, const struct ncm_reg_file *file)
{
	const size_t store = upkeep_store_of(upkeep, file->abs, file->store);

	return store != NOWHERE &&
	       upkeep_is_tag(upkeep, store, ncm_path_below(file->abs, upkeep->layout->stores[store].path));
}

static bool is_link(const char *path)
{
	struct os_stat status;

	return os_lstat(OS_HERE, path, &status) == 0 && status.kind == OS_IS_LINK;
}

static enum ncm_removal_kind kind_of(const struct upkeep *upkeep, const struct ncm_reg_file *file)
{
	const size_t store = upkeep_store_of(upkeep, file->abs, file->store);

	if (is_manifest(upkeep, file))
		return NCM_REMOVAL_MANIFEST;
	if (store == NOWHERE)
		return NCM_REMOVAL_FILE;
	if (upkeep_blob_key(&upkeep->layout->stores[store],
			    ncm_path_below(file->abs, upkeep->layout->stores[store].path)))
		return NCM_REMOVAL_BLOB;
	return file->target || is_link(file->abs) ? NCM_REMOVAL_LINK : NCM_REMOVAL_FILE;
}

/* Whether something is known to bring these very bytes back. An older entry says so of the whole model alone. */
static bool has_source(const struct ncm_reg_model *model, const struct ncm_reg_file *file)
{
	const bool known = !ncm_sha256_is_zero(&file->sha256);

	return file->source || (file->origin != NCM_ORIGIN_ADOPTED && known && model->source);
}

static bool was_adopted(const struct ncm_reg_model *model, const struct ncm_reg_file *file)
{
	return file->origin == NCM_ORIGIN_ADOPTED || (file->origin == NCM_ORIGIN_UNKNOWN && !has_source(model, file));
}

static void consider_file(struct upkeep *upkeep, const struct ncm_reg_model *model, const struct ncm_reg_file *file)
{
	const size_t store = upkeep_store_of(upkeep, file->abs, file->store);
	const bool known = !ncm_sha256_is_zero(&file->sha256);
	const enum ncm_removal_kind kind = kind_of(upkeep, file);
	const char *relative = store == NOWHERE ? NULL : ncm_path_below(file->abs, upkeep->layout->stores[store].path);
	const struct ncm_store_kind *in = store == NOWHERE ? NULL : upkeep->layout->stores[store].kind;
	bool goes;

	/* It may be there in another form than was recorded, which is no change of the model. */
	if (known && relative && upkeep_is_tag(upkeep, store, relative))
		upkeep_kind_of(in)->consider_tag(upkeep, store, relative, model, file);
	goes = upkeep_consider(upkeep, &(struct candidate){.kind = kind,
							   .target = file->target,
							   .adopted = was_adopted(model, file),
							   .lost = !has_source(model, file),
							   .path = file->abs,
							   .store = file->store,
							   .model = model->id,
							   .foreign = !in || file->origin == NCM_ORIGIN_ADOPTED,
							   .recorded = known,
							   .size = file->size,
							   .mtime_ns = file->mtime_ns});

	if (store == NOWHERE)
		return;
	if (goes)
		upkeep_consider_beside(upkeep, model, file);
	if (goes && known && kind != NCM_REMOVAL_LINK)
		upkeep_consider_checkpoints(upkeep, store, &file->sha256, model->id);
	if (upkeep_kind_of(in)->consider_around)
		upkeep_kind_of(in)->consider_around(upkeep, store, relative, model->id);
}

/* The first of the names that goes, or NULL. */
static const json_t *first_leaving(const struct store_facts *facts, const json_t *names)
{
	const json_t *name, *leaving = NULL;
	size_t i;

	json_array_foreach(names, i, name)
	{
		leaving = leaving ? leaving : json_object_get(facts->leaving, json_string_value(name));
	}
	return leaving;
}

/* Blobs that something which goes has named, whether models.json lists them or not. */
static void consider_named(struct upkeep *upkeep, size_t store)
{
	const struct ncm_store *in = &upkeep->layout->stores[store];
	const char *key;
	json_t *names;

	upkeep_learn_names(upkeep, store, false);
	json_object_foreach(upkeep->facts[store].named, key, names)
	{
		const json_t *leaving = first_leaving(&upkeep->facts[store], names);
		NCM_AUTO_FREE char *relative = in->kind->blob_path ? in->kind->blob_path(key) : ncm_strdup(key);
		NCM_AUTO_FREE char *path = ncm_path_join(in->path, relative);
		const struct candidate blob = {
		    .kind = is_link(path) ? NCM_REMOVAL_LINK : NCM_REMOVAL_BLOB,
		    .path = path,
		    .store = in->id,
		    .model = json_string_value(leaving),
		    .foreign = upkeep_is_foreign(upkeep, store, json_string_value(leaving)),
		};
		struct ncm_sha256 digest;

		if (leaving && upkeep_consider(upkeep, &blob) && ncm_sha256_parse(ncm_path_base(key), &digest) == 0)
			upkeep_consider_checkpoints(upkeep, store, &digest, blob.model);
	}
}

void upkeep_consider_checkpoints(struct upkeep *upkeep, size_t store, const struct ncm_sha256 *digest,
				 const char *model)
{
	const struct ncm_store *in = &upkeep->layout->stores[store];
	char hex[NCM_SHA256_HEX + 1];
	NCM_AUTO_FREE char *below = ncm_path_join(OWN_CHECKPOINTS, ncm_sha256_hex(digest, hex));
	NCM_AUTO_FREE char *own = store_own_path(in, below);
	NCM_AUTO_FREE char *path = ncm_path_join(in->path, own);

	if (!json_object_get(upkeep->by_digest, hex))
		upkeep_consider(
		    upkeep,
		    &(struct candidate){
			.kind = NCM_REMOVAL_CHECKPOINTS, .path = path, .store = in->id, .model = model, .quiet = true});
}

/* Models that were registered by their blobs: what links these goes first. */
static void consider_links(struct upkeep *upkeep, const struct ncm_reg_model *model)
{
	for (size_t i = 0; i < model->file_count; i++) {
		const size_t store = upkeep_store_of(upkeep, model->files[i].abs, model->files[i].store);
		const struct ncm_store *in = store == NOWHERE ? NULL : &upkeep->layout->stores[store];

		if (in && upkeep_kind_of(in->kind)->consider_links)
			upkeep_kind_of(in->kind)->consider_links(upkeep, store,
								 ncm_path_below(model->files[i].abs, in->path), model);
	}
}

static void consider_models(struct upkeep *upkeep, const struct ncm_reg_model *const *models, size_t count)
{
	for (size_t i = 0; i < count; i++)
		consider_links(upkeep, models[i]);
	/* Twice: a repository's blob may be a link to one that others share. */
	for (size_t i = 0; i < 2 * upkeep->layout->count; i++) {
		if (json_object_size(upkeep->facts[i / 2].leaving) > 0)
			consider_named(upkeep, i / 2);
	}
	/* Manifests first: what else names a blob is known then. */
	for (int manifests = 1; manifests >= 0; manifests--) {
		for (size_t i = 0; i < count; i++) {
			for (size_t k = 0; k < models[i]->file_count; k++) {
				if (is_manifest(upkeep, &models[i]->files[k]) == (manifests == 1))
					consider_file(upkeep, models[i], &models[i]->files[k]);
			}
		}
	}
	for (size_t i = 0; i < upkeep->layout->count; i++) {
		if (json_object_size(upkeep->facts[i].leaving) > 0)
			consider_named(upkeep, i);
	}
}

static bool is_adopted(const struct ncm_reg_model *model)
{
	return model->file_count > 0 && was_adopted(model, &model->files[0]);
}

int upkeep_plan_removal(struct upkeep *upkeep, struct ncm_error *err)
{
	const struct ncm_reg_model **models = NULL;
	size_t count = 0;
	int failed = (upkeep->request.again ? choose_again : choose)(upkeep, &models, &count, err);

	for (size_t i = 0; !failed && !upkeep->request.again && i < count; i++)
		failed = check_stores(upkeep, models[i], err);
	if (failed) {
		free(models);
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		if (!upkeep->request.again)
			warn_of_profiles(upkeep, models[i]);
		json_object_set_new_nocheck(upkeep->leaving, models[i]->id, json_boolean(is_adopted(models[i])));
		ncm_strings_add(&upkeep->removal->models, models[i]->id);
	}
	upkeep_learn_users(upkeep);
	consider_models(upkeep, models, count);
	free(models);
	return upkeep->error.code == NCM_OK ? 0 : ncm_error_move(err, &upkeep->error);
}

struct ncm_removal *ncm_remove_plan(const struct ncm_config *config, const struct ncm_remove_options *options,
				    struct ncm_error *err)
{
	const struct request request = {.config = config,
					.selector = options->selector,
					.all = options->all,
					.force = options->force,
					.sidecars = options->sidecars};
	struct upkeep *upkeep = upkeep_plan(&request, err);

	return upkeep ? upkeep->removal : NULL;
}

static enum ncm_removal_kind kind_of_moved(const struct upkeep *upkeep, const struct upkeep_moved *file)
{
	const size_t number = upkeep_store_of(upkeep, file->path, file->store);
	const struct ncm_store *store = number == NOWHERE ? NULL : &upkeep->layout->stores[number];
	const char *relative = store ? ncm_path_below(file->path, store->path) : NULL;
	struct os_stat status;

	if (relative && upkeep_is_tag(upkeep, number, relative))
		return NCM_REMOVAL_MANIFEST;
	if (relative && os_lstat(OS_HERE, file->path, &status) == 0 && status.kind == OS_IS_LINK)
		return NCM_REMOVAL_LINK;
	if (relative && upkeep_blob_key(store, relative))
		return NCM_REMOVAL_BLOB;
	return file->is_name && relative ? NCM_REMOVAL_MANIFEST : NCM_REMOVAL_FILE;
}

static void consider_moved(struct upkeep *upkeep, const struct upkeep_moved *file)
{
	upkeep_consider(upkeep, &(struct candidate){.kind = kind_of_moved(upkeep, file),
						    .path = file->path,
						    .store = file->store,
						    .by = upkeep->request.moved_by,
						    .recorded = true,
						    .size = file->size,
						    .mtime_ns = file->mtime_ns});
}

int upkeep_plan_moved(struct upkeep *upkeep, struct ncm_error *err)
{
	upkeep_learn_users(upkeep);
	/* Names first: what else names a blob is known then. */
	for (int names = 1; names >= 0; names--) {
		for (size_t i = 0; i < upkeep->request.moved_count; i++) {
			if (upkeep->request.moved[i].is_name == (names == 1))
				consider_moved(upkeep, &upkeep->request.moved[i]);
		}
	}
	return upkeep->error.code == NCM_OK ? 0 : ncm_error_move(err, &upkeep->error);
}

struct ncm_removal *upkeep_moved_plan(const struct ncm_config *config, const struct upkeep_moved *files, size_t count,
				      const struct authority *by, struct ncm_error *err)
{
	const struct request request = {
	    .config = config, .is_move = true, .moved = files, .moved_count = count, .moved_by = by};
	struct upkeep *upkeep = upkeep_plan(&request, err);

	return upkeep ? upkeep->removal : NULL;
}
