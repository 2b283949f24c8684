/* SPDX-License-Identifier: MIT */
/*
 * Everything that changes models.json goes through here: under an advisory lock the file is read again, edited, and
 * replaced atomically. An edit asks for entries one by one; what it does not ask for stays as it is written.
 */
#ifndef NCM_REGISTRY_CHANGE_H
#define NCM_REGISTRY_CHANGE_H

#include "base/json.h"

#include <ncmodel/error.h>
#include <stdbool.h>

struct registry_change;

/*
 * Edits the registry through the functions below and returns whether there is anything to write; if not, the file stays
 * untouched.
 */
typedef bool registry_edit(struct registry_change *change, void *context);

/*
 * Runs `edit` on the registry at `path`. A file that is not there is made if `create`, else nothing is done. Errors:
 * REGISTRY when the file is broken (it is left as it is), IO. Returns 0 or -1.
 */
int registry_change(const char *path, bool create, registry_edit *edit, void *context, struct ncm_error *err);

/* For edits. What they return is borrowed and ends with the edit. */

/* The entry of that id (or name), to be edited in place; NULL if there is none. */
json_t *registry_change_find(struct registry_change *change, const char *id);
/* The entry of that id (or name), or a new, empty one at the end, which the edit must fill. */
json_t *registry_change_make(struct registry_change *change, const char *id);
/* Notes what a verify found of the entry of that id (or name), now. `result` is borrowed until it is written, and a
 * word that JSON has no escapes for. Returns whether there was one. */
bool registry_change_mark(struct registry_change *change, const char *id, const char *result);
/* Takes the entry of that id (or name) out. Returns whether there was one. */
bool registry_change_remove(struct registry_change *change, const char *id);
/* Sets "registered_at": something was installed or removed now. */
void registry_change_stamp(struct registry_change *change);
/* The absolute folder that paths in entries are relative to. */
const char *registry_change_base(const struct registry_change *change);

#endif
