/* SPDX-License-Identifier: MIT */
#include "source/hf.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/path.h"
#include "base/strings.h"

#include <ncmodel/limits.h>
#include <string.h>
#include <strings.h>

/* git's own files say nothing to those who use the model. */
static bool is_of_git(const char *path)
{
	const char *name = ncm_path_base(path);

	return strcmp(name, ".gitattributes") == 0 || strcmp(name, ".gitignore") == 0;
}

bool hf_is_chosen(const struct hf_name *name, const char *path)
{
	return ncm_source_passes(&name->include, &name->exclude, path);
}

static bool is_wanted(const struct hf_tree *tree, const struct hf_name *name, const struct ncm_file_spec *spec,
		      const char *path)
{
	if (name->path ? !ncm_source_glob(name->path, path) : is_of_git(path) && !tree->as_it_is)
		return false;
	return hf_is_chosen(name, path) && ncm_source_passes(&spec->include, &spec->exclude, path);
}

static bool is_folder(const struct hf_tree *tree, const char *path)
{
	for (size_t i = 0; i < tree->folders.count; i++) {
		if (strcmp(tree->folders.items[i], path) == 0)
			return true;
	}
	return false;
}

enum { LISTED = 12 };

/* "a, b and 3 more"; NULL if there are none. The caller frees it. */
static char *list_of(const struct ncm_strings *names)
{
	struct ncm_buffer out = {0};

	if (names->count == 0)
		return NULL;
	for (size_t i = 0; i < names->count && i < LISTED; i++)
		ncm_buffer_printf(&out, "%s%s", i > 0 ? ", " : "", names->items[i]);
	if (names->count > LISTED)
		ncm_buffer_printf(&out, " and %zu more", names->count - LISTED);
	return ncm_buffer_take(&out);
}

static int hint_at(const struct hf_tree *tree, const char *there, struct ncm_error *err)
{
	if (there)
		return ncm_error_hint(err, "there is: %s", there);
	return ncm_error_hint(err, "see its files at %s/%s/tree/%s", tree->endpoint, tree->repo, tree->commit);
}

/* Of what was chosen from the whole, the list says what could have been. */
static int nothing_chosen(const struct hf_tree *tree, const struct hf_name *name, struct ncm_error *err)
{
	struct ncm_strings all = {0};
	NCM_AUTO_FREE char *there = NULL;
	const bool has_choice = name->include.count + name->exclude.count > 0;

	for (size_t i = 0; i < tree->count; i++) {
		if (!is_of_git(tree->files[i].path))
			ncm_strings_add(&all, tree->files[i].path);
	}
	there = list_of(&all);
	ncm_strings_free(&all);
	ncm_error_set(err, NCM_E_NOT_FOUND,
		      has_choice ? "%s: --include and --exclude leave no file" : "%s: no file is left to fetch",
		      tree->what);
	return hint_at(tree, there, err);
}

static int nothing_matched(const struct hf_tree *tree, const struct hf_name *name, struct ncm_error *err)
{
	struct ncm_nearest nearest = {.to = name->path};
	NCM_AUTO_FREE char *near = NULL;

	if (!name->path)
		return nothing_chosen(tree, name, err);
	if (is_folder(tree, name->path)) {
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: %s is a folder", tree->what, name->path);
		return ncm_error_hint(err, "for all below it write hf:%s/%s/", name->repo, name->path);
	}
	if (hf_is_glob(name->path))
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: the pattern matched no file: %s", tree->what, name->path);
	else
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: there is no file %s at revision %s", tree->what, name->path,
			      name->revision);
	for (size_t i = 0; i < tree->count; i++)
		ncm_nearest_offer(&nearest, tree->files[i].path);
	near = ncm_nearest_list(&nearest);
	return hint_at(tree, near, err);
}

static int check_set(const struct hf_tree *tree, const struct ncm_strings *set, const char *one, bool whole,
		     struct ncm_error *err)
{
	for (size_t i = 0; i < set->count; i++) {
		if (hf_tree_find(tree, set->items[i]))
			continue;
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: the split model %s is not complete: %s is missing", tree->what,
			      one, set->items[i]);
		return ncm_error_hint(err, "its upload may not be finished; choose another file or revision%s",
				      whole ? ", or leave it out with --exclude" : "");
	}
	return 0;
}

