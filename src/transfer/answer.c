/* SPDX-License-Identifier: MIT */
/* An answer validated before its body is believed (framing, ranges, validators), and what it says for people. */
#include "transfer/answer.h"

#include "base/buffer.h"
#include "base/escape.h"
#include "base/json.h"
#include "base/mem.h"
#include "transfer/http.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

enum { LENGTH_DIGITS_MAX = 19, SHOWN_OF_BODY = 120 };

char *ncm_header_get(const char *headers, const char *name, size_t n)
{
	size_t length = strlen(name);

	for (const char *line = headers; line && *line;) {
		size_t size = strcspn(line, "\n");

		if (size > length && strncasecmp(line, name, length) == 0 && line[length] == ':' && n-- == 0) {
			const char *value = line + length + 1;
			const char *end = line + size;

			while (value < end && (*value == ' ' || *value == '\t'))
				value++;
			while (end > value && isspace((unsigned char)end[-1]))
				end--;
			return ncm_strndup(value, (size_t)(end - value));
		}
		line += size + (line[size] == '\n');
	}
	return NULL;
}

/* A decimal number at *text, which is moved behind it. */
static bool read_number(const char **text, uint64_t *value)
{
	size_t length = strspn(*text, "0123456789");

	if (length == 0 || length > LENGTH_DIGITS_MAX)
		return false;
	*value = strtoull(*text, NULL, 10);
	*text += length;
	return true;
}

static bool content_length(const char *headers, uint64_t *length)
{
	NCM_AUTO_FREE char *value = ncm_header_get(headers, "Content-Length", 0);
	const char *at = value;

	return value && read_number(&at, length) && *at == '\0';
}

static bool is_chunked(const char *headers)
{
	NCM_AUTO_FREE char *value = ncm_header_get(headers, "Transfer-Encoding", 0);

	return value && strcasecmp(value, "chunked") == 0;
}

static int check_length(const char *headers, struct ncm_error *err)
{
	NCM_AUTO_FREE char *first = ncm_header_get(headers, "Content-Length", 0);
	uint64_t length;

	if (!first)
		return 0;
	if (!content_length(headers, &length))
		return ncm_error_set(err, NCM_E_PROTOCOL, "the server sends a Content-Length that is no number: %s",
				     first);
	for (size_t n = 1;; n++) {
		NCM_AUTO_FREE char *next = ncm_header_get(headers, "Content-Length", n);

		if (!next)
			return 0;
		if (strcmp(first, next) != 0)
			return ncm_error_set(err, NCM_E_PROTOCOL, "the server sends two lengths: %s and %s", first,
					     next);
	}
}

static int refuse_coding(const char *coding, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_PROTOCOL, "the server sends it encoded (%s) although it was asked not to", coding);
	return ncm_error_hint(err, "it, or a proxy in between, compresses what has to come as it is: tell whoever runs "
				   "it, or take another source");
}

int ncm_answer_check_framing(const char *headers, struct ncm_error *err)
{
	for (size_t n = 0;; n++) {
		NCM_AUTO_FREE char *coding = ncm_header_get(headers, "Transfer-Encoding", n);

		if (!coding)
			break;
		if (n > 0 || strcasecmp(coding, "chunked") != 0)
			return ncm_error_set(err, NCM_E_PROTOCOL,
					     "the server sends it in a transfer coding that was not asked for (%s)",
					     coding);
	}
	for (size_t n = 0;; n++) {
		NCM_AUTO_FREE char *coding = ncm_header_get(headers, "Content-Encoding", n);

		if (!coding)
			break;
		if (*coding && strcasecmp(coding, "identity") != 0)
			return refuse_coding(coding, err);
	}
	return check_length(headers, err);
}

static bool has_type(const char *headers, const char *type)
{
	NCM_AUTO_FREE char *value = ncm_header_get(headers, "Content-Type", 0);
	size_t length = strlen(type);

	return value && strncasecmp(value, type, length) == 0 &&
	       (type[length - 1] == '/' || !isalnum((unsigned char)value[length]));
}

