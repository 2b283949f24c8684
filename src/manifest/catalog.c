/* SPDX-License-Identifier: MIT */
/* Loading a profile: read, check by the schema, parse, check by the rules; all faults of all files in one go. */
#include "manifest/load.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "manifest/schema.h"

#include <errno.h>
#include <ncmodel/limits.h>
#include <string.h>

enum { SCHEMA_VERSION = 1 };

struct telling {
	struct manifest_set *set;
	size_t file;
};

static void tell_schema_fault(void *context, const char *path, const char *reason)
{
	const struct telling *telling = context;

	manifest_fault(telling->set, telling->file, path, "%s", reason);
}

/* A newer format may mean anything: its version is the only fault worth telling. */
static bool is_newer(struct manifest_set *set, size_t index)
{
	uint64_t version = 0;

	if (!ncm_json_u64(set->files[index].json, "schema_version", &version) || version <= SCHEMA_VERSION)
		return false;
	manifest_fault(set, index, "$.schema_version",
		       "is %llu: this manifest needs a newer ncmodel (this one reads version %d)",
		       (unsigned long long)version, SCHEMA_VERSION);
	return true;
}

static struct manifest_file *add_file(struct manifest_set *set, const char *path, bool context)
{
	struct manifest_file *file = NCM_PUSH(set->files, set->count);

	file->path = ncm_strdup(path);
	file->context = context;
	file->first = set->catalog->count;
	return file;
}

/* Parses and checks the text of the file that was added last. */
static void take_text(struct manifest_set *set, const json_t *schema)
{
	const size_t index = set->count - 1;
	struct manifest_file *file = &set->files[index];
	struct telling telling = {set, index};
	struct ncm_error err = NCM_ERROR_INIT;

	/* An empty name leaves ":LINE: reason", from which the fault takes both. */
	file->json = ncm_json_parse(file->text, file->size, "", NCM_E_MANIFEST, &err);
	if (!file->json) {
		manifest_json_fault(set, index, err.message);
		ncm_error_clear(&err);
		return;
	}
	if (is_newer(set, index))
		return;
	file->sound = ncm_schema_check(schema, file->json, tell_schema_fault, &telling);
	if (!file->sound)
		return;
	manifest_parse(file->json, set->catalog);
	file->count = set->catalog->count - file->first;
}

static void read_file(struct manifest_set *set, const json_t *schema, const char *path, bool context)
{
	struct manifest_file *file = add_file(set, path, context);

	file->text = ncm_read_file(path, NCM_LIMIT_MANIFEST_BYTES, &file->size);
	if (file->text)
		take_text(set, schema);
	else if (errno == EFBIG)
		manifest_fault(set, set->count - 1, "$", "the file is larger than %u bytes", NCM_LIMIT_MANIFEST_BYTES);
	else
		manifest_fault(set, set->count - 1, "$", "cannot be read: %s",
			       strerrordesc_np(errno) ? strerrordesc_np(errno) : "error");
}

json_t *manifest_schema(const struct ncm_config *config, struct ncm_error *err)
{
	NCM_AUTO_FREE char *path =
	    ncm_path_join(config->data_dir ? config->data_dir : ".", "schema/manifest.schema.json");
	json_t *schema = ncm_json_read(path, NCM_E_MANIFEST, err);

	if (!schema)
		ncm_error_hint(err, "the shipped data is not at %s: set NCMODEL_DATADIR to where it is",
			       config->data_dir ? config->data_dir : "(unset)");
	return schema;
}

static void check_profile_name(struct manifest_set *set, const char *profile)
{
	for (size_t i = 0; i < set->count; i++) {
		const char *named = set->files[i].sound ? ncm_json_string(set->files[i].json, "profile") : NULL;

		if (named && strcmp(named, profile) != 0)
			manifest_fault(set, i, "$.profile", "is \"%s\", but the file is in the folder of \"%s\"", named,
				       profile);
	}
}

