/* SPDX-License-Identifier: MIT */
#include "ui/rows.h"

#include "ui/text.h"

#include <ncmodel/text.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
	GAP = 2,
	INDENT = 2, /* of a part below its model's name */
	SHARE_WIDTH = 4,
	RATE_WIDTH = 9,
	LEFT_WIDTH = 12,
	SIZES_WIDTH = 18,
	BAR_LEAST = 12,
	BAR_MOST = 32,
};

struct layout {
	size_t most; /* columns that a name may take before it has a line of its own */
	size_t label;
	size_t share;
	bool rate, left, sizes;
	size_t bar; /* 0: none */
};

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static size_t flat_width(const struct progress_row *row)
{
	const size_t model = text_width(row->model), part = text_width(row->part);

	return model + part + (model && part);
}

static bool is_stacked(const struct progress_row *row, const struct layout *layout)
{
	return *row->model && flat_width(row) > layout->most;
}

/* Percent; where the size is unknown, what has come. */
static const char *share_text(const struct meter *meter, char *text, size_t size)
{
	if (meter->total)
		snprintf(text, size, "%d%%", meter_percent(meter));
	else
		ncm_format_size(meter->done, text, size);
	return text;
}

static bool take_room(size_t width, size_t columns, size_t *used)
{
	if (*used + GAP + width > columns)
		return false;
	*used += GAP + width;
	return true;
}

static struct layout lay_out(const struct progress_row *rows, size_t count, size_t columns)
{
	struct layout layout = {.share = SHARE_WIDTH};
	size_t used;
	char text[32];

	for (size_t i = 0; i < count; i++)
		layout.share = larger(layout.share, strlen(share_text(rows[i].meter, text, sizeof text)));
	used = GAP + layout.share + GAP + RATE_WIDTH;
	layout.most = columns > used ? columns - used : 0;
	for (size_t i = 0; i < count; i++)
		layout.label = larger(layout.label, is_stacked(&rows[i], &layout) ? INDENT + text_width(rows[i].part)
										  : flat_width(&rows[i]));
	used = layout.label + GAP + layout.share;
	layout.rate = take_room(RATE_WIDTH, columns, &used);
	layout.left = layout.rate && take_room(LEFT_WIDTH, columns, &used);
	layout.sizes = layout.left && take_room(SIZES_WIDTH, columns, &used);
	if (layout.sizes && used + GAP + BAR_LEAST <= columns)
		layout.bar = columns - used - GAP > BAR_MOST ? BAR_MOST : columns - used - GAP;
	return layout;
}

struct lines {
	char **items;
	size_t count, most;
};

/* Takes the text, which may be several lines. */
static void add_lines(struct lines *lines, char *text)
{
	char *rest = text, *line;

	while (lines->count < lines->most && (line = strsep(&rest, "\n")))
		lines->items[lines->count++] = text_copy(line);
	free(text);
}

static char *bar_text(const struct meter *meter, size_t width)
{
	const int percent = meter_percent(meter);
	char *bar = text_format("%*s", (int)width, "");
	size_t full;

	if (percent < 0 || width < BAR_LEAST)
		return bar;
	full = (width - 2) * (size_t)percent / 100;
	memset(bar, '-', width);
	memset(bar + 1, '#', full);
	bar[0] = '[';
	bar[width - 1] = ']';
	return bar;
}

static char *sizes_text(const struct meter *meter)
{
	char done[32], total[32];

	ncm_format_size(meter->done, done, sizeof done);
	if (!meter->total)
		return text_copy(done);
	return text_format("%s of %s", done, ncm_format_size(meter->total, total, sizeof total));
}

static char *rate_text(const struct meter *meter)
{
	char rate[32];

	return meter->rate < 1 ? text_copy("")
			       : text_format("%s/s", ncm_format_size((uint64_t)meter->rate, rate, sizeof rate));
}

static char *left_text(const struct meter *meter)
{
	const double seconds = meter_left(meter);
	char left[32];

	return seconds < 0 ? text_copy("") : text_format("%s left", ncm_format_duration(seconds, left, sizeof left));
}

/* Appends a column, its text at the right. Takes both. */
static char *with_column(char *line, char *text, size_t width)
{
	char *longer =
	    text_format("%s%*s%s", line, (int)(GAP + (width > strlen(text) ? width - strlen(text) : 0)), "", text);

	free(line);
	free(text);
	return longer;
}

static char *row_text(const struct progress_row *row, const struct layout *layout)
{
	const bool stacked = is_stacked(row, layout);
	AUTO_FREE char *label = text_format("%s%s%s", stacked ? "" : row->model,
					    stacked                     ? "  "
					    : *row->model && *row->part ? " "
									: "",
					    row->part);
	char share[32];
	char *line = text_format("%s%*s", label, (int)(layout->label - text_width(label)), "");

	if (layout->bar)
		line = with_column(line, bar_text(row->meter, layout->bar), layout->bar);
	line = with_column(line, text_copy(share_text(row->meter, share, sizeof share)), layout->share);
	if (layout->sizes)
		line = with_column(line, sizes_text(row->meter), SIZES_WIDTH);
	if (layout->rate)
		line = with_column(line, rate_text(row->meter), RATE_WIDTH);
	if (layout->left)
		line = with_column(line, left_text(row->meter), LEFT_WIDTH);
	return line;
}

size_t rows_format(const struct progress_row *rows, size_t count, size_t columns, char **lines, size_t most)
{
	const struct layout layout = lay_out(rows, count, columns);
	struct lines out = {lines, 0, most > 0 ? most - 1 : 0};

	for (size_t i = 0; i < count; i++) {
		if (i + 1 == count) /* it has the place that was kept for it */
			out.most = most;
		if (is_stacked(&rows[i], &layout) && (i == 0 || strcmp(rows[i].model, rows[i - 1].model) != 0))
			add_lines(&out, text_wrap(rows[i].model, columns, 0));
		add_lines(&out, row_text(&rows[i], &layout));
	}
	return out.count;
}
