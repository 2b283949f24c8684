/* SPDX-License-Identifier: MIT */
/*
 * What lies inside a store. Links in a store lead out of it and are not followed, with one exception: a link to a
 * folder that stands at or above one of the layout's folders and was made by root or by the store's owner. Whoever made
 * it moved a folder of the layout to another disk, as he could have done by naming that place in the layout. What lies
 * below such a link is inside the store; the link itself is nobody's to remove.
 */
#ifndef NCM_STORE_INSIDE_H
#define NCM_STORE_INSIDE_H

#include "store/store.h"

/*
 * Opens the folder `relative` ("": the store's own) below the store that is open as dirfd. Returns an fd, or -1 with
 * errno: ELOOP or EXDEV for a link that is not part of the store.
 */
int store_dir_inside(const struct ncm_store *store, int dirfd, const char *relative);
/* The same for the folder that holds `relative`; *name is the last part of that. */
int store_parent_inside(const struct ncm_store *store, int dirfd, const char *relative, const char **name);
/* The same, with the folders made that are missing. */
int store_make_parent_inside(const struct ncm_store *store, int dirfd, const char *relative, const char **name);
/* Opens the file `relative` to be read; a link in its own place is not followed. Returns an fd, or -1 with errno. */
int store_open_inside(const struct ncm_store *store, int dirfd, const char *relative);

#endif
