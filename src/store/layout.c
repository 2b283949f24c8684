/* SPDX-License-Identifier: MIT */
#include "store/store.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/path.h"
#include "config/faults.h"
#include "store/location.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* manifests/schema/layout.schema.json says the same to editors. */
static const char *const layout_keys[] = {"schema_version", "layout", "title", "registry", "stores", "$schema", NULL};
static const char *const store_keys[] = {"kind", "path", "env", "found", "service", "folders", NULL};
static const char *const service_keys[] = {"user", "path", NULL};

/* A key of the user's own. */
static bool is_private(const char *key)
{
	return strncmp(key, "x-", 2) == 0;
}

static bool known_key(const char *const *known, const char *key)
{
	for (; *known; known++) {
		if (strcmp(*known, key) == 0)
			return true;
	}
	return is_private(key);
}

static void check_keys(struct ncm_faults *faults, const json_t *object, const char *path, const char *const *known)
{
	const char *key;
	const json_t *value;

	json_object_foreach((json_t *)object, key, value)
	{
		NCM_AUTO_FREE char *member = ncm_asprintf("%s.%s", path, key);

		if (!known_key(known, key))
			ncm_fault_unknown(faults, member, key, known);
	}
}

/* The string member, or "" with a fault told. */
static const char *required_string(struct ncm_faults *faults, const json_t *object, const char *path, const char *key)
{
	const json_t *value = json_object_get(object, key);
	const char *text = json_string_value(value);
	NCM_AUTO_FREE char *member = ncm_asprintf("%s.%s", path, key);

	if (text && *text)
		return text;
	if (value)
		ncm_fault(faults, member, "not a string with something in it");
	else
		ncm_fault(faults, path, "\"%s\" is missing", key);
	return "";
}

static void check_path(struct ncm_faults *faults, const char *member, const char *path)
{
	struct ncm_error why = NCM_ERROR_INIT;

	if (*path && *path != '/' && !ncm_path_check(path, &why))
		ncm_fault(faults, member, "%s", why.message);
	ncm_error_clear(&why);
}

/* models.json is a name that no model may have: here it is what is meant. */
static void check_registry(struct ncm_faults *faults, const char *path)
{
	NCM_AUTO_FREE char *folder = ncm_strdup(path);
	char *base = strrchr(folder, '/');

	if (*path && !ncm_path_has_suffix(path, ".json"))
		ncm_fault(faults, "$.registry", "not a path that ends with .json");
	if (*path == '/' || *path == '\0')
		return;
	if (base)
		*base++ = '\0';
	else
		base = folder;
	if (base != folder)
		check_path(faults, "$.registry", folder);
	if (strcmp(base, "models.json") != 0)
		check_path(faults, "$.registry", *base ? base : ".");
}

static const char id_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";

static bool is_word(const char *text, const char *extra)
{
	size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789");

	return size > 0 && size + strspn(text + size, extra) == strlen(text) && strlen(text) <= 64;
}

static bool is_variable(const char *text)
{
	return text && *text >= 'A' && *text <= 'Z' &&
	       text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] == '\0';
}

static void read_folders(struct ncm_faults *faults, const json_t *folders, const char *path, struct ncm_store *store)
{
	const char *name;
	const json_t *value;

	if (!folders)
		return;
	if (!json_is_object(folders) || store->kind->place) {
		ncm_fault(faults, path,
			  json_is_object(folders) ? "only a store of kind folders has folders" : "not an object");
		return;
	}
	json_object_foreach((json_t *)folders, name, value)
	{
		NCM_AUTO_FREE char *member = ncm_asprintf("%s.%s", path, name);
		const char *below = json_string_value(value);
		struct ncm_error why = NCM_ERROR_INIT;

		if (is_private(name))
			continue;
		if (!below || !ncm_path_check(below, &why))
			ncm_fault(faults, member, "%s", below ? why.message : "not a string");
		else if (!*name)
			ncm_fault(faults, path, "a folder has no name");
		else
			*NCM_PUSH(store->folders, store->folder_count) =
			    (struct ncm_store_folder){ncm_strdup(name), ncm_strdup(below)};
		ncm_error_clear(&why);
	}
}

/* An unknown kind is told, and taken for folders to find what else is wrong. */
static const struct ncm_store_kind *read_kind(struct ncm_faults *faults, const char *path, const char *name)
{
	const struct ncm_store_kind *kind = ncm_store_kind_named(name);
	NCM_AUTO_FREE char *names = ncm_store_kind_names();

	if (!kind && *name)
		ncm_fault(faults, path, "not %s", names);
	return kind ? kind : &ncm_kind_folders;
}

