/* SPDX-License-Identifier: MIT */
/* A bundle's folder: its names, its index, and how content gets into it. */
#ifndef NCM_BUNDLE_BUNDLE_H
#define NCM_BUNDLE_BUNDLE_H

#include "base/json.h"
#include "digest/tally.h"

#include <ncmodel/bundle.h>
#include <ncmodel/error.h>
#include <ncmodel/registry.h>

#define BUNDLE_INDEX "bundle.json"
#define BUNDLE_BLOBS "blobs/sha256"
#define BUNDLE_LOCK "ncmodel.lock"
#define BUNDLE_CHECKPOINTS "ncmodel.lock.checkpoints"

#define BUNDLE_VOLUME "volume.json" /* of volumes alone */
#define BUNDLE_ENDING ".tar"

enum { BUNDLE_SCHEMA = 1, BUNDLE_SCHEMA_DELTA = 2 /* some files have a base */, BUNDLE_LARGEST_INDEX = 64 << 20 };

/* Whether a file of the bundle is content, not a document. */
bool bundle_is_blob(const char *path);
/* bundle.c: the index as text (the caller frees it). */
char *bundle_index(const struct ncm_bundle *bundle);
struct ncm_bundle_file *bundle_add(struct ncm_bundle *bundle, const char *path, const char *role);
/* Takes what an index says; `where` is its path, for what is told of it. Returns 0, or -1 with MANIFEST. */
int bundle_read(struct ncm_bundle *bundle, const char *text, size_t size, const char *where, struct ncm_error *err);
/* Sorts the files by path and adds up their sizes. */
void bundle_settle(struct ncm_bundle *bundle);

/* base.c: whether the byte at `at`, which is before the end, is one that the older version has; *end: up to where that
 * stays so. */
bool bundle_is_of_base(const struct ncm_bundle_file *file, uint64_t at, uint64_t *end);
uint64_t bundle_base_bytes(const struct ncm_bundle_base *base); /* NULL: none */
/* Adds bytes that begin where the last ones ended, or behind. */
void bundle_base_add(struct ncm_bundle_base *base, uint64_t start, uint64_t end);
json_t *bundle_base_json(const struct ncm_bundle_base *base);
/* Of a file of this size. NULL: it cannot be. */
struct ncm_bundle_base *bundle_base_read(const json_t *json, uint64_t size);
void bundle_base_free(struct ncm_bundle_base *base);

/* copy.c: content that goes into the folder of blobs. */
struct bundle_copy {
	int blobs;        /* the folder; borrowed */
	const char *from; /* path of a file with the content */
	const char *name; /* its digest in hex */
	struct ncm_sha256 sha256;
	uint64_t size;
	const struct ncm_sink *sink;
	uint64_t before, total; /* bytes of the whole run: those before this file, and all */
	/* results */
	bool copied; /* it was not there */
	struct ncm_checkpoints checkpoints;
};
/* Returns 0, or -1 with *err: DAMAGED if the file has other bytes. What is there and right stays. */
int bundle_copy(struct bundle_copy *copy, struct ncm_error *err);
/* installed.c */
bool bundle_is_installed(const struct ncm_registry *registry, const struct ncm_sha256 *sha256, uint64_t size);
/* Opens a file that is registered with this digest and has this size, rather one to which nobody wrote since. -1 with
 * errno: ENOENT, there is none. */
int bundle_open_installed(const struct ncm_registry *registry, const struct ncm_sha256 *sha256, uint64_t size);
/* known.c: DAMAGED: "PATH `what`", and what mends it. Returns -1. */
int bundle_tell_damage(const char *path, const char *what, struct ncm_error *err);
/* Takes the lock of a file that is being written; true: another run has it. Where there are no locks nobody has. */
bool bundle_is_held(int fd);
/* Removes what a run that was killed left half-written. */
void bundle_forget_copies(int blobs);

#endif
