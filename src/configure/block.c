/* SPDX-License-Identifier: MIT */
#include "configure/block.h"

#include "base/escape.h"
#include "base/mem.h"

#include "digest/hash.h"

#include <string.h>

static const char begin[] = "# >>> ncmodel", end[] = "# <<< ncmodel ";
static const char of_new[] = " (new file)", of_joined[] = " (joined)";

enum { DIGITS = 12 };

/* The next line that begins with the mark, or NULL. */
static const char *find_line(const char *text, const char *from, const char *mark)
{
	for (const char *at = strstr(from, mark); at; at = strstr(at + 1, mark)) {
		if (at == text || at[-1] == '\n' || (at == text + 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0))
			return at;
	}
	return NULL;
}

static const char *line_after(const char *line)
{
	const char *stop = strchr(line, '\n');

	return stop ? stop + 1 : line + strlen(line);
}

/* Without the carriage returns that the file's own ends of lines have. */
static char *plain_lines(const char *from, const char *to)
{
	char *lines = ncm_malloc((size_t)(to - from) + 1), *out = lines;

	for (; from < to; from++) {
		if (!(from[0] == '\r' && from[1] == '\n'))
			*out++ = *from;
	}
	*out = '\0';
	return lines;
}

static void digits_of(const char *lines, char digits[NCM_SHA256_HEX + 1])
{
	struct ncm_sha256 sha256;

	ncm_sha256_of(lines, strlen(lines), &sha256);
	ncm_sha256_hex(&sha256, digits);
	digits[DIGITS] = '\0';
}

static int refuse(const struct settings_file *file, const char *why, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_POLICY, "%s stays as it is: %s", file->path, why);
	return -1;
}

static bool is_text(const struct settings_file *file)
{
	return strlen(file->text) == file->size && is_utf8(file->text);
}

static void cut(const struct settings_file *file, const char *start, const char *stop, struct block *block)
{
	size_t before = (size_t)(start - file->text);
	const size_t behind = file->size - (size_t)(stop - file->text);

	block->is_there = true;
	block->was_new = strncmp(start + strlen(begin), of_new, strlen(of_new)) == 0;
	block->was_joined = strncmp(start + strlen(begin), of_joined, strlen(of_joined)) == 0;
	/* What somebody wrote behind us needs that end. */
	if (block->was_joined && before > 0 && behind == 0)
		before -= before > 1 && start[-2] == '\r' ? 2 : 1;
	block->at = before;
	block->rest_size = before + behind;
	block->rest = ncm_calloc(block->rest_size + 1, 1);
	memcpy(block->rest, file->text, before);
	memcpy(block->rest + before, stop, behind);
}

int block_take(const struct settings_file *file, struct block *block, struct ncm_error *err)
{
	const char *text = file->text ? file->text : "";
	const char *start = find_line(text, text, begin), *first = start ? line_after(start) : NULL;
	const char *last = find_line(text, first ? first : text, end);
	NCM_AUTO_FREE char *lines = NULL;
	char digits[NCM_SHA256_HEX + 1];

	*block = (struct block){0};
	if (file->text && !is_text(file))
		return refuse(file, "it is no text in UTF-8", err);
	if (!start && !last) {
		block->rest = ncm_strdup(text);
		block->at = block->rest_size = strlen(text);
		return 0;
	}
	if (!start || !last || find_line(text, first, begin) || find_line(text, line_after(last), end))
		return refuse(file, "what ncmodel added is not whole any more; take its lines out by hand", err);
	lines = plain_lines(first, last);
	digits_of(lines, digits);
	if (strncmp(last + strlen(end), digits, DIGITS) != 0)
		return refuse(file, "what ncmodel added was edited; take its marked lines out by hand", err);
	cut(file, start, line_after(last), block);
	return 0;
}

void block_clear(struct block *block)
{
	free(block->rest);
}

/* As the last line that has an end. */
static const char *end_of_line(const struct block *block)
{
	const char *last = strrchr(block->rest, '\n');

	return last && last > block->rest && last[-1] == '\r' ? "\r\n" : "\n";
}

static void add_lines(struct ncm_buffer *out, const char *lines, const char *line_end)
{
	for (const char *at = lines; *at; at = line_after(at)) {
		ncm_buffer_add(out, at, strcspn(at, "\n"));
		ncm_buffer_puts(out, line_end);
	}
}

char *block_put(const struct settings_file *file, const struct block *block, const char *lines, size_t *size)
{
	static const char mark[] = "\xef\xbb\xbf";
	const bool is_new = block->is_there ? block->was_new : !file->text;
	const bool joins = block->at > 0 && block->rest[block->at - 1] != '\n' &&
			   !(block->at == 3 && memcmp(block->rest, mark, 3) == 0);
	const char *line_end = end_of_line(block);
	char digits[NCM_SHA256_HEX + 1];
	struct ncm_buffer out = {0};

	digits_of(lines, digits);
	ncm_buffer_add(&out, block->rest, block->at);
	if (joins)
		ncm_buffer_puts(&out, line_end);
	ncm_buffer_printf(&out, "%s%s%s", begin, is_new ? of_new : joins ? of_joined : "", line_end);
	add_lines(&out, lines, line_end);
	ncm_buffer_printf(&out, "%s%s%s", end, digits, line_end);
	ncm_buffer_add(&out, block->rest + block->at, block->rest_size - block->at);
	*size = out.size;
	return ncm_buffer_take(&out);
}

void settle_without(struct work *work, const struct settings_file *file, const struct block *block,
		    struct ncm_configure_file *out)
{
	const bool gone = !file->text || (block->is_there && block->was_new && block->rest_size == 0);

	settle(work, file, out, gone ? NULL : block->rest, block->rest_size, NULL);
}
