/* SPDX-License-Identifier: MIT */
/* One look at the disk: folders opened once, and what has been read is remembered, so that planning twice reads once.
 */
#ifndef NCM_PLAN_LOOK_H
#define NCM_PLAN_LOOK_H

#include "os/os.h"
#include "registry/authority.h"
#include "resolve/run.h"

/* What the bytes of a file are. */
struct seen_bytes {
	struct ncm_sha256 sha256;
	struct ncm_sha1 git_sha1;
	bool has_git_sha1;
};

struct look {
	struct run *run;
	/* Size and mtime that are as recorded prove nothing: a verify has found damage on this disk. */
	bool strict;
	struct authority said; /* who wrote models.json */
	int *dirs;             /* of each store of the layout: its folder; -1 and an errno: */
	int *failures;         /* 0: not opened yet */
	struct look_memory *memory;
	struct elsewhere *elsewhere; /* elsewhere.c's; NULL until something is looked for */
};

struct look *look_new(struct run *run);
void look_free(struct look *look);
/* The folder of a store, opened for reading; borrowed. -1 with errno (ENOENT: it is not there). */
int look_at_store(struct look *look, const struct ncm_store *store);
/* Forgets which stores were not there: they may have been made since. */
void look_anew(struct look *look);
/* The digests of an open file, from memory or from its bytes. Returns 0, or -1 with errno. */
int look_at_bytes(struct look *look, int fd, const struct os_stat *status, const char *path, bool git,
		  struct seen_bytes *seen);
/* Whether this very file was read before. */
bool look_knows(const struct look *look, const struct os_stat *status);
/* What somebody else found when reading this very file. */
void look_remember(struct look *look, const struct os_stat *status, const struct ncm_sha256 *sha256);
/* elsewhere.c */
void elsewhere_free(struct elsewhere *elsewhere);

#endif
