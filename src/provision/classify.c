/* SPDX-License-Identifier: MIT */
/*
 * What is on disk already. Existence is never proof: a file counts as right when models.json recorded its digest
 * together with the size and mtime that it still has, or when it is hashed now.
 */
#include "provision/run.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "store/share.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static const struct ncm_reg_file *registered_file(const struct run *run, const char *path,
						  const struct ncm_reg_model **of)
{
	for (size_t i = 0; i < run->registry->count; i++) {
		const struct ncm_reg_model *model = &run->registry->models[i];

		for (size_t k = 0; k < model->file_count; k++) {
			if (strcmp(model->files[k].abs, path) == 0) {
				*of = model;
				return &model->files[k];
			}
		}
	}
	return NULL;
}

static bool unchanged(const struct ncm_reg_file *file, const struct stat *status)
{
	return S_ISREG(status->st_mode) && (uint64_t)status->st_size == file->size &&
	       ncm_mtime_ns(status) == file->mtime_ns;
}

/* The digest of an open file, from this run's memory or from its bytes. */
static int hash_file(struct run *run, int fd, const struct stat *status, const char *path, struct ncm_sha256 *digest)
{
	struct hashed *entry;

	for (size_t i = 0; i < run->hashed_count; i++) {
		entry = &run->hashed[i];
		if (entry->device == status->st_dev && entry->inode == status->st_ino &&
		    entry->size == (uint64_t)status->st_size && entry->mtime_ns == ncm_mtime_ns(status)) {
			*digest = entry->sha256;
			return 0;
		}
	}
	ncm_emit_text(&run->sink, NCM_EVENT_NOTE, "checking %s, which is there already", path);
	if (ncm_sha256_fd(fd, UINT64_MAX, digest, NULL, NULL, NULL) < 0)
		return -1;
	entry = NCM_PUSH(run->hashed, run->hashed_count);
	*entry =
	    (struct hashed){status->st_dev, status->st_ino, (uint64_t)status->st_size, ncm_mtime_ns(status), *digest};
	return 0;
}

/* Whether a run of ours gave it its name and was stopped before it could write that down. */
static bool was_being_placed(struct run *run, struct item *item, const struct dest *dest, int store, int fd)
{
	struct ncm_sha256 digest;

	if (item->has_sha256 || !intent_exists(dest, store) ||
	    hash_file(run, fd, &dest->status, dest->path, &digest) < 0 || !intent_stands(dest, store, &digest))
		return false;
	item->has_sha256 = item->has_size = true;
	item->sha256 = digest;
	item->size = (uint64_t)dest->status.st_size;
	return true;
}

/* Damage that the disk made leaves size and mtime as they were. */
static bool was_found_wrong(const struct ncm_reg_model *model)
{
	return model && model->verify_result && strcmp(model->verify_result, "ok") != 0;
}

static void classify_file(struct run *run, struct item *item, struct dest *dest)
{
	const struct ncm_reg_model *of = NULL;
	const struct ncm_reg_file *file = registered_file(run, dest->path, &of);
	NCM_AUTO_CLOSE int dirfd = ncm_store_peek(dest->store);
	NCM_AUTO_CLOSE int fd = -1;
	struct ncm_sha256 digest;

	dest->ours = file || dest->damage;
	if (dirfd < 0)
		return;
	fd = ncm_open_beneath(dirfd, dest->relative, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0) {
		/* What we cannot read we can still replace. */
		dest->in_way = errno != ENOENT && !(dest->damage && errno == EACCES);
		return;
	}
	if (fstat(fd, &dest->status) < 0 || !S_ISREG(dest->status.st_mode)) {
		dest->in_way = true;
		return;
	}
	if (dest->damage && mend_is_as_verified(dest->damage, &dest->status))
		return;
	if (file && !dest->damage && !was_found_wrong(of) && unchanged(file, &dest->status) &&
	    (!item->has_sha256 || ncm_sha256_equal(&file->sha256, &item->sha256))) {
		dest->right = true;
		return;
	}
	/* Only bytes that could be right are worth reading. An unpinned file that we did not put there proves nothing.
	 */
	if (item->has_sha256 && (!item->has_size || (uint64_t)dest->status.st_size == item->size) &&
	    hash_file(run, fd, &dest->status, dest->path, &digest) == 0 && ncm_sha256_equal(&digest, &item->sha256)) {
		dest->right = true;
		dest->adopted = true;
		return;
	}
	dest->right = dest->adopted = dest->noted = was_being_placed(run, item, dest, dirfd, fd);
	dest->in_way = !dest->ours && !dest->right;
}

