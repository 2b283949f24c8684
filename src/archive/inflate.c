/* SPDX-License-Identifier: MIT */
/* zlib's format (RFC 1950) by way of gzip's (RFC 1952), which libarchive reads: both are the same stream, framed. */
#include "archive/archive.h"

#include "archive/stream.h"
#include "base/buffer.h"

#include <archive_entry.h>

enum { ZLIB_HEAD = 2, ZLIB_TAIL = 4, DEFLATE = 8, PRESET = 0x20 };

static bool is_zlib(const unsigned char *data, size_t size)
{
	return size > ZLIB_HEAD + ZLIB_TAIL && (data[0] & 0xf) == DEFLATE && (data[0] << 8 | data[1]) % 31 == 0 &&
	       !(data[1] & PRESET);
}

static void frame(const unsigned char *data, size_t size, struct ncm_buffer *gzip)
{
	static const char head[] = "\x1f\x8b\x08\0\0\0\0\0\0\xff", tail[] = "\0\0\0\0\0\0\0";

	ncm_buffer_add(gzip, head, sizeof head - 1);
	ncm_buffer_add(gzip, data + ZLIB_HEAD, size - ZLIB_HEAD - ZLIB_TAIL);
	ncm_buffer_add(gzip, tail, sizeof tail);
}

char *ncm_archive_inflate(const void *data, size_t size, size_t limit, size_t *unpacked, struct ncm_error *err)
{
	struct archive *archive = is_zlib(data, size) ? archive_read_new() : NULL;
	struct ncm_buffer gzip = {0};
	char *content = NULL;

	if (!archive) {
		ncm_error_set(err, NCM_E_CHECKSUM, "it is not compressed as it says");
		return NULL;
	}
	frame(data, size, &gzip);
	archive_read_support_filter_gzip(archive);
	archive_read_support_format_raw(archive);
	if (archive_read_open_memory(archive, gzip.data, gzip.size) != ARCHIVE_OK ||
	    archive_read_next_header(archive, &(struct archive_entry *){NULL}) != ARCHIVE_OK)
		archive_damaged(archive, err);
	else
		content = archive_content(archive, limit, "unpacks to", unpacked, err);
	archive_read_free(archive);
	ncm_buffer_free(&gzip);
	return content;
}
