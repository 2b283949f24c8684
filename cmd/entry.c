/* SPDX-License-Identifier: MIT */
#include "entry.h"

#include "ui/text.h"

#include <ncmodel/text.h>

#include <string.h>

static struct entry *add(struct entries *entries)
{
	entries->items = memory_grow(entries->items, entries->count + 1, sizeof *entries->items);
	return &entries->items[entries->count++];
}

/* "hf" of "hf:org/repo". The caller frees it. */
static char *scheme_of(const char *source)
{
	const char *colon = source ? strchr(source, ':') : NULL;

	return colon ? text_format("%.*s", (int)(colon - source), source) : text_copy("");
}

static const char *vram_text(double least, double most, char *text, size_t size)
{
	if (most <= 0)
		return "-";
	if (least > 0 && least < most)
		snprintf(text, size, "%g-%g GB", least, most);
	else
		snprintf(text, size, "%g GB", most);
	return text;
}

void entries_add_registered(struct entries *entries, const struct ncm_reg_model *model)
{
	*add(entries) = (struct entry){
	    .id = model->id,
	    .name = model->display_name ? model->display_name : model->id,
	    .kind = model->kind,
	    .quantization = model->quantization,
	    .priority = model->priority,
	    .phase = model->phase,
	    .score = model->performance_score,
	    .size = model->size,
	    .use_cases = &model->use_cases,
	    .tags = &model->tags,
	    .installed = true,
	    .vram_most = model->vram_gb,
	    .store = model->store ? model->store : "",
	    .source = model->source,
	};
}

/* The bytes of all files, where the manifest says them for every one; else 0. */
static uint64_t offered_size(const struct ncm_model *model)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < model->file_count; i++) {
		const struct ncm_file_spec *spec = &model->files[i];
		uint64_t size = spec->has_size ? spec->size : 0;

		for (size_t k = 0; !spec->has_size && k < spec->layer_count; k++) {
			if (__builtin_add_overflow(size, spec->layers[k].size, &size))
				return 0;
		}
		if (size == 0 || __builtin_add_overflow(sum, size, &sum))
			return 0;
	}
	return sum;
}

void entries_add_offered(struct entries *entries, const struct ncm_model *model, bool installed)
{
	const struct ncm_file_spec *first = model->file_count ? &model->files[0] : NULL;
	const char *store = first && first->to_count ? first->to[0].store : NULL;
	const char *source = first && first->from.count ? first->from.items[0] : NULL;

	if (!store)
		store = source && strncmp(source, "ollama:", strlen("ollama:")) == 0 ? "ollama" : "";
	*add(entries) = (struct entry){
	    .id = model->id,
	    .name = model->name,
	    .kind = model->kind,
	    .quantization = model->quantization,
	    .priority = model->priority,
	    .phase = model->phase,
	    .score = model->performance_score,
	    .size = offered_size(model),
	    .use_cases = &model->use_cases,
	    .tags = &model->tags,
	    .installed = installed,
	    .vram_least = model->vram_min,
	    .vram_most = model->vram_max,
	    .store = store,
	    .source = source,
	};
}

void entries_free(struct entries *entries)
{
	free(entries->items);
	*entries = (struct entries){0};
}

static struct table *new_table(size_t indent, bool with_state)
{
	struct table *table = table_new(indent);

	table_column(table, "NAME", COLUMN_SHRINK);
	table_column(table, "ID", COLUMN_SHRINK_LAST);
	if (with_state)
		table_column(table, "STATE", 0);
	table_column(table, "SIZE", COLUMN_RIGHT);
	table_column(table, "QUANT", COLUMN_SHRINK | COLUMN_DROP);
	table_column(table, "VRAM", COLUMN_RIGHT | COLUMN_DROP);
	table_column(table, "SCORE", COLUMN_RIGHT | COLUMN_DROP);
	table_column(table, "PHASE", COLUMN_RIGHT | COLUMN_DROP);
	table_column(table, "STORE", COLUMN_SHRINK | COLUMN_DROP);
	table_column(table, "USE CASES", COLUMN_SHRINK | COLUMN_DROP);
	return table;
}

static void add_row(struct table *table, const struct entry *entry, bool with_state)
{
	const struct ncm_strings *words = entry->use_cases->count ? entry->use_cases : entry->tags;
	char text[64];

	table_foreign(table, entry->name);
	table_foreign(table, entry->id);
	if (with_state)
		table_styled(table, text_copy(entry->installed ? "installed" : "-"),
			     entry->installed ? STYLE_GOOD : STYLE_DIM);
	table_text(table, entry->size ? ncm_format_size(entry->size, text, sizeof text) : "-");
	table_foreign(table, entry->quantization ? entry->quantization : "-");
	table_text(table, vram_text(entry->vram_least, entry->vram_most, text, sizeof text));
	snprintf(text, sizeof text, "%.2f", entry->score);
	table_text(table, entry->score >= 0 ? text : "-");
	snprintf(text, sizeof text, "%u", entry->phase);
	table_text(table, entry->phase ? text : "-");
	table_foreign(table, entry->store);
	table_cell(table, words_join(words, ", "));
}

