/* SPDX-License-Identifier: MIT */
/* Base64 (RFC 4648, 4): the alphabet with '+' and '/', padded. */
#ifndef NCM_BASE_BASE64_H
#define NCM_BASE_BASE64_H

#include <stddef.h>

/* The caller frees it. */
char *ncm_base64(const void *data, size_t size);
/* Undoes it, strictly: whole groups, padding at the end alone. *size gets how many bytes, and a NUL follows them. NULL
 * if it is none. The caller frees it. */
char *ncm_base64_decode(const char *text, size_t length, size_t *size);

#endif
