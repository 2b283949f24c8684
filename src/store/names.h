/* SPDX-License-Identifier: MIT */
/*
 * Stores in which a file's bytes and its name are two things: the bytes lie under a name of their digest, and what
 * programs open is a link that is made when all bytes of a model are there. So a model is there whole or not at all. In
 * all other stores there is nothing to be done here.
 */
#ifndef NCM_STORE_NAMES_H
#define NCM_STORE_NAMES_H

#include "digest/hash.h"
#include "store/store.h"

/* How a kind of store does it; as the functions below. */
struct store_names {
	void (*find_bytes)(const struct ncm_store *store, const char *relative, const struct ncm_sha256 *sha256,
			   const struct ncm_sha1 *git_sha1, char **blob, char **bytes);
	bool (*is_named)(const struct ncm_store *store, int dirfd, const char *relative, const char *blob,
			 const char *reference);
	int (*give)(struct ncm_store *store, const char *relative, const char *blob, struct ncm_error *err);
	int (*refer)(struct ncm_store *store, const char *relative, const char *reference, struct ncm_error *err);
	int (*list)(struct ncm_store *store, const char *relative, const char *listing, struct ncm_error *err);
	bool (*is_bytes)(const char *relative);
	int (*guard)(const struct ncm_store *store, const char *blob);
};

/*
 * Where the bytes of the name lie: *blob is what the name is to lead to, *bytes where that in turn has them (both freed
 * by the caller). Each digest may be NULL: not known. Both are NULL where the name is the file.
 */
void store_find_bytes(const struct ncm_store *store, const char *relative, const struct ncm_sha256 *sha256,
		      const struct ncm_sha1 *git_sha1, char **blob, char **bytes);
/* Whether a path is one of bytes that get a name later: until store_sync_names its folder is not synced. */
bool store_is_named_later(const struct ncm_store *store, const char *relative);
/* Whether the name leads to its blob, and the reference (a branch or tag; NULL: none) is there. `dirfd` is the store's.
 */
bool store_is_named(const struct ncm_store *store, int dirfd, const char *relative, const char *blob,
		    const char *reference);
/* Makes the name of a file whose bytes are there (in the open store); store_sync_names makes it durable. Classes
 * POLICY, IO. */
int store_give_name(struct ncm_store *store, const char *relative, const char *blob, struct ncm_error *err);
/* Makes all names durable that lie in the folder of this one, of bytes or in a snapshot. Class IO. */
int store_sync_names(struct ncm_store *store, const char *relative, struct ncm_error *err);
/* Notes what all of the revision consists of that the name is of (struct ncm_resolution), before its first name is
 * made: who looks in between is told that something lacks. Nothing to be done where `listing` is NULL. */
int store_list(struct ncm_store *store, const char *relative, const char *listing, struct ncm_error *err);
/* Lets the reference (may be NULL) mean the revision that the name is of, when all names of a model are there. */
int store_refer(struct ncm_store *store, const char *relative, const char *reference, struct ncm_error *err);
/* The lock that the application's own tool takes of bytes while it fetches them, if nobody has it. An fd to be closed
 * afterwards, or -1: all stays right without it. */
int store_guard(const struct ncm_store *store, const char *blob);

#endif
