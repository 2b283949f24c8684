/* SPDX-License-Identifier: MIT */
/* Deletes what the list says, looking at each file once more. */
#include "upkeep/tally.h"
#include "upkeep/upkeep.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "os/os.h"
#include "store/inside.h"
#include "store/staging.h"

#include <errno.h>
#include <string.h>

static bool is_blob(const struct upkeep *upkeep, const struct target *target)
{
	return target->store != NOWHERE &&
	       upkeep_blob_key(&upkeep->layout->stores[target->store], target->relative) != NULL;
}

static enum rank rank_of(const struct upkeep *upkeep, size_t index)
{
	switch (upkeep->removal->files[index].kind) {
	case NCM_REMOVAL_MANIFEST:
		return RANK_NAMES;
	case NCM_REMOVAL_LINK:
		return is_blob(upkeep, &upkeep->targets[index]) ? RANK_BLOB_LINKS : RANK_LINKS;
	case NCM_REMOVAL_NOTE:
		return RANK_NOTES;
	default:
		return RANK_BYTES;
	}
}

void upkeep_settle(struct ncm_removal_file *file, enum ncm_removal_state state, char *why)
{
	free(file->why);
	file->why = why;
	file->state = state;
	file->freed = 0;
}

static int delete_entry(const struct target *target, int folder, const char *name)
{
	return target->seen.kind == OS_IS_FOLDER ? ncm_remove_beneath(folder, name) : os_unlink(folder, name);
}

/* The last look, and the deed. */
static void delete_file(struct deletion *deletion, size_t index)
{
	struct upkeep *upkeep = deletion->upkeep;
	struct ncm_removal_file *file = &upkeep->removal->files[index];
	const struct target *target = &upkeep->targets[index];
	const uint64_t planned = file->freed;
	struct os_stat status;
	const char *name;
	NCM_AUTO_CLOSE int folder = upkeep_look(upkeep, target, &name, &status);

	if (folder < 0 && errno == ENOENT) {
		upkeep_settle(file, NCM_REMOVAL_REMOVED, ncm_strdup("somebody else removed it meanwhile"));
		return;
	}
	if (folder >= 0 && status.kind != OS_IS_FOLDER && !upkeep_is_same(&status, &target->seen)) {
		upkeep_settle(file, NCM_REMOVAL_KEPT, ncm_strdup("changed meanwhile"));
		return;
	}
	if (folder < 0 || delete_entry(target, folder, name) < 0) {
		upkeep_settle(file, NCM_REMOVAL_FAILED, ncm_strdup(os_error_text(errno)));
		deletion->failed = true;
		if (target->store != NOWHERE && rank_of(upkeep, index) < RANK_BYTES)
			deletion->stopped[target->store] = true;
		return;
	}
	file->state = NCM_REMOVAL_REMOVED;
	file->freed = status.kind == OS_IS_FOLDER                      ? planned
		      : status.kind == OS_IS_FILE && status.links == 1 ? tally_blocks(&status)
								       : 0;
	ncm_emit_text(deletion->sink, NCM_EVENT_DEBUG, "removed %s", file->path);
}

/* What names blobs may have come since the plan was made: an application does not know our locks. */
static void look_at_names_again(struct upkeep *upkeep)
{
	bool *wanted = ncm_calloc(upkeep->layout->count, sizeof *wanted);

	for (size_t i = 0; i < upkeep->removal->count; i++) {
		if (upkeep->removal->files[i].state == NCM_REMOVAL_GOES && is_blob(upkeep, &upkeep->targets[i]))
			wanted[upkeep->targets[i].store] = true;
	}
	for (size_t i = 0; i < upkeep->layout->count; i++) {
		if (wanted[i])
			upkeep_learn_names(upkeep, i, true);
	}
	free(wanted);
}

/* errno says why. What was removed may come back when the machine goes down: the note stays, and tells gc. */
static void cannot_sync(struct deletion *deletion, const char *path)
{
	NCM_AUTO_FREE char *text = ncm_asprintf("what was removed from the folder of %s may come back if the machine "
						"goes down: %s",
						path, os_error_text(errno));

	ncm_strings_add_new(&deletion->upkeep->removal->failures, text);
	deletion->failed = true;
}

