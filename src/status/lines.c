/* SPDX-License-Identifier: MIT */
#include "status/status.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static struct ncm_status_line *line_of(struct ncm_status_table *table, const char *profile, const char *name)
{
	struct ncm_status_line *line;

	for (size_t i = 0; i < table->count; i++) {
		line = &table->lines[i];
		if (strcmp(line->name, name) == 0 && (!profile || strcmp(line->profile, profile) == 0))
			return line;
	}
	line = NCM_PUSH(table->lines, table->count);
	line->name = ncm_strdup(name);
	line->profile = ncm_strdup_null(profile);
	return line;
}

static void count(struct ncm_status_line *line, const struct ncm_status *status, const struct ncm_model *model,
		  const struct ncm_reg_model *here)
{
	const bool damaged = here && status_is_damaged(status, here);

	line->models++;
	line->there += here && !damaged;
	line->damaged += damaged;
	line->bytes += here ? here->size : 0;
	line->stated += here ? here->size : ncm_size_stated(model->files, model->file_count, &line->doubt);
}

static void count_in_phase(struct ncm_status *status, const struct ncm_model *model, const struct ncm_reg_model *here)
{
	NCM_AUTO_FREE char *name = ncm_asprintf("Phase %u (%s)", model->phase, model->priority ? model->priority : "-");
	struct ncm_status_line *line = line_of(&status->phases, model->profile ? model->profile : "", name);

	line->phase = model->phase;
	count(line, status, model, here);
}

static void count_in_uses(struct ncm_status *status, const struct ncm_model *model, const struct ncm_reg_model *here)
{
	struct ncm_strings uses = {0};

	ncm_purposes(&model->use_cases, &model->tags, model->kind, &uses);
	for (size_t i = 0; i < uses.count; i++)
		count(line_of(&status->use_cases, NULL, uses.items[i]), status, model, here);
	ncm_strings_free(&uses);
}

/* Several profiles may have one model: by its id, or by the entry that it is. */
static bool is_first(const struct ncm_catalog *catalog, const struct ncm_reg_model *const *entries, size_t number)
{
	for (size_t i = 0; i < number; i++) {
		if ((entries[number] && entries[i] == entries[number]) ||
		    strcmp(catalog->models[i].id, catalog->models[number].id) == 0)
			return false;
	}
	return true;
}

static size_t count_extra(const struct ncm_registry *registry, const struct ncm_reg_model *const *entries,
			  size_t entry_count)
{
	bool *named = ncm_calloc(registry->count + 1, sizeof *named);
	size_t extra = registry->count;

	for (size_t i = 0; i < entry_count; i++) {
		if (entries[i] && !named[entries[i] - registry->models]) {
			named[entries[i] - registry->models] = true;
			extra--;
		}
	}
	free(named);
	return extra;
}

static int compare_phases(const void *a, const void *b)
{
	const struct ncm_status_line *left = a, *right = b;
	const int order = strcmp(left->profile, right->profile);

	return order != 0 ? order : (left->phase > right->phase) - (left->phase < right->phase);
}

static int compare_uses(const void *a, const void *b)
{
	const struct ncm_status_line *left = a, *right = b;

	if (left->models != right->models)
		return left->models < right->models ? 1 : -1;
	return strcmp(left->name, right->name);
}

static void sort(struct ncm_status_table *table, int (*compare)(const void *, const void *))
{
	if (table->count > 1)
		qsort(table->lines, table->count, sizeof *table->lines, compare);
}

void status_add_lines(struct ncm_status *status, const struct ncm_catalog *catalog, const struct ncm_registry *registry)
{
	const struct ncm_reg_model **entries = ncm_calloc(catalog->count + 1, sizeof *entries);

	for (size_t i = 0; i < catalog->count; i++) {
		const struct ncm_reg_model *here = ncm_registry_same(registry, &catalog->models[i]);

		entries[i] = here;
		count_in_phase(status, &catalog->models[i], here);
		if (!is_first(catalog, entries, i))
			continue;
		count_in_uses(status, &catalog->models[i], here);
		status->models++;
		status->there += here && !status_is_damaged(status, here);
	}
	status->registered = registry->count;
	status->extra = count_extra(registry, entries, catalog->count);
	for (size_t i = 0; i < registry->count; i++)
		status->unverified += registry->models[i].verified_at == NULL;
	sort(&status->phases, compare_phases);
	sort(&status->use_cases, compare_uses);
	free(entries);
}
