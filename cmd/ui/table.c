/* SPDX-License-Identifier: MIT */
#include "ui/table.h"

#include "ui/text.h"

#include <string.h>

enum {
	GAP = 2,
	NARROWEST = 6,
};

struct column {
	const char *title;
	unsigned flags;
	size_t width;
	bool below;    /* its cells stand below their rows */
	bool left_out; /* for want of room, here or in the tables that are to look like this one */
};

struct cell {
	const char *text;
	unsigned size; /* in bytes */
	unsigned width;
	enum style style;
	bool line; /* stands for a whole row */
};

/* Where the cells' texts lie, close together: a table may have a million of them. */
struct block {
	struct block *next;
	size_t used;
	size_t room;
	char text[];
};

/* A line on its way out. */
struct row {
	char *text;
	size_t size;
	size_t room;
	size_t pending; /* spaces owed: written before the next text only, so that no line ends with them */
	size_t limit;   /* columns of the terminal; 0: it is none */
	size_t at;      /* where the next column begins */
	bool overflown; /* a cell reaches beyond its column: the next one needs a new line */
};

struct table {
	size_t indent;
	struct column *columns;
	size_t column_count;
	struct cell *cells;
	size_t cell_count;
	size_t cell_room;
	struct block *blocks;
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
	table->columns[table->column_count++] = (struct column){title, flags, 0, false, false};
}

static const char *keep(struct table *table, const char *text, size_t size)
{
	enum { BLOCK_BYTES = 32 << 10 };
	struct block *block = table->blocks;
	char *kept;

	if (!block || size >= block->room - block->used) {
		const size_t room = size < BLOCK_BYTES ? BLOCK_BYTES : size + 1;

		block = memory_grow(NULL, 1, sizeof *block + room);
		block->next = table->blocks;
		block->room = room;
		table->blocks = block;
	}
	kept = memcpy(block->text + block->used, text, size);
	kept[size] = '\0';
	block->used += size + 1;
	return kept;
}

static void add(struct table *table, const char *text, size_t width, enum style style, bool line)
{
	const size_t size = strlen(text);

	if (table->cell_count == table->cell_room) {
		table->cell_room = table->cell_room ? table->cell_room * 2 : 64;
		table->cells = memory_grow(table->cells, table->cell_room, sizeof *table->cells);
	}
	table->cells[table->cell_count++] =
	    (struct cell){keep(table, text, size), (unsigned)size, (unsigned)width, style, line};
}

void table_styled(struct table *table, char *text, enum style style)
{
	add(table, text, text_width(text), style, false);
	free(text);
}

void table_cell(struct table *table, char *text)
{
	table_styled(table, text, STYLE_NONE);
}

void table_text(struct table *table, const char *text)
{
	add(table, text, text_width(text), STYLE_NONE, false);
}

void table_foreign(struct table *table, const char *text)
{
	if (text && text_is_safe(text))
		table_text(table, text);
	else
		table_cell(table, text_safe(text));
}

void table_line(struct table *table, char *text, enum style style)
{
	add(table, text, 0, style, true);
	free(text);
}

static void measure(struct table *table)
{
	size_t column = 0;

	for (size_t i = 0; i < table->column_count; i++)
		table->columns[i].width = text_width(table->columns[i].title);
	for (size_t i = 0; i < table->cell_count; i++) {
		if (table->cells[i].line)
			continue;
		if (table->cells[i].width > table->columns[column].width)
			table->columns[column].width = table->cells[i].width;
		column = (column + 1) % table->column_count;
	}
}

static size_t total_width(const struct table *table)
{
	size_t total = table->indent;

	for (size_t i = 0; i < table->column_count; i++)
		total += table->columns[i].width ? table->columns[i].width + GAP : 0;
	return total > GAP ? total - GAP : total;
}

/* Takes from the widest of the columns whose cells may reach beyond them, until the table fits. */
static void narrow(struct table *table, size_t limit)
{
	while (total_width(table) > limit) {
		struct column *widest = NULL;

		for (size_t i = 0; i < table->column_count; i++) {
			struct column *column = &table->columns[i];

			if ((column->flags & COLUMN_WHOLE) && column->width > NARROWEST &&
			    (!widest || column->width > widest->width))
				widest = column;
		}
		if (!widest)
			return;
		widest->width--;
	}
}

static void put_below(struct table *table, size_t limit)
{
	struct column *last = &table->columns[table->column_count - 1];

	if (!(last->flags & COLUMN_BELOW) || total_width(table) <= limit)
		return;
	last->below = true;
	last->width = 0;
}

static void drop(struct table *table, size_t limit)
{
	for (size_t i = table->column_count; i > 0 && total_width(table) > limit; i--) {
		struct column *column = &table->columns[i - 1];

		if (!(column->flags & COLUMN_DROP) || column->width == 0)
			continue;
		column->width = 0;
		column->left_out = true;
	}
}

static void leave_out(struct table *table)
{
	for (size_t i = 0; i < table->column_count; i++) {
		if (table->columns[i].left_out)
			table->columns[i].width = 0;
	}
}

static void fit(struct table *table, size_t limit)
{
	put_below(table, limit);
	drop(table, limit);
	narrow(table, limit);
}

