/* SPDX-License-Identifier: MIT */
/*
 * The cache of huggingface_hub. Source: its docs, "Understand caching" (hub-docs local-cache.md): a repository's folder
 * "models--ORG--NAME" has blobs/<etag>, snapshots/<commit>/<path> (links to blobs; files where links cannot be made),
 * refs/<name> (text: the commit; one without a snapshot makes the repository count as corrupted), trees/<commit>.json
 * and .no_exist/<commit>/<path>. A repository's blob may be a link to one that all repositories share (store/share.h).
 */
#include "upkeep/upkeep.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "store/kind_huggingface.h"
#include "store/walk.h"

#include <errno.h>
#include <string.h>

enum { COMMIT = 40 /* hex digits */ };

/* A snapshot that goes as a whole. */
struct snapshot {
	struct upkeep *upkeep;
	size_t store;
	const char *model;
	char *folder; /* that is walked, below the store */
	char commit[COMMIT + 1];
	enum ncm_removal_kind kind; /* of what is not a link */
};

bool upkeep_is_foreign(const struct upkeep *upkeep, size_t store, const char *model)
{
	const json_t *adopted = model ? json_object_get(upkeep->leaving, model) : NULL;

	return upkeep->layout->stores[store].kind->keeps_repositories && !json_is_false(adopted);
}

static void consider(const struct snapshot *snapshot, const char *relative, enum ncm_removal_kind kind)
{
	const struct ncm_store *in = &snapshot->upkeep->layout->stores[snapshot->store];
	NCM_AUTO_FREE char *path = ncm_path_join(in->path, relative);

	upkeep_consider(snapshot->upkeep, &(struct candidate){.kind = kind,
							      .path = path,
							      .store = in->id,
							      .model = snapshot->model,
							      .foreign = upkeep_is_foreign(
								  snapshot->upkeep, snapshot->store, snapshot->model)});
}

static void consider_entry(void *context, const struct ncm_walk_entry *entry)
{
	const struct snapshot *snapshot = context;
	NCM_AUTO_FREE char *relative = ncm_path_join(snapshot->folder, entry->path);

	consider(snapshot, relative, entry->status->kind == OS_IS_LINK ? NCM_REMOVAL_LINK : snapshot->kind);
}

static void consider_ref(void *context, const struct ncm_walk_entry *entry)
{
	const struct snapshot *snapshot = context;
	NCM_AUTO_CLOSE int fd = os_open_beneath(entry->dirfd, entry->name, OS_READ);
	NCM_AUTO_FREE char *text = fd < 0 ? NULL : ncm_read_fd(fd, 2 * COMMIT, NULL);
	NCM_AUTO_FREE char *relative = ncm_path_join(snapshot->folder, entry->path);
	NCM_AUTO_FREE char *path = ncm_path_join(snapshot->upkeep->layout->stores[snapshot->store].path, relative);

	if (text && strcmp(text, snapshot->commit) == 0)
		consider(snapshot, relative, NCM_REMOVAL_MANIFEST);
	else if (!text && snapshot->upkeep->error.code == NCM_OK)
		ncm_error_errno(&snapshot->upkeep->error, errno, "nothing was removed: cannot read %s", path);
}

/* Everything below a folder of the repository, which is taken. */
static void consider_below(struct snapshot *snapshot, char *folder, enum ncm_removal_kind kind,
			   void (*found)(void *context, const struct ncm_walk_entry *entry))
{
	struct upkeep *upkeep = snapshot->upkeep;

	snapshot->folder = folder;
	snapshot->kind = kind;
	/* Nothing is to be half removed. */
	if (upkeep_walk(upkeep, snapshot->store, folder, true, found, snapshot) < 0 && upkeep->error.code == NCM_OK) {
		ncm_error_set(&upkeep->error, NCM_E_IO, "cannot read all of %s/%s",
			      upkeep->layout->stores[snapshot->store].path, folder);
		ncm_error_hint(&upkeep->error, "nothing was removed");
	}
	free(folder);
}

/* Whether a model that stays was registered by blobs of this cache, and is of the commit. */
static bool has_commit(const struct upkeep *upkeep, size_t store, const char *commit)
{
	for (size_t i = 0; i < upkeep->registry->count; i++) {
		const struct ncm_reg_model *model = &upkeep->registry->models[i];

		if (model->file_count > 0 && model->revision && strcmp(model->revision, commit) == 0 &&
		    !json_object_get(upkeep->leaving, model->id) &&
		    upkeep_store_of(upkeep, model->files[0].abs, model->files[0].store) == store)
			return true;
	}
	return false;
}

/* Whether a model that stays has a file in the folder (absolute). */
static bool is_needed(const struct upkeep *upkeep, const char *folder)
{
	const char *path;
	json_t *id;

	json_object_foreach(upkeep->by_path, path, id)
	{
		if (ncm_path_below(path, folder))
			return true;
	}
	return false;
}

