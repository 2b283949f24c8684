/* SPDX-License-Identifier: MIT */
/*
 * Which files have the same bytes: by size, then by a few blocks, then by the SHA-256 of all of them. Files that share
 * their blocks on the disk are the same without being read.
 */
#include "link/work.h"

#include "base/file.h"
#include "base/mem.h"
#include "digest/hash.h"
#include "os/os.h"
#include "verify/check.h"

#include <errno.h>
#include <string.h>

enum { SAMPLES = 8, SAMPLE_BYTES = 4096 };

/* Any order that puts equals together. */
static int compare_digests(const struct ncm_sha256 *a, const struct ncm_sha256 *b)
{
	return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

static int by_size(const void *a, const void *b)
{
	const struct file *const *x = a, *const *y = b;
	const uint64_t left = (*x)->status.size, right = (*y)->status.size;

	return left != right ? (left < right ? -1 : 1) : (*x > *y) - (*x < *y);
}

static int by_samples(const void *a, const void *b)
{
	const struct file *const *x = a, *const *y = b;
	const int samples = compare_digests(&(*x)->samples, &(*y)->samples);

	return samples ? samples : (*x > *y) - (*x < *y);
}

static int by_digest(const void *a, const void *b)
{
	const struct file *const *x = a, *const *y = b;
	const int digests = compare_digests(&(*x)->sha256, &(*y)->sha256);

	return digests ? digests : (*x > *y) - (*x < *y);
}

static bool is_same_size(const struct file *a, const struct file *b)
{
	return a->status.size == b->status.size;
}

static bool has_same_samples(const struct file *a, const struct file *b)
{
	return compare_digests(&a->samples, &b->samples) == 0;
}

static bool has_same_digest(const struct file *a, const struct file *b)
{
	return compare_digests(&a->sha256, &b->sha256) == 0;
}

/* Rows of files that may be equal, until they are hashed. */
struct search {
	struct work *work;
	struct group *buckets;
	size_t count;
};

static void add_group(struct group **groups, size_t *group_count, struct file *const *files, size_t count)
{
	struct group *group;

	if (count == 0 || (count == 1 && files[0]->name_count == 1))
		return;
	group = NCM_PUSH(*groups, *group_count);
	group->files = ncm_calloc(count, sizeof(struct file *));
	memcpy(group->files, files, count * sizeof(struct file *));
	group->count = count;
}

/* How many files at the beginning of a sorted row are the same. */
static size_t run_length(struct file *const *files, size_t count,
			 bool (*is_same)(const struct file *a, const struct file *b))
{
	size_t length = count > 0;

	while (length < count && is_same(files[0], files[length]))
		length++;
	return length;
}

static void sort(struct file **files, size_t count, int (*order)(const void *a, const void *b))
{
	if (count > 1)
		qsort(files, count, sizeof *files, order);
}

/* Moves those that were left out to the end. Returns how many remain. */
static size_t keep_good(struct file **files, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		struct file *file = files[i];

		if (file->left_out)
			continue;
		files[i] = files[kept];
		files[kept++] = file;
	}
	return kept;
}

/* What is gone or changes meanwhile (ECANCELED) is somebody's work in progress; what cannot be read is told. */
static void leave_out(struct work *work, struct file *file, int errnum)
{
	file->left_out = true;
	if (errnum != ECANCELED && errnum != ENOENT && errnum != EINTR)
		files_tell_unread(work, file->names[0].path, errnum);
	ncm_emit_text(work->sink, NCM_EVENT_DEBUG, "%s is left out: %s", file->names[0].path, os_error_text(errnum));
}

static int read_samples(int fd, const struct os_stat *status, struct ncm_sha256 *digest)
{
	struct ncm_hash *hash = ncm_hash_new(NCM_HASH_SHA256);
	const uint64_t last = status->size > SAMPLE_BYTES ? status->size - SAMPLE_BYTES : 0;
	char block[SAMPLE_BYTES];
	int failure = 0;

	for (uint64_t i = 0; i < SAMPLES && !failure; i++) {
		const ssize_t got = ncm_pread_all(fd, block, sizeof block, last * i / (SAMPLES - 1));

		if (got < 0)
			failure = errno;
		else
			ncm_hash_update(hash, block, (size_t)got);
	}
	ncm_hash_sha256(hash, digest);
	errno = failure;
	return failure ? -1 : 0;
}

/* Returns 0, or errno. */
static int look_into(const struct work *work, struct file *file)
{
	NCM_AUTO_CLOSE int fd = file_open(work, file, &file->names[0]);

	if (fd < 0)
		return errno == ESTALE ? ECANCELED : errno;
	if (read_samples(fd, &file->status, &file->samples) < 0)
		return errno;
	file->has_extents = extents_read(fd, &file->extents, &file->extents_are_exact);
	return 0;
}

static void sample(struct work *work, struct file *file)
{
	int failure = look_into(work, file);

	/* The server of a network file system lost the open file; by its name it is found again. */
	if (failure == ESTALE)
		failure = look_into(work, file);
	if (failure)
		leave_out(work, file, failure);
}

static bool shares_blocks(const struct file *a, const struct file *b)
{
	return a->extents_are_exact && b->extents_are_exact && files_share_blocks(a, b);
}

static void find_twins(const struct work *work, struct file **files, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		for (size_t k = 0; k < i; k++) {
			if (shares_blocks(files[k], files[i])) {
				files[i]->twin = (size_t)(files[k] - work->files);
				break;
			}
		}
	}
}