static void check_rules(struct manifest_set *set)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < set->count; i++) {
		if (set->files[i].sound)
			manifest_check_file(set, i);
		if (set->catalog->count > NCM_LIMIT_MODELS)
			manifest_fault(set, i, "$.models", "more than %u models in all", NCM_LIMIT_MODELS);
	}
	for (size_t i = 0; i < set->catalog->count; i++) {
		const struct ncm_model *model = &set->catalog->models[i];

		for (size_t k = 0; k < model->file_count; k++) {
			if (!model->files[k].has_size || !__builtin_add_overflow(sum, model->files[k].size, &sum))
				continue;
			manifest_fault(set, 0, "$.models", "the sum of all sizes is too large");
			sum = 0;
		}
	}
	manifest_check_ids(set);
	manifest_check_places(set);
}

static struct manifest_set *set_new(void)
{
	struct manifest_set *set = ncm_calloc(1, sizeof *set);

	set->catalog = ncm_calloc(1, sizeof *set->catalog);
	return set;
}

/* Gives the catalog away if there is no fault. */
static struct ncm_catalog *set_finish(struct manifest_set *set, struct ncm_error *err)
{
	struct ncm_catalog *catalog = set->catalog;

	if (manifest_tell_faults(set, err) < 0) {
		ncm_catalog_free(catalog);
		catalog = NULL;
	}
	for (size_t i = 0; i < set->count; i++) {
		free(set->files[i].path);
		free(set->files[i].text);
		json_decref(set->files[i].json);
	}
	for (size_t i = 0; i < MANIFEST_FAULTS_TOLD; i++)
		free(set->faults[i].text);
	free(set->files);
	free(set);
	return catalog;
}

struct ncm_catalog *ncm_catalog_load(const struct ncm_config *config, struct ncm_error *err)
{
	const bool spelled = config->manifest_file_count > 0;
	NCM_AUTO_JSON json_t *schema = manifest_schema(config, err);
	struct ncm_strings paths = {0};
	struct manifest_set *set;

	if (!schema)
		return NULL;
	if (!spelled && manifest_profile_files(config, config->profile ? config->profile : "noa", &paths, err) < 0)
		return NULL;
	for (size_t i = 0; i < config->manifest_file_count; i++)
		ncm_strings_add(&paths, config->manifest_files[i]);
	set = set_new();
	/* Of files picked by hand, what they require may be in another file. */
	set->complete = !spelled;
	for (size_t i = 0; i < paths.count; i++)
		read_file(set, schema, paths.items[i], false);
	if (!spelled)
		check_profile_name(set, config->profile ? config->profile : "noa");
	check_rules(set);
	ncm_strings_free(&paths);
	return set_finish(set, err);
}

/* The other phases of the profile that the file is of, for the ids in them. */
static void read_siblings(struct manifest_set *set, const json_t *schema, const char *file)
{
	NCM_AUTO_FREE char *path = ncm_path_absolute(file);
	NCM_AUTO_FREE char *folder = ncm_strndup(path, (size_t)(ncm_path_base(path) - path));
	struct ncm_strings siblings = {0};

	if (manifest_is_phase_file(ncm_path_base(path)))
		manifest_files_in(folder, &siblings);
	for (size_t i = 0; i < siblings.count; i++) {
		if (strcmp(siblings.items[i], path) != 0)
			read_file(set, schema, siblings.items[i], true);
	}
	ncm_strings_free(&siblings);
}

int manifest_check_text(const json_t *schema, const char *file, const char *text, struct ncm_error *err)
{
	struct manifest_set *set = set_new();
	struct ncm_catalog *catalog;

	set->complete = true;
	read_siblings(set, schema, file);
	if (text) {
		struct manifest_file *given = add_file(set, file, false);

		given->text = ncm_strdup(text);
		given->size = strlen(text);
		take_text(set, schema);
	} else {
		read_file(set, schema, file, false);
	}
	check_rules(set);
	catalog = set_finish(set, err);
	ncm_catalog_free(catalog);
	return catalog ? 0 : -1;
}

int ncm_manifest_check(const struct ncm_config *config, const char *file, struct ncm_error *err)
{
	NCM_AUTO_JSON json_t *schema = manifest_schema(config, err);

	return schema ? manifest_check_text(schema, file, NULL, err) : -1;
}

void ncm_catalog_free(struct ncm_catalog *catalog)
{
	if (!catalog)
		return;
	for (size_t i = 0; i < catalog->count; i++)
		manifest_model_clear(&catalog->models[i]);
	free(catalog->models);
	free(catalog);
}
