/* SPDX-License-Identifier: MIT */
/* Text and memory of the command line. The process ends when memory runs out. */
#ifndef CMD_UI_TEXT_H
#define CMD_UI_TEXT_H

#include <ncmodel/manifest.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Frees a pointer variable when it goes out of scope. */
#define AUTO_FREE __attribute__((cleanup(text_free_variable)))
void text_free_variable(void *variable);

/* Whether the terminal's locale has all signs; unless that is set, it has not. */
void text_set_utf8(bool locale_is);
bool text_is_utf8(void);

/* The caller frees what these return. */
void *memory_grow(void *memory, size_t count, size_t size); /* room for `count` things, the new one zeroed */
char *text_copy(const char *text);
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Foreign text made fit to print: ncm_escape, and nothing in it can be read as a command by a CI system that watches
 * the log ("::set-output", "##[group]"). NULL gives "". The caller frees the result.
 */
char *text_safe(const char *foreign);
/* Whether text_safe would change nothing in it, for sure: printable ASCII, not long, nothing that a CI system reads. */
bool text_is_safe(const char *foreign);
/* As text_safe for what may be long: at most `max` bytes are shown. */
char *text_safe_long(const char *foreign, size_t max);
/* As text_safe for a path, or a message that has one in it. */
char *text_safe_path(const char *foreign);
/* A text as one word of a shell, for a command that may be pasted: as it is, or in quotes. The caller frees it. */
char *text_word(const char *text);

/* Decodes one UTF-8 character; an invalid byte is one character of its own. Returns its length in bytes, 0 at the end.
 */
size_t text_decode(const char *text, uint32_t *character);
/* Columns that the text takes on a terminal. */
size_t text_width(const char *text);
/* The text in at most `width` columns, its middle replaced by "…" when it is wider. The caller frees the result. */
char *text_shorten(const char *text, size_t width);
/*
 * The text wrapped to `width` columns (0: not at all), all lines behind `indent` of them, which the caller fills before
 * the first line. The caller frees the result.
 */
char *text_wrap(const char *text, size_t width, size_t indent);

/* "model" or "models". */
const char *text_plural(uint64_t count, const char *one, const char *many);

void words_add(struct ncm_strings *words, const char *word);
/* Adds a word that is not there yet. */
void words_add_new(struct ncm_strings *words, const char *word);
/* The words, each made safe, with `separator` between. The caller frees the result. */
char *words_join(const struct ncm_strings *words, const char *separator);

/* "4.9 GB", "~4.9 GB and 2 of unknown size", "2 of unknown size": sizes known, expected or not known. The caller frees
 * it. */
char *text_size(uint64_t bytes, const struct ncm_doubt *doubt);
/* "4-8 GB", "8 GB", "10+ GB": what is stated of VRAM; "" where the most is not known (0). The caller frees it. */
char *text_vram(double least, double most, bool at_least);

#endif
