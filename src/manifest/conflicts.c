/* SPDX-License-Identifier: MIT */
/*
 * Two files that would have the same name in the same folder of a store are a fault unless they are the same bytes. A
 * variant's files stand in for its model's own, so those two may share a place.
 */
#include "manifest/load.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "source/source.h"

#include <string.h>

struct claim {
	char *key; /* store, folder and folded name */
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

/* Whether an URI may stand for many files, whose names are not known here. */
static bool is_many(const char *uri)
{
	size_t size = strcspn(uri, "@?#"), slashes = 0;

	if (strncmp(uri, "hf:", 3) != 0)
		return false;
	for (size_t i = 0; i < size; i++) {
		if (strchr("*[?", uri[i]))
			return true;
		slashes += uri[i] == '/';
	}
	return slashes < 2 || uri[size] == '?';
}

/* Its name at the source, where the URI shows it. The caller frees it. */
static char *source_name(const char *uri)
{
	NCM_AUTO_FREE char *id = NULL, *display = NULL, *plain = NULL;

	if (strncmp(uri, "hf:", 3) == 0) {
		plain = ncm_strndup(uri, strcspn(uri, "@#"));
		return ncm_path_safe_name(plain);
	}
	if (strncmp(uri, "https:", 6) != 0 && strncmp(uri, "http:", 5) != 0)
		return NULL;
	ncm_source_names(uri, &id, &display);
	return ncm_path_safe_name(display);
}

static char *claim_key(const struct ncm_file_spec *spec, const struct ncm_target *target)
{
	NCM_AUTO_FREE char *from_source = source_name(spec->from.items[0]);
	NCM_AUTO_FREE char *folded = NULL;
	const char *name = target->name ? target->name : from_source;

	if (!name || manifest_is_ollama(spec->from.items[0]) || is_many(spec->from.items[0]))
		return NULL;
	folded = ncm_path_fold(name);
	return ncm_asprintf("%s/%s/%s", target->store, target->folder ? target->folder : "", folded);
}

static void claim_files(struct claims *claims, const struct claim *of, const struct ncm_file_spec *files, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < files[i].to_count; k++) {
			char *key = claim_key(&files[i], &files[i].to[k]);
			struct claim *claim;

			if (!key)
				continue;
			claim = NCM_PUSH(claims->items, claims->count);
			*claim = *of;
			claim->key = key;
			claim->spec = &files[i];
			claim->path = ncm_asprintf("%s.files[%zu].to[%zu]", of->path, i, k);
		}
	}
}

static void claim_model(struct claims *claims, size_t file, size_t index, size_t number, const struct ncm_model *model)
{
	NCM_AUTO_FREE char *path = ncm_asprintf("$.models[%zu]", index);

	claim_files(claims, &(struct claim){.file = file, .model = number, .path = path}, model->files,
		    model->file_count);
	for (size_t i = 0; i < model->variant_count; i++) {
		NCM_AUTO_FREE char *at = ncm_asprintf("%s.variants[%zu]", path, i);

		claim_files(claims, &(struct claim){.file = file, .model = number, .variant = i + 1, .path = at},
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

/* By key; within a key in the order of the files. */
static int compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	if (order != 0)
		return order;
	if (x->model != y->model)
		return x->model < y->model ? -1 : 1;
	if (x->variant != y->variant)
		return x->variant < y->variant ? -1 : 1;
	return strcmp(x->path, y->path);
}

static bool clash(struct manifest_set *set, const struct claim *earlier, const struct claim *claim)
{
	NCM_AUTO_FREE char *at = NULL;

	if (earlier->model == claim->model && earlier->variant != claim->variant)
		return false;
	if (same_bytes(earlier->spec, claim->spec))
		return false;
	at = manifest_place(&set->files[earlier->file], earlier->path);
	manifest_fault(set, claim->file, claim->path,
		       "the same place as at %s, for bytes that are not known to be the same", at);
	return true;
}

void manifest_check_places(struct manifest_set *set)
{
	struct claims claims = {0};
	size_t first = 0;

	for (size_t i = 0; i < set->count; i++) {
		const struct manifest_file *file = &set->files[i];

		for (size_t k = 0; k < file->count; k++)
			claim_model(&claims, i, k, file->first + k, &set->catalog->models[file->first + k]);
	}
	if (claims.count > 0)
		qsort(claims.items, claims.count, sizeof *claims.items, compare_claims);
	for (size_t i = 0; i < claims.count; i++) {
		const struct claim *claim = &claims.items[i];

		if (strcmp(claims.items[first].key, claim->key) != 0)
			first = i;
		/* Equal bytes are equal to the first's, unless the first is another form of the same model. */
		if (first != i && !clash(set, &claims.items[first], claim))
			(void)clash(set, &claims.items[i - 1], claim);
	}
	for (size_t i = 0; i < claims.count; i++) {
		free(claims.items[i].key);
		free(claims.items[i].path);
	}
	free(claims.items);
}