char *ncm_strong_etag(const char *headers)
{
	NCM_AUTO_FREE char *value = ncm_header_get(headers, "ETag", 0);
	size_t length = value ? strlen(value) : 0;
	char *taken;

	if (length < 2 || length > NCM_ETAG_LONGEST || value[0] != '"' || value[length - 1] != '"')
		return NULL;
	for (size_t i = 1; i + 1 < length; i++) {
		if ((unsigned char)value[i] <= ' ' || value[i] == '"' || value[i] == 0x7f)
			return NULL;
	}
	taken = value;
	value = NULL;
	return taken;
}

/* "bytes 400-999/1000", strictly. */
static bool content_range(const char *headers, uint64_t *start, uint64_t *end, uint64_t *total)
{
	NCM_AUTO_FREE char *value = ncm_header_get(headers, "Content-Range", 0);
	NCM_AUTO_FREE char *second = ncm_header_get(headers, "Content-Range", 1);
	const char *at = value;

	if (!value || second || strncasecmp(value, "bytes ", 6) != 0)
		return false;
	at += 6;
	return read_number(&at, start) && *at++ == '-' && read_number(&at, end) && *at++ == '/' &&
	       read_number(&at, total) && *at == '\0';
}

int ncm_answer_unsatisfied_size(const char *headers, uint64_t *size)
{
	NCM_AUTO_FREE char *value = ncm_header_get(headers, "Content-Range", 0);
	const char *at = value;

	if (!value || strncasecmp(value, "bytes */", 8) != 0)
		return -1;
	at += 8;
	return read_number(&at, size) && *at == '\0' ? 0 : -1;
}

static enum ncm_answer_use use_range(const char *headers, const struct ncm_question *question,
				     struct ncm_answer *answer)
{
	uint64_t start, end, total, length, last;

	if (ncm_answer_check_framing(headers, NULL) < 0 || has_type(headers, "multipart/") ||
	    !content_range(headers, &start, &end, &total))
		return NCM_ANSWER_RESTART;
	last = question->end > 0 && question->end < total ? question->end - 1 : total - 1;
	if (start != question->offset || end < start || end >= total || end != last ||
	    (question->has_size && total != question->size))
		return NCM_ANSWER_RESTART;
	if (!is_chunked(headers) && content_length(headers, &length) && length != end - start + 1)
		return NCM_ANSWER_RESTART;
	if (question->etag && answer->etag && strcmp(question->etag, answer->etag) != 0)
		return NCM_ANSWER_RESTART;
	answer->offset = start;
	answer->end = end + 1;
	answer->has_total = true;
	answer->total = total;
	return NCM_ANSWER_TAKE;
}

static void set_size_error(uint64_t expected, uint64_t got, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_CHECKSUM, "size differs: expected %" PRIu64 " bytes, the server has %" PRIu64,
		      expected, got);
}

static enum ncm_answer_use use_whole(int http_major, const char *headers, const struct ncm_question *question,
				     struct ncm_answer *answer, struct ncm_error *err)
{
	enum { SMALL = 1024 }; /* a Git LFS pointer is about 130 bytes */
	bool chunked = is_chunked(headers);
	uint64_t length;

	if (ncm_answer_check_framing(headers, err) < 0)
		return NCM_ANSWER_REFUSE;
	if (has_type(headers, "multipart/")) {
		ncm_error_set(err, NCM_E_PROTOCOL, "the server sends a multipart answer, not the file");
		return NCM_ANSWER_REFUSE;
	}
	if (!chunked && content_length(headers, &length)) {
		answer->has_total = true;
		answer->total = answer->end = length;
	}
	if (question->has_size && answer->has_total && answer->total != question->size) {
		if (question->expect_binary && answer->total < SMALL)
			return NCM_ANSWER_EXPLAIN;
		set_size_error(question->size, answer->total, err);
		return NCM_ANSWER_REFUSE;
	}
	if (!answer->has_total && !chunked && http_major < 2 && !question->provable) {
		ncm_error_set(err, NCM_E_PROTOCOL, "cannot tell whether it is complete: the server gives no length");
		ncm_error_hint(err, "pin its \"size\" or \"sha256\" in the manifest");
		return NCM_ANSWER_REFUSE;
	}
	return NCM_ANSWER_TAKE;
}

