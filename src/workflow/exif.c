/* SPDX-License-Identifier: MIT */
/*
 * EXIF (TIFF 6.0, section 2) in WebP's and JPEG's segments: ComfyUI writes "workflow:{…}" and "prompt:{…}" into texts
 * of the first directory (comfy_extras/nodes_images.py: Make, Model and those before them).
 */
#include "workflow/workflow.h"

#include "base/mem.h"

#include <string.h>

enum { ENTRY = 12, ASCII = 2, MOST_SEGMENTS = 100000 };

struct tiff {
	const unsigned char *data;
	size_t size;
	bool little;
};

/* 0 past the end, where nothing is. */
static uint32_t number(const struct tiff *tiff, size_t at, size_t width)
{
	uint32_t value = 0;

	if (at > tiff->size || width > tiff->size - at)
		return 0;
	for (size_t i = 0; i < width; i++)
		value = value << 8 | tiff->data[tiff->little ? at + width - 1 - i : at + i];
	return value;
}

/* "KEY:VALUE" */
static void take_text(const char *text, size_t size, struct workflow_texts *texts)
{
	const char *colon = memchr(text, ':', size);

	while (size > 0 && text[size - 1] == '\0')
		size--;
	if (colon && colon < text + size)
		workflow_offer(texts, text, (size_t)(colon - text), colon + 1, size - (size_t)(colon + 1 - text));
}

static void take_tiff(const struct tiff *tiff, struct workflow_texts *texts)
{
	const size_t directory = number(tiff, 4, 4);
	const size_t count = number(tiff, directory, 2);
	size_t left = tiff->size; /* texts of which none lies in another are not more than that */

	for (size_t i = 0; i < count; i++) {
		const size_t entry = directory + 2 + i * ENTRY;
		const size_t size = number(tiff, entry + 4, 4), at = number(tiff, entry + 8, 4);

		if (number(tiff, entry + 2, 2) != ASCII || size <= 4 || size > left || at >= tiff->size ||
		    size > tiff->size - at)
			continue;
		left -= size;
		take_text((const char *)tiff->data + at, size, texts);
	}
}

/* With "Exif\0\0" before it, or not. */
static void take_exif(const char *data, size_t size, struct workflow_texts *texts)
{
	const size_t skipped = size > 6 && memcmp(data, "Exif\0\0", 6) == 0 ? 6 : 0;
	const struct tiff tiff = {(const unsigned char *)data + skipped, size - skipped, data[skipped] == 'I'};

	if (tiff.size > 8 && (memcmp(tiff.data, "II*\0", 4) == 0 || memcmp(tiff.data, "MM\0*", 4) == 0))
		take_tiff(&tiff, texts);
}

/* RIFF: type, size (little-endian), data, filled up to two bytes. */
static int take_webp(const struct ncm_bytes *bytes, struct workflow_texts *texts, struct ncm_error *err)
{
	uint64_t at = 12;

	for (size_t i = 0; i < MOST_SEGMENTS; i++) {
		unsigned char head[8];
		const struct tiff little = {head, sizeof head, true};
		uint64_t size;

		if (ncm_bytes_read_all(bytes, head, sizeof head, at) != sizeof head)
			return 0;
		size = number(&little, 4, 4);
		if (memcmp(head, "EXIF", 4) == 0) {
			NCM_AUTO_FREE char *data = workflow_bytes(bytes, at + sizeof head, size, err);

			if (!data)
				return -1;
			take_exif(data, (size_t)size, texts);
		}
		at += sizeof head + size + size % 2;
	}
	return 0;
}

/* Segments: 0xff, a marker, a size with itself in it; the picture begins behind "start of scan". */
static int take_jpeg(const struct ncm_bytes *bytes, struct workflow_texts *texts, struct ncm_error *err)
{
	enum { APP1 = 0xe1, SCAN = 0xda };
	uint64_t at = 2;

	for (size_t i = 0; i < MOST_SEGMENTS; i++) {
		unsigned char head[4];
		const struct tiff big = {head, sizeof head, false};
		uint64_t size;

		if (ncm_bytes_read_all(bytes, head, sizeof head, at) != sizeof head || head[0] != 0xff ||
		    head[1] == SCAN)
			return 0;
		size = number(&big, 2, 2);
		if (size < 2)
			return 0;
		if (head[1] == APP1) {
			NCM_AUTO_FREE char *data = workflow_bytes(bytes, at + sizeof head, size - 2, err);

			if (!data)
				return -1;
			take_exif(data, (size_t)size - 2, texts);
		}
		at += 2 + size;
	}
	return 0;
}

int workflow_take_exif(const struct ncm_bytes *bytes, struct workflow_texts *texts, struct ncm_error *err)
{
	char first = '\0';

	return ncm_bytes_read_all(bytes, &first, 1, 0) == 1 && first == 'R' ? take_webp(bytes, texts, err)
									    : take_jpeg(bytes, texts, err);
}
