/* SPDX-License-Identifier: MIT */
/* Tags of Matroska and WebM (RFC 9559, 5.1.8; RFC 8794): Segment, Tags, Tag, SimpleTag, TagName and TagString. */
#include "workflow/workflow.h"

#include "base/mem.h"

enum {
	SEGMENT = 0x18538067,
	TAGS = 0x1254c367,
	TAG = 0x7373,
	SIMPLE_TAG = 0x67c8,
	NAME = 0x45a3,
	STRING = 0x4487,
	MOST_ELEMENTS = 1000000,
	LONGEST_NAME = 256,
	DEEPEST = 8,
};

struct element {
	uint32_t id;
	uint64_t at, size; /* of its content */
};

/* A part of a file, and where the next element of it begins. */
struct part {
	const struct ncm_bytes *bytes;
	uint64_t at, end;
	size_t *left; /* elements that may still be looked at, of the whole file */
};

/* A number whose first byte tells by its leading zeros how long it is. 0: none. */
static size_t read_number(const struct part *part, uint64_t at, bool with_mark, uint64_t *value)
{
	unsigned char bytes[8];
	size_t length = 1;

	if (at >= part->end || ncm_bytes_read_all(part->bytes, bytes, 1, at) != 1 || bytes[0] == 0)
		return 0;
	while (!(bytes[0] & 0x80 >> (length - 1)))
		length++;
	if (length > part->end - at || ncm_bytes_read_all(part->bytes, bytes, length, at) != (ssize_t)length)
		return 0;
	*value = with_mark ? bytes[0] : bytes[0] & (0xffu >> length);
	for (size_t i = 1; i < length; i++)
		*value = *value << 8 | bytes[i];
	return length;
}

/* An element of unknown size (all bits one) goes to the end of what it is in. */
static bool next(struct part *part, struct element *element)
{
	uint64_t id, size;
	const size_t id_length = read_number(part, part->at, true, &id);
	const size_t size_length = id_length ? read_number(part, part->at + id_length, false, &size) : 0;
	uint64_t room;

	if (size_length == 0 || id > UINT32_MAX || *part->left == 0)
		return false;
	(*part->left)--;
	element->id = (uint32_t)id;
	element->at = part->at + id_length + size_length;
	room = part->end - element->at;
	element->size = size == (UINT64_C(1) << 7 * size_length) - 1 || size > room ? room : size;
	part->at = element->at + element->size;
	return true;
}

static struct part inside(const struct part *part, const struct element *element)
{
	return (struct part){part->bytes, element->at, element->at + element->size, part->left};
}

static int take_simple_tag(struct part part, struct workflow_texts *texts, struct ncm_error *err)
{
	NCM_AUTO_FREE char *name = NULL;
	NCM_AUTO_FREE char *text = NULL;
	struct element element, name_at = {0}, text_at = {0};

	while (next(&part, &element)) {
		name_at = element.id == NAME ? element : name_at;
		text_at = element.id == STRING ? element : text_at;
	}
	if (name_at.size == 0 || name_at.size > LONGEST_NAME || text_at.size == 0)
		return 0;
	name = workflow_bytes(part.bytes, name_at.at, name_at.size, err);
	if (!name)
		return -1;
	if (!workflow_wants(name, (size_t)name_at.size))
		return 0;
	text = workflow_bytes(part.bytes, text_at.at, text_at.size, err);
	if (!text)
		return -1;
	workflow_offer(texts, name, (size_t)name_at.size, text, (size_t)text_at.size);
	return 0;
}

/* Down to the tags; what else is there is passed over by its size. */
static int take_part(struct part part, unsigned depth, struct workflow_texts *texts, struct ncm_error *err)
{
	struct element element;

	while (depth < DEEPEST && next(&part, &element)) {
		const bool leads = element.id == SEGMENT || element.id == TAGS || element.id == TAG;

		if (leads && take_part(inside(&part, &element), depth + 1, texts, err) < 0)
			return -1;
		if (element.id == SIMPLE_TAG && take_simple_tag(inside(&part, &element), texts, err) < 0)
			return -1;
	}
	return 0;
}

int workflow_take_matroska(const struct ncm_bytes *bytes, struct workflow_texts *texts, struct ncm_error *err)
{
	size_t left = MOST_ELEMENTS;

	return take_part((struct part){bytes, 0, bytes->size, &left}, 0, texts, err);
}
