/* SPDX-License-Identifier: MIT */
/* What lies below a folder. */
#ifndef NCM_STORE_WALK_H
#define NCM_STORE_WALK_H

#include <stdbool.h>
#include <sys/stat.h>

struct ncm_walk_entry {
	int dirfd; /* the folder that holds it, open while it is told */
	const char *name;
	const char *path; /* relative to where the walk began */
	const struct stat *status;
};

/*
 * Calls `found` for everything below the folder `relative` ("": dirfd itself) that is not a folder, in no order. Links
 * are told and not followed. Our own `.ncmodel`, `.git` and `__pycache__` are passed by. Ends early when interrupted.
 * Returns 0, or -1 if not all of it could be seen.
 */
int ncm_walk(int dirfd, const char *relative, void (*found)(void *context, const struct ncm_walk_entry *entry),
	     void *context);
/*
 * The same with every folder and entry that could not be seen told to `unseen`: its path from where the walk began ("":
 * that folder itself), and errno. With `all` nothing is passed by.
 */
int ncm_walk_tell(int dirfd, const char *relative, bool all,
		  void (*found)(void *context, const struct ncm_walk_entry *entry),
		  void (*unseen)(void *context, const char *path, int errnum), void *context);
/* As ncm_walk, and nothing is passed by: for what must not be missed. */
int ncm_walk_all(int dirfd, const char *relative, void (*found)(void *context, const struct ncm_walk_entry *entry),
		 void *context);

#endif
