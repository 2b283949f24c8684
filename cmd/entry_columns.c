/* SPDX-License-Identifier: MIT */
#include "entry_columns.h"

#include "ui/text.h"

#include <string.h>

static void add_name(struct table *table, const struct entry *entry)
{
	table_foreign(table, entry->name);
}

static void add_id(struct table *table, const struct entry *entry)
{
	table_foreign(table, entry->id);
}

static void add_state(struct table *table, const struct entry *entry)
{
	table_styled(table, text_copy(entry->installed ? "installed" : "-"), entry->installed ? STYLE_GOOD : STYLE_DIM);
}

static void add_size(struct table *table, const struct entry *entry)
{
	table_cell(table, entry->doubt.unknown > 0 ? text_copy("-") : text_size(entry->size, &entry->doubt));
}

static void add_quantization(struct table *table, const struct entry *entry)
{
	table_foreign(table, entry->quantization ? entry->quantization : "-");
}

static void add_vram(struct table *table, const struct entry *entry)
{
	AUTO_FREE char *vram = text_vram(entry->vram_least, entry->vram_most, entry->vram_at_least);

	table_text(table, *vram ? vram : "-");
}

static void add_score(struct table *table, const struct entry *entry)
{
	table_cell(table, entry->score < 0 ? text_copy("-")
					   : text_format(entry->score_is_others ? "(%.2f)" : "%.2f", entry->score));
}

static void add_number(struct table *table, uint64_t number)
{
	table_cell(table, number > 0 ? text_format("%llu", (unsigned long long)number) : text_copy("-"));
}

static void add_phase(struct table *table, const struct entry *entry)
{
	add_number(table, entry->phase);
}

static void add_context(struct table *table, const struct entry *entry)
{
	add_number(table, entry->context);
}

static void add_dimensions(struct table *table, const struct entry *entry)
{
	add_number(table, entry->dimensions);
}

static void add_stores(struct table *table, const struct entry *entry)
{
	table_cell(table, words_join(&entry->stores, ", "));
}

static void add_profiles(struct table *table, const struct entry *entry)
{
	if (entry->profiles && entry->profiles->count > 0)
		table_cell(table, words_join(entry->profiles, ", "));
	else
		table_foreign(table, entry->profile ? entry->profile : "-");
}

static void add_use_cases(struct table *table, const struct entry *entry)
{
	table_cell(table, words_join(entry->use_cases->count ? entry->use_cases : entry->tags, ", "));
}

static void add_tags(struct table *table, const struct entry *entry)
{
	table_cell(table, words_join(entry->tags, ", "));
}

enum show { CHOSEN, USUAL, OF_WHAT_IS_OFFERED, OF_SEVERAL_PROFILES }; /* when a column is there unasked */
enum { NO_WORD = -1 };

static const struct column {
	const char *name, *title;
	unsigned flags;
	enum show show;
	int word;                                                    /* of enum entry_word … */
	void (*add)(struct table *table, const struct entry *entry); /* … or what makes the cell */
} columns[] = {
    {"name", "NAME", COLUMN_DROP, USUAL, NO_WORD, add_name},
    {"id", "ID", COLUMN_WHOLE, USUAL, NO_WORD, add_id},
    {"state", "STATE", 0, OF_WHAT_IS_OFFERED, NO_WORD, add_state},
    {"size", "SIZE", COLUMN_RIGHT, USUAL, NO_WORD, add_size},
    {"quant", "QUANT", COLUMN_DROP, USUAL, NO_WORD, add_quantization},
    {"vram", "VRAM", COLUMN_RIGHT | COLUMN_DROP, USUAL, NO_WORD, add_vram},
    {"score", "SCORE", COLUMN_RIGHT | COLUMN_DROP, USUAL, NO_WORD, add_score},
    {"phase", "PHASE", COLUMN_RIGHT | COLUMN_DROP, USUAL, NO_WORD, add_phase},
    {"store", "STORE", COLUMN_DROP, USUAL, NO_WORD, add_stores},
    {"profiles", "PROFILES", COLUMN_DROP, OF_SEVERAL_PROFILES, NO_WORD, add_profiles},
    {"usecases", "USE CASES", COLUMN_DROP, USUAL, NO_WORD, add_use_cases},
    {"purpose", "PURPOSE", COLUMN_DROP, CHOSEN, ENTRY_PURPOSE, NULL},
    {"tags", "TAGS", COLUMN_DROP, CHOSEN, NO_WORD, add_tags},
    {"parameters", "PARAMETERS", COLUMN_RIGHT | COLUMN_DROP, CHOSEN, ENTRY_PARAMETERS, NULL},
    {"context", "CONTEXT", COLUMN_RIGHT | COLUMN_DROP, CHOSEN, NO_WORD, add_context},
    {"dimensions", "DIMENSIONS", COLUMN_RIGHT | COLUMN_DROP, CHOSEN, NO_WORD, add_dimensions},
    {"speed", "SPEED", COLUMN_DROP, CHOSEN, ENTRY_SPEED, NULL},
    {"accuracy", "ACCURACY", COLUMN_DROP, CHOSEN, ENTRY_ACCURACY, NULL},
    {"resolution", "RESOLUTION", COLUMN_DROP, CHOSEN, ENTRY_RESOLUTION, NULL},
    {"duration", "DURATION", COLUMN_DROP, CHOSEN, ENTRY_DURATION, NULL},
    {"license", "LICENCE", COLUMN_DROP, CHOSEN, ENTRY_LICENSE, NULL},
    {"license-class", "LICENCE CLASS", COLUMN_DROP, CHOSEN, ENTRY_LICENSE_CLASS, NULL},
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static bool is_usual(const struct column *column, const struct entry_view *view)
{
	return column->show == USUAL || (column->show == OF_WHAT_IS_OFFERED && view->with_state) ||
	       (column->show == OF_SEVERAL_PROFILES && view->with_profiles);
}

/* The column in that place of the view, or NULL behind the last. */
static const struct column *column_at(const struct entry_view *view, size_t place)
{
	const bool chosen = view->columns && view->columns->count > 0;

	if (chosen && place >= view->columns->count)
		return NULL;
	for (size_t i = 0; i < COLUMNS; i++) {
		if (chosen ? strcmp(columns[i].name, view->columns->items[place]) == 0
			   : is_usual(&columns[i], view) && place-- == 0)
			return &columns[i];
	}
	return NULL;
}

struct table *entry_table(size_t indent, const struct entry_view *view)
{
	struct table *table = table_new(indent);
	const struct column *column;

	for (size_t i = 0; (column = column_at(view, i)); i++)
		table_column(table, column->title, column->flags);
	return table;
}

void entry_row(struct table *table, const struct entry *entry, const struct entry_view *view)
{
	const struct column *column;

	for (size_t i = 0; (column = column_at(view, i)); i++) {
		if (column->add)
			column->add(table, entry);
		else
			table_foreign(table, entry->words[column->word] ? entry->words[column->word] : "-");
	}
}

bool entry_columns_want_manifests(const struct ncm_strings *names)
{
	const struct entry_view view = {.columns = names};

	for (size_t i = 0; i < names->count; i++) {
		const struct column *column = column_at(&view, i);

		if (column && column->word != NO_WORD)
			return true;
	}
	return false;
}
