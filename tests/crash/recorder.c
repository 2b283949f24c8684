/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a program, it writes down what that program does to the files below one folder, in one order over all
 * threads. replay.py reads it and makes of it what a crash would have left.
 *
 *   NCM_RECORD_ROOT   the folder, absolute, without links
 *   NCM_RECORD_LOG    the log: records are appended
 *   NCM_RECORD_PAUSE  milliseconds between the record that a sync begins and the sync: what other threads do meanwhile
 *                     is not covered by it, and a pause makes sure that there is something
 *
 * A name changes and is written down under one lock. Data is written first and written down then; so what a thread does
 * after a write, and therefore may build on it, comes later in the log. A sync has two records: what was written down
 * before the first is on disk when the second is.
 *
 * Not everything is seen: no mapping that is written to, no io_uring, nothing that the C library does inside itself. So
 * who reads the log compares what all of it gives with what is really there.
 */
#undef _FILE_OFFSET_BITS /* the names with 64 and those without are both defined here */
#undef _FORTIFY_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MAGIC = 0x4e43524c, DIRECT = 1, EXCHANGE = 2, WHOLE = 4 };

/* As in replay.py. */
enum op {
	OP_CREATE = 1,
	OP_MKDIR,
	OP_RENAME,
	OP_LINK,
	OP_UNLINK,
	OP_RMDIR,
	OP_WRITE,
	OP_TRUNCATE,
	OP_MODE,
	OP_TIMES,
	OP_SYNC_BEGIN,
	OP_SYNC_END,
	OP_UNKNOWN,
	OP_SYMLINK, /* its text is the data */
};

/* Followed by the paths and the data. */
struct record {
	uint32_t magic;
	uint16_t op, flags;
	uint32_t thread;
	uint32_t mode;
	uint64_t inode;
	int64_t offset;
	int64_t mtime_ns;
	uint32_t path, other; /* bytes */
	uint64_t data;
};

static long (*kernel)(long number, ...);
static pthread_once_t started = PTHREAD_ONCE_INIT;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_size;
static int log_fd = -1;
static long pause_ms;