static bool is_below(const char *path, const char *folder)
{
	size_t size = strlen(folder);

	return strncmp(path, folder, size) == 0 && path[size] == '/';
}

/* Another archive may lie at the same URL. Entries of older versions know the URL alone. */
static bool is_from(const struct item *item, const struct ncm_reg_model *model, const struct ncm_reg_file *file)
{
	static const struct ncm_sha256 not_recorded;

	if (item->has_sha256 && !ncm_sha256_equal(&file->archive, &not_recorded))
		return ncm_sha256_equal(&file->archive, &item->sha256);
	return model->source && strcmp(model->source, item->resolution->uri) == 0;
}

/* An unpacked archive is right when models.json has its files, from this very archive, and none has changed. */
static void classify_folder(const struct run *run, const struct item *item, struct dest *dest)
{
	const struct ncm_reg_model *model = ncm_registry_find(run->registry, model_id(run, &run->wanted[dest->wanted]));
	struct stat status;
	size_t found = 0;

	dest->in_way = lstat(dest->path, &status) == 0;
	if (!model) {
		NCM_AUTO_CLOSE int store = ncm_store_peek(dest->store);

		dest->ours = dest->in_way && store >= 0 && intent_stands(dest, store, NULL);
		dest->in_way = dest->in_way && !dest->ours;
		return;
	}
	for (size_t i = 0; i < model->file_count; i++) {
		if (!is_below(model->files[i].abs, dest->path))
			continue;
		dest->ours = true;
		dest->in_way = false;
		if (lstat(model->files[i].abs, &status) < 0 || !unchanged(&model->files[i], &status) ||
		    !is_from(item, model, &model->files[i]))
			return;
		found++;
	}
	dest->right = found > 0 && !dest->damage;
}

/* Damage that the disk made leaves size and mtime as they were: when mending, a file's word is not enough. */
static bool may_be_believed(struct run *run, const struct ncm_reg_model *model, const struct ncm_reg_file *file,
			    const struct stat *status)
{
	enum mend_word word = was_found_wrong(model) ? MEND_UNKNOWN : MEND_RIGHT;

	NCM_AUTO_CLOSE int fd = -1;
	struct ncm_sha256 digest;

	switch (run->verified ? mend_word_on(run, file->abs, status) : word) {
	case MEND_RIGHT:
		return true;
	case MEND_DAMAGED:
		return false;
	case MEND_UNKNOWN:
		break;
	}
	fd = open(file->abs, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd >= 0 && hash_file(run, fd, status, file->abs, &digest) == 0 &&
	       ncm_sha256_equal(&digest, &file->sha256);
}

/* The same bytes somewhere else on this machine, where models.json knows them. */
static char *find_registered(struct run *run, struct item *item)
{
	for (size_t i = 0; item->has_sha256 && !item->is_manifest && i < run->registry->count; i++) {
		const struct ncm_reg_model *model = &run->registry->models[i];

		for (size_t k = 0; k < model->file_count; k++) {
			struct stat status;

			if (ncm_sha256_equal(&model->files[k].sha256, &item->sha256) &&
			    lstat(model->files[k].abs, &status) == 0 && unchanged(&model->files[k], &status) &&
			    may_be_believed(run, model, &model->files[k], &status)) {
				item->local_status = status;
				return ncm_strdup(model->files[k].abs);
			}
		}
	}
	return NULL;
}

bool item_has_bytes(struct run *run, struct item *item, int dirfd, const char *relative, const char *path)
{
	NCM_AUTO_CLOSE int fd = ncm_open_beneath(dirfd, relative, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	const struct ncm_reg_model *of = NULL;
	const struct ncm_reg_file *file;
	struct ncm_sha256 digest;
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) ||
	    (item->has_size && (uint64_t)status.st_size != item->size) ||
	    (run->verified && mend_word_on(run, path, &status) == MEND_DAMAGED))
		return false;
	/* What models.json knows to be something else need not be read. */
	file = registered_file(run, path, &of);
	if (file && unchanged(file, &status) && !ncm_sha256_equal(&file->sha256, &item->sha256))
		return false;
	if (hash_file(run, fd, &status, path, &digest) < 0 || !ncm_sha256_equal(&digest, &item->sha256))
		return false;
	item->local_status = status;
	return true;
}