/* Adds the other shards of each split file. */
static int complete_sets(const struct hf_tree *tree, bool whole, struct ncm_strings *chosen, struct ncm_error *err)
{
	const size_t count = chosen->count;
	struct ncm_strings set = {0};
	int result = 0;

	for (size_t i = 0; i < count && result == 0; i++) {
		/* Neighbours are mostly of one set: no need to spell it out for each. */
		if (ncm_strings_hold(&set, chosen->items[i]))
			continue;
		ncm_strings_free(&set);
		if (!hf_shards(chosen->items[i], &set))
			continue;
		result = check_set(tree, &set, chosen->items[i], whole, err);
		if (result == 0 && chosen->count + set.count > 2 * (size_t)NCM_LIMIT_FILES)
			result = ncm_error_set(err, NCM_E_PROTOCOL, "%s: more than %u files are chosen", tree->what,
					       NCM_LIMIT_FILES);
		if (result == 0)
			ncm_strings_add_all(chosen, &set);
	}
	ncm_strings_free(&set);
	ncm_strings_unite(chosen);
	return result;
}

bool hf_is_quantization(const char *path, const char *tag)
{
	const size_t size = strlen(tag);

	if (!ncm_path_has_suffix(path, ".gguf") || strncasecmp(ncm_path_base(path), "mmproj", 6) == 0)
		return false;
	for (const char *at = strcasestr(path, tag); at; at = strcasestr(at + 1, tag)) {
		/* "Q4_K" is not the beginning of "Q4_K_M". */
		if ((at == path || strchr("-._/ ", at[-1])) && (!at[size] || strchr("-./ ", at[size])))
			return true;
	}
	return false;
}

/* The first of each split set, and what is whole, of the GGUF files that have the tag (NULL: of all). */
static void list_sets(const struct hf_tree *tree, const char *tag, struct ncm_strings *firsts)
{
	NCM_AUTO_FREE char *seen = NULL;

	for (size_t i = 0; i < tree->count; i++) {
		const char *path = tree->files[i].path;
		char *set;

		if (!(tag ? hf_is_quantization(path, tag) : ncm_path_has_suffix(path, ".gguf")))
			continue;
		set = hf_shard_set(path);
		if (!set || !seen || strcmp(set, seen) != 0)
			ncm_strings_add(firsts, path);
		free(seen);
		seen = set;
	}
}

static int refuse_tag(const struct hf_tree *tree, const struct hf_name *name, const struct ncm_strings *found,
		      struct ncm_error *err)
{
	struct ncm_strings all = {0};
	NCM_AUTO_FREE char *there = NULL;

	if (found->count > 1) {
		there = list_of(found);
		ncm_error_set(err, NCM_E_USAGE, "%s: %zu files are of %s: %s", tree->what, found->count, name->tag,
			      there);
		return ncm_error_hint(err, "choose one by its name: hf:%s/%s", name->repo, found->items[0]);
	}
	list_sets(tree, NULL, &all);
	there = list_of(&all);
	ncm_strings_free(&all);
	ncm_error_set(err, NCM_E_NOT_FOUND, "%s: no GGUF file has %s in its name", tree->what, name->tag);
	return hint_at(tree, there, err);
}

static int choose_tag(const struct hf_tree *tree, const struct hf_name *name, struct ncm_strings *chosen,
		      struct ncm_error *err)
{
	struct ncm_strings found = {0};
	int failed = 0;

	list_sets(tree, name->tag, &found);
	if (found.count == 1)
		ncm_strings_add(chosen, found.items[0]);
	else
		failed = refuse_tag(tree, name, &found, err);
	ncm_strings_free(&found);
	return failed;
}

static void choose_files(const struct hf_tree *tree, const struct hf_name *name, const struct ncm_file_spec *spec,
			 struct ncm_strings *chosen)
{
	/* A file may be called what looks like a glob. */
	if (name->path && hf_tree_find(tree, name->path)) {
		ncm_strings_add(chosen, name->path);
		return;
	}
	for (size_t i = 0; i < tree->count && (!name->path || hf_is_glob(name->path)); i++) {
		if (is_wanted(tree, name, spec, tree->files[i].path))
			ncm_strings_add(chosen, tree->files[i].path);
	}
}

int hf_select(const struct hf_tree *tree, const struct hf_name *name, const struct ncm_file_spec *spec,
	      struct ncm_strings *chosen, struct ncm_error *err)
{
	if (name->tag && choose_tag(tree, name, chosen, err) < 0)
		return -1;
	if (!name->tag)
		choose_files(tree, name, spec, chosen);
	if (chosen->count == 0)
		return nothing_matched(tree, name, err);
	if (spec->has_sha256 || spec->has_size || name->has_sha256)
		return 0;
	return complete_sets(tree, !name->path && !name->tag, chosen, err);
}
