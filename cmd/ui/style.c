/* SPDX-License-Identifier: MIT */
#include "ui/style.h"

#include "ui/text.h"

#include <stdarg.h>
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

/* By its name: on a small machine it may not be installed, and the terminal is one of UTF-8 all the same. */
static bool locale_is_utf8(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (variable_is_set(names[i]))
			return strcasestr(getenv(names[i]), "utf-8") || strcasestr(getenv(names[i]), "utf8");
	}
	return false;
}

void style_setup(bool no_color)
{
	const char *value = getenv("CLICOLOR_FORCE");
	const bool force = value && *value && strcmp(value, "0") != 0;
	const bool never = no_color || variable_is_set("NO_COLOR");

	text_set_utf8(locale_is_utf8());
	colour_out = !never && (force || smart_terminal(stdout));
	colour_err = !never && (force || smart_terminal(stderr));
}

static bool colour(FILE *stream)
{
	return stream == stdout ? colour_out : stream == stderr && colour_err;
}

bool style_utf8(void)
{
	return text_is_utf8();
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

void print_line(FILE *stream, const char *format, ...)
{
	AUTO_FREE char *wrapped = NULL;
	char *line = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&line, format, args) < 0)
		abort();
	va_end(args);
	wrapped = text_wrap(line, style_columns(stream), 0);
	fprintf(stream, "%s\n", wrapped);
	free(line);
}
