/* SPDX-License-Identifier: MIT */
/*
 * Whose what we make is, and who else may use it. Everything that is made anywhere is made here:
 *
 * - The mode is what the umask (or the folder's default ACL) leaves of the widest that this kind of thing may have.
 * - A folder with setgid that its group may write (2775) says that it is shared by that group: what is made in it is
 * the group's, to read and to write, whatever the umask is.
 * - What root makes in a folder of another user is that user's, with the folder's group. Owners change by a descriptor
 *   of what this call made and of nothing that was there before, before it has its name.
 *
 * A file system that knows no owners or modes keeps those that it gives: that is no failure.
 */
#ifndef NCM_BASE_OWN_H
#define NCM_BASE_OWN_H

#include "os/file.h"

#include <stdbool.h>

enum ncm_own_kind {
	NCM_OWN_FILE, /* 0666: anybody's to use whom the umask lets */
	NCM_OWN_WORD, /* 0644: says what we did; no group may write it, and root's is root's: whose word would it be? */
	NCM_OWN_PRIVATE, /* 0600: the user's alone, and its group's where the folder is shared */
	NCM_OWN_FOLDER,  /* 0777 */
	/* 0700, a folder: the user's alone; its group's, too, where the group may write the folder above and the umask
	 * lets it, or that is shared: who may rename the folder need not be kept out of it. */
	NCM_OWN_CLOSED,
};

/* Makes the file `name` in the folder, which must not be there yet, and opens it as os/file.h has the flags. Returns an
 * fd, or -1 with errno. */
int ncm_own_create(int folder, const char *name, int flags, enum ncm_own_kind kind);
/* Opens a file below dirfd, confined as by os_open_beneath, or makes it; the folder that holds it is there. */
int ncm_own_open(int dirfd, const char *relative, int flags, enum ncm_own_kind kind);
/* Makes the folder `name`. Returns 0, or -1 with errno. */
int ncm_own_mkdir(int folder, const char *name, enum ncm_own_kind kind);
/* Makes the link `name`, whose text is `target`. Returns 0, or -1 with errno. */
int ncm_own_symlink(const char *target, int folder, const char *name);
/*
 * A file that lies elsewhere is about to get its name in the folder: gives it that folder's group, if it is shared, and
 * to root's the folder's owner. `made`: this process made it. Returns whether it is as one made there would be; false:
 * root would have to give away what it did not make.
 */
bool ncm_own_fit(int fd, int folder, bool made);
/* Of a file that replaces another: that one's mode and group, and to root's its owner. */
void ncm_own_like(int fd, const struct os_stat *old);
/* Whether a folder belongs to a group that may do anything in it, and to nobody beyond that group. */
bool ncm_own_is_groups(const struct os_stat *folder);
/* Whether root alone puts names into a folder and changes them, so that what root made there is what it finds there. */
bool ncm_own_is_roots(const struct os_stat *folder);
/* A folder of ours that was made for ourselves alone and is shared by now: opens it to the group. */
bool ncm_own_share(int fd, int above);
/* Whether the user could put files into the folder and take all others' out of it, as far as its mode tells. */
bool ncm_user_rules(uint32_t user, const struct os_stat *folder);

#endif