/* Other places where the store may be found. */
static void check_found(struct ncm_faults *faults, const json_t *found, const char *path)
{
	const json_t *item;
	size_t i;

	if (found && !json_is_array(found))
		ncm_fault(faults, path, "not an array of paths");
	json_array_foreach(found, i, item)
	{
		NCM_AUTO_FREE char *member = ncm_asprintf("%s[%zu]", path, i);
		const char *text = json_string_value(item);

		if (text && *text)
			check_path(faults, member, text);
		else
			ncm_fault(faults, member, "not a string with something in it");
	}
}

/* The store of a system service: {"user": …, "path": …}. */
static void check_service(struct ncm_faults *faults, const json_t *service, const char *path)
{
	NCM_AUTO_FREE char *path_path = ncm_asprintf("%s.path", path);

	if (!service)
		return;
	if (!json_is_object(service)) {
		ncm_fault(faults, path, "not an object");
		return;
	}
	check_keys(faults, service, path, service_keys);
	required_string(faults, service, path, "user");
	check_path(faults, path_path, required_string(faults, service, path, "path"));
}

static void read_store(struct ncm_faults *faults, const struct ncm_config *config, struct ncm_layout *layout,
		       const char *id, const json_t *value)
{
	NCM_AUTO_FREE char *path = ncm_asprintf("$.stores.%s", id);
	NCM_AUTO_FREE char *kind_path = ncm_asprintf("%s.kind", path);
	NCM_AUTO_FREE char *path_path = ncm_asprintf("%s.path", path);
	NCM_AUTO_FREE char *env_path = ncm_asprintf("%s.env", path);
	NCM_AUTO_FREE char *folders_path = ncm_asprintf("%s.folders", path);
	const json_t *env = json_object_get(value, "env");
	NCM_AUTO_FREE char *found_path = ncm_asprintf("%s.found", path);
	NCM_AUTO_FREE char *service_path = ncm_asprintf("%s.service", path);
	struct store_word word = {
	    .id = id, .found = json_object_get(value, "found"), .service = json_object_get(value, "service")};
	struct ncm_store *store;

	if (!is_word(id, id_letters))
		ncm_fault(faults, path, "a store's id is lower-case letters, digits, '.', '_' and '-'");
	if (!json_is_object(value)) {
		ncm_fault(faults, path, "not an object");
		return;
	}
	check_keys(faults, value, path, store_keys);
	word.kind = read_kind(faults, kind_path, required_string(faults, value, path, "kind"));
	word.path = required_string(faults, value, path, "path");
	word.env = json_string_value(env);
	check_path(faults, path_path, word.path);
	check_found(faults, word.found, found_path);
	check_service(faults, word.service, service_path);
	if (env && !is_variable(json_string_value(env)))
		ncm_fault(faults, env_path, "not the name of a variable");
	store = NCM_PUSH(layout->stores, layout->count);
	*store = (struct ncm_store){
	    .id = ncm_strdup(id),
	    .kind = word.kind,
	    .env = ncm_strdup_null(word.env),
	    .dirfd = -1,
	    .staging = -1,
	};
	store->path = store_location(config, &word, &store->why, &store->told_by);
	read_folders(faults, json_object_get(value, "folders"), folders_path, store);
}

static void read_layout(struct ncm_faults *faults, const struct ncm_config *config, struct ncm_layout *layout,
			const json_t *value)
{
	const json_t *version = json_object_get(value, "schema_version");
	const json_t *stores = json_object_get(value, "stores");
	const json_t *title = json_object_get(value, "title");
	NCM_AUTO_FREE char *registry = NULL;
	const char *id, *below;
	const json_t *store;

	if (!json_is_object(value)) {
		ncm_fault(faults, "$", "not an object");
		return;
	}
	check_keys(faults, value, "$", layout_keys);
	if (!json_is_integer(version) || json_integer_value(version) != 1)
		ncm_fault(faults, version ? "$.schema_version" : "$", "\"schema_version\" is not 1");
	if (title && !json_is_string(title))
		ncm_fault(faults, "$.title", "not a string");
	layout->name = ncm_strdup(required_string(faults, value, "$", "layout"));
	if (*layout->name && !is_word(layout->name, id_letters))
		ncm_fault(faults, "$.layout", "not lower-case letters, digits, '.', '_' and '-'");
	below = required_string(faults, value, "$", "registry");
	check_registry(faults, below);
	registry = ncm_path_join(config->root, below);
	layout->registry = ncm_path_absolute(registry);
	if (!json_is_object(stores) || json_object_size(stores) == 0) {
		ncm_fault(faults, stores ? "$.stores" : "$", "\"stores\" is not an object with a store in it");
		return;
	}
	json_object_foreach((json_t *)stores, id, store)
	{
		if (!is_private(id))
			read_store(faults, config, layout, id, store);
	}
}

