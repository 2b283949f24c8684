/* SPDX-License-Identifier: MIT */
/* One file of a zip, read without the others. */
#include "archive/archive.h"

#include "archive/stream.h"
#include "base/buffer.h"

#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MOST_LOOKED_AT = 64 }; /* of a zip's files: torch's data.pkl is its first */

struct source {
	const struct ncm_bytes *bytes;
	uint64_t at;
	char chunk[STREAM_CHUNK];
};

static la_ssize_t read_on(struct archive *archive, void *context, const void **bytes)
{
	struct source *source = context;
	const ssize_t got =
	    source->bytes->read(source->bytes->context, source->chunk, sizeof source->chunk, source->at);

	*bytes = source->chunk;
	if (got < 0)
		archive_set_error(archive, errno, "it cannot be read");
	else
		source->at += (uint64_t)got;
	return got < 0 ? ARCHIVE_FATAL : (la_ssize_t)got;
}

static la_int64_t seek(struct archive *archive, void *context, la_int64_t offset, int whence)
{
	struct source *source = context;
	const uint64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? source->at : source->bytes->size;
	la_int64_t at;

	(void)archive;
	if (__builtin_add_overflow((la_int64_t)base, offset, &at) || at < 0)
		return ARCHIVE_FATAL;
	source->at = (uint64_t)at;
	return at;
}

static struct archive *open_zip(struct source *source)
{
	struct archive *archive = archive_read_new();

	if (!archive)
		return NULL;
	archive_read_support_format_zip_seekable(archive);
	archive_read_set_read_callback(archive, read_on);
	archive_read_set_seek_callback(archive, seek);
	archive_read_set_callback_data(archive, source);
	return archive;
}

static bool has_ending(const char *name, const char *ending)
{
	const size_t length = name ? strlen(name) : 0, least = strlen(ending);

	return length >= least && strcmp(name + length - least, ending) == 0;
}

char *archive_content(struct archive *archive, size_t limit, const char *holds, size_t *size, struct ncm_error *err)
{
	struct ncm_buffer content = {0};
	char chunk[STREAM_CHUNK];
	la_ssize_t got;

	ncm_buffer_add(&content, "", 0);
	while ((got = archive_read_data(archive, chunk, sizeof chunk)) > 0 && (size_t)got <= limit - content.size)
		ncm_buffer_add(&content, chunk, (size_t)got);
	*size = content.size;
	if (got == 0)
		return ncm_buffer_take(&content);
	ncm_buffer_free(&content);
	if (got < 0)
		archive_damaged(archive, err);
	else
		ncm_error_set(err, NCM_E_POLICY, "it %s more than %zu bytes", holds, limit);
	return NULL;
}

static char *find(struct archive *archive, const char *ending, size_t limit, size_t *size, struct ncm_error *err)
{
	struct archive_entry *entry;
	int result = ARCHIVE_OK;

	for (size_t i = 0; i < MOST_LOOKED_AT; i++) {
		result = archive_read_next_header(archive, &entry);
		if (result != ARCHIVE_OK && result != ARCHIVE_WARN)
			break;
		if (has_ending(archive_entry_pathname(entry), ending))
			return archive_content(archive, limit, "has a file of", size, err);
	}
	if (result != ARCHIVE_OK && result != ARCHIVE_WARN && result != ARCHIVE_EOF)
		archive_damaged(archive, err);
	return NULL;
}

char *ncm_archive_member(const struct ncm_bytes *bytes, const char *ending, size_t limit, size_t *size,
			 struct ncm_error *err)
{
	struct source source = {.bytes = bytes};
	struct archive *archive = open_zip(&source);
	char *content = NULL;

	if (!archive)
		ncm_error_set(err, NCM_E_OTHER, "libarchive cannot start");
	else if (archive_read_open1(archive) != ARCHIVE_OK)
		archive_damaged(archive, err);
	else
		content = find(archive, ending, limit, size, err);
	archive_read_free(archive);
	return content;
}
