/* SPDX-License-Identifier: MIT */
#include "transfer/answer.h"

#include "base/mem.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

enum { ETAG_MAX = 256, LENGTH_DIGITS_MAX = 19, SHOWN_OF_BODY = 120 };

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
static bool take_number(const char **text, uint64_t *value)
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

	return value && take_number(&at, length) && *at == '\0';
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

/* A strong entity tag of characters that may go back in a header (RFC 9110, 8.8.3), or NULL. */
static char *strong_etag(const char *headers)
{
	NCM_AUTO_FREE char *value = ncm_header_get(headers, "ETag", 0);
	size_t length = value ? strlen(value) : 0;
	char *taken;

	if (length < 2 || length > ETAG_MAX || value[0] != '"' || value[length - 1] != '"')
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
	return take_number(&at, start) && *at++ == '-' && take_number(&at, end) && *at++ == '/' &&
	       take_number(&at, total) && *at == '\0';
}

int ncm_answer_unsatisfied_size(const char *headers, uint64_t *size)
{
	NCM_AUTO_FREE char *value = ncm_header_get(headers, "Content-Range", 0);
	const char *at = value;

	if (!value || strncasecmp(value, "bytes */", 8) != 0)
		return -1;
	at += 8;
	return take_number(&at, size) && *at == '\0' ? 0 : -1;
}

static enum ncm_verdict_of_answer judge_range(const char *headers, const struct ncm_question *question,
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

static enum ncm_verdict_of_answer judge_whole(int http_major, const char *headers, const struct ncm_question *question,
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

enum ncm_verdict_of_answer ncm_answer_judge(long status, int http_major, const char *headers,
					    const struct ncm_question *question, struct ncm_answer *answer,
					    struct ncm_error *err)
{
	*answer = (struct ncm_answer){.etag = strong_etag(headers)};
	if (question->expect_binary && !question->has_digest &&
	    (has_type(headers, "text/html") || has_type(headers, "application/json")) &&
	    ncm_answer_check_framing(headers, NULL) == 0)
		return NCM_ANSWER_EXPLAIN;
	if (status == 206 && question->ranged)
		return judge_range(headers, question, answer);
	if (status == 206) {
		ncm_error_set(err, NCM_E_PROTOCOL, "the server sends a part although the whole was asked for");
		return NCM_ANSWER_REFUSE;
	}
	return judge_whole(http_major, headers, question, answer, err);
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
