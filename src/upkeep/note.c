/* SPDX-License-Identifier: MIT */
/*
 * Notes of removals, ".ncmodel/removing-<random>" beside models.json: JSON with the files that go, each as it was. A
 * removal that is cut short leaves its note, and gc ends it: models.json does not name the files any more then, and in
 * an application's folder nothing else would tell that they are garbage. A note gives no right to delete: each file is
 * judged as always, must not have changed, and must be one that the note's owner could remove himself
 * (registry/authority.c). A note that is not understood or not believed in all that it says stays, and is told: it may
 * be all that is known.
 */
#include "upkeep/upkeep.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"

#include <errno.h>
#include <ncmodel/limits.h>
#include <string.h>

char *upkeep_notes_folder(const struct upkeep *upkeep)
{
	return staging_notes_folder(upkeep->registry->path);
}

int upkeep_notes_open(const struct upkeep *upkeep, bool create, struct ncm_error *err)
{
	NCM_AUTO_FREE char *folder = upkeep_notes_folder(upkeep);
	struct ncm_error why = NCM_ERROR_INIT;
	int fd = os_open(OS_HERE, folder, OS_FOLDER | OS_NO_LINK);

	if (fd < 0 && errno == ENOENT && create)
		fd = ncm_dir_open(folder, true, &why);
	else if (fd < 0 && errno != ENOENT)
		ncm_error_errno(&why, errno, "cannot open %s", folder);
	if (why.code != NCM_OK)
		ncm_error_move(err, &why);
	return fd;
}

static json_t *describe(const struct ncm_removal_file *file, const struct target *target)
{
	json_t *object = json_object();

	ncm_json_set_string(object, "path", file->path);
	ncm_json_set_string(object, "kind", ncm_removal_kind_name(file->kind));
	ncm_json_set_string(object, "store", file->store);
	ncm_json_set_u64(object, "size", target->seen.size);
	json_object_set_new(object, "mtime_ns", json_integer(target->seen.mtime_ns));
	return object;
}

int upkeep_note(const struct upkeep *upkeep, int notes, char **name, struct ncm_error *err)
{
	NCM_AUTO_JSON json_t *note = json_object();
	NCM_AUTO_FREE char *text = NULL;
	json_t *files = json_array();

	ncm_json_set_u64(note, "ncmodel_removal", 1);
	json_object_set_new(note, "models", ncm_json_string_array(&upkeep->removal->models));
	json_object_set_new(note, "files", files);
	for (size_t i = 0; i < upkeep->removal->count; i++) {
		if (upkeep->removal->files[i].state == NCM_REMOVAL_GOES)
			json_array_append_new(files, describe(&upkeep->removal->files[i], &upkeep->targets[i]));
	}
	*name = staging_note_name(NOTE_REMOVING);
	text = ncm_json_dump(note);
	return ncm_write_atomic(notes, *name, text, strlen(text), NCM_OWN_WORD, err);
}

static bool read_kind(const char *name, enum ncm_removal_kind *kind)
{
	static const enum ncm_removal_kind kinds[] = {NCM_REMOVAL_MANIFEST, NCM_REMOVAL_LINK, NCM_REMOVAL_FILE,
						      NCM_REMOVAL_BLOB, NCM_REMOVAL_CHECKPOINTS};

	for (size_t i = 0; name && i < sizeof kinds / sizeof *kinds; i++) {
		*kind = kinds[i];
		if (strcmp(name, ncm_removal_kind_name(*kind)) == 0)
			return true;
	}
	return false;
}

/* Whether the note is believed in what it says of the file: one that is not there needs no belief. */
static bool is_believed(const struct authority *by, const char *path)
{
	NCM_AUTO_FREE char *name = ncm_path_folder(path);
	struct os_stat folder, file;

	if (os_lstat(OS_HERE, path, &file) < 0 || os_stat(OS_HERE, name, &folder) < 0)
		return errno == ENOENT || errno == ENOTDIR;
	return authority_is_believed(by, &folder, &file);
}

/* Returns whether the note is done with that. */
static bool consider_noted(struct upkeep *upkeep, const json_t *file, const struct authority *by)
{
	const char *path = ncm_json_string(file, "path");
	NCM_AUTO_FREE char *absolute = path ? ncm_path_absolute(path) : NULL;
	struct candidate candidate = {
	    .path = path,
	    .store = ncm_json_string(file, "store"),
	    .by = by,
	    .recorded = true,
	    .mtime_ns = json_integer_value(json_object_get(file, "mtime_ns")),
	    .quiet = true,
	    .noted = true,
	};

	if (!path || strcmp(path, absolute) != 0 || !ncm_json_u64(file, "size", &candidate.size) ||
	    !read_kind(ncm_json_string(file, "kind"), &candidate.kind))
		return false;
	upkeep_consider(upkeep, &candidate);
	return is_believed(by, path);
}

static bool consider_files(struct upkeep *upkeep, const json_t *note, const struct authority *by)
{
	const json_t *files = json_object_get(note, "files"), *file;
	bool done = json_is_array(files) && !by->anybody;
	size_t i;

	json_array_foreach(by->anybody ? NULL : files, i, file)
	{
		done = consider_noted(upkeep, file, by) && done;
	}
	return done;
}

/* A note that cannot be read is not one that says nothing. */
static json_t *read_note(struct upkeep *upkeep, int fd, const char *path)
{
	size_t size = 0;
	NCM_AUTO_FREE char *text = fd < 0 ? NULL : ncm_read_fd(fd, NCM_LIMIT_MANIFEST_BYTES, &size);

	if (!text)
		upkeep_cannot_read(upkeep, path, errno);
	return text ? ncm_json_parse(text, size, path, NCM_E_OTHER, NULL) : NULL;
}

static void collect_note(struct upkeep *upkeep, int notes, const char *folder, const char *name)
{
	NCM_AUTO_FREE char *path = ncm_path_join(folder, name);
	NCM_AUTO_CLOSE int fd = os_open_beneath(notes, name, OS_READ);
	NCM_AUTO_JSON json_t *note = read_note(upkeep, fd, path);
	const struct authority by = authority_of_note(notes, fd);

	if (consider_files(upkeep, note, &by))
		upkeep_consider(upkeep, &(struct candidate){.kind = NCM_REMOVAL_NOTE, .path = path});
	else
		upkeep_warn(upkeep,
			    "%s stays: what it says of a removal that was cut short is not believed, because it may be "
			    "somebody else's; look at it, and remove it",
			    path);
}

static void find_note(void *context, int fd, const char *folder, const char *name)
{
	if (staging_is_note(name, NOTE_REMOVING))
		collect_note(context, fd, folder, name);
}

void upkeep_collect_noted(struct upkeep *upkeep)
{
	NCM_AUTO_FREE char *folder = upkeep_notes_folder(upkeep);

	(void)upkeep_list_folder(upkeep, folder, find_note, upkeep);
}
