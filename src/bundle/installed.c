/* SPDX-License-Identifier: MIT */
/* Content that some model has where models.json says, and to which nobody wrote since: a pull finds it there. */
#include "bundle/bundle.h"

#include "base/mem.h"
#include "os/os.h"
#include "registry/model.h"

#include <errno.h>

static bool is_intact(const struct ncm_reg_model *model, const struct ncm_reg_file *file)
{
	struct os_stat status;

	return !registry_was_found_wrong(model) && os_lstat(OS_HERE, file->abs, &status) == 0 &&
	       registry_is_unchanged(file, &status);
}

bool bundle_is_installed(const struct ncm_registry *registry, const struct ncm_sha256 *sha256, uint64_t size)
{
	for (size_t i = 0; i < registry->count; i++) {
		const struct ncm_reg_model *model = &registry->models[i];

		for (size_t k = 0; k < model->file_count; k++) {
			if (model->files[k].size == size && ncm_sha256_equal(&model->files[k].sha256, sha256) &&
			    is_intact(model, &model->files[k]))
				return true;
		}
	}
	return false;
}

static int open_file(const struct ncm_reg_file *file)
{
	const int fd = os_open(OS_HERE, file->abs, OS_READ);
	struct os_stat status;

	if (fd < 0 || (os_fstat(fd, &status) == 0 && status.kind == OS_IS_FILE && status.size == file->size))
		return fd;
	os_close(fd);
	errno = ENOENT;
	return -1;
}

static int open_one(const struct ncm_registry *registry, const struct ncm_sha256 *sha256, uint64_t size, bool intact)
{
	int fd = -1;

	errno = ENOENT;
	for (size_t i = 0; i < registry->count && fd < 0; i++) {
		const struct ncm_reg_model *model = &registry->models[i];

		for (size_t k = 0; k < model->file_count && fd < 0; k++) {
			const struct ncm_reg_file *file = &model->files[k];

			if (file->size == size && ncm_sha256_equal(&file->sha256, sha256) &&
			    (!intact || is_intact(model, file)))
				fd = open_file(file);
		}
	}
	return fd;
}

int bundle_open_installed(const struct ncm_registry *registry, const struct ncm_sha256 *sha256, uint64_t size)
{
	const int fd = open_one(registry, sha256, size, true);

	return fd >= 0 ? fd : open_one(registry, sha256, size, false);
}

int ncm_bundle_lacking(const struct ncm_config *config, const struct ncm_bundle *bundle, struct ncm_strings *lacking,
		       struct ncm_error *err)
{
	struct ncm_registry *registry = ncm_registry_load(config, err);

	for (size_t i = 0; registry && i < bundle->assumed_count; i++) {
		const struct ncm_bundle_assumed *assumed = &bundle->assumed[i];
		char hex[NCM_SHA256_HEX + 1];

		if (!bundle_is_installed(registry, &assumed->sha256, assumed->size))
			ncm_strings_add(lacking, ncm_sha256_hex(&assumed->sha256, hex));
	}
	ncm_registry_free(registry);
	return registry ? 0 : -1;
}
