/* SPDX-License-Identifier: MIT */
/* Names in folders. What holds for all of it is in os.h. */
#ifndef NCM_OS_FOLDER_H
#define NCM_OS_FOLDER_H

#include <stddef.h>
#include <sys/types.h>

struct os_list;

/* The entries of an open folder, from its first: becomes the owner of the descriptor, which is closed on failure, too.
 */
struct os_list *os_list(int folder);
/* The next name in no order, without "." and ".."; borrowed until the next call. NULL with errno 0 after the last. */
const char *os_list_next(struct os_list *list);
/* The folder that is listed; borrowed. */
int os_list_folder(struct os_list *list);
/* NULL is none. */
void os_list_end(struct os_list *list);

/* EEXIST for whatever has the name. */
int os_mkdir(int folder, const char *name, unsigned mode);
int os_symlink(const char *target, int folder, const char *name);
/* A second name. EPERM, EOPNOTSUPP … where there are none: ncm_is_without_links. */
int os_link(int from_folder, const char *from, int to_folder, const char *to);
/* Replaces what has the name: a file a file, a folder an empty folder. */
int os_rename(int from_folder, const char *from, int to_folder, const char *to);
/* EEXIST for whatever has the name. EINVAL, ENOSYS, EOPNOTSUPP where there is no such thing: ncm_is_without_flags. */
int os_rename_new(int from_folder, const char *from, int to_folder, const char *to);
/* Two entries change names, in one step; as os_rename_new where that cannot be had. */
int os_exchange(int from_folder, const char *from, int to_folder, const char *to);
/* EISDIR (or EPERM) for a folder. */
int os_unlink(int folder, const char *name);
int os_rmdir(int folder, const char *name);

/* The text of a link, NUL added; name "": of the link that is open. Returns its length; what does not fit is cut. */
ssize_t os_readlink(int folder, const char *name, char *text, size_t size);
/* The absolute path without links of what is there. The caller frees it. */
char *os_real_path(const char *path);
/* The caller frees it. */
char *os_current_folder(void);

#endif
