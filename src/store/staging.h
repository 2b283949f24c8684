/* SPDX-License-Identifier: MIT */
/*
 * What we leave on disk while we work, by its name. The names are made and understood here alone: a run that is killed
 * leaves them to later runs, to gc and to surveys, and these must read what the first one meant.
 *
 * In a store's staging folder (`.ncmodel/staging`):
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
 *
 * Elsewhere:
 *
 *   STORE/…/.ncmodel-<16 digits>.tmp     a file on its way to a name in this folder, which is another disk
 *   .ncmodel/removing-<16 digits>        beside models.json: a note of a removal under way (upkeep/note.c)
 *   .ncmodel/moving-<16 digits>          … of a move (registry/moving.h)
 *   .ncmodel/import-<16 digits>          … a folder: a bundle's volumes being unpacked, by their index
 * (bundle/unpack.c)
 */
#ifndef NCM_STORE_STAGING_H
#define NCM_STORE_STAGING_H

#include <ncmodel/digest.h>
#include <stdbool.h>

struct ncm_store;

/* The folders in a store's own folder. */
#define OWN_STAGING "staging"
#define OWN_CHECKPOINTS "checkpoints"
#define OWN_REPLACED "replaced"

/* "<own folder>/<below>", below the store. The caller frees it. */
char *store_own_path(const struct ncm_store *store, const char *below);
/* Opens the staging folder of a store whose folder is open as dirfd. -1 with errno. */
int staging_open(const struct ncm_store *store, int dirfd);
/* Whether a path, absolute or below a store, leads into an own folder of ours, any store's. */
bool store_is_own(const char *path);
/* Whether an absolute path is a store's staging folder. */
bool store_is_staging(const char *path);

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
char *staging_unpacked_old(const char *unpacked); /* where the folder goes that it replaces */
char *staging_journal_name(const char *partial);
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
/* A new name for a file on its way to another one in its folder, and whether a name is such a one. */
char *staging_hidden_name(void);
bool staging_is_hidden(const char *name);
/* Whether it is what ncm_write_atomic calls a file that begins so while it writes it. */
bool staging_is_written(const char *name, const char *start);

/* Notes beside models.json. */
enum staging_note {
	NOTE_REMOVING,
	NOTE_MOVING,
};
/* The folder of the notes, with no slash behind it. The caller frees it. */
char *staging_notes_folder(const char *registry);
char *staging_note_name(enum staging_note what); /* a new one at each call */
bool staging_is_note(const char *name, enum staging_note what);
/* How all of their names begin. Static. */
const char *staging_note_start(enum staging_note what);

/* The folder there into which volumes of a bundle with this index are unpacked. The caller frees it. */
char *staging_import_name(const struct ncm_sha256 *index);
bool staging_is_import(const char *name);
/* Its lock, held while volumes are unpacked and placed. */
#define STAGING_IMPORT_LOCK "lock"

/* Removes what a run that ended left of files that were to get their final names: of use to nobody while the store's
 * lock is held. Returns 0, or -1 with errno if some of it is still there. */
int staging_forget_commits(int fd);

#endif
