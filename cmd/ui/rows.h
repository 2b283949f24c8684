/* SPDX-License-Identifier: MIT */
/*
 * The rows of transfers under way. All rows have the same columns, of a width that does not change with their numbers;
 * what there is no room for is left out as a whole, in every row: first the bar, then the sizes, the time that is left,
 * the rate. A model's name is never cut: too long a one stands in a line of its own.
 */
#ifndef CMD_UI_ROWS_H
#define CMD_UI_ROWS_H

#include "ui/meter.h"

#include <stddef.h>

struct progress_row {
	const char *model; /* safe, as the next; "" in the row of the total */
	const char *part;  /* "" if the model's name says enough */
	const struct meter *meter;
};

/* The lines, at most `most`, in `columns`; the last row's always among them. The caller frees each. Returns how many.
 */
size_t rows_format(const struct progress_row *rows, size_t count, size_t columns, char **lines, size_t most);

#endif