/* Makes the rank's deletions durable. */
static void sync_folders(struct deletion *deletion, enum rank rank)
{
	const struct upkeep *upkeep = deletion->upkeep;
	NCM_AUTO_JSON json_t *synced = json_object();

	for (size_t i = 0; i < upkeep->removal->count; i++) {
		const struct ncm_removal_file *file = &upkeep->removal->files[i];
		const struct target *target = &upkeep->targets[i];
		NCM_AUTO_FREE char *path = ncm_path_folder(file->path);
		const char *name;
		NCM_AUTO_CLOSE int folder = -1;

		if (file->state != NCM_REMOVAL_REMOVED || rank_of(upkeep, i) != rank || json_object_get(synced, path))
			continue;
		json_object_set_new_nocheck(synced, path, json_true());
		folder = upkeep_open_folder(upkeep, target, &name);
		if (folder >= 0 && ncm_sync_dir(folder) == 0)
			continue;
		cannot_sync(deletion, file->path);
		if (target->store != NOWHERE && rank < RANK_BYTES)
			deletion->stopped[target->store] = true;
	}
}

void upkeep_delete_rank(struct deletion *deletion, enum rank rank)
{
	struct upkeep *upkeep = deletion->upkeep;

	if (rank == RANK_BLOB_LINKS || rank == RANK_BYTES)
		look_at_names_again(upkeep);
	for (size_t i = 0; i < upkeep->removal->count && !ncm_interrupted(); i++) {
		struct ncm_removal_file *file = &upkeep->removal->files[i];
		const struct target *target = &upkeep->targets[i];
		char *why = NULL;

		if (file->state != NCM_REMOVAL_GOES || rank_of(upkeep, i) != rank)
			continue;
		if (is_blob(upkeep, target))
			why = deletion->stopped[target->store] ? ncm_strdup("what names it could not be removed")
							       : upkeep_reason_to_stay(upkeep, i);
		if (why)
			upkeep_settle(file, NCM_REMOVAL_KEPT, why);
		else
			delete_file(deletion, i);
	}
	sync_folders(deletion, rank);
}

/* What was replaced lies in folders that go with it. */
static bool is_of_replaced(const char *own, const char *folder)
{
	const char *rest = ncm_path_below(folder, own);

	return rest && ncm_path_below(rest, OWN_REPLACED);
}

/* The layout's own folders, what leads to them, and ours. */
static bool is_to_stay(const struct ncm_store *store, const char *folder)
{
	const char *own = ncm_store_own(store);
	const char *kept;

	if (is_of_replaced(own, folder))
		return false;
	if (strcmp(folder, own) == 0 || ncm_path_below(folder, own) || ncm_path_below(own, folder))
		return true;
	for (size_t i = 0; (kept = ncm_store_folder_at(store, i)); i++) {
		if (strcmp(folder, kept) == 0 || ncm_path_below(kept, folder))
			return true;
	}
	return false;
}

/* Durable at once: when the note is forgotten nothing tells of an empty folder any more. */
static int delete_folder(struct deletion *deletion, size_t store, const char *relative)
{
	const struct ncm_store *in = &deletion->upkeep->layout->stores[store];
	const char *name;
	NCM_AUTO_CLOSE int parent = store_parent_inside(in, deletion->upkeep->facts[store].dirfd, relative, &name);

	if (parent < 0 || os_rmdir(parent, name) < 0)
		return -1;
	if (ncm_sync_dir(parent) < 0) {
		NCM_AUTO_FREE char *path = ncm_path_join(in->path, relative);

		cannot_sync(deletion, path);
	}
	return 0;
}

static void delete_folders_of(struct deletion *deletion, const struct target *target)
{
	NCM_AUTO_FREE char *folder = ncm_strdup(target->relative);
	char *slash;

	while ((slash = strrchr(folder, '/'))) {
		*slash = '\0';
		if (is_to_stay(&deletion->upkeep->layout->stores[target->store], folder) ||
		    (delete_folder(deletion, target->store, folder) < 0 && errno != ENOENT))
			break;
	}
}

void upkeep_delete_empty_folders(struct deletion *deletion)
{
	const struct upkeep *upkeep = deletion->upkeep;

	for (size_t i = 0; i < upkeep->removal->count; i++) {
		if (upkeep->removal->files[i].state == NCM_REMOVAL_REMOVED && upkeep->targets[i].store != NOWHERE)
			delete_folders_of(deletion, &upkeep->targets[i]);
	}
	for (size_t i = 0; i < upkeep->absent_count; i++)
		delete_folders_of(deletion, &upkeep->absent[i]);
}