static bool is_own_twin(const struct work *work, const struct file *file)
{
	return &work->files[file->twin] == file;
}

static size_t count_twins(const struct work *work, struct file *const *files, size_t count)
{
	size_t differing = 0;

	for (size_t i = 0; i < count; i++)
		differing += is_own_twin(work, files[i]);
	return differing;
}

/* Another file on the same device that does not share its blocks yet: one of them may be replaced. */
static bool has_peer(const struct work *work, struct file *const *files, size_t count, const struct file *file)
{
	for (size_t i = 0; i < count; i++) {
		if (files[i] != file && is_own_twin(work, files[i]) && files[i]->status.device == file->status.device)
			return true;
	}
	return false;
}

/*
 * Bytes are replaced for bytes alone that were read in this run; where nothing is going to be replaced, what is said of
 * a digest is enough.
 */
static void choose_to_hash(const struct work *work, struct file **files, size_t count)
{
	const bool differ = count_twins(work, files, count) > 1;

	for (size_t i = 0; i < count && differ; i++) {
		struct file *file = files[i];

		file->to_hash = is_own_twin(work, file) &&
				(!file->has_claim || (!work->options->dry_run && has_peer(work, files, count, file)));
	}
}

/* Files of one size. One that shares its size with no other is alone with its names. */
static void add_buckets(struct search *search, struct file **files, size_t count)
{
	for (size_t i = 0; i < count && count > 1 && !ncm_interrupted(); i++)
		sample(search->work, files[i]);
	count = keep_good(files, count);
	sort(files, count, by_samples);
	for (size_t length; count > 0; files += length, count -= length) {
		length = run_length(files, count, has_same_samples);
		find_twins(search->work, files, length);
		choose_to_hash(search->work, files, length);
		add_group(&search->buckets, &search->count, files, length);
	}
}

static void take_hash(struct work *work, struct file *file, const struct check *check)
{
	const struct os_stat *seen = &file->status;

	if (!check->hashed || check->failure)
		leave_out(work, file, check->failure ? check->failure : EIO);
	else if (check->device != seen->device || check->inode != seen->inode || check->size != seen->size ||
		 check->mtime_ns != seen->mtime_ns)
		leave_out(work, file, ECANCELED);
	file->has_sha256 = !file->left_out;
	file->sha256 = check->sha256;
}

static void hash_chosen(struct work *work)
{
	NCM_AUTO_FREE struct check *checks = ncm_calloc(work->file_count + 1, sizeof *checks);
	NCM_AUTO_FREE struct file **files = ncm_calloc(work->file_count + 1, sizeof *files);
	size_t count = 0;

	for (size_t i = 0; i < work->file_count; i++) {
		struct file *file = &work->files[i];

		if (!file->to_hash)
			continue;
		files[count] = file;
		checks[count] = (struct check){.path = file->names[0].path,
					       .store_dirfd = -1,
					       .size = file->status.size,
					       .to_hash = true,
					       .twin = count};
		count++;
	}
	work->hashed = checks_hash(checks, count, work->sink);
	for (size_t i = 0; i < count; i++)
		take_hash(work, files[i], &checks[i]);
}

/* What was not hashed has its twin's digest, or the one that is said of it. */
static void settle_digest(const struct work *work, struct file *file)
{
	const struct file *twin = &work->files[file->twin];

	file->left_out = twin->left_out;
	file->has_sha256 = twin->has_sha256;
	file->sha256 = twin->has_sha256 ? twin->sha256 : twin->claim;
}

static void divide(struct work *work, struct group *bucket)
{
	const bool differ = count_twins(work, bucket->files, bucket->count) > 1;
	struct file **files = bucket->files;
	size_t count;

	for (size_t i = 0; i < bucket->count; i++)
		settle_digest(work, files[i]);
	count = keep_good(files, bucket->count);
	if (!differ) {
		add_group(&work->groups, &work->group_count, files, count);
		return;
	}
	sort(files, count, by_digest);
	for (size_t length; count > 0; files += length, count -= length) {
		length = run_length(files, count, has_same_digest);
		add_group(&work->groups, &work->group_count, files, length);
	}
}

static void find_buckets(struct search *search)
{
	struct work *work = search->work;
	NCM_AUTO_FREE struct file **all = ncm_calloc(work->file_count + 1, sizeof *all);
	struct file **files = all;
	size_t count = work->file_count;

	for (size_t i = 0; i < count; i++)
		files[i] = &work->files[i];
	sort(files, count, by_size);
	for (size_t length; count > 0; files += length, count -= length) {
		length = run_length(files, count, is_same_size);
		add_buckets(search, files, length);
	}
}

void groups_of_equals(struct work *work)
{
	struct search search = {.work = work};

	find_buckets(&search);
	hash_chosen(work);
	for (size_t i = 0; i < search.count; i++) {
		if (!ncm_interrupted())
			divide(work, &search.buckets[i]);
		free(search.buckets[i].files);
	}
	free(search.buckets);
}

void groups_of_names(struct work *work)
{
	for (size_t i = 0; i < work->file_count; i++) {
		struct file *file = &work->files[i];

		file->sha256 = file->claim;
		if (file->name_count > 1)
			add_group(&work->groups, &work->group_count, &file, 1);
	}
}

void groups_free(struct work *work)
{
	for (size_t i = 0; i < work->group_count; i++)
		free(work->groups[i].files);
	free(work->groups);
}
