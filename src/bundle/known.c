/* SPDX-License-Identifier: MIT */
/* Checkpoints of what is to go into volumes: their pieces are proven by them. */
#include "bundle/making.h"

#include "base/mem.h"
#include "base/thread.h"
#include "digest/checkpoint.h"
#include "os/os.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

struct knowing {
	struct making *making;
	struct ncm_checkpoints *checkpoints;
	int beside; /* the folder beside the lock; -1: there is none */
	pthread_mutex_t mutex;
	struct ncm_error error; /* the first */
};

int making_open_beside(const struct ncm_lock *lock)
{
	NCM_AUTO_FREE char *folder = ncm_asprintf("%s.checkpoints", lock->path);

	return os_open(OS_HERE, folder, OS_FOLDER);
}

int making_kept_checkpoints(const struct making *making, int beside, const struct ncm_sha256 *sha256, uint64_t size,
			    struct ncm_checkpoints *found)
{
	if (beside >= 0 && ncm_checkpoints_read_in(beside, sha256, size, found) == 0)
		return 0;
	return ncm_layout_checkpoints(making->layout, sha256, size, found);
}

static int find(const struct knowing *knowing, const struct ncm_bundle_file *file, struct ncm_checkpoints *found)
{
	if (ncm_checkpoints_expected(file->size) == 0) {
		*found = (struct ncm_checkpoints){.size = file->size, .sha256 = file->sha256};
		return 0;
	}
	return making_kept_checkpoints(knowing->making, knowing->beside, &file->sha256, file->size, found);
}

int bundle_tell_damage(const char *path, const char *what, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_DAMAGED, "%s %s", path, what);
	return ncm_error_hint(err, "`ncmodel verify --repair` mends it; then go on with the same command");
}

int bundle_tell_transit(const struct ncm_transit *transit, const char *path, struct ncm_error *err)
{
	char what[96];

	if (transit->failure == EINTR)
		return ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted while reading %s", path);
	if (transit->failure && transit->failure != ENODATA)
		return ncm_error_errno(err, transit->failure, "cannot read %s", path);
	snprintf(what, sizeof what, "has other bytes than models.json says, at %llu-%llu",
		 (unsigned long long)ncm_span_start(transit->span),
		 (unsigned long long)ncm_span_end(transit->checkpoints, transit->span) - 1);
	return bundle_tell_damage(path, what, err);
}

static int make(const struct bundle_source *source, const struct ncm_bundle_file *file, struct ncm_checkpoints *made,
		struct ncm_error *err)
{
	NCM_AUTO_CLOSE int fd = os_open(OS_HERE, source->path, OS_READ);
	struct ncm_sha256 found;

	if (fd < 0 || ncm_tally_fd(fd, UINT64_MAX, &found, made, NULL, NULL) < 0) {
		if (errno == EINTR)
			return ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted while hashing %s", source->path);
		return ncm_error_errno(err, errno, "cannot read %s", source->path);
	}
	if (ncm_sha256_equal(&found, &file->sha256))
		return 0;
	return bundle_tell_damage(source->path, "has other bytes than models.json says", err);
}

static void know_one(void *context, size_t index)
{
	struct knowing *knowing = context;
	const struct ncm_bundle_file *file = &knowing->making->bundle->files[index];
	const struct bundle_source *source = making_source(knowing->making, file);
	struct ncm_error err = NCM_ERROR_INIT;

	if (!source || find(knowing, file, &knowing->checkpoints[index]) == 0)
		return;
	(void)make(source, file, &knowing->checkpoints[index], &err);
	pthread_mutex_lock(&knowing->mutex);
	if (err.code != NCM_OK && knowing->error.code == NCM_OK)
		ncm_error_move(&knowing->error, &err);
	pthread_mutex_unlock(&knowing->mutex);
	ncm_error_clear(&err);
}

int making_checkpoints(struct making *making, struct ncm_checkpoints *checkpoints, struct ncm_error *err)
{
	NCM_AUTO_CLOSE int dirfd = making_open_beside(making->lock);
	struct knowing knowing = {.making = making, .checkpoints = checkpoints, .beside = dirfd};

	pthread_mutex_init(&knowing.mutex, NULL);
	ncm_parallel(0, making->bundle->count, know_one, &knowing);
	pthread_mutex_destroy(&knowing.mutex);
	return knowing.error.code == NCM_OK ? 0 : ncm_error_move(err, &knowing.error);
}
