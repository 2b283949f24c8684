/* SPDX-License-Identifier: MIT */
/* A plan for people and for programs; `plan` and `pull` show the same. */
#ifndef CMD_PLAN_VIEW_H
#define CMD_PLAN_VIEW_H

#include "ui/session.h"

/* Chooses and resolves what the session asks for. NULL with *err. Free the plan with ncm_plan_free. */
struct ncm_plan *plan_make(struct session *session, struct ncm_error *err);
void plan_print(const struct session *session, const struct ncm_plan *plan, FILE *out);
/* A new reference. */
json_t *plan_json(const struct ncm_plan *plan);
json_t *plan_disks_json(const struct ncm_plan_disk *disks, size_t count);
/* Tells why models cannot be planned, and of space that does not suffice. Returns the exit code: 0 if all is well. */
int plan_report(struct session *session, const struct ncm_plan *plan);
/* Of which models it is not known whether their sources still serve what is there; nothing if there are none. */
void plan_print_unconfirmed(const struct ncm_plan *plan, FILE *out);
/* Which files have other names here, or are left out. */
void plan_print_odd(const struct ncm_plan *plan, FILE *out);
/* "All 12 models are in place (41.0 GB)." The caller frees it. */
char *plan_in_place(size_t models, uint64_t size);

/* plan_sums.c */
/* The steps of a model's files, a bit each; and what such steps, or a model's, come to, as one character. Static. */
unsigned plan_steps(const struct ncm_plan_model *model);
const char *plan_steps_mark(unsigned steps);
const char *plan_mark(const struct ncm_plan_model *model);
/* "Phase 1 (high): 4 models, 39.7 GB to fetch". The caller frees it. */
char *plan_phase_title(const struct ncm_plan *plan, unsigned phase);
void plan_print_disks(const struct ncm_plan_disk *disks, size_t count, FILE *out);
void plan_print_times(const struct session *session, const struct ncm_plan *plan, FILE *out);
void plan_print_total(const struct ncm_plan *plan, FILE *out);

/* The exit code of failures seen so far (0: none) together with one more: several classes give 1. */
int plan_join_codes(int before, int code);

#endif
