/* SPDX-License-Identifier: MIT */
/* A few lines at the bottom of the terminal that are drawn over again. */
#ifndef CMD_UI_SCREEN_H
#define CMD_UI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

enum {
	SCREEN_LINES = 20,
};

struct screen {
	size_t widths[SCREEN_LINES]; /* of the lines that stand there now */
	size_t count;
	double drawn_at;
};

/* Whether the last drawing is long enough ago: at most ten drawings a second. */
bool screen_due(const struct screen *screen, double now);
/* How many lines there is room for. */
size_t screen_room(void);
/* Draws the lines, each cut to the terminal's width, in place of those that stand there. */
void screen_draw(struct screen *screen, char *const *lines, size_t count, double now);
/* Writes one line that stays, above the others, which are gone until the next drawing. */
void screen_say(struct screen *screen, const char *line);
void screen_clear(struct screen *screen);

#endif
