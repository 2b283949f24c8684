/* SPDX-License-Identifier: MIT */
#include "archive/stream.h"

#include "base/file.h"
#include "os/os.h"

#include <ctype.h>
#include <errno.h>
#include <ncmodel/event.h>
#include <ncmodel/limits.h>
#include <string.h>

enum { FREE_OF_RATIO = 1 << 20, TAR_BLOCK = 512 };

bool archive_too_much(uint64_t unpacked, uint64_t packed)
{
	uint64_t allowed;

	if (unpacked > NCM_LIMIT_ARCHIVE_BYTES)
		return true;
	return unpacked > FREE_OF_RATIO &&
	       !__builtin_mul_overflow(packed, (uint64_t)NCM_LIMIT_ARCHIVE_RATIO, &allowed) &&
	       unpacked - FREE_OF_RATIO > allowed;
}

int archive_refuse_too_much(struct ncm_error *err)
{
	return ncm_error_set(err, NCM_E_POLICY,
			     "refused archive: it unpacks to more than %u times its size, or more than %llu bytes",
			     NCM_LIMIT_ARCHIVE_RATIO, (unsigned long long)NCM_LIMIT_ARCHIVE_BYTES);
}

int archive_damaged(struct archive *archive, struct ncm_error *err)
{
	const char *reason = archive_error_string(archive);
	size_t size = reason ? strlen(reason) : 0;

	while (size > 0 && isspace((unsigned char)reason[size - 1]))
		size--;
	if (size == 0)
		return ncm_error_set(err, NCM_E_CHECKSUM, "damaged archive: it cannot be read");
	return ncm_error_set(err, NCM_E_CHECKSUM, "damaged archive: %.*s", (int)size, reason);
}

/* RFC 1952, section 8. libarchive reads past gzip's checksum without comparing it. */
static uint32_t crc32_add(uint32_t crc, const char *data, size_t size)
{
	static const uint32_t half[16] = {
	    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
	    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};

	crc = ~crc;
	for (size_t i = 0; i < size; i++) {
		crc ^= (unsigned char)data[i];
		crc = (crc >> 4) ^ half[crc & 15];
		crc = (crc >> 4) ^ half[crc & 15];
	}
	return ~crc;
}

static int refuse_nesting(struct ncm_error *err)
{
	return ncm_error_set(err, NCM_E_POLICY, "refused archive: it is compressed more than once");
}

int stream_open(struct stream *stream, int fd, uint64_t packed, struct ncm_error *err)
{
	stream->fd = fd;
	stream->packed = packed;
	stream->filter = archive_read_new();
	if (!stream->filter)
		return ncm_error_set(err, NCM_E_OTHER, "libarchive cannot start");
	/* Without its library, a filter would be a program to run: then it is left out. */
	if (archive_zlib_version())
		archive_read_support_filter_gzip(stream->filter);
	if (archive_liblzma_version())
		archive_read_support_filter_xz(stream->filter);
	if (archive_libzstd_version())
		archive_read_support_filter_zstd(stream->filter);
	archive_read_support_format_raw(stream->filter);
	if (os_seek(fd, 0) < 0)
		return ncm_error_errno(err, errno, "cannot read the archive");
	if (archive_read_open_fd(stream->filter, fd, STREAM_CHUNK) != ARCHIVE_OK)
		return archive_damaged(stream->filter, err);
	if (archive_filter_count(stream->filter) > 2) /* the last one is the file itself */
		return refuse_nesting(err);
	if (archive_read_next_header(stream->filter, &(struct archive_entry *){NULL}) != ARCHIVE_OK)
		return archive_damaged(stream->filter, err);
	return 0;
}

static void count(struct stream *stream, size_t size)
{
	size_t tail = 0;

	stream->unpacked += size;
	stream->crc = crc32_add(stream->crc, stream->chunk, size);
	while (tail < size && stream->chunk[size - 1 - tail] == '\0')
		tail++;
	stream->zeros = tail == size ? stream->zeros + size : tail;
}

la_ssize_t stream_read(struct archive *archive, void *context, const void **bytes)
{
	struct stream *stream = context;
	la_ssize_t got = archive_read_data(stream->filter, stream->chunk, sizeof stream->chunk);

	*bytes = stream->chunk;
	if (got < 0) {
		archive_damaged(stream->filter, &stream->error);
	} else {
		count(stream, (size_t)got);
		if (archive_too_much(stream->unpacked, stream->packed))
			archive_refuse_too_much(&stream->error);
		else if (ncm_interrupted())
			ncm_error_set(&stream->error, NCM_E_INTERRUPTED, "interrupted while unpacking");
	}
	if (stream->error.code == NCM_OK)
		return got;
	if (archive)
		archive_set_error(archive, EIO, "%s", stream->error.message);
	return -1;
}

static uint32_t little_endian(const unsigned char bytes[4])
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* The last eight bytes: CRC-32 and size modulo 2^32. Of a file of several members this is the last one's alone and does
 * not fit: such a file is refused with the damaged ones, for its other members were not checked. */
static bool gzip_end_fits(const struct stream *stream)
{
	unsigned char end[8];

	return stream->packed >= sizeof end &&
	       ncm_pread_all(stream->fd, end, sizeof end, stream->packed - sizeof end) == (ssize_t)sizeof end &&
	       little_endian(end) == stream->crc && little_endian(end + 4) == (uint32_t)stream->unpacked;
}

int stream_drain(struct stream *stream, struct ncm_error *err)
{
	const void *bytes;
	la_ssize_t got;

	while ((got = stream_read(NULL, stream, &bytes)) > 0)
		;
	if (got < 0)
		return ncm_error_move(err, &stream->error);
	if (archive_filter_code(stream->filter, 0) == ARCHIVE_FILTER_GZIP && !gzip_end_fits(stream))
		return ncm_error_set(err, NCM_E_CHECKSUM, "damaged archive: its gzip checksum is not right");
	return 0;
}

int stream_finish(struct stream *stream, struct ncm_error *err)
{
	if (stream_drain(stream, err) < 0)
		return -1;
	/* Every tar ends with blocks of zeros; without them it was cut between two entries. */
	if (stream->zeros < TAR_BLOCK)
		return ncm_error_set(err, NCM_E_CHECKSUM, "damaged archive: its end is missing");
	return 0;
}

void stream_close(struct stream *stream)
{
	archive_read_free(stream->filter);
	ncm_error_clear(&stream->error);
	*stream = (struct stream){0};
}
