/* SPDX-License-Identifier: MIT */
/* What `ncmodel select` says: the answer, why, and what comes next. */
#ifndef CMD_SELECT_VIEW_H
#define CMD_SELECT_VIEW_H

#include "session.h"

struct selection {
	const char *by; /* "plan", "selector", "role" … */
	bool by_selector;
	const struct ncm_task *task;
	const struct ncm_rule *rule;            /* of a profile; or NULL */
	const struct ncm_candidate *candidates; /* those that fit, best first, then the others */
	size_t considered, fitting;             /* `fitting` is at least 1, but for a task of the cloud's */
	const struct ncm_candidate *plans;      /* of the Selector's answer: the loading plan's, or NULL: it has none */
	const char *cloud;    /* the answer is a model of the cloud; NULL: it is the first candidate */
	const char *fallback; /* … because no program that runs models answers */
};

/* select_cloud.c */
/* The answer of a rule that gives its task to the cloud. NO_FIT if anything is asked for that nobody states of it. */
int selection_take_cloud(struct selection *selection, struct ncm_error *err);
/* Whether a program that runs models answers; if none does, what the document falls back to is the answer, and the
 * error is told. Returns the exit code. */
int selection_ask_runtime(struct session *session, struct selection *selection);

/* select_reason.c: for people; safe. By the Selector's scoring, or by the rule that the selection has. The caller frees
 * it.
 */
char *selection_reason(const struct selection *selection, const struct ncm_candidate *candidate, bool by_selector);
/* Adds the options of a mask of demands. */
void selection_add_options(struct ncm_strings *words, unsigned demands);

void selection_print(const struct selection *selection, bool may_be_pulled);
/* New reference. */
json_t *selection_json(const struct selection *selection);

#endif
