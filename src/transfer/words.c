/* SPDX-License-Identifier: MIT */
/* What an error answer says for people. */
#include "transfer/http.h"

#include "base/buffer.h"
#include "base/escape.h"
#include "base/json.h"
#include "base/mem.h"

#include <string.h>
#include <strings.h>

enum { LONGEST = 200 };

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
	line[ncm_utf8_fit(line, LONGEST)] = '\0';
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
