/* SPDX-License-Identifier: MIT */
#include "registry/ollama.h"

#include "base/mem.h"
#include "base/path.h"

#include <string.h>

static bool is_manifest(const struct ncm_reg_file *file)
{
	return file->role && strcmp(file->role, "manifest") == 0;
}

bool registry_manifest_place(const struct ncm_reg_file *manifest, char **store, char **name)
{
	/* "<store>/<folder of manifests>/<host>/<namespace>/<model>/<tag>" */
	enum { LEVELS = OLLAMA_PARTS + 1 };
	const char *path = manifest->abs;
	const char *at = path + strlen(path);

	*store = *name = NULL;
	if (!is_manifest(manifest))
		return false;
	for (unsigned level = 0; level < LEVELS && at > path; level += *at == '/')
		at--;
	*name = *at == '/' && at > path ? ollama_name_at(at + 1, NULL) : NULL;
	if (!*name)
		return false;
	*store = ncm_strndup(path, (size_t)(at - path));
	return true;
}

void registry_known_manifest(const struct ncm_reg_model *model, const struct ncm_reg_file *manifest,
			     struct ollama_known *known)
{
	NCM_AUTO_FREE char *store = NULL;
	NCM_AUTO_FREE char *name = NULL;
	NCM_AUTO_FREE char *blobs = NULL;
	size_t manifests = 0;

	*known = (struct ollama_known){.digest = manifest->sha256};
	if (!registry_manifest_place(manifest, &store, &name))
		return;
	blobs = ncm_path_join(store, "blobs");
	for (size_t i = 0; i < model->file_count; i++) {
		const struct ncm_reg_file *file = &model->files[i];

		manifests += is_manifest(file) && ncm_path_below(file->abs, store);
		if (ncm_path_below(file->abs, blobs) && !ncm_sha256_is_zero(&file->sha256))
			*NCM_PUSH(known->blobs, known->blob_count) = file->sha256;
	}
	if (manifests > 1)
		known->blob_count = 0;
}
