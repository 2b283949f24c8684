/* SPDX-License-Identifier: MIT */
/*
 * Users move and rename files, folders and whole stores; the digest stays. A registered file that is gone from its
 * place is found again by it, and its entry follows. If it is still there, what was found is another copy of that
 * model.
 */
#include "adopt/adopt.h"

#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"

#include <errno.h>
#include <string.h>

struct candidate {
	const struct ncm_reg_model *model;
	const struct ncm_reg_file *file;
	bool looked, gone;
	bool taken; /* something else was found to be it */
};

struct search {
	struct adopt *adopt;
	struct candidate *candidates;
	size_t count;
	json_t *by_digest; /* hex → array of indexes */
};

bool adopt_is_gone(const struct ncm_reg_file *file)
{
	struct os_stat status;

	return os_lstat(OS_HERE, file->abs, &status) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

static void index_registry(struct search *search)
{
	const struct ncm_registry *registry = search->adopt->registry;
	char hex[NCM_SHA256_HEX + 1];

	for (size_t i = 0; i < registry->count; i++) {
		for (size_t k = 0; k < registry->models[i].file_count; k++) {
			const struct ncm_reg_file *file = &registry->models[i].files[k];
			json_t *list;

			if (ncm_sha256_is_zero(&file->sha256))
				continue;
			list = json_object_get(search->by_digest, ncm_sha256_hex(&file->sha256, hex));
			if (!list) {
				list = json_array();
				json_object_set_new_nocheck(search->by_digest, hex, list);
			}
			json_array_append_new(list, json_integer((json_int_t)search->count));
			*NCM_PUSH(search->candidates, search->count) =
			    (struct candidate){.model = &registry->models[i], .file = file};
		}
	}
}

static bool is_gone(struct candidate *candidate)
{
	if (!candidate->looked)
		candidate->gone = adopt_is_gone(candidate->file);
	candidate->looked = true;
	return candidate->gone;
}

/* How much of a path the store itself gives it: "host/namespace/model/tag", "blobs/sha256-…", "models--…/blobs/…". */
static unsigned levels_of(const struct found *found, const struct found_file *file)
{
	enum { OLLAMA_TAG = 4, OLLAMA_BLOB = 2, HUB_BLOB = 3 };

	if (found->seen->form == NCM_SURVEY_TAG)
		return strcmp(file->role, "manifest") == 0 ? OLLAMA_TAG : OLLAMA_BLOB;
	return found->seen->form == NCM_SURVEY_SNAPSHOT ? HUB_BLOB : 0;
}

/* Other tools' stores name a model by its place in them: only the store as a whole may have moved. */
static bool is_same_place(const struct found *found, const struct candidate *candidate, const struct found_file *file)
{
	const unsigned levels = levels_of(found, file);
	size_t a = strlen(file->path), b = strlen(candidate->file->abs);

	for (unsigned passed = 0; passed < levels && a > 0 && b > 0;) {
		a--;
		b--;
		if (file->path[a] != candidate->file->abs[b])
			return false;
		passed += file->path[a] == '/';
	}
	return true;
}

/* How well a registered file fits one that was found: 0 not at all; what is gone before what is there. */
static unsigned fitness(const struct found *found, const struct found_file *file, struct candidate *candidate)
{
	const struct ncm_reg_file *recorded = candidate->file;
	const bool same_name = strcmp(ncm_path_base(recorded->abs), ncm_path_base(file->path)) == 0;
	const bool same_store = recorded->store && file->store && strcmp(recorded->store, file->store) == 0;
	const bool is_copy = candidate->taken || !is_gone(candidate);

	if ((recorded->target != NULL) != (file->target != NULL) || !is_same_place(found, candidate, file))
		return 0;
	/* A manifest's model has what the manifest says; a link to another's file is nobody's copy. */
	if (is_copy && (found_is_told(found) || file->target || candidate->model->profile))
		return 0;
	return 1u + (is_copy ? 0u : 4u) + (same_name ? 2u : 0u) + (same_store ? 1u : 0u);
}

static struct candidate *best_candidate(const struct search *search, const struct found *found,
					const struct found_file *file, const struct ncm_reg_model *of)
{
	char hex[NCM_SHA256_HEX + 1];
	const json_t *list = json_object_get(search->by_digest, ncm_sha256_hex(&file->sha256, hex));
	struct candidate *best = NULL;
	unsigned most = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		struct candidate *candidate = &search->candidates[json_integer_value(json_array_get(list, i))];
		const unsigned fits = of && candidate->model != of ? 0 : fitness(found, file, candidate);

		if (fits <= most)
			continue;
		most = fits;
		best = candidate;
	}
	return best;
}

/* The registered model that has all files that say what the found one is. */
static const struct ncm_reg_model *model_of(const struct search *search, const struct found *found)
{
	const struct ncm_reg_model *model = NULL;

	for (size_t i = 0; i < found->file_count; i++) {
		const struct candidate *candidate;

		if (!found_decides(found, &found->files[i]))
			continue;
		candidate = best_candidate(search, found, &found->files[i], model);
		if (!candidate)
			return NULL;
		model = candidate->model;
	}
	return model;
}

static void follow(struct search *search, struct found *found, const struct ncm_reg_model *model)
{
	found->registered = model;
	for (size_t i = 0; i < found->file_count; i++) {
		struct found_file *file = &found->files[i];
		struct candidate *candidate = file->record ? NULL : best_candidate(search, found, file, model);

		if (!candidate || candidate->taken || !candidate->gone)
			continue;
		candidate->taken = file->moved = true;
		file->record = candidate->file;
	}
}

static bool is_new(const struct found *found)
{
	return !found->registered && !found->refused && found_is_read(found);
}

static bool any_is_new(const struct adopt *adopt)
{
	for (size_t i = 0; i < adopt->found_count; i++) {
		if (is_new(&adopt->found[i]))
			return true;
	}
	return false;
}

void adopt_find_moved(struct adopt *adopt)
{
	struct search search = {.adopt = adopt};

	if (!any_is_new(adopt))
		return;
	search.by_digest = json_object();
	index_registry(&search);
	for (size_t i = 0; i < adopt->found_count; i++) {
		struct found *found = &adopt->found[i];
		const struct ncm_reg_model *model;

		if (!is_new(found))
			continue;
		model = model_of(&search, found);
		if (model)
			follow(&search, found, model);
	}
	json_decref(search.by_digest);
	free(search.candidates);
}
