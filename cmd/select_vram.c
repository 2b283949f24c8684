/* SPDX-License-Identifier: MIT */
#include "select_vram.h"

#include "fit_view.h"

static void count_one(struct ncm_candidate *candidate, const struct ncm_fit_wish *wish)
{
	struct need need;

	need_installed(candidate->registered, wish, &need);
	if (need.fit.basis == NCM_FIT_HEADER && !need.fit.at_least)
		ncm_candidate_counted(candidate, ncm_fit_sum(&need.fit.card), need.fit.error);
	need_clear(&need);
}

void select_count_vram(const struct ncm_task *task, const struct ncm_rule *rule, struct ncm_candidate *candidates,
		       size_t count)
{
	struct ncm_task others = *task;
	struct ncm_fit_wish wish;
	size_t fitting = 0;

	if (task->vram_gb <= 0)
		return;
	others.vram_gb = 0;
	if (ncm_choose(&others, rule, candidates, count, &fitting, NULL) < 0)
		return;
	ncm_fit_wish_default(&wish);
	if (task->context > 0)
		wish.context = task->context;
	for (size_t i = 0; i < fitting && !ncm_interrupted(); i++) {
		if (candidates[i].registered)
			count_one(&candidates[i], &wish);
	}
}
