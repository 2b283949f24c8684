/* SPDX-License-Identifier: MIT */
/*
 * A features file of Kubernetes' node feature discovery (features.d/NAME): a line "key=value" each, which becomes the
 * label feature.node.kubernetes.io/key. Keys and values have at most 63 of [A-Za-z0-9._-], the first and last of them a
 * letter or digit. A file of more than 64 KiB is not read at all: models that it has no room for are counted instead.
 */
#include "node/node.h"

#include "digest/hash.h"

#include <stdio.h>
#include <string.h>

enum { LABEL = 63, TAIL = 8, FILE_MOST = 64 << 10, LINE_MOST = 2 * LABEL + 2 };
#define MODEL "ncmodel-model."

static bool is_letter(char letter)
{
	return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9');
}

/*
 * The text as the end of a label that has `room` for it: '-' is put for what it may not have. One that is not as it was
 * gets digits of its digest, so that two do not become one.
 */
static void slug(const char *text, size_t room, char label[LABEL + 1])
{
	struct ncm_sha256 digest;
	char hex[NCM_SHA256_HEX + 1];
	size_t length = 0;

	for (const char *at = text; *at && length < room; at++, length++)
		label[length] = is_letter(*at) || strchr("._-", *at) ? *at : '-';
	label[length] = '\0';
	if (strcmp(label, text) == 0 && length > 0 && is_letter(label[0]) && is_letter(label[length - 1]))
		return;
	length += length == 0;
	if (!is_letter(label[0]))
		label[0] = 'x';
	if (length > room - TAIL - 1)
		length = room - TAIL - 1;
	ncm_sha256_of(text, strlen(text), &digest);
	snprintf(label + length, LABEL + 1 - length, "-%.*s", TAIL, ncm_sha256_hex(&digest, hex));
}

static void line(const char *key, const char *value, struct ncm_buffer *out)
{
	char label[LABEL + 1];

	slug(value, LABEL, label);
	ncm_buffer_printf(out, "%s=%s\n", key, label);
}

static void number(const json_t *record, const char *key, const char *member, struct ncm_buffer *out)
{
	const json_t *value = json_object_get(record, member);

	if (json_is_integer(value))
		ncm_buffer_printf(out, "%s=%lld\n", key, (long long)json_integer_value(value));
}

/* Its value says whether it is in memory; not told where that is not known. */
static void model_line(const json_t *model, struct ncm_buffer *out)
{
	const char *id = ncm_json_string(model, "id");
	const json_t *loaded = json_object_get(model, "is_loaded");
	char label[LABEL + 1];

	slug(id, LABEL - (sizeof MODEL - 1), label);
	ncm_buffer_printf(out, MODEL "%s=%s\n", label, json_is_true(loaded) ? "loaded" : "present");
}

static void model_lines(const json_t *models, struct ncm_buffer *out)
{
	const char *before = "";
	size_t i, left_out = 0;
	json_t *model;

	json_array_foreach(models, i, model)
	{
		const char *id = ncm_json_string(model, "id");

		if (strcmp(id, before) == 0)
			continue;
		before = id;
		/* one line is kept for the number */
		if (out->size > FILE_MOST - 2 * LINE_MOST)
			left_out++;
		else
			model_line(model, out);
	}
	if (left_out > 0)
		ncm_buffer_printf(out, "ncmodel-models.left-out=%zu\n", left_out);
}

void node_nfd(const json_t *record, struct ncm_buffer *out)
{
	const char *gpu = ncm_json_string(record, "gpu_model");
	const char *key;
	json_t *able;

	if (gpu)
		line("ncmodel-gpu.product", gpu, out);
	number(record, "ncmodel-gpu.count", "gpu_count", out);
	number(record, "ncmodel-gpu.memory-mib", "gpu_vram_mb", out);
	json_object_foreach(json_object_get(record, "capabilities"), key, able)
	    ncm_buffer_printf(out, "ncmodel-can.%s=%s\n", key, json_is_true(able) ? "true" : "false");
	model_lines(json_object_get(record, "models"), out);
}
