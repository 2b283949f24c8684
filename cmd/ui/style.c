/* SPDX-License-Identifier: MIT */
#include "ui/style.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool colour_out, colour_err;

static const char *const sequences[] = {
    [STYLE_NONE] = "",         [STYLE_BOLD] = "\x1b[1m",  [STYLE_DIM] = "\x1b[2m",
    [STYLE_GOOD] = "\x1b[32m", [STYLE_WARN] = "\x1b[33m", [STYLE_BAD] = "\x1b[1;31m",
};

static bool variable_is_set(const char *name)
{
	const char *value = getenv(name);

	return value && *value;
}

static bool smart_terminal(FILE *stream)
{
	const char *term = getenv("TERM");

	return isatty(fileno(stream)) && term && *term && strcmp(term, "dumb") != 0;
}

void style_setup(bool no_color)
{
	const char *value = getenv("CLICOLOR_FORCE");
	const bool force = value && *value && strcmp(value, "0") != 0;
	const bool never = no_color || variable_is_set("NO_COLOR");

	colour_out = !never && (force || smart_terminal(stdout));
	colour_err = !never && (force || smart_terminal(stderr));
}

static bool colour(FILE *stream)
{
	return stream == stdout ? colour_out : stream == stderr && colour_err;
}

const char *style_begin(FILE *stream, enum style style)
{
	return colour(stream) ? sequences[style] : "";
}

const char *style_end(FILE *stream, enum style style)
{
	return style != STYLE_NONE && colour(stream) ? "\x1b[0m" : "";
}

bool style_can_redraw(FILE *stream)
{
	return smart_terminal(stream);
}

static struct winsize size_of(FILE *stream)
{
	struct winsize size = {0};

	if (!isatty(fileno(stream)) || ioctl(fileno(stream), TIOCGWINSZ, &size) < 0)
		return (struct winsize){0};
	if (size.ws_col == 0)
		size.ws_col = 80;
	if (size.ws_row == 0)
		size.ws_row = 24;
	return size;
}

size_t style_columns(FILE *stream)
{
	return size_of(stream).ws_col;
}

size_t style_rows(FILE *stream)
{
	return size_of(stream).ws_row;
}
