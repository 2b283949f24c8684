/* SPDX-License-Identifier: MIT */
#include "select_view.h"

#include "ui/fields.h"
#include "ui/text.h"

#include <ncmodel/text.h>

#include <stdarg.h>
#include <string.h>

enum { ALTERNATIVES = 3 };

struct row {
	const char *id;
	const char *name;
	const char *profile;
	bool installed;
	char *reason;
	struct ncm_strings unknown;
	const struct ncm_candidate *candidate;
	bool scored;
};

static json_t *number_json(double number)
{
	return number >= 0 ? json_real(number) : json_null();
}

static json_t *count_json(uint64_t count)
{
	return count > 0 ? json_number(count) : json_null();
}

static const struct ncm_candidate *of(const void *row)
{
	return ((const struct row *)row)->candidate;
}

static json_t *stars_value(const void *row)
{
	return of(row)->stars >= 0 ? json_integer(of(row)->stars) : json_null();
}

static json_t *speed_value(const void *row)
{
	const struct ncm_model *model = of(row)->model;
	const int speed = model ? ncm_model_stars(model, NCM_STAR_SPEED) : -1;

	return speed >= 0 ? json_integer(speed) : json_null();
}

static json_t *quality_value(const void *row)
{
	return number_json(of(row)->quality);
}

static json_t *cost_value(const void *row)
{
	return number_json(of(row)->cost);
}

static json_t *tier_value(const void *row)
{
	return json_text(of(row)->privacy_tier);
}

static json_t *latency_value(const void *row)
{
	return count_json(of(row)->latency_ms);
}

static json_t *vram_value(const void *row)
{
	return number_json(of(row)->vram_most > 0 ? of(row)->vram_most : -1);
}

static json_t *vram_by_value(const void *row)
{
	const struct ncm_candidate *candidate = of(row);

	return json_text(candidate->vram_counted ? "header" : candidate->vram_most > 0 ? "stated" : NULL);
}

static json_t *context_value(const void *row)
{
	return count_json(of(row)->context);
}

static json_t *size_value(const void *row)
{
	return count_json(of(row)->size);
}

static json_t *verified_value(const void *row)
{
	const struct ncm_reg_model *registered = of(row)->registered;

	return json_text(registered ? registered->verify_result : NULL);
}

static json_t *score_value(const void *row)
{
	return ((const struct row *)row)->scored ? json_real(of(row)->score.total) : json_null();
}

static void state_cell(struct table *table, const void *row)
{
	const bool installed = of(row)->registered != NULL;

	table_styled(table, text_copy(installed ? "installed" : "-"), installed ? STYLE_GOOD : STYLE_DIM);
}

#define OF(field) .offset = offsetof(struct row, field)
static const struct field fields[] = {
    {"id", FIELD_TEXT, OF(id), "ALTERNATIVE", COLUMN_WHOLE},
    {"name", FIELD_TEXT, OF(name), NULL, 0},
    {"profile", FIELD_TEXT, OF(profile), NULL, 0},
    {"installed", FIELD_FLAG, OF(installed), "STATE", COLUMN_DROP, .cell = state_cell},
    {"verify_result", FIELD_MADE, .value = verified_value},
    {"stars", FIELD_MADE, .value = stars_value},
    {"performance_score", FIELD_MADE, .value = quality_value},
    {"speed", FIELD_MADE, .value = speed_value},
    {"size", FIELD_MADE, .value = size_value},
    {"cost_score", FIELD_MADE, .value = cost_value},
    {"privacy_tier", FIELD_MADE, .value = tier_value},
    {"latency_ms", FIELD_MADE, .value = latency_value},
    {"vram_gb", FIELD_MADE, .value = vram_value},
    {"vram_by", FIELD_MADE, .value = vram_by_value},
    {"context_length", FIELD_MADE, .value = context_value},
    {"score", FIELD_MADE, .value = score_value},
    {"unknown", FIELD_WORDS, OF(unknown), NULL, 0},
    {"reason", FIELD_TEXT, OF(reason), "WHY", COLUMN_BELOW},
    {.key = NULL},
};

