/* SPDX-License-Identifier: MIT */
/* The sums of a plan: disks, times, totals. Each says what is not in it. */
#include "plan_view.h"

#include "model_name.h"
#include "ui/size.h"
#include "ui/table.h"
#include "ui/text.h"

#include <ncmodel/text.h>

#include <string.h>

unsigned plan_steps(const struct ncm_plan_model *model)
{
	unsigned steps = 0;

	for (size_t i = 0; i < model->file_count; i++)
		steps |= 1u << model->files[i].step;
	return steps;
}

const char *plan_steps_mark(unsigned steps)
{
	if (steps & (1u << NCM_STEP_REPLACE | 1u << NCM_STEP_RESUME))
		return "~";
	if (steps & 1u << NCM_STEP_FETCH)
		return "+";
	if (steps & (1u << NCM_STEP_LINK | 1u << NCM_STEP_COPY | 1u << NCM_STEP_ADOPT))
		return ">";
	return "=";
}

const char *plan_mark(const struct ncm_plan_model *model)
{
	return plan_steps_mark(plan_steps(model));
}

/* The models of one phase. */
struct phase {
	const char *priority;
	size_t models, left_out;
	uint64_t to_get;
	struct ncm_doubt doubt; /* of to_get */
};

static struct phase phase_of(const struct ncm_plan *plan, unsigned number)
{
	struct phase phase = {0};

	for (size_t i = 0; i < plan->count; i++) {
		const struct ncm_plan_model *planned = &plan->models[i];

		if (planned->model->phase != number)
			continue;
		phase.priority = planned->model->priority;
		phase.models++;
		phase.left_out += planned->error.code != NCM_OK;
		phase.to_get += planned->to_get;
		ncm_doubt_add(&phase.doubt, &planned->to_get_doubt);
	}
	return phase;
}

char *plan_phase_title(const struct ncm_plan *plan, unsigned number)
{
	const struct phase phase = phase_of(plan, number);
	AUTO_FREE char *size = size_text(phase.to_get, &phase.doubt);
	AUTO_FREE char *title = number > 0 ? text_format("Phase %u (%s)", number, phase.priority ? phase.priority : "?")
					   : text_copy("Sources spelled out");
	AUTO_FREE char *without =
	    phase.left_out > 0 ? text_format(", without %zu that cannot be planned", phase.left_out) : text_copy("");

	return text_format("%s: %zu %s, %s to fetch%s", title, phase.models,
			   text_plural(phase.models, "model", "models"), size, without);
}

static const char *verdict(const struct ncm_plan_disk *disk)
{
	if (!disk->enough)
		return "NOT ENOUGH";
	return disk->doubt.unknown > 0 || !disk->free_known ? "not known" : "ok";
}

static char *free_text(const struct ncm_plan_disk *disk)
{
	char size[32];

	return text_copy(disk->free_known ? ncm_format_size(disk->free, size, sizeof size) : "?");
}

void plan_print_disks(const struct ncm_plan_disk *disks, size_t count, FILE *out)
{
	struct table *table = table_new(0);

	table_column(table, "", 0);
	table_column(table, "", COLUMN_WHOLE);
	table_column(table, "", COLUMN_BELOW);
	for (size_t i = 0; i < count; i++) {
		AUTO_FREE char *need = size_text(disks[i].needed, &disks[i].doubt);
		AUTO_FREE char *free_now = free_text(&disks[i]);
		char reserve[32];

		table_cell(table, text_copy("Disk"));
		table_cell(table, text_safe_path(disks[i].path));
		table_styled(table,
			     text_format("needs %s + %s reserve  free %s  %s", need,
					 ncm_format_size(disks[i].reserve, reserve, sizeof reserve), free_now,
					 verdict(&disks[i])),
			     disks[i].enough ? STYLE_NONE : STYLE_BAD);
	}
	table_print(table, out);
	table_free(table);
}