enum ncm_answer_use ncm_answer_validate(long status, int http_major, const char *headers,
					const struct ncm_question *question, struct ncm_answer *answer,
					struct ncm_error *err)
{
	*answer = (struct ncm_answer){.etag = ncm_strong_etag(headers)};
	if (question->expect_binary && !question->has_digest &&
	    (has_type(headers, "text/html") || has_type(headers, "application/json")) &&
	    ncm_answer_check_framing(headers, NULL) == 0)
		return NCM_ANSWER_EXPLAIN;
	if (status == 206 && question->ranged)
		return use_range(headers, question, answer);
	if (status == 206) {
		ncm_error_set(err, NCM_E_PROTOCOL, "the server sends a part although the whole was asked for");
		return NCM_ANSWER_REFUSE;
	}
	return use_whole(http_major, headers, question, answer, err);
}

bool ncm_answer_is_lfs_pointer(const char *data, size_t size)
{
	static const char start[] = "version https://git-lfs";

	return size >= sizeof start - 1 && memcmp(data, start, sizeof start - 1) == 0;
}

/* Its words with single spaces between them. The caller frees it. */
static char *one_line(const char *text, size_t size)
{
	char *line = ncm_strndup(text, size);
	char *end = line;

	for (const char *c = line; *c; c++) {
		if (!isspace((unsigned char)*c))
			*end++ = *c;
		else if (end > line && end[-1] != ' ')
			*end++ = ' ';
	}
	end -= end > line && end[-1] == ' ';
	*end = '\0';
	return line;
}

void ncm_answer_explain(const char *headers, const char *body, size_t size, const struct ncm_question *question,
			struct ncm_error *err)
{
	const char *kind = has_type(headers, "text/html")          ? "a web page"
			   : has_type(headers, "application/json") ? "a JSON text"
								   : NULL;
	uint64_t length = 0;
	NCM_AUTO_FREE char *shown = one_line(body, size > SHOWN_OF_BODY ? SHOWN_OF_BODY : size);

