/* SPDX-License-Identifier: MIT */
/* What the parts of a verify share. */
#ifndef NCM_VERIFY_CHECK_H
#define NCM_VERIFY_CHECK_H

#include "store/store.h"

#include <ncmodel/verify.h>

#include <sys/types.h>

/* One path on disk, however many models name it. */
struct check {
	const char *path;                  /* absolute; borrowed from the registry */
	const char *model;                 /* the first that names it */
	const struct ncm_sha256 *expected; /* the digest that the first recorded; borrowed; NULL: none */
	int store_dirfd;                   /* folder of the store that it lies in, borrowed; -1: outside every store */
	int failure;                       /* errno of looking at it or reading it; 0 if that went well */
	bool regular;
	dev_t device;
	ino_t inode;
	uint64_t size;
	int64_t mtime_ns;
	bool to_hash;
	bool hashed;
	size_t twin; /* the check of the same inode that is hashed for both, or its own index */
	struct ncm_sha256 sha256;
	struct ncm_verify_range *damaged; /* as far as checkpoints tell; freed with checks_free */
	size_t damaged_count;
};

/* check.c */
void check_look(struct check *check);
void checks_free(struct check *checks, size_t count);

/*
 * queue.c: hashes what is to be hashed, on all cores: big files first, a file that has checkpoints by many threads at
 * once. Returns the bytes read.
 */
uint64_t checks_hash(struct check *checks, size_t count, const struct ncm_sink *sink);

/* ollama.c: adds to an Ollama model of the (in-memory) registry the blobs that its manifest names and models.json does
 * not. */
void verify_add_blobs(struct ncm_reg_model *model);

/* extra.c: files in folders that belong to one of the models wholly, and blobs that no manifest names. */
void verify_find_extra(const struct ncm_layout *layout, const struct ncm_registry *registry,
		       const struct ncm_reg_model *const *models, size_t count, struct ncm_strings *extra);

#endif
