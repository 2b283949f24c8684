/* SPDX-License-Identifier: MIT */
/* Ed25519 signatures (RFC 8032). */
#ifndef NCM_DIGEST_ED25519_H
#define NCM_DIGEST_ED25519_H

#include <stddef.h>
#include <stdint.h>

enum { NCM_ED25519_KEY = 32, NCM_ED25519_SIGNATURE = 64 };

/* The public key that belongs to a private one. Returns 0, or -1 where OpenSSL has no Ed25519. */
int ncm_ed25519_public(const uint8_t private_key[NCM_ED25519_KEY], uint8_t public_key[NCM_ED25519_KEY]);
/* Returns 0, or -1. */
int ncm_ed25519_sign(const uint8_t private_key[NCM_ED25519_KEY], const void *data, size_t size,
		     uint8_t signature[NCM_ED25519_SIGNATURE]);

#endif
