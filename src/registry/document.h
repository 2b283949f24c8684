/* SPDX-License-Identifier: MIT */
/* What models.json is to its readers, beyond its grammar. */
#ifndef NCM_REGISTRY_DOCUMENT_H
#define NCM_REGISTRY_DOCUMENT_H

#include <ncmodel/registry.h>

/* The folder above the one that holds models.json (absolute path); file paths are relative to it. The caller frees it.
 */
char *registry_base(const char *path);

/* contract.c: what the readers' contract lets stand. */
void registry_split_use_cases(const struct ncm_reg_model *model, struct ncm_strings *use_cases,
			      struct ncm_strings *tags);
double registry_score(double score); /* 0..1, or what stands for "unknown" */
const char *registry_privacy(const char *tier);

#endif
