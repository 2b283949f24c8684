/* SPDX-License-Identifier: MIT */
/* File systems and where a file's bytes lie on them. What holds for all of it is in os.h. */
#ifndef NCM_OS_DISK_H
#define NCM_OS_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Whether a file lies on a file system of a kind that has modes, times, links, sync and locks. True if none is told. */
bool os_is_unix_disk(int fd);
/* On another machine's (NFS, SMB). */
bool os_is_remote(int fd);

struct os_space {
	bool known;           /* some do not tell their room */
	bool read_only;       /* mounted so */
	uint64_t free, total; /* for this user; UINT64_MAX at most */
};
/* The room of an open file's disk; of a path's. */
int os_space_of(int fd, struct os_space *space);
int os_space(const char *path, struct os_space *space);

/* Gives a file that much room from an offset on, and so much length. ENOSPC, EDQUOT, EFBIG: it has not; else it cannot.
 */
int os_reserve(int fd, uint64_t offset, uint64_t size);
/* Where the next bytes, or the next hole, begin: at the offset or behind. -1 with ENXIO: there are none. */
int64_t os_next_data(int fd, uint64_t offset);
int64_t os_next_hole(int fd, uint64_t offset);

/* All of `from` becomes the content of the empty file `to`, sharing its blocks. Fails where there is no such thing. */
int os_clone(int from, int to);
/* Lets the range of `to` share the blocks of `from` if the bytes are equal (ESTALE: they are not). Size 0: only asks
 * whether it could. Returns how many bytes are shared now. */
int64_t os_share_range(int from, int to, uint64_t offset, uint64_t size);

struct os_extent {
	uint64_t logical, physical, length;
	bool unwritten; /* reads as zeros */
	bool encoded;   /* `physical` is where it begins, not which part of it is meant */
	bool nowhere;   /* it is not told where the bytes are */
};
/* Tells where a file's blocks lie, in order, until `take` returns false. 0 after the last, -1 if it is not told. */
int os_extents(int fd, bool (*take)(void *context, const struct os_extent *extent), void *context);

/* Whether somebody has the file open for writing, as far as that is told; false where it is not. */
bool os_is_being_written(int fd);

/* The page cache. Hints: what the system does not know is no failure. */
size_t os_page_size(void);
/* Reads of it come in no order: no read-ahead. */
void os_read_at_random(int fd);
/* This range is read next. */
void os_read_soon(int fd, uint64_t offset, uint64_t size);
/* Begins to write a range out; waits until it is. */
void os_write_out(int fd, uint64_t offset, uint64_t size);
void os_wait_out(int fd, uint64_t offset, uint64_t size);
/* Lets go of what is clean. */
void os_drop_cache(int fd, uint64_t offset, uint64_t size);

/* Whether the system tells this user what of the file is in memory. */
bool os_tells_cached(int fd);
enum os_cached { OS_CACHED_UNKNOWN, OS_CACHED_NONE, OS_CACHED_ALL, OS_CACHED_PART };
/* What of a range, which begins with a page, is in memory. For PART, bit 0 of pages[i] tells it of each page. */
enum os_cached os_cached(int fd, uint64_t offset, size_t size, unsigned char *pages);

#endif
