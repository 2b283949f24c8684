/* SPDX-License-Identifier: MIT */
/*
 * What is said of a file's digest without reading it. It is good enough to say what a dry run would do, and which files
 * on two disks are the same; nothing is replaced for it.
 */
#include "link/work.h"

#include "base/file.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/share.h"

#include <string.h>

/* A registered file, found by its path: its own, or that of the file that it is a link to. */
struct entry {
	const char *path;
	const struct ncm_reg_file *file;
};

static int by_path(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static struct entry *sorted_entries(const struct ncm_registry *registry, size_t *count)
{
	struct entry *entries = NULL;

	*count = 0;
	for (size_t i = 0; i < registry->count; i++) {
		for (size_t k = 0; k < registry->models[i].file_count; k++) {
			const struct ncm_reg_file *file = &registry->models[i].files[k];

			*NCM_PUSH(entries, *count) = (struct entry){file->target ? file->target : file->abs, file};
		}
	}
	if (*count > 1)
		qsort(entries, *count, sizeof *entries, by_path);
	return entries;
}

/* The first of the entries of this path; those of other models follow. */
static size_t find(const struct entry *entries, size_t count, const char *path)
{
	size_t low = 0, high = count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (strcmp(entries[middle].path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_recorded(const struct ncm_reg_file *recorded)
{
	return !ncm_sha256_is_zero(&recorded->sha256);
}

static void take_claim(struct file *file, const struct entry *entries, size_t count)
{
	for (size_t i = 0; i < file->name_count && !file->has_claim; i++) {
		const char *path = file->names[i].path;

		for (size_t k = find(entries, count, path); k < count && strcmp(entries[k].path, path) == 0; k++) {
			const struct ncm_reg_file *recorded = entries[k].file;

			if (!is_recorded(recorded) || recorded->size != file->status.size ||
			    recorded->mtime_ns != file->status.mtime_ns)
				continue;
			file->has_claim = true;
			file->claim = recorded->sha256;
		}
		file->has_claim = file->has_claim || store_blob_digest(path, &file->claim);
	}
}

void claims_take(struct work *work)
{
	size_t count;
	NCM_AUTO_FREE struct entry *entries = sorted_entries(work->registry, &count);

	for (size_t i = 0; i < work->file_count; i++)
		take_claim(&work->files[i], entries, count);
}

void claims_note_mtime(struct work *work, const struct name *name, const struct ncm_sha256 *sha256, int64_t mtime_ns)
{
	for (size_t i = 0; i < work->registry->count; i++) {
		const struct ncm_reg_model *model = &work->registry->models[i];

		for (size_t k = 0; k < model->file_count; k++) {
			const struct ncm_reg_file *file = &model->files[k];

			if (strcmp(file->target ? file->target : file->abs, name->path) == 0 &&
			    ncm_sha256_equal(&file->sha256, sha256))
				*NCM_PUSH(work->touches, work->touch_count) =
				    (struct ncm_reg_touch){model->id, file->abs, mtime_ns};
		}
	}
}

int claims_save(struct work *work, struct ncm_error *err)
{
	if (work->touch_count == 0)
		return 0;
	return ncm_registry_touch_all(work->registry->path, work->touches, work->touch_count, err);
}