static struct row row_of(const struct selection *selection, const struct ncm_candidate *candidate, bool by_selector)
{
	const struct ncm_model *model = candidate->model;
	const struct ncm_reg_model *entry = candidate->registered;
	struct row row = {
	    .id = candidate->id,
	    .name = model ? model->name : entry->display_name,
	    .profile = model ? model->profile : entry->profile,
	    .installed = entry != NULL,
	    .candidate = candidate,
	    .scored = by_selector,
	    .reason = selection_reason(selection, candidate, by_selector),
	};

	selection_add_options(&row.unknown, candidate->unknown);
	return row;
}

static void row_free(struct row *row)
{
	free(row->reason);
	ncm_strings_free(&row->unknown);
}

static size_t alternatives(const struct selection *selection, struct row rows[ALTERNATIVES])
{
	size_t count = 0;

	for (; count < ALTERNATIVES && count + 1 < selection->fitting; count++)
		rows[count] = row_of(selection, &selection->candidates[count + 1], selection->by_selector);
	return count;
}

static void words_add_made(struct ncm_strings *words, char *word)
{
	words_add(words, word);
	free(word);
}

static char *words_take(struct ncm_strings *words, const char *separator)
{
	char *text = words_join(words, separator);

	ncm_strings_free(words);
	return text;
}

static size_t left_out(const struct selection *selection, enum ncm_demand demand)
{
	size_t count = 0;

	for (size_t i = 0; i < selection->considered; i++)
		count += (selection->candidates[i].failed & 1u << demand) != 0;
	return count;
}

static void print_left_out(const struct selection *selection)
{
	struct ncm_strings words = {0};
	AUTO_FREE char *list = NULL;

	for (enum ncm_demand demand = 0; demand < NCM_DEMANDS; demand++) {
		const size_t count = left_out(selection, demand);

		if (count > 0)
			words_add_made(&words, text_format("%zu by %s", count, ncm_demand_option(demand)));
	}
	list = words_take(&words, ", ");
	if (*list)
		printf("\n");
	if (*list)
		print_line(stdout, "Left out of %zu %s: %s.", selection->considered,
			   text_plural(selection->considered, "model", "models"), list);
}

