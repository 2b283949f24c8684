/* SPDX-License-Identifier: MIT */
/* What volumes say beside their content, from the first that says it right. */
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "bundle/volumes.h"
#include "digest/checkpoint.h"
#include "digest/hash.h"

#include <stdlib.h>
#include <string.h>

static int by_path_and_volume(const void *a, const void *b)
{
	const struct bundle_entry *x = a, *y = b;
	const int order = strcmp(x->path, y->path);

	return order != 0 ? order : (x->volume > y->volume) - (x->volume < y->volume);
}

void bundle_volumes_sort(struct bundle_volumes *volumes)
{
	if (volumes->entry_count > 1)
		qsort(volumes->entries, volumes->entry_count, sizeof *volumes->entries, by_path_and_volume);
}

static char *read_entry(const struct bundle_volumes *volumes, const struct bundle_entry *entry, size_t *size)
{
	char *bytes = ncm_malloc((size_t)entry->size + 1);

	*size = (size_t)entry->size;
	if (ncm_pread_all(volumes->files[entry->volume], bytes, *size, entry->at) == (ssize_t)*size) {
		bytes[*size] = '\0';
		return bytes;
	}
	free(bytes);
	return NULL;
}

static const struct bundle_entry *find_entry(const struct bundle_volumes *volumes, size_t volume, const char *path)
{
	const struct bundle_entry wanted = {.path = (char *)(uintptr_t)path, .volume = volume};

	return volumes->entry_count == 0 ? NULL
					 : bsearch(&wanted, volumes->entries, volumes->entry_count,
						   sizeof *volumes->entries, by_path_and_volume);
}

char *bundle_volumes_named(const struct bundle_volumes *volumes, size_t volume, const char *path, size_t *size)
{
	const struct bundle_entry *entry = find_entry(volumes, volume, path);

	return entry ? read_entry(volumes, entry, size) : NULL;
}

char *bundle_volumes_document(const struct ncm_bundle *bundle, const char *path, const struct ncm_bundle_file *file,
			      size_t *size)
{
	const struct bundle_volumes *volumes = bundle->impl;

	for (size_t i = 0; i < volumes->count; i++) {
		char *bytes = bundle_volumes_named(volumes, i, path, size);
		struct ncm_sha256 found;

		if (bytes && !file)
			return bytes;
		if (bytes && *size == file->size) {
			ncm_sha256_of(bytes, *size, &found);
			if (ncm_sha256_equal(&found, &file->sha256))
				return bytes;
		}
		free(bytes);
	}
	return NULL;
}

static bool checkpoints_hold(const struct ncm_bundle *bundle, const char *hex, const char *bytes, size_t size)
{
	NCM_AUTO_FREE char *path = ncm_asprintf(BUNDLE_BLOBS "/%s", hex);
	const struct ncm_bundle_file *file = bundle_find(bundle, path, strlen(path));
	struct ncm_checkpoints checkpoints;

	if (!file || ncm_checkpoints_unpack(bytes, size, &file->sha256, file->size, &checkpoints) < 0)
		return false;
	ncm_checkpoints_clear(&checkpoints);
	return true;
}

bool bundle_volumes_entry_holds(const struct ncm_bundle *bundle, const struct bundle_entry *entry)
{
	const struct bundle_volumes *volumes = bundle->impl;
	const struct ncm_bundle_file *file = bundle_find(bundle, entry->path, strlen(entry->path));
	const bool is_index = strcmp(entry->path, BUNDLE_INDEX) == 0;
	size_t size = 0;
	NCM_AUTO_FREE char *bytes = NULL;
	struct ncm_sha256 found;

	if (strcmp(entry->path, BUNDLE_VOLUME) == 0)
		return true;
	bytes = read_entry(volumes, entry, &size);
	if (!bytes)
		return false;
	if (strncmp(entry->path, BUNDLE_CHECKPOINTS "/", sizeof BUNDLE_CHECKPOINTS) == 0)
		return checkpoints_hold(bundle, entry->path + sizeof BUNDLE_CHECKPOINTS, bytes, size);
	ncm_sha256_of(bytes, size, &found);
	return (is_index || file) && ncm_sha256_equal(&found, is_index ? &volumes->index : &file->sha256);
}

bool bundle_volumes_checkpoints(const struct ncm_bundle *bundle, const struct ncm_bundle_file *file,
				struct ncm_checkpoints *checkpoints)
{
	const struct bundle_volumes *volumes = bundle->impl;
	NCM_AUTO_FREE char *path = ncm_asprintf(BUNDLE_CHECKPOINTS "/%s", ncm_path_base(file->path));
	const size_t count = ncm_checkpoints_expected(file->size);

	for (size_t i = 0; i < volumes->count && count > 0; i++) {
		size_t size = 0;
		NCM_AUTO_FREE char *bytes = bundle_volumes_named(volumes, i, path, &size);

		if (bytes && ncm_checkpoints_unpack(bytes, size, &file->sha256, file->size, checkpoints) == 0)
			return true;
	}
	*checkpoints = (struct ncm_checkpoints){.size = file->size,
						.sha256 = file->sha256,
						.count = count,
						.states = ncm_calloc(count + 1, sizeof *checkpoints->states)};
	return count == 0;
}
