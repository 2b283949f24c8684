/* SPDX-License-Identifier: MIT */
/* Streaming hashes. OpenSSL is named in this room alone. */
#ifndef NCM_DIGEST_HASH_H
#define NCM_DIGEST_HASH_H

#include <ncmodel/digest.h>
#include <ncmodel/error.h>
#include <stdint.h>

struct ncm_sha1 {
	uint8_t bytes[20];
};

enum ncm_hash_kind {
	NCM_HASH_SHA256,
	NCM_HASH_SHA1,
	NCM_HASH_MD5, /* no proof of anything: what others name their parts by */
};

struct ncm_hash; /* opaque */

/* Of MD5 alone NULL: this OpenSSL does not make it. */
struct ncm_hash *ncm_hash_new(enum ncm_hash_kind kind);
void ncm_hash_update(struct ncm_hash *hash, const void *data, size_t size);
/* Ends a SHA-256 hash and frees it. */
void ncm_hash_sha256(struct ncm_hash *hash, struct ncm_sha256 *digest);
void ncm_hash_sha1(struct ncm_hash *hash, struct ncm_sha1 *digest);
/* Ends an MD5 and frees it: 32 hex digits and a NUL. Returns `hex`. */
char *ncm_hash_md5(struct ncm_hash *hash, char hex[33]);
void ncm_hash_free(struct ncm_hash *hash);

void ncm_sha256_of(const void *data, size_t size, struct ncm_sha256 *digest);
/* HMAC (RFC 2104) of SHA-256. */
void ncm_hmac_sha256(const void *key, size_t key_size, const void *data, size_t size, struct ncm_sha256 *mac);
int ncm_sha1_parse(const char *hex, struct ncm_sha1 *digest); /* 40 lower-case hex digits; 0 or -1 */
char *ncm_sha1_hex(const struct ncm_sha1 *digest, char hex[41]);
/* What git calls a file of this content: SHA-1 over "blob <size>\0" and the bytes. The header is fed first. */
struct ncm_hash *ncm_hash_git_blob(uint64_t size);

/* As ncm_tally_fd, without checkpoints. *read_bytes (may be NULL) receives how many bytes there were. */
int ncm_sha256_fd(int fd, uint64_t size, struct ncm_sha256 *digest, uint64_t *read_bytes,
		  void (*progress)(void *context, uint64_t bytes), void *context);

#endif