/* Nothing is looked for that is there already. */
static char *find_local(struct run *run, struct item *item)
{
	char *found = find_registered(run, item);

	return found || item_ready_path(item) ? found : elsewhere_find(run, item);
}

static uint64_t partial_bytes(const struct run *run, const struct item *item)
{
	struct ncm_transfer_item transfer;
	NCM_AUTO_CLOSE int dirfd = ncm_store_peek(item->dests[0].store);
	NCM_AUTO_FREE char *name = ncm_asprintf("%s/staging", ncm_store_own(item->dests[0].store));
	NCM_AUTO_CLOSE int staging = dirfd < 0 ? -1 : ncm_dir_beneath(dirfd, name);

	if (staging < 0 || !item_partial(item))
		return 0;
	item_transfer(run, item, &transfer);
	transfer.dirfd = staging;
	return ncm_transfer_present(&transfer);
}

void items_classify(struct run *run)
{
	for (size_t i = 0; i < run->item_count && !ncm_interrupted(); i++) {
		struct item *item = &run->items[i];
		const bool extract = !item->is_manifest && run->wanted[item->wanted].spec->extract;

		for (size_t k = 0; k < item->dest_count; k++) {
			struct dest *dest = &item->dests[k];

			dest->ours = dest->right = dest->adopted = dest->in_way = false;
			dest->status = (struct stat){0};
			if (extract)
				classify_folder(run, item, dest);
			else
				classify_file(run, item, dest);
		}
		free(item->local);
		item->local = NULL;
		item->local = extract ? NULL : find_local(run, item);
		if (run->verified && !extract)
			mend_pick_ranges(item);
		item->present = item_needs_network(item) ? partial_bytes(run, item) : 0;
	}
}

bool item_is_right(const struct item *item)
{
	for (size_t i = 0; i < item->dest_count; i++) {
		if (!item->dests[i].right)
			return false;
	}
	return true;
}

const char *item_ready_path(const struct item *item)
{
	for (size_t i = 0; i < item->dest_count; i++) {
		if (item->dests[i].right)
			return item->dests[i].path;
	}
	return item->local;
}

bool item_needs_network(const struct item *item)
{
	return !item->is_manifest && !item_ready_path(item);
}

uint64_t item_to_get(const struct item *item)
{
	const uint64_t size = item_fetch_size(item);

	if (!item_needs_network(item) || item->present >= size)
		return 0;
	return size - item->present;
}

static bool same_device(const char *ready, const struct dest *dest)
{
	struct ncm_space here, there;

	return ncm_space_of(ready, &here, NULL) == 0 && ncm_space_of(dest->store->path, &there, NULL) == 0 &&
	       here.device == there.device;
}

/* A file system that can share blocks needs no hard link, but which one can is known only when it is tried: then the
 * plan counts too much space, not too little. */
static bool can_be_one(const char *ready, const struct dest *dest)
{
	struct stat status;

	return lstat(ready, &status) == 0 && store_may_gain_name(ready, &status) && store_is_only_read(dest->relative);
}

enum ncm_step item_step(const struct item *item, const struct dest *dest)
{
	const char *ready = item_ready_path(item);

	if (dest->right)
		return dest->adopted ? NCM_STEP_ADOPT : NCM_STEP_KEEP;
	if (item->is_manifest)
		return NCM_STEP_FETCH;
	if (ready)
		return same_device(ready, dest) && can_be_one(ready, dest) ? NCM_STEP_LINK : NCM_STEP_COPY;
	if (dest != &item->dests[0])
		return same_device(item->dests[0].store->path, dest) && store_is_only_read(dest->relative)
			   ? NCM_STEP_LINK
			   : NCM_STEP_COPY;
	if (item->present > 0)
		return NCM_STEP_RESUME;
	return dest->ours ? NCM_STEP_REPLACE : NCM_STEP_FETCH;
}
