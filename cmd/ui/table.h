/* SPDX-License-Identifier: MIT */
/*
 * Aligned columns. On a terminal a table is made to fit its width: what can stand below a row does, then columns are
 * left out as a whole, and names that are to be typed again keep all their letters. Elsewhere nothing is changed.
 */
#ifndef CMD_UI_TABLE_H
#define CMD_UI_TABLE_H

#include "ui/style.h"

#include <ncmodel/manifest.h>

struct table;

enum column_flags {
	COLUMN_RIGHT = 1, /* numbers */
	COLUMN_DROP = 2,  /* may be left out, the last one first */
	COLUMN_WHOLE = 4, /* ids: where one is too long for its column, its row goes on in the next line */
	COLUMN_BELOW = 8, /* the last, reasons: in lines of their own below the row when there is no room in it */
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
/* Decides which columns have room there, as table_print does. */
void table_fit(struct table *table, FILE *out);
/* Leaves out the columns that `whole`, which has the same and was made to fit, has no room for. */
void table_leave_out_as(struct table *table, const struct table *whole);
/* The titles of the columns that table_print had no room for, added to *titles. */
void table_left_out(const struct table *table, struct ncm_strings *titles);
void table_free(struct table *table);

#endif
