/* SPDX-License-Identifier: MIT */
/*
 * A note of a move, `.ncmodel/moving-*` beside models.json: written before the first file is made, removed when the old
 * ones are gone. What it says counts as in upkeep/note.c: for no more than its author could do himself.
 */
#include "move/work.h"

#include "base/file.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/path.h"
#include "digest/checkpoint.h"
#include "os/os.h"
#include "registry/moving.h"
#include "store/staging.h"
#include "upkeep/moved.h"

#include <errno.h>
#include <ncmodel/limits.h>
#include <string.h>

static int open_notes(const struct mover *mover, bool create, struct ncm_error *err)
{
	NCM_AUTO_FREE char *notes = staging_notes_folder(mover->registry->path);

	if (create)
		return ncm_dir_open(notes, true, err);
	return os_open(OS_HERE, notes, OS_FOLDER | OS_NO_LINK);
}

static json_t *describe(const struct mover *mover, const struct item *item)
{
	NCM_AUTO_FREE char *to = ncm_path_join(mover->target->path, item->relative);
	char hex[NCM_SHA256_HEX + 1];
	json_t *object = json_object();

	ncm_json_set_string(object, "from", item->from);
	ncm_json_set_string(object, "to", to);
	json_object_set_new(object, "name", json_boolean(item->is_name));
	json_object_set_new(object, "registered", json_boolean(item->registered));
	ncm_json_set_u64(object, "size", item->seen.size);
	json_object_set_new(object, "mtime_ns", json_integer(item->seen.mtime_ns));
	if (item->store != NCM_NO_STORE)
		ncm_json_set_string(object, "store", mover->layout->stores[item->store].id);
	if (!ncm_sha256_is_zero(&item->sha256))
		ncm_json_set_string(object, "sha256", ncm_sha256_hex(&item->sha256, hex));
	return object;
}

json_t *mover_note(const struct mover *mover, char **name, struct ncm_error *err)
{
	NCM_AUTO_CLOSE int notes = open_notes(mover, true, err);
	/* gc takes what is half written for left behind, unless it is kept out. */
	NCM_AUTO_LOCK int held =
	    notes < 0 ? -1 : ncm_lock_beneath(notes, "upkeep.lock", mover->registry->path, false, NULL, err);
	NCM_AUTO_FREE char *text = NULL;
	json_t *note = json_object(), *files = json_array();

	ncm_json_set_u64(note, "ncmodel_move", 1);
	if (mover->source != NCM_NO_STORE) {
		ncm_json_set_string(note, "store", mover->layout->stores[mover->source].id);
		ncm_json_set_string(note, "from", mover->layout->stores[mover->source].path);
		ncm_json_set_string(note, "to", mover->target->path);
	}
	json_object_set_new(note, "files", files);
	for (size_t i = 0; i < mover->count; i++) {
		if (!mover->items[i].why)
			json_array_append_new(files, describe(mover, &mover->items[i]));
	}
	*name = staging_note_name(NOTE_MOVING);
	text = ncm_json_dump(note);
	if (held >= 0 && ncm_write_atomic(notes, *name, text, strlen(text), NCM_OWN_WORD, err) == 0)
		return note;
	json_decref(note);
	return NULL;
}

static bool lies_at(const struct mover *mover, const char *id, const char *path)
{
	const struct ncm_store *store = id && path ? ncm_layout_find(mover->layout, id) : NULL;

	return store && strcmp(store->path, path) == 0;
}

/* Whether models.json had been switched when the move was cut short: all its registered files at once. Where there are
 * none, the configuration. */
static bool was_switched(const struct mover *mover, const json_t *note)
{
	return lies_at(mover, ncm_json_string(note, "store"), ncm_json_string(note, "to")) ||
	       moving_is_switched(mover->registry, note);
}

/* A store whose new place the configuration does not have yet: its own command tells it, and only then ends the move.
 */
static bool is_anothers(const struct mover *mover, const json_t *note)
{
	const char *id = ncm_json_string(note, "store");
	const struct ncm_store *store = id ? ncm_layout_find(mover->layout, id) : NULL;

	return store && store->is_moving && !(mover->is_there && strcmp(store->path, mover->moved.path) == 0);
}

