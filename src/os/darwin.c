/* SPDX-License-Identifier: MIT */
/*
 * What Darwin has in its own way. It is compiled (scripts/check-portable), and has never run: each call is as Apple's
 * manual has it. What there is nothing of says so, as os.h wants it.
 */
#define __STDC_WANT_LIB_EXT1__ 1 /* memset_s */

#include "os/os.h"
#include "os/spawn.h"
#include "os/system.h"

#include <errno.h>
#include <fcntl.h>
#include <libproc.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clonefile.h>
#include <sys/mount.h>
#include <sys/proc_info.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysctl.h>
#include <unistd.h>

int os_native_flags(int flags)
{
	const int way = flags & (OS_READ | OS_WRITE);
	int native = O_CLOEXEC | (flags & (OS_READ - 1)) | (flags & OS_FOLDER ? O_DIRECTORY : 0);

	/* There is no O_PATH: a folder is opened to be searched, a link as itself, anything else to be read. */
	if (flags & OS_PATH)
		return native | (flags & OS_FOLDER ? O_SEARCH : O_NONBLOCK | O_NOCTTY) |
		       (flags & OS_NO_LINK ? O_SYMLINK : 0);
	if (way)
		native |= O_NONBLOCK | O_NOCTTY | (way == OS_READ ? O_RDONLY : way == OS_WRITE ? O_WRONLY : O_RDWR);
	return native | (flags & OS_NO_LINK ? O_NOFOLLOW : 0) | (flags & OS_APPEND ? O_APPEND : 0);
}

