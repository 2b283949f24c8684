/* SPDX-License-Identifier: MIT */
/* Open files: opening, what they are, their bytes, locks, owners. What holds for all of it is in os.h. */
#ifndef NCM_OS_FILE_H
#define NCM_OS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The place of paths as the user writes them: from the current folder, or absolute. */
enum { OS_HERE = -100 };

/*
 * How something is opened. It never waits for the other end of a pipe (who means a file looks what it is) and never
 * becomes the terminal of the process. Bits below these are the system's own and passed on, for rooms that have not
 * moved here yet.
 */
enum {
	OS_READ = 1 << 24,
	OS_WRITE = 1 << 25,
	OS_FOLDER = 1 << 26, /* it must be a folder; to read it, list it, and go on from there */
	OS_PATH = 1 << 27, /* a handle of what has that name, without the right to read it: to look at and go on from */
	OS_NO_LINK = 1 << 28, /* ELOOP for a link in the last place; with OS_PATH, the link itself */
	OS_APPEND = 1 << 29,  /* every write goes to the end */
	OS_DIRECT = 1 << 30, /* past the page cache (os_open_beneath, os_reopen); EINVAL where there is no such thing */
};

/* Opens a path, links on the way followed. Returns a descriptor. */
int os_open(int folder, const char *path, int flags);
/*
 * Opens a relative path without leaving the folder: EXDEV for an absolute path and "..", ELOOP (or ENOTDIR, EXDEV) for
 * a link anywhere on it. Looked up again after a signal or where a rename raced with it.
 */
int os_open_beneath(int folder, const char *relative, int flags);
/* Makes a file that is not there yet (EEXIST), with `mode` as far as the umask lets, and opens it. */
int os_create(int folder, const char *name, int flags, unsigned mode);
/* Opens anew what is open, whatever its name is by now. */
int os_reopen(int fd, int flags);
/* A second descriptor of the same opening: they share their place in it. */
int os_dup(int fd);
/* Some file systems tell of a full disk only here. */
int os_close(int fd);
/* The path of what is open, NUL added. Returns its length. */
ssize_t os_path_of(int fd, char *path, size_t size);

enum os_kind { OS_IS_FILE, OS_IS_FOLDER, OS_IS_LINK, OS_IS_OTHER };

struct os_stat {
	enum os_kind kind;
	unsigned mode; /* permissions, setuid, setgid and sticky: 07777 */
	uint64_t device, inode;
	uint64_t size;
	uint64_t links;  /* names */
	uint64_t blocks; /* of 512 bytes, on disk */
	int64_t atime_ns, mtime_ns, ctime_ns;
	uint32_t owner, group; /* as far as the system has them; else the user's own */
};

/* Of a mode. */
enum {
	OS_SETGID = 02000,
	OS_STICKY = 01000,
	OS_OWNER_WRITES = 0200,
	OS_GROUP_WRITES = 020,
	OS_GROUP_ENTERS = 010,
	OS_ALL_READ = 04,
	OS_ALL_WRITE = 02,
	OS_ALL_ENTER = 01,
};

int os_fstat(int fd, struct os_stat *status);
/* Of what a path leads to; of the entry itself. */
int os_stat(int folder, const char *path, struct os_stat *status);
int os_lstat(int folder, const char *path, struct os_stat *status);
/* The same file on the same disk. */
bool os_is_same(const struct os_stat *a, const struct os_stat *b);

/* What the user may do with what a path leads to: some of these; 0: is there anything? Returns 0 if all of it. */
enum { OS_MAY_READ = 4, OS_MAY_WRITE = 2, OS_MAY_ENTER = 1 /* a folder; run, of a program */ };
int os_access(int folder, const char *path, unsigned wanted);
/* Whether a folder has that entry, be it a link to nothing. False with errno. */
bool os_has(int folder, const char *path);

ssize_t os_read(int fd, void *data, size_t size);
ssize_t os_write(int fd, const void *data, size_t size);
/* At an offset. They may move the descriptor's own place. */
ssize_t os_pread(int fd, void *data, size_t size, uint64_t offset);
ssize_t os_pwrite(int fd, const void *data, size_t size, uint64_t offset);
int os_seek(int fd, uint64_t offset);
int os_truncate(int fd, uint64_t size);

/* To the disk: content and status; what it takes to read the content back; everything of that file system. */
int os_sync(int fd);
int os_sync_data(int fd);
int os_sync_disk(int fd);

/* A lock between processes that goes with the descriptor: for one alone, or shared. EWOULDBLOCK: another has it. */
enum os_lock { OS_LOCK_ALONE, OS_LOCK_SHARED };
int os_lock(int fd, enum os_lock kind);

/* In a group's place: it stays as it is. */
#define OS_UNCHANGED UINT32_MAX
int os_set_mode(int fd, unsigned mode);
int os_set_owner(int fd, uint32_t owner, uint32_t group);
/* Of a link that was opened with OS_PATH | OS_NO_LINK. */
int os_set_link_owner(int link, uint32_t owner, uint32_t group);
/* Of the last read and the last write. */
#define OS_NOW INT64_MIN
int os_set_times(int fd, int64_t atime_ns, int64_t mtime_ns);
/* Whether it is the user's own, by whose rights we run. */
bool os_is_mine(const struct os_stat *status);
/* What the umask takes from modes; -1 if that cannot be told without changing it. */
int os_umask(void);

#endif
