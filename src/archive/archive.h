/* SPDX-License-Identifier: MIT */
/*
 * Unpacks archives that may be hostile. libarchive reads (and is named in this room alone), we write: regular files and
 * folders only, no mode of theirs, every name checked, every count and size bounded, nothing outside the folder given.
 */
#ifndef NCM_ARCHIVE_ARCHIVE_H
#define NCM_ARCHIVE_ARCHIVE_H

#include "base/bytes.h"

#include <ncmodel/digest.h>
#include <ncmodel/error.h>
#include <stddef.h>
#include <stdint.h>

struct ncm_unpacked {
	char *path; /* below the folder */
	uint64_t size;
	struct ncm_sha256 sha256;
};

/*
 * Unpacks the archive in fd (tar or zip, with gzip, xz or zstd) into the empty folder dirfd, dropping `strip` leading
 * path components (entries with fewer are left out), every file synced. *files (freed with ncm_unpacked_free) lists
 * what was written. Class POLICY for anything we refuse (links, devices, bad or colliding names, too much), CHECKSUM
 * for a damaged archive. The caller removes the folder after a failure.
 */
int ncm_archive_unpack(int fd, int dirfd, unsigned strip, struct ncm_unpacked **files, size_t *count,
		       struct ncm_error *err);
/*
 * The content of the first file in a zip, wherever its bytes are, whose name ends so; of at most `limit` bytes. NULL
 * without an error: it is not among the first. Else NULL with POLICY (it is larger), or CHECKSUM. The caller frees it.
 */
char *ncm_archive_member(const struct ncm_bytes *bytes, const char *ending, size_t limit, size_t *size,
			 struct ncm_error *err);
/*
 * What zlib's format holds, of at most `limit` bytes, with a NUL behind it. NULL with POLICY (it is more) or CHECKSUM
 * (it is not that format, or damaged; its Adler-32 is not compared). The caller frees it.
 */
char *ncm_archive_inflate(const void *data, size_t size, size_t limit, size_t *unpacked, struct ncm_error *err);
void ncm_unpacked_free(struct ncm_unpacked *files, size_t count);

#endif
