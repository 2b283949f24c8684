/* SPDX-License-Identifier: MIT */
#include "registry/relocate.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "registry/change.h"
#include "registry/entry.h"

#include <string.h>

struct moves {
	const struct registry_move *items;
	size_t count;
	json_t *by_path; /* old path → new path */
	json_t *files;   /* id of an entry → old path → its file there, which is edited in place */
};

static char *absolute(const char *base, const char *path)
{
	NCM_AUTO_FREE char *joined = ncm_path_join(base, path);

	return ncm_path_absolute(joined);
}

static void set_path(json_t *object, const char *key, const char *base, const char *to)
{
	ncm_json_set_string(object, key, registry_written_path(base, to));
}

/* The entry's files by their absolute paths. Borrowed. */
static json_t *files_of(const struct moves *moves, const char *id, const char *base, const json_t *entry)
{
	json_t *files = json_object_get(moves->files, id), *file;
	size_t i;

	if (files)
		return files;
	files = json_object();
	json_object_set_new_nocheck(moves->files, id, files);
	json_array_foreach(json_object_get(entry, "files"), i, file)
	{
		const char *path = ncm_json_string(file, "path");
		NCM_AUTO_FREE char *abs = path ? absolute(base, path) : NULL;

		if (abs && !json_object_get(files, abs))
			json_object_set_nocheck(files, abs, file);
	}
	return files;
}

static void relocate_file(const struct moves *moves, const struct registry_move *move, const char *base, json_t *file)
{
	const char *target = ncm_json_string(file, "target");
	const char *moved = target ? json_string_value(json_object_get(moves->by_path, target)) : NULL;

	set_path(file, "path", base, move->to);
	ncm_json_set_string(file, "store", move->store);
	if (!move->is_link)
		json_object_set_new(file, "mtime_ns", json_integer(move->mtime_ns));
	if (moved)
		ncm_json_set_string(file, "target", moved);
}

/* The main file says where the model is. */
static void relocate_entry(const struct moves *moves, const struct registry_move *move, const char *base, json_t *entry)
{
	const char *path = ncm_json_string(entry, "file_path");
	NCM_AUTO_FREE char *abs = path ? absolute(base, path) : NULL;
	json_t *file = json_object_get(files_of(moves, move->id, base, entry), move->from);

	if (file)
		relocate_file(moves, move, base, file);
	if (!abs || strcmp(abs, move->from) != 0)
		return;
	set_path(entry, "file_path", base, move->to);
	ncm_json_set_string(entry, "store", move->store);
}

static bool relocate(struct registry_change *change, void *context)
{
	struct moves *moves = context;
	bool changed = false;

	moves->files = json_object();

	for (size_t i = 0; i < moves->count; i++) {
		json_t *entry = registry_change_find(change, moves->items[i].id);

		if (entry)
			relocate_entry(moves, &moves->items[i], registry_change_base(change), entry);
		changed = changed || entry;
	}
	json_decref(moves->files);
	return changed;
}

int registry_relocate(const char *path, const struct registry_move *items, size_t count, struct ncm_error *err)
{
	NCM_AUTO_JSON json_t *by_path = json_object();
	struct moves moves = {.items = items, .count = count, .by_path = by_path};

	for (size_t i = 0; i < count; i++)
		json_object_set_new_nocheck(by_path, items[i].from, json_string_nocheck(items[i].to));
	return registry_change(path, false, relocate, &moves, err);
}
