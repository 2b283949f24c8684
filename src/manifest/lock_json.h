/* SPDX-License-Identifier: MIT */
/* The lock's JSON, both ways. */
#ifndef NCM_MANIFEST_LOCK_JSON_H
#define NCM_MANIFEST_LOCK_JSON_H

#include "manifest/lock.h"

#include <jansson.h>

/* Reads the document; an object without entries if the file is not there. New reference. */
json_t *lock_read(const char *path, struct ncm_error *err);
/* Reads one entry. On failure *entry is cleared. */
int lock_entry_parse(const char *uri, const json_t *json, struct ncm_lock_entry *entry, char **reason);
/* The key of an URI's entry. The caller frees it. */
char *lock_key(const char *uri);
/* Writes an entry into the object that it had (keys that we do not know stay), or into a new one. */
void lock_entry_write(const struct ncm_lock_entry *entry, json_t *json);
/* Takes secrets out of the entries, which an older version wrote. */
void lock_clean(json_t *entries);
void lock_entry_clear(struct ncm_lock_entry *entry);
void lock_entry_copy(struct ncm_lock_entry *to, const struct ncm_lock_entry *from);

#endif
