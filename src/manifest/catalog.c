/* SPDX-License-Identifier: MIT */
/* Loading a profile: read by the tables, check by the rules; all faults of all files in one go. */
#include "manifest/load.h"
#include "manifest/spelled.h"

#include "base/file.h"
#include "base/json.h"
#include "base/json_file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "os/os.h"

#include <errno.h>
#include <ncmodel/limits.h>
#include <string.h>

enum { SCHEMA_VERSION = 1 };

struct telling {
	struct manifest_set *set;
	size_t file;
};

static void tell_fault(void *context, const char *place, const char *path, const char *reason)
{
	const struct telling *telling = context;

	manifest_fault_at(telling->set, telling->file, place, path, reason);
}

/* A newer format may mean anything: its version is the only fault worth telling. */
static bool is_newer(struct manifest_set *set, size_t index)
{
	int64_t version;

	if (!ncm_json_is_newer(set->files[index].text, set->files[index].size, SCHEMA_VERSION, &version))
		return false;
	manifest_fault(set, index, "$.schema_version",
		       "is %lld: this manifest needs a newer ncmodel (this one reads version %d)", (long long)version,
		       SCHEMA_VERSION);
	return true;
}

static struct manifest_file *add_file(struct manifest_set *set, const char *path, bool context)
{
	struct manifest_file *file = NCM_PUSH(set->files, set->count);

	file->path = ncm_strdup(path);
	file->context = context;
	file->first = set->catalog->count;
	file->first_rule = set->catalog->rule_count;
	return file;
}

static void add_models(struct ncm_catalog *catalog, const struct manifest_words *words)
{
	for (size_t i = 0; i < words->count; i++)
		*NCM_PUSH(catalog->models, catalog->count) = words->models[i];
}

/* Those of a file with faults are of no use to anybody. */
static void take_rules(struct manifest_set *set, struct manifest_file *file, struct manifest_words *words)
{
	for (size_t i = 0; i < words->rule_count; i++) {
		if (file->sound)
			*NCM_PUSH(set->catalog->rules, set->catalog->rule_count) = words->rules[i];
		else
			manifest_rule_clear(&words->rules[i]);
	}
	file->rule_count = file->sound ? words->rule_count : 0;
	free(words->rules);
}

/* That of a file with faults is of no use to anybody. */
static void take_residence(struct manifest_set *set, const struct manifest_file *file, struct manifest_words *words)
{
	if (words->has_residence && file->sound) {
		words->residence.profile = ncm_strdup_null(words->profile);
		*NCM_PUSH(set->catalog->residences, set->catalog->residence_count) = words->residence;
	} else {
		ncm_strings_free(&words->residence.preload);
	}
}

static void take_words(struct manifest_set *set, struct manifest_file *file, struct manifest_words *words)
{
	file->profile = words->profile;
	take_rules(set, file, words);
	take_residence(set, file, words);
	if (file->sound) {
		add_models(set->catalog, words);
		file->count = words->count;
		free(words->models);
	} else {
		file->faulty = words->models;
		file->faulty_count = words->count;
	}
	free(words->priority);
}

/* Reads and checks the text of the file that was added last, as far as it can be checked alone. */
static void take_text(struct manifest_set *set)
{
	const size_t index = set->count - 1;
	struct manifest_file *file = &set->files[index];
	struct manifest_words words = {0};
	struct telling telling = {set, index};
	struct ncm_error err = NCM_ERROR_INIT;

	/* An empty name leaves ":LINE: reason", from which the fault takes both. */
	file->is_json = ncm_json_check(file->text, file->size, "", NCM_E_MANIFEST, &err) == 0;
	if (!file->is_json) {
		manifest_json_fault(set, index, err.message);
		ncm_error_clear(&err);
		return;
	}
	if (is_newer(set, index))
		return;
	file->sound = manifest_read(file->text, file->size, &words, tell_fault, &telling);
	take_words(set, file, &words);
	if (file->sound)
		manifest_check_file(set, index);
}

static void read_file(struct manifest_set *set, const char *path, bool context)
{
	struct manifest_file *file = add_file(set, path, context);

	file->text = ncm_read_file(path, NCM_LIMIT_MANIFEST_BYTES, &file->size);
	if (file->text)
		take_text(set);
	else if (errno == EFBIG)
		manifest_fault(set, set->count - 1, "$", "the file is larger than %u bytes", NCM_LIMIT_MANIFEST_BYTES);
	else
		manifest_fault(set, set->count - 1, "$", "cannot be read: %s", os_error_text(errno));
}

static void check_profile_names(struct manifest_set *set, const struct ncm_strings *profiles)
{
	for (size_t i = 0; i < set->count && i < profiles->count; i++) {
		const char *named = set->files[i].sound ? set->files[i].profile : NULL;

		if (named && strcmp(named, profiles->items[i]) != 0)
			manifest_fault(set, i, "$.profile", "is \"%s\", but the file is in the folder of \"%s\"", named,
				       profiles->items[i]);
	}
}

