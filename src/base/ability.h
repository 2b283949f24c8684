/* SPDX-License-Identifier: MIT */
/*
 * What a file system can do. vfat, exFAT, SMB, NFS and FUSE mounts refuse some of what every Unix disk has; what cannot
 * be had there counts as done here, and errors of the disk or of the user's rights stay errors. Nobody else judges
 * errno for this.
 */
#ifndef NCM_BASE_ABILITY_H
#define NCM_BASE_ABILITY_H

#include "os/file.h"

#include <stdbool.h>
#include <time.h>

/* As fchmod, fchown, futimens (NULL: now), fsync, fdatasync, syncfs. 0: done, or there is no such thing here; -1 with
 * errno. */
int ncm_set_mode(int fd, unsigned mode);
int ncm_set_owner(int fd, uint32_t uid, uint32_t gid);
int ncm_set_times(int fd, int64_t atime_ns, int64_t mtime_ns); /* or OS_NOW */
int ncm_sync(int fd);
int ncm_sync_data(int fd);
int ncm_sync_all(int fd);
/* Whether fsync failed with this because there is nothing of the kind. */
bool ncm_is_without_sync(int errnum);
/* Whether linkat failed with this because there are no hard links here, or none of this file. */
bool ncm_is_without_links(int errnum);
/* Whether renameat2 failed with this because it cannot do what its flags ask. */
bool ncm_is_without_flags(int errnum);

/* Whether a file lies on a file system of a kind that has all of it. */
bool ncm_is_unix_disk(int fd);

/* What a file system lacks. */
enum {
	NCM_LACKS_MODES = 1 << 0,
	NCM_LACKS_TIMES = 1 << 1,
	NCM_LACKS_HARD_LINKS = 1 << 2,
	NCM_LACKS_SYNC = 1 << 3,
	NCM_LACKS_LOCKS = 1 << 4,
	NCM_LACKS_SPACE = 1 << 5, /* it does not tell its room */
	NCM_LACKS_CASE = 1 << 6,  /* names that differ in it alone are one */
	NCM_LACKS_COLON = 1 << 7, /* no name has one */
	NCM_LACKS_SYMLINKS = 1 << 8,
};

/*
 * Which of these the file system of a folder lacks. Unix disks are known by their kind; any other is tried, once a run,
 * with a hidden file that is removed again. 0, too, where nothing may be tried.
 */
unsigned ncm_lacks_of(int dirfd);
/* The same of the folder that holds, or will hold, `path`: the nearest one that exists. */
unsigned ncm_lacks_at(const char *path);
/* As a clause: "keeps no modes, has no hard links". NULL if there is nothing to tell. The caller frees it. */
char *ncm_lacks_text(unsigned lacks);

#endif
