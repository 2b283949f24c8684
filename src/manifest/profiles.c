/* SPDX-License-Identifier: MIT */
/* Profiles are folders: the user's own, then the shipped ones. */
#include "manifest/load.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/path.h"
#include "base/strings.h"
#include "os/os.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

bool manifest_is_phase_file(const char *name)
{
	return strncmp(name, "phase-", 6) == 0 && ncm_path_has_suffix(name, ".json");
}

static int compare_words(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_words(struct ncm_strings *words)
{
	if (words->count > 1)
		qsort(words->items, words->count, sizeof *words->items, compare_words);
}

void manifest_files_in(const char *folder, struct ncm_strings *paths)
{
	struct os_list *dir = os_list(os_open(OS_HERE, folder, OS_FOLDER));
	const char *entry;

	while (dir && (entry = os_list_next(dir))) {
		NCM_AUTO_FREE char *path = ncm_path_join(folder, entry);

		if (manifest_is_phase_file(entry))
			ncm_strings_add(paths, path);
	}
	os_list_end(dir);
	sort_words(paths);
}

/* As the schema has it. */
static bool is_profile_name(const char *name)
{
	size_t size = strlen(name);

	if (size == 0 || size > 64 || !isalnum((unsigned char)name[0]))
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == size;
}

static const char *folder_at(const struct ncm_config *config, size_t i)
{
	return i < config->manifest_dir_count ? config->manifest_dirs[i] : config->data_dir;
}

/* What cannot be read is not known to be absent. Returns 0 if no folder of that name is there. */
static int unreadable_profile(const struct ncm_config *config, const char *profile, struct ncm_error *err)
{
	for (size_t i = 0; i <= config->manifest_dir_count && folder_at(config, i); i++) {
		NCM_AUTO_FREE char *folder = ncm_path_join(folder_at(config, i), profile);

		if (os_access(OS_HERE, folder, OS_MAY_READ | OS_MAY_ENTER) == 0 || errno == ENOENT || errno == ENOTDIR)
			continue;
		ncm_error_errno(err, errno, "cannot read the profile \"%s\" in %s", profile, folder);
		return ncm_error_hint(err, "run it as a user who may read that folder");
	}
	return 0;
}

static int unknown_profile(const struct ncm_config *config, const char *profile, struct ncm_error *err)
{
	struct ncm_strings names = {0};
	struct ncm_nearest nearest = {.to = profile};
	struct ncm_buffer all = {0};
	NCM_AUTO_FREE char *list = NULL;

	if (!strchr(profile, '/') && unreadable_profile(config, profile, err) < 0)
		return -1;
	(void)ncm_profiles(config, &names, NULL);
	for (size_t i = 0; i < names.count; i++) {
		ncm_nearest_offer(&nearest, names.items[i]);
		ncm_buffer_printf(&all, "%s%s", i > 0 ? ", " : "", names.items[i]);
	}
	list = ncm_nearest_list(&nearest);
	ncm_error_set(err, NCM_E_USAGE, "there is no profile \"%s\"", profile);
	if (list)
		ncm_error_hint(err, "did you mean %s?", list);
	else if (all.data)
		ncm_error_hint(err, "the profiles are: %s", all.data);
	else
		ncm_error_hint(err, "no profile was found below %s", config->data_dir ? config->data_dir : "(nowhere)");
	ncm_buffer_free(&all);
	ncm_strings_free(&names);
	return -1;
}

int manifest_profile_files(const struct ncm_config *config, const char *profile, struct ncm_strings *paths,
			   struct ncm_error *err)
{
	if (!is_profile_name(profile))
		return unknown_profile(config, profile, err);
	for (size_t i = 0; i <= config->manifest_dir_count; i++) {
		NCM_AUTO_FREE char *folder = NULL;

		if (!folder_at(config, i))
			continue;
		folder = ncm_path_join(folder_at(config, i), profile);
		manifest_files_in(folder, paths);
		if (paths->count > 0)
			return 0;
	}
	return unknown_profile(config, profile, err);
}

static void add_profiles(const char *folder, struct ncm_strings *names)
{
	struct os_list *dir = os_list(os_open(OS_HERE, folder, OS_FOLDER));
	const char *entry;

	while (dir && (entry = os_list_next(dir))) {
		struct ncm_strings files = {0};
		NCM_AUTO_FREE char *path = ncm_path_join(folder, entry);

		if (!is_profile_name(entry) || ncm_strings_contain(names, entry))
			continue;
		manifest_files_in(path, &files);
		if (files.count > 0)
			ncm_strings_add(names, entry);
		ncm_strings_free(&files);
	}
	os_list_end(dir);
}

int ncm_profiles(const struct ncm_config *config, struct ncm_strings *names, struct ncm_error *err)
{
	(void)err;
	ncm_strings_free(names);
	for (size_t i = 0; i <= config->manifest_dir_count; i++) {
		if (folder_at(config, i))
			add_profiles(folder_at(config, i), names);
	}
	sort_words(names);
	return 0;
}
