/* SPDX-License-Identifier: MIT */
/* The commands behind `ncmodel manifest`. Each returns its exit code. */
#ifndef CMD_MANIFEST_H
#define CMD_MANIFEST_H

#include "session.h"

/* What manifest alone is told. */
struct manifest_given {
	const char *output, *as_profile, *format;
};
extern struct manifest_given manifest_given;

int manifest_dump(struct session *session);
int manifest_import(struct session *session);
/* manifest_workflow.c: import, of a file that has a workflow in it. */
int manifest_workflow(struct session *session, const char *path, struct ncm_draft_options *options);
int manifest_init(struct session *session);

/* manifest_draft.c: what they share. */
/* Of which profile and phase the draft is to be, as the options say. Class USAGE. */
int manifest_draft_options(const struct session *session, struct ncm_draft_options *options, struct ncm_error *err);
/*
 * Writes the draft where the options say, or prints it, and tells what it lacks and what to do next. `next` is a
 * command to run before a plan, or NULL.
 */
int manifest_hand_out(struct session *session, const struct ncm_draft *draft, const char *next);
/* Fails for a missing or superfluous operand. */
int manifest_usage(struct session *session, const char *usage);

#endif
