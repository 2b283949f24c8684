/* SPDX-License-Identifier: MIT */
#include "digest/ed25519.h"

#include <openssl/evp.h>
#include <stdbool.h>

int ncm_ed25519_public(const uint8_t private_key[NCM_ED25519_KEY], uint8_t public_key[NCM_ED25519_KEY])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_key, NCM_ED25519_KEY);
	size_t size = NCM_ED25519_KEY;
	const bool done = key && EVP_PKEY_get_raw_public_key(key, public_key, &size) == 1 && size == NCM_ED25519_KEY;

	EVP_PKEY_free(key);
	return done ? 0 : -1;
}

int ncm_ed25519_sign(const uint8_t private_key[NCM_ED25519_KEY], const void *data, size_t size,
		     uint8_t signature[NCM_ED25519_SIGNATURE])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_key, NCM_ED25519_KEY);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t length = NCM_ED25519_SIGNATURE;
	const bool done = key && context && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
			  EVP_DigestSign(context, signature, &length, data, size) == 1 &&
			  length == NCM_ED25519_SIGNATURE;

	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	return done ? 0 : -1;
}
