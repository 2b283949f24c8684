/* SPDX-License-Identifier: MIT */
#include "ui/table.h"

#include "ui/text.h"

#include <string.h>

enum {
	GAP = 2,
	READABLE = 16, /* what a shortened column keeps while others can go */
	NARROWEST = 6, /* and in the end */
};

struct column {
	const char *title;
	unsigned flags;
	size_t width;
};

struct cell {
	char *text;
	enum style style;
	bool line; /* stands for a whole row */
};

struct table {
	size_t indent;
	struct column *columns;
	size_t column_count;
	struct cell *cells;
	size_t cell_count;
	size_t in_row; /* cells of the last row */
};

struct table *table_new(size_t indent)
{
	struct table *table = memory_grow(NULL, 1, sizeof *table);

	table->indent = indent;
	return table;
}

void table_column(struct table *table, const char *title, unsigned flags)
{
	table->columns = memory_grow(table->columns, table->column_count + 1, sizeof *table->columns);
	table->columns[table->column_count++] = (struct column){title, flags, 0};
}

static void add(struct table *table, char *text, enum style style, bool line)
{
	table->cells = memory_grow(table->cells, table->cell_count + 1, sizeof *table->cells);
	table->cells[table->cell_count++] = (struct cell){text, style, line};
}

void table_styled(struct table *table, char *text, enum style style)
{
	add(table, text, style, false);
	table->in_row = (table->in_row + 1) % table->column_count;
}

void table_cell(struct table *table, char *text)
{
	table_styled(table, text, STYLE_NONE);
}

void table_foreign(struct table *table, const char *text)
{
	table_cell(table, text_safe(text));
}

void table_line(struct table *table, char *text, enum style style)
{
	add(table, text, style, true);
}

static void measure(struct table *table)
{
	size_t column = 0;

	for (size_t i = 0; i < table->column_count; i++)
		table->columns[i].width = text_width(table->columns[i].title);
	for (size_t i = 0; i < table->cell_count; i++) {
		size_t width;

		if (table->cells[i].line)
			continue;
		width = text_width(table->cells[i].text);
		if (width > table->columns[column].width)
			table->columns[column].width = width;
		column = (column + 1) % table->column_count;
	}
}

static size_t total_width(const struct table *table)
{
	size_t total = table->indent;

	for (size_t i = 0; i < table->column_count; i++)
		total += table->columns[i].width ? table->columns[i].width + GAP : 0;
	return total - GAP;
}

/* Takes from the widest column with this flag, over and over, until the table fits or none is wider than `least`. */
static void narrow(struct table *table, unsigned flag, size_t least, size_t limit)
{
	while (total_width(table) > limit) {
		struct column *widest = NULL;

		for (size_t i = 0; i < table->column_count; i++) {
			struct column *column = &table->columns[i];

			if ((column->flags & flag) && column->width > least &&
			    (!widest || column->width > widest->width))
				widest = column;
		}
		if (!widest)
			return;
		widest->width--;
	}
}

static void drop(struct table *table, size_t limit)
{
	for (size_t i = table->column_count; i > 0 && total_width(table) > limit; i--) {
		if (table->columns[i - 1].flags & COLUMN_DROP)
			table->columns[i - 1].width = 0;
	}
}

static void fit(struct table *table, size_t limit)
{
	narrow(table, COLUMN_SHRINK, READABLE, limit);
	drop(table, limit);
	narrow(table, COLUMN_SHRINK, NARROWEST, limit);
	narrow(table, COLUMN_SHRINK_LAST, NARROWEST, limit);
}

static void spaces(FILE *out, size_t count)
{
	fprintf(out, "%*s", (int)count, "");
}

/* `pending` counts the spaces owed: they are written before the next text only, so that no line ends with them. */
static void print_cell(const struct column *column, const char *text, enum style style, size_t *pending, FILE *out)
{
	AUTO_FREE char *shown = text_shorten(text, column->width);
	const size_t padding = column->width - text_width(shown);

	if (column->flags & COLUMN_RIGHT)
		*pending += padding;
	if (*shown) {
		spaces(out, *pending);
		*pending = 0;
		fprintf(out, "%s%s%s", style_begin(out, style), shown, style_end(out, style));
	}
	if (!(column->flags & COLUMN_RIGHT))
		*pending += padding;
}

static void print_heading(const struct table *table, FILE *out)
{
	size_t pending = table->indent;
	bool any = false;

	for (size_t i = 0; i < table->column_count; i++)
		any = any || *table->columns[i].title;
	if (!any)
		return;
	for (size_t i = 0; i < table->column_count; i++) {
		print_cell(&table->columns[i], table->columns[i].title, STYLE_BOLD, &pending, out);
		pending += table->columns[i].width ? GAP : 0;
	}
	fputc('\n', out);
}

void table_print(struct table *table, FILE *out)
{
	const size_t terminal = style_columns(out);
	size_t column = 0, pending = table->indent;

	measure(table);
	if (terminal > 0)
		fit(table, terminal);
	print_heading(table, out);
	for (size_t i = 0; i < table->cell_count; i++) {
		const struct cell *cell = &table->cells[i];

		if (cell->line) {
			fprintf(out, "%s%s%s\n", style_begin(out, cell->style), cell->text,
				style_end(out, cell->style));
			continue;
		}
		print_cell(&table->columns[column], cell->text, cell->style, &pending, out);
		pending += table->columns[column].width ? GAP : 0;
		column = (column + 1) % table->column_count;
		if (column == 0) {
			fputc('\n', out);
			pending = table->indent;
		}
	}
}

void table_free(struct table *table)
{
	for (size_t i = 0; i < table->cell_count; i++)
		free(table->cells[i].text);
	free(table->cells);
	free(table->columns);
	free(table);
}
