/* SPDX-License-Identifier: MIT */
/* One model as models.json has it. */
#ifndef NCM_REGISTRY_ENTRY_H
#define NCM_REGISTRY_ENTRY_H

#include "base/json.h"
#include "registry/write.h"

/* Writes the model into its entry (empty if it is new); keys that are not ours stay where they are. */
void registry_entry_write(const struct ncm_reg_model *model, const char *base, json_t *entry);
/* Adds the model to its entry (empty if it is new), as ncm_registry_add_all says. */
void registry_entry_add(const struct registry_addition *addition, const char *base, json_t *entry);
/* Takes secrets out of its sources, which an older version wrote. Returns whether there were any. */
bool registry_entry_clean(json_t *entry);
/* As models.json has a path (absolute): below `base` relative to it. Borrowed. */
const char *registry_written_path(const char *base, const char *abs);
/* That of all its files, in MiB as its readers want it: the same bytes in two stores are one copy on disk, or are meant
 * to be, and count once. */
void registry_entry_write_size(json_t *entry);

#endif
