/* SPDX-License-Identifier: MIT */
/*
 * Two passes: the first reads every header and refuses the whole archive for one bad entry, before anything is written;
 * the second writes, and counts by itself, for the first pass saw only what the archive says about itself.
 */
#include "archive/archive.h"

#include "archive/names.h"
#include "archive/reader.h"
#include "base/ability.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "digest/hash.h"
#include "os/os.h"

#include <errno.h>
#include <ncmodel/limits.h>
#include <string.h>

struct listing {
	struct entry *entries;
	size_t count;
	size_t files;
};

static void listing_free(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++)
		free(listing->entries[i].path);
	free(listing->entries);
}

static int list_entries(struct reader *reader, unsigned strip, uint64_t packed, struct listing *listing,
			struct ncm_error *err)
{
	struct entry entry;
	uint64_t total = 0;
	int more;

	while ((more = reader_next(reader, strip, &entry, err)) > 0) {
		*NCM_PUSH(listing->entries, listing->count) = entry;
		if (listing->count > NCM_LIMIT_ARCHIVE_ENTRIES)
			return ncm_error_set(err, NCM_E_POLICY, "refused archive: it has more than %u entries",
					     NCM_LIMIT_ARCHIVE_ENTRIES);
		if (__builtin_add_overflow(total, entry.size, &total) || archive_too_much(total, packed))
			return archive_refuse_too_much(err);
		listing->files += entry.path && !entry.folder;
	}
	if (more < 0)
		return -1;
	if (listing->files == 0)
		return ncm_error_set(err, NCM_E_POLICY, "refused archive: there is no file in it%s",
				     strip > 0 ? ", or none below the folders to drop" : "");
	return names_collide(listing->entries, listing->count, err);
}

static int check_all(int fd, unsigned strip, struct listing *listing, struct ncm_error *err)
{
	NCM_AUTO_FREE struct reader *reader = ncm_malloc(sizeof *reader);
	struct os_stat status;
	int failed = reader_open(reader, fd, err);

	if (!failed && os_fstat(fd, &status) < 0)
		failed = ncm_error_errno(err, errno, "cannot read the archive");
	if (!failed)
		failed = list_entries(reader, strip, status.size, listing, err);
	reader_close(reader);
	return failed;
}

/* Opens the folder `relative`, making it and those above. Not synced one by one: all are in the end. */
static int open_folder(int dirfd, const char *relative)
{
	const char *slash = strrchr(relative, '/'), *name = ncm_path_base(relative);
	NCM_AUTO_FREE char *above = slash ? ncm_strndup(relative, (size_t)(slash - relative)) : ncm_strdup("");
	NCM_AUTO_CLOSE int parent = -1;
	int fd = ncm_dir_beneath(dirfd, relative);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	parent = open_folder(dirfd, above);
	if (parent < 0 || ncm_own_mkdir(parent, name, NCM_OWN_FOLDER) < 0)
		return -1;
	return os_open_beneath(parent, name, OS_FOLDER);
}

static int create_file(int dirfd, const char *relative)
{
	const char *slash = strrchr(relative, '/');
	NCM_AUTO_FREE char *above = slash ? ncm_strndup(relative, (size_t)(slash - relative)) : ncm_strdup("");
	NCM_AUTO_CLOSE int parent = open_folder(dirfd, above);

	if (parent < 0)
		return -1;
	return ncm_own_create(parent, ncm_path_base(relative), OS_WRITE, NCM_OWN_FILE);
}

static int write_data(struct reader *reader, const struct entry *entry, int fd, struct ncm_hash *hash,
		      struct ncm_error *err)
{
	char chunk[STREAM_CHUNK];
	uint64_t written = 0;
	la_ssize_t got;

	while ((got = reader_data(reader, chunk, sizeof chunk, err)) > 0) {
		if ((uint64_t)got > entry->size - written)
			return ncm_error_set(err, NCM_E_POLICY, "refused archive: \"%s\" is larger than it says",
					     entry->path);
		ncm_hash_update(hash, chunk, (size_t)got);
		if (ncm_pwrite_all(fd, chunk, (size_t)got, written) < 0)
			return ncm_error_errno(err, errno, "cannot write %s", entry->path);
		written += (uint64_t)got;
	}
	if (got < 0)
		return ncm_error_wrap(err, "%s", entry->path);
	if (written != entry->size)
		return ncm_error_set(err, NCM_E_CHECKSUM, "damaged archive: \"%s\" is shorter than it says",
				     entry->path);
	return 0;
}

