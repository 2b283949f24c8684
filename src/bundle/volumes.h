/* SPDX-License-Identifier: MIT */
/* Volumes that are there: what lies where in them, and a pass over their content. All of it is foreign. */
#ifndef NCM_BUNDLE_VOLUMES_H
#define NCM_BUNDLE_VOLUMES_H

#include "bundle/layout.h"
#include "digest/transit.h"

/* An entry of a volume. */
struct bundle_entry {
	char *path;
	size_t volume;
	uint64_t at, size;
};

struct bundle_volumes {
	int *files; /* of the bundle's volumes that are given, open */
	size_t count;
	struct bundle_entry *entries;
	size_t entry_count;
	struct bundle_part *parts; /* by file and start */
	size_t part_count;
	struct ncm_sha256 index; /* of the text of bundle.json: whose volumes these are */
	uint64_t index_size;
	int lock; /* of the folder that they are unpacked to; -1 */
	/* what a pass found wrong: */
	bool *spoilt;     /* a volume has damaged content; NULL: none has */
	bool lacks_parts; /* parts of files are in none that is given */
	bool lacks_bases; /* an older version that has parts of one is not here, or is damaged */
};

/* read.c: the file of the index whose path is the first `length` characters of `path`; NULL: none. */
struct ncm_bundle_file *bundle_find(const struct ncm_bundle *bundle, const char *path, size_t length);

void bundle_volumes_free(struct bundle_volumes *volumes);

/* documents.c: orders the entries; what one volume has at a path (NULL: nothing; the caller frees it). */
void bundle_volumes_sort(struct bundle_volumes *volumes);
char *bundle_volumes_named(const struct bundle_volumes *volumes, size_t volume, const char *path, size_t *size);

/* The bytes of a document that the index tells of, or (with `file` NULL) of any that has this path, from the first
 * volume where they are right. NULL: there are none. The caller frees them. */
char *bundle_volumes_document(const struct ncm_bundle *bundle, const char *path, const struct ncm_bundle_file *file,
			      size_t *size);
/* Whether an entry that is no content has the bytes that the index tells of; of volume.json nothing is told there. */
bool bundle_volumes_entry_holds(const struct ncm_bundle *bundle, const struct bundle_entry *entry);
/* The checkpoints of a file. False: all volumes' are damaged, and none of its spans can be proven (those that are made
 * up then hold for none). Clear them in any case. */
bool bundle_volumes_checkpoints(const struct ncm_bundle *bundle, const struct ncm_bundle_file *file,
				struct ncm_checkpoints *checkpoints);

/* Spans of one file that were passed over; `from` is -1 where no volume has one. */
struct bundle_stretch {
	size_t file;
	struct ncm_transit *transits;
	size_t count;
	int base;               /* of the older version of the file; -1 */
	int base_failure;       /* errno: why it could not be opened; ENOENT: there is none */
	bool provable, is_last; /* of the file */
};

/* What becomes of a file in a pass. */
struct bundle_target {
	int to;   /* where its content goes; -1: it is only proven */
	int base; /* the older version of it that its index tells of, where that is here; -1 */
	int base_failure;
};

/* One pass over all blobs, in order. */
struct bundle_pass {
	/* Whether the file is wanted: 1, 0, or -1 with *err. *target has -1 twice. */
	int (*begin)(void *context, size_t file, struct bundle_target *target, struct ncm_error *err);
	bool (*wants)(void *context, size_t file, size_t span); /* NULL: every span */
	/* Returns 0, or -1 with *err, which ends the pass. */
	int (*took)(void *context, const struct bundle_stretch *stretch, struct ncm_error *err);
	void *context;
	uint64_t total; /* bytes that are to be passed over, for progress */
	const struct ncm_sink *sink;
};
/* Returns 0, or -1 with *err: of the callbacks, or INTERRUPTED. */
int bundle_volumes_pass(const struct ncm_bundle *bundle, const struct bundle_pass *pass, struct ncm_error *err);

/* What is wrong with a stretch, in words: "FILE: bytes 0-16777215 are damaged; …". NULL: nothing. The caller frees it.
 * *state: MISSING or DAMAGED, of the first fault. */
char *bundle_stretch_fault(const struct ncm_bundle *bundle, const struct bundle_stretch *stretch,
			   enum ncm_bundle_state *state);

/* Notes that for bundle_remedy. */
void bundle_stretch_note(const struct ncm_bundle *bundle, const struct bundle_stretch *stretch);

/* remedy.c: what brings what a pass found to be lacking, as a hint; NULL: nothing lacks. The caller frees it. */
char *bundle_remedy(const struct ncm_bundle *bundle);

/* import_folder.c: makes it, if it is not there, and waits until nobody else is at it. Returns its descriptor, or -1
 * with *err; *lock is to be released. */
int bundle_open_import(const char *folder, int *lock, const struct ncm_sink *sink, struct ncm_error *err);

#endif
