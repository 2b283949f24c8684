/* SPDX-License-Identifier: MIT */
/*
 * The partial file: opened or resumed, written past the page cache (direct I/O) where that is possible, noted in the
 * write-ahead journal, and at its end compared with its digest.
 */
#include "transfer/partial.h"

#include "base/ability.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "transfer/answer.h"

#include <errno.h>
#include <ncmodel/text.h>
#include <stdio.h>
#include <string.h>

enum { READ_CHUNK = 1 << 20 };

/* The page cache is for files that are small enough to be used soon, and for file systems that refuse direct writes. */
static const uint64_t DIRECT_WORTH_BYTES = 8 << 20;
/* Of what went through it, this much stays; fewer pages that are used again are faster than many fresh ones. */
static const uint64_t CACHE_WINDOW_BYTES = 8 << 20;

/* Below this size fetching again costs less than a journal's syncs. */
static const uint64_t JOURNAL_WORTH_BYTES = 64 << 10;

static bool is_ours_alone(int fd)
{
	struct os_stat status;

	return os_fstat(fd, &status) == 0 && status.kind == OS_IS_FILE && status.links == 1;
}

static int open_file(const struct ncm_transfer_item *item)
{
	const int flags = OS_READ | OS_WRITE;
	int fd = ncm_own_open(item->dirfd, item->partial, flags, NCM_OWN_FILE);

	if ((fd >= 0 && is_ours_alone(fd)) ||
	    (fd < 0 && errno != ELOOP && errno != ENXIO && errno != EXDEV && errno != EACCES))
		return fd;
	/* A link, a device, or a file that has another name too: never written through. Nor another user's of his own:
	 * nobody works at it, for the store is locked. */
	if (fd >= 0)
		os_close(fd);
	if (os_unlink(item->dirfd, item->partial) < 0)
		return -1;
	return ncm_own_create(item->dirfd, item->partial, flags, NCM_OWN_FILE);
}

/* Past the page cache, if the file system can and the file is worth it. */
static int open_direct(const struct ncm_partial *partial)
{
	struct os_stat here, there;
	int fd;

	if (!partial->identity.has_size || partial->identity.size < DIRECT_WORTH_BYTES)
		return -1;
	fd = os_open_beneath(partial->item->dirfd, partial->item->partial, OS_READ | OS_WRITE | OS_DIRECT | OS_NO_LINK);
	if (fd >= 0 && os_fstat(fd, &there) == 0 && os_fstat(partial->fd, &here) == 0 && here.inode == there.inode &&
	    here.device == there.device)
		return fd;
	if (fd >= 0)
		os_close(fd);
	return -1;
}

static int begin_journal(struct ncm_partial *partial, struct ncm_error *err)
{
	const struct ncm_transfer_item *item = partial->item;
	int fd;

	pthread_mutex_lock(&partial->mutex);
	/* First: not every file system renames over a file that is open. */
	if (partial->journal_fd >= 0)
		os_close(partial->journal_fd);
	partial->journal_fd = -1;
	fd = ncm_journal_begin(item->dirfd, item->partial, &partial->identity, &partial->on_disk,
			       partial->written == partial->synced, err);
	if (fd >= 0) {
		partial->journal_fd = fd;
		partial->journals++;
		partial->lines = partial->on_disk.count;
	}
	pthread_mutex_unlock(&partial->mutex);
	return fd < 0 ? -1 : 0;
}

/* How its bytes go to the disk and come back. Before any of them do: the crew's threads read what is set here. */
static void choose_way(struct ncm_partial *partial)
{
	const struct ncm_identity *identity = &partial->identity;

	partial->begun = true;
	partial->direct_fd = open_direct(partial);
	partial->drained = partial->direct_fd < 0 && identity->has_size && identity->size >= DIRECT_WORTH_BYTES;
}

/* What an earlier run left is made to last, so that the new journal can vouch for it. */
static int keep(struct ncm_partial *partial, struct ncm_error *err)
{
	if (ncm_sync_data(partial->fd) < 0)
		return ncm_error_errno(err, errno, "cannot sync the partial file %s", partial->item->partial);
	return begin_journal(partial, err);
}

