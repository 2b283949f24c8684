/* SPDX-License-Identifier: MIT */
/* What making a plan and running it share. */
#ifndef NCM_PROVISION_PLAN_H
#define NCM_PROVISION_PLAN_H

#include "provision/run.h"

/* A run with the registry and the lock read and nothing chosen yet. NULL with *err. */
struct run *run_new(const struct ncm_config *config, const struct ncm_provision_options *options,
		    const struct ncm_sink *sink, struct ncm_error *err);
void run_free(struct run *run);
/* Chooses these models (borrowed): each file spec of theirs is a wanted. Once a run. */
void run_take_models(struct run *run, struct ncm_model *const *models, size_t count);
/* Gives a POLICY error to each model whose destination holds a foreign file (unless options.force). */
void refuse_foreign(struct run *run);
/* Copies why a model failed; where another form of it can be chosen, the hint says so. */
void model_error_copy(struct ncm_error *out, const struct chosen_model *model);
void plan_disks_free(struct ncm_plan_disk *disks, size_t count);

#endif