/* The groups that an entry belongs to, as keys that sort into the order of the output. */
static void keys_of(const struct entry *entry, enum grouping grouping, struct ncm_strings *keys)
{
	switch (grouping) {
	case GROUP_USE_CASE:
		ncm_purposes(entry->use_cases, entry->tags, entry->kind, keys);
		break;
	case GROUP_PHASE: {
		AUTO_FREE char *key =
		    entry->phase ? text_format("Phase %u%s%s%s", entry->phase, entry->priority ? " (" : "",
					       entry->priority ? entry->priority : "", entry->priority ? ")" : "")
				 : text_copy("Spelled out");
		words_add_new(keys, key);
		break;
	}
	case GROUP_STORE:
		words_add_new(keys, *entry->store ? entry->store : "(none)");
		break;
	case GROUP_SOURCE: {
		AUTO_FREE char *scheme = scheme_of(entry->source);

		words_add_new(keys, *scheme ? scheme : "(unknown)");
		break;
	}
	case GROUP_NONE:
		break;
	}
}

static int by_key(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All groups: use cases in their usual order first, the others by name. */
static void all_keys(const struct entries *entries, enum grouping grouping, struct ncm_strings *keys)
{
	static const char *const usual[] = {"CodeGeneration",  "CodeAnalysis", "Reasoning",     "QuestionAnswering",
					    "Documentation",   "Translation",  "Summarization", "AgentTask",
					    "FunctionCalling", "Vision",       "General"};
	struct ncm_strings found = {0};

	for (size_t i = 0; i < entries->count; i++)
		keys_of(&entries->items[i], grouping, &found);
	if (found.count > 1)
		qsort(found.items, found.count, sizeof *found.items, by_key);
	for (size_t i = 0; grouping == GROUP_USE_CASE && i < sizeof usual / sizeof *usual; i++) {
		for (size_t k = 0; k < found.count; k++) {
			if (strcmp(found.items[k], usual[i]) == 0)
				words_add(keys, usual[i]);
		}
	}
	for (size_t k = 0; k < found.count; k++)
		words_add_new(keys, found.items[k]);
	ncm_strings_free(&found);
}

static bool belongs(const struct entry *entry, enum grouping grouping, const char *key)
{
	struct ncm_strings keys = {0};
	bool found = false;

	keys_of(entry, grouping, &keys);
	for (size_t i = 0; i < keys.count; i++)
		found = found || strcmp(keys.items[i], key) == 0;
	ncm_strings_free(&keys);
	return found;
}

static void print_group(const struct entries *entries, enum grouping grouping, const char *key, bool with_state,
			FILE *out)
{
	struct table *table = new_table(2, with_state);
	AUTO_FREE char *title = text_safe(key);
	uint64_t size = 0;
	size_t count = 0;
	char size_text[32];

	for (size_t i = 0; i < entries->count; i++) {
		if (!belongs(&entries->items[i], grouping, key))
			continue;
		add_row(table, &entries->items[i], with_state);
		size += entries->items[i].size;
		count++;
	}
	ncm_format_size(size, size_text, sizeof size_text);
	fprintf(out, "%s%s%s%*s%4zu   %s\n", style_begin(out, STYLE_BOLD), title, style_end(out, STYLE_BOLD),
		text_width(title) < 18 ? (int)(18 - text_width(title)) : 1, "", count, size_text);
	table_print(table, out);
	fputc('\n', out);
	table_free(table);
}

static void print_total(const struct entries *entries, bool overlap, FILE *out)
{
	uint64_t size = 0;
	char text[32];

	for (size_t i = 0; i < entries->count; i++)
		size += entries->items[i].size;
	fprintf(out, "Total: %zu %s, %s%s\n", entries->count, text_plural(entries->count, "model", "models"),
		ncm_format_size(size, text, sizeof text), overlap ? " (counts overlap)" : "");
}

void entries_print(const struct entries *entries, enum grouping grouping, bool with_state, FILE *out)
{
	struct ncm_strings keys = {0};
	struct table *table;

	all_keys(entries, grouping, &keys);
	for (size_t i = 0; i < keys.count; i++)
		print_group(entries, grouping, keys.items[i], with_state, out);
	ncm_strings_free(&keys);
	if (grouping == GROUP_NONE) {
		table = new_table(0, with_state);
		for (size_t i = 0; i < entries->count; i++)
			add_row(table, &entries->items[i], with_state);
		table_print(table, out);
		table_free(table);
	}
	print_total(entries, grouping == GROUP_USE_CASE, out);
}
