/* SPDX-License-Identifier: MIT */
/* What services and tools leave where a model should be: pages, error messages, pointers. */
#include "format/parts.h"

#include "base/buffer.h"
#include "base/json.h"
#include "base/mem.h"

#include <string.h>
#include <strings.h>

enum { QUOTED = 120 }; /* bytes of a page that a message shows */

static bool is_space(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r' || byte == '\f';
}

/* Bytes of numbers have zeros and other controls among so many; texts of whatever character set have none. */
static bool is_text(const char *head, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if ((unsigned char)head[i] < ' ' && !is_space(head[i]) && head[i] != '\033')
			return false;
	}
	return true;
}

/* The first byte that shows. */
static size_t skip_space(const char *head, size_t size, size_t at)
{
	while (at < size && is_space(head[at]))
		at++;
	return at;
}

/* Vocabularies have "<s>" and "<unk>" in their first lines: only what pages and XML begin with is a tag. */
static bool begins_tag(const char *text, size_t size)
{
	static const char *const tags[] = {"!doctype", "!--",   "?xml", "html",   "head", "body", "title",    "meta",
					   "script",   "style", "div",  "center", "h1",   "h2",   "p",        "pre",
					   "table",    "form",  "span", "link",   "font", "a",    "noscript", "error"};

	for (size_t i = 0; size > 1 && text[0] == '<' && i < sizeof tags / sizeof *tags; i++) {
		const size_t length = strlen(tags[i]);

		if (size > length + 1 && strncasecmp(text + 1, tags[i], length) == 0 &&
		    (text[1] == '!' || strchr(" \t\r\n>/", text[length + 1])))
			return true;
	}
	return false;
}

/* An object with members, an array with items, or either without. */
static bool begins_json(const char *text, size_t size)
{
	const size_t next = skip_space(text, size, 1);

	if (size == 0 || (text[0] != '{' && text[0] != '['))
		return false;
	if (next == size)
		return true;
	return strchr(text[0] == '{' ? "\"}" : "\"]{[-0123456789tfn", text[next]) && text[next];
}

enum foreign foreign_of(const void *data, size_t size)
{
	static const char pointer[] = "version https://git-lfs", mark[] = "\xef\xbb\xbf";
	const char *head = data;
	size_t at = 0;

	if (size == 0)
		return FOREIGN_EMPTY;
	if (size >= sizeof pointer - 1 && memcmp(head, pointer, sizeof pointer - 1) == 0)
		return FOREIGN_POINTER;
	if (size >= 4 && memcmp(head, "\177ELF", 4) == 0)
		return FOREIGN_PROGRAM;
	if (!is_text(head, size))
		return FOREIGN_NONE;
	if (size >= 3 && memcmp(head, mark, 3) == 0)
		at = 3;
	at = skip_space(head, size, at);
	if (begins_tag(head + at, size - at))
		return FOREIGN_PAGE;
	return begins_json(head + at, size - at) ? FOREIGN_JSON : FOREIGN_NONE;
}

const char *foreign_words(enum foreign foreign)
{
	static const char *const words[] = {
	    [FOREIGN_NONE] = "something else",       [FOREIGN_EMPTY] = "empty",
	    [FOREIGN_PAGE] = "a web page",           [FOREIGN_JSON] = "a JSON text",
	    [FOREIGN_POINTER] = "a Git LFS pointer", [FOREIGN_PROGRAM] = "a program",
	};

	return words[foreign];
}

/* As one line, cut at a character's end. The caller frees it; NULL if nothing shows. */
static char *one_line(const char *text, size_t size)
{
	struct ncm_buffer line = {0};
	char *fact = NULL;

	for (size_t i = 0; i < size && line.size <= QUOTED; i++) {
		const bool space = is_space(text[i]);

		if (!space || (line.size > 0 && line.data[line.size - 1] != ' '))
			ncm_buffer_add(&line, space ? " " : text + i, 1);
	}
	while (line.size > 0 && line.data[line.size - 1] == ' ')
		line.size--;
	if (line.size > QUOTED) {
		line.size = QUOTED;
		while (line.size > 0 && ((unsigned char)line.data[line.size] & 0xc0) == 0x80)
			line.size--;
	}
	if (line.size > 0)
		fact = ncm_strndup(line.data, line.size);
	ncm_buffer_free(&line);
	return fact;
}

/* What a browser shows of a page in its tab, else what it shows at the top. `page` has a NUL behind it. */
static char *quote_page(const char *page)
{
	const char *title = strcasestr(page, "<title"), *text = title ? strchr(title, '>') : NULL;
	struct ncm_buffer shown = {0};
	bool in_tag = false;
	char *quote = text ? one_line(text + 1, strcspn(text + 1, "<")) : NULL;

	for (const char *at = page; !quote && *at; at++) {
		if (*at == '<' || in_tag)
			in_tag = *at != '>';
		else
			ncm_buffer_add(&shown, at, 1);
		if (*at == '>')
			ncm_buffer_add(&shown, " ", 1);
	}
	if (!quote && shown.data)
		quote = one_line(shown.data, shown.size);
	ncm_buffer_free(&shown);
	return quote;
}

/* The sentence of an error that services answer with, else its first words. */
static char *quote_json(const char *text, size_t size)
{
	static const char *const keys[] = {"message", "detail", "error_description", "error", "msg"};
	NCM_AUTO_JSON json_t *root = ncm_json_parse(text, size, "answer", NCM_E_OTHER, NULL);
	const json_t *inner = json_object_get(root, "error");
	const json_t *from = json_is_object(inner) ? inner : root;
	const char *said = NULL;

	for (size_t i = 0; i < sizeof keys / sizeof *keys && !said; i++)
		said = ncm_json_string(from, keys[i]);
	return said ? one_line(said, strlen(said)) : one_line(text, size);
}

char *foreign_quote(enum foreign foreign, const char *text, size_t size)
{
	static const char mark[] = "\xef\xbb\xbf";

	if (strncmp(text, mark, 3) == 0) {
		text += 3;
		size -= 3;
	}
	if (foreign == FOREIGN_PAGE)
		return quote_page(text);
	return foreign == FOREIGN_JSON ? quote_json(text, size) : NULL;
}
