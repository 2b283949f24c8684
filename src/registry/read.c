/* SPDX-License-Identifier: MIT */
/* From the pieces of models.json to models. Their strings stay in the text: a closing quote becomes the string's end.
 */
#include "registry/write.h"

#include "base/address.h"
#include "base/arena.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/stamp.h"
#include "registry/document.h"
#include "registry/names.h"
#include "registry/scan.h"
#include "store/store.h"

#include <ncmodel/registry.h>
#include <string.h>

/* What ncm_registry_read returns; users see the first member. */
struct loaded {
	struct ncm_registry registry;
	struct ncm_stamp stamp;
	char *text;
	struct ncm_arena arena; /* all that a model points to and the text does not hold */
};

struct reader {
	struct loaded *loaded;
	char *base;
};

/* Of an entry, and of a model. */
#define TEXT(member)                                                                                                   \
	{                                                                                                              \
		offsetof(struct registry_entry_text, member), offsetof(struct ncm_reg_model, member)                   \
	}
#define CARD(member)                                                                                                   \
	{                                                                                                              \
		offsetof(struct registry_entry_text, member), offsetof(struct ncm_reg_model, card.member)              \
	}
static const struct {
	size_t from, to;
} texts[] = {
    TEXT(display_name), TEXT(profile),      TEXT(priority),    TEXT(kind),          TEXT(store),
    TEXT(revision),     TEXT(variant),      TEXT(license),     TEXT(license_class), TEXT(format),
    TEXT(architecture), TEXT(quantization), TEXT(parameters),  CARD(base_model),    CARD(model_name),
    CARD(version_name), CARD(page),         CARD(preview),     TEXT(privacy_tier),  TEXT(trust),
    TEXT(file_path),    TEXT(installed_at), TEXT(verified_at), TEXT(verify_result),
};

/* A string, or NULL for what is none. */
static char *text_of(struct reader *reader, const struct ncm_json_part *part)
{
	struct loaded *loaded = reader->loaded;
	char *text;

	if (part->kind != NCM_JSON_STRING)
		return NULL;
	if (part->escaped)
		return ncm_json_part_decode(part, &loaded->arena);
	text = loaded->text + (part->text - loaded->text);
	text[part->size] = '\0';
	return text;
}

static char *copy(struct reader *reader, const char *text, size_t size)
{
	char *copied = ncm_arena_take(&reader->loaded->arena, size + 1);

	memcpy(copied, text, size);
	copied[size] = '\0';
	return copied;
}

/* What an older version wrote with its secrets is read without them. */
static char *source_of(struct reader *reader, const struct ncm_json_part *part, const struct ncm_json_part *is_signed)
{
	char *source = text_of(reader, part);
	NCM_AUTO_FREE char *kept = NULL;

	if (!source || !strstr(source, "://"))
		return source;
	kept = is_signed->kind == NCM_JSON_TRUE ? ncm_address_marked(source) : ncm_address_remembered(source);
	return strcmp(kept, source) == 0 ? source : copy(reader, kept, strlen(kept));
}

/* The index may still compare an id by its piece of the text, which the NUL behind it does not touch. */
static char *id_of(struct reader *reader, const struct registry_entry_text *entry)
{
	const struct ncm_json_part *id = &entry->id;

	return text_of(reader, id->kind == NCM_JSON_STRING ? id : &entry->name);
}

/* Whether ncm_path_absolute would change nothing in it. */
static bool is_clean(const char *path)
{
	return *path != '.' && !strstr(path, "/.") && !strstr(path, "//") && path[strlen(path) - 1] != '/';
}

static char *absolute(struct reader *reader, char *path)
{
	const size_t base_size = strlen(reader->base), size = strlen(path);
	NCM_AUTO_FREE char *joined = NULL;
	NCM_AUTO_FREE char *whole = NULL;
	char *out;

	if (size > 0 && is_clean(path) && base_size > 1) {
		if (ncm_path_is_absolute(path))
			return path;
		out = ncm_arena_take(&reader->loaded->arena, base_size + size + 2);
		memcpy(out, reader->base, base_size);
		out[base_size] = '/';
		memcpy(out + base_size + 1, path, size + 1);
		return out;
	}
	joined = ncm_path_join(reader->base, path);
	whole = ncm_path_absolute(joined);
	return copy(reader, whole, strlen(whole));
}