int ncm_partial_open(struct ncm_partial *partial, const struct ncm_transfer_item *item, struct ncm_error *err)
{
	struct os_stat status;

	*partial = (struct ncm_partial){.item = item, .direct_fd = -1, .journal_fd = -1};
	pthread_mutex_init(&partial->mutex, NULL);
	partial->fd = open_file(item);
	if (partial->fd < 0)
		return ncm_error_errno(err, errno, "cannot open the partial file %s", item->partial);
	if (os_fstat(partial->fd, &status) < 0)
		return ncm_error_errno(err, errno, "cannot look at the partial file %s", item->partial);
	ncm_journal_find_kept(item, status.size, &partial->identity, &partial->on_disk);
	ncm_identity_complete(&partial->identity, item);
	partial->inherited = partial->on_disk.count > 0;
	if (partial->inherited) {
		choose_way(partial);
		return keep(partial, err);
	}
	return status.size > 0 ? ncm_partial_restart(partial, err) : 0;
}

int ncm_partial_restart(struct ncm_partial *partial, struct ncm_error *err)
{
	const struct ncm_transfer_item *item = partial->item;

	ncm_ranges_clear(&partial->on_disk);
	partial->reserved = 0;
	partial->inherited = false;
	if (partial->journal_fd >= 0)
		os_close(partial->journal_fd);
	partial->journal_fd = -1;
	free(partial->identity.etag);
	partial->identity.etag = NULL;
	/* First of all, and for good: it must not speak for the bytes that come next. */
	ncm_journal_remove(item->dirfd, item->partial);
	if (ncm_sync_dir(item->dirfd) < 0 || os_truncate(partial->fd, 0) < 0)
		return ncm_error_errno(err, errno, "cannot empty the partial file %s", item->partial);
	return 0;
}

static int reserve(struct ncm_partial *partial, uint64_t size, struct ncm_error *err)
{
	uint64_t there;
	char text[32];
	int failure;

	pthread_mutex_lock(&partial->mutex);
	there = ncm_ranges_end_of(&partial->on_disk, 0);
	pthread_mutex_unlock(&partial->mutex);
	/* Where only ranges are wanted, holes stay holes. */
	if (size <= there || size <= partial->reserved || partial->item->range_count > 0)
		return 0;
	/* The file gets its length now: ext4 takes direct writes that lengthen one only one at a time. */
	do {
		failure = os_reserve(partial->fd, there, size - there) < 0 ? errno : 0;
	} while (failure == EINTR);
	partial->reserved = size;
	/* Other failures: the file system cannot reserve; the write will tell. */
	if (failure != ENOSPC && failure != EDQUOT && failure != EFBIG)
		return 0;
	return ncm_error_errno(err, failure, "no room for the %s still to come",
			       ncm_format_size(size - there, text, sizeof text));
}

int ncm_partial_begin(struct ncm_partial *partial, const char *etag, bool has_size, uint64_t size,
		      struct ncm_error *err)
{
	struct ncm_identity *identity = &partial->identity;
	bool changed = (etag != NULL) != (identity->etag != NULL) || (etag && strcmp(etag, identity->etag) != 0) ||
		       has_size != identity->has_size || (has_size && size != identity->size);

	if (changed) {
		char *copy = ncm_strdup_null(etag);

		free(identity->etag);
		identity->etag = copy;
		identity->has_size = has_size;
		identity->size = size;
	}
	if (has_size && reserve(partial, size, err) < 0)
		return -1;
	if (!partial->begun)
		choose_way(partial);
	if ((!changed && partial->journal_fd >= 0) || (has_size && size < JOURNAL_WORTH_BYTES))
		return 0;
	return begin_journal(partial, err);
}

static bool is_aligned(uint64_t number)
{
	return number % NCM_BLOCK_ALIGN == 0;
}

static size_t align_up(size_t size)
{
	return (size + NCM_BLOCK_ALIGN - 1) / NCM_BLOCK_ALIGN * NCM_BLOCK_ALIGN;
}

/* What is aligned goes past the page cache, if that is possible; the rest is less than two pages. */
static int write_bytes(const struct ncm_partial *partial, uint64_t offset, const unsigned char *data, size_t size)
{
	size_t whole = size - size % NCM_BLOCK_ALIGN;

	if (partial->direct_fd >= 0 && is_aligned(offset) && is_aligned((uintptr_t)data) && whole > 0) {
		if (ncm_pwrite_all(partial->direct_fd, data, whole, offset) == 0) {
			offset += whole;
			data += whole;
			size -= whole;
		} else if (errno != EINVAL) {
			return -1;
		}
	}
	return size > 0 ? ncm_pwrite_all(partial->fd, data, size, offset) : 0;
}

