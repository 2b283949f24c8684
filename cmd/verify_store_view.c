/* SPDX-License-Identifier: MIT */
#include "verify.h"

#include "ui/fields.h"
#include "ui/text.h"

#include <ncmodel/text.h>

#include <ctype.h>
#include <string.h>

enum {
	LONGEST_DETAIL = 1024,
	LISTED = 10, /* of what is no model's, unless everything is asked for */
};

bool survey_is_bad(enum ncm_survey_state state)
{
	return state == NCM_SURVEY_DAMAGED || state == NCM_SURVEY_TRUNCATED || state == NCM_SURVEY_MISSING ||
	       state == NCM_SURVEY_UNREADABLE;
}

static bool is_sound(enum ncm_survey_state state)
{
	return state == NCM_SURVEY_OK || state == NCM_SURVEY_UNPROVED;
}

static char *state_text(enum ncm_survey_state state)
{
	char *text = text_copy(ncm_survey_state_name(state));

	for (char *at = text; *at; at++)
		*at = (char)toupper((unsigned char)*at);
	return text;
}

static enum style state_style(enum ncm_survey_state state)
{
	if (state == NCM_SURVEY_OK)
		return STYLE_GOOD;
	return survey_is_bad(state) ? STYLE_BAD : STYLE_NONE;
}

static void add_file(struct table *table, const struct ncm_survey_file *file)
{
	AUTO_FREE char *state = state_text(file->state);
	AUTO_FREE char *path = text_safe_path(file->path);
	AUTO_FREE char *detail = text_safe_long(file->detail, LONGEST_DETAIL);

	table_line(table, text_format("    %s  %s%s%s", state, path, *detail ? ": " : "", detail),
		   is_sound(file->state) ? STYLE_DIM : STYLE_NONE);
}

static void add_model(struct table *table, const struct ncm_survey *survey, const struct ncm_survey_model *model,
		      bool verbose)
{
	AUTO_FREE char *guess = text_safe(model->guess);
	char size[32];

	table_styled(table, state_text(model->state), state_style(model->state));
	table_foreign(table, model->entry.id);
	table_cell(table, text_format("%zu %s", model->file_count, text_plural(model->file_count, "file", "files")));
	table_cell(table, text_copy(ncm_format_size(model->entry.size, size, sizeof size)));
	if (model->guess)
		table_line(table, text_format("    by its folder %s; nothing tells for certain", guess), STYLE_DIM);
	for (size_t i = 0; i < model->file_count; i++) {
		const struct ncm_survey_file *file = &survey->files[model->files[i]];

		if (verbose || !is_sound(file->state))
			add_file(table, file);
	}
}

static void print_store(const struct session *session, const struct ncm_survey *survey,
			const struct ncm_survey_store *store)
{
	struct table *table = table_new(0);
	AUTO_FREE char *path = text_safe_path(store->path);
	char size[32];

	table_column(table, "", 0);
	table_column(table, "", COLUMN_WHOLE);
	table_column(table, "", COLUMN_RIGHT);
	table_column(table, "", COLUMN_RIGHT);
	if (!store->there)
		printf("%s  %s: not there\n", store->id, path);
	else
		printf("%s  %s: %zu %s, %s%s\n", store->id, path, store->models,
		       text_plural(store->models, "model", "models"), ncm_format_size(store->bytes, size, sizeof size),
		       store->readable ? "" : "; not all of it could be read");
	for (size_t i = 0; i < survey->model_count; i++) {
		if (strcmp(survey->models[i].entry.store, store->id) == 0)
			add_model(table, survey, &survey->models[i], session->settings.verbose > 0);
	}
	table_print(table, stdout);
	table_free(table);
}

/* Files of one state, with their bytes. */
static size_t count_files(const struct ncm_survey *survey, enum ncm_survey_state state, uint64_t *bytes)
{
	size_t count = 0;

	*bytes = 0;
	for (size_t i = 0; i < survey->file_count; i++) {
		if (survey->files[i].state != state)
			continue;
		count++;
		*bytes += survey->files[i].size;
	}
	return count;
}

static void print_list(const struct session *session, const struct ncm_survey *survey, enum ncm_survey_state state,
		       const char *one, const char *many)
{
	uint64_t bytes;
	const size_t count = count_files(survey, state, &bytes);
	size_t listed = 0;
	char size[32];

	if (count == 0)
		return;
	printf("%zu %s, %s:\n", count, text_plural(count, one, many), ncm_format_size(bytes, size, sizeof size));
	for (size_t i = 0; i < survey->file_count; i++) {
		const struct ncm_survey_file *file = &survey->files[i];
		AUTO_FREE char *path = text_safe_path(file->path);
		AUTO_FREE char *detail = text_safe_long(file->detail, LONGEST_DETAIL);

		if (file->state == state && (listed++ < LISTED || session->settings.verbose > 0))
			printf("    %s%s%s\n", path, *detail ? ": " : "", detail);
	}
	if (listed > LISTED && session->settings.verbose == 0)
		printf("    and %zu more (-v lists them)\n", listed - LISTED);
}

