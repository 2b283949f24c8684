/* SPDX-License-Identifier: MIT */
/* Why a model stands where it stands: what the rule looked at, and what nobody knows of it. */
#include "select_view.h"

#include "ui/text.h"

#include <ncmodel/text.h>

static void add(struct ncm_strings *words, char *word)
{
	words_add(words, word);
	free(word);
}

static char *joined(struct ncm_strings *words, const char *separator)
{
	char *text = words_join(words, separator);

	ncm_strings_free(words);
	return text;
}

static void add_stars(struct ncm_strings *words, const char *what, int stars)
{
	add(words, stars >= 0 ? text_format("%s %d of %d stars", what, stars, NCM_STARS_MOST)
			      : text_format("%s not rated", what));
}

static void add_size(struct ncm_strings *words, const struct ncm_candidate *candidate)
{
	char text[64];

	add(words, candidate->size > 0 ? text_format("%s%s", candidate->size_expected ? "~" : "",
						     ncm_format_size(candidate->size, text, sizeof text))
				       : text_copy("size not known"));
}

/* What was asked for is told of each. */
static void add_demanded(struct ncm_strings *words, const struct ncm_task *task, const struct ncm_candidate *candidate)
{
	if (task->privacy_tier)
		add(words, text_format("privacy %s", candidate->privacy_tier));
	if (task->max_cost >= 0 && candidate->cost >= 0)
		add(words, text_format("cost %.2f", candidate->cost));
	if (task->max_latency_ms > 0 && candidate->latency_ms > 0)
		add(words, text_format("%llu ms", (unsigned long long)candidate->latency_ms));
	if (task->vram_gb > 0 && candidate->vram_most > 0)
		add(words, text_format(candidate->vram_counted ? "%.1f GB of VRAM (counted)" : "%g GB of VRAM (stated)",
				       candidate->vram_most));
	if (task->context > 0 && candidate->context > 0)
		add(words, text_format("%llu tokens of context", (unsigned long long)candidate->context));
}

void selection_add_options(struct ncm_strings *words, unsigned demands)
{
	for (enum ncm_demand demand = 0; demand < NCM_DEMANDS; demand++) {
		if (demands & 1u << demand)
			words_add(words, ncm_demand_option(demand));
	}
}

static char *plan_reason(const struct selection *selection, const struct ncm_candidate *candidate)
{
	struct ncm_strings words = {0}, unknown = {0};
	const struct ncm_task *task = selection->task;
	enum ncm_star star;

	if (selection->rule)
		add(&words, text_format("the document's choice %zu of %zu", candidate->place + 1,
					selection->rule->models.count));
	if (task->use_case && ncm_star_of_use_case(task->use_case, &star))
		add_stars(&words, ncm_star_name(star), candidate->stars);
	add(&words,
	    candidate->quality >= 0 ? text_format("quality %.2f", candidate->quality) : text_copy("quality not known"));
	add_stars(&words, "speed", candidate->model ? ncm_model_stars(candidate->model, NCM_STAR_SPEED) : -1);
	add_size(&words, candidate);
	add_demanded(&words, task, candidate);
	selection_add_options(&unknown, candidate->unknown);
	if (unknown.count > 0) {
		AUTO_FREE char *list = joined(&unknown, " and ");

		add(&words, text_format("not known whether it meets %s", list));
	}
	return joined(&words, ", ");
}

/* The published sum names each part; a number that stands for one that nobody stated is told as such. */
static char *selector_reason(const struct ncm_task *task, const struct ncm_candidate *candidate)
{
	const struct ncm_reg_model *entry = candidate->registered;
	const struct ncm_score *score = &candidate->score;
	struct ncm_strings words = {0};

	add(&words, text_format("score %.4f = %.2f for the use case", score->total, score->use_case));
	add(&words, text_format("0.30 x quality %.2f%s", candidate->quality,
				entry->performance_score < 0 ? " (stated by nobody)" : ""));
	add(&words,
	    text_format("0.15 x cost %.2f%s", candidate->cost, entry->cost_score < 0 ? " (stated by nobody)" : ""));
	if (score->too_dear)
		add(&words, text_format("all x 0.5: cost above %g", task->max_cost));
	if (score->too_weak)
		add(&words, text_format("all x 0.7: quality below %g", task->min_quality));
	return joined(&words, ", ");
}

char *selection_reason(const struct selection *selection, const struct ncm_candidate *candidate, bool by_selector)
{
	return by_selector ? selector_reason(selection->task, candidate) : plan_reason(selection, candidate);
}
