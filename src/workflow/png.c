/* SPDX-License-Identifier: MIT */
/* PNG's chunks of text (PNG specification, 11.3.3): tEXt, zTXt, iTXt. */
#include "workflow/workflow.h"

#include "archive/archive.h"
#include "base/mem.h"

#include <ncmodel/limits.h>
#include <string.h>

enum { SIGNATURE = 8, CHUNK_HEAD = 8, CHUNK_TAIL = 4, MOST_CHUNKS = 1000000, KEYWORD = 79 };

/* What is had from one file, and how much of it may be unpacked yet: small chunks can be made to hold gigabytes. */
struct finds {
	struct workflow_texts *texts;
	size_t left;
};

static uint32_t number(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The text behind `at`, unpacked if it has to be. */
static int take_text(const char *data, size_t size, size_t at, bool packed, struct finds *finds, struct ncm_error *err)
{
	NCM_AUTO_FREE char *unpacked = NULL;
	size_t length = size - at;

	if (packed) {
		const size_t limit = finds->left < NCM_LIMIT_WORKFLOW_BYTES ? finds->left : NCM_LIMIT_WORKFLOW_BYTES;

		unpacked = ncm_archive_inflate(data + at, length, limit, &length, err);
		if (!unpacked)
			return -1;
		finds->left -= length;
	}
	workflow_offer(finds->texts, data, strlen(data), unpacked ? unpacked : data + at, length);
	return 0;
}

/* Where the text of an iTXt begins, behind language and translated keyword; `size` if that does not end. */
static size_t skip_languages(const char *data, size_t size, size_t at)
{
	for (unsigned i = 0; i < 2 && at < size; i++) {
		const char *end = memchr(data + at, '\0', size - at);

		at = end ? (size_t)(end - data) + 1 : size;
	}
	return at;
}

/* The keyword ends with a zero byte, and so has the data one behind it. */
static int take_chunk(const char *type, const char *data, size_t size, struct finds *finds, struct ncm_error *err)
{
	const size_t keyword = strlen(data);

	if (keyword > KEYWORD || keyword + 1 >= size || !workflow_wants(data, keyword))
		return 0;
	if (memcmp(type, "tEXt", 4) == 0)
		return take_text(data, size, keyword + 1, false, finds, err);
	if (memcmp(type, "zTXt", 4) == 0)
		return take_text(data, size, keyword + 2, true, finds, err);
	if (keyword + 3 >= size)
		return 0;
	return take_text(data, size, skip_languages(data, size, keyword + 3), data[keyword + 1] != '\0', finds, err);
}

static bool is_text(const char *type)
{
	return memcmp(type, "tEXt", 4) == 0 || memcmp(type, "zTXt", 4) == 0 || memcmp(type, "iTXt", 4) == 0;
}

int workflow_take_png(const struct ncm_bytes *bytes, struct workflow_texts *texts, struct ncm_error *err)
{
	struct finds finds = {texts, 2 * NCM_LIMIT_WORKFLOW_BYTES}; /* both forms */
	uint64_t at = SIGNATURE;

	for (size_t i = 0; i < MOST_CHUNKS; i++) {
		unsigned char head[CHUNK_HEAD];
		const char *type = (const char *)head + 4;
		uint32_t size;

		if (ncm_bytes_read_all(bytes, head, sizeof head, at) != CHUNK_HEAD || memcmp(type, "IEND", 4) == 0)
			return 0;
		size = number(head);
		if (is_text(type)) {
			NCM_AUTO_FREE char *data = workflow_bytes(bytes, at + CHUNK_HEAD, size, err);

			if (!data || take_chunk(type, data, size, &finds, err) < 0)
				return -1;
		}
		at += (uint64_t)CHUNK_HEAD + size + CHUNK_TAIL;
	}
	return 0;
}
