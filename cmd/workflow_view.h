/* SPDX-License-Identifier: MIT */
/* --workflow FILE: the files that a ComfyUI workflow asks for are what is chosen. */
#ifndef CMD_WORKFLOW_VIEW_H
#define CMD_WORKFLOW_VIEW_H

#include "session.h"

#include <stdio.h>

/* Unless the user said which profiles there are to be, all are: their manifests know where files come from. To be
 * called before the catalog is loaded. */
int workflow_widen(struct session *session, struct ncm_error *err);
/* Reads the workflow and chooses its files in the session's catalog. *chosen is freed by the caller. */
int workflow_choose(struct session *session, struct ncm_model ***chosen, size_t *count, struct ncm_error *err);
/* What is told of it beside a plan: nothing without --workflow. */
void workflow_print(const struct session *session, FILE *out);
/* Tells what no source is known of. Returns the exit code: 0 if there is nothing of that kind. */
int workflow_report(struct session *session);
/* Puts "workflow" into a plan's object. */
void workflow_put(const struct session *session, json_t *plan);

#endif
