/* SPDX-License-Identifier: MIT */
/* The loading plan's rule: filter, then rank. A figure that nobody knows is neither good nor bad: it comes later. */
#include "select/select.h"

#include "base/mem.h"
#include "base/nearest.h"

#include <string.h>
#include <strings.h>

const char *ncm_demand_option(enum ncm_demand demand)
{
	static const char *const options[NCM_DEMANDS] = {
	    [NCM_DEMAND_USE_CASE] = "--usecase",    [NCM_DEMAND_PRIVACY] = "--privacy-tier",
	    [NCM_DEMAND_QUALITY] = "--min-quality", [NCM_DEMAND_LATENCY] = "--max-latency-ms",
	    [NCM_DEMAND_COST] = "--max-cost",       [NCM_DEMAND_VRAM] = "--vram",
	    [NCM_DEMAND_CONTEXT] = "--context",     [NCM_DEMAND_INSTALLED] = "--installed",
	};

	return options[demand];
}

/* From the least strict to the strictest; -1: no tier. */
static int strictness(const char *tier)
{
	static const char *const tiers[] = {"Public", "Internal", "Confidential", "Restricted"};

	for (int i = 0; i < 4; i++) {
		if (strcasecmp(tiers[i], tier) == 0)
			return i;
	}
	return -1;
}

int select_privacy(const char *needed, const char *tier)
{
	const int has = strictness(tier);

	return has < 0 ? FITS_UNKNOWN : has >= strictness(needed) ? FITS_YES : FITS_NO;
}

static int is_least(double value, double least)
{
	return value < 0 ? FITS_UNKNOWN : value >= least ? FITS_YES : FITS_NO;
}

static int is_most(double value, double most)
{
	return value < 0 ? FITS_UNKNOWN : value <= most ? FITS_YES : FITS_NO;
}

static double unless_zero(double value)
{
	return value > 0 ? value : -1;
}

/* Of a range, what lies in it may fit or not; so may more than the least where nobody tells the most. */
static int has_room(const struct ncm_candidate *candidate, double gb)
{
	if (candidate->vram_least > gb)
		return FITS_NO;
	return candidate->vram_most > 0 && candidate->vram_most <= gb ? FITS_YES : FITS_UNKNOWN;
}

static int is_for(const struct ncm_candidate *candidate, const char *use_case)
{
	return ncm_strings_mean(candidate->use_cases, use_case) || ncm_strings_mean(candidate->tags, use_case)
		   ? FITS_YES
		   : FITS_NO;
}

unsigned ncm_task_demands(const struct ncm_task *task)
{
	return (task->use_case ? 1u << NCM_DEMAND_USE_CASE : 0) | (task->privacy_tier ? 1u << NCM_DEMAND_PRIVACY : 0) |
	       (task->min_quality >= 0 ? 1u << NCM_DEMAND_QUALITY : 0) |
	       (task->max_latency_ms > 0 ? 1u << NCM_DEMAND_LATENCY : 0) |
	       (task->max_cost >= 0 ? 1u << NCM_DEMAND_COST : 0) | (task->vram_gb > 0 ? 1u << NCM_DEMAND_VRAM : 0) |
	       (task->context > 0 ? 1u << NCM_DEMAND_CONTEXT : 0) | (task->installed ? 1u << NCM_DEMAND_INSTALLED : 0);
}

/* Whether it has what the task demands. */
static int fits(const struct ncm_task *task, const struct ncm_candidate *candidate, enum ncm_demand demand)
{
	switch (demand) {
	case NCM_DEMAND_USE_CASE:
		return is_for(candidate, task->use_case);
	case NCM_DEMAND_PRIVACY:
		return select_privacy(task->privacy_tier, candidate->privacy_tier);
	case NCM_DEMAND_QUALITY:
		return is_least(candidate->quality, task->min_quality);
	case NCM_DEMAND_LATENCY:
		return is_most(unless_zero((double)candidate->latency_ms), (double)task->max_latency_ms);
	case NCM_DEMAND_COST:
		return is_most(candidate->cost, task->max_cost);
	case NCM_DEMAND_VRAM:
		return has_room(candidate, task->vram_gb);
	case NCM_DEMAND_CONTEXT:
		return is_least(unless_zero((double)candidate->context), (double)task->context);
	case NCM_DEMAND_INSTALLED:
		return candidate->registered ? FITS_YES : FITS_NO;
	case NCM_DEMANDS:
		break;
	}
	return FITS_UNKNOWN;
}

static void judge(const struct ncm_task *task, struct ncm_candidate *candidate)
{
	const unsigned demands = ncm_task_demands(task);
	enum ncm_star star;

	candidate->failed = candidate->unknown = 0;
	for (enum ncm_demand demand = 0; demand < NCM_DEMANDS; demand++) {
		const int answer = (demands & 1u << demand) ? fits(task, candidate, demand) : FITS_YES;

		candidate->failed |= answer == FITS_NO ? 1u << demand : 0;
		candidate->unknown |= answer == FITS_UNKNOWN ? 1u << demand : 0;
	}
	candidate->stars = task->use_case && candidate->model && ncm_star_of_use_case(task->use_case, &star)
			       ? ncm_model_stars(candidate->model, star)
			       : -1;
}

static int more_first(double one, double other)
{
	return (one < other) - (one > other);
}

static int speed_of(const struct ncm_candidate *candidate)
{
	return candidate->model ? ncm_model_stars(candidate->model, NCM_STAR_SPEED) : -1;
}

