/* SPDX-License-Identifier: MIT */
/* Aligned columns. On a terminal a table shrinks to its width; elsewhere nothing is cut. */
#ifndef CMD_UI_TABLE_H
#define CMD_UI_TABLE_H

#include "ui/style.h"

struct table;

enum column_flags {
	COLUMN_RIGHT = 1,       /* numbers */
	COLUMN_SHRINK = 2,      /* may be shortened when the terminal is narrow */
	COLUMN_DROP = 4,        /* may be left out, the last one first */
	COLUMN_SHRINK_LAST = 8, /* what is to be typed again: shortened when nothing else is left */
};

/* A column without a title in every column: no heading line. Free with table_free. */
struct table *table_new(size_t indent);
void table_column(struct table *table, const char *title, unsigned flags);
/* Adds a cell to the last row, or the first of a new row when that is full. Takes the text, which must be safe. */
void table_cell(struct table *table, char *text);
void table_styled(struct table *table, char *text, enum style style);
/* As table_cell for a safe text that stays the caller's. */
void table_text(struct table *table, const char *text);
/* As table_text for text that others wrote (or NULL). */
void table_foreign(struct table *table, const char *text);
/* A line of its own between the rows. Takes the text, which must be safe. */
void table_line(struct table *table, char *text, enum style style);
void table_print(struct table *table, FILE *out);
void table_free(struct table *table);

#endif