static void check_rules(struct manifest_set *set)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < set->count; i++) {
		if (set->catalog->count > NCM_LIMIT_MODELS)
			manifest_fault(set, i, "$.models", "more than %u models in all", NCM_LIMIT_MODELS);
	}
	for (size_t i = 0; i < set->catalog->count; i++) {
		const struct ncm_model *model = &set->catalog->models[i];

		for (size_t k = 0; k < model->file_count; k++) {
			const struct ncm_file_spec *spec = &model->files[k];

			if (!__builtin_add_overflow(sum, spec->has_size ? spec->size : spec->expected_size, &sum))
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
		free(set->files[i].profile);
		for (size_t k = 0; k < set->files[i].faulty_count; k++)
			manifest_model_clear(&set->files[i].faulty[k]);
		free(set->files[i].faulty);
	}
	for (size_t i = 0; i < MANIFEST_FAULTS_TOLD; i++)
		free(set->faults[i].text);
	free(set->files);
	free(set);
	return catalog;
}

/* The files of a profile, and for each the profile's name. */
static int find_files(const struct ncm_config *config, const char *profile, struct ncm_strings *paths,
		      struct ncm_strings *profiles, struct ncm_error *err)
{
	struct ncm_strings found = {0};
	int failed = manifest_profile_files(config, profile, &found, err);

	for (size_t i = 0; i < found.count && !failed; i++) {
		ncm_strings_add(paths, found.items[i]);
		ncm_strings_add(profiles, profile);
	}
	ncm_strings_free(&found);
	return failed;
}

static int find_all_files(const struct ncm_config *config, struct ncm_strings *paths, struct ncm_strings *profiles,
			  struct ncm_error *err)
{
	int failed;

	for (size_t i = 0; i < config->manifest_file_count; i++)
		ncm_strings_add(paths, config->manifest_files[i]);
	if (config->manifest_file_count > 0)
		return 0;
	failed = find_files(config, config->profile ? config->profile : "noa", paths, profiles, err);
	for (size_t i = 0; i < config->more_profile_count && !failed; i++)
		failed = find_files(config, config->more_profiles[i], paths, profiles, err);
	return failed;
}

struct ncm_catalog *ncm_catalog_load(const struct ncm_config *config, struct ncm_error *err)
{
	struct ncm_strings paths = {0}, profiles = {0};
	struct ncm_catalog *catalog = NULL;

	if (find_all_files(config, &paths, &profiles, err) == 0) {
		struct manifest_set *set = set_new();

		/* Of files picked by hand, what they require may be in another file. */
		set->complete = config->manifest_file_count == 0;
		for (size_t i = 0; i < paths.count; i++)
			read_file(set, paths.items[i], false);
		check_profile_names(set, &profiles);
		check_rules(set);
		catalog = set_finish(set, err);
	}
	ncm_strings_free(&paths);
	ncm_strings_free(&profiles);
	return catalog;
}

/* The other phases of the profile that the file is of, for the ids in them. */
static void read_siblings(struct manifest_set *set, const char *file)
{
	NCM_AUTO_FREE char *path = ncm_path_absolute(file);
	NCM_AUTO_FREE char *folder = ncm_strndup(path, (size_t)(ncm_path_base(path) - path));
	struct ncm_strings siblings = {0};

	if (manifest_is_phase_file(ncm_path_base(path)))
		manifest_files_in(folder, &siblings);
	for (size_t i = 0; i < siblings.count; i++) {
		if (strcmp(siblings.items[i], path) != 0)
			read_file(set, siblings.items[i], true);
	}
	ncm_strings_free(&siblings);
}

int manifest_check_text(const struct ncm_layout *layout, const char *file, const char *text, struct ncm_error *err)
{
	struct manifest_set *set = set_new();
	struct ncm_catalog *catalog;

	set->complete = true;
	read_siblings(set, file);
	if (text) {
		struct manifest_file *given = add_file(set, file, false);

		given->text = ncm_strdup(text);
		given->size = strlen(text);
		take_text(set);
	} else {
		read_file(set, file, false);
	}
	check_rules(set);
	if (layout)
		manifest_check_targets(set, layout);
	catalog = set_finish(set, err);
	ncm_catalog_free(catalog);
	return catalog ? 0 : -1;
}

int ncm_manifest_check(const struct ncm_config *config, const char *file, struct ncm_error *err)
{
	struct ncm_layout *layout = ncm_layout_load(config, err);
	const int failed = layout ? manifest_check_text(layout, file, NULL, err) : -1;

	ncm_layout_free(layout);
	return failed;
}

void ncm_catalog_free(struct ncm_catalog *catalog)
{
	if (!catalog)
		return;
	for (size_t i = 0; i < catalog->count; i++)
		manifest_model_clear(&catalog->models[i]);
	for (size_t i = 0; i < catalog->rule_count; i++)
		manifest_rule_clear(&catalog->rules[i]);
	for (size_t i = 0; i < catalog->residence_count; i++) {
		free(catalog->residences[i].profile);
		ncm_strings_free(&catalog->residences[i].preload);
	}
	free(catalog->residences);
	free(catalog->models);
	free(catalog->rules);
	manifest_index_free(catalog);
	free(catalog);
}
