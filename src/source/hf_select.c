/* SPDX-License-Identifier: MIT */
#include "source/hf.h"

#include "base/mem.h"
#include "base/nearest.h"
#include "base/path.h"
#include "base/strings.h"

#include <ncmodel/limits.h>
#include <string.h>

/* As the hub's own client has it, a pattern that ends in '/' is all below it. */
static bool matches(const char *pattern, const char *path)
{
	size_t length = strlen(pattern);

	if (length > 0 && pattern[length - 1] == '/') {
		NCM_AUTO_FREE char *all = ncm_asprintf("%s*", pattern);

		return ncm_source_glob(all, path);
	}
	return ncm_source_glob(pattern, path);
}

static bool matches_any(const struct ncm_strings *patterns, const char *path)
{
	for (size_t i = 0; i < patterns->count; i++) {
		if (matches(patterns->items[i], path))
			return true;
	}
	return false;
}

/* git's own files say nothing to those who use the model. */
static bool is_of_git(const char *path)
{
	const char *name = ncm_path_base(path);

	return strcmp(name, ".gitattributes") == 0 || strcmp(name, ".gitignore") == 0;
}

static bool is_wanted(const struct hf_name *name, const struct ncm_file_spec *spec, const char *path)
{
	if (name->path ? !matches(name->path, path) : is_of_git(path))
		return false;
	if (spec->include.count > 0 && !matches_any(&spec->include, path))
		return false;
	return !matches_any(&spec->exclude, path);
}

static bool is_folder(const struct hf_tree *tree, const char *path)
{
	for (size_t i = 0; i < tree->folders.count; i++) {
		if (strcmp(tree->folders.items[i], path) == 0)
			return true;
	}
	return false;
}

static int nothing_matched(const struct hf_tree *tree, const struct hf_name *name, struct ncm_error *err)
{
	struct ncm_nearest nearest = {.to = name->path};
	NCM_AUTO_FREE char *near = NULL;

	if (name->path && is_folder(tree, name->path)) {
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: %s is a folder", tree->what, name->path);
		return ncm_error_hint(err, "for all below it write hf:%s/%s/", name->repo, name->path);
	}
	if (!name->path)
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: no file is left to fetch", tree->what);
	else if (hf_is_glob(name->path))
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: the pattern matched no file: %s", tree->what, name->path);
	else
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: there is no file %s at revision %s", tree->what, name->path,
			      name->revision);
	for (size_t i = 0; name->path && i < tree->count; i++)
		ncm_nearest_offer(&nearest, tree->files[i].path);
	near = ncm_nearest_list(&nearest);
	if (near)
		return ncm_error_hint(err, "there is: %s", near);
	return ncm_error_hint(err, "see its files at %s/%s/tree/%s", tree->endpoint, name->repo, tree->commit);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_and_unite(struct ncm_strings *names)
{
	size_t kept = 0;

	qsort(names->items, names->count, sizeof *names->items, compare);
	for (size_t i = 0; i < names->count; i++) {
		if (kept > 0 && strcmp(names->items[kept - 1], names->items[i]) == 0)
			free(names->items[i]);
		else
			names->items[kept++] = names->items[i];
	}
	names->count = kept;
}

static bool holds(const struct ncm_strings *sorted, const char *name)
{
	return sorted->count > 0 && bsearch(&name, sorted->items, sorted->count, sizeof *sorted->items, compare);
}

static int check_set(const struct hf_tree *tree, const struct ncm_strings *set, const char *one, struct ncm_error *err)
{
	for (size_t i = 0; i < set->count; i++) {
		if (hf_tree_find(tree, set->items[i]))
			continue;
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: the split model %s is not complete: %s is missing", tree->what,
			      one, set->items[i]);
		return ncm_error_hint(err, "its upload may not be finished; choose another file or revision");
	}
	return 0;
}

/* Adds the other shards of each split file. */
static int complete_sets(const struct hf_tree *tree, struct ncm_strings *chosen, struct ncm_error *err)
{
	const size_t count = chosen->count;
	struct ncm_strings set = {0};
	int result = 0;

	for (size_t i = 0; i < count && result == 0; i++) {
		/* Neighbours are mostly of one set: no need to spell it out for each. */
		if (holds(&set, chosen->items[i]))
			continue;
		ncm_strings_free(&set);
		if (!hf_gguf_shards(chosen->items[i], &set))
			continue;
		result = check_set(tree, &set, chosen->items[i], err);
		if (result == 0 && chosen->count + set.count > 2 * (size_t)NCM_LIMIT_FILES)
			result = ncm_error_set(err, NCM_E_PROTOCOL, "%s: more than %u files are chosen", tree->what,
					       NCM_LIMIT_FILES);
		if (result == 0)
			ncm_strings_add_all(chosen, &set);
	}
	ncm_strings_free(&set);
	sort_and_unite(chosen);
	return result;
}

int hf_select(const struct hf_tree *tree, const struct hf_name *name, const struct ncm_file_spec *spec,
	      struct ncm_strings *chosen, struct ncm_error *err)
{
	/* A file may be called what looks like a glob. */
	if (name->path && hf_tree_find(tree, name->path)) {
		ncm_strings_add(chosen, name->path);
	} else if (!name->path || hf_is_glob(name->path)) {
		for (size_t i = 0; i < tree->count; i++) {
			if (is_wanted(name, spec, tree->files[i].path))
				ncm_strings_add(chosen, tree->files[i].path);
		}
	}
	if (chosen->count == 0)
		return nothing_matched(tree, name, err);
	if (!name->path || spec->has_sha256 || spec->has_size || name->has_sha256)
		return 0;
	return complete_sets(tree, chosen, err);
}