/* Without direct writes: begins to write out what has come, and drops what came a window before. */
static void drain_cache(struct ncm_partial *partial, uint64_t offset, size_t size)
{
	os_write_out(partial->fd, offset, size);
	if (offset < CACHE_WINDOW_BYTES)
		return;
	offset -= CACHE_WINDOW_BYTES;
	os_wait_out(partial->fd, offset, size);
	os_drop_cache(partial->fd, offset, size);
}

/* Whether a kill after the write would leave a trace of it in the file: a whole block that was a hole. */
static bool leaves_trace(const struct ncm_partial *partial, const struct ncm_range *range)
{
	return partial->direct_fd >= 0 && partial->journal_fd >= 0 && range->start % NCM_BLOCK_BYTES == 0 &&
	       range->end - range->start == NCM_BLOCK_BYTES && ncm_range_is_hole(partial->fd, range);
}

static int journal_error(const struct ncm_partial *partial, struct ncm_error *err)
{
	return ncm_error_errno(err, errno, "cannot write the journal of %s", partial->item->partial);
}

/* Write-ahead: before the bytes are written, the journal says that they are being. */
static int note_begun(struct ncm_partial *partial, const struct ncm_range *range, struct ncm_error *err)
{
	bool failed;

	pthread_mutex_lock(&partial->mutex);
	failed = leaves_trace(partial, range) && ncm_journal_begun(partial->journal_fd, range) < 0;
	pthread_mutex_unlock(&partial->mutex);
	return failed ? journal_error(partial, err) : 0;
}

static int note_written(struct ncm_partial *partial, const struct ncm_range *range, struct ncm_error *err)
{
	bool failed = false;

	pthread_mutex_lock(&partial->mutex);
	ncm_ranges_add(&partial->on_disk, range->start, range->end);
	partial->written += range->end - range->start;
	if (partial->journal_fd >= 0) {
		failed = ncm_journal_written(partial->journal_fd, range) < 0;
		partial->lines++;
	}
	pthread_mutex_unlock(&partial->mutex);
	return failed ? journal_error(partial, err) : 0;
}

int ncm_partial_write(struct ncm_partial *partial, uint64_t offset, const unsigned char *data, size_t size,
		      struct ncm_error *err)
{
	const struct ncm_range range = {offset, offset + size};

	if (note_begun(partial, &range, err) < 0)
		return -1;
	if (write_bytes(partial, offset, data, size) < 0)
		return ncm_error_errno(err, errno, "cannot write the partial file %s", partial->item->partial);
	if (partial->drained)
		drain_cache(partial, offset, size);
	return note_written(partial, &range, err);
}

int ncm_partial_read(const struct ncm_partial *partial, uint64_t offset, unsigned char *data, size_t size,
		     struct ncm_error *err)
{
	bool direct = partial->direct_fd >= 0 && is_aligned(offset);
	size_t done = 0;

	while (done < size) {
		ssize_t got;

		/* A direct read may end at any page; what it left over comes through the cache. */
		if (direct && is_aligned(done))
			got = os_pread(partial->direct_fd, data + done, align_up(size - done), offset + done);
		else
			got = os_pread(partial->fd, data + done, size - done, offset + done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && direct) {
			direct = false;
			continue;
		}
		if (got == 0)
			errno = EIO;
		if (got <= 0)
			return ncm_error_errno(err, errno, "cannot read the partial file %s", partial->item->partial);
		done += (size_t)got;
	}
	return 0;
}

void ncm_partial_look(struct ncm_partial *partial, struct ncm_ranges *on_disk)
{
	pthread_mutex_lock(&partial->mutex);
	ncm_ranges_copy(on_disk, &partial->on_disk);
	pthread_mutex_unlock(&partial->mutex);
}

void ncm_partial_forget(struct ncm_partial *partial, uint64_t start, uint64_t end)
{
	pthread_mutex_lock(&partial->mutex);
	ncm_ranges_remove(&partial->on_disk, start, end);
	pthread_mutex_unlock(&partial->mutex);
}