static void row_add(struct row *row, const char *text, size_t size)
{
	const size_t need = row->size + row->pending + size;

	if (need >= row->room) {
		row->room = 2 * need + 1;
		row->text = memory_grow(row->text, row->room, 1);
	}
	memset(row->text + row->size, ' ', row->pending);
	row->size += row->pending;
	row->pending = 0;
	memcpy(row->text + row->size, text, size);
	row->size += size;
}

static void row_begin(const struct table *table, struct row *row)
{
	row->at = row->pending = table->indent;
	row->overflown = false;
}

static void row_end(struct row *row, FILE *out)
{
	row->pending = 0;
	row_add(row, "\n", 1);
	fwrite(row->text, 1, row->size, out);
	row->size = 0;
}

static void print_styled(struct row *row, const char *text, size_t size, enum style style, FILE *out)
{
	const char *begin = style_begin(out, style), *end = style_end(out, style);

	row_add(row, begin, strlen(begin));
	row_add(row, text, size);
	row_add(row, end, strlen(end));
}

/* A name that is longer than its column, whole: what follows in its row begins a new line. */
static void print_whole(struct row *row, const struct cell *cell, FILE *out)
{
	AUTO_FREE char *lines = text_wrap(cell->text, row->limit, row->at);

	print_styled(row, lines, strlen(lines), cell->style, out);
	row->overflown = true;
}

static void print_fitting(struct row *row, const struct column *column, const struct cell *cell, FILE *out)
{
	const size_t padding = column->width - cell->width;

	if (cell->size > 0 && row->overflown) {
		row->pending = 0;
		row_add(row, "\n", 1);
		row->pending = row->at;
		row->overflown = false;
	}
	if (column->flags & COLUMN_RIGHT)
		row->pending += padding;
	if (cell->size > 0)
		print_styled(row, cell->text, cell->size, cell->style, out);
	if (!(column->flags & COLUMN_RIGHT))
		row->pending += padding;
}

static void print_cell(struct row *row, const struct column *column, const struct cell *cell, FILE *out)
{
	if (column->width == 0)
		return;
	if (cell->width > column->width)
		print_whole(row, cell, out);
	else
		print_fitting(row, column, cell, out);
	row->at += column->width + GAP;
	row->pending += GAP;
}

/* What has no room in the row, in a line of its own; what has goes on in it. */
static void print_below(const struct table *table, struct row *row, const struct cell *cell, FILE *out)
{
	const size_t indent = table->indent + 2 * GAP;
	AUTO_FREE char *lines = NULL;

	if (cell->size > 0 && !row->overflown && row->at + cell->width <= row->limit) {
		print_styled(row, cell->text, cell->size, cell->style, out);
		row_end(row, out);
		return;
	}
	row_end(row, out);
	if (cell->size == 0)
		return;
	lines = text_wrap(cell->text, row->limit, indent);
	row->pending = indent;
	print_styled(row, lines, strlen(lines), cell->style, out);
	row_end(row, out);
}

/* A title is wrapped; what stands indented are a row's details, with paths to be copied. */
static void print_across(struct row *row, const struct cell *cell, FILE *out)
{
	AUTO_FREE char *lines = text_wrap(cell->text, *cell->text == ' ' ? 0 : row->limit, 0);

	print_styled(row, lines, strlen(lines), cell->style, out);
	row_end(row, out);
}

static void print_heading(const struct table *table, struct row *row, FILE *out)
{
	bool any = false;

	for (size_t i = 0; i < table->column_count; i++)
		any = any || *table->columns[i].title;
	if (!any)
		return;
	row_begin(table, row);
	for (size_t i = 0; i < table->column_count; i++) {
		const char *title = table->columns[i].title;
		const struct cell cell = {title, (unsigned)strlen(title), (unsigned)text_width(title), STYLE_BOLD,
					  false};

		print_cell(row, &table->columns[i], &cell, out);
	}
	row_end(row, out);
}

void table_fit(struct table *table, FILE *out)
{
	const size_t limit = style_columns(out);

	measure(table);
	leave_out(table);
	if (limit > 0)
		fit(table, limit);
}

void table_print(struct table *table, FILE *out)
{
	struct row row = {.limit = style_columns(out)};
	size_t column = 0;

	table_fit(table, out);
	print_heading(table, &row, out);
	for (size_t i = 0; i < table->cell_count; i++) {
		const struct cell *cell = &table->cells[i];

		if (cell->line) {
			print_across(&row, cell, out);
			continue;
		}
		if (column == 0)
			row_begin(table, &row);
		print_cell(&row, &table->columns[column], cell, out);
		column = (column + 1) % table->column_count;
		if (column > 0)
			continue;
		if (table->columns[table->column_count - 1].below)
			print_below(table, &row, cell, out);
		else
			row_end(&row, out);
	}
	free(row.text);
}

void table_leave_out_as(struct table *table, const struct table *whole)
{
	for (size_t i = 0; i < table->column_count; i++)
		table->columns[i].left_out = whole->columns[i].left_out;
}

void table_left_out(const struct table *table, struct ncm_strings *titles)
{
	for (size_t i = 0; i < table->column_count; i++) {
		if (table->columns[i].left_out)
			words_add_new(titles, table->columns[i].title);
	}
}

void table_free(struct table *table)
{
	while (table->blocks) {
		struct block *next = table->blocks->next;

		free(table->blocks);
		table->blocks = next;
	}
	free(table->cells);
	free(table->columns);
	free(table);
}
