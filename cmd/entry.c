/* SPDX-License-Identifier: MIT */
#include "entry.h"

#include "entry_columns.h"
#include "model_json.h"
#include "ui/text.h"

#include <ncmodel/link.h>
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

static bool of_other_profiles(const struct entry *first, const struct ncm_strings *profiles)
{
	if (profiles->count > 1 || first->profiles->count != profiles->count)
		return true;
	return profiles->count > 0 && strcmp(first->profiles->items[0], profiles->items[0]) != 0;
}

static void take_word(const char **word, const char *more)
{
	if (!*word && more && *more)
		*word = more;
}

void entry_take_words(struct entry *entry, const struct ncm_model *model)
{
	take_word(&entry->words[ENTRY_PURPOSE], model->purpose);
	take_word(&entry->words[ENTRY_SPEED], model->speed);
	take_word(&entry->words[ENTRY_ACCURACY], model->accuracy);
	take_word(&entry->words[ENTRY_RESOLUTION], model->resolution);
	take_word(&entry->words[ENTRY_DURATION], model->duration);
	take_word(&entry->words[ENTRY_PARAMETERS], model->parameters);
	take_word(&entry->words[ENTRY_LICENSE], model->license);
	take_word(&entry->words[ENTRY_LICENSE_CLASS], ncm_model_license_class(model));
}

void entries_add_registered(struct entries *entries, const struct ncm_reg_model *model)
{
	if (entries->count > 0 || model->profiles.count > 1)
		entries->of_several_profiles |=
		    entries->count == 0 || of_other_profiles(&entries->items[0], &model->profiles);
	*add(entries) = (struct entry){
	    .id = model->id,
	    .name = model->display_name ? model->display_name : model->id,
	    .kind = model->kind,
	    .quantization = model->quantization,
	    .priority = model->priority,
	    .phase = model->phase,
	    .score = model->performance_score,
	    .score_is_others = model->performance_score_source != NULL,
	    .size = ncm_link_disk_size(model),
	    .use_cases = &model->use_cases,
	    .tags = &model->tags,
	    .profiles = &model->profiles,
	    .installed = true,
	    .vram_most = model->vram_gb,
	    .vram_at_least = model->vram_at_least,
	    .context = model->context_length,
	    .dimensions = model->dimensions,
	    .source = model->source,
	    .words = {[ENTRY_PARAMETERS] = model->parameters,
		      [ENTRY_LICENSE] = model->license,
		      [ENTRY_LICENSE_CLASS] = model->license_class},
	};
	registered_stores(model, &entries->items[entries->count - 1].stores);
}

/* Of a model with files of unknown size not even that of the others is told: it would pass for the model's. */
static void take_stated_size(const struct ncm_model *model, struct entry *entry)
{
	entry->size = ncm_size_stated(model->files, model->file_count, &entry->doubt);
	if (entry->doubt.unknown == 0)
		return;
	entry->size = 0;
	entry->doubt = (struct ncm_doubt){.unknown = 1};
}

static void add_offered_stores(const struct ncm_model *model, struct ncm_strings *stores)
{
	for (size_t i = 0; i < model->file_count; i++) {
		for (size_t k = 0; k < model->files[i].to_count; k++)
			words_add_new(stores, model->files[i].to[k].store);
	}
}

void entries_add_offered(struct entries *entries, const struct ncm_model *model, bool installed)
{
	const struct ncm_file_spec *first = model->file_count ? &model->files[0] : NULL;
	const char *source = first && first->from.count ? first->from.items[0] : NULL;

	if (entries->count > 0 && model->profile && entries->items[0].profile)
		entries->of_several_profiles |= strcmp(entries->items[0].profile, model->profile) != 0;
	*add(entries) = (struct entry){
	    .id = model->id,
	    .name = model->name,
	    .profile = model->profile,
	    .kind = model->kind,
	    .quantization = model->quantization,
	    .priority = model->priority,
	    .phase = model->phase,
	    .score = model->performance_score,
	    .score_is_others = model->performance_score_source != NULL,
	    .use_cases = &model->use_cases,
	    .tags = &model->tags,
	    .installed = installed,
	    .vram_least = model->vram_min,
	    .vram_most = model->vram_max,
	    .vram_at_least = model->vram_at_least,
	    .context = model->context_length,
	    .dimensions = model->dimensions,
	    .source = source,
	    .rated = model,
	};
	entry_take_words(&entries->items[entries->count - 1], model);
	take_stated_size(model, &entries->items[entries->count - 1]);
	add_offered_stores(model, &entries->items[entries->count - 1].stores);
}

