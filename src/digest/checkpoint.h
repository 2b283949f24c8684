/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints on disk: `.ncmodel/checkpoints/<sha256 in hex>` below the folder of the store that has the file, one for
 * each digest. Numbers are big-endian.
 *
 *   offset  bytes
 *        0      8  "NCMCHKPT"
 *        8      4  version: 1
 *       12      4  0
 *       16      8  size of the file
 *       24      8  span: 16777216
 *       32      8  count of states: (size - 1) / span
 *       40     32  SHA-256 of the file
 *       72     32  × count: the state after each span but the last, as FIPS 180-4 writes a digest
 *        …     32  SHA-256 of everything before
 *
 * A file of one span needs none and gets none. The sum at the end finds accidents, not forgery: who reads checkpoints
 * proves every step (span.h), and hashes from the start what they do not prove.
 */
#ifndef NCM_DIGEST_CHECKPOINT_H
#define NCM_DIGEST_CHECKPOINT_H

#include "digest/span.h"

#include <ncmodel/error.h>

/* The bytes of such a file, which the caller frees; NULL for a file of one span, and for what is not whole. */
uint8_t *ncm_checkpoints_spell(const struct ncm_checkpoints *checkpoints, size_t *length);
/* Reads such bytes, as ncm_checkpoints_read. */
int ncm_checkpoints_parse(const void *bytes, size_t length, const struct ncm_sha256 *sha256, uint64_t size,
			  struct ncm_checkpoints *checkpoints);
/* How many bytes they are; 0: a file of that size has none. */
size_t ncm_checkpoints_length(uint64_t size);
/*
 * Writes the checkpoints below the store's folder, atomically; nothing for a file of one span. Returns 0, or -1 with
 * *err (class IO, NO_SPACE, POLICY for a link in the way).
 */
int ncm_checkpoints_write(int store_dirfd, const struct ncm_checkpoints *checkpoints, struct ncm_error *err);
/*
 * Reads those of a file of this digest and size into *checkpoints (free with ncm_checkpoints_clear). Returns 0, or -1
 * when there are none that can be used: another version, damaged, of another size, unreadable.
 */
int ncm_checkpoints_read(int store_dirfd, const struct ncm_sha256 *sha256, uint64_t size,
			 struct ncm_checkpoints *checkpoints);
/* Whether ncm_checkpoints_read is worth a try: something of the right length is there. */
bool ncm_checkpoints_exist(int store_dirfd, const struct ncm_sha256 *sha256, uint64_t size);

/* The same in a folder of checkpoints that lies elsewhere (beside a lock), which is open. */
int ncm_checkpoints_write_in(int dirfd, const struct ncm_checkpoints *checkpoints, struct ncm_error *err);
int ncm_checkpoints_read_in(int dirfd, const struct ncm_sha256 *sha256, uint64_t size,
			    struct ncm_checkpoints *checkpoints);
/* Removes those of this digest, if there are any. */
void ncm_checkpoints_remove_in(int dirfd, const struct ncm_sha256 *sha256);

#endif