static void print_unread(const struct ncm_survey *survey)
{
	for (size_t i = 0; i < survey->file_count; i++) {
		if (survey_is_unread(survey, i))
			unread_print(&(struct ncm_unread){survey->files[i].path, survey->files[i].detail}, 1);
	}
}

static size_t count_models(const struct ncm_survey *survey, enum ncm_survey_state state)
{
	size_t count = 0;

	for (size_t i = 0; i < survey->model_count; i++)
		count += survey->models[i].state == state;
	return count;
}

/* "; 1 damaged: llama3.2-3b" */
static void print_bad(const struct ncm_survey *survey, enum ncm_survey_state state)
{
	struct ncm_strings ids = {0};

	for (size_t i = 0; i < survey->model_count; i++) {
		if (survey->models[i].state == state)
			words_add(&ids, survey->models[i].entry.id);
	}
	if (ids.count > 0) {
		AUTO_FREE char *list = words_join(&ids, ", ");

		printf("; %zu %s: %s", ids.count, ncm_survey_state_name(state), list);
	}
	ncm_strings_free(&ids);
}

static void print_summary(const struct ncm_survey *survey)
{
	const size_t ok = count_models(survey, NCM_SURVEY_OK), unproved = count_models(survey, NCM_SURVEY_UNPROVED);
	char size[32], rate[32], time[32];

	printf("%zu %s, %zu ok", survey->model_count, text_plural(survey->model_count, "model", "models"), ok);
	if (unproved > 0)
		printf(", %zu unproved", unproved);
	for (enum ncm_survey_state state = NCM_SURVEY_DAMAGED; state <= NCM_SURVEY_DIFFERS; state++) {
		if (survey_is_bad(state) || state == NCM_SURVEY_DIFFERS)
			print_bad(survey, state);
	}
	if (verify_given.quick) {
		printf(". Quick: names, sizes and headers only, no content was hashed.\n");
		return;
	}
	if (survey->hashed == 0) {
		printf(". There was nothing to hash.\n");
		return;
	}
	printf(". %s hashed in %s", ncm_format_size(survey->hashed, size, sizeof size),
	       ncm_format_duration(survey->seconds, time, sizeof time));
	if (survey->seconds > 0.01)
		printf(" (%s/s)",
		       ncm_format_size((uint64_t)((double)survey->hashed / survey->seconds), rate, sizeof rate));
	printf(".\n");
}

bool survey_is_unread(const struct ncm_survey *survey, size_t index)
{
	if (survey->files[index].state != NCM_SURVEY_UNREADABLE)
		return false;
	for (size_t i = 0; i < survey->model_count; i++) {
		for (size_t k = 0; k < survey->models[i].file_count; k++) {
			if (survey->models[i].files[k] == index)
				return false;
		}
	}
	return true;
}

static bool is_of_tags(const struct ncm_survey *survey, const struct ncm_survey_file *file)
{
	for (size_t i = 0; i < survey->store_count; i++) {
		if (strcmp(survey->stores[i].id, file->store) == 0)
			return survey->stores[i].has_tags;
	}
	return false;
}

/* What to do next. */
static void print_advice(const struct session *session, const struct ncm_survey *survey, const char *folder)
{
	uint64_t bytes = 0;
	bool has_source = false;
	char size[32];

	for (size_t i = 0; i < survey->file_count; i++) {
		if (survey->files[i].state == NCM_SURVEY_UNREFERENCED && is_of_tags(survey, &survey->files[i]))
			bytes += survey->files[i].size;
	}
	for (size_t i = 0; i < survey->model_count; i++)
		has_source = has_source || (survey->models[i].entry.source && survey_is_bad(survey->models[i].state));
	if (has_source) {
		AUTO_FREE char *stores = words_join(&session->settings.selector.stores, ",");
		AUTO_FREE char *path = folder ? text_safe_path(folder) : NULL, *word = path ? text_word(path) : NULL;

		printf("To repair: ncmodel verify --repair --store %s%s%s\n", stores, word ? " " : "",
		       word ? word : "");
	}
	if (count_models(survey, NCM_SURVEY_DIFFERS) > 0)
		printf(
		    "What differs is whole, and left as it is; `verify --store STORE --repair MODEL` replaces it.\n");
	if (bytes > 0)
		printf("`ncmodel gc` gives back %s that no Ollama manifest names.\n",
		       ncm_format_size(bytes, size, sizeof size));
	if (count_models(survey, NCM_SURVEY_UNPROVED) > 0 && !verify_given.quick)
		printf("Unproved: nothing beside these files tells their digests; what can be told from their headers "
		       "holds.\n");
}

void survey_print(const struct session *session, const struct ncm_survey *survey, const char *folder, bool repairing)
{
	for (size_t i = 0; i < survey->store_count; i++)
		print_store(session, survey, &survey->stores[i]);
	print_list(session, survey, NCM_SURVEY_UNREFERENCED, "file that nothing names", "files that nothing names");
	print_list(session, survey, NCM_SURVEY_ORPHANED, "orphaned file", "orphaned files");
	print_list(session, survey, NCM_SURVEY_PARTIAL, "unfinished download", "unfinished downloads");
	print_unread(survey);
	if (!repairing)
		print_advice(session, survey, folder);
	print_summary(survey);
}

