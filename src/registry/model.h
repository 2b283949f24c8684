/* SPDX-License-Identifier: MIT */
/* Entries that are not a registry's: made of a manifest's model, or with strings of their own. */
#ifndef NCM_REGISTRY_MODEL_H
#define NCM_REGISTRY_MODEL_H

#include "os/os.h"

#include <ncmodel/registry.h>

/* What an entry has from its manifest's model, in the form that is chosen (NULL: its own). Everything is borrowed from
 * the model; files, source, revision and trust are the caller's. */
void registry_describe(const struct ncm_model *model, const struct ncm_variant *variant, struct ncm_reg_model *entry);
/* A copy with strings of its own, without files, sizes and times. */
void registry_model_copy(struct ncm_reg_model *to, const struct ncm_reg_model *from);
/* The entry's file of this absolute path, or NULL. Borrowed. */
const struct ncm_reg_file *registry_file_at(const struct ncm_reg_model *entry, const char *abs);
/* The file that a runtime opens: weights before all else, by a name that says so before one that does not, the first of
 * several. NULL: the entry has no files. Borrowed. */
const struct ncm_reg_file *registry_main_file(const struct ncm_reg_model *entry);
/* Whether the last verify found it other than it should be: damage that the disk made leaves size and mtime as they
 * were. */
bool registry_was_found_wrong(const struct ncm_reg_model *entry);
/* Whether what lies there has the size and mtime that were recorded. */
bool registry_is_unchanged(const struct ncm_reg_file *file, const struct os_stat *status);
/* Whether it was written beside a model, for an application to read and edit. */
bool registry_is_sidecar(const struct ncm_reg_file *file);
/* A copy with strings of its own; and its end. */
void registry_file_copy(struct ncm_reg_file *to, const struct ncm_reg_file *from);
void registry_file_clear(struct ncm_reg_file *file);
/* Frees an entry whose strings are its own. */
void registry_model_clear(struct ncm_reg_model *entry);

#endif