	if (ncm_answer_is_lfs_pointer(body, size)) {
		ncm_error_set(err, NCM_E_NOT_FOUND, "the server sent a Git LFS pointer instead of the file");
		ncm_error_hint(
		    err,
		    "the URL names the raw git content; use the repository's download URL (\"resolve\", not \"raw\")");
	} else if (kind) {
		ncm_error_set(err, NCM_E_NOT_FOUND, "the server sent %s instead of the file: \"%s\"", kind, shown);
		ncm_error_hint(
		    err,
		    "it may want a token or a log-in, or a captive portal is in between; open the URL in a browser");
	} else if (content_length(headers, &length)) {
		set_size_error(question->size, length, err);
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "UTF-8'en'na%C3%AFve.bin" (RFC 8187). */
static char *decode_extended(const char *value)
{
	struct ncm_buffer out = {0};
	const char *text = strchr(value, '\'');

	if (!text || !(text = strchr(text + 1, '\'')) || strncasecmp(value, "utf-8'", 6) != 0)
		return NULL;
	for (text++; *text; text++) {
		int high = *text == '%' ? hex_digit(text[1]) : -1;
		int low = high >= 0 ? hex_digit(text[2]) : -1;
		char byte = low >= 0 ? (char)(high * 16 + low) : *text;

		if (byte == '\0')
			break;
		ncm_buffer_add(&out, &byte, 1);
		text += low >= 0 ? 2 : 0;
	}
	return ncm_buffer_take(&out);
}

/* A parameter's value at *at, a quoted string or a token; *at is moved behind it. */
static char *parameter_value(const char **at)
{
	struct ncm_buffer out = {0};
	const char *c = *at;

	if (*c == '"') {
		for (c++; *c && *c != '"'; c++) {
			if (*c == '\\' && c[1])
				c++;
			ncm_buffer_add(&out, c, 1);
		}
		c += *c == '"';
	} else {
		size_t length = strcspn(c, "; \t");

		ncm_buffer_add(&out, c, length);
		c += length;
	}
	*at = c;
	return ncm_buffer_take(&out);
}

char *ncm_disposition_name(const char *value)
{
	NCM_AUTO_FREE char *plain = NULL, *extended = NULL;
	const char *at = value + strcspn(value, ";");
	char **best;
	char *name;

	while (*at) {
		size_t length;
		char **slot = NULL;
		NCM_AUTO_FREE char *text = NULL;

		at += strspn(at, "; \t");
		length = strcspn(at, "=; \t");
		if (length == 9 && strncasecmp(at, "filename*", 9) == 0)
			slot = &extended;
		else if (length == 8 && strncasecmp(at, "filename", 8) == 0)
			slot = &plain;
		at += length;
		at += strspn(at, " \t");
		if (*at != '=')
			continue;
		at++;
		at += strspn(at, " \t");
		text = parameter_value(&at);
		if (slot && !*slot)
			*slot = slot == &extended ? decode_extended(text) : ncm_strdup(text);
	}
	best = extended && *extended ? &extended : &plain;
	name = *best && **best ? *best : NULL;
	if (name)
		*best = NULL;
	return name;
}

enum { LONGEST_WORDS = 200 };

static const char *first_text(const json_t *value)
{
	if (json_is_array(value))
		value = json_array_get(value, 0);
	if (json_is_object(value))
		value = json_object_get(value, "message");
	return json_string_value(value);
}

static const char *start_of(const struct ncm_reply *reply)
{
	return reply->body ? reply->body + strspn(reply->body, " \t\r\n") : "";
}

char *ncm_reply_complaint(const struct ncm_reply *reply)
{
	static const char *const members[] = {"message", "error", "errors"};
	NCM_AUTO_JSON json_t *root = NULL;

	if (*start_of(reply) == '<' || *start_of(reply) == '\0')
		return NULL;
	root = ncm_json_parse(reply->body, reply->body_size, "answer", NCM_E_PROTOCOL, NULL);
	for (size_t i = 0; root && i < sizeof members / sizeof *members; i++) {
		const char *text = first_text(json_object_get(root, members[i]));

		if (text && *text)
			return ncm_strdup(text);
	}
	return NULL;
}

/* What stands in an element, of S3's XML or of a page. */
static char *element(const char *text, const char *name)
{
	NCM_AUTO_FREE char *open = ncm_asprintf("<%s>", name);
	const char *start = strcasestr(text, open);

	if (!start)
		return NULL;
	start += strlen(open);
	return ncm_strndup(start, strcspn(start, "<"));
}

static bool is_web_address(const char *word, const char *end)
{
	const char *mark = strstr(word, "://");

	return mark && mark < end;
}

/* The first line of it, not too long, and of addresses no query: it may be a signature. */
static char *presentable(const char *text)
{
	struct ncm_buffer out = {0};
	NCM_AUTO_FREE char *line = NULL;

	text += strspn(text, " \t\r\n");
	line = ncm_strndup(text, strcspn(text, "\r\n"));
	line[ncm_utf8_fit(line, LONGEST_WORDS)] = '\0';
	for (const char *word = line; *word;) {
		const size_t gap = strspn(word, " \t"), size = gap + strcspn(word + gap, " \t");
		const size_t query = strcspn(word, "?");

		if (query < size && is_web_address(word, word + query)) {
			ncm_buffer_add(&out, word, query);
			ncm_buffer_puts(&out, "?…");
		} else {
			ncm_buffer_add(&out, word, size);
		}
		word += size;
	}
	return ncm_buffer_take(&out);
}

char *ncm_reply_words(const struct ncm_reply *reply)
{
	const char *text = start_of(reply);
	NCM_AUTO_FREE char *found = ncm_reply_complaint(reply);

	if (!found && *text == '<')
		found = element(text, "Message");
	if (!found && *text == '<')
		found = element(text, "title");
	if (!found && *text && !strchr("<{[", *text) && strlen(reply->body) == reply->body_size)
		found = ncm_strdup(text);
	return found && found[strspn(found, " \t\r\n")] ? presentable(found) : NULL;
}
