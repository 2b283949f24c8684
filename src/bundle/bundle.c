/* SPDX-License-Identifier: MIT */
/* bundle.json: what lies in a bundle. */
#include "bundle/volumes.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"

#include <errno.h>
#include <ncmodel/limits.h>
#include <string.h>

const char *ncm_bundle_state_name(enum ncm_bundle_state state)
{
	static const char *const names[] = {
	    [NCM_BUNDLE_LISTED] = "listed",   [NCM_BUNDLE_COPIED] = "copied",   [NCM_BUNDLE_OK] = "ok",
	    [NCM_BUNDLE_MISSING] = "missing", [NCM_BUNDLE_DAMAGED] = "damaged", [NCM_BUNDLE_UNREADABLE] = "unreadable"};

	return names[state];
}

bool bundle_is_blob(const char *path)
{
	return strncmp(path, BUNDLE_BLOBS "/", sizeof BUNDLE_BLOBS) == 0;
}

struct ncm_bundle_file *bundle_add(struct ncm_bundle *bundle, const char *path, const char *role)
{
	struct ncm_bundle_file *file = NCM_PUSH(bundle->files, bundle->count);

	*file = (struct ncm_bundle_file){.path = ncm_strdup(path), .role = ncm_strdup(role)};
	return file;
}

