/* SPDX-License-Identifier: MIT */
/* One model as models.json has it. */
#ifndef NCM_REGISTRY_ENTRY_H
#define NCM_REGISTRY_ENTRY_H

#include <jansson.h>
#include <ncmodel/registry.h>

/* Writes the model into its entry (empty if it is new); keys that are not ours stay where they are. */
void registry_entry_write(const struct ncm_reg_model *model, const char *base, json_t *entry);

#endif
