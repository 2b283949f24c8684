/* SPDX-License-Identifier: MIT */
/* The lock's JSON: lock_read.c reads it, lock_json.c changes it. */
#ifndef NCM_MANIFEST_LOCK_JSON_H
#define NCM_MANIFEST_LOCK_JSON_H

#include "base/json.h"
#include "manifest/lock.h"

enum { LOCK_SCHEMA_VERSION = 1 };

/* Reads the file and hands on its entries, which the taker then owns. No file: there are none. */
int lock_load(const char *path, void (*take)(void *context, struct ncm_lock_entry *entry), void *context,
	      struct ncm_error *err);
/* The same of a text, which `path` names. */
int lock_load_text(const char *path, const char *json, size_t length,
		   void (*take)(void *context, struct ncm_lock_entry *entry), void *context, struct ncm_error *err);
/* An entry of a document. False: it is none. */
bool lock_entry_parse(const char *uri, const json_t *json, struct ncm_lock_entry *entry);
/* The fault of a file of another version. Returns -1. */
int lock_tell_newer(const char *path, int64_t version, struct ncm_error *err);
/* The document, to be changed; an object without entries if the file is not there. New reference. */
json_t *lock_read(const char *path, struct ncm_error *err);
/* The key of an URI's entry. The caller frees it. */
char *lock_key(const char *uri);
/* Writes an entry into the object that it had (keys that we do not know stay), or into a new one. */
void lock_entry_write(const struct ncm_lock_entry *entry, json_t *json);
/* Takes secrets out of the entries, which an older version wrote. */
void lock_clean(json_t *entries);
/* lock_places.c: those that may be kept, sorted. */
void lock_places_copy(struct ncm_strings *to, const struct ncm_strings *from);
/* Adds what another entry, which this one is to replace, knew of the same bytes. */
void lock_places_keep(struct ncm_lock_entry *entry, const struct ncm_lock_entry *before);
void lock_entry_clear(struct ncm_lock_entry *entry);
void lock_entry_copy(struct ncm_lock_entry *to, const struct ncm_lock_entry *from);

#endif
