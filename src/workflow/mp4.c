/* SPDX-License-Identifier: MIT */
/*
 * Metadata of MP4 and QuickTime: moov, udta, meta, ilst. An item's type is "©cmt", or the number of a key in `keys`
 * (QuickTime File Format, Metadata; ffmpeg's use_metadata_tags, which ComfyUI's SaveVideo asks for).
 */
#include "workflow/workflow.h"

#include "base/mem.h"

#include <string.h>

enum { MOST_BOXES = 100000, MOST_KEYS = 1000, LONGEST_KEY = 256, DEEPEST = 8 };

struct box {
	char type[4];
	uint64_t at, end; /* of its content */
};

struct search {
	const struct ncm_bytes *bytes;
	struct workflow_texts *texts;
	json_t *keys; /* of the `meta` at hand */
	size_t left;  /* boxes that may still be looked at */
	struct ncm_error *err;
};

static uint64_t number(const unsigned char *bytes, size_t width)
{
	uint64_t value = 0;

	for (size_t i = 0; i < width; i++)
		value = value << 8 | bytes[i];
	return value;
}

/* The box at *at, which moves behind it. False at the end, and where it cannot be told what comes next. */
static bool next(struct search *search, uint64_t *at, uint64_t end, struct box *box)
{
	unsigned char head[16];
	uint64_t size, length = 8;

	if (*at > end || end - *at < length || search->left == 0 ||
	    ncm_bytes_read_all(search->bytes, head, 8, *at) != 8)
		return false;
	search->left--;
	size = number(head, 4);
	if (size == 1) {
		length = 16;
		if (ncm_bytes_read_all(search->bytes, head + 8, 8, *at + 8) != 8)
			return false;
		size = number(head + 8, 8);
	}
	if (size == 0 || size > end - *at)
		size = end - *at;
	if (size < length)
		return false;
	memcpy(box->type, head + 4, sizeof box->type);
	box->at = *at + length;
	box->end = *at + size;
	*at = box->end;
	return true;
}

static bool is(const struct box *box, const char *type)
{
	return memcmp(box->type, type, 4) == 0;
}

/* Version, count, and then each with its size and namespace before it. */
static void read_keys(struct search *search, const struct box *box)
{
	uint64_t at = box->at + 8;

	json_array_clear(search->keys);
	while (at + 8 <= box->end && json_array_size(search->keys) < MOST_KEYS) {
		unsigned char head[8];
		char key[LONGEST_KEY] = "";
		json_t *name;
		uint64_t size;

		if (ncm_bytes_read_all(search->bytes, head, sizeof head, at) != sizeof head)
			return;
		size = number(head, 4);
		if (size < 8 || size > box->end - at)
			return;
		if (size - 8 < sizeof key)
			(void)ncm_bytes_read_all(search->bytes, key, (size_t)size - 8, at + 8);
		name = json_string(key);
		json_array_append_new(search->keys, name ? name : json_string(""));
		at += size;
	}
}

static const char *key_of(const struct search *search, const struct box *item)
{
	const uint64_t index = number((const unsigned char *)item->type, 4);

	if (is(item, "\xa9"
		     "cmt"))
		return "comment";
	return index > 0 ? json_string_value(json_array_get(search->keys, (size_t)index - 1)) : NULL;
}

/* Of the `data` in an item: type, locale, then the value. */
static int take_item(struct search *search, const struct box *item)
{
	const char *key = key_of(search, item);
	uint64_t at = item->at;
	struct box data;

	while (key && workflow_wants(key, strlen(key)) && next(search, &at, item->end, &data)) {
		NCM_AUTO_FREE char *value = NULL;

		if (!is(&data, "data") || data.end - data.at < 8)
			continue;
		value = workflow_bytes(search->bytes, data.at + 8, data.end - data.at - 8, search->err);
		if (!value)
			return -1;
		workflow_offer(search->texts, key, strlen(key), value, (size_t)(data.end - data.at - 8));
	}
	return 0;
}

/* MP4's `meta` has a version before its boxes, QuickTime's has none: then a type stands there. */
static uint64_t start_of_meta(const struct search *search, const struct box *meta)
{
	char head[8] = "";

	(void)ncm_bytes_read_all(search->bytes, head, sizeof head, meta->at);
	return meta->at + (memcmp(head + 4, "hdlr", 4) == 0 ? 0 : 4);
}

static int take_items(struct search *search, const struct box *list)
{
	uint64_t at = list->at;
	struct box item;

	while (next(search, &at, list->end, &item)) {
		if (take_item(search, &item) < 0)
			return -1;
	}
	return 0;
}

static int take_boxes(struct search *search, uint64_t at, uint64_t end, unsigned depth)
{
	struct box box;

	while (depth < DEEPEST && next(search, &at, end, &box)) {
		int failed = 0;

		if (is(&box, "moov") || is(&box, "udta"))
			failed = take_boxes(search, box.at, box.end, depth + 1);
		else if (is(&box, "meta"))
			failed = take_boxes(search, start_of_meta(search, &box), box.end, depth + 1);
		else if (is(&box, "keys"))
			read_keys(search, &box);
		else if (is(&box, "ilst"))
			failed = take_items(search, &box);
		if (failed)
			return -1;
	}
	return 0;
}

int workflow_take_mp4(const struct ncm_bytes *bytes, struct workflow_texts *texts, struct ncm_error *err)
{
	struct search search = {bytes, texts, json_array(), MOST_BOXES, err};
	const int failed = take_boxes(&search, 0, bytes->size, 0);

	json_decref(search.keys);
	return failed;
}
