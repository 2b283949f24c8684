/* SPDX-License-Identifier: MIT */
#include "verify/check.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/thread.h"
#include "digest/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

static void take_status(struct check *check, const struct stat *status)
{
	check->regular = S_ISREG(status->st_mode);
	check->device = status->st_dev;
	check->inode = status->st_ino;
	check->size = (uint64_t)status->st_size;
	check->mtime_ns = ncm_mtime_ns(status);
}

void check_look(struct check *check)
{
	struct stat status;

	if (lstat(check->path, &status) < 0)
		check->failure = errno;
	else
		take_status(check, &status);
}

struct hashing {
	struct check *checks;
	size_t *order;
	const struct ncm_sink *sink;
	pthread_mutex_t mutex;
	uint64_t done; /* bytes of all files */
	uint64_t total;
	double told; /* when */
};

struct reading {
	struct hashing *hashing;
	uint64_t bytes;
};

/* Between two files too, or a large one would look like a hang. Such an event names no file. */
static void tell_progress(void *context, uint64_t bytes)
{
	const double pause = 0.2;
	struct reading *reading = context;
	struct hashing *hashing = reading->hashing;

	reading->bytes += bytes;
	pthread_mutex_lock(&hashing->mutex);
	hashing->done += bytes;
	if (ncm_monotonic() - hashing->told >= pause) {
		hashing->told = ncm_monotonic();
		ncm_emit(
		    hashing->sink,
		    &(struct ncm_event){.type = NCM_EVENT_VERIFIED, .done = hashing->done, .total = hashing->total});
	}
	pthread_mutex_unlock(&hashing->mutex);
}

static void tell_end(struct hashing *hashing, const struct check *check, uint64_t unread)
{
	pthread_mutex_lock(&hashing->mutex);
	hashing->total -= unread < hashing->total ? unread : hashing->total;
	ncm_emit(hashing->sink, &(struct ncm_event){.type = NCM_EVENT_VERIFIED,
						    .model = check->model,
						    .file = ncm_path_base(check->path),
						    .done = hashing->done,
						    .total = hashing->total});
	pthread_mutex_unlock(&hashing->mutex);
}

static void hash(struct hashing *hashing, struct check *check)
{
	const uint64_t expected = check->size;
	struct reading reading = {hashing, 0};
	/* No link, no FIFO that hangs: what was looked at before may have been replaced. */
	NCM_AUTO_CLOSE int fd = open(check->path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0) {
		check->failure = errno;
	} else {
		take_status(check, &status);
		if (!check->regular)
			return;
		if (ncm_sha256_fd(fd, UINT64_MAX, &check->sha256, &check->size, tell_progress, &reading) < 0)
			check->failure = errno;
		else
			check->hashed = true;
	}
	tell_end(hashing, check, expected > reading.bytes ? expected - reading.bytes : 0);
}

static void hash_one(void *context, size_t index)
{
	struct hashing *hashing = context;

	if (!ncm_interrupted())
		hash(hashing, &hashing->checks[hashing->order[index]]);
}

static int larger_first(const void *a, const void *b, void *context)
{
	const struct check *checks = context;
	const size_t x = *(const size_t *)a, y = *(const size_t *)b;

	if (checks[x].size != checks[y].size)
		return checks[x].size > checks[y].size ? -1 : 1;
	return (x > y) - (x < y);
}

uint64_t checks_hash(struct check *checks, size_t count, const struct ncm_sink *sink)
{
	NCM_AUTO_FREE size_t *order = ncm_calloc(count + 1, sizeof *order);
	struct hashing hashing = {.checks = checks, .order = order, .sink = sink, .told = ncm_monotonic()};
	size_t jobs = 0;

	for (size_t i = 0; i < count; i++) {
		if (checks[i].to_hash && checks[i].twin == i) {
			order[jobs++] = i;
			hashing.total += checks[i].size;
		}
	}
	if (jobs == 0)
		return 0;
	qsort_r(order, jobs, sizeof *order, larger_first, checks);
	pthread_mutex_init(&hashing.mutex, NULL);
	ncm_parallel(0, jobs, hash_one, &hashing);
	pthread_mutex_destroy(&hashing.mutex);
	for (size_t i = 0; i < count; i++) {
		const struct check *twin = &checks[checks[i].twin];

		if (twin == &checks[i] || !checks[i].to_hash)
			continue;
		checks[i].hashed = twin->hashed;
		checks[i].sha256 = twin->sha256;
		checks[i].size = twin->size;
		checks[i].failure = twin->failure;
	}
	return hashing.done;
}
