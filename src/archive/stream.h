/* SPDX-License-Identifier: MIT */
/*
 * The decompressed bytes of a tar, as a libarchive reader of their own. Two readers, one on top of the other, because
 * the end has to be seen: a tar reader stops at the end mark and leaves what follows unread, and with it the checksums
 * that gzip, xz and zstd keep there. Here every byte is drawn, counted and checked.
 */
#ifndef NCM_ARCHIVE_STREAM_H
#define NCM_ARCHIVE_STREAM_H

#include <ncmodel/error.h>

#include <archive.h>
#include <stdbool.h>
#include <stdint.h>

enum { STREAM_CHUNK = 1 << 16 };

struct stream {
	struct archive *filter; /* decompresses; NULL: none */
	int fd;
	uint64_t packed;   /* bytes of the file */
	uint64_t unpacked; /* bytes so far */
	uint64_t zeros;    /* how many bytes at the end so far are zero */
	uint32_t crc;      /* CRC-32 so far, as gzip counts it */
	struct ncm_error error;
	char chunk[STREAM_CHUNK];
};

/* Starts at the file's beginning. Class CHECKSUM or POLICY. */
int stream_open(struct stream *stream, int fd, uint64_t packed, struct ncm_error *err);
/* libarchive's read callback; `context` is the stream. Its own reasons go to stream->error. */
la_ssize_t stream_read(struct archive *archive, void *context, const void **bytes);
/* Draws what is left and checks what the compression says at its end. Returns 0, or -1 with *err. */
int stream_drain(struct stream *stream, struct ncm_error *err);
/* stream_drain for what was a tar: its end mark has to be there. */
int stream_finish(struct stream *stream, struct ncm_error *err);
void stream_close(struct stream *stream);

/* Whether this is more than so many packed bytes may become (NCM_LIMIT_ARCHIVE_BYTES, NCM_LIMIT_ARCHIVE_RATIO). */
bool archive_too_much(uint64_t unpacked, uint64_t packed);
int archive_refuse_too_much(struct ncm_error *err);
/*
 * member.c: all of the entry that is read now, of at most `limit` bytes, with a NUL behind it. NULL with what
 * libarchive says, or POLICY: "it `holds` more than N bytes". The caller frees it.
 */
char *archive_content(struct archive *archive, size_t limit, const char *holds, size_t *size, struct ncm_error *err);
/* What libarchive says of `archive`, as damage. */
int archive_damaged(struct archive *archive, struct ncm_error *err);

#endif
