/* SPDX-License-Identifier: MIT */
#include "matrix_view.h"

#include "ui/text.h"

#include <string.h>

static int stars_of(const struct entry *entry, enum ncm_star star)
{
	return entry->rated ? ncm_model_stars(entry->rated, star) : -1;
}

static enum ncm_star star_named(const char *by)
{
	enum ncm_star star = 0;

	while (star + 1 < NCM_STARS && strcmp(by + strlen("stars."), ncm_star_name(star)) != 0)
		star++;
	return star;
}

struct rank {
	int stars;
	size_t place;
};

static int most_first(const void *a, const void *b)
{
	const struct rank *one = a, *other = b;
	const int order = (one->stars < other->stars) - (one->stars > other->stars);

	return order ? order : (one->place > other->place) - (one->place < other->place);
}

json_t *matrix_sort(struct entries *entries, const char *by, const json_t *models)
{
	const enum ncm_star star = star_named(by);
	struct rank *ranks = memory_grow(NULL, entries->count + 1, sizeof *ranks);
	struct entry *sorted = memory_grow(NULL, entries->count + 1, sizeof *sorted);
	json_t *sorted_models = json_array();

	for (size_t i = 0; i < entries->count; i++)
		ranks[i] = (struct rank){stars_of(&entries->items[i], star), i};
	if (entries->count > 1)
		qsort(ranks, entries->count, sizeof *ranks, most_first);
	for (size_t i = 0; i < entries->count; i++) {
		sorted[i] = entries->items[ranks[i].place];
		if (json_array_size(models) > 0)
			json_push(sorted_models, json_incref(json_array_get(models, ranks[i].place)));
	}
	free(ranks);
	free(entries->items);
	entries->items = sorted;
	return sorted_models;
}

static void add_stars(struct table *table, int stars)
{
	struct ncm_strings signs = {0};

	for (int i = 0; i < stars; i++)
		words_add(&signs, text_is_utf8() ? "\u2605" : "*");
	if (stars > 0)
		table_cell(table, words_join(&signs, ""));
	else
		table_text(table, stars == 0 ? "no" : "-");
	ncm_strings_free(&signs);
}

static void add_row(struct table *table, const struct entry *entry)
{
	table_foreign(table, entry->id);
	table_cell(table, entry->doubt.unknown > 0 ? text_copy("-") : text_size(entry->size, &entry->doubt));
	for (enum ncm_star star = 0; star < NCM_STARS; star++)
		add_stars(table, stars_of(entry, star));
}

void matrix_print(const struct entries *entries)
{
	static const char *const titles[NCM_STARS] = {
	    [NCM_STAR_CODE] = "CODE",     [NCM_STAR_REASONING] = "REASONING", [NCM_STAR_VISION] = "VISION",
	    [NCM_STAR_AGENTS] = "AGENTS", [NCM_STAR_SPEED] = "SPEED",
	};
	struct table *table = table_new(0);

	table_column(table, "ID", COLUMN_WHOLE);
	table_column(table, "SIZE", COLUMN_RIGHT | COLUMN_DROP);
	for (enum ncm_star star = 0; star < NCM_STARS; star++)
		table_column(table, titles[star], 0);
	for (size_t i = 0; i < entries->count; i++)
		add_row(table, &entries->items[i]);
	table_print(table, stdout);
	table_free(table);
}