static void consider_note(struct mover *mover, int notes, const char *name)
{
	struct authority by;
	NCM_AUTO_JSON json_t *note = moving_read(notes, name, &by);

	if (!note || is_anothers(mover, note) || !was_switched(mover, note))
		return;
	mover->noted = by;
	mover->move->unfinished += json_array_size(json_object_get(note, "files"));
	json_object_set(mover->pending, name, note);
}

void mover_find_pending(struct mover *mover)
{
	const int notes = open_notes(mover, false, NULL);
	struct os_list *dir = os_list(notes);
	const char *entry;

	json_object_clear(mover->pending);
	while (dir && (entry = os_list_next(dir))) {
		if (staging_is_note(entry, NOTE_MOVING))
			consider_note(mover, os_list_folder(dir), entry);
	}
	os_list_end(dir);
}

static void add_gone(const json_t *file, struct upkeep_moved **gone, size_t *count)
{
	uint64_t size = 0;

	if (!ncm_json_u64(file, "size", &size))
		return;
	*NCM_PUSH(*gone, *count) = (struct upkeep_moved){
	    .path = ncm_json_string(file, "from"),
	    .store = ncm_json_string(file, "store"),
	    .is_name = ncm_json_bool(file, "name"),
	    .size = size,
	    .mtime_ns = json_integer_value(json_object_get(file, "mtime_ns")),
	};
}

/* The old folder of a store is part of it until it is empty. */
static struct ncm_config config_for(const struct mover *mover, const json_t *note, struct ncm_store_override **stores)
{
	const char *store = ncm_json_string(note, "store"), *from = ncm_json_string(note, "from");
	struct ncm_config config = *mover->config;

	*stores = ncm_calloc(config.store_count + 2, sizeof **stores);
	config.store_count = 0;
	for (size_t i = 0; i < mover->config->store_count; i++) {
		if (!store || strcmp(mover->config->stores[i].store, store) != 0)
			(*stores)[config.store_count++] = mover->config->stores[i];
	}
	if (store && from)
		(*stores)[config.store_count++] =
		    (struct ncm_store_override){(char *)store, (char *)from, NCM_SAID_BY_FLAG};
	config.stores = *stores;
	return config;
}

static void tell(struct mover *mover, const struct ncm_removal *removal)
{
	for (size_t i = 0; i < mover->move->count; i++) {
		struct ncm_move_file *file = &mover->move->files[i];

		if (file->state != NCM_MOVE_GOES)
			continue;
		file->state = NCM_MOVE_MOVED;
		for (size_t k = 0; k < removal->count; k++) {
			if (strcmp(removal->files[k].path, file->from) != 0 ||
			    removal->files[k].state == NCM_REMOVAL_REMOVED)
				continue;
			file->state = NCM_MOVE_LEFT;
			file->why = ncm_strdup_null(removal->files[k].why);
		}
	}
}

/* A note stays while old files do; where the store lies is the configuration's to say from now on. */
static void settle(const struct mover *mover, const json_t *note, const char *name, bool done)
{
	NCM_AUTO_CLOSE int notes = open_notes(mover, false, NULL);
	NCM_AUTO_JSON json_t *told = json_copy((json_t *)note);
	NCM_AUTO_FREE char *text = NULL;

	if (notes < 0)
		return;
	if (done) {
		os_unlink(notes, name);
		return;
	}
	json_object_set_new(told, "configured", json_true());
	text = ncm_json_dump(told);
	(void)ncm_write_atomic(notes, name, text, strlen(text), NCM_OWN_WORD, NULL);
}

int mover_finish(struct mover *mover, const json_t *note, const char *name, const struct authority *by,
		 const struct ncm_sink *sink, struct ncm_error *err)
{
	NCM_AUTO_FREE struct ncm_store_override *stores = NULL;
	const struct ncm_config config = config_for(mover, note, &stores);
	NCM_AUTO_FREE struct upkeep_moved *gone = NULL;
	struct ncm_removal *removal;
	size_t count = 0, i;
	const json_t *file;
	int failed;

	json_array_foreach(json_object_get(note, "files"), i, file)
	{
		if (moving_has_file(mover->registry, file))
			add_gone(file, &gone, &count);
	}
	removal = upkeep_moved_plan(&config, gone, count, by, err);
	if (!removal)
		return -1;
	failed = ncm_removal_run(removal, mover->options.no_wait, sink, err);
	settle(mover, note, name, !failed && removal->failed == 0);
	tell(mover, removal);
	ncm_removal_free(removal);
	return failed;
}
