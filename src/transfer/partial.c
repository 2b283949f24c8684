/* SPDX-License-Identifier: MIT */
#include "transfer/partial.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "transfer/answer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <ncmodel/text.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

enum { READ_CHUNK = 1 << 20 };

/* Below this size fetching again costs less than a journal's syncs. */
static const uint64_t JOURNAL_WORTH_BYTES = 64 << 10;

static bool is_ours_alone(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 1;
}

static int open_file(const struct ncm_transfer_item *item)
{
	const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
	int fd = ncm_open_beneath(item->dirfd, item->partial, flags, 0600);

	if ((fd >= 0 && is_ours_alone(fd)) || (fd < 0 && errno != ELOOP && errno != ENXIO && errno != EXDEV))
		return fd;
	/* A link, a device, or a file that has another name too: never written through. */
	if (fd >= 0)
		close(fd);
	if (unlinkat(item->dirfd, item->partial, 0) < 0)
		return -1;
	return ncm_open_beneath(item->dirfd, item->partial, flags | O_EXCL, 0600);
}

static int lock_file(int fd, atomic_bool *waiting)
{
	const struct timespec pause = {.tv_nsec = 100000000};

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK) /* a file system without locks: the digest still tells */
			return 0;
		if (ncm_interrupted()) {
			errno = EINTR;
			return -1;
		}
		atomic_store(waiting, true);
		nanosleep(&pause, NULL);
	}
	atomic_store(waiting, false);
	return 0;
}

