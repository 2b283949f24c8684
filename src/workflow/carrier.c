/* SPDX-License-Identifier: MIT */
/* Where in a file a graph lies. */
#include "workflow/workflow.h"

#include "base/mem.h"

#include <errno.h>
#include <ncmodel/limits.h>
#include <string.h>
#include <strings.h>

void workflow_texts_free(struct workflow_texts *texts)
{
	free(texts->editor);
	free(texts->server);
	*texts = (struct workflow_texts){0};
}

static bool begins(const char *head, size_t size, size_t at, const char *mark)
{
	return size >= at + strlen(mark) && memcmp(head + at, mark, strlen(mark)) == 0;
}

enum workflow_carrier workflow_carrier_of(const struct ncm_bytes *bytes)
{
	char head[16] = "";
	const ssize_t got = ncm_bytes_read_all(bytes, head, sizeof head, 0);
	const size_t size = got < 0 ? 0 : (size_t)got;

	if (begins(head, size, 0, "\x89PNG\r\n\x1a\n"))
		return WORKFLOW_PNG;
	if ((begins(head, size, 0, "RIFF") && begins(head, size, 8, "WEBP")) || begins(head, size, 0, "\xff\xd8\xff"))
		return WORKFLOW_EXIF;
	if (begins(head, size, 0, "\x1a\x45\xdf\xa3"))
		return WORKFLOW_MATROSKA;
	if (begins(head, size, 4, "ftyp"))
		return WORKFLOW_MP4;
	for (size_t i = begins(head, size, 0, "\xef\xbb\xbf") ? 3 : 0; i < size; i++) {
		if (!strchr(" \t\r\n", head[i]))
			return head[i] == '{' ? WORKFLOW_JSON : WORKFLOW_NONE;
	}
	return WORKFLOW_NONE;
}

char *workflow_bytes(const struct ncm_bytes *bytes, uint64_t at, uint64_t size, struct ncm_error *err)
{
	char *text;
	ssize_t got;

	if (size > NCM_LIMIT_WORKFLOW_BYTES) {
		ncm_error_set(err, NCM_E_MANIFEST, "the workflow in it is larger than %u bytes",
			      NCM_LIMIT_WORKFLOW_BYTES);
		return NULL;
	}
	text = ncm_malloc((size_t)size + 1);
	got = ncm_bytes_read_all(bytes, text, (size_t)size, at);
	if (got == (ssize_t)size) {
		text[size] = '\0';
		return text;
	}
	free(text);
	if (got < 0)
		ncm_error_errno(err, errno, "it cannot be read");
	else
		ncm_error_set(err, NCM_E_MANIFEST, "it is cut off");
	return NULL;
}

/* PNG's tEXt is Latin-1 by the book. The caller frees it. */
static char *as_utf8(const char *text, size_t size)
{
	json_t *string = json_stringn(text, size);
	char *utf8 = string ? ncm_strndup(text, size) : ncm_malloc(2 * size + 1), *to = utf8;

	for (size_t i = 0; !string && i < size; i++) {
		const unsigned char byte = (unsigned char)text[i];

		if (byte >= 0x80)
			*to++ = (char)(0xc0 | byte >> 6);
		*to++ = (char)(byte < 0x80 ? byte : 0x80 | (byte & 0x3f));
	}
	if (!string)
		*to = '\0';
	json_decref(string);
	return utf8;
}

/* Pieces of a text in a text: VideoHelperSuite's comment is {"prompt": …, "workflow": …}, each as a value or a text. */
static void take_comment(struct workflow_texts *texts, const char *text)
{
	NCM_AUTO_JSON json_t *comment = workflow_parse(text, strlen(text), "the comment", NULL);
	const char *key;
	json_t *value;

	json_object_foreach(comment, key, value)
	{
		NCM_AUTO_FREE char *dumped = json_is_object(value) ? json_dumps(value, JSON_COMPACT) : NULL;
		const char *inner = dumped ? dumped : json_string_value(value);

		if (inner && strcasecmp(key, "comment") != 0)
			workflow_offer(texts, key, strlen(key), inner, strlen(inner));
	}
}

static void keep(char **text, const char *value, size_t size)
{
	if (!*text)
		*text = as_utf8(value, size);
}

static bool is_key(const char *key, size_t size, const char *name)
{
	return size == strlen(name) && strncasecmp(key, name, size) == 0;
}

bool workflow_wants(const char *key, size_t size)
{
	return is_key(key, size, "workflow") || is_key(key, size, "prompt") || is_key(key, size, "comment");
}

void workflow_offer(struct workflow_texts *texts, const char *key, size_t key_size, const char *value, size_t size)
{
	if (is_key(key, key_size, "workflow")) {
		keep(&texts->editor, value, size);
	} else if (is_key(key, key_size, "prompt")) {
		keep(&texts->server, value, size);
	} else if (is_key(key, key_size, "comment") && size > 0 && *value == '{') {
		NCM_AUTO_FREE char *text = as_utf8(value, size);

		take_comment(texts, text);
	}
}

/* Which of the two forms a JSON text is, is seen when it is read. */
static int take_json(const struct ncm_bytes *bytes, struct workflow_texts *texts, struct ncm_error *err)
{
	char mark[3];
	const bool marked =
	    ncm_bytes_read_all(bytes, mark, sizeof mark, 0) == 3 && memcmp(mark, "\xef\xbb\xbf", 3) == 0;

	texts->editor = workflow_bytes(bytes, marked ? 3 : 0, bytes->size - (marked ? 3 : 0), err);
	return texts->editor ? 0 : -1;
}

int workflow_texts_take(const struct ncm_bytes *bytes, enum workflow_carrier carrier, struct workflow_texts *texts,
			struct ncm_error *err)
{
	switch (carrier) {
	case WORKFLOW_NONE:
		return 0;
	case WORKFLOW_JSON:
		return take_json(bytes, texts, err);
	case WORKFLOW_PNG:
		return workflow_take_png(bytes, texts, err);
	case WORKFLOW_EXIF:
		return workflow_take_exif(bytes, texts, err);
	case WORKFLOW_MATROSKA:
		return workflow_take_matroska(bytes, texts, err);
	case WORKFLOW_MP4:
		return workflow_take_mp4(bytes, texts, err);
	}
	return 0;
}