/* What is unknown is negative or, of sizes, the largest: so it comes last. */
static int by_plan(const void *a, const void *b)
{
	const struct ncm_candidate *one = a, *other = b;
	const uint64_t size = one->size ? one->size : UINT64_MAX, other_size = other->size ? other->size : UINT64_MAX;
	int order = (one->unknown != 0) - (other->unknown != 0);

	order = order ? order : more_first(one->stars, other->stars);
	order = order ? order : more_first(one->quality, other->quality);
	order = order ? order : more_first(speed_of(one), speed_of(other));
	order = order ? order : (size > other_size) - (size < other_size);
	return order ? order : (one->place > other->place) - (one->place < other->place);
}

static int by_place(const void *a, const void *b)
{
	const struct ncm_candidate *one = a, *other = b;
	const int order = (one->unknown != 0) - (other->unknown != 0);

	return order ? order : (one->place > other->place) - (one->place < other->place);
}

static int failed_last(const void *a, const void *b)
{
	const struct ncm_candidate *one = a, *other = b;
	const int order = (one->failed != 0) - (other->failed != 0);

	return order ? order : (one->place > other->place) - (one->place < other->place);
}

size_t select_sort(struct ncm_candidate *candidates, size_t count, int (*compare)(const void *, const void *))
{
	size_t fitting = 0;

	if (count > 0)
		qsort(candidates, count, sizeof *candidates, failed_last);
	while (fitting < count && candidates[fitting].failed == 0)
		fitting++;
	if (fitting > 0)
		qsort(candidates, fitting, sizeof *candidates, compare);
	return fitting;
}

size_t ncm_candidates_of_rule(const struct ncm_rule *rule, struct ncm_candidate *candidates, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < rule->models.count; i++) {
		for (size_t k = kept; k < count; k++) {
			const struct ncm_candidate found = candidates[k];

			if (strcmp(found.id, rule->models.items[i]) != 0)
				continue;
			candidates[k] = candidates[kept];
			candidates[kept] = found;
			candidates[kept].place = kept;
			kept++;
			break;
		}
	}
	return kept;
}

static void offer_words(const struct ncm_candidate *candidates, size_t count, struct ncm_nearest *nearest)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < candidates[i].use_cases->count; k++)
			ncm_nearest_offer(nearest, candidates[i].use_cases->items[k]);
		for (size_t k = 0; k < candidates[i].tags->count; k++)
			ncm_nearest_offer(nearest, candidates[i].tags->items[k]);
	}
}

static int nothing_for(const char *use_case, const struct ncm_candidate *candidates, size_t count,
		       struct ncm_error *err)
{
	struct ncm_nearest nearest = {.to = use_case};
	NCM_AUTO_FREE char *list = NULL;

	offer_words(candidates, count, &nearest);
	list = ncm_nearest_list(&nearest);
	ncm_error_set(err, NCM_E_NO_FIT, "none of %zu models is for %s: --usecase leaves all of them out", count,
		      use_case);
	if (list)
		return ncm_error_hint(err, "did you mean %s?", list);
	return ncm_error_hint(err, "`ncmodel list --available` shows what there is");
}

/* How many of those that are for the task fail a demand; of all, if it is the use case. */
static size_t count_failed(const struct ncm_candidate *candidates, size_t count, enum ncm_demand demand)
{
	const unsigned use_case = 1u << NCM_DEMAND_USE_CASE;
	size_t failed = 0;

	for (size_t i = 0; i < count; i++) {
		const bool counts = demand == NCM_DEMAND_USE_CASE || !(candidates[i].failed & use_case);

		failed += counts && (candidates[i].failed & 1u << demand);
	}
	return failed;
}

int select_none_fits(const struct ncm_task *task, const struct ncm_rule *rule, const struct ncm_candidate *candidates,
		     size_t count, struct ncm_error *err)
{
	const size_t others = count_failed(candidates, count, NCM_DEMAND_USE_CASE);
	NCM_AUTO_FREE char *purpose = rule             ? ncm_strdup("of the document")
				      : task->use_case ? ncm_asprintf("for %s", task->use_case)
						       : ncm_strdup("in all");
	enum ncm_demand worst = NCM_DEMAND_PRIVACY;

	for (size_t i = 0; i < count; i++) {
		if (candidates[i].failed == 0)
			return 0;
	}
	if (count == 0) {
		ncm_error_set(err, NCM_E_NO_FIT, "there is no model to choose from");
		return ncm_error_hint(err, "`ncmodel list --available` shows what there is");
	}
	if (others == count)
		return nothing_for(task->use_case, candidates, count, err);
	for (enum ncm_demand demand = worst; demand < NCM_DEMANDS; demand++) {
		if (count_failed(candidates, count, demand) > count_failed(candidates, count, worst))
			worst = demand;
	}
	ncm_error_set(err, NCM_E_NO_FIT, "no model does for the task: of %zu %s %s, %s leaves out %zu", count - others,
		      count - others == 1 ? "model" : "models", purpose, ncm_demand_option(worst),
		      count_failed(candidates, count, worst));
	if (worst == NCM_DEMAND_INSTALLED)
		return ncm_error_hint(err, "without --installed, what can be pulled is chosen from, too");
	return ncm_error_hint(err, "ask for less with %s, or leave it out", ncm_demand_option(worst));
}

int ncm_choose(const struct ncm_task *task, const struct ncm_rule *rule, struct ncm_candidate *candidates, size_t count,
	       size_t *fitting, struct ncm_error *err)
{
	for (size_t i = 0; i < count; i++)
		judge(task, &candidates[i]);
	*fitting = select_sort(candidates, count, rule ? by_place : by_plan);
	return select_none_fits(task, rule, candidates, count, err);
}
