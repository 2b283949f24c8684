/* SPDX-License-Identifier: MIT */
#include "archive/reader.h"

#include "archive/names.h"
#include "base/file.h"
#include "base/mem.h"
#include "os/os.h"

#include <errno.h>
#include <ncmodel/event.h>
#include <ncmodel/limits.h>
#include <string.h>

enum { HEAD_BYTES = 512 }; /* of a tar: its first header */

/* libarchive turns names into the locale's characters; only UTF-8 has them all. Of this thread alone. */
static void use_utf8(struct reader *reader)
{
	reader->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (reader->locale)
		reader->before = uselocale(reader->locale);
}

/* What starts like an archive and cannot be read is damaged; the rest is none that we read. */
static bool looks_like_zip(const unsigned char *head)
{
	return memcmp(head, "PK\3\4", 4) == 0 || memcmp(head, "PK\5\6", 4) == 0;
}

static bool looks_like_tar(const unsigned char *head)
{
	return memcmp(head, "\x1f\x8b", 2) == 0 ||
	       memcmp(head,
		      "\xfd"
		      "7zXZ",
		      5) == 0 ||
	       memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0 || memcmp(head + 257, "ustar", 5) == 0 ||
	       (head[0] != '\0' && head[156] <= '7' && head[148] >= ' ' && head[148] <= '7');
}

static int open_zip(struct reader *reader, int fd, struct ncm_error *err)
{
	/* The seekable one alone: it goes by the directory at the end, which a cut file lacks. */
	archive_read_support_format_zip_seekable(reader->archive);
	archive_read_set_options(reader->archive, "hdrcharset=UTF-8");
	if (os_seek(fd, 0) < 0)
		return ncm_error_errno(err, errno, "cannot read the archive");
	if (archive_read_open_fd(reader->archive, fd, STREAM_CHUNK) != ARCHIVE_OK)
		return archive_damaged(reader->archive, err);
	return 0;
}

static int open_tar(struct reader *reader, int fd, uint64_t size, struct ncm_error *err)
{
	if (stream_open(&reader->stream, fd, size, err) < 0)
		return -1;
	archive_read_support_format_tar(reader->archive);
	archive_read_set_options(reader->archive, "hdrcharset=UTF-8");
	if (archive_read_open(reader->archive, &reader->stream, NULL, stream_read, NULL) != ARCHIVE_OK) {
		if (reader->stream.error.code != NCM_OK)
			return ncm_error_move(err, &reader->stream.error);
		/* Damaged bytes may have been a tar once. */
		if (stream_drain(&reader->stream, err) < 0)
			return -1;
		return ncm_error_set(err, NCM_E_POLICY, "refused archive: it is not a tar");
	}
	return 0;
}

int reader_open(struct reader *reader, int fd, struct ncm_error *err)
{
	unsigned char head[HEAD_BYTES] = {0};
	struct os_stat status;

	memset(reader, 0, sizeof *reader);
	if (os_fstat(fd, &status) < 0 || status.kind != OS_IS_FILE)
		return ncm_error_set(err, NCM_E_POLICY, "refused archive: it is not a regular file");
	if (ncm_pread_all(fd, head, sizeof head, 0) < 0)
		return ncm_error_errno(err, errno, "cannot read the archive");
	reader->zip = looks_like_zip(head);
	if (!reader->zip && !looks_like_tar(head)) {
		ncm_error_set(err, NCM_E_POLICY, "refused archive: it is neither a zip nor a tar");
		return ncm_error_hint(err, "tar with gzip, xz or zstd, and zip, can be unpacked");
	}
	use_utf8(reader);
	reader->archive = archive_read_new();
	if (!reader->archive)
		return ncm_error_set(err, NCM_E_OTHER, "libarchive cannot start");
	return reader->zip ? open_zip(reader, fd, err) : open_tar(reader, fd, status.size, err);
}