static bool still_has_its_name(const struct ncm_transfer_item *item, int fd)
{
	struct stat here, there;

	return fstat(fd, &here) == 0 && fstatat(item->dirfd, item->partial, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       here.st_ino == there.st_ino && here.st_dev == there.st_dev;
}

static int open_locked(const struct ncm_transfer_item *item, atomic_bool *waiting, struct ncm_error *err)
{
	for (;;) {
		int fd = open_file(item);

		if (fd < 0)
			return ncm_error_errno(err, errno, "cannot open the partial file %s", item->partial);
		if (lock_file(fd, waiting) < 0) {
			close(fd);
			return ncm_error_set(err, NCM_E_INTERRUPTED,
					     "interrupted while another ncmodel was fetching it");
		}
		/* Whoever held the lock may have given the file its final name since. */
		if (still_has_its_name(item, fd))
			return fd;
		close(fd);
	}
}

/* Bytes that may be kept, from the journal and the file's length. A file as long as the pinned one is looked at even
 * without a journal: its digest alone decides. */
static uint64_t bytes_to_keep(const struct ncm_transfer_item *item, uint64_t length, struct ncm_journal *journal)
{
	bool fits = ncm_journal_read(item->dirfd, item->partial, journal) == 0 && ncm_journal_fits(journal, item);
	uint64_t keep = fits ? ncm_journal_trusted(journal, length) : 0;

	if (!fits)
		ncm_journal_clear(journal);
	if (!fits && item->has_sha256 && item->has_size && item->size == length)
		keep = length;
	if ((item->has_size && length > item->size) || (journal->has_size && length > journal->size))
		keep = 0;
	return keep;
}

static int hash_kept(struct ncm_partial *partial, uint64_t keep)
{
	NCM_AUTO_FREE unsigned char *chunk = ncm_malloc(READ_CHUNK);

	while (partial->length < keep) {
		uint64_t left = keep - partial->length;
		ssize_t got =
		    pread(partial->fd, chunk, left < READ_CHUNK ? (size_t)left : READ_CHUNK, (off_t)partial->length);

		if (got < 0 && errno == EINTR && !ncm_interrupted())
			continue;
		if (ncm_interrupted())
			errno = EINTR;
		if (got < 0 || ncm_interrupted())
			return -1;
		if (got == 0)
			return 0;
		ncm_hash_update(partial->hash, chunk, (size_t)got);
		partial->length += (uint64_t)got;
	}
	return 0;
}

int ncm_partial_restart(struct ncm_partial *partial, struct ncm_error *err)
{
	ncm_hash_free(partial->hash);
	partial->hash = ncm_hash_new(NCM_HASH_SHA256);
	partial->length = 0;
	partial->reserved = 0;
	partial->journal.synced = 0;
	partial->journaled = false;
	/* First of all: it must not speak for the bytes that come next. */
	ncm_journal_remove(partial->item->dirfd, partial->item->partial);
	free(partial->journal.etag);
	partial->journal.etag = NULL;
	if (ftruncate(partial->fd, 0) < 0)
		return ncm_error_errno(err, errno, "cannot empty the partial file %s", partial->item->partial);
	return 0;
}

/* What is known of the file before anybody is asked. */
static void describe(struct ncm_partial *partial)
{
	const struct ncm_transfer_item *item = partial->item;
	struct ncm_journal *journal = &partial->journal;
	char *shown = ncm_url_display(item->url);

	/* A validator is worth something for the URL that gave it alone. */
	if (!journal->url || strcmp(journal->url, shown) != 0) {
		free(journal->etag);
		journal->etag = NULL;
	}
	free(journal->url);
	journal->url = shown;
	if (item->has_size) {
		journal->has_size = true;
		journal->size = item->size;
	}
	journal->has_sha256 = item->has_sha256;
	journal->sha256 = item->sha256;
}

int ncm_partial_open(struct ncm_partial *partial, const struct ncm_transfer_item *item, atomic_bool *waiting,
		     struct ncm_error *err)
{
	struct stat status;
	uint64_t keep;

	*partial = (struct ncm_partial){.item = item, .fd = open_locked(item, waiting, err)};
	if (partial->fd < 0)
		return -1;
	if (fstat(partial->fd, &status) < 0)
		return ncm_error_errno(err, errno, "cannot look at the partial file %s", item->partial);
	partial->hash = ncm_hash_new(NCM_HASH_SHA256);
	keep = bytes_to_keep(item, (uint64_t)status.st_size, &partial->journal);
	if (hash_kept(partial, keep) < 0)
		return errno == EINTR ? ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted")
				      : ncm_error_errno(err, errno, "cannot read the partial file %s", item->partial);
	describe(partial);
	if (partial->journal.synced > partial->length)
		partial->journal.synced = partial->length;
	if ((uint64_t)status.st_size > partial->length && ftruncate(partial->fd, (off_t)partial->length) < 0)
		return ncm_error_errno(err, errno, "cannot cut the partial file %s", item->partial);
	return 0;
}

static int reserve(struct ncm_partial *partial, uint64_t size, struct ncm_error *err)
{
	char text[32];
	int failure;

	if (size <= partial->length || size <= partial->reserved)
		return 0;
	do {
		failure = fallocate(partial->fd, FALLOC_FL_KEEP_SIZE, (off_t)partial->length,
				    (off_t)(size - partial->length)) < 0
			      ? errno
			      : 0;
	} while (failure == EINTR);
	partial->reserved = size;
	/* Other failures: the file system cannot reserve; the write will tell. */
	if (failure != ENOSPC && failure != EDQUOT && failure != EFBIG)
		return 0;
	return ncm_error_errno(err, failure, "no room for the %s still to come",
			       ncm_format_size(size - partial->length, text, sizeof text));
}

int ncm_partial_begin(struct ncm_partial *partial, const char *etag, bool has_size, uint64_t size,
		      struct ncm_error *err)
{
	struct ncm_journal *journal = &partial->journal;
	bool changed = (etag != NULL) != (journal->etag != NULL) || (etag && strcmp(etag, journal->etag) != 0) ||
		       has_size != journal->has_size || (has_size && size != journal->size);

	if (changed) {
		char *copy = ncm_strdup_null(etag);

		free(journal->etag);
		journal->etag = copy;
		journal->has_size = has_size;
		journal->size = size;
	}
	if (has_size && reserve(partial, size, err) < 0)
		return -1;
	if ((!changed && partial->journaled) || (has_size && size < JOURNAL_WORTH_BYTES))
		return 0;
	ncm_boot_id(journal->boot_id);
	if (ncm_journal_write(partial->item->dirfd, partial->item->partial, journal, err) < 0)
		return -1;
	partial->journaled = true;
	return 0;
}

int ncm_partial_add(struct ncm_partial *partial, const void *data, size_t size, struct ncm_error *err)
{
	if (ncm_pwrite_all(partial->fd, data, size, partial->length) < 0)
		return ncm_error_errno(err, errno, "cannot write the partial file %s", partial->item->partial);
	ncm_hash_update(partial->hash, data, size);
	partial->length += size;
	return 0;
}

int ncm_partial_sync(const struct ncm_partial *partial, struct ncm_error *err)
{
	if (fdatasync(partial->fd) < 0)
		return ncm_error_errno(err, errno, "cannot sync the partial file %s", partial->item->partial);
	return 0;
}

int ncm_partial_note(const struct ncm_partial *partial, struct ncm_journal *journal, uint64_t synced,
		     struct ncm_error *err)
{
	journal->synced = synced;
	ncm_boot_id(journal->boot_id);
	return ncm_journal_write(partial->item->dirfd, partial->item->partial, journal, err);
}

static int check_sha256(struct ncm_partial *partial, struct ncm_transfer_item *item, struct ncm_error *err)
{
	char expected[NCM_SHA256_HEX + 1], got[NCM_SHA256_HEX + 1];

	ncm_hash_sha256(partial->hash, &item->final_sha256);
	partial->hash = NULL;
	if (!item->has_sha256 || ncm_sha256_equal(&item->sha256, &item->final_sha256))
		return 0;
	item->bad_sha256 = item->final_sha256;
	return ncm_error_set(err, NCM_E_CHECKSUM, "digest differs: expected sha256:%s, got sha256:%s",
			     ncm_sha256_hex(&item->sha256, expected), ncm_sha256_hex(&item->bad_sha256, got));
}

/* Read back from the file: git hashes the size first, which a chunked answer tells only at its end. */
static int git_sha1_of(const struct ncm_partial *partial, struct ncm_sha1 *digest)
{
	NCM_AUTO_FREE unsigned char *chunk = ncm_malloc(READ_CHUNK);
	struct ncm_hash *hash = ncm_hash_git_blob(partial->length);
	uint64_t at = 0;

	while (at < partial->length) {
		ssize_t got = pread(partial->fd, chunk, READ_CHUNK, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			errno = got < 0 ? errno : EIO;
			ncm_hash_free(hash);
			return -1;
		}
		ncm_hash_update(hash, chunk, (size_t)got);
		at += (uint64_t)got;
	}
	ncm_hash_sha1(hash, digest);
	return 0;
}

static int check_git_sha1(const struct ncm_partial *partial, struct ncm_transfer_item *item, struct ncm_error *err)
{
	char expected[41], got[41];
	struct ncm_sha1 digest;

	if (!item->has_git_sha1)
		return 0;
	if (git_sha1_of(partial, &digest) < 0)
		return ncm_error_errno(err, errno, "cannot read the partial file %s", item->partial);
	if (memcmp(digest.bytes, item->git_sha1.bytes, sizeof digest.bytes) == 0)
		return 0;
	item->bad_sha256 = item->final_sha256;
	return ncm_error_set(err, NCM_E_CHECKSUM, "digest differs: expected git blob %s, got %s",
			     ncm_sha1_hex(&item->git_sha1, expected), ncm_sha1_hex(&digest, got));
}

static int check_content(const struct ncm_partial *partial, const struct ncm_transfer_item *item, struct ncm_error *err)
{
	char start[32];
	ssize_t got;

	if (!item->expect_binary || item->has_sha256)
		return 0;
	got = pread(partial->fd, start, sizeof start, 0);
	if (got <= 0 || !ncm_answer_is_lfs_pointer(start, (size_t)got))
		return 0;
	ncm_answer_explain("", start, (size_t)got, NULL, err);
	return -1;
}

int ncm_partial_finish(struct ncm_partial *partial, struct ncm_transfer_item *item, struct ncm_error *err)
{
	int fd = partial->fd;

	if (check_sha256(partial, item, err) < 0 || check_git_sha1(partial, item, err) < 0 ||
	    check_content(partial, item, err) < 0 || ncm_partial_sync(partial, err) < 0)
		return -1;
	/* Some file systems tell of a failed write only here. */
	partial->fd = -1;
	if (close(fd) < 0)
		return ncm_error_errno(err, errno, "cannot write the partial file %s", item->partial);
	return 0;
}

void ncm_partial_close(struct ncm_partial *partial, bool discard)
{
	if (discard) /* while the lock is held */
		ncm_transfer_discard(partial->item->dirfd, partial->item->partial);
	if (partial->fd >= 0)
		close(partial->fd);
	partial->fd = -1;
	ncm_hash_free(partial->hash);
	partial->hash = NULL;
	ncm_journal_clear(&partial->journal);
}

uint64_t ncm_transfer_present(const struct ncm_transfer_item *item)
{
	struct ncm_journal journal = {0};
	struct stat status;
	uint64_t keep = 0;

	if (fstatat(item->dirfd, item->partial, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode))
		keep = bytes_to_keep(item, (uint64_t)status.st_size, &journal);
	ncm_journal_clear(&journal);
	return keep;
}

void ncm_transfer_discard(int dirfd, const char *partial)
{
	(void)unlinkat(dirfd, partial, 0);
	ncm_journal_remove(dirfd, partial);
}
