/* SPDX-License-Identifier: MIT */
/* The sums of a plan: disks, times, totals. Each says what is not in it. */
#include "plan_view.h"

#include "ui/size.h"
#include "ui/table.h"
#include "ui/text.h"

#include <ncmodel/text.h>

enum {
	LONGEST_PATH = 1024,
};

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

static void add_verdict(const struct ncm_plan_disk *disk, struct table *table)
{
	if (!disk->enough)
		table_styled(table, text_copy("NOT ENOUGH"), STYLE_BAD);
	else if (disk->doubt.unknown > 0)
		table_styled(table, text_copy("not known"), STYLE_WARN);
	else
		table_styled(table, text_copy("ok"), STYLE_GOOD);
}

void plan_print_disks(const struct ncm_plan_disk *disks, size_t count, FILE *out)
{
	struct table *table = table_new(0);

	table_column(table, "", 0);
	table_column(table, "", COLUMN_SHRINK);
	table_column(table, "", 0);
	table_column(table, "", 0);
	table_column(table, "", 0);
	for (size_t i = 0; i < count; i++) {
		AUTO_FREE char *need = size_text(disks[i].needed, &disks[i].doubt);
		char free_now[32], reserve[32];

		table_cell(table, text_copy("Disk"));
		table_cell(table, text_safe_long(disks[i].path, LONGEST_PATH));
		table_cell(table, text_format("needs %s + %s reserve", need,
					      ncm_format_size(disks[i].reserve, reserve, sizeof reserve)));
		table_cell(table, text_format("free %s", ncm_format_size(disks[i].free, free_now, sizeof free_now)));
		add_verdict(&disks[i], table);
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

/* Links as people have them, unless one is named. */
static void print_time_at_links(const struct ncm_plan *plan, FILE *out)
{
	static const unsigned links[] = {25, 50, 100}; /* Mbit/s */

	fputs("Time", out);
	for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
		AUTO_FREE char *time = time_at(plan, links[i] * 125000.0);

		fprintf(out, "%s at %u Mbit/s: %s", i > 0 ? "," : "", links[i], time);
	}
}

void plan_print_times(const struct session *session, const struct ncm_plan *plan, FILE *out)
{
	const struct option_number *bandwidth = &session->settings.bandwidth;

	if (plan->to_get == 0)
		return;
	if (bandwidth->given) {
		AUTO_FREE char *time = time_at(plan, (double)bandwidth->value);
		char rate[32];

		fprintf(out, "Time at %s/s: %s", ncm_format_size(bandwidth->value, rate, sizeof rate), time);
	} else {
		print_time_at_links(plan, out);
	}
	if (plan->to_get_doubt.unknown > 0)
		fprintf(out, ", and %zu of unknown size", plan->to_get_doubt.unknown);
	fputc('\n', out);
}

/* What is in no sum, and what the manifests say of it. */
static void print_left_out(const struct ncm_plan *plan, FILE *out)
{
	AUTO_FREE char *size = size_text(plan->left_out_size, &plan->left_out_doubt);

	fprintf(out, "%zu cannot be planned", plan->left_out);
	if (plan->left_out > 0)
		fprintf(out, " and %s in no sum (by the manifests: %s)", plan->left_out == 1 ? "is" : "are", size);
	fputs(".\n", out);
}

void plan_print_total(const struct ncm_plan *plan, FILE *out)
{
	AUTO_FREE char *size = size_text(plan->to_get, &plan->to_get_doubt);
	size_t fetch = 0, link = 0, there = 0;

	for (size_t i = 0; i < plan->count; i++) {
		const char mark = plan->models[i].error.code == NCM_OK ? *plan_mark(&plan->models[i]) : '!';

		there += mark == '=';
		link += mark == '>';
		fetch += mark == '+' || mark == '~';
	}
	fprintf(out, "Plan: %zu to fetch (%s), ", fetch, size);
	if (link > 0)
		fprintf(out, "%zu to place without fetching, ", link);
	fprintf(out, "%zu already there, ", there);
	print_left_out(plan, out);
}
