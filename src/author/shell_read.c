/* SPDX-License-Identifier: MIT */
/* A script cut into statements and words, as a shell would, without expanding anything. */
#include "author/shell.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/strings.h"

#include <string.h>

enum { MOST_STATEMENTS = 200000 };

/* A here-document whose text comes after this line. */
struct here {
	size_t statement;
	char *end;
	size_t end_size;
	bool cuts_tabs;
};

struct reader {
	const char *at;
	size_t line;
	struct shell_script *script;
	bool open; /* the last statement may get further words */
	struct here heres[16];
	size_t here_count;
};

static const char *quoted_end(const char *at)
{
	const char quote = *at++;

	while (*at && *at != quote) {
		if (*at == '\\' && quote != '\'' && at[1])
			at++;
		at++;
	}
	return *at ? at + 1 : at;
}

/* Behind the bracket that closes the one at `at`. */
static const char *bracket_end(const char *at)
{
	const char opens = *at, closes = opens == '(' ? ')' : '}';
	size_t depth = 0;

	while (*at) {
		if (*at == '\\' && at[1]) {
			at += 2;
		} else if (*at == '"' || *at == '\'') {
			at = quoted_end(at);
		} else {
			depth += *at == opens;
			depth -= *at == closes;
			at++;
			if (depth == 0)
				return at;
		}
	}
	return at;
}

/* Where the raw word at `at` ends. */
static const char *word_end(const char *at)
{
	while (*at && !strchr(" \t\r\n;&|<>()", *at)) {
		if (*at == '\\' && at[1])
			at += 2;
		else if (*at == '"' || *at == '\'' || *at == '`')
			at = quoted_end(at);
		else if (*at == '$' && (at[1] == '(' || at[1] == '{'))
			at = bracket_end(at + 1);
		else
			at++;
	}
	return at;
}

static void count_lines(struct reader *reader, const char *end)
{
	for (; reader->at < end; reader->at++)
		reader->line += *reader->at == '\n';
}

static struct shell_statement *statement(struct reader *reader)
{
	struct shell_script *script = reader->script;

	if (!reader->open) {
		*NCM_PUSH(script->statements, script->count) = (struct shell_statement){.line = reader->line};
		reader->open = true;
	}
	return &script->statements[script->count - 1];
}

static char *take_raw(struct reader *reader)
{
	const char *start = reader->at, *end = word_end(start);

	count_lines(reader, end);
	return ncm_strndup(start, (size_t)(end - start));
}