static const char *unwanted_type(struct archive_entry *entry)
{
	if (archive_entry_hardlink(entry))
		return "a hard link";
	switch (archive_entry_filetype(entry)) {
	case AE_IFREG:
	case AE_IFDIR:
		return archive_entry_symlink(entry) ? "a symbolic link" : NULL;
	case AE_IFLNK:
		return "a symbolic link";
	case AE_IFCHR:
	case AE_IFBLK:
		return "a device";
	case AE_IFIFO:
		return "a FIFO";
	case AE_IFSOCK:
		return "a socket";
	default:
		return "of a kind that we do not know";
	}
}

/* Why an entry is not one that we unpack, or NULL. */
static const char *unwanted(struct archive_entry *entry)
{
	const char *type = unwanted_type(entry);

	if (type)
		return type;
	if (archive_entry_is_encrypted(entry))
		return "encrypted";
	if (archive_entry_sparse_count(entry) > 0)
		return "a sparse file";
	if (archive_entry_xattr_count(entry) > 0 || archive_entry_acl_types(entry) != 0)
		return "one with extended attributes";
	if (!archive_entry_size_is_set(entry) && archive_entry_filetype(entry) == AE_IFREG)
		return "one that does not tell its size";
	return NULL;
}

static int refuse_bytes(struct ncm_error *err)
{
	return ncm_error_set(err, NCM_E_POLICY, "refused archive: a name in it is not valid UTF-8");
}

static int describe(struct archive_entry *from, unsigned strip, struct entry *entry, struct ncm_error *err)
{
	const char *name = archive_entry_pathname(from);
	const char *fault;

	if (!name)
		return refuse_bytes(err);
	fault = unwanted(from);
	if (fault)
		return ncm_error_set(err, NCM_E_POLICY, "refused archive: \"%s\" is %s", name, fault);
	entry->folder = archive_entry_filetype(from) == AE_IFDIR;
	if (names_check(name, entry->folder, strip, &entry->path, err) < 0)
		return -1;
	if (entry->folder)
		return 0;
	if (archive_entry_size(from) < 0 || (uint64_t)archive_entry_size(from) > NCM_LIMIT_FILE_BYTES)
		return ncm_error_set(err, NCM_E_POLICY, "refused archive: \"%s\" is too large", name);
	entry->size = (uint64_t)archive_entry_size(from);
	return 0;
}

static int fail(struct reader *reader, struct ncm_error *err)
{
	if (reader->stream.error.code != NCM_OK)
		return ncm_error_move(err, &reader->stream.error);
	return archive_damaged(reader->archive, err);
}

int reader_next(struct reader *reader, unsigned strip, struct entry *entry, struct ncm_error *err)
{
	struct archive_entry *from = NULL;
	int result;

	*entry = (struct entry){0};
	if (ncm_interrupted())
		return ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted while unpacking");
	result = archive_read_next_header(reader->archive, &from);
	if (result == ARCHIVE_EOF)
		return reader->zip ? 0 : stream_finish(&reader->stream, err);
	if (result != ARCHIVE_OK && result != ARCHIVE_WARN)
		return fail(reader, err);
	/* What cannot be decoded arrives as U+FFFD, with a warning. */
	if (result == ARCHIVE_WARN && archive_entry_pathname(from) &&
	    strstr(archive_entry_pathname(from), "\xef\xbf\xbd"))
		return refuse_bytes(err);
	if (describe(from, strip, entry, err) < 0)
		return -1;
	/* A warning whose entry is all right by our rules is damage nevertheless. */
	if (result == ARCHIVE_WARN) {
		free(entry->path);
		entry->path = NULL;
		return fail(reader, err);
	}
	return 1;
}

la_ssize_t reader_data(struct reader *reader, void *bytes, size_t size, struct ncm_error *err)
{
	la_ssize_t got = archive_read_data(reader->archive, bytes, size);

	if (ncm_interrupted())
		return ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted while unpacking");
	return got < 0 ? fail(reader, err) : got;
}

void reader_close(struct reader *reader)
{
	archive_read_free(reader->archive);
	stream_close(&reader->stream);
	if (reader->locale) {
		uselocale(reader->before);
		freelocale(reader->locale);
	}
}