/* What models that leave have in a folder of the store, by path. */
struct leaving_files {
	const struct snapshot *snapshot;
	const char *folder; /* absolute */
	json_t *paths;
	bool more; /* something else lies there */
};

static void find_more(void *context, const struct ncm_walk_entry *entry)
{
	struct leaving_files *files = context;
	NCM_AUTO_FREE char *path = ncm_path_join(files->folder, entry->path);

	files->more = files->more || !json_object_get(files->paths, path);
}

static void add_leaving(struct leaving_files *files, const struct ncm_reg_model *model)
{
	for (size_t i = 0; i < model->file_count; i++) {
		if (ncm_path_below(model->files[i].abs, files->folder))
			json_object_set_new_nocheck(files->paths, model->files[i].abs, json_true());
	}
}

/* What was pulled may be a part of a repository: what else lies in its snapshot is somebody else's. What was adopted is
 * all of it. */
static bool holds_more(const struct snapshot *snapshot, const char *folder)
{
	struct upkeep *upkeep = snapshot->upkeep;
	const struct ncm_store *in = &upkeep->layout->stores[snapshot->store];
	struct leaving_files files = {snapshot, folder, json_object(), false};

	for (size_t i = 0; i < upkeep->registry->count; i++) {
		if (json_is_false(json_object_get(upkeep->leaving, upkeep->registry->models[i].id)))
			add_leaving(&files, &upkeep->registry->models[i]);
	}
	if (json_object_size(files.paths) > 0)
		(void)upkeep_walk(upkeep, snapshot->store, ncm_path_below(folder, in->path), true, find_more, &files);
	json_decref(files.paths);
	if (files.more)
		json_object_set_new_nocheck(upkeep->listed, folder, json_true());
	return files.more;
}

void upkeep_consider_snapshot(struct upkeep *upkeep, size_t store, const char *relative, const char *model)
{
	const struct ncm_store *in = &upkeep->layout->stores[store];
	const char *rest = store_hub_rest_of(relative, "snapshots");
	const int repository = (int)strcspn(relative, "/");
	struct snapshot snapshot = {.upkeep = upkeep, .store = store, .model = model};
	NCM_AUTO_FREE char *folder = NULL;
	NCM_AUTO_FREE char *tree = NULL;

	if (!rest || strcspn(rest, "/") != COMMIT)
		return;
	memcpy(snapshot.commit, rest, COMMIT);
	folder = ncm_asprintf("%s/%.*s/snapshots/%s", in->path, repository, relative, snapshot.commit);
	if (json_object_get(upkeep->listed, folder) || is_needed(upkeep, folder) ||
	    has_commit(upkeep, store, snapshot.commit) || holds_more(&snapshot, folder))
		return;
	json_object_set_new_nocheck(upkeep->listed, folder, json_true());
	tree = ncm_asprintf("%.*s/trees/%s.json", repository, relative, snapshot.commit);
	consider(&snapshot, tree, NCM_REMOVAL_MANIFEST);
	consider_below(&snapshot, ncm_asprintf("%.*s/refs", repository, relative), NCM_REMOVAL_MANIFEST, consider_ref);
	consider_below(&snapshot, ncm_asprintf("%.*s/.no_exist/%s", repository, relative, snapshot.commit),
		       NCM_REMOVAL_MANIFEST, consider_entry);
	consider_below(&snapshot, ncm_asprintf("%.*s/snapshots/%s", repository, relative, snapshot.commit),
		       NCM_REMOVAL_FILE, consider_entry);
}

static bool is_of_commit(const char *link, const char *commit)
{
	const char *rest = store_hub_rest_of(link, "snapshots");

	return rest && commit && strlen(commit) == COMMIT && strncmp(rest, commit, COMMIT) == 0 && rest[COMMIT] == '/';
}

static void consider_names(struct upkeep *upkeep, size_t store, const char *blob, const struct ncm_reg_model *model,
			   bool is_free)
{
	const json_t *name;
	size_t i;

	json_array_foreach(json_object_get(upkeep->facts[store].named, blob), i, name)
	{
		const char *link = json_string_value(name);
		struct snapshot snapshot = {.upkeep = upkeep, .store = store, .model = model->id};

		if (store_hub_is_blob(link))
			consider_names(upkeep, store, link, model, is_free);
		if (!is_of_commit(link, model->revision))
			continue;
		upkeep_consider_snapshot(upkeep, store, link, model->id);
		if (is_free)
			consider(&snapshot, link, NCM_REMOVAL_LINK);
	}
}

void upkeep_consider_commit(struct upkeep *upkeep, size_t store, const char *blob, const struct ncm_reg_model *model)
{
	NCM_AUTO_FREE char *path = ncm_path_join(upkeep->layout->stores[store].path, blob);

	upkeep_learn_names(upkeep, store, false);
	consider_names(upkeep, store, blob, model, !json_object_get(upkeep->by_path, path));
}