static void read_words(struct reader *reader, const struct registry_entry_text *entry,
		       const struct registry_range *range, struct ncm_strings *words)
{
	if (range->count == 0)
		return;
	words->items = ncm_arena_take(&reader->loaded->arena, range->count * sizeof *words->items);
	for (; words->count < range->count; words->count++)
		words->items[words->count] = text_of(reader, &entry->words[range->first + words->count]);
}

static enum ncm_origin origin_of(const struct ncm_json_part *part)
{
	for (enum ncm_origin origin = NCM_ORIGIN_ADOPTED; origin > NCM_ORIGIN_UNKNOWN; origin--) {
		if (part->kind == NCM_JSON_STRING && ncm_json_part_is(part, ncm_origin_name(origin)))
			return origin;
	}
	return NCM_ORIGIN_UNKNOWN;
}

static void read_file(struct reader *reader, const struct registry_file_text *text, struct ncm_reg_file *file)
{
	const struct ncm_json_part *mtime = &text->mtime_ns;

	*file = (struct ncm_reg_file){
	    .path = text_of(reader, &text->path),
	    .store = text_of(reader, &text->store),
	    .role = text_of(reader, &text->role),
	    .size = (uint64_t)ncm_json_part_integer(&text->size),
	    .sha256 = text->sha256,
	    .mtime_ns = mtime->kind == NCM_JSON_INTEGER ? ncm_json_part_integer(mtime) : 0,
	    .archive = text->archive,
	    .origin = origin_of(&text->origin),
	    .source = source_of(reader, &text->source, &text->is_signed),
	    .revision = text_of(reader, &text->revision),
	    .target = text_of(reader, &text->target),
	};
	file->abs = absolute(reader, file->path);
}

/* 0 for what is no whole number. */
static uint64_t count_of(const struct ncm_json_part *part)
{
	return part->kind == NCM_JSON_INTEGER ? (uint64_t)ncm_json_part_integer(part) : 0;
}

static double number_of(const struct ncm_json_part *part, double otherwise)
{
	return part->kind == NCM_JSON_INTEGER || part->kind == NCM_JSON_REAL ? ncm_json_part_number(part) : otherwise;
}

/* An entry of the older scripts knows one path, and neither digest nor exact size. */
static void make_file(struct reader *reader, const struct registry_entry_text *entry, struct ncm_reg_model *model)
{
	enum { MIB = 1 << 20 };

	*model->files = (struct ncm_reg_file){
	    .path = model->file_path,
	    .abs = absolute(reader, model->file_path),
	    .store = model->store,
	    .role = copy(reader, "weights", strlen("weights")),
	};
	if (__builtin_mul_overflow(count_of(&entry->size_mb), MIB, &model->size))
		model->size = 0;
}

static void read_files(struct reader *reader, const struct registry_entry_text *entry, struct ncm_reg_model *model)
{
	model->file_count = entry->file_count > 0 ? entry->file_count : 1;
	model->files = ncm_arena_take(&reader->loaded->arena, model->file_count * sizeof *model->files);
	if (entry->file_count == 0)
		make_file(reader, entry, model);
	for (size_t i = 0; i < entry->file_count; i++) {
		read_file(reader, &entry->files[i], &model->files[i]);
		if (__builtin_add_overflow(model->size, model->files[i].size, &model->size))
			model->size = UINT64_MAX;
	}
}

/* Without a word of who said it, the value that stands for "unknown" is that: its readers need a number. */
static double score_of(const struct ncm_json_part *score, const struct ncm_json_part *by)
{
	const double value = registry_score(number_of(score, -1));

	return by->kind == NCM_JSON_STRING || value < registry_score(-1) || value > registry_score(-1) ? value : -1;
}

/* Whose a score is; NULL for the word of those that a manifest's document gives. */
static char *others_score(struct reader *reader, const struct ncm_json_part *by)
{
	char *source = text_of(reader, by);

	return source && strcmp(source, "manifest") != 0 ? source : NULL;
}

