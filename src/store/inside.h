/* SPDX-License-Identifier: MIT */
/*
 * Which links are followed in a store: the one rule, for whoever writes, reads or deletes there.
 *
 * Links in a store lead out of it. Followed is a link to a folder that root or the store's owner made, and that leads
 * to a folder of root's or of the store's owner: nobody else could have chosen what lies there. Nor does the owner lead
 * others (root, say) where he could not do as he likes himself: a link of his is followed to a folder of root's only if
 * he may write that, or if he runs this. It is
 *   - part of the store, if it stands at or above one of the layout's folders: whoever made it moved a folder of the
 *     layout to another disk, as he could have done by naming that place in the layout. What lies below is inside the
 *     store, for every command; the link itself is nobody's to remove.
 *   - read, if it stands anywhere else: applications follow such links, so what is there is looked at (adopt, verify
 *     --store). Nothing is written or deleted through it.
 */
#ifndef NCM_STORE_INSIDE_H
#define NCM_STORE_INSIDE_H

#include "store/store.h"

/* How far links are followed. */
enum store_links {
	STORE_LINKS_OF_STORE, /* those that are part of it */
	STORE_LINKS_READ,     /* also those that are only read */
};

/* What every Ollama store looks like, where no more than its open folder is at hand. */
extern const struct ncm_store store_of_ollama;

/*
 * Opens the folder `relative` ("": the store's own) below the store that is open as dirfd. Returns an fd, or -1 with
 * errno: ELOOP or EXDEV for a link that is not part of the store.
 */
int store_dir_inside(const struct ncm_store *store, int dirfd, const char *relative);
/* The same, with the links that are followed chosen. */
int store_dir_by(const struct ncm_store *store, int dirfd, const char *relative, enum store_links links);
/* The same for the folder that holds `relative`; *name is the last part of that. */
int store_parent_inside(const struct ncm_store *store, int dirfd, const char *relative, const char **name);
/* The same, with the folders made that are missing. */
int store_make_parent_inside(const struct ncm_store *store, int dirfd, const char *relative, const char **name);
/*
 * Opens the file `relative` to be read; a link in its own place is not followed. Returns an fd, or -1 with errno: ELOOP
 * for a link in its place, too.
 */
int store_open_inside(const struct ncm_store *store, int dirfd, const char *relative);
/* The same, with the links to folders that are followed chosen, and open(2)'s flags. */
int store_open_by(const struct ncm_store *store, int dirfd, const char *relative, enum store_links links, int flags);
/* The first link on the way to `relative` that is not part of the store, as a path below it; NULL: there is none. The
 * caller frees it. */
char *store_link_on_the_way(const struct ncm_store *store, int dirfd, const char *relative);

#endif
