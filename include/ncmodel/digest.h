/* SPDX-License-Identifier: MIT */
/* SHA-256 digests as 32 bytes: parsed strictly once, before any path or comparison. */
#ifndef NCMODEL_DIGEST_H
#define NCMODEL_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

#define NCM_SHA256_HEX 64

struct ncm_sha256 {
	uint8_t bytes[32];
};

/* Parses exactly 64 lower-case hex digits, with or without "sha256:" before them. Returns 0, or -1 on anything else. */
int ncm_sha256_parse(const char *text, struct ncm_sha256 *digest);
/* As ncm_sha256_parse, and upper case is accepted (Civitai spells hashes so). */
int ncm_sha256_parse_any_case(const char *text, struct ncm_sha256 *digest);
/* Writes 64 lower-case hex digits and a NUL. Returns hex. */
char *ncm_sha256_hex(const struct ncm_sha256 *digest, char hex[NCM_SHA256_HEX + 1]);
bool ncm_sha256_equal(const struct ncm_sha256 *a, const struct ncm_sha256 *b);
/* All zero is no digest of anything: it stands where none is known. */
bool ncm_sha256_is_zero(const struct ncm_sha256 *digest);
/*
 * What this machine hashes with: "x86 SHA" or "arm64 SHA2" (instructions of the CPU, several messages side by side), or
 * "OpenSSL" where the CPU has none or NCMODEL_SHA256=openssl was set when the first hash began. Static storage.
 */
const char *ncm_sha256_kernel(void);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
