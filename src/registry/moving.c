/* SPDX-License-Identifier: MIT */
#include "registry/moving.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "registry/authority.h"
#include "registry/write.h"
#include "store/staging.h"

#include <ncmodel/limits.h>
#include <string.h>

json_t *moving_read(int notes, const char *name, struct authority *by)
{
	NCM_AUTO_CLOSE int fd = os_open(notes, name, OS_READ | OS_NO_LINK);
	size_t size = 0;
	NCM_AUTO_FREE char *text = fd < 0 ? NULL : ncm_read_fd(fd, NCM_LIMIT_REGISTRY_BYTES, &size);
	json_t *note = text ? ncm_json_parse(text, size, name, NCM_E_OTHER, NULL) : NULL;

	*by = authority_of_note(notes, fd);
	if (json_is_object(note) && !by->anybody && by->owner == os_user() &&
	    json_is_array(json_object_get(note, "files")))
		return note;
	json_decref(note);
	return NULL;
}

bool moving_has_file(const struct ncm_registry *registry, const json_t *file)
{
	const struct registry_lookup *lookup = registry_lookup_of(registry);
	const char *from = ncm_json_string(file, "from"), *to = ncm_json_string(file, "to");
	struct os_stat status;
	size_t old = 0, new = 0;

	if (!from || !to || !ncm_path_is_absolute(from) || !ncm_path_is_absolute(to) ||
	    os_lstat(OS_HERE, to, &status) < 0)
		return false;
	(void)registry_at(lookup, from, &old);
	(void)registry_at(lookup, to, &new);
	return old == 0 && (new > 0 || !ncm_json_bool(file, "registered"));
}

bool moving_is_switched(const struct ncm_registry *registry, const json_t *note)
{
	const json_t *file;
	size_t i;

	json_array_foreach(json_object_get(note, "files"), i, file)
	{
		if (ncm_json_bool(file, "registered") && moving_has_file(registry, file))
			return true;
	}
	return false;
}

static bool outranks_configuration(const struct ncm_config *config, const char *id)
{
	for (size_t i = 0; i < config->store_count; i++) {
		if (strcmp(config->stores[i].store, id) == 0)
			return config->stores[i].by != NCM_SAID_BY_FILE;
	}
	return false;
}

static void lay(const struct ncm_config *config, struct ncm_layout *layout, const json_t *note, const char *note_path)
{
	const char *from = ncm_json_string(note, "from"), *to = ncm_json_string(note, "to");

	for (size_t i = 0; i < layout->count; i++) {
		struct ncm_store *store = &layout->stores[i];

		if (strcmp(store->path, from) != 0 || outranks_configuration(config, store->id))
			continue;
		free(store->path);
		free(store->told_by);
		store->path = ncm_strdup(to);
		store->told_by = ncm_strdup(note_path);
		store->why = NCM_PLACED_BY_CONFIGURATION;
		store->is_moving = true;
	}
}

/* Once the configuration was told, it is whoever writes that who says where the store lies. */
static bool is_of_store(const struct ncm_layout *layout, const json_t *note)
{
	const char *id = ncm_json_string(note, "store"), *from = ncm_json_string(note, "from");
	const char *to = ncm_json_string(note, "to");
	const struct ncm_store *store =
	    id && from && to && ncm_path_is_absolute(to) ? ncm_layout_find(layout, id) : NULL;

	return store && strcmp(store->path, from) == 0 && !ncm_json_bool(note, "configured");
}

static void consider(const struct ncm_config *config, struct ncm_layout *layout, int notes, const char *name)
{
	struct authority by;
	NCM_AUTO_JSON json_t *note = moving_read(notes, name, &by);
	NCM_AUTO_FREE char *path = NULL, *note_path = NULL;
	struct ncm_registry *registry;

	if (!note || !is_of_store(layout, note))
		return;
	path = ncm_layout_registry(layout, config);
	registry = ncm_registry_read(path, NULL);
	if (registry && moving_is_switched(registry, note)) {
		NCM_AUTO_FREE char *folder = staging_notes_folder(path);

		note_path = ncm_path_join(folder, name);
		lay(config, layout, note, note_path);
	}
	ncm_registry_free(registry);
}

static struct os_list *open_notes(const struct ncm_layout *layout, const struct ncm_config *config)
{
	NCM_AUTO_FREE char *path = ncm_layout_registry(layout, config);
	NCM_AUTO_FREE char *notes = staging_notes_folder(path);

	return os_list(os_open(OS_HERE, notes, OS_FOLDER | OS_NO_LINK));
}

struct ncm_layout *moving_layout(const struct ncm_config *config, struct ncm_error *err)
{
	struct ncm_layout *layout = ncm_layout_load(config, err);
	struct os_list *dir = layout ? open_notes(layout, config) : NULL;
	const char *entry;

	while (dir && (entry = os_list_next(dir))) {
		if (staging_is_note(entry, NOTE_MOVING))
			consider(config, layout, os_list_folder(dir), entry);
	}
	os_list_end(dir);
	return layout;
}