/* "~3 min": of what is known or expected. */
static char *time_at(const struct ncm_plan *plan, double bytes_a_second)
{
	char time[32];

	return text_format("%s%s", plan->to_get_doubt.expected > 0 ? "~" : "",
			   ncm_format_duration((double)plan->to_get / bytes_a_second, time, sizeof time));
}

/* Links as people have them. The caller frees it. */
static char *times_at_links(const struct ncm_plan *plan)
{
	static const unsigned links[] = {25, 50, 100}; /* Mbit/s */
	struct ncm_strings words = {0};
	char *joined;

	for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
		AUTO_FREE char *time = time_at(plan, links[i] * 125000.0);
		AUTO_FREE char *word = text_format("at %u Mbit/s: %s", links[i], time);

		words_add(&words, word);
	}
	joined = words_join(&words, ", ");
	ncm_strings_free(&words);
	return joined;
}

static char *time_at_rate(const struct ncm_plan *plan, uint64_t bytes_a_second)
{
	AUTO_FREE char *time = time_at(plan, (double)bytes_a_second);
	char rate[32];

	return text_format("at %s/s: %s", ncm_format_size(bytes_a_second, rate, sizeof rate), time);
}

void plan_print_times(const struct session *session, const struct ncm_plan *plan, FILE *out)
{
	const struct option_number *bandwidth = &session->settings.bandwidth;
	AUTO_FREE char *times = NULL;

	if (plan->to_get == 0)
		return;
	times = bandwidth->given ? time_at_rate(plan, bandwidth->value) : times_at_links(plan);
	if (plan->to_get_doubt.unknown > 0)
		print_line(out, "Time %s, and %zu of unknown size", times, plan->to_get_doubt.unknown);
	else
		print_line(out, "Time %s", times);
}

/* What is in no sum, and what the manifests say of it. The caller frees it. */
static char *left_out(const struct ncm_plan *plan)
{
	AUTO_FREE char *size = size_text(plan->left_out_size, &plan->left_out_doubt);

	if (plan->left_out == 0)
		return text_copy("0 cannot be planned");
	return text_format("%zu cannot be planned and %s in no sum (by the manifests: %s)", plan->left_out,
			   plan->left_out == 1 ? "is" : "are", size);
}

void plan_print_total(const struct ncm_plan *plan, FILE *out)
{
	AUTO_FREE char *size = size_text(plan->to_get, &plan->to_get_doubt);
	AUTO_FREE char *without = left_out(plan);
	AUTO_FREE char *placed = NULL;
	size_t fetch = 0, link = 0, there = 0;

	for (size_t i = 0; i < plan->count; i++) {
		const char mark = plan->models[i].error.code == NCM_OK ? *plan_mark(&plan->models[i]) : '!';

		there += mark == '=';
		link += mark == '>';
		fetch += mark == '+' || mark == '~';
	}
	placed = link > 0 ? text_format("%zu to place without fetching, ", link) : text_copy("");
	print_line(out, "Plan: %zu to fetch (%s), %s%zu already there, %s.", fetch, size, placed, there, without);
}

/* What is called otherwise here, or left out, is said one by one. */
void plan_print_odd(const struct ncm_plan *plan, FILE *out)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct ncm_plan_model *planned = &plan->models[i];

		for (size_t k = 0; k < planned->odd_count; k++) {
			const char *model = model_name(planned->model);
			AUTO_FREE char *id = text_safe(model);
			AUTO_FREE char *name = text_safe_path(planned->odd[k].name);
			AUTO_FREE char *as = text_safe_path(planned->odd[k].as);

			if (planned->odd[k].as)
				fprintf(out, "%s: %s is no name for every system: here it is %s.\n", id, name, as);
			else
				fprintf(out, "%s: %s is left out: %s.\n", id, name,
					strstr(planned->odd[k].name, "\xef\xbf\xbd")
					    ? "its name is not valid UTF-8, and so cannot be asked for"
					    : "no name for every system, and of a kind that can run code");
		}
	}
}
