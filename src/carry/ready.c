/* SPDX-License-Identifier: MIT */
/* Which models have all of their content. Each counts what it still waits for: what has come costs no search. */
#include "carry/carry.h"

#include "base/mem.h"

/* What failed is waited for no longer: whoever wants it is told why when its turn comes. */
static bool is_settled(const struct task *task)
{
	return task->item->content->kind == CONTENT_MANIFEST || task->state != TASK_OPEN || item_ready_path(task->item);
}

void carry_count(struct carry *carry)
{
	const struct contents *contents = &carry->planned->contents;

	for (size_t i = 0; i < contents->count; i++)
		carry->tasks[i].settled = is_settled(&carry->tasks[i]);
	for (size_t m = 0; m < carry->run->model_count; m++) {
		struct outcome *outcome = &carry->outcomes[m];

		for (size_t i = contents->first[m]; i < contents->first[m + 1]; i++)
			outcome->awaited += !carry->tasks[contents->of_models[i]].settled;
		if (outcome->awaited == 0)
			*NCM_PUSH(carry->ready, carry->ready_count) = m;
	}
}

void task_recount(struct carry *carry, struct task *task)
{
	const struct content *content = task->item->content;
	const bool settled = is_settled(task);

	if (settled == task->settled)
		return;
	task->settled = settled;
	carry->recounts++;
	for (size_t i = 0; i < content->place_count; i++) {
		const size_t model = carry->run->wanted[content->places[i].wanted].model;
		struct outcome *outcome = &carry->outcomes[model];

		if (outcome->recount == carry->recounts) /* it wants it in another place, too */
			continue;
		outcome->recount = carry->recounts;
		outcome->awaited = settled ? outcome->awaited - 1 : outcome->awaited + 1;
		if (outcome->awaited == 0)
			*NCM_PUSH(carry->ready, carry->ready_count) = model;
	}
}

static int compare_numbers(const void *a, const void *b)
{
	const size_t x = *(const size_t *)a, y = *(const size_t *)b;

	return (x > y) - (x < y);
}

void carry_finish_ready(struct carry *carry)
{
	NCM_AUTO_FREE size_t *ready = carry->ready;
	const size_t ready_count = carry->ready_count;
	size_t count = 0;

	carry->ready = NULL;
	carry->ready_count = 0;
	for (size_t i = 0; i < ready_count; i++) {
		if (carry->run->models[ready[i]].error.code == NCM_OK && !carry->outcomes[ready[i]].registered)
			ready[count++] = ready[i];
	}
	/* What is ready at one time is recorded in the order in which it was asked for. */
	if (count > 1)
		qsort(ready, count, sizeof *ready, compare_numbers);
	carry_finish(carry, ready, count);
}
