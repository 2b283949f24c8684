/* SPDX-License-Identifier: MIT */
/*
 * S3's answers are flat documents: lists of elements whose elements have text. A parser of all of XML would be a
 * dependency for entities that nobody sends; what this one does not know it does not find.
 */
#include "cache/work.h"

#include "base/buffer.h"
#include "base/mem.h"

#include <string.h>

struct xml_part xml_of(const struct ncm_reply *reply)
{
	const char *text = reply->body ? reply->body : "";

	return (struct xml_part){text, text + strlen(text)};
}

static const char *find(const char *at, const char *end, const char *text, size_t size)
{
	for (; (size_t)(end - at) >= size; at++) {
		at = memchr(at, text[0], (size_t)(end - at) - size + 1);
		if (!at)
			return NULL;
		if (memcmp(at, text, size) == 0)
			return at;
	}
	return NULL;
}

/* Behind the start tag of that name ("<Name>", "<Name xmlns=…>"); NULL: there is none, or it is empty ("<Name/>"). */
static const char *behind_start(const char *at, const char *end, const char *name)
{
	const size_t size = strlen(name);

	while ((at = find(at, end, "<", 1))) {
		const char *stop = ++at + size;

		if ((size_t)(end - at) <= size || memcmp(at, name, size) != 0 || !strchr("> \t\r\n", *stop) || !*stop)
			continue;
		stop = find(stop, end, ">", 1);
		return !stop || stop[-1] == '/' ? NULL : stop + 1;
	}
	return NULL;
}

bool xml_next(struct xml_part *rest, const char *name, struct xml_part *inside)
{
	NCM_AUTO_FREE char *close = ncm_asprintf("</%s>", name);
	const char *start = behind_start(rest->at, rest->end, name);
	const char *end = start ? find(start, rest->end, close, strlen(close)) : NULL;

	if (!end)
		return false;
	*inside = (struct xml_part){start, end};
	rest->at = end + strlen(close);
	return true;
}

static const struct {
	const char *name;
	char means;
} entities[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};

/* "&#34;", "&#x22;": of ASCII alone, for keys and tags of ours have no more. Returns its length, or 0. */
static size_t take_number(const char *at, const char *end, struct ncm_buffer *text)
{
	const bool hex = end - at > 3 && at[2] == 'x';
	const char *digits = at + (hex ? 3 : 2);
	char *stop;
	unsigned long value;

	if (end - at < 4 || at[1] != '#')
		return 0;
	value = strtoul(digits, &stop, hex ? 16 : 10);
	if (stop == digits || stop >= end || *stop != ';' || value == 0 || value > 0x7f)
		return 0;
	ncm_buffer_add(text, &(const char){(char)value}, 1);
	return (size_t)(stop - at) + 1;
}

static size_t take_entity(const char *at, const char *end, struct ncm_buffer *text)
{
	for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
		const size_t size = strlen(entities[i].name);

		if ((size_t)(end - at) < size || memcmp(at, entities[i].name, size) != 0)
			continue;
		ncm_buffer_add(text, &entities[i].means, 1);
		return size;
	}
	return take_number(at, end, text);
}

char *xml_text(struct xml_part part, const char *name)
{
	struct xml_part inside;
	struct ncm_buffer text = {0};

	if (!xml_next(&part, name, &inside))
		return NULL;
	while (inside.at < inside.end) {
		const size_t size = *inside.at == '&' ? take_entity(inside.at, inside.end, &text) : 0;

		if (size == 0)
			ncm_buffer_add(&text, inside.at, 1);
		inside.at += size > 0 ? size : 1;
	}
	return ncm_buffer_take(&text);
}

bool xml_number(struct xml_part part, const char *name, uint64_t most, uint64_t *value)
{
	NCM_AUTO_FREE char *text = xml_text(part, name);

	return text && ncm_source_number(text, strlen(text), most, value);
}

bool xml_flag(struct xml_part part, const char *name)
{
	NCM_AUTO_FREE char *text = xml_text(part, name);

	return text && strcmp(text, "true") == 0;
}
