/* SPDX-License-Identifier: MIT */
/*
 * Which of several files are one model: the parts of a split one ("model-00001-of-00003.gguf"), what lies beside it.
 */
#include "inspect/work.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum {
	DIGITS = 5,
	MOST_PARTS = 2048, /* of one model: four times what any has */
};

static bool are_digits(const char *text)
{
	for (size_t i = 0; i < DIGITS; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
	}
	return true;
}

/* Where "-00001-of-00003" stands in a name; NULL: it is no part. *count is the second number. */
static const char *part_number(const char *name, unsigned *count)
{
	for (const char *at = strstr(ncm_path_base(name), "-of-"); at; at = strstr(at + 1, "-of-")) {
		if (at - ncm_path_base(name) > DIGITS && at[-DIGITS - 1] == '-' && are_digits(at - DIGITS) &&
		    are_digits(at + 4) && at[4 + DIGITS] == '.') {
			*count = (unsigned)strtoul(at + 4, NULL, 10);
			return at - DIGITS - 1;
		}
	}
	return NULL;
}

static char *beside(const char *name, const char *other)
{
	NCM_AUTO_FREE char *folder = strchr(name, '/') ? ncm_path_folder(name) : NULL;

	return ncm_path_join(folder, other);
}

static char *offered_beside(const char *name, const char *other, const struct ncm_strings *offered)
{
	char *path = beside(name, other);

	if (ncm_strings_contain(offered, path))
		return path;
	free(path);
	return NULL;
}

static bool is_projector(const char *name)
{
	return strcasestr(ncm_path_base(name), "mmproj") != NULL;
}

static bool is_in_folder_of(const char *name, const char *other)
{
	const size_t length = (size_t)(ncm_path_base(other) - other);

	return (size_t)(ncm_path_base(name) - name) == length && strncmp(name, other, length) == 0;
}

static void find_projector(const char *name, const struct ncm_strings *offered, struct parts *parts)
{
	for (size_t i = 0; i < offered->count && !parts->projector; i++) {
		const char *other = offered->items[i];

		if (is_projector(other) && ncm_path_has_suffix(other, ".gguf") && is_in_folder_of(other, name))
			parts->projector = ncm_strdup(other);
	}
}

static void find_index(const char *name, const struct ncm_strings *offered, struct parts *parts)
{
	static const char *const names[] = {"model.safetensors.index.json", "pytorch_model.bin.index.json",
					    "diffusion_pytorch_model.safetensors.index.json"};

	for (size_t i = 0; i < sizeof names / sizeof *names && !parts->index; i++)
		parts->index = offered_beside(name, names[i], offered);
}

static void add_parts(const char *name, struct parts *parts)
{
	unsigned count = 0;
	const char *number = part_number(name, &count);

	if (!number || count == 0 || count > MOST_PARTS) {
		ncm_strings_add(&parts->names, name);
		return;
	}
	for (unsigned i = 1; i <= count; i++)
		ncm_strings_take(&parts->names,
				 ncm_asprintf("%.*s-%05u%s", (int)(number - name), name, i, number + 1 + DIGITS));
}

void parts_of(const char *name, const struct ncm_strings *offered, struct parts *parts)
{
	unsigned count;

	add_parts(name, parts);
	if (ncm_path_has_suffix(name, ".gguf")) {
		if (!is_projector(name))
			find_projector(name, offered, parts);
		return;
	}
	parts->config = offered_beside(name, "config.json", offered);
	if (!part_number(name, &count))
		find_index(name, offered, parts);
}

/* How good a file is to begin with: language models come as GGUF before they come as anything else. 0: not at all. */
static unsigned rank(const char *name)
{
	static const char *const endings[] = {".onnx", ".pth", ".pt", ".ckpt", ".bin", ".sft", ".safetensors", ".gguf"};

	if (is_projector(name))
		return 0;
	for (unsigned i = sizeof endings / sizeof *endings; i-- > 0;) {
		if (ncm_path_has_suffix(name, endings[i]))
			return i + 1;
	}
	return 0;
}

bool parts_choose(const struct ncm_strings *offered, struct parts *parts)
{
	const char *best = NULL;

	for (size_t i = 0; i < offered->count; i++) {
		const char *name = offered->items[i];

		if (rank(name) > 0 &&
		    (!best || rank(name) > rank(best) || (rank(name) == rank(best) && strcmp(name, best) < 0)))
			best = name;
	}
	for (size_t i = 0; !best && i < offered->count; i++)
		best = is_projector(offered->items[i]) ? offered->items[i] : NULL;
	if (best)
		parts_of(best, offered, parts);
	return best != NULL;
}

void parts_index(struct parts *parts, const json_t *index)
{
	const json_t *map = json_object_get(index, "weight_map");
	struct ncm_strings names = {0};
	const char *key;
	const json_t *value;

	if (!json_is_object(map) || parts->names.count == 0)
		return;
	json_object_foreach((json_t *)map, key, value)
	{
		/* Hundreds of tensors name the same file, one after the other. */
		if (json_is_string(value) && !strchr(json_string_value(value), '/') &&
		    (names.count == 0 || strcmp(names.items[names.count - 1], json_string_value(value)) != 0))
			ncm_strings_add(&names, json_string_value(value));
	}
	ncm_strings_unite(&names);
	for (size_t i = 0; i < names.count && i < MOST_PARTS; i++) {
		char *path = beside(parts->names.items[0], names.items[i]);

		if (ncm_strings_contain(&parts->names, path))
			free(path);
		else
			ncm_strings_take(&parts->names, path);
	}
	ncm_strings_free(&names);
}

void parts_clear(struct parts *parts)
{
	ncm_strings_free(&parts->names);
	free(parts->config);
	free(parts->index);
	free(parts->projector);
	*parts = (struct parts){0};
}
