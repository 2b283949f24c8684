/* SPDX-License-Identifier: MIT */
/*
 * No survey finds what an archive was unpacked to, nor a repository's small files: no application takes them for
 * models. When a store was moved as a whole they lie in its new folder as they lay in the old one. Whatever the old
 * one was, all that the entry has there is to be found below the new one by its path and digest, or nothing is.
 */
#include "adopt/adopt.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "digest/hash.h"
#include "os/os.h"
#include "store/inside.h"

#include <string.h>

/* The store that a registered file may have been moved with, or NULL. */
static const struct ncm_store *moved_with(const struct adopt *adopt, const struct ncm_reg_file *file)
{
	const struct ncm_store *store = ncm_layout_moved(adopt->layout, file->abs, file->store);

	if (!store || store->kind->by_digest || file->target || ncm_sha256_is_zero(&file->sha256) ||
	    !adopt_looks_at(adopt, store) || !adopt_is_gone(file))
		return NULL;
	return store;
}

static bool has_bytes(const struct ncm_store *store, int dirfd, const char *path, const struct ncm_reg_file *file)
{
	NCM_AUTO_CLOSE int fd = store_open_inside(store, dirfd, path);
	struct ncm_sha256 sha256;
	struct os_stat status;

	return fd >= 0 && os_fstat(fd, &status) == 0 && status.kind == OS_IS_FILE && status.size == file->size &&
	       ncm_sha256_fd(fd, UINT64_MAX, &sha256, NULL, NULL, NULL) == 0 &&
	       ncm_sha256_equal(&sha256, &file->sha256);
}

/* Whether all files of the store lie in its new folder as they lay below the first `length` bytes of their paths. */
static bool all_lie_there(const struct adopt *adopt, const struct ncm_reg_model *entry, const struct ncm_store *store,
			  int dirfd, const char *old, size_t length)
{
	for (size_t i = 0; i < entry->file_count; i++) {
		const struct ncm_reg_file *file = &entry->files[i];

		if (moved_with(adopt, file) == store &&
		    (strncmp(file->abs, old, length) != 0 || !has_bytes(store, dirfd, file->abs + length, file)))
			return false;
	}
	return true;
}

static void give_new_places(const struct adopt *adopt, struct ncm_reg_model *entry, const struct ncm_store *store,
			    size_t length)
{
	for (size_t i = 0; i < entry->file_count; i++) {
		struct ncm_reg_file *file = &entry->files[i];
		struct os_stat status;
		char *path;

		if (moved_with(adopt, file) != store)
			continue;
		path = ncm_path_join(store->path, file->abs + length);
		free(file->path);
		free(file->abs);
		file->path = path;
		file->abs = ncm_strdup(path);
		if (os_lstat(OS_HERE, path, &status) == 0)
			file->mtime_ns = status.mtime_ns;
	}
}

static bool follow_store(const struct adopt *adopt, struct ncm_reg_model *entry, const struct ncm_store *store,
			 const char *path)
{
	NCM_AUTO_CLOSE int dirfd = ncm_store_peek(store);
	NCM_AUTO_FREE char *old = ncm_strdup(path);

	for (const char *slash = strchr(old, '/'); dirfd >= 0 && slash; slash = strchr(slash + 1, '/')) {
		const size_t length = (size_t)(slash - old) + 1;

		if (!all_lie_there(adopt, entry, store, dirfd, old, length))
			continue;
		give_new_places(adopt, entry, store, length);
		return true;
	}
	return false;
}

static bool follow(const struct adopt *adopt, struct ncm_reg_model *entry)
{
	bool followed = false;

	for (size_t i = 0; i < entry->file_count; i++) {
		const struct ncm_store *store = moved_with(adopt, &entry->files[i]);

		followed = (store && follow_store(adopt, entry, store, entry->files[i].abs)) || followed;
	}
	return followed;
}

static bool may_follow(const struct adopt *adopt, const struct ncm_reg_model *entry)
{
	for (size_t i = 0; i < entry->file_count; i++) {
		if (moved_with(adopt, &entry->files[i]))
			return true;
	}
	return false;
}

/* id → where the adoption tells of the entry. */
static json_t *index_told(const struct ncm_adoption *adoption)
{
	json_t *by_id = json_object();

	for (size_t i = 0; i < adoption->count; i++) {
		const struct ncm_adoption_model *model = &adoption->models[i];

		if (model->verdict == NCM_ADOPT_KNOWN || model->verdict == NCM_ADOPT_CHANGED)
			json_object_set_new_nocheck(by_id, model->entry.id, json_integer((json_int_t)i));
	}
	return by_id;
}

static void follow_told(const struct adopt *adopt, struct ncm_adoption_model *model)
{
	if (!follow(adopt, &model->entry))
		return;
	entry_complete(&model->entry);
	if (model->verdict == NCM_ADOPT_KNOWN) {
		model->verdict = NCM_ADOPT_CHANGED;
		adopt->adoption->known--;
		adopt->adoption->changed++;
	}
}

static void follow_other(struct adopt *adopt, const struct ncm_reg_model *registered)
{
	struct ncm_reg_model entry;

	registry_model_copy(&entry, registered);
	for (size_t i = 0; i < registered->file_count; i++)
		registry_file_copy(NCM_PUSH(entry.files, entry.file_count), &registered->files[i]);
	if (follow(adopt, &entry))
		adopt_put(adopt, &entry, NCM_ADOPT_CHANGED, "place", NULL);
	else
		registry_model_clear(&entry);
}

void adopt_follow(struct adopt *adopt)
{
	NCM_AUTO_JSON json_t *by_id = index_told(adopt->adoption);

	for (size_t i = 0; i < adopt->registry->count; i++) {
		const struct ncm_reg_model *registered = &adopt->registry->models[i];
		const json_t *told;

		if (!may_follow(adopt, registered))
			continue;
		told = json_object_get(by_id, registered->id);
		if (told)
			follow_told(adopt, &adopt->adoption->models[json_integer_value(told)]);
		else
			follow_other(adopt, registered);
	}
}
