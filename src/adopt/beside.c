/* SPDX-License-Identifier: MIT */
/* Configurations, vocabularies and the like: only a manifest says that they belong to a model, and where they lie. */
#include "adopt/adopt.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "digest/hash.h"
#include "digest/name.h"
#include "format/format.h"
#include "os/os.h"
#include "store/inside.h"

#include <string.h>

/* The name at the source, for a target that gives none. The caller frees it. */
static char *wanted_name(const struct ncm_file_spec *spec, const struct ncm_target *target)
{
	NCM_AUTO_FREE char *plain = ncm_strndup(spec->from.items[0], strcspn(spec->from.items[0], "@?#"));

	return target->name ? ncm_strdup(target->name) : ncm_path_safe_name(plain);
}

/* Hashes an open file if its bytes could be these. */
static bool has_bytes(int fd, const struct ncm_file_spec *spec, const struct ncm_sha256 *sha256,
		      struct found_file *file)
{
	struct os_stat status;

	if (os_fstat(fd, &status) < 0 || status.kind != OS_IS_FILE || (spec->has_size && status.size != spec->size))
		return false;
	file->size = status.size;
	file->mtime_ns = status.mtime_ns;
	file->has_sha256 = ncm_sha256_fd(fd, UINT64_MAX, &file->sha256, NULL, NULL, NULL) == 0;
	return file->has_sha256 && ncm_sha256_equal(&file->sha256, sha256);
}

struct found_file *beside_find(const struct adopt *adopt, const struct ncm_file_spec *spec,
			       const struct ncm_target *target, const struct ncm_sha256 *sha256)
{
	struct ncm_store *store = ncm_layout_find(adopt->layout, target->store);
	NCM_AUTO_FREE char *name = wanted_name(spec, target);
	NCM_AUTO_FREE char *path = NULL;
	struct found_file *file;

	/* Surveys find those. */
	if (!store || ncm_format_is_model_name(name))
		return NULL;
	path = ncm_layout_path(adopt->layout, &store, target->folder, name, NULL);
	if (!path)
		return NULL;
	{
		NCM_AUTO_CLOSE int dirfd = ncm_store_peek(store);
		NCM_AUTO_CLOSE int fd = dirfd < 0 ? -1 : store_open_inside(store, dirfd, path);

		file = ncm_calloc(1, sizeof *file);
		if (fd < 0 || !has_bytes(fd, spec, sha256, file)) {
			free(file);
			return NULL;
		}
	}
	file->path = ncm_path_join(store->path, path);
	file->store = store->id;
	file->role = spec->role;
	return file;
}

void beside_free(struct found_file *file)
{
	free(file->path);
	free(file);
}