/* A line of its own below the answer's id. */
static void print_below(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void print_below(const char *format, ...)
{
	AUTO_FREE char *wrapped = NULL;
	AUTO_FREE char *text = NULL;
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		abort();
	va_end(arguments);
	wrapped = text_wrap(text, style_columns(stdout), 2);
	printf("  %s\n", wrapped);
}

static void print_document(const struct ncm_rule *rule)
{
	AUTO_FREE char *words = text_safe_long(rule->words, 2000);
	AUTO_FREE char *document = text_safe(rule->document);

	print_below("\"%s\" (%s)", words, document);
}

/* Of a task of the cloud's, or of one whose local model cannot be asked now. */
static void print_cloud(const struct selection *selection)
{
	AUTO_FREE char *name = text_safe(selection->cloud);

	printf("%scloud: %s%s\n", style_begin(stdout, STYLE_BOLD), name, style_end(stdout, STYLE_BOLD));
	if (selection->fallback) {
		AUTO_FREE char *words = text_safe_long(selection->rule->fallback_words, 2000);
		AUTO_FREE char *id = text_safe(selection->candidates[0].id);

		print_below("no program that runs models answers; the document: \"%s\"", words);
		print_below("otherwise %s", id);
	} else {
		print_below("no task for a local model");
	}
	print_document(selection->rule);
}

static void print_differences(const struct selection *selection)
{
	struct row plans = {0};
	AUTO_FREE char *id = NULL;
	struct ncm_strings ignored = {0};
	AUTO_FREE char *list = NULL;

	selection_add_options(&ignored, ncm_selector_ignores(selection->task));
	list = words_take(&ignored, " and ");
	if (*list)
		print_line(stdout, "The Selector's scoring does not look at %s.", list);
	if (!selection->plans) {
		print_line(stdout, "The loading plan's rule chooses none of what is installed.");
		return;
	}
	id = text_safe(selection->plans->id);
	plans = row_of(selection, selection->plans, false);
	if (strcmp(selection->plans->id, selection->candidates[0].id) == 0)
		print_line(stdout, "The loading plan's rule chooses it, too: %s.", plans.reason);
	else
		print_line(stdout, "The loading plan's rule chooses %s instead: %s.", id, plans.reason);
	row_free(&plans);
}

static void print_answer(const struct selection *selection, bool may_be_pulled)
{
	struct row answer = row_of(selection, &selection->candidates[0], selection->by_selector);
	AUTO_FREE char *id = text_safe(answer.id), *name = text_safe(answer.name), *profile = text_safe(answer.profile);

	printf("%s%s%s\n", style_begin(stdout, STYLE_BOLD), id, style_end(stdout, STYLE_BOLD));
	print_below("%s, %s", name, answer.installed ? "installed" : "not installed");
	print_below("%s", answer.reason);
	if (selection->rule && selection->rule->saving) {
		AUTO_FREE char *saving = text_safe(selection->rule->saving);

		print_below("of the cloud's cost: %s", saving);
	}
	if (selection->rule)
		print_document(selection->rule);
	if (!answer.installed && may_be_pulled)
		printf("  To get it: ncmodel --profile %s pull %s\n", profile, id);
	row_free(&answer);
}

void selection_print(const struct selection *selection, bool may_be_pulled)
{
	struct row rows[ALTERNATIVES] = {0};
	const size_t count = alternatives(selection, rows);

	if (selection->cloud) {
		print_cloud(selection);
		return;
	}
	print_answer(selection, may_be_pulled);
	if (count > 0)
		fputc('\n', stdout);
	fields_print(fields, rows, count, sizeof *rows);
	print_left_out(selection);
	if (selection->by_selector)
		print_differences(selection);
	for (size_t i = 0; i < count; i++)
		row_free(&rows[i]);
}

static json_t *row_json(const struct selection *selection, const struct ncm_candidate *candidate, bool by_selector)
{
	struct row row = row_of(selection, candidate, by_selector);
	json_t *object = fields_object(fields, &row);

	row_free(&row);
	return object;
}

static json_t *left_out_json(const struct selection *selection)
{
	json_t *array = json_array();

	for (enum ncm_demand demand = 0; demand < NCM_DEMANDS; demand++) {
		json_t *object;

		if (left_out(selection, demand) == 0)
			continue;
		object = json_object();
		json_put_text(object, "option", ncm_demand_option(demand));
		json_put_number(object, "count", left_out(selection, demand));
		json_push(array, object);
	}
	return array;
}

json_t *selection_json(const struct selection *selection)
{
	struct row rows[ALTERNATIVES] = {0};
	const size_t count = alternatives(selection, rows);
	const struct ncm_rule *rule = selection->rule;
	struct ncm_strings ignored = {0};
	json_t *data = json_object();

	if (selection->by_selector)
		selection_add_options(&ignored, ncm_selector_ignores(selection->task));
	json_put_text(data, "rule", selection->by);
	json_put_text(data, "words", rule ? rule->words : NULL);
	json_put_text(data, "document", rule ? rule->document : NULL);
	json_put_text(data, "source", selection->cloud ? "cloud" : "local");
	json_put_text(data, "cloud", selection->cloud);
	json_put_text(data, "saving", rule ? rule->saving : NULL);
	json_put_text(data, "fallback", selection->fallback ? rule->fallback_words : NULL);
	json_put(data, "answer",
		 selection->fitting ? row_json(selection, &selection->candidates[0], selection->by_selector)
				    : json_null());
	json_put(data, "alternatives", fields_array(fields, rows, count, sizeof *rows));
	json_put_number(data, "considered", selection->considered);
	json_put(data, "left_out", left_out_json(selection));
	json_put(data, "ignored", json_words(&ignored));
	json_put(data, "plan", selection->plans ? row_json(selection, selection->plans, false) : json_null());
	for (size_t i = 0; i < count; i++)
		row_free(&rows[i]);
	ncm_strings_free(&ignored);
	return data;
}
