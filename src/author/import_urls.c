/* SPDX-License-Identifier: MIT */
/*
 * Addresses, one a line. As aria2c(1) has it under INPUT FILE, several addresses of one file stand on one line, and
 * lines that begin with white space are options of the address before them, of which "out", "dir" and "checksum" mean
 * something here. A path beside an address, before or behind it, is where the file goes.
 */
#include "author/import.h"

#include "author/place.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "digest/name.h"
#include "source/source.h"

#include <string.h>
#include <strings.h>

struct lines {
	size_t offset;     /* of the text's lines */
	const char *place; /* of those that say none; or NULL */
	/* an address whose options may still follow */
	size_t line;
	char *uri; /* NULL: none */
	struct ncm_strings more;
	char *folder, *name;
	bool has_sha256;
	struct ncm_sha256 sha256;
};

/* "loras/x.safetensors" has both; "loras/" and "loras" are folders, "x.safetensors" is a name. */
static void part_path(char *path, char **folder, char **name)
{
	char *slash = strrchr(path, '/');
	char *last = slash ? slash + 1 : path;

	if (strchr(last, '.') && last[strspn(last, ".")]) {
		free(*name);
		*name = ncm_strdup(last);
		*last = '\0';
	}
	if (*path) {
		free(*folder);
		*folder = ncm_strdup(path);
	}
}

static void flush(struct import *import, struct lines *lines)
{
	/* What leads out of its folder stays as it is, and is refused. */
	const char *slash = lines->name && !strstr(lines->name, "..") ? strrchr(lines->name, '/') : NULL;

	/* aria2 takes "out" as a path below "dir". */
	if (slash) {
		NCM_AUTO_FREE char *above = ncm_strndup(lines->name, (size_t)(slash - lines->name));
		char *folder = ncm_path_join(lines->folder, above);

		free(lines->folder);
		lines->folder = folder;
	}
	if (lines->uri)
		import_item(import, &(const struct import_item){
					.line = lines->line,
					.uri = lines->uri,
					.place = lines->folder ? lines->folder : lines->place,
					.name = slash ? slash + 1 : lines->name,
					.sha256 = lines->has_sha256 ? &lines->sha256 : NULL,
					.more = &lines->more,
				    });
	free(lines->uri);
	free(lines->name);
	free(lines->folder);
	ncm_strings_free(&lines->more);
	*lines = (struct lines){.offset = lines->offset, .place = lines->place};
}

static void set_text(char **where, const char *text)
{
	free(*where);
	*where = ncm_strdup(text);
}

/* aria2 has many more, which are about the transfer; a "header" may hold a token, and is not looked at. */
static void take_option(struct import *import, struct lines *lines, size_t line, const char *option)
{
	static const char sha256[] = "checksum=sha-256=";

	if (strncmp(option, "out=", 4) == 0) {
		set_text(&lines->name, option + 4);
	} else if (strncmp(option, "dir=", 4) == 0) {
		set_text(&lines->folder, option + 4);
	} else if (strncmp(option, sha256, strlen(sha256)) == 0) {
		lines->has_sha256 = ncm_sha256_parse_any_case(option + strlen(sha256), &lines->sha256) == 0;
		if (!lines->has_sha256)
			author_leave_out(&import->author, line, option, "is not 64 hex digits");
	}
}

static bool is_option(const char *text)
{
	return text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '=';
}

/* Without quotes around it and a comma or bar behind it. The caller frees it. */
static char *plain(const char *word)
{
	static const char around[] = "\"',;|`";
	size_t size;

	word += strspn(word, around);
	size = strlen(word);
	while (size > 0 && strchr(around, word[size - 1]))
		size--;
	return ncm_strndup(word, size);
}

/* A path, a file's name, or a word that says a folder ("loras"). */
static bool is_place(const struct import *import, const char *word)
{
	struct list_place place;
	bool found;

	if (strchr(word, '/') || strchr(word, '\\') || ncm_source_habit_of_name(word))
		return true;
	found = list_place_find(import->author.layout, word, import->home, import->to_store, &place);
	list_place_clear(&place);
	return found;
}

static void take_word(struct import *import, struct lines *lines, size_t line, const char *word)
{
	NCM_AUTO_FREE char *text = plain(word);

	if (!*text || strcmp(text, "->") == 0 || strcmp(text, "=>") == 0 || strcmp(text, ">") == 0)
		return;
	if (ncm_source_scheme(text) && !lines->uri)
		set_text(&lines->uri, text);
	else if (ncm_source_scheme(text))
		ncm_strings_add(&lines->more, text);
	else if (strstr(text, "://"))
		author_leave_out(&import->author, line, text, "is no address that ncmodel knows");
	else if (is_place(import, text))
		part_path(text, &lines->folder, &lines->name);
	else
		author_tell(&import->author, line, text, "stands beside an address, and means nothing here");
}

static bool has_address(const char *text)
{
	NCM_AUTO_FREE char *copy = ncm_strdup(text);
	char *rest = copy;
	const char *word;

	while ((word = strsep(&rest, " \t")) && *word != '#') {
		NCM_AUTO_FREE char *bare = plain(word);

		if (ncm_source_scheme(bare))
			return true;
	}
	return false;
}

static void take_words(struct import *import, struct lines *lines, size_t line, char *text)
{
	char *rest = text;
	const char *word;

	if (!has_address(text)) {
		author_leave_out(&import->author, line, text, "is no address that ncmodel knows");
		return;
	}
	lines->line = line;
	while ((word = strsep(&rest, " \t")) && *word != '#')
		take_word(import, lines, line, word);
}

static void take_line(struct import *import, size_t line, char *text, void *context)
{
	struct lines *lines = context;
	char *start = text + strspn(text, " \t");

	line += lines->offset;
	if (*start == '\0' || *start == '#')
		return;
	if (start > text && lines->uri && is_option(start)) {
		take_option(import, lines, line, start);
		return;
	}
	flush(import, lines);
	take_words(import, lines, line, start);
}

void import_addresses(struct import *import, const char *text, size_t line, const char *place)
{
	struct lines lines = {.offset = line, .place = place};

	import_lines(import, text, take_line, &lines);
	flush(import, &lines);
}

/* Lists of Ollama's have its models as such: with "ollama:" before the name, or bare. Its pages are addresses. */
static bool is_address(const char *word)
{
	const struct ncm_source *source = ncm_source_of(word);

	return source && (!source->gives_blobs || strncasecmp(word, source->begins, strlen(source->begins)) != 0);
}

/* Some line has an address, first or behind a path. */
bool import_is_urls(const struct list *list)
{
	for (const char *at = list->text; *at && !list->json; at += *at == '\n') {
		const size_t size = strcspn(at, "\n");
		NCM_AUTO_FREE char *line = ncm_strndup(at, size < 8192 ? size : 8192);
		char *rest = line;
		const char *word;

		at += size;
		for (unsigned column = 0; column < 3 && (word = strsep(&rest, " \t\r")); column += *word != '\0') {
			NCM_AUTO_FREE char *text = plain(word);

			if (*word == '#')
				break;
			if (is_address(text))
				return true;
		}
	}
	return false;
}

int import_urls(struct import *import, const struct list *list, struct ncm_error *err)
{
	(void)err;
	import_addresses(import, list->text, 0, NULL);
	return 0;
}
