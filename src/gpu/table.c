/* SPDX-License-Identifier: MIT */
/* Cards by their names, for plans of machines that are not this one: manifests/gpus.json. */
#include "gpu/gpu.h"

#include "base/json_file.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/path.h"

#include <ctype.h>
#include <string.h>

struct row {
	char *name;
	uint64_t memory; /* MiB */
};

struct rows {
	struct row *items;
	size_t count;
};

static const struct ncm_json_form text = {.kind = NCM_FORM_TEXT, .least = 1, .most = 64};
static const struct ncm_json_form number = {.kind = NCM_FORM_U64, .least = 1, .most = 1 << 20};
static const struct ncm_json_form version = {.kind = NCM_FORM_U64, .least = 1, .most = 1};
static const struct ncm_json_field row_fields[] = {
    {"name", &text, offsetof(struct row, name), true, 0},
    {"memory_mib", &number, offsetof(struct row, memory), true, 0},
};
static const struct ncm_json_form row = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(row_fields)};
static const struct ncm_json_form list = {.kind = NCM_FORM_LIST, .of = &row, .size = sizeof(struct row), .most = 1024};
static const struct ncm_json_form schema = {.kind = NCM_FORM_TEXT};
static const struct ncm_json_field table_fields[] = {
    {"$schema", &schema, NCM_NOT_KEPT, false, 0},
    {"schema_version", &version, NCM_NOT_KEPT, true, 0},
    {"gpus", &list, NCM_ITEMS(struct rows, items, count), true, 0},
};
static const struct ncm_json_form table = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(table_fields)};

/* "NVIDIA GeForce RTX 3060" and "rtx3060" are one: letters and digits of what is behind the makers' words. */
static char *plain(const char *name)
{
	static const char *const makers[] = {"nvidia", "geforce", "amd", "radeon", "intel"};
	char *plain = ncm_calloc(1, strlen(name) + 1);
	size_t size = 0;

	for (; *name; name++) {
		if (isalnum((unsigned char)*name))
			plain[size++] = (char)tolower((unsigned char)*name);
	}
	for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
		const size_t length = strlen(makers[i]);

		if (strncmp(plain, makers[i], length) == 0 && plain[length])
			memmove(plain, plain + length, strlen(plain + length) + 1);
	}
	return plain;
}

static const struct row *find(const struct rows *rows, const char *name)
{
	NCM_AUTO_FREE char *wanted = plain(name);

	for (size_t i = 0; i < rows->count; i++) {
		NCM_AUTO_FREE char *has = plain(rows->items[i].name);

		if (strcmp(has, wanted) == 0)
			return &rows->items[i];
	}
	return NULL;
}

static void refuse(const struct rows *rows, const char *name, struct ncm_error *err)
{
	struct ncm_nearest nearest = {.to = name};
	NCM_AUTO_FREE char *list_text = NULL;

	for (size_t i = 0; i < rows->count; i++)
		ncm_nearest_offer(&nearest, rows->items[i].name);
	list_text = ncm_nearest_list(&nearest);
	ncm_error_set(err, NCM_E_USAGE, "no graphics card is known by the name \"%s\"", name);
	if (list_text)
		ncm_error_hint(err, "did you mean %s? Else say its memory: --vram 12GB", list_text);
	else
		ncm_error_hint(err, "say its memory: --vram 12GB");
}

static struct ncm_gpu_list *list_of(const struct row *found)
{
	struct ncm_gpu_list *cards = ncm_calloc(1, sizeof *cards);
	struct ncm_gpu *card = gpu_add(cards);

	gpu_read_memory("", cards);
	card->name = ncm_strdup(found->name);
	card->told_by = "table";
	card->has_total = true;
	card->total = found->memory << 20;
	return cards;
}

struct ncm_gpu_list *ncm_gpu_named(const struct ncm_config *config, const char *name, struct ncm_error *err)
{
	NCM_AUTO_FREE char *path = ncm_path_join(config->data_dir, "gpus.json");
	struct rows rows = {0};
	struct ncm_gpu_list *cards = NULL;
	const int failed = ncm_json_read_file(path, &table, &rows, NULL, NCM_E_MANIFEST, err);
	const struct row *found = failed ? NULL : find(&rows, name);

	if (found)
		cards = list_of(found);
	else if (!failed)
		refuse(&rows, name, err);
	else
		ncm_error_hint(err, "it comes with the program; say the card's memory instead: --vram 12GB");
	for (size_t i = 0; i < rows.count; i++)
		free(rows.items[i].name);
	free(rows.items);
	return cards;
}