void entries_free(struct entries *entries)
{
	for (size_t i = 0; i < entries->count; i++)
		ncm_strings_free(&entries->items[i].stores);
	free(entries->items);
	*entries = (struct entries){0};
}

bool entry_is_first(const struct entries *entries, const struct entry *entry, json_t *seen)
{
	return !entries->of_several_profiles || json_add_new(seen, entry->id);
}

static void add_chosen(const struct ncm_strings *words, const struct ncm_strings *chosen, struct ncm_strings *keys)
{
	for (size_t i = 0; i < words->count; i++) {
		if (ncm_strings_mean(chosen, words->items[i]))
			words_add_new(keys, words->items[i]);
	}
}

/* What it is for; of several words that were chosen, those that it was chosen by. */
static void add_purposes(const struct entry *entry, const struct ncm_strings *chosen, struct ncm_strings *keys)
{
	if (chosen->count == 0) {
		ncm_purposes(entry->use_cases, entry->tags, entry->kind, keys);
		return;
	}
	add_chosen(entry->use_cases, chosen, keys);
	add_chosen(entry->tags, chosen, keys);
}

/* The groups that an entry belongs to, as keys that sort into the order of the output. */
static void keys_of(const struct entry *entry, enum grouping grouping, const struct ncm_strings *chosen,
		    struct ncm_strings *keys)
{
	switch (grouping) {
	case GROUP_USE_CASE:
		add_purposes(entry, chosen, keys);
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
		for (size_t i = 0; i < entry->stores.count; i++)
			words_add_new(keys, entry->stores.items[i]);
		if (entry->stores.count == 0)
			words_add_new(keys, "(none)");
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

/* An entry in one of its groups. */
struct member {
	char *key;
	const struct entry *entry;
};

struct members {
	struct member *items;
	size_t count;
};

static int by_key(const void *a, const void *b)
{
	const struct member *one = a, *other = b;
	const int order = strcmp(one->key, other->key);

	return order ? order : (one->entry > other->entry) - (one->entry < other->entry);
}

/* The best first; without a score, last. Equals by their id: in which order downloads ended tells nobody anything. */
static int by_score(const void *a, const void *b)
{
	const struct member *one = a, *other = b;
	const double score = one->entry->score, other_score = other->entry->score;
	int order = strcmp(one->key, other->key);

	if (order == 0)
		order = (score < other_score) - (score > other_score);
	if (order == 0)
		order = strcmp(one->entry->id, other->entry->id);
	return order ? order : by_key(a, b);
}

/* Each entry in each of its groups: the groups by name, in them the entries as they came, or by their score. */
static void sort_into_groups(const struct entries *entries, enum grouping grouping, const struct ncm_strings *chosen,
			     struct members *members)
{
	for (size_t i = 0; i < entries->count; i++) {
		struct ncm_strings keys = {0};

		keys_of(&entries->items[i], grouping, chosen, &keys);
		for (size_t k = 0; k < keys.count; k++) {
			members->items = memory_grow(members->items, members->count + 1, sizeof *members->items);
			members->items[members->count++] =
			    (struct member){text_copy(keys.items[k]), &entries->items[i]};
		}
		ncm_strings_free(&keys);
	}
	if (members->count > 1)
		qsort(members->items, members->count, sizeof *members->items,
		      grouping == GROUP_USE_CASE ? by_score : by_key);
}

static size_t group_size(const struct members *members, size_t first)
{
	size_t end = first + 1;

	while (end < members->count && strcmp(members->items[end].key, members->items[first].key) == 0)
		end++;
	return end - first;
}

static void print_group(const struct entries *entries, const struct member *members, size_t count,
			const struct entry_view *view, const struct table *whole, FILE *out)
{
	struct table *table = entry_table(2, view);
	AUTO_FREE char *title = text_safe(members[0].key);
	json_t *seen = json_object();
	struct ncm_doubt doubt = {0};
	AUTO_FREE char *size = NULL;
	uint64_t bytes = 0;
	size_t models = 0;

	for (size_t i = 0; i < count; i++) {
		entry_row(table, members[i].entry, view);
		if (!entry_is_first(entries, members[i].entry, seen))
			continue;
		bytes += members[i].entry->size;
		ncm_doubt_add(&doubt, &members[i].entry->doubt);
		models++;
	}
	json_decref(seen);
	size = text_size(bytes, &doubt);
	fprintf(out, "%s%s%s%*s%4zu   %s\n", style_begin(out, STYLE_BOLD), title, style_end(out, STYLE_BOLD),
		text_width(title) < 18 ? (int)(18 - text_width(title)) : 1, "", models, size);
	table_leave_out_as(table, whole);
	table_print(table, out);
	fputc('\n', out);
	table_free(table);
}

static bool is_usual(const char *key, const char *const *usual)
{
	while (*usual && strcmp(*usual, key) != 0)
		usual++;
	return *usual != NULL;
}

/* Use cases in their usual order first, the others by name. */
static void print_groups(const struct entries *entries, const struct members *members, enum grouping grouping,
			 const struct entry_view *view, const struct table *whole, FILE *out)
{
	static const char *const usual[] = {"CodeGeneration",  "CodeAnalysis", "Reasoning",     "QuestionAnswering",
					    "Documentation",   "Translation",  "Summarization", "AgentTask",
					    "FunctionCalling", "Vision",       "General",       NULL};
	static const char *const none[] = {NULL};
	const char *const *first = grouping == GROUP_USE_CASE ? usual : none;

	for (const char *const *word = first; *word; word++) {
		for (size_t at = 0, size; at < members->count; at += size) {
			size = group_size(members, at);
			if (strcmp(members->items[at].key, *word) == 0)
				print_group(entries, &members->items[at], size, view, whole, out);
		}
	}
	for (size_t at = 0, size; at < members->count; at += size) {
		size = group_size(members, at);
		if (!is_usual(members->items[at].key, first))
			print_group(entries, &members->items[at], size, view, whole, out);
	}
}

static void print_total(const struct entries *entries, bool overlap, FILE *out)
{
	json_t *seen = json_object();
	struct ncm_doubt doubt = {0};
	AUTO_FREE char *size = NULL;
	uint64_t bytes = 0;
	size_t count = 0;

	for (size_t i = 0; i < entries->count; i++) {
		if (!entry_is_first(entries, &entries->items[i], seen))
			continue;
		bytes += entries->items[i].size;
		ncm_doubt_add(&doubt, &entries->items[i].doubt);
		count++;
	}
	json_decref(seen);
	size = text_size(bytes, &doubt);
	fprintf(out, "Total: %zu %s, %s%s\n", count, text_plural(count, "model", "models"), size,
		overlap ? " (counts overlap)" : "");
}

static void print_left_out(const struct ncm_strings *titles, FILE *out)
{
	AUTO_FREE char *joined = words_join(titles, ", ");
	AUTO_FREE char *line =
	    text_format("Not shown for want of room: %s. A wider terminal shows all, and so does --json.", joined);
	AUTO_FREE char *wrapped = text_wrap(line, style_columns(out), 0);

	if (titles->count > 0)
		fprintf(out, "%s\n", wrapped);
}

void entries_print(const struct entries *entries, enum grouping grouping, const struct ncm_strings *chosen,
		   const struct entry_view *chosen_view, FILE *out)
{
	struct members members = {0};
	struct ncm_strings left_out = {0};
	struct entry_view view = *chosen_view;
	struct table *table;

	view.with_profiles = entries->of_several_profiles;
	sort_into_groups(entries, grouping, chosen, &members);
	table = entry_table(grouping == GROUP_NONE ? 0 : 2, &view);
	for (size_t i = 0; i < entries->count; i++)
		entry_row(table, &entries->items[i], &view);
	if (grouping == GROUP_NONE)
		table_print(table, out);
	else
		table_fit(table, out);
	print_groups(entries, &members, grouping, &view, table, out);
	table_left_out(table, &left_out);
	table_free(table);
	for (size_t i = 0; i < members.count; i++)
		free(members.items[i].key);
	free(members.items);
	print_total(entries, grouping == GROUP_USE_CASE || members.count > entries->count, out);
	print_left_out(&left_out, out);
	ncm_strings_free(&left_out);
}