static void skip_blanks(struct reader *reader)
{
	for (;;) {
		if (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\r')
			reader->at++;
		else if (reader->at[0] == '\\' && (reader->at[1] == '\n' || strncmp(reader->at + 1, "\r\n", 2) == 0))
			count_lines(reader, reader->at + (reader->at[1] == '\n' ? 2 : 3));
		else
			return;
	}
}

static void skip_comment(struct reader *reader)
{
	reader->at += strcspn(reader->at, "\n");
}

/* The line at `at`, without its end, is that word. */
static bool is_end_of_here(const char *at, size_t size, const struct here *here)
{
	while (here->cuts_tabs && size > 0 && *at == '\t') {
		at++;
		size--;
	}
	if (size > 0 && at[size - 1] == '\r')
		size--;
	return here->end_size == size && strncmp(at, here->end, size) == 0;
}

static void read_here(struct reader *reader, const struct here *here)
{
	const char *start = reader->at;

	while (*reader->at) {
		const size_t size = strcspn(reader->at, "\n");
		const char *line = reader->at;

		count_lines(reader, line + size + (line[size] == '\n'));
		if (!is_end_of_here(line, size, here))
			continue;
		reader->script->statements[here->statement].here = ncm_strndup(start, (size_t)(line - start));
		return;
	}
	reader->script->statements[here->statement].here = ncm_strdup(start);
}

/* Behind a newline. */
static void read_heres(struct reader *reader)
{
	for (size_t i = 0; i < reader->here_count; i++) {
		free(reader->script->statements[reader->heres[i].statement].here);
		read_here(reader, &reader->heres[i]);
		free(reader->heres[i].end);
	}
	reader->here_count = 0;
}

/* "EOF", 'EOF', \EOF → EOF */
static char *unquoted(const char *raw)
{
	struct ncm_buffer text = {0};

	for (; *raw; raw++) {
		if (!strchr("\"'\\", *raw))
			ncm_buffer_add(&text, raw, 1);
	}
	return ncm_buffer_take(&text);
}

static void start_here(struct reader *reader)
{
	NCM_AUTO_FREE char *raw = NULL;
	struct here here = {.statement = reader->script->count - 1, .cuts_tabs = *reader->at == '-'};

	reader->at += here.cuts_tabs;
	skip_blanks(reader);
	raw = take_raw(reader);
	here.end = unquoted(raw);
	here.end_size = strlen(here.end);
	if (reader->here_count < sizeof reader->heres / sizeof *reader->heres && *here.end)
		reader->heres[reader->here_count++] = here;
	else
		free(here.end);
}

static void set_raw(char **where, struct reader *reader)
{
	skip_blanks(reader);
	free(*where);
	*where = take_raw(reader);
}

/* At '<' or '>'. A number before it ("2>") was taken for a word and is taken back. */
static void read_redirection(struct reader *reader)
{
	struct shell_statement *now = statement(reader);
	struct ncm_strings *words = &now->words;
	char *nowhere = NULL;
	bool other = false;

	if (words->count > 0 && reader->at[-1] == '2' && strcmp(words->items[words->count - 1], "2") == 0) {
		free(words->items[--words->count]);
		other = true;
	}
	if (strncmp(reader->at, "<<<", 3) == 0) {
		reader->at += 3;
		set_raw(&now->here_string, reader);
	} else if (strncmp(reader->at, "<<", 2) == 0) {
		reader->at += 2;
		start_here(reader);
	} else {
		const bool in = *reader->at++ == '<';

		reader->at += *reader->at == '>' || *reader->at == '&';
		if (*reader->at == '(')
			count_lines(reader, bracket_end(reader->at));
		else
			set_raw(in ? &now->in : other ? &nowhere : &now->out, reader);
		free(nowhere);
	}
}

/* Behind "NAME=(" or "NAME+=(", which is the last word. */
static void read_array(struct reader *reader)
{
	struct shell_statement *now = statement(reader);
	NCM_AUTO_FREE char *name = now->words.items[--now->words.count];
	size_t size = strlen(name) - 1;

	now->appends = size > 0 && name[size - 1] == '+';
	size -= now->appends;
	free(now->array);
	now->array = ncm_strndup(name, size);
	for (;;) {
		while (*reader->at && strchr(" \t\r\n;&|<>(", *reader->at))
			count_lines(reader, reader->at + 1);
		if (*reader->at == '#')
			skip_comment(reader);
		else if (*reader->at == '\0' || *reader->at == ')')
			break;
		else
			ncm_strings_take(&now->elements, take_raw(reader));
	}
	reader->at += *reader->at == ')';
}

/* A word that is a statement by itself, for what comes behind it is a command again. */
static bool is_lead(const char *word)
{
	static const char *const leads[] = {"if",    "then", "elif", "else", "do", "while",
					    "until", "{",    "!",    "time", NULL};

	return ncm_is_among(word, leads);
}

static bool ends_with(const char *text, const char *end)
{
	const size_t size = strlen(text), length = strlen(end);

	return size >= length && strcmp(text + size - length, end) == 0;
}

static void read_word(struct reader *reader)
{
	struct shell_statement *now = statement(reader);
	const char *word;

	ncm_strings_take(&now->words, take_raw(reader));
	word = now->words.items[now->words.count - 1];
	if (now->words.count == 1 && is_lead(word))
		reader->open = false;
	else if (now->words.count == 2 && strcmp(now->words.items[0], "function") == 0 && *reader->at != '(')
		reader->open = false;
}

/* At '(': of an array, of a function's name, an arithmetic loop's, or of a shell of its own. */
static void read_bracket(struct reader *reader)
{
	struct shell_statement *now = reader->open ? statement(reader) : NULL;
	const size_t count = now ? now->words.count : 0;
	const char *last = count > 0 ? now->words.items[count - 1] : "";
	const char *behind = reader->at + 1 + strspn(reader->at + 1, " \t");

	if (ends_with(last, "=") && reader->at[-1] == '=') {
		reader->at++;
		read_array(reader);
	} else if (count > 0 && *behind == ')') {
		now->words.items[count - 1] = ncm_asprintf("%s()", last);
		free((char *)last);
		count_lines(reader, behind + 1);
		reader->open = false;
	} else if (reader->at[1] == '(') {
		const char *start = reader->at;

		count_lines(reader, bracket_end(start));
		ncm_strings_take(&statement(reader)->words, ncm_strndup(start, (size_t)(reader->at - start)));
	} else {
		reader->open = false;
		ncm_strings_add(&statement(reader)->words, "(");
		reader->at++;
		reader->open = false;
	}
}

/* ';', '&', '|' and what they are doubled. "&>" is a redirection. */
static void read_separator(struct reader *reader)
{
	const char which = *reader->at++;

	if (which == '&' && *reader->at == '>') {
		read_redirection(reader);
		return;
	}
	if (which == '|' && *reader->at != '|' && reader->open)
		statement(reader)->is_piped = true;
	reader->at += *reader->at == which || (which == '|' && *reader->at == '&');
	reader->open = false;
}

static void read_close(struct reader *reader)
{
	reader->open = false;
	ncm_strings_add(&statement(reader)->words, ")");
	reader->open = false;
	reader->at++;
}

static void read_piece(struct reader *reader)
{
	switch (*reader->at) {
	case '\n':
		count_lines(reader, reader->at + 1);
		/* "a |" goes on in the next line as it is. */
		reader->open = false;
		read_heres(reader);
		break;
	case '#':
		skip_comment(reader);
		break;
	case '<':
	case '>':
		read_redirection(reader);
		break;
	case ';':
	case '&':
	case '|':
		read_separator(reader);
		break;
	case '(':
		read_bracket(reader);
		break;
	case ')':
		read_close(reader);
		break;
	default:
		read_word(reader);
	}
}

void shell_read(const char *text, struct shell_script *script)
{
	struct reader reader = {.at = text, .line = 1, .script = script};

	for (skip_blanks(&reader); *reader.at && script->count < MOST_STATEMENTS; skip_blanks(&reader))
		read_piece(&reader);
	for (size_t i = 0; i < reader.here_count; i++)
		free(reader.heres[i].end);
}

void shell_free(struct shell_script *script)
{
	for (size_t i = 0; i < script->count; i++) {
		struct shell_statement *statement = &script->statements[i];

		ncm_strings_free(&statement->words);
		ncm_strings_free(&statement->elements);
		free(statement->array);
		free(statement->in);
		free(statement->out);
		free(statement->here_string);
		free(statement->here);
	}
	free(script->statements);
	*script = (struct shell_script){0};
}
