/* SPDX-License-Identifier: MIT */
/* Files to be looked at and hashed: what the parts of a verify share, and what a survey hashes with. */
#ifndef NCM_VERIFY_CHECK_H
#define NCM_VERIFY_CHECK_H

#include "base/buffer.h"
#include "digest/hash.h"
#include "os/os.h"
#include "store/store.h"

#include <ncmodel/verify.h>

/* One path on disk, however many models name it. */
struct check {
	const char *path;                  /* absolute; borrowed */
	const char *model;                 /* the first that names it; borrowed; NULL: none */
	const struct ncm_sha256 *expected; /* the digest that the first recorded; borrowed; NULL: none */
	bool wants_git_sha1;               /* git's name for its content is to be found too */
	int store_dirfd; /* ncm_store_home of the store that it lies in, borrowed; -1: outside every store */
	int failure;     /* errno of looking at it or reading it; 0 if that went well */
	bool follow;     /* it was registered as a link: what it leads to now is looked at */
	bool regular;
	bool link;
	uint64_t device;
	uint64_t inode;
	uint64_t size;
	int64_t mtime_ns;
	bool to_hash;
	bool hashed;
	size_t twin; /* the check of the same inode that is hashed for both, or its own index */
	struct ncm_sha256 sha256;
	struct ncm_sha1 git_sha1;         /* if it was wanted */
	struct ncm_verify_range *damaged; /* as far as checkpoints tell; freed with checks_free */
	size_t damaged_count;
};

/* check.c */
void check_look(struct check *check);
/* Hard links of one file are read once: sets the twins of what is to be hashed. */
void checks_find_twins(struct check *checks, size_t count);
void checks_free(struct check *checks, size_t count);

/* ", damaged: bytes 0-16777215, 33554432-50331647"; nothing if nothing tells where. */
void checks_tell_ranges(const struct ncm_verify_range *ranges, size_t count, struct ncm_buffer *text);

/*
 * queue.c: hashes what is to be hashed, on all cores: big files first, a file that has checkpoints by many threads at
 * once. Returns the bytes read.
 */
uint64_t checks_hash(struct check *checks, size_t count, const struct ncm_sink *sink);

/* ollama.c: adds to an Ollama model of the report's (in-memory) registry the blobs that its manifest names and
 * models.json does not. */
void verify_add_blobs(struct ncm_verify_report *report, struct ncm_reg_model *model);

/* verify.c: what a quick verify says of one file of a model: it is looked at, its bytes are not read. An Ollama
 * manifest is, in whatever form it is there. */
enum ncm_verdict verify_look(const struct ncm_reg_model *model, const struct ncm_reg_file *file);

/*
 * Whether an Ollama store holds a registered manifest in one of its forms, so that the model is what was registered
 * although the file's own bytes may not be. False for any other file. *detail says what there is to say; the caller
 * frees it.
 */
bool verify_manifest_is_held(const struct ncm_reg_model *model, const struct ncm_reg_file *file, char **detail);

/* extra.c: files in folders that belong to one of the models wholly, and blobs that no manifest names. */
void verify_find_extra(const struct ncm_layout *layout, const struct ncm_registry *registry,
		       const struct ncm_reg_model *const *models, size_t count, struct ncm_strings *extra);

#endif