/* Not a flag of open(2) here. */
static int past_cache(int fd, int flags)
{
	if (fd >= 0 && (flags & OS_DIRECT) && fcntl(fd, F_NOCACHE, 1) < 0) {
		const int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* Whether a part of the path is "..": O_NOFOLLOW_ANY does not keep us below the folder. */
static bool goes_up(const char *relative)
{
	for (const char *at = relative; *at;) {
		const size_t size = strcspn(at, "/");

		if (size == 2 && at[0] == '.' && at[1] == '.')
			return true;
		at += size + (at[size] == '/');
	}
	return *relative == '/';
}

int os_open_beneath(int folder, const char *relative, int flags)
{
	const int native = os_native_flags(flags);
	int fd;

	if (goes_up(relative)) {
		errno = EXDEV;
		return -1;
	}
	/* O_SYMLINK and O_NOFOLLOW say something else of the last part. */
	if (native & (O_SYMLINK | O_NOFOLLOW))
		return past_cache(os_open_walking(folder, relative, native), flags);
	do {
		fd = openat(os_native_folder(folder), relative, native | O_NOFOLLOW_ANY, 0);
	} while (fd < 0 && errno == EINTR);
	return past_cache(fd, flags);
}

int os_reopen(int fd, int flags)
{
	char path[PATH_MAX];

	if (os_path_of(fd, path, sizeof path) < 0)
		return -1;
	return past_cache(open(path, os_native_flags(flags), 0), flags);
}

ssize_t os_path_of(int fd, char *path, size_t size)
{
	char whole[PATH_MAX];

	if (fcntl(fd, F_GETPATH, whole) < 0)
		return -1;
	if (strlen(whole) >= size) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(path, whole);
	return (ssize_t)strlen(path);
}

ssize_t os_readlink(int folder, const char *name, char *text, size_t size)
{
	const ssize_t length =
	    *name ? readlinkat(os_native_folder(folder), name, text, size - 1) : freadlink(folder, text, size - 1);

	text[length > 0 ? length : 0] = '\0';
	return length;
}

static int64_t ns_of(const struct timespec *time)
{
	return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

void os_take_times(const struct stat *native, struct os_stat *status)
{
	status->atime_ns = ns_of(&native->st_atimespec);
	status->mtime_ns = ns_of(&native->st_mtimespec);
	status->ctime_ns = ns_of(&native->st_ctimespec);
}

/* fsync(2) leaves the bytes in the disk's own memory. Where the disk has no other sync, it does. */
int os_sync(int fd)
{
	return fcntl(fd, F_FULLFSYNC) == 0 ? 0 : fsync(fd);
}

/* F_BARRIERFSYNC is an order, and no durability. */
int os_sync_data(int fd)
{
	return os_sync(fd);
}

/* There is none of one disk. */
int os_sync_disk(int fd)
{
	sync();
	return os_sync(fd);
}

int os_set_link_owner(int link, uint32_t owner, uint32_t group)
{
	return fchown(link, owner, group);
}

/* It cannot be asked without being changed. */
int os_umask(void)
{
	return -1;
}

static int rename_by(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
	return renameatx_np(os_native_folder(from_folder), from, os_native_folder(to_folder), to, flags);
}

int os_rename_new(int from_folder, const char *from, int to_folder, const char *to)
{
	return rename_by(from_folder, from, to_folder, to, RENAME_EXCL);
}

int os_exchange(int from_folder, const char *from, int to_folder, const char *to)
{
	return rename_by(from_folder, from, to_folder, to, RENAME_SWAP);
}

static bool is_of_kind(int fd, const char *const *kinds, size_t count, bool otherwise)
{
	struct statfs system;

	if (fstatfs(fd, &system) < 0)
		return otherwise;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(system.f_fstypename, kinds[i]) == 0)
			return true;
	}
	return false;
}

bool os_is_unix_disk(int fd)
{
	static const char *const kinds[] = {"apfs", "hfs", "tmpfs", "zfs"};

	return is_of_kind(fd, kinds, sizeof kinds / sizeof *kinds, true);
}

bool os_is_remote(int fd)
{
	static const char *const kinds[] = {"nfs", "smbfs", "afpfs", "webdav"};

	return is_of_kind(fd, kinds, sizeof kinds / sizeof *kinds, false);
}

int os_reserve(int fd, uint64_t offset, uint64_t size)
{
	struct stat status;
	fstore_t store = {.fst_flags = F_ALLOCATEALL, .fst_posmode = F_PEOFPOSMODE};

	if (fstat(fd, &status) < 0)
		return -1;
	if (offset + size <= (uint64_t)status.st_size)
		return 0;
	/* From the end of what is allocated on. */
	store.fst_length = (off_t)(offset + size) - status.st_size;
	if (fcntl(fd, F_PREALLOCATE, &store) < 0)
		return -1;
	return ftruncate(fd, (off_t)(offset + size));
}

/* fclonefileat makes a new name, and none here gives one file another's blocks. */
int os_clone(int from, int to)
{
	(void)from, (void)to;
	errno = ENOTSUP;
	return -1;
}

int64_t os_share_range(int from, int to, uint64_t offset, uint64_t size)
{
	(void)from, (void)to, (void)offset, (void)size;
	errno = ENOTSUP;
	return -1;
}

int os_extents(int fd, bool (*take)(void *context, const struct os_extent *extent), void *context)
{
	(void)fd, (void)take, (void)context;
	errno = ENOTSUP;
	return -1;
}

bool os_is_being_written(int fd)
{
	(void)fd;
	return false;
}

void os_read_at_random(int fd)
{
	(void)fcntl(fd, F_RDAHEAD, 0);
}

void os_read_soon(int fd, uint64_t offset, uint64_t size)
{
	const struct radvisory advice = {.ra_offset = (off_t)offset, .ra_count = (int)size};

	(void)fcntl(fd, F_RDADVISE, &advice);
}

void os_write_out(int fd, uint64_t offset, uint64_t size)
{
	(void)fd, (void)offset, (void)size;
}

void os_wait_out(int fd, uint64_t offset, uint64_t size)
{
	(void)fd, (void)offset, (void)size;
}

void os_drop_cache(int fd, uint64_t offset, uint64_t size)
{
	(void)fd, (void)offset, (void)size;
}

bool os_tells_cached(int fd)
{
	(void)fd;
	return false;
}

enum os_cached os_cached(int fd, uint64_t offset, size_t size, unsigned char *pages)
{
	(void)fd, (void)offset, (void)size, (void)pages;
	return OS_CACHED_UNKNOWN;
}

const char *os_error_text(int errnum)
{
	return errnum >= 0 && errnum < sys_nerr ? sys_errlist[errnum] : "error";
}

unsigned os_cores(void)
{
	int count = 0;
	size_t size = sizeof count;

	return sysctlbyname("hw.activecpu", &count, &size, NULL, 0) == 0 && count > 0 ? (unsigned)count : 1;
}

void os_random(void *data, size_t size)
{
	enum { MOST = 256 }; /* at once */
	unsigned char *at = data;

	while (size > 0) {
		const size_t part = size < MOST ? size : MOST;

		if (getentropy(at, part) == 0) {
			at += part;
			size -= part;
		}
	}
}

void os_wipe(void *data, size_t size)
{
	(void)memset_s(data, size, 0, size);
}

void os_want_huge_pages(void *memory, size_t size)
{
	(void)memory, (void)size;
}

int64_t os_now_coarse_ns(void)
{
	return os_now_ns();
}

unsigned long long os_process_start(long pid)
{
	struct proc_bsdinfo info;

	if (proc_pidinfo((int)pid, PROC_PIDTBSDINFO, 0, &info, sizeof info) != (int)sizeof info)
		return 0;
	return info.pbi_start_tvsec * 1000000ull + info.pbi_start_tvusec;
}

static bool system_text(const char *name, char *text, size_t size)
{
	size_t length = size;

	*text = '\0';
	if (sysctlbyname(name, text, &length, NULL, 0) < 0)
		return false;
	text[length < size ? length : size - 1] = '\0';
	text[strcspn(text, "\n ")] = '\0';
	return *text != '\0';
}

bool os_boot_id(char *text, size_t size)
{
	return system_text("kern.bootsessionuuid", text, size);
}

bool os_host_name(char *text, size_t size)
{
	return system_text("kern.hostname", text, size);
}

void os_prepare(void)
{
	os_prepare_signals();
}

int os_pipe(int ends[2])
{
	if (pipe(ends) < 0)
		return -1;
	for (int i = 0; i < 2; i++)
		(void)fcntl(ends[i], F_SETFD, FD_CLOEXEC);
	return 0;
}

void os_spawn_close_rest(posix_spawn_file_actions_t *files, short *flags)
{
	(void)files;
	*flags |= POSIX_SPAWN_CLOEXEC_DEFAULT;
}
