/* SPDX-License-Identifier: MIT */
/* What is to go into a bundle, wherever that is written: as a folder, or as volumes. */
#ifndef NCM_BUNDLE_MAKING_H
#define NCM_BUNDLE_MAKING_H

#include "base/text_map.h"
#include "bundle/bundle.h"
#include "digest/transit.h"
#include "manifest/lock.h"
#include "store/store.h"

#include <ncmodel/registry.h>

/* Where a blob comes from. All borrowed from models.json. */
struct bundle_source {
	const char *path, *model;
};

/* What the bundle says itself. */
struct bundle_document {
	char *path;
	char *text;
	size_t size;
};

struct making {
	const struct ncm_config *config;
	const struct ncm_catalog *catalog;
	const struct ncm_sink *sink;
	struct ncm_bundle *bundle; /* its files: blobs, and those documents of which its index tells */
	struct ncm_layout *layout;
	struct ncm_lock *lock;
	struct ncm_lock *their_lock; /* of who gets it; or NULL */
	struct ncm_text_map theirs;  /* digests in hex of what who gets it is said to have */
	struct ncm_strings words;    /* the texts of both maps that nobody else has */
	struct ncm_text_map blobs;   /* from digests in hex, as the paths have them, to sources */
	struct bundle_source *sources;
	size_t source_count;
	struct bundle_document *documents; /* in the order in which they are written; the index is the last */
	size_t document_count;
	uint64_t done, total; /* bytes of content */
};

/* known.c: what is wrong with a span of an installed file that does not hold. Returns -1. */
int bundle_tell_transit(const struct ncm_transit *transit, const char *path, struct ncm_error *err);

/* delta.c: finds, for blobs of which who gets it has another version, the spans that both share (ncm_bundle_file.base).
 * Returns 0, or -1 with *err: INTERRUPTED. */
int making_find_bases(struct making *making, struct ncm_error *err);
/* Proves these spans by the files' own checkpoints, one for each file of the bundle. DAMAGED, IO, INTERRUPTED. */
int making_prove_bases(struct making *making, const struct ncm_checkpoints *checkpoints, struct ncm_error *err);

/* Of a file of the bundle; NULL: it is a document. */
const struct bundle_source *making_source(const struct making *making, const struct ncm_bundle_file *file);
void making_tell(struct making *making, const char *file, uint64_t bytes);

/* folder.c, volumes.c: write all of it. Each returns 0, or -1 with *err. */
int making_write_folder(struct making *making, struct ncm_error *err);
int making_write_volumes(struct making *making, uint64_t volume, struct ncm_error *err);

/*
 * known.c: the checkpoints of every blob, as they were kept, or made now by reading it: in `checkpoints`, one for each
 * file of the bundle, which the caller clears. Those of one span are made of its digest. DAMAGED, IO, INTERRUPTED.
 */
int making_checkpoints(struct making *making, struct ncm_checkpoints *checkpoints, struct ncm_error *err);
/* The folder of checkpoints beside a lock; -1: there is none. */
int making_open_beside(const struct ncm_lock *lock);
/* Those that are kept in a folder beside the own lock (-1: there is none), or in a store. Returns 0, or -1: there are
 * none. */
int making_kept_checkpoints(const struct making *making, int beside, const struct ncm_sha256 *sha256, uint64_t size,
			    struct ncm_checkpoints *found);

#endif
