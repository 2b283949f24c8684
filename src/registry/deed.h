/* SPDX-License-Identifier: MIT */
/* What was done to an entry, told to whoever keeps a log. */
#ifndef NCM_REGISTRY_DEED_H
#define NCM_REGISTRY_DEED_H

#include <ncmodel/log.h>
#include <ncmodel/registry.h>

/* A file as an entry has it; its strings are borrowed. */
struct ncm_deed_file registry_deed_file(const struct ncm_reg_file *file);
/* Sends one DEED: this was done to the model with these files. */
void registry_tell_deed(const struct ncm_sink *sink, const char *action, const struct ncm_reg_model *entry);

#endif
