/* SPDX-License-Identifier: MIT */
#include "digest/hash.h"

#include "base/mem.h"
#include "digest/tally.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

struct ncm_hash {
	EVP_MD_CTX *context;
};

/* A hash that OpenSSL cannot make leaves nothing to check bytes with: there is no way on from here. */
static void must(int result)
{
	if (result != 1) {
		fputs("ncmodel: OpenSSL cannot hash\n", stderr);
		abort();
	}
}

struct ncm_hash *ncm_hash_new(enum ncm_hash_kind kind)
{
	struct ncm_hash *hash = ncm_malloc(sizeof *hash);

	hash->context = EVP_MD_CTX_new();
	must(hash->context != NULL);
	if (kind != NCM_HASH_MD5) {
		must(EVP_DigestInit_ex(hash->context, kind == NCM_HASH_SHA256 ? EVP_sha256() : EVP_sha1(), NULL));
	} else if (EVP_DigestInit_ex(hash->context, EVP_md5(), NULL) != 1) {
		ncm_hash_free(hash);
		return NULL;
	}
	return hash;
}

void ncm_hash_update(struct ncm_hash *hash, const void *data, size_t size)
{
	must(EVP_DigestUpdate(hash->context, data, size));
}

void ncm_hash_free(struct ncm_hash *hash)
{
	if (!hash)
		return;
	EVP_MD_CTX_free(hash->context);
	free(hash);
}

void ncm_hash_sha256(struct ncm_hash *hash, struct ncm_sha256 *digest)
{
	must(EVP_DigestFinal_ex(hash->context, digest->bytes, NULL));
	ncm_hash_free(hash);
}

void ncm_hash_sha1(struct ncm_hash *hash, struct ncm_sha1 *digest)
{
	must(EVP_DigestFinal_ex(hash->context, digest->bytes, NULL));
	ncm_hash_free(hash);
}

char *ncm_hash_md5(struct ncm_hash *hash, char hex[33])
{
	unsigned char bytes[16];

	must(EVP_DigestFinal_ex(hash->context, bytes, NULL));
	ncm_hash_free(hash);
	for (size_t i = 0; i < sizeof bytes; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	return hex;
}

void ncm_sha256_of(const void *data, size_t size, struct ncm_sha256 *digest)
{
	struct ncm_hash *hash = ncm_hash_new(NCM_HASH_SHA256);

	ncm_hash_update(hash, data, size);
	ncm_hash_sha256(hash, digest);
}

void ncm_hmac_sha256(const void *key, size_t key_size, const void *data, size_t size, struct ncm_sha256 *mac)
{
	unsigned length = sizeof mac->bytes;

	must(HMAC(EVP_sha256(), key, (int)key_size, data, size, mac->bytes, &length) != NULL);
}

int ncm_sha1_parse(const char *hex, struct ncm_sha1 *digest)
{
	char padded[NCM_SHA256_HEX + 1];
	struct ncm_sha256 wide;

	/* The strict parser of the longer digest does the work; the tail is zeros. */
	if (!hex || strlen(hex) != 40)
		return -1;
	memset(padded, '0', NCM_SHA256_HEX);
	padded[NCM_SHA256_HEX] = '\0';
	memcpy(padded, hex, 40);
	if (ncm_sha256_parse(padded, &wide) < 0)
		return -1;
	memcpy(digest->bytes, wide.bytes, sizeof digest->bytes);
	return 0;
}

char *ncm_sha1_hex(const struct ncm_sha1 *digest, char hex[41])
{
	struct ncm_sha256 wide = {0};
	char text[NCM_SHA256_HEX + 1];

	memcpy(wide.bytes, digest->bytes, sizeof digest->bytes);
	memcpy(hex, ncm_sha256_hex(&wide, text), 40);
	hex[40] = '\0';
	return hex;
}

struct ncm_hash *ncm_hash_git_blob(uint64_t size)
{
	struct ncm_hash *hash = ncm_hash_new(NCM_HASH_SHA1);
	char header[32];
	int length = snprintf(header, sizeof header, "blob %llu", (unsigned long long)size);

	ncm_hash_update(hash, header, (size_t)length + 1);
	return hash;
}

int ncm_sha256_fd(int fd, uint64_t size, struct ncm_sha256 *digest, uint64_t *read_bytes,
		  void (*progress)(void *context, uint64_t bytes), void *context)
{
	struct ncm_checkpoints checkpoints;

	if (ncm_tally_fd(fd, size, digest, &checkpoints, progress, context) < 0)
		return -1;
	if (read_bytes)
		*read_bytes = checkpoints.size;
	ncm_checkpoints_clear(&checkpoints);
	return 0;
}
