/* SPDX-License-Identifier: MIT */
/* What the parts of a look at the machine share. */
#ifndef NCM_STATUS_STATUS_H
#define NCM_STATUS_STATUS_H

#include <ncmodel/registry.h>
#include <ncmodel/status.h>
#include <ncmodel/verify.h>

/* faults.c: what the quick look found, and what the last verify said. */
void status_add_faults(struct ncm_status *status, const struct ncm_verify_report *report);
/* Whether a registered model is among the faults. */
bool status_is_damaged(const struct ncm_status *status, const struct ncm_reg_model *model);

/* lines.c: the two tables and the sums. The faults are there already. */
void status_add_lines(struct ncm_status *status, const struct ncm_catalog *catalog,
		      const struct ncm_registry *registry);

#endif
