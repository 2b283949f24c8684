/* SPDX-License-Identifier: MIT */
/* Colour, characters and terminals. Colour is used on a terminal alone, unless CLICOLOR_FORCE asks for it; NO_COLOR
 * wins. */
#ifndef CMD_UI_STYLE_H
#define CMD_UI_STYLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum style {
	STYLE_NONE,
	STYLE_BOLD,
	STYLE_DIM,
	STYLE_GOOD,
	STYLE_WARN,
	STYLE_BAD,
};

void style_setup(bool no_color);
/* Whether the locale (LC_ALL, LC_CTYPE, LANG) is one of UTF-8. */
bool style_utf8(void);
/* The escape sequence that begins a style on this stream, or "". */
const char *style_begin(FILE *stream, enum style style);
const char *style_end(FILE *stream, enum style style);
/* Whether the stream is a terminal that understands cursor movement. */
bool style_can_redraw(FILE *stream);
/* Columns and rows of the terminal behind the stream; 0 when it is none. */
size_t style_columns(FILE *stream);
size_t style_rows(FILE *stream);

/* Prints a line of safe text, wrapped to the width of the terminal behind the stream if there is one. */
void print_line(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
