/* SPDX-License-Identifier: MIT */
/*
 * Links on the way to a folder in which root is going to work. Whoever made such a link chose where root goes: so he
 * must be one who may put files there, and take others' away, himself.
 */
#ifndef NCM_BASE_LINKS_H
#define NCM_BASE_LINKS_H

/*
 * Opens the folder. For root each link on the way is judged by the link itself, whatever has its name by then; others
 * have no more rights than their own, and it is open(2). Returns an fd, or -1 with errno: ENOENT too if the folder, or
 * one above it, is not there; EACCES for a link that is not followed, whose path *stray (may be NULL) then has, for the
 * caller to free.
 */
int ncm_dir_by_links(const char *path, char **stray);

/*
 * Opens the folder in which the file `below` the folder lies, links followed up to the file itself, and gives its name
 * there, which need not exist; each part is judged and opened at once, so that nobody changes it in between. A link
 * that is neither root's nor the user's is not followed: EACCES, and *stranger has its path. Returns an fd, or -1 with
 * errno; the caller frees *name (NULL before) and *stranger in both cases.
 */
int ncm_parent_by_trusted_links(const char *folder, const char *below, char **name, char **stranger);

#endif