static void start(void)
{
	const char *folder = getenv("NCM_RECORD_ROOT"), *log = getenv("NCM_RECORD_LOG"),
		   *pause = getenv("NCM_RECORD_PAUSE");
	void *found = dlsym(RTLD_NEXT, "syscall");
	long fd;

	memcpy(&kernel, &found, sizeof kernel);
	if (!kernel)
		abort();
	if (!folder || !log)
		return;
	root_size = strlen(folder);
	if (root_size >= sizeof root)
		abort();
	memcpy(root, folder, root_size + 1);
	pause_ms = pause ? strtol(pause, NULL, 10) : 0;
	fd = kernel(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	/* Out of the way of the numbers that the program gets. */
	log_fd = fd < 0 ? -1 : fcntl((int)fd, F_DUPFD_CLOEXEC, 500);
	if (log_fd < 0)
		abort();
	kernel(SYS_close, fd);
}

static bool recording(void)
{
	pthread_once(&started, start);
	return log_fd >= 0;
}

static void lock(void)
{
	pthread_once(&started, start);
	pthread_mutex_lock(&mutex);
}

static void unlock(void)
{
	const int saved = errno;

	pthread_mutex_unlock(&mutex);
	errno = saved;
}

/* A log that cannot be written is no log: the program ends. */
static void put(const void *data, size_t size)
{
	const char *at = data;

	while (size > 0) {
		long done = kernel(SYS_write, log_fd, at, size);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			abort();
		at += done;
		size -= (size_t)done;
	}
}

/* With the lock held. Paths are those below the root. */
static void note(struct record record, const char *path, const char *other, const void *data)
{
	record.magic = MAGIC;
	record.thread = (uint32_t)kernel(SYS_gettid);
	record.path = (uint32_t)strlen(path);
	record.other = other ? (uint32_t)strlen(other) : 0;
	put(&record, sizeof record);
	put(path, record.path);
	if (other)
		put(other, record.other);
	put(data, record.data);
}

/* The path below the root, or NULL. */
static const char *below(const char *path)
{
	if (strncmp(path, root, root_size) != 0 || (path[root_size] != '/' && path[root_size] != '\0'))
		return NULL;
	return path[root_size] == '/' ? path + root_size + 1 : path + root_size;
}

static bool path_of(int fd, char path[PATH_MAX])
{
	char link[40];
	ssize_t size;

	snprintf(link, sizeof link, fd == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", fd);
	size = readlink(link, path, PATH_MAX - 1);
	if (size < 0)
		return false;
	path[size] = '\0';
	return true;
}

/* Where a name of a call lies below the root, in *path; NULL if it does not. */
static const char *name_below(int dirfd, const char *name, char path[PATH_MAX])
{
	size_t size = 0;

	if (!recording())
		return NULL;
	if (*name != '/') {
		if (!path_of(dirfd, path))
			return NULL;
		size = strlen(path);
		path[size++] = '/';
	}
	if (size + strlen(name) >= PATH_MAX)
		return NULL;
	memcpy(path + size, name, strlen(name) + 1);
	return below(path);
}

/* Begins a record about an open file below the root. False if it is not one. Keeps errno. */
static bool describe(int fd, enum op op, struct record *record, char path[PATH_MAX])
{
	const int saved = errno;
	struct stat status;
	bool ours = recording() && path_of(fd, path) && below(path) && fstat(fd, &status) == 0 &&
		    (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode));

	if (ours)
		*record =
		    (struct record){.op = (uint16_t)op,
				    .flags = fcntl(fd, F_GETFL) & O_DIRECT ? DIRECT : 0,
				    .mode = status.st_mode,
				    .inode = status.st_ino,
				    .offset = status.st_size,
				    .mtime_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec};
	errno = saved;
	return ours;
}

static void note_file(int fd, enum op op)
{
	struct record record;
	char path[PATH_MAX];

	if (!describe(fd, op, &record, path))
		return;
	lock();
	note(record, below(path), NULL, NULL);
	unlock();
}

static void note_unknown(int fd, const char *what)
{
	struct record record;
	char path[PATH_MAX];

	if (!describe(fd, OP_UNKNOWN, &record, path))
		return;
	lock();
	note(record, below(path), what, NULL);
	unlock();
}

/* Bytes that were written. `at` < 0: they end where the file's position is now. */
static void note_write(int fd, const void *data, ssize_t size, off_t at)
{
	struct record record;
	char path[PATH_MAX];

	if (size <= 0 || !describe(fd, OP_WRITE, &record, path))
		return;
	record.offset = at >= 0 ? at : lseek(fd, 0, SEEK_CUR) - size;
	record.data = (uint64_t)size;
	lock();
	note(record, below(path), NULL, data);
	unlock();
}

/* --- names */

/* With the lock held: a name was made or taken away. */
static void note_name(enum op op, int dirfd, const char *name, const char *path, const char *other, uint16_t flags)
{
	const int saved = errno;
	struct stat status = {0};

	(void)fstatat(dirfd, name, &status, AT_SYMLINK_NOFOLLOW);
	note((struct record){.op = (uint16_t)op,
			     .flags = flags,
			     .mode = status.st_mode,
			     .inode = status.st_ino,
			     .mtime_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec},
	     path, other, NULL);
	errno = saved;
}

/* One open that may make or empty a file. `how`: of openat2, else NULL. */
static int open_noted(int dirfd, const char *name, int flags, mode_t mode, const struct open_how *how, size_t how_size)
{
	char path[PATH_MAX];
	const char *relative;
	struct stat status;
	bool existed;
	long fd;

	pthread_once(&started, start);
	relative = flags & (O_CREAT | O_TRUNC) ? name_below(dirfd, name, path) : NULL;
	if (relative)
		lock();
	existed = relative && fstatat(dirfd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
	fd = how ? kernel(SYS_openat2, dirfd, name, how, how_size) : kernel(SYS_openat, dirfd, name, flags, mode);
	if (relative && fd >= 0 && !existed)
		note_name(OP_CREATE, dirfd, name, relative, NULL, 0);
	if (relative)
		unlock();
	if (relative && fd >= 0 && existed && flags & O_TRUNC)
		note_file((int)fd, OP_TRUNCATE);
	if (fd >= 0 && (flags & O_TMPFILE) == O_TMPFILE)
		note_unknown((int)fd, "O_TMPFILE");
	return (int)fd;
}

static mode_t mode_argument(int flags, va_list list)
{
	return flags & (O_CREAT | __O_TMPFILE) ? va_arg(list, mode_t) : 0;
}

int open(const char *name, int flags, ...)
{
	va_list list;
	mode_t mode;

	va_start(list, flags);
	mode = mode_argument(flags, list);
	va_end(list);
	return open_noted(AT_FDCWD, name, flags, mode, NULL, 0);
}

int openat(int dirfd, const char *name, int flags, ...)
{
	va_list list;
	mode_t mode;

	va_start(list, flags);
	mode = mode_argument(flags, list);
	va_end(list);
	return open_noted(dirfd, name, flags, mode, NULL, 0);
}

/* openat2 has no function of its own in the C library. */
long syscall(long number, ...)
{
	long arguments[6];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	pthread_once(&started, start);
	if (number == SYS_openat2) {
		const struct open_how *how = (const struct open_how *)arguments[2];

		return open_noted((int)arguments[0], (const char *)arguments[1], (int)how->flags, (mode_t)how->mode,
				  how, (size_t)arguments[3]);
	}
	return kernel(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

int mkdirat(int dirfd, const char *name, mode_t mode)
{
	char path[PATH_MAX];
	const char *relative;
	int failed;

	lock();
	relative = name_below(dirfd, name, path);
	failed = (int)kernel(SYS_mkdirat, dirfd, name, mode);
	if (relative && !failed)
		note_name(OP_MKDIR, dirfd, name, relative, NULL, 0);
	unlock();
	return failed;
}

int mkdir(const char *name, mode_t mode)
{
	return mkdirat(AT_FDCWD, name, mode);
}

int unlinkat(int dirfd, const char *name, int flags)
{
	char path[PATH_MAX];
	const char *relative;
	int failed;

	lock();
	relative = name_below(dirfd, name, path);
	failed = (int)kernel(SYS_unlinkat, dirfd, name, flags);
	if (relative && !failed)
		note_name(flags & AT_REMOVEDIR ? OP_RMDIR : OP_UNLINK, dirfd, name, relative, NULL, 0);
	unlock();
	return failed;
}

int unlink(const char *name)
{
	return unlinkat(AT_FDCWD, name, 0);
}

int rmdir(const char *name)
{
	return unlinkat(AT_FDCWD, name, AT_REMOVEDIR);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	char from_path[PATH_MAX], to_path[PATH_MAX];
	const char *from_below, *to_below;
	int failed;

	lock();
	from_below = name_below(from_dir, from, from_path);
	to_below = name_below(to_dir, to, to_path);
	failed = (int)kernel(SYS_renameat2, from_dir, from, to_dir, to, flags);
	if (!failed && (from_below || to_below))
		note_name(from_below && to_below ? OP_RENAME : OP_UNKNOWN, to_dir, to, from_below ? from_below : "",
			  to_below ? to_below : "", flags & RENAME_EXCHANGE ? EXCHANGE : 0);
	unlock();
	return failed;
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return renameat2(from_dir, from, to_dir, to, 0);
}

int rename(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	char from_path[PATH_MAX], to_path[PATH_MAX];
	const char *from_below, *to_below;
	int failed;

	lock();
	from_below = name_below(from_dir, from, from_path);
	to_below = name_below(to_dir, to, to_path);
	failed = (int)kernel(SYS_linkat, from_dir, from, to_dir, to, flags);
	if (!failed && to_below)
		note_name(from_below ? OP_LINK : OP_UNKNOWN, to_dir, to, from_below ? from_below : "", to_below, 0);
	unlock();
	return failed;
}

int link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int symlinkat(const char *text, int dirfd, const char *name)
{
	char path[PATH_MAX];
	const char *name_in;
	struct stat status = {0};
	int failed;

	lock();
	name_in = name_below(dirfd, name, path);
	failed = (int)kernel(SYS_symlinkat, text, dirfd, name);
	if (!failed && name_in) {
		(void)fstatat(dirfd, name, &status, AT_SYMLINK_NOFOLLOW);
		note(
		    (struct record){
			.op = OP_SYMLINK, .mode = status.st_mode, .inode = status.st_ino, .data = strlen(text)},
		    name_in, NULL, text);
	}
	unlock();
	return failed;
}

int symlink(const char *text, const char *name)
{
	return symlinkat(text, AT_FDCWD, name);
}

/* --- content */

ssize_t write(int fd, const void *data, size_t size)
{
	ssize_t done;

	pthread_once(&started, start);
	done = kernel(SYS_write, fd, data, size);
	note_write(fd, data, done, -1);
	return done;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
	ssize_t done;

	pthread_once(&started, start);
	done = kernel(SYS_pwrite64, fd, data, size, at);
	note_write(fd, data, done, at);
	return done;
}

/* What the kernel copied by itself is read back. */
static void note_copied(int fd, off_t at, ssize_t size)
{
	char chunk[16384], path[PATH_MAX];
	struct record unused;

	while (size > 0 && describe(fd, OP_WRITE, &unused, path)) {
		const ssize_t got = pread(fd, chunk, (size_t)size < sizeof chunk ? (size_t)size : sizeof chunk, at);

		if (got <= 0) {
			note_unknown(fd, "a copy that cannot be read back");
			return;
		}
		note_write(fd, chunk, got, at);
		at += got;
		size -= got;
	}
}

int ioctl(int fd, unsigned long request, ...)
{
	struct stat status;
	va_list list;
	void *argument;
	int result;

	va_start(list, request);
	argument = va_arg(list, void *);
	va_end(list);
	pthread_once(&started, start);
	result = (int)kernel(SYS_ioctl, fd, request, argument);
	if (result == 0 && request == FICLONE && fstat(fd, &status) == 0)
		note_copied(fd, 0, status.st_size);
	return result;
}

int ftruncate(int fd, off_t size)
{
	int failed;

	pthread_once(&started, start);
	failed = (int)kernel(SYS_ftruncate, fd, size);
	if (!failed)
		note_file(fd, OP_TRUNCATE);
	return failed;
}

/* Room that is reserved changes nothing that can be read, unless the file grows by it. */
int fallocate(int fd, int mode, off_t at, off_t size)
{
	int failed;

	pthread_once(&started, start);
	failed = (int)kernel(SYS_fallocate, fd, mode, at, size);
	if (!failed && mode == 0)
		note_file(fd, OP_TRUNCATE);
	else if (!failed && mode != FALLOC_FL_KEEP_SIZE)
		note_unknown(fd, "fallocate");
	return failed;
}

int fchmod(int fd, mode_t mode)
{
	int failed;

	pthread_once(&started, start);
	failed = (int)kernel(SYS_fchmod, fd, mode);
	if (!failed)
		note_file(fd, OP_MODE);
	return failed;
}

int futimens(int fd, const struct timespec times[2])
{
	int failed;

	pthread_once(&started, start);
	failed = (int)kernel(SYS_utimensat, fd, NULL, times, 0);
	if (!failed)
		note_file(fd, OP_TIMES);
	return failed;
}

/* --- syncs */

static int sync_noted(int fd, long number, uint16_t flags)
{
	const struct timespec pause = {pause_ms / 1000, pause_ms % 1000 * 1000000};
	struct record record;
	char path[PATH_MAX];
	bool ours = describe(fd, OP_SYNC_BEGIN, &record, path);
	int failed;

	record.flags |= flags;
	if (ours) {
		lock();
		note(record, below(path), NULL, NULL);
		unlock();
		nanosleep(&pause, NULL);
	}
	failed = (int)kernel(number, fd);
	if (ours && !failed) {
		record.op = OP_SYNC_END;
		lock();
		note(record, below(path), NULL, NULL);
		unlock();
	}
	return failed;
}

int fsync(int fd)
{
	return sync_noted(fd, SYS_fsync, 0);
}

int fdatasync(int fd)
{
	return sync_noted(fd, SYS_fdatasync, 0);
}

int syncfs(int fd)
{
	return sync_noted(fd, SYS_syncfs, WHOLE);
}

/* --- the second names */

extern __typeof(open) open64 __attribute__((alias("open")));
extern __typeof(openat) openat64 __attribute__((alias("openat")));
extern __typeof(pwrite) pwrite64 __attribute__((alias("pwrite")));
extern __typeof(ftruncate) ftruncate64 __attribute__((alias("ftruncate")));
extern __typeof(fallocate) fallocate64 __attribute__((alias("fallocate")));
