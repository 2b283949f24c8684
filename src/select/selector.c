/* SPDX-License-Identifier: MIT */
/* The Model Selector's published scoring, to the letter: the same sums in the same order give the same numbers. */
#include "select/select.h"

#include "registry/document.h"

#include <math.h>
#include <strings.h>

static const double for_use_case = 0.4, for_general = 0.2, of_quality = 0.30, of_cost = 0.15;
static const double when_too_dear = 0.5, when_too_weak = 0.7;

static struct ncm_score score_of(const struct ncm_task *task, const struct ncm_candidate *candidate)
{
	struct ncm_score score = {
	    .use_case = ncm_strings_mean(candidate->use_cases, task->use_case) ? for_use_case
			: ncm_strings_contain(candidate->use_cases, "General") ? for_general
									       : 0,
	    .quality = of_quality * candidate->quality,
	    .cost = of_cost * candidate->cost,
	    .too_dear = task->max_cost >= 0 && candidate->cost > task->max_cost,
	    .too_weak = task->min_quality >= 0 && candidate->quality < task->min_quality,
	};

	score.total = score.use_case + score.quality + score.cost;
	score.total *= score.too_dear ? when_too_dear : 1;
	score.total *= score.too_weak ? when_too_weak : 1;
	return score;
}

/* It reads models.json, where a number stands for what nobody stated. */
static void judge(const struct ncm_task *task, struct ncm_candidate *candidate)
{
	const struct ncm_reg_model *entry = candidate->registered;

	candidate->stars = -1;
	candidate->unknown = 0;
	candidate->failed = entry ? 0 : 1u << NCM_DEMAND_INSTALLED;
	if (!entry)
		return;
	candidate->use_cases = &entry->use_cases;
	candidate->quality = registry_score(entry->performance_score);
	candidate->cost = registry_score(entry->cost_score);
	candidate->privacy_tier = registry_privacy(entry->privacy_tier);
	if (task->privacy_tier && select_privacy(task->privacy_tier, candidate->privacy_tier) != FITS_YES)
		candidate->failed |= 1u << NCM_DEMAND_PRIVACY;
	candidate->score = score_of(task, candidate);
}

/* Of equals, the one that stands first in models.json. */
static int by_score(const void *a, const void *b)
{
	const struct ncm_candidate *one = a, *other = b;
	const double score = one->score.total, other_score = other->score.total;
	const int order = (score < other_score) - (score > other_score);

	return order ? order : (one->place > other->place) - (one->place < other->place);
}

static bool is_known(const char *use_case)
{
	char *words[] = {(char *)use_case};
	const struct ncm_reg_model model = {.use_cases = {.items = words, .count = 1}};
	struct ncm_strings use_cases = {0}, tags = {0};
	bool known;

	registry_split_use_cases(&model, &use_cases, &tags);
	known = use_cases.count > 0;
	ncm_strings_free(&use_cases);
	ncm_strings_free(&tags);
	return known;
}

unsigned ncm_selector_ignores(const struct ncm_task *task)
{
	return ncm_task_demands(task) & (1u << NCM_DEMAND_LATENCY | 1u << NCM_DEMAND_VRAM | 1u << NCM_DEMAND_CONTEXT);
}

int ncm_choose_as_selector(const struct ncm_task *task, struct ncm_candidate *candidates, size_t count, size_t *fitting,
			   struct ncm_error *err)
{
	if (!task->use_case || !is_known(task->use_case)) {
		ncm_error_set(err, NCM_E_USAGE, "the Model Selector knows no use case \"%s\"",
			      task->use_case ? task->use_case : "");
		return ncm_error_hint(err, "its words are CodeGeneration, CodeAnalysis, Reasoning, QuestionAnswering, "
					   "Documentation, Translation, Summarization, AgentTask, FunctionCalling, "
					   "Vision and General");
	}
	if (count == 0) {
		ncm_error_set(err, NCM_E_NO_FIT,
			      "nothing is installed, and the Model Selector chooses from that alone");
		return ncm_error_hint(err, "without --rule selector, what can be pulled is chosen from, too");
	}
	for (size_t i = 0; i < count; i++)
		judge(task, &candidates[i]);
	*fitting = select_sort(candidates, count, by_score);
	return select_none_fits(task, NULL, candidates, count, err);
}