int ncm_layout_lacks(const struct ncm_layout *layout, const char *store, struct ncm_error *err)
{
	struct ncm_buffer ids = {0};
	struct ncm_nearest nearest = {.to = store};
	const char *close;

	for (size_t i = 0; i < layout->count; i++) {
		ncm_buffer_printf(&ids, "%s%s", i ? ", " : "", layout->stores[i].id);
		ncm_nearest_offer(&nearest, layout->stores[i].id);
	}
	close = ncm_nearest_close(&nearest);
	ncm_error_set(err, NCM_E_USAGE, "the layout \"%s\" has no store \"%s\"", layout->name, store);
	ncm_error_hint(err, "%s%s%sits stores are: %s", close ? "did you mean " : "", close ? close : "",
		       close ? "? " : "", ids.data ? ids.data : "none");
	ncm_buffer_free(&ids);
	return -1;
}

/* Who named a store that is not there: it need not be this command line. */
static int tell_who_said(const struct ncm_config *config, const struct ncm_store_override *said, struct ncm_error *err)
{
	switch (said->by) {
	case NCM_SAID_BY_FILE:
		return ncm_error_wrap(err, "%s: $.stores", config->file);
	case NCM_SAID_BY_ENVIRONMENT:
		return ncm_error_wrap(err, "NCMODEL_STORE_<STORE>");
	default:
		return ncm_error_wrap(err, "--store-path");
	}
}

static int check_overrides(const struct ncm_config *config, const struct ncm_layout *layout, struct ncm_error *err)
{
	for (size_t i = 0; i < config->store_count; i++) {
		if (ncm_layout_find(layout, config->stores[i].store))
			continue;
		ncm_layout_lacks(layout, config->stores[i].store, err);
		tell_who_said(config, &config->stores[i], err);
		return -1;
	}
	return 0;
}

static char *layout_file(const struct ncm_config *config)
{
	if (strchr(config->layout, '/') || ncm_path_has_suffix(config->layout, ".json"))
		return ncm_path_absolute(config->layout);
	return ncm_asprintf("%s/layouts/%s.json", config->data_dir, config->layout);
}

struct ncm_layout *ncm_layout_load(const struct ncm_config *config, struct ncm_error *err)
{
	NCM_AUTO_FREE char *file = layout_file(config);
	struct ncm_faults faults;
	NCM_AUTO_JSON json_t *value = ncm_faults_read(&faults, file, err);
	const int saved = errno;
	struct ncm_layout *layout;

	if (!value) {
		ncm_faults_end(&faults, NULL);
		if (saved == ENOENT) {
			ncm_error_set(err, NCM_E_USAGE, "there is no layout \"%s\": no file %s", config->layout, file);
			ncm_error_hint(err, access(config->data_dir ? config->data_dir : "", F_OK) == 0
						? "name \"default\", \"linux\", or the path of a layout file"
						: "the program's own layouts and manifests are not there: install it, "
						  "or say where they are "
						  "with NCMODEL_DATADIR=DIR (in its source the folder manifests)");
		}
		return NULL;
	}
	layout = ncm_calloc(1, sizeof *layout);
	read_layout(&faults, config, layout, value);
	if (ncm_faults_end(&faults, err) == 0 && check_overrides(config, layout, err) == 0)
		return layout;
	ncm_layout_free(layout);
	return NULL;
}

void ncm_layout_free(struct ncm_layout *layout)
{
	if (!layout)
		return;
	for (size_t i = 0; i < layout->count; i++) {
		struct ncm_store *store = &layout->stores[i];

		for (size_t k = 0; k < store->folder_count; k++) {
			free(store->folders[k].name);
			free(store->folders[k].path);
		}
		free(store->folders);
		free(store->id);
		free(store->path);
		free(store->env);
		free(store->told_by);
		if (store->staging >= 0)
			close(store->staging);
		if (store->dirfd >= 0)
			close(store->dirfd);
	}
	free(layout->stores);
	free(layout->registry);
	free(layout->name);
	free(layout);
}

struct ncm_store *ncm_layout_find(const struct ncm_layout *layout, const char *store)
{
	for (size_t i = 0; i < layout->count; i++) {
		if (strcmp(layout->stores[i].id, store) == 0)
			return &layout->stores[i];
	}
	return NULL;
}

char *ncm_layout_registry(const struct ncm_layout *layout, const struct ncm_config *config)
{
	return ncm_path_absolute(config->registry ? config->registry : layout->registry);
}

char *ncm_layout_lock(const struct ncm_layout *layout, const struct ncm_config *config)
{
	NCM_AUTO_FREE char *registry = NULL;

	if (config->lock)
		return ncm_path_absolute(config->lock);
	registry = ncm_layout_registry(layout, config);
	registry[ncm_path_base(registry) - registry] = '\0';
	return ncm_path_join(registry, "ncmodel.lock");
}
