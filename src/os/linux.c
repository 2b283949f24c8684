/* SPDX-License-Identifier: MIT */
/* What Linux has in its own way. */
#include "os/os.h"
#include "os/system.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

int os_native_flags(int flags)
{
	const int way = flags & (OS_READ | OS_WRITE);
	int native = O_CLOEXEC | (flags & (OS_READ - 1)) | (flags & OS_NO_LINK ? O_NOFOLLOW : 0) |
		     (flags & OS_FOLDER ? O_DIRECTORY : 0);

	if (flags & OS_PATH)
		return native | O_PATH;
	if (way)
		native |= O_NONBLOCK | O_NOCTTY | (way == OS_READ ? O_RDONLY : way == OS_WRITE ? O_WRONLY : O_RDWR);
	return native | (flags & OS_APPEND ? O_APPEND : 0) | (flags & OS_DIRECT ? O_DIRECT : 0);
}

int os_open_beneath(int folder, const char *relative, int flags)
{
	const int native = os_native_flags(flags);
	struct open_how how = {
	    .flags = (uint64_t)(unsigned)native,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	do {
		fd = syscall(SYS_openat2, os_native_folder(folder), relative, &how, sizeof how);
	} while (fd < 0 && (errno == EINTR || errno == EAGAIN)); /* EAGAIN: a rename raced with the look-up */
	/* The kernel (or a sandbox) lacks it. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		return os_open_walking(folder, relative, native);
	return (int)fd;
}

static void link_to(int fd, char path[32])
{
	snprintf(path, 32, "/proc/self/fd/%d", fd);
}

int os_reopen(int fd, int flags)
{
	char path[32];

	link_to(fd, path);
	return open(path, os_native_flags(flags), 0);
}

ssize_t os_path_of(int fd, char *path, size_t size)
{
	char link[32];

	link_to(fd, link);
	return os_readlink(OS_HERE, link, path, size);
}

ssize_t os_readlink(int folder, const char *name, char *text, size_t size)
{
	const ssize_t length = readlinkat(os_native_folder(folder), name, text, size - 1);

	text[length > 0 ? length : 0] = '\0';
	return length;
}

static int64_t ns_of(const struct timespec *time)
{
	return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

void os_take_times(const struct stat *native, struct os_stat *status)
{
	status->atime_ns = ns_of(&native->st_atim);
	status->mtime_ns = ns_of(&native->st_mtim);
	status->ctime_ns = ns_of(&native->st_ctim);
}

int os_sync(int fd)
{
	return fsync(fd);
}

int os_sync_data(int fd)
{
	return fdatasync(fd);
}

int os_sync_disk(int fd)
{
	return syncfs(fd);
}

int os_set_link_owner(int link, uint32_t owner, uint32_t group)
{
	return fchownat(link, "", owner, group, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
}

/* Asked of the kernel: to ask umask() is to change it for every thread. */
int os_umask(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	unsigned mask = 0;
	bool told = false;

	while (status && !told && fgets(line, sizeof line, status))
		told = sscanf(line, "Umask: %o", &mask) == 1;
	if (status)
		fclose(status);
	return told ? (int)mask : -1;
}

static int rename_by(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
	from_folder = os_native_folder(from_folder);
	to_folder = os_native_folder(to_folder);
#ifdef __GLIBC__
	return renameat2(from_folder, from, to_folder, to, flags);
#else
	return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
#endif
}

int os_rename_new(int from_folder, const char *from, int to_folder, const char *to)
{
	return rename_by(from_folder, from, to_folder, to, RENAME_NOREPLACE);
}

int os_exchange(int from_folder, const char *from, int to_folder, const char *to)
{
	return rename_by(from_folder, from, to_folder, to, RENAME_EXCHANGE);
}

/* What linux/magic.h does not have. */
enum { ZFS_MAGIC = 0x2fc12fc1 };

/* 0: it is not told. */
static uint32_t magic_of(int fd)
{
	struct statfs system;

	return fstatfs(fd, &system) < 0 ? 0 : (uint32_t)system.f_type;
}

bool os_is_unix_disk(int fd)
{
	switch (magic_of(fd)) {
	case 0:
	case EXT4_SUPER_MAGIC: /* and ext2, ext3 */
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case F2FS_SUPER_MAGIC:
	case TMPFS_MAGIC:
	case RAMFS_MAGIC:
	case OVERLAYFS_SUPER_MAGIC:
	case ZFS_MAGIC:
		return true;
	default:
		return false;
	}
}

bool os_is_remote(int fd)
{
	const uint32_t magic = magic_of(fd);

	return magic == NFS_SUPER_MAGIC || magic == CIFS_SUPER_MAGIC || magic == SMB2_SUPER_MAGIC;
}

int os_reserve(int fd, uint64_t offset, uint64_t size)
{
	return fallocate(fd, 0, (off_t)offset, (off_t)size);
}

int os_clone(int from, int to)
{
	return ioctl(to, FICLONE, from);
}

/* One range into one file, which is where the kernel's structure has its flexible member. */
union request {
	struct file_dedupe_range range;
	char room[sizeof(struct file_dedupe_range) + sizeof(struct file_dedupe_range_info)];
};

int64_t os_share_range(int from, int to, uint64_t offset, uint64_t size)
{
	union request request;
	struct file_dedupe_range_info *info = request.range.info;

	memset(&request, 0, sizeof request);
	request.range.src_offset = offset;
	request.range.src_length = size;
	request.range.dest_count = 1;
	info->dest_fd = to;
	info->dest_offset = offset;
	if (ioctl(from, FIDEDUPERANGE, &request) < 0)
		return -1;
	if (info->status == FILE_DEDUPE_RANGE_SAME)
		return (int64_t)info->bytes_deduped;
	errno = info->status == FILE_DEDUPE_RANGE_DIFFERS ? ESTALE : -info->status;
	return -1;
}

enum { BATCH = 128 };

static struct os_extent extent_of(const struct fiemap_extent *native)
{
	const unsigned nowhere = FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_DATA_INLINE;

	return (struct os_extent){.logical = native->fe_logical,
				  .physical = native->fe_physical,
				  .length = native->fe_length,
				  .unwritten = (native->fe_flags & FIEMAP_EXTENT_UNWRITTEN) != 0,
				  .encoded = (native->fe_flags & FIEMAP_EXTENT_ENCODED) != 0,
				  .nowhere = (native->fe_flags & nowhere) != 0};
}

int os_extents(int fd, bool (*take)(void *context, const struct os_extent *extent), void *context)
{
	union {
		struct fiemap map;
		char room[sizeof(struct fiemap) + BATCH * sizeof(struct fiemap_extent)];
	} batch;
	uint64_t at = 0;

	for (;;) {
		memset(&batch, 0, sizeof batch);
		batch.map.fm_start = at;
		batch.map.fm_length = FIEMAP_MAX_OFFSET - at;
		batch.map.fm_flags = FIEMAP_FLAG_SYNC;
		batch.map.fm_extent_count = BATCH;
		if (ioctl(fd, FS_IOC_FIEMAP, &batch) < 0)
			return -1;
		for (size_t i = 0; i < batch.map.fm_mapped_extents; i++) {
			const struct fiemap_extent *native = &batch.map.fm_extents[i];
			const struct os_extent extent = extent_of(native);

			if (!take(context, &extent) || (native->fe_flags & FIEMAP_EXTENT_LAST))
				return 0;
			at = native->fe_logical + native->fe_length;
		}
		if (batch.map.fm_mapped_extents == 0)
			return 0;
	}
}

/* A lease is not given on a file that somebody has open for writing. NFS and SMB refuse it for reasons of their own. */
bool os_is_being_written(int fd)
{
	bool busy;

	/* Who opens the file meanwhile has us told; not by SIGIO, which would end the process. */
	if (os_is_remote(fd) || fcntl(fd, F_SETSIG, SIGURG) < 0)
		return false;
	busy = fcntl(fd, F_SETLEASE, F_RDLCK) < 0 && errno == EAGAIN;
	if (!busy)
		fcntl(fd, F_SETLEASE, F_UNLCK);
	return busy;
}

void os_read_at_random(int fd)
{
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
}

void os_read_soon(int fd, uint64_t offset, uint64_t size)
{
	(void)posix_fadvise(fd, (off_t)offset, (off_t)size, POSIX_FADV_WILLNEED);
}

void os_write_out(int fd, uint64_t offset, uint64_t size)
{
	(void)sync_file_range(fd, (off_t)offset, (off_t)size, SYNC_FILE_RANGE_WRITE);
}

void os_wait_out(int fd, uint64_t offset, uint64_t size)
{
	(void)sync_file_range(fd, (off_t)offset, (off_t)size,
			      SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
}

void os_drop_cache(int fd, uint64_t offset, uint64_t size)
{
	(void)posix_fadvise(fd, (off_t)offset, (off_t)size, POSIX_FADV_DONTNEED);
}

/* The kernel tells only who owns the file or may write to it; to others it says that everything is there. */
bool os_tells_cached(int fd)
{
	struct os_stat status;

	if (os_fstat(fd, &status) < 0)
		return false;
	return os_is_mine(&status) || os_is_root() || faccessat(fd, "", W_OK, AT_EMPTY_PATH | AT_EACCESS) == 0;
}

/* cachestat(2), of Linux 6.5, which the C library does not know yet. Its number is the same on these machines. */
#if !defined(SYS_cachestat) && (defined(__x86_64__) || defined(__aarch64__) || defined(__riscv))
#define SYS_cachestat 451
#endif

/* How many pages of a stretch the page cache has, or -1 if the kernel does not count them. */
static ssize_t count_pages(int fd, uint64_t offset, size_t size)
{
#ifdef SYS_cachestat
	const struct {
		uint64_t offset, length;
	} range = {offset, size};
	struct {
		uint64_t cached, dirty, writeback, evicted, recently_evicted;
	} counts;

	if (syscall(SYS_cachestat, fd, &range, &counts, 0) == 0)
		return (ssize_t)counts.cached;
#else
	(void)fd, (void)offset, (void)size;
#endif
	return -1;
}

/* Page by page, which takes eight times as long as counting them. */
static enum os_cached look_at_each(int fd, uint64_t offset, size_t size, size_t count, unsigned char *pages)
{
	void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, (off_t)offset);
	bool known;

	if (map == MAP_FAILED)
		return OS_CACHED_UNKNOWN;
	known = mincore(map, size, pages) == 0;
	munmap(map, size);
	if (!known)
		return OS_CACHED_UNKNOWN;
	for (size_t i = 0; i < count; i++) {
		if (!(pages[i] & 1))
			return OS_CACHED_PART;
	}
	return OS_CACHED_ALL;
}

enum os_cached os_cached(int fd, uint64_t offset, size_t size, unsigned char *pages)
{
	const size_t count = (size + os_page_size() - 1) / os_page_size();
	const ssize_t there = count_pages(fd, offset, size);

	if (there == (ssize_t)count)
		return OS_CACHED_ALL;
	return there == 0 ? OS_CACHED_NONE : look_at_each(fd, offset, size, count, pages);
}
