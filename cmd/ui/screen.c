/* SPDX-License-Identifier: MIT */
#include "ui/screen.h"

#include "ui/style.h"
#include "ui/text.h"

#include <stdio.h>

#define REDRAW_SECONDS 0.1

bool screen_due(const struct screen *screen, double now)
{
	return now - screen->drawn_at >= REDRAW_SECONDS;
}

size_t screen_room(void)
{
	const size_t rows = style_rows(stderr);
	const size_t room = rows > 2 ? rows - 2 : 1;

	return room < SCREEN_LINES ? room : SCREEN_LINES;
}

/* The terminal may have become narrower since the last drawing: each line then takes several rows. */
static void erase(struct screen *screen, FILE *out)
{
	const size_t columns = style_columns(stderr);
	size_t rows = 0;

	for (size_t i = 0; i < screen->count; i++)
		rows += columns && screen->widths[i] > columns ? (screen->widths[i] + columns - 1) / columns : 1;
	if (rows > 0)
		fprintf(out, "\r\x1b[%zuA\x1b[J", rows);
	screen->count = 0;
}

/* One write a drawing, so that nothing flickers. */
static void flush_frame(FILE *out, char **frame, size_t *size)
{
	fclose(out);
	fwrite(*frame, 1, *size, stderr);
	free(*frame);
}

void screen_draw(struct screen *screen, char *const *lines, size_t count, double now)
{
	const size_t columns = style_columns(stderr);
	char *frame = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&frame, &size);

	if (!out)
		return;
	erase(screen, out);
	for (size_t i = 0; i < count && i < SCREEN_LINES; i++) {
		AUTO_FREE char *shown = text_shorten(lines[i], columns > 1 ? columns - 1 : 1);

		fprintf(out, "%s\n", shown);
		screen->widths[i] = text_width(shown);
		screen->count = i + 1;
	}
	flush_frame(out, &frame, &size);
	screen->drawn_at = now;
}

void screen_say(struct screen *screen, const char *line)
{
	char *frame = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&frame, &size);

	if (!out)
		return;
	erase(screen, out);
	fprintf(out, "%s\n", line);
	flush_frame(out, &frame, &size);
	screen->drawn_at = 0;
}

void screen_clear(struct screen *screen)
{
	char *frame = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&frame, &size);

	if (!out)
		return;
	erase(screen, out);
	flush_frame(out, &frame, &size);
}
