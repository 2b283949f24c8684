/* SPDX-License-Identifier: MIT */
/*
 * Paths below a folder that we were given: checked names, and opens that cannot leave the folder
 * (openat2 RESOLVE_BENEATH|NO_SYMLINKS|NO_MAGICLINKS; a walk with O_NOFOLLOW where the kernel lacks it).
 */
#ifndef NCM_BASE_PATH_H
#define NCM_BASE_PATH_H

#include "os/file.h"

#include <ncmodel/console.h> /* ncm_path_is_absolute */
#include <ncmodel/error.h>
#include <stdbool.h>

/*
 * Whether `relative` is a path that every platform can hold and that stays below its folder: no empty, "." or ".."
 * component, not absolute, no backslash or <>:"|?*, no control, bidirectional or invalid UTF-8 bytes, no leading '-' or
 * '~', no trailing dot or space, no Windows device name, none of our own names (".ncmodel", "models.json",
 * "ncmodel.lock" at any level), within NCM_LIMIT_NAME_BYTES, _PATH_LEVELS and _PATH_BYTES. On false *err (class POLICY)
 * says which and why.
 */
bool ncm_path_check(const char *relative, struct ncm_error *err);
/* A key that is equal for two names which a case-insensitive file system could fold together. The caller frees it. */
char *ncm_path_fold(const char *relative);
/* What digest/name.h makes of a server's file name: its last component by either slash (borrowed), and that with no bad
 * bytes, of whatever length (the caller frees it). */
const char *ncm_path_last_component(const char *name);
char *ncm_path_clean_component(const char *name);
/* "dir/name" (or name alone if it is absolute, or dir is NULL or ""; dir alone if name is ""). The caller frees it. */
char *ncm_path_join(const char *dir, const char *name);
/* Absolute, with "." and ".." resolved as text (no file system access). The caller frees it. */
char *ncm_path_absolute(const char *path);
const char *ncm_path_base(const char *path);                    /* after the last '/' */
char *ncm_path_folder(const char *path);                        /* what is before that; the caller frees it */
bool ncm_path_has_suffix(const char *path, const char *suffix); /* ASCII case-insensitive */
size_t ncm_path_archive_ending(const char *path); /* the length of ".tar.gz" and what else names an archive; else 0 */
/* The part of a path below a folder ("" is above every relative path), or NULL if it is not below it. Borrowed. */
const char *ncm_path_below(const char *path, const char *folder);

/* Opens a folder given by the user (links in it are followed once, here), making it and its parents if `create`.
 * Returns an fd. */
int ncm_dir_open(const char *path, bool create, struct ncm_error *err);
/* Makes the folder `relative` (NULL or "": dirfd itself) with its parents below dirfd (see own.h) and opens it. */
int ncm_mkdir_beneath(int dirfd, const char *relative, struct ncm_error *err);
/* As ncm_mkdir_beneath without making anything; -1 with errno ENOENT if it is not there. */
int ncm_dir_beneath(int dirfd, const char *relative);
/* Opens the parent folder of `relative` (made if `create`) and points *name at the last component. Returns an fd. */
int ncm_parent_beneath(int dirfd, const char *relative, bool create, const char **name, struct ncm_error *err);
/* Removes a tree below dirfd without following links. ENOENT is fine. Returns 0, or -1 with errno. */
int ncm_remove_beneath(int dirfd, const char *relative);

#endif
