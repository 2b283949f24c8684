/* SPDX-License-Identifier: MIT */
/* What is kept of a header, within bounds. */
#include "base/mem.h"
#include "format/parts.h"

#include <string.h>

/* Arrays double, so what they grow to is told twice. */
static bool has_room(struct ncm_contents *contents, size_t size)
{
	if (size > NCM_CONTENTS_BYTES - contents->taken)
		return false;
	contents->taken += size;
	return true;
}

void *contents_take(struct ncm_contents *contents, size_t size)
{
	return has_room(contents, size) ? ncm_arena_take(&contents->arena, size) : NULL;
}

char *contents_text(struct ncm_contents *contents, const char *text, size_t size)
{
	const size_t length = strnlen(text, size);
	char *copy = contents_take(contents, length + 1);

	if (copy) {
		memcpy(copy, text, length);
		copy[length] = '\0';
	}
	return copy;
}

struct ncm_metadata *contents_value(struct ncm_contents *contents, const char *key)
{
	struct ncm_metadata *value;

	if (!has_room(contents, sizeof *value))
		return NULL;
	value = NCM_PUSH(contents->metadata, contents->metadata_count);
	value->key = (char *)key;
	return value;
}

struct ncm_tensor *contents_tensor(struct ncm_contents *contents, const char *name)
{
	struct ncm_tensor *tensor;

	if (!has_room(contents, sizeof *tensor))
		return NULL;
	tensor = NCM_PUSH(contents->tensors, contents->tensor_count);
	tensor->name = name;
	return tensor;
}

size_t contents_cut(const char *text, size_t size, size_t most)
{
	if (size <= most)
		return size;
	while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80)
		most--;
	return most;
}

void ncm_contents_clear(struct ncm_contents *contents)
{
	ncm_arena_free(&contents->arena);
	free(contents->metadata);
	free(contents->tensors);
	ncm_strings_free(&contents->imports);
	ncm_strings_free(&contents->unsafe_imports);
	*contents = (struct ncm_contents){0};
}