static int by_path(const void *a, const void *b)
{
	const struct ncm_bundle_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

void bundle_settle(struct ncm_bundle *bundle)
{
	bundle->size = bundle->reused = 0;
	for (size_t i = 0; i < bundle->count; i++) {
		bundle->size += bundle->files[i].size;
		bundle->files[i].reused = bundle_base_bytes(bundle->files[i].base);
		bundle->reused += bundle->files[i].reused;
	}
	if (bundle->count > 1)
		qsort(bundle->files, bundle->count, sizeof *bundle->files, by_path);
}

static json_t *assumed_json(const struct ncm_bundle *bundle)
{
	json_t *array = json_array();

	for (size_t i = 0; i < bundle->assumed_count; i++) {
		char hex[NCM_SHA256_HEX + 1];
		json_t *object = json_object();

		ncm_json_set_string(object, "sha256", ncm_sha256_hex(&bundle->assumed[i].sha256, hex));
		ncm_json_set_u64(object, "size", bundle->assumed[i].size);
		json_array_append_new(array, object);
	}
	return array;
}

char *bundle_index(const struct ncm_bundle *bundle)
{
	NCM_AUTO_JSON json_t *document = json_object();
	json_t *files = json_array();

	for (size_t i = 0; i < bundle->count; i++) {
		char hex[NCM_SHA256_HEX + 1];
		json_t *file = json_object();

		ncm_json_set_string(file, "path", bundle->files[i].path);
		ncm_json_set_string(file, "role", bundle->files[i].role);
		ncm_json_set_u64(file, "size", bundle->files[i].size);
		ncm_json_set_string(file, "sha256", ncm_sha256_hex(&bundle->files[i].sha256, hex));
		if (bundle->files[i].base)
			json_object_set_new(file, "base", bundle_base_json(bundle->files[i].base));
		json_array_append_new(files, file);
	}
	ncm_json_set_u64(document, "schema_version", bundle->reused > 0 ? BUNDLE_SCHEMA_DELTA : BUNDLE_SCHEMA);
	ncm_json_set_string(document, "made_by", "ncmodel " NCM_VERSION);
	json_object_set_new(document, "models", ncm_json_string_array(&bundle->models));
	json_object_set_new(document, "files", files);
	if (bundle->assumed_count > 0)
		json_object_set_new(document, "assumed", assumed_json(bundle));
	return ncm_json_dump(document);
}

/* A path that stays in the folder; what a bundle lists is foreign. */
static bool is_inside(const char *path)
{
	return *path && *path != '/' && strcmp(path, "..") != 0 && strncmp(path, "../", 3) != 0 &&
	       !strstr(path, "/../") && !ncm_path_has_suffix(path, "/..");
}

/* Content is called by its digest; a size beyond the limit is never believed. */
static bool is_sound(const char *path, uint64_t size, const struct ncm_sha256 *sha256)
{
	char hex[NCM_SHA256_HEX + 1];

	return is_inside(path) && size <= NCM_LIMIT_FILE_BYTES &&
	       (!bundle_is_blob(path) || strcmp(path + sizeof BUNDLE_BLOBS, ncm_sha256_hex(sha256, hex)) == 0);
}

static bool read_assumed(struct ncm_bundle *bundle, const json_t *json)
{
	struct ncm_bundle_assumed *assumed = NCM_PUSH(bundle->assumed, bundle->assumed_count);
	const char *hex = ncm_json_string(json, "sha256");

	return hex && ncm_sha256_parse(hex, &assumed->sha256) == 0 && ncm_json_u64(json, "size", &assumed->size);
}

static bool read_file(struct ncm_bundle *bundle, const json_t *json)
{
	const char *path = ncm_json_string(json, "path"), *role = ncm_json_string(json, "role");
	const char *hex = ncm_json_string(json, "sha256");
	const json_t *base = json_object_get(json, "base");
	struct ncm_bundle_file *file;
	struct ncm_sha256 sha256;
	uint64_t size;

	if (!path || !hex || !ncm_json_u64(json, "size", &size) || ncm_sha256_parse(hex, &sha256) < 0 ||
	    !is_sound(path, size, &sha256))
		return false;
	file = bundle_add(bundle, path, role ? role : "other");
	file->size = size;
	file->sha256 = sha256;
	file->base = base && bundle_is_blob(path) ? bundle_base_read(base, size) : NULL;
	return !base || file->base;
}

static int read_document(struct ncm_bundle *bundle, const json_t *document, const char *where, struct ncm_error *err)
{
	const json_t *files = json_object_get(document, "files"), *models = json_object_get(document, "models");
	const json_t *assumed = json_object_get(document, "assumed");
	uint64_t version = 0;

	(void)ncm_json_u64(document, "schema_version", &version);
	if ((version != BUNDLE_SCHEMA && version != BUNDLE_SCHEMA_DELTA) || !json_is_array(files)) {
		ncm_error_set(err, NCM_E_MANIFEST, "%s is not the index of a bundle that this version knows", where);
		return ncm_error_hint(err, "make it with this version of ncmodel, or take the version that made it");
	}
	for (size_t i = 0; i < json_array_size(files); i++) {
		if (!read_file(bundle, json_array_get(files, i)))
			return ncm_error_set(
			    err, NCM_E_MANIFEST,
			    "%s: $.files[%zu]: must have a path, a size and a sha256, and a base (if it has one) "
			    "whose ranges are whole pieces in order",
			    where, i);
	}
	for (size_t i = 0; i < json_array_size(assumed); i++) {
		if (!read_assumed(bundle, json_array_get(assumed, i)))
			return ncm_error_set(err, NCM_E_MANIFEST, "%s: $.assumed[%zu]: must have a size and a sha256",
					     where, i);
	}
	for (size_t i = 0; i < json_array_size(models); i++) {
		if (json_is_string(json_array_get(models, i)))
			ncm_strings_add(&bundle->models, json_string_value(json_array_get(models, i)));
	}
	bundle_settle(bundle);
	for (size_t i = 1; i < bundle->count; i++) {
		if (strcmp(bundle->files[i - 1].path, bundle->files[i].path) == 0)
			return ncm_error_set(err, NCM_E_MANIFEST, "%s: it has %s twice", where, bundle->files[i].path);
	}
	return 0;
}

int bundle_read(struct ncm_bundle *bundle, const char *text, size_t size, const char *where, struct ncm_error *err)
{
	NCM_AUTO_JSON json_t *document = ncm_json_parse(text, size, where, NCM_E_MANIFEST, err);

	return document ? read_document(bundle, document, where, err) : -1;
}

static int tell_no_bundle(const char *path, int errnum, struct ncm_error *err)
{
	if (errnum != ENOENT && errnum != ENOTDIR)
		return ncm_error_errno(err, errnum, "cannot read %s/" BUNDLE_INDEX, path);
	ncm_error_set(err, NCM_E_USAGE, "%s is no bundle: it has no " BUNDLE_INDEX, path);
	return ncm_error_hint(err, "`ncmodel bundle create DIR` makes one");
}

struct ncm_bundle *ncm_bundle_open(const char *path, struct ncm_error *err)
{
	struct ncm_bundle *bundle = ncm_calloc(1, sizeof *bundle);
	NCM_AUTO_FREE char *index = NULL, *text = NULL;
	size_t size = 0;

	bundle->path = ncm_path_absolute(path);
	index = ncm_path_join(bundle->path, BUNDLE_INDEX);
	text = ncm_read_file(index, BUNDLE_LARGEST_INDEX, &size);
	if (!text)
		(void)tell_no_bundle(bundle->path, errno, err);
	else if (bundle_read(bundle, text, size, index, err) == 0)
		return bundle;
	ncm_bundle_free(bundle);
	return NULL;
}

void ncm_bundle_manifests(const struct ncm_bundle *bundle, struct ncm_strings *files)
{
	for (size_t i = 0; i < bundle->count; i++) {
		if (strncmp(bundle->files[i].path, "manifests/", 10) == 0)
			ncm_strings_take(files, ncm_path_join(bundle->path, bundle->files[i].path));
	}
}

char *ncm_bundle_lock(const struct ncm_bundle *bundle)
{
	return ncm_path_join(bundle->path, BUNDLE_LOCK);
}

void ncm_bundle_free(struct ncm_bundle *bundle)
{
	if (!bundle)
		return;
	for (size_t i = 0; i < bundle->count; i++) {
		free(bundle->files[i].path);
		free(bundle->files[i].role);
		free(bundle->files[i].why);
		bundle_base_free(bundle->files[i].base);
	}
	for (size_t i = 0; i < bundle->volume_count; i++) {
		free(bundle->volumes[i].path);
		free(bundle->volumes[i].why);
	}
	free(bundle->volumes);
	free(bundle->remedy);
	bundle_volumes_free(bundle->impl);
	for (size_t i = 0; i < bundle->proven_count; i++)
		free(bundle->proven[i].path);
	free(bundle->proven);
	free(bundle->assumed);
	free(bundle->files);
	free(bundle->path);
	ncm_strings_free(&bundle->models);
	ncm_strings_free(&bundle->left_out);
	free(bundle);
}
