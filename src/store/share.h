/* SPDX-License-Identifier: MIT */
/*
 * One file under several names. What is written through one of them changes all, so only what applications do no more
 * than read is shared so, and it is made read-only. Ollama and huggingface_hub put each blob there once, under the name
 * of its digest, and never write to it again; to remove it they need the folder alone.
 */
#ifndef NCM_STORE_SHARE_H
#define NCM_STORE_SHARE_H

#include "store/store.h"

#include "os/os.h"

/* The digest that a blob's name says it has ("blobs/sha256-<hex>" of Ollama, "blobs/<hex>" of huggingface_hub). */
bool store_blob_digest(const char *path, struct ncm_sha256 *digest);
/*
 * Whether it is a blob that all repositories of a Hugging Face cache share, "blobs/<2 digits>/<64 digits>" at its root:
 * the name is Xet's own hash, no sha256. A repository's blob is a link to it then (huggingface_hub
 * utils/_shared_blobs.py).
 */
bool store_is_shared_blob(const char *path);
/* Whether applications do no more than read a file of this name: a blob, or a model file. */
bool store_is_only_read(const char *path);
/*
 * Whether a new name for this file can be a hard link: it is only read, ours (or we are root), and as readable for
 * everybody as a file of its own would be.
 */
bool store_may_gain_name(const char *path, const struct os_stat *status);
/* Whether nothing happened to a file between two looks at it. */
bool store_is_unchanged(const struct os_stat *before, const struct os_stat *now);
/* Nobody may write to the open file any more. Returns 0, or -1 with errno. */
int store_make_read_only(int fd);
/*
 * Makes the open file, which is `name` in dirfd, read-only, synced and a hard link in the staging folder; returns the
 * link's name, or NULL with errno (ESTALE: the name leads to another file by now).
 */
char *store_stage_link(const struct ncm_store *store, int fd, int dirfd, const char *name);

#endif
