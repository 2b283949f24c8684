/* SPDX-License-Identifier: MIT */
/* Decoding UTF-8, and which characters may not reach a terminal or a file name. */
#ifndef NCM_BASE_ESCAPE_H
#define NCM_BASE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes one character of at most `size` bytes. Returns its length, or 0 for invalid UTF-8 (overlong, surrogate, cut).
 */
size_t ncm_utf8_decode(const char *text, size_t size, uint32_t *character);
/* Control characters (C0, DEL, C1), line separators, and format characters that hide or reorder text. */
bool ncm_char_is_unsafe(uint32_t character);

/* A text as one word of a shell, in single quotes, whatever is in it: hints are pasted. The caller frees it. */
char *ncm_shell_word(const char *text);

/* How many of the first `most` bytes of a text hold whole characters; all of a shorter text. */
size_t ncm_utf8_fit(const char *text, size_t most);

#endif
