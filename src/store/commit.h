/* SPDX-License-Identifier: MIT */
/* The last steps of every way into a store: bytes durable, then the name, then the name durable. */
#ifndef NCM_STORE_COMMIT_H
#define NCM_STORE_COMMIT_H

#include "store/store.h"

#include "os/os.h"

/* What gets a name. */
enum publish_what {
	PUBLISH_AS_IT_IS, /* its owner and mode stay */
	PUBLISH_MADE,     /* this process made it: it becomes what one made at its place would be */
	PUBLISH_FOUND,    /* it may have been there before; what root may not give away is copied */
};

struct publish {
	enum publish_what what;
	enum ncm_replacing replace;
	bool may_copy; /* where the folder is another file system than the store's root: through a temporary there */
	const struct os_stat *over; /* nothing but this file, and only if nothing happened to it since; or NULL */
	bool sync_later;            /* the name is made durable with others (store_sync_names) */
	bool copied;                /* result: it was */
	char *kept; /* result of SET_ASIDE: where the old file is, absolute; or NULL. The caller frees it */
};

/*
 * Gives the staged file, open and synced as fd, the name `relative`. On success *status (may be NULL) is the final
 * file's, and `staged` is gone. Classes POLICY, IO, NO_SPACE, DAMAGED (another file than `over` is there).
 */
int store_publish(struct ncm_store *store, int fd, const char *staged, const char *relative, struct publish *how,
		  struct os_stat *status, struct ncm_error *err);
/* The same, and hands on where the old file is kept (`kept` may be NULL: to nobody). */
int store_publish_kept(struct ncm_store *store, int fd, const char *staged, const char *relative, struct publish *how,
		       struct os_stat *status, char **kept, struct ncm_error *err);
/* Names come from checked paths; they are checked again where the harm would be done. Class POLICY. */
int store_check_relative(const struct ncm_store *store, const char *relative, struct ncm_error *err);
/* Modified now (Ollama spares young blobs), synced. Returns 0, or -1 with errno. */
int store_seal(int fd);
/*
 * Opens the folder of `relative`, making it. A link on the way is refused, and the refusal says what helps.
 */
int store_parent(const struct ncm_store *store, const char *relative, const char **name, struct ncm_error *err);
/* rename that refuses to replace. Returns 0, or -1 with errno. */
int store_rename_new(int from_dir, const char *from, int to_dir, const char *to);
/*
 * Keeps the file or folder `name` of the folder `parent`, which is `relative` below the store: see aside.c. *kept (may
 * be NULL; NULL or freed) receives where it is. Returns 0, or -1 with *err.
 */
int store_set_aside(const struct ncm_store *store, int parent, const char *name, const char *relative, char **kept,
		    struct ncm_error *err);
/*
 * Keeps the bytes of a file from `start` to before `end`, which are about to be written over, as `relative` with
 * ".START-END" behind it. Returns 0, or -1 with *err.
 */
int store_keep_range(const struct ncm_store *store, const char *relative, uint64_t start, uint64_t end,
		     struct ncm_error *err);
/* POLICY: something that is not ours has this name. */
int store_in_the_way(const struct ncm_store *store, const char *relative, struct ncm_error *err);
/* Makes a new file in staging; its random name (freed by the caller) goes to *staged. Returns an fd or -1 with errno.
 */
int store_stage(const struct ncm_store *store, char **staged);
/*
 * Copies all of `from` to the new file `to`, holes as holes; *digest (may be NULL) receives the SHA-256 of what was
 * copied. Returns 0, or -1 with errno (EINTR: interrupted by the user).
 */
int store_copy(int from, int to, struct ncm_sha256 *digest);

#endif
