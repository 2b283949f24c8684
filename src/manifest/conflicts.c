/* SPDX-License-Identifier: MIT */
/*
 * Two files that would have the same name in the same folder of a store are a fault unless they are the same bytes, and
 * so is a file where another needs a folder. A variant's files stand in for its model's own, so those two may share a
 * place. Each profile is good or bad on its own: what several want together, the plan looks at.
 */
#include "manifest/load.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/places.h"
#include "base/strings.h"
#include "source/source.h"

#include <string.h>

struct claim {
	char *root; /* profile, store and folder */
	char *name;
	bool is_folder;
	const struct ncm_file_spec *spec;
	size_t file;    /* of the manifest */
	size_t model;   /* in the catalog */
	size_t variant; /* 0: the model's own files; else the variant's number + 1 */
	char *path;     /* JSON */
};

struct claims {
	struct claim *items;
	size_t count;
};

/* Whether it may lie in a folder of its repository: stores that keep those take neither folder nor name. What of these
 * goes to another store and clashes there, the plan refuses. */
static bool is_in_repository(const char *uri, const struct ncm_target *target)
{
	return !target->folder && !target->name && ncm_same_text(ncm_source_scheme(uri), ncm_source_huggingface.scheme);
}

/* Fills in where the file goes. False: nobody can tell before its source is asked. */
static bool claim_place(const struct ncm_model *model, const struct ncm_file_spec *spec,
			const struct ncm_target *target, struct claim *claim)
{
	const char *uri = spec->from.items[0];
	const bool many = ncm_source_is_many(uri);
	char *name = target->name ? ncm_strdup(target->name) : many ? NULL : ncm_source_file_name(uri);

	if (!name || ncm_source_gives_blobs(uri) || is_in_repository(uri, target)) {
		free(name);
		return false;
	}
	claim->root = ncm_asprintf("%s/%s/%s", model->profile ? model->profile : "", target->store,
				   target->folder ? target->folder : "");
	claim->name = name;
	claim->is_folder = many;
	return true;
}

static void claim_files(struct claims *claims, const struct claim *of, const struct ncm_model *model,
			const struct ncm_file_spec *files, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < files[i].to_count; k++) {
			struct claim claim = *of;

			if (!claim_place(model, &files[i], &files[i].to[k], &claim))
				continue;
			claim.spec = &files[i];
			claim.path = ncm_asprintf("%s.files[%zu].to[%zu]", of->path, i, k);
			*NCM_PUSH(claims->items, claims->count) = claim;
		}
	}
}

static void claim_model(struct claims *claims, size_t file, size_t index, size_t number, const struct ncm_model *model)
{
	NCM_AUTO_FREE char *path = ncm_asprintf("$.models[%zu]", index);

	claim_files(claims, &(struct claim){.file = file, .model = number, .path = path}, model, model->files,
		    model->file_count);
	for (size_t i = 0; i < model->variant_count; i++) {
		NCM_AUTO_FREE char *at = ncm_asprintf("%s.variants[%zu]", path, i);

		claim_files(claims, &(struct claim){.file = file, .model = number, .variant = i + 1, .path = at}, model,
			    model->variants[i].files, model->variants[i].file_count);
	}
}

static bool same_bytes(const struct ncm_file_spec *a, const struct ncm_file_spec *b)
{
	if (a->extract != b->extract)
		return false;
	if (a->has_sha256 && b->has_sha256)
		return ncm_sha256_equal(&a->sha256, &b->sha256);
	return strcmp(a->from.items[0], b->from.items[0]) == 0;
}

struct telling {
	struct manifest_set *set;
	const struct claims *claims;
};

static bool clash(void *context, const struct ncm_spot *upper, const struct ncm_spot *lower, bool below)
{
	const struct telling *telling = context;
	struct manifest_set *set = telling->set;
	const bool later = lower->number > upper->number;
	const struct claim *earlier = &telling->claims->items[later ? upper->number : lower->number];
	const struct claim *claim = &telling->claims->items[later ? lower->number : upper->number];
	NCM_AUTO_FREE char *at = NULL;

	if (earlier->model == claim->model && earlier->variant != claim->variant)
		return false;
	if (!below && same_bytes(earlier->spec, claim->spec))
		return false;
	/* A line is looked for in the whole text: not for faults that are counted alone. */
	at = set->fault_count < MANIFEST_FAULTS_TOLD ? manifest_place(&set->files[earlier->file], earlier->path)
						     : ncm_strdup("");
	if (!below)
		manifest_fault(set, claim->file, claim->path,
			       "the same place as at %s, for bytes that are not known to be the same", at);
	else if (later)
		manifest_fault(set, claim->file, claim->path, "a folder is needed in the place of the file at %s", at);
	else
		manifest_fault(set, claim->file, claim->path, "a file in the place of the folder that is needed at %s",
			       at);
	return true;
}

static void check_claims(struct manifest_set *set, const struct claims *claims)
{
	NCM_AUTO_FREE struct ncm_spot *places = ncm_calloc(claims->count, sizeof *places);
	struct telling telling = {set, claims};

	for (size_t i = 0; i < claims->count; i++) {
		const struct claim *claim = &claims->items[i];

		places[i] = (struct ncm_spot){claim->root, claim->name, claim->is_folder, i};
	}
	ncm_places_check(places, claims->count, clash, &telling);
}

void manifest_check_places(struct manifest_set *set)
{
	struct claims claims = {0};

	for (size_t i = 0; i < set->count; i++) {
		const struct manifest_file *file = &set->files[i];

		for (size_t k = 0; k < file->count; k++)
			claim_model(&claims, i, k, file->first + k, &set->catalog->models[file->first + k]);
	}
	check_claims(set, &claims);
	for (size_t i = 0; i < claims.count; i++) {
		free(claims.items[i].root);
		free(claims.items[i].name);
		free(claims.items[i].path);
	}
	free(claims.items);
}
