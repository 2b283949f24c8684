/* SPDX-License-Identifier: MIT */
/*
 * The cache of huggingface_hub as a place to put models into. A repository "org/name" has the folder
 * "models--org--name" with
 *
 *   blobs/<etag>                the bytes; named by the SHA-256 of what lies in Git LFS or Xet storage, else by git's
 * SHA-1. May be a link to blobs/<xx>/<hash> at the cache's root, which all repositories share snapshots/<commit>/<path>
 * relative links to the blobs: what programs open; where there are no links, files refs/<branch or tag>        the
 * commit, 40 bytes and no newline
 *
 * Source: huggingface_hub 2.4.0 (file_download.py, utils/_shared_blobs.py), hub-docs docs/hub/local-cache.md. Bytes get
 * their names first, then the links, then the reference: whoever looks in between finds no name without bytes.
 * trees/<commit>.json says what all of a commit is (source/hf_listing.c), so that huggingface_hub tells offline of what
 * is not there; it is written before the names. Of what was not listed as a whole there is none: then the snapshot is
 * taken as it lies.
 */
#ifndef NCM_STORE_HUB_H
#define NCM_STORE_HUB_H

#include "digest/hash.h"
#include "store/store.h"

enum { HUB_COMMIT = 40 /* hex digits */ };

/* hub_place.c: pure. All paths are below the store; the caller frees what is returned. */

/* "models--org--name/snapshots/<commit>/<path>", checked. NULL with *err (class POLICY). */
char *hub_snapshot_path(const char *repository, const char *commit, const char *path, struct ncm_error *err);
/* Whether it is a path of that form. */
bool hub_is_snapshot_path(const char *relative);
/* "models--org--name/blobs/<etag>", beside a snapshot's path. */
char *hub_blob_path(const char *snapshot_path, const char *etag);
/* "models--org--name/refs/<name>", checked. NULL with *err (class POLICY). */
char *hub_ref_path(const char *snapshot_path, const char *name, struct ncm_error *err);
/* The text of the link at one path that leads to another. */
char *hub_link_text(const char *from, const char *to);
/* Where a link's text leads from its path. NULL: out of the store. */
char *hub_link_target(const char *from, const char *text);

/* "models--org--name/trees/<commit>.json", beside a snapshot's path. */
char *hub_tree_path(const char *snapshot_path);

/* hub_commit.c */

/*
 * What struct store_names (names.h) asks of a kind. Paths that lie in no snapshot are what they are.
 */
extern const struct store_names hub_names;

/*
 * The blob of a file in a snapshot: its digests tell (each may be NULL: not known). The hub calls a file by one of
 * them; if git's SHA-1 is not known, the link that may be there tells that it is that one. NULL: nothing tells.
 */
char *hub_blob_of(const struct ncm_store *store, const char *snapshot_path, const struct ncm_sha256 *sha256,
		  const struct ncm_sha1 *git_sha1);
/* Where the bytes of a blob lie: itself, or the shared one that it is a link to. */
char *hub_bytes_of(const struct ncm_store *store, const char *blob);
/*
 * Whether the path in the snapshot leads to the blob (or is a file: of a cache without links), and the reference (NULL:
 * none is wanted) is there. `dirfd` is the store's folder.
 */
bool hub_is_named(const struct ncm_store *store, int dirfd, const char *snapshot_path, const char *blob,
		  const char *reference);
/* Whether the path in the snapshot is a file: huggingface_hub makes these where there are no links. */
bool hub_is_plain(const struct ncm_store *store, int dirfd, const char *snapshot_path);
/* Makes the link in the snapshot, in place of one that leads elsewhere; durable is it when its folder was synced
 * (store_sync_names). Class POLICY where the file system has no links. */
int hub_link(struct ncm_store *store, const char *snapshot_path, const char *blob, struct ncm_error *err);
/* Lets the reference (NULL: none) say the snapshot's commit, and marks the cache as one (CACHEDIR.TAG). */
int hub_refer(struct ncm_store *store, const char *snapshot_path, const char *reference, struct ncm_error *err);
/* huggingface_hub's own lock of a blob, taken if nobody has it: a courtesy, without which all stays right. An fd, or
 * -1. */
int hub_guard(const struct ncm_store *store, const char *blob);

#endif
