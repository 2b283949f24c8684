/* SPDX-License-Identifier: MIT */
/*
 * One address a line. As aria2c(1) has it under INPUT FILE: several addresses of one file stand on one line, and lines
 * that begin with white space are options of the address before them, of which "out" and "checksum" mean something
 * here.
 */
#include "author/author.h"

#include "base/mem.h"
#include "base/strings.h"
#include "source/source.h"

#include <string.h>
#include <strings.h>

/* An address whose options may still follow. */
struct pending {
	size_t line;
	char *uri; /* NULL: none */
	struct ncm_strings more;
	char *name;
	bool has_sha256;
	struct ncm_sha256 sha256;
};

static void flush(struct import *import, struct pending *pending)
{
	if (pending->uri)
		import_source(import, pending->line, pending->uri, pending->name,
			      pending->has_sha256 ? &pending->sha256 : NULL, &pending->more);
	free(pending->uri);
	free(pending->name);
	ncm_strings_free(&pending->more);
	*pending = (struct pending){0};
}

/* "out=NAME", "checksum=sha-256=HEX"; aria2 has many more, which are about the transfer. */
static void take_option(struct import *import, struct pending *pending, size_t line, const char *option)
{
	static const char sha256[] = "checksum=sha-256=";

	if (strncmp(option, "out=", 4) == 0) {
		free(pending->name);
		pending->name = ncm_strdup(option + 4);
	} else if (strncmp(option, sha256, strlen(sha256)) == 0) {
		pending->has_sha256 = ncm_sha256_parse_any_case(option + strlen(sha256), &pending->sha256) == 0;
		if (!pending->has_sha256)
			author_leave_out(&import->author, line, option, "is not 64 hex digits");
	}
}

static bool is_option(const char *text)
{
	return text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '=';
}

static void take_addresses(struct import *import, struct pending *pending, size_t line, char *text)
{
	char *rest = text;
	const char *word;

	pending->line = line;
	while ((word = strsep(&rest, " \t"))) {
		if (*word == '#')
			break;
		if (!*word)
			continue;
		if (!ncm_source_scheme(word))
			author_leave_out(&import->author, line, word, "is no address that ncmodel knows");
		else if (pending->uri)
			ncm_strings_add(&pending->more, word);
		else
			pending->uri = ncm_strdup(word);
	}
}

static void take_line(struct import *import, size_t line, char *text, void *context)
{
	struct pending *pending = context;
	char *start = text + strspn(text, " \t");

	if (*start == '\0' || *start == '#')
		return;
	if (start > text && pending->uri && is_option(start)) {
		take_option(import, pending, line, start);
		return;
	}
	flush(import, pending);
	take_addresses(import, pending, line, start);
}

void import_urls(struct import *import, const char *text)
{
	struct pending pending = {0};

	import_lines(import, text, take_line, &pending);
	flush(import, &pending);
}
