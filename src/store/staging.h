/* SPDX-License-Identifier: MIT */
/*
 * What lies in a store's staging folder (`.ncmodel/staging`), by its name. The names are made and understood here
 * alone: a run that is killed leaves them to later runs, to gc and to surveys, and these must read what the first one
 * meant.
 *
 *   <sha256>.part             a download under way of content whose digest is known
 *   url-<32 digits>.part      … of other content: 16 digits of its source's hash, 16 of its revision's and path's
 *   <sha256>.repair.part      the damaged spans of a file, fetched to be put into it
 *   <partial>.journal         which bytes of a partial are there (transfer/journal.h); .journal.new: being replaced
 *   <partial>.dir, .dir.old   an archive being unpacked, and the folder that it replaces
 *   commit-<16 digits>        a whole file that is about to get its final name
 *   placing-<32 digits>       a note of what is getting its final name (store/intent.c)
 *   .<name>.<16 digits>.tmp   one of these being written
 *
 * A partial is named by what it is of, never by where it is fetched from: a mirror or another endpoint goes on with it.
 */
#ifndef NCM_STORE_STAGING_H
#define NCM_STORE_STAGING_H

#include <ncmodel/digest.h>

enum staging_kind {
	STAGING_UNKNOWN, /* not ours to judge */
	STAGING_PARTIAL,
	STAGING_REPAIR, /* a partial too, and has a journal as these */
	STAGING_JOURNAL,
	STAGING_UNPACKED,
	STAGING_COMMIT,
	STAGING_INTENT,
	STAGING_TEMPORARY,
};

/* What the name is of. */
enum staging_kind staging_kind_of(const char *name);
/*
 * The name of a partial. `sha256` may be NULL: then `source` counts, the source without its revision as ncm_source_key
 * spells it, and the revision and the path there (NULL: it has but one). The caller frees it.
 */
char *staging_partial_name(const struct ncm_sha256 *sha256, const char *source, const char *revision, const char *path);
char *staging_repair_name(const struct ncm_sha256 *sha256);
char *staging_unpacked_name(const char *partial);
char *staging_commit_name(void); /* a new one at each call */
/* The note's name for a path below the store. */
char *ncm_store_intent_name(const char *relative);

/*
 * What a partial or a repair's is of, to be compared: the SHA-256 in hex, or "url-" and the 16 digits that all files of
 * one source have. The caller frees it.
 */
char *staging_content_of(const char *partial);
/* The same of a source, whose files' paths nobody knows. */
char *staging_content_of_source(const char *source);
/* The partial that a journal is of. The caller frees it. */
char *staging_partial_of(const char *journal);

/*
 * Calls `found` with every name in the open staging folder. Returns 0, or -1 with errno if not all of it could be read.
 * Does not close `fd`.
 */
int staging_list(int fd, void (*found)(void *context, int fd, const char *name, enum staging_kind kind), void *context);
/* Removes what a run that ended left of files that were to get their final names: of use to nobody while the store's
 * lock is held. Returns 0, or -1 with errno if some of it is still there. */
int staging_forget_commits(int fd);

#endif
