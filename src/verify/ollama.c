/* SPDX-License-Identifier: MIT */
/*
 * What an Ollama model consists of is said by its manifest. If models.json names fewer files than that, the model can
 * be broken while every registered file is right.
 */
#include "verify/check.h"
#include "verify/report.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "digest/hash.h"

#include <string.h>

enum { MANIFEST_BYTES = 4 << 20, NAME_LEVELS = 4 /* host/namespace/model/tag */ };

/* The store's folder, from "<store>/manifests/<host>/<namespace>/<model>/<tag>". The caller frees it. */
static char *store_of(const char *manifest)
{
	NCM_AUTO_FREE char *path = ncm_strdup(manifest);
	const char marker[] = "/manifests";
	char *store;
	size_t size;

	for (unsigned level = 0; level < NAME_LEVELS; level++) {
		char *slash = strrchr(path, '/');

		if (!slash)
			return NULL;
		*slash = '\0';
	}
	size = strlen(path);
	if (size < sizeof marker || strcmp(path + size + 1 - sizeof marker, marker) != 0)
		return NULL;
	path[size + 1 - sizeof marker] = '\0';
	store = path;
	path = NULL;
	return store;
}

static bool has_file(const struct ncm_reg_model *model, const char *path)
{
	for (size_t i = 0; i < model->file_count; i++) {
		if (strcmp(model->files[i].abs, path) == 0)
			return true;
	}
	return false;
}

/* Room for so many more files than the registry has. */
static void make_room(struct ncm_verify_report *report, struct ncm_reg_model *model, size_t more)
{
	struct ncm_reg_file *files = verify_report_take(report, (model->file_count + more) * sizeof *files);

	for (size_t i = 0; i < model->file_count; i++)
		files[i] = model->files[i];
	model->files = files;
}

static void add_blob(struct ncm_verify_report *report, struct ncm_reg_model *model, const char *store, char *store_id,
		     const struct ncm_sha256 *digest, uint64_t size)
{
	char relative[80];
	NCM_AUTO_FREE char *path = NULL;
	struct ncm_reg_file *file;

	ncm_ollama_blob_path(digest, relative);
	path = ncm_path_join(store, relative);
	if (has_file(model, path))
		return;
	file = &model->files[model->file_count++];
	file->path = file->abs = verify_report_text(report, path);
	file->store = store_id;
	file->role = verify_report_text(report, "blob");
	file->size = size;
	file->sha256 = *digest;
}

static void add_blobs_of(struct ncm_verify_report *report, struct ncm_reg_model *model,
			 const struct ncm_reg_file *manifest)
{
	NCM_AUTO_FREE char *store = store_of(manifest->abs);
	size_t size = 0, count = 0;
	NCM_AUTO_FREE char *text = store ? ncm_read_file(manifest->abs, MANIFEST_BYTES, &size) : NULL;
	NCM_AUTO_FREE struct ncm_sha256 *blobs = NULL;
	NCM_AUTO_FREE uint64_t *sizes = NULL;
	struct ncm_sha256 digest;
	char **types = NULL;

	if (!text)
		return;
	/* A damaged manifest is told as such; what it names now means nothing. */
	ncm_sha256_of(text, size, &digest);
	if (!ncm_sha256_equal(&digest, &manifest->sha256) ||
	    ncm_ollama_manifest_blobs(text, size, &blobs, &sizes, &types, &count, NULL) < 0)
		return;
	make_room(report, model, count);
	for (size_t i = 0; i < count; i++) {
		add_blob(report, model, store, manifest->store, &blobs[i], sizes[i]);
		free(types[i]);
	}
	free(types);
}

void verify_add_blobs(struct ncm_verify_report *report, struct ncm_reg_model *model)
{
	const size_t count = model->file_count;

	for (size_t i = 0; i < count; i++) {
		if (model->files[i].role && strcmp(model->files[i].role, "manifest") == 0) {
			/* A copy: the array moves when it grows. */
			const struct ncm_reg_file manifest = model->files[i];

			add_blobs_of(report, model, &manifest);
		}
	}
}
