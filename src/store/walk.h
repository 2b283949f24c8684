/* SPDX-License-Identifier: MIT */
/* What lies below a folder. */
#ifndef NCM_STORE_WALK_H
#define NCM_STORE_WALK_H

#include "store/inside.h"

#include "os/os.h"

#include <stdbool.h>

struct ncm_walk_entry {
	int dirfd; /* the folder that holds it, open while it is told */
	const char *name;
	const char *path; /* relative to where the walk began */
	const struct os_stat *status;
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
/*
 * What walks of one store have in common: the folders that were seen, and the links to folders that wait. A folder that
 * a link leads to is walked after all that lie there without one, and only if nobody has been in it: a loop ends, and
 * what has two ways to it goes by the one without links. All zero: nothing yet.
 */
struct ncm_walk_seen {
	struct ncm_walk_folder *folders;
	size_t count;
	struct ncm_strings links; /* below the store */
};

struct ncm_walk_how {
	enum store_links links; /* which links to folders are followed */
	bool all;               /* nothing is passed by */
	/* NULL: links that are followed are walked, too, before the walk ends. Else they wait there. */
	struct ncm_walk_seen *seen;
	bool behind_link; /* it begins with one that waited: folders that were seen are passed by */
};

/*
 * As ncm_walk_tell, in a store that is open as dirfd: links to folders are followed as store/inside.h has it. A link to
 * a folder that is not followed is told to `found` like any other link. `unseen` may be NULL.
 */
int ncm_walk_store(const struct ncm_store *store, int dirfd, const char *relative, const struct ncm_walk_how *how,
		   void (*found)(void *context, const struct ncm_walk_entry *entry),
		   void (*unseen)(void *context, const char *path, int errnum), void *context);
void ncm_walk_seen_clear(struct ncm_walk_seen *seen);

/* As ncm_walk, and nothing is passed by: for what must not be missed. */
int ncm_walk_all(int dirfd, const char *relative, void (*found)(void *context, const struct ncm_walk_entry *entry),
		 void *context);

#endif
