/* SPDX-License-Identifier: MIT */
/* What an index names is there and comes along, or the model is refused before its bytes. */
#include "source/hf.h"

#include "base/strings.h"

static void cleanup_strings(struct ncm_strings *strings)
{
	ncm_strings_free(strings);
}
#define AUTO_STRINGS __attribute__((cleanup(cleanup_strings)))

bool hf_is_pinned_file(const struct hf_name *name, const struct ncm_file_spec *spec)
{
	return spec->has_sha256 || spec->has_size || name->has_sha256;
}

bool hf_is_one_file(const struct hf_name *name)
{
	return name->path && !hf_is_glob(name->path);
}

static int check_index(const struct hf_tree *tree, const char *index, const struct ncm_strings *shards,
		       struct ncm_error *err)
{
	for (size_t i = 0; i < shards->count; i++) {
		if (hf_tree_find(tree, shards->items[i]))
			continue;
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: %s names %s, which is missing", tree->what, index,
			      shards->items[i]);
		return ncm_error_hint(err, "its upload may not be finished; choose another file or revision");
	}
	return 0;
}

static int add_index_shards(struct hf_tree *tree, const struct hf_name *name, bool probed, struct ncm_strings *chosen,
			    struct ncm_error *err)
{
	AUTO_STRINGS struct ncm_strings shards = {0};

	if (hf_index_shards(tree, name->path, &shards, err) < 0)
		return -1;
	for (size_t i = 0; i < shards.count && probed; i++) {
		if (hf_tree_probe(tree, name->revision, shards.items[i], err) < 0)
			return -1;
	}
	if (check_index(tree, name->path, &shards, err) < 0)
		return -1;
	ncm_strings_add_all(chosen, &shards);
	return 0;
}

static bool chooses(const struct hf_name *name, const struct ncm_file_spec *spec)
{
	return name->path || spec->include.count + spec->exclude.count + name->include.count + name->exclude.count > 0;
}

static bool shares(const struct ncm_strings *a, const struct ncm_strings *sorted)
{
	for (size_t i = 0; i < a->count; i++) {
		if (ncm_strings_hold(sorted, a->items[i]))
			return true;
	}
	return false;
}

/* Of what an index among many files names, all has to be there; who wants none of its shards is spared them. */
static int complete_by_index(struct hf_tree *tree, const char *index, bool of_all, const struct ncm_strings *chosen,
			     struct ncm_strings *more, struct ncm_error *err)
{
	AUTO_STRINGS struct ncm_strings shards = {0};
	struct ncm_error why = NCM_ERROR_INIT;

	if (hf_index_shards(tree, index, &shards, &why) < 0) {
		if (why.code != NCM_E_PROTOCOL)
			return ncm_error_move(err, &why);
		ncm_error_clear(&why); /* an index that says nothing forbids nothing */
		return 0;
	}
	if (!of_all && !shares(&shards, chosen))
		return 0;
	if (check_index(tree, index, &shards, err) < 0)
		return -1;
	ncm_strings_add_all(more, &shards);
	ncm_strings_unite(more);
	return 0;
}

static int complete_by_indexes(struct hf_tree *tree, const struct hf_name *name, const struct ncm_file_spec *spec,
			       struct ncm_strings *chosen, struct ncm_error *err)
{
	AUTO_STRINGS struct ncm_strings more = {0};

	ncm_strings_unite(chosen);
	for (size_t i = 0; i < chosen->count; i++) {
		if (hf_is_index(chosen->items[i]) &&
		    complete_by_index(tree, chosen->items[i], !chooses(name, spec), chosen, &more, err) < 0)
			return -1;
	}
	ncm_strings_add_all(chosen, &more);
	ncm_strings_unite(chosen);
	return 0;
}

int hf_complete(struct hf_tree *tree, const struct hf_name *name, const struct ncm_file_spec *spec, bool probed,
		struct ncm_strings *chosen, struct ncm_error *err)
{
	if (hf_is_pinned_file(name, spec))
		return 0;
	if (!hf_is_one_file(name))
		return complete_by_indexes(tree, name, spec, chosen, err);
	return hf_is_index(name->path) ? add_index_shards(tree, name, probed, chosen, err) : 0;
}
