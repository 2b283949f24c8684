/* SPDX-License-Identifier: MIT */
/* Names that have to fit, and stay two where they were two. */
#ifndef NCM_DIGEST_NAME_H
#define NCM_DIGEST_NAME_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A server's file name as one component of a path that ncm_path_check accepts: folders stripped, bad bytes to '_'. One
 * of up to NCM_LIMIT_NAME_BYTES is kept whole; a longer one is shortened before its ending. The caller frees it.
 */
char *ncm_path_safe_name(const char *name);
/*
 * A path in a repository as one that ncm_path_check accepts: each component that it would not is called as
 * ncm_name_shorten calls what is too long, with its bad bytes as '_'; the others stay. Different paths stay different.
 * `apart`: the last component is called so in any case. NULL for what is meant to lead elsewhere (absolute, with an
 * empty, "." or ".." component). The caller frees it.
 */
char *ncm_path_portable(const char *path, bool apart);
/*
 * `name` in at most `most` bytes (64 or more): "<its start>-<16 digits of the SHA-256 of `whole`><its ending>" if it is
 * longer. The ending (".gguf", ".tar.gz") stays and no character is cut. The caller frees it.
 */
char *ncm_name_shorten(const char *name, const char *whole, size_t most);

#endif