static void read_entry(void *context, const struct registry_entry_text *entry)
{
	struct reader *reader = context;
	struct ncm_registry *registry = &reader->loaded->registry;
	struct ncm_reg_model *model = NCM_PUSH(registry->models, registry->count);
	const uint64_t phase = count_of(&entry->phase);

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		const void *part = (const char *)entry + texts[i].from;
		char *text = text_of(reader, part);

		memcpy((char *)model + texts[i].to, &text, sizeof text);
	}
	model->id = id_of(reader, entry);
	model->source = source_of(reader, &entry->source, &entry->is_signed);
	if (!model->display_name)
		model->display_name = model->id;
	model->phase = phase <= 3 ? (unsigned)phase : 0;
	model->context_length = count_of(&entry->context_length);
	model->dimensions = count_of(&entry->dimensions);
	model->vram_gb = number_of(&entry->vram_gb, 0);
	model->vram_at_least = entry->vram_at_least.kind == NCM_JSON_TRUE;
	model->performance_score = score_of(&entry->performance_score, &entry->performance_score_by);
	model->cost_score = score_of(&entry->cost_score, &entry->cost_score_by);
	model->performance_score_source = others_score(reader, &entry->performance_score_by);
	model->cost_score_source = others_score(reader, &entry->cost_score_by);
	read_words(reader, entry, &entry->use_cases, &model->use_cases);
	read_words(reader, entry, &entry->tags, &model->tags);
	read_words(reader, entry, &entry->capabilities, &model->capabilities);
	read_words(reader, entry, &entry->profiles, &model->profiles);
	read_words(reader, entry, &entry->aliases, &model->aliases);
	read_words(reader, entry, &entry->trigger_words, &model->card.trigger_words);
	model->card.preferred_weight = number_of(&entry->preferred_weight, 0);
	if (model->profiles.count == 0 && model->profile) { /* of an older version */
		model->profiles.items = ncm_arena_take(&reader->loaded->arena, sizeof *model->profiles.items);
		model->profiles.items[model->profiles.count++] = model->profile;
	}
	read_files(reader, entry, model);
	if (!model->file_path)
		model->file_path = model->files[0].path;
}

struct ncm_registry *ncm_registry_read(const char *path, struct ncm_error *err)
{
	struct loaded *loaded = ncm_calloc(1, sizeof *loaded);
	NCM_AUTO_FREE char *base = registry_base(path);
	struct reader reader = {loaded, base};
	struct registry_index index = {0};
	bool missing = false;
	size_t size = 0;
	int failed = 0;

	loaded->registry.path = ncm_strdup(path);
	loaded->registry.names = registry_names_new();
	loaded->stamp = ncm_stamp_take(path);
	loaded->text = registry_read_text(path, &size, &missing, err);
	if (loaded->text)
		failed = registry_scan(path, loaded->text, size, &(struct registry_sink){&reader, read_entry, NULL},
				       &index, err);
	registry_index_free(&index);
	if (failed || (!loaded->text && !missing)) {
		ncm_registry_free(&loaded->registry);
		return NULL;
	}
	return &loaded->registry;
}

bool ncm_registry_is_current(const struct ncm_registry *registry)
{
	return ncm_stamp_holds(&((const struct loaded *)registry)->stamp, registry->path);
}

void ncm_registry_free(struct ncm_registry *registry)
{
	struct loaded *loaded = (struct loaded *)registry;

	if (!loaded)
		return;
	registry_names_free(registry->names);
	ncm_arena_free(&loaded->arena);
	free(loaded->text);
	free(registry->models);
	free(registry->path);
	free(loaded);
}

char *registry_base(const char *path)
{
	char *base = ncm_path_absolute(path);

	for (unsigned level = 0; level < 2; level++) {
		char *slash = strrchr(base, '/');

		if (slash > base)
			*slash = '\0';
		else
			base[1] = '\0';
	}
	return base;
}

struct ncm_registry *ncm_registry_load(const struct ncm_config *config, struct ncm_error *err)
{
	struct ncm_layout *layout = ncm_layout_load(config, err);
	NCM_AUTO_FREE char *path = layout ? ncm_layout_registry(layout, config) : NULL;

	ncm_layout_free(layout);
	return path ? ncm_registry_read(path, err) : NULL;
}

const char *ncm_origin_name(enum ncm_origin origin)
{
	static const char *const names[] = {NULL, "fetched", "linked", "adopted"};

	return names[origin];
}