json_t *verify_ranges_json(const struct ncm_verify_range *ranges, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *range = json_object();

		json_put_number(range, "first", ranges[i].start);
		json_put_number(range, "last", ranges[i].end - 1);
		json_push(array, range);
	}
	return array;
}

#define OF(field) .offset = offsetof(struct ncm_survey_store, field)

static const struct field store_fields[] = {
    {"id", FIELD_TEXT, OF(id)},
    {"kind", FIELD_TEXT, OF(kind)},
    {"path", FIELD_TEXT, OF(path)},
    {"there", FIELD_FLAG, OF(there)},
    {"readable", FIELD_FLAG, OF(readable)},
    {"model_count", FIELD_COUNT, OF(models)},
    {"file_count", FIELD_COUNT, OF(files)},
    {"bytes", FIELD_BYTES, OF(bytes)},
    {.key = NULL},
};

static json_t *model_object(const struct ncm_survey *survey, const struct ncm_survey_model *model)
{
	json_t *object = json_object();
	json_t *files = json_array();

	for (size_t i = 0; i < model->file_count; i++)
		json_push(files, json_text(survey->files[model->files[i]].path));
	json_put_text(object, "id", model->entry.id);
	json_put_text(object, "name", model->entry.display_name);
	json_put_text(object, "store", model->entry.store);
	json_put_text(object, "state", ncm_survey_state_name(model->state));
	json_put_text(object, "known_by", model->known_by);
	json_put_text(object, "kind", model->entry.kind);
	json_put_source(object, "source", model->entry.source);
	json_put_text(object, "guess", model->guess);
	json_put_text(object, "revision", model->entry.revision);
	json_put_text(object, "format", model->entry.format);
	json_put_text(object, "architecture", model->entry.architecture);
	json_put_text(object, "quantization", model->entry.quantization);
	json_put_text(object, "parameters", model->entry.parameters);
	json_put_number(object, "size", model->entry.size);
	json_put(object, "files", files);
	return object;
}

static json_t *file_object(const struct ncm_survey_file *file)
{
	json_t *object = json_object();

	json_put_text(object, "path", file->path);
	json_put_text(object, "real", file->real);
	json_put_text(object, "store", file->store);
	json_put_text(object, "role", file->role);
	json_put_text(object, "state", ncm_survey_state_name(file->state));
	json_put_text(object, "detail", file->detail);
	json_put_number(object, "size", file->size);
	json_put(object, "size_expected", file->has_expected_size ? json_number(file->expected_size) : json_null());
	json_put(object, "sha256", file->has_sha256 ? json_digest(&file->sha256) : json_null());
	json_put(object, "sha256_expected", file->has_expected ? json_digest(&file->expected) : json_null());
	json_put_text(object, "told_by", file->told_by);
	json_put(object, "damaged", verify_ranges_json(file->damaged, file->damaged_count));
	return object;
}

/* How many models, and how many files that are no model's, are in each state. */
static json_t *counts_json(const struct ncm_survey *survey)
{
	static const enum ncm_survey_state left_over[] = {NCM_SURVEY_ORPHANED, NCM_SURVEY_UNREFERENCED,
							  NCM_SURVEY_PARTIAL};
	json_t *counts = json_object();

	for (enum ncm_survey_state state = NCM_SURVEY_OK; state <= NCM_SURVEY_DIFFERS; state++) {
		size_t count = 0;

		for (size_t i = 0; i < survey->model_count; i++)
			count += survey->models[i].state == state;
		json_put_number(counts, ncm_survey_state_name(state), count);
	}
	for (size_t i = 0; i < sizeof left_over / sizeof *left_over; i++) {
		size_t count = 0;

		for (size_t k = 0; k < survey->file_count; k++)
			count += survey->files[k].state == left_over[i];
		json_put_number(counts, ncm_survey_state_name(left_over[i]), count);
	}
	return counts;
}

json_t *survey_json(const struct ncm_survey *survey, bool quick)
{
	json_t *object = json_object();
	json_t *models = json_array();
	json_t *files = json_array();

	for (size_t i = 0; i < survey->model_count; i++)
		json_push(models, model_object(survey, &survey->models[i]));
	for (size_t i = 0; i < survey->file_count; i++)
		json_push(files, file_object(&survey->files[i]));
	json_put_flag(object, "quick", quick);
	json_put_number(object, "bytes", survey->hashed);
	json_put(object, "seconds", json_real(survey->seconds));
	json_put(object, "counts", counts_json(survey));
	json_put(object, "stores",
		 fields_array(store_fields, survey->stores, survey->store_count, sizeof *survey->stores));
	json_put(object, "models", models);
	json_put(object, "files", files);
	return object;
}
