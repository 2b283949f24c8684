/* SPDX-License-Identifier: MIT */
/*
 * The lock: what a resolve found, pinned. One entry a source, under the URI that a manifest first wrote; another
 * spelling of it ("ollama:name" and "ollama:name:latest") finds the same entry.
 */
#ifndef NCM_MANIFEST_LOCK_H
#define NCM_MANIFEST_LOCK_H

#include "digest/hash.h"

#include <ncmodel/digest.h>
#include <ncmodel/error.h>
#include <ncmodel/manifest.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NCM_LOCK_PLACES_MOST = 16 };

struct ncm_lock_file {
	char *path; /* as the source names it; NULL never */
	char *role; /* or NULL */
	char *url;  /* canonical, or NULL where it holds a secret, or the source can make it anew */
	bool has_size;
	uint64_t size; /* 0 where it is not known */
	bool has_sha256;
	struct ncm_sha256 sha256;
	bool has_git_sha1; /* of the content as a git blob: what the Hub tells of its small files */
	struct ncm_sha1 git_sha1;
	/* Further sources that served these bytes, none with a secret; sorted, at most NCM_LOCK_PLACES_MOST */
	struct ncm_strings places;
};

struct ncm_lock_entry {
	char *uri;       /* key; as may be stored (ncm_source_remembered) */
	char *canonical; /* the key's canonical spelling where that is another, else NULL */
	char *pinned;    /* canonical pinned spelling */
	char *revision;  /* or NULL */
	char *trust;     /* "manifest", "upstream", "first-use" */
	char *resolved_at;
	char *ollama_name; /* of an Ollama model, else NULL */
	char *kind;        /* what its one file is (store/purpose.h); or NULL */
	bool unsaved;      /* it came from another lock, and is in no file of ours */
	struct ncm_lock_file *files;
	size_t file_count;
};

struct ncm_lock {
	char *path;
	struct ncm_lock_entry *entries;
	size_t count;
	size_t respelled; /* entries whose key has another canonical spelling */
};

/*
 * Reads the lock (no file: an empty one). An entry without files pins nothing: it is not there. Nor is a digest of
 * zeros, or a size of 0 without a digest, which older versions wrote for what they did not know. Class MANIFEST.
 */
struct ncm_lock *ncm_lock_load(const char *path, struct ncm_error *err);
/* The same of a text, which errors call `name`. */
struct ncm_lock *ncm_lock_parse(const char *name, const char *text, size_t size, struct ncm_error *err);
void ncm_lock_free(struct ncm_lock *lock);
const struct ncm_lock_entry *ncm_lock_find(const struct ncm_lock *lock, const char *uri);
/* Puts an entry (copied) in place of the one with its URI; one without files is not put. Where the bytes are the same,
 * the places stay known, and so does the other source that they were pinned at. In memory alone. */
void ncm_lock_put(struct ncm_lock *lock, const struct ncm_lock_entry *entry);
/*
 * Notes that a source served bytes that the URI's entry pins. Returns whether that was news: not of what the entry
 * names itself, of what needs a secret, or where there are NCM_LOCK_PLACES_MOST already. In memory alone.
 */
bool ncm_lock_note_place(struct ncm_lock *lock, const char *uri, const struct ncm_sha256 *sha256, const char *place);
/* Adds every source that any entry knows for these bytes; *places is sorted then. A source of many files may be among
 * them. */
void ncm_lock_places(const struct ncm_lock *lock, const struct ncm_sha256 *sha256, struct ncm_strings *places);
/* Takes the entry of an URI out. In memory alone. */
void ncm_lock_drop(struct ncm_lock *lock, const char *uri);
/*
 * Writes the entries of these URIs into the lock file, and takes those out that the lock does not have: re-read and
 * merged under an advisory lock, atomically, keys sorted.
 */
int ncm_lock_save(const struct ncm_lock *lock, const char *const *uris, size_t count, struct ncm_error *err);
/* A lock of all entries, as a file has it. The caller frees it; NULL: a key is no UTF-8. */
char *ncm_lock_text(const struct ncm_lock *lock);

#endif