static int write_file(struct reader *reader, const struct entry *entry, int dirfd, struct ncm_unpacked *file,
		      struct ncm_error *err)
{
	int fd = create_file(dirfd, entry->path);
	struct ncm_hash *hash;
	int failed;

	if (fd < 0)
		return ncm_error_errno(err, errno, "cannot write %s", entry->path);
	hash = ncm_hash_new(NCM_HASH_SHA256);
	failed = write_data(reader, entry, fd, hash, err);
	if (os_close(fd) < 0 && !failed)
		failed = ncm_error_errno(err, errno, "cannot write %s", entry->path);
	file->path = ncm_strdup(entry->path);
	file->size = entry->size;
	ncm_hash_sha256(hash, &file->sha256);
	return failed;
}

static int write_entry(struct reader *reader, const struct entry *entry, int dirfd, struct ncm_unpacked **files,
		       size_t *count, struct ncm_error *err)
{
	int folder;

	if (!entry->path)
		return 0;
	if (!entry->folder)
		return write_file(reader, entry, dirfd, NCM_PUSH(*files, *count), err);
	folder = open_folder(dirfd, entry->path);
	if (folder < 0)
		return ncm_error_errno(err, errno, "cannot make the folder %s", entry->path);
	os_close(folder);
	return 0;
}

static bool same_entry(const struct entry *a, const struct entry *b)
{
	return a->folder == b->folder && a->size == b->size && !a->path == !b->path &&
	       (!a->path || strcmp(a->path, b->path) == 0);
}

static int write_entries(struct reader *reader, unsigned strip, const struct listing *listing, int dirfd,
			 struct ncm_unpacked **files, size_t *count, struct ncm_error *err)
{
	struct entry entry;
	size_t at = 0;
	int more;

	while ((more = reader_next(reader, strip, &entry, err)) > 0) {
		bool same = at < listing->count && same_entry(&entry, &listing->entries[at]);

		free(entry.path);
		if (!same)
			return ncm_error_set(err, NCM_E_CHECKSUM, "the archive changed while it was read");
		if (write_entry(reader, &listing->entries[at++], dirfd, files, count, err) < 0)
			return -1;
	}
	if (!more && at != listing->count)
		return ncm_error_set(err, NCM_E_CHECKSUM, "the archive changed while it was read");
	return more;
}

static int write_all(int fd, unsigned strip, const struct listing *listing, int dirfd, struct ncm_unpacked **files,
		     size_t *count, struct ncm_error *err)
{
	NCM_AUTO_FREE struct reader *reader = ncm_malloc(sizeof *reader);
	int failed = reader_open(reader, fd, err);

	if (!failed)
		failed = write_entries(reader, strip, listing, dirfd, files, count, err);
	reader_close(reader);
	/* Once for all files and folders: thousands of small ones, each synced by itself, take minutes. */
	if (!failed && ncm_sync_all(dirfd) < 0)
		failed = ncm_error_errno(err, errno, "cannot sync what was unpacked");
	return failed;
}

int ncm_archive_unpack(int fd, int dirfd, unsigned strip, struct ncm_unpacked **files, size_t *count,
		       struct ncm_error *err)
{
	struct listing listing = {0};
	struct ncm_unpacked *written = NULL;
	size_t written_count = 0;
	int failed = check_all(fd, strip, &listing, err);

	if (!failed)
		failed = write_all(fd, strip, &listing, dirfd, &written, &written_count, err);
	listing_free(&listing);
	if (failed) {
		ncm_unpacked_free(written, written_count);
		return -1;
	}
	*files = written;
	*count = written_count;
	return 0;
}

void ncm_unpacked_free(struct ncm_unpacked *files, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(files[i].path);
	free(files);
}