uint64_t ncm_partial_unsynced(struct ncm_partial *partial)
{
	uint64_t unsynced;

	pthread_mutex_lock(&partial->mutex);
	unsynced = partial->written - partial->synced;
	pthread_mutex_unlock(&partial->mutex);
	return unsynced;
}

int ncm_partial_sync(struct ncm_partial *partial, struct ncm_error *err)
{
	uint64_t lines, written;
	unsigned journals;
	int failed = 0;

	pthread_mutex_lock(&partial->mutex);
	lines = partial->lines;
	journals = partial->journals;
	written = partial->written;
	pthread_mutex_unlock(&partial->mutex);
	if (ncm_sync_data(partial->fd) < 0)
		return ncm_error_errno(err, errno, "cannot sync the partial file %s", partial->item->partial);
	pthread_mutex_lock(&partial->mutex);
	/* A journal that was begun meanwhile has other lines: the next sync vouches for them. */
	if (journals == partial->journals) {
		partial->synced = written;
		failed = partial->journal_fd >= 0 && lines > 0 && ncm_journal_synced(partial->journal_fd, lines) < 0;
	}
	pthread_mutex_unlock(&partial->mutex);
	if (failed)
		return journal_error(partial, err);
	if (!partial->named)
		partial->named = ncm_sync_dir(partial->item->dirfd) == 0;
	return 0;
}

static int check_sha256(struct ncm_transfer_item *item, const struct ncm_sha256 *hashed, struct ncm_error *err)
{
	char expected[NCM_SHA256_HEX + 1], got[NCM_SHA256_HEX + 1];

	item->final_sha256 = *hashed;
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
	struct ncm_hash *hash = ncm_hash_git_blob(partial->identity.size);
	uint64_t at = 0;

	while (at < partial->identity.size) {
		const ssize_t got = ncm_pread_all(partial->fd, chunk, READ_CHUNK, at);

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
	got = ncm_pread_all(partial->fd, start, sizeof start, 0);
	if (got < 0)
		return ncm_error_errno(err, errno, "cannot read the partial file %s", item->partial);
	if (!ncm_answer_is_lfs_pointer(start, (size_t)got))
		return 0;
	ncm_answer_explain("", start, (size_t)got, NULL, err);
	return -1;
}

static int close_file(struct ncm_partial *partial, struct ncm_error *err)
{
	int fd = partial->fd;

	if (partial->direct_fd >= 0)
		os_close(partial->direct_fd);
	partial->fd = partial->direct_fd = -1;
	/* Some file systems tell of a failed write only here. */
	if (os_close(fd) < 0)
		return ncm_error_errno(err, errno, "cannot write the partial file %s", partial->item->partial);
	return 0;
}

int ncm_partial_finish(struct ncm_partial *partial, const struct ncm_sha256 *hashed, struct ncm_transfer_item *item,
		       struct ncm_error *err)
{
	if (hashed && (check_sha256(item, hashed, err) < 0 || check_git_sha1(partial, item, err) < 0 ||
		       check_content(partial, item, err) < 0))
		return -1;
	/* An earlier run may have left it longer, or with nothing but holes behind the last bytes. */
	if (os_truncate(partial->fd, partial->identity.size) < 0)
		return ncm_error_errno(err, errno, "cannot cut the partial file %s", item->partial);
	if (ncm_sync_data(partial->fd) < 0)
		return ncm_error_errno(err, errno, "cannot sync the partial file %s", item->partial);
	(void)snprintf(item->etag, sizeof item->etag, "%s", partial->identity.etag ? partial->identity.etag : "");
	return close_file(partial, err);
}

void ncm_partial_close(struct ncm_partial *partial, bool discard)
{
	if (!partial->item)
		return;
	if (discard)
		ncm_transfer_discard(partial->item->dirfd, partial->item->partial);
	if (partial->fd >= 0)
		(void)close_file(partial, NULL);
	if (partial->journal_fd >= 0)
		os_close(partial->journal_fd);
	ncm_ranges_clear(&partial->on_disk);
	ncm_identity_clear(&partial->identity);
	pthread_mutex_destroy(&partial->mutex);
	*partial = (struct ncm_partial){.fd = -1, .direct_fd = -1, .journal_fd = -1};
}
