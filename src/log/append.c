/* SPDX-License-Identifier: MIT */
/*
 * Many processes append to one file, each line under the file's own lock and in one write. The file is opened for each
 * line, so that nobody goes on with one that was put aside. Nobody is waited for long: without the lock a line is whole
 * all the same, and it is only for putting aside that the lock is needed.
 */
#include "log/log.h"

#include "base/mem.h"
#include "base/own.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_TRIES = 50, LOCK_PAUSE = 2000000 /* ns */, REOPENINGS = 10 };

char *log_older(const char *path)
{
	return ncm_asprintf("%s.1", path);
}

/* The base directory specification wants 0700 for folders that are made. */
static int open_folder(const char *path)
{
	NCM_AUTO_FREE char *folder = ncm_path_folder(path);

	return open(*folder ? folder : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int make_folder(const char *path)
{
	NCM_AUTO_CLOSE int above = open_folder(path);

	if (above < 0)
		return -1;
	return ncm_own_mkdir(above, ncm_path_base(path), NCM_OWN_CLOSED) < 0 && errno != EEXIST ? -1 : 0;
}

static int make_folders(const char *path)
{
	NCM_AUTO_FREE char *folder = ncm_path_folder(path);

	for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (make_folder(folder) < 0)
			return -1;
		*slash = '/';
	}
	return 0;
}

static int open_once(const char *path)
{
	NCM_AUTO_CLOSE int folder = open_folder(path);

	if (folder < 0)
		return -1;
	return ncm_own_open(folder, ncm_path_base(path), O_RDWR | O_APPEND | O_NONBLOCK | O_NOCTTY, NCM_OWN_PRIVATE);
}

/* A pipe or a device in its place would keep us waiting. */
static int open_log(const char *path, struct ncm_error *err)
{
	NCM_AUTO_CLOSE int fd = open_once(path);
	struct stat status;
	int opened;

	if (fd < 0 && errno == ENOENT && make_folders(path) == 0)
		fd = open_once(path);
	if (fd < 0 || fstat(fd, &status) < 0)
		return ncm_error_errno(err, errno, "cannot open %s", path);
	if (!S_ISREG(status.st_mode))
		return ncm_error_set(err, NCM_E_IO, "%s is no regular file", path);
	opened = fd;
	fd = -1;
	return opened;
}

/* Whoever holds it writes one line; one that was stopped then is not waited for. Closing the file lets go of it. */
static bool lock(int fd)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE};

	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return false;
		nanosleep(&pause, NULL);
	}
	return false;
}

static bool still_has_name(int fd, const char *path)
{
	struct stat own, named;

	return fstat(fd, &own) == 0 && lstat(path, &named) == 0 && own.st_dev == named.st_dev &&
	       own.st_ino == named.st_ino;
}

/* Opens the log as it is now, whoever puts it aside meanwhile, with its lock if that can be had. */
static int open_locked(const char *path, bool *locked, struct ncm_error *err)
{
	for (unsigned i = 0;; i++) {
		const int fd = open_log(path, err);

		if (fd < 0)
			return -1;
		*locked = lock(fd);
		if (!*locked || i == REOPENINGS || still_has_name(fd, path))
			return fd;
		close(fd);
	}
}

/* A line that a full disk cut short must not take the next one with it. */
static bool ends_within_line(int fd, off_t size)
{
	char last = '\n';

	return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

static int write_line(int fd, off_t before, const char *path, const char *line, struct ncm_error *err)
{
	NCM_AUTO_FREE char *text = ncm_asprintf("%s%s", ends_within_line(fd, before) ? "\n" : "", line);
	const size_t length = strlen(text);
	const ssize_t written = write(fd, text, length);

	if (written == (ssize_t)length)
		return 0;
	return ncm_error_errno(err, written < 0 ? errno : ENOSPC, "cannot write to %s", path);
}

static off_t size_of(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 ? status.st_size : 0;
}

int log_append(const char *path, const char *line, size_t limit, struct ncm_error *err)
{
	NCM_AUTO_FREE char *older = log_older(path);
	bool locked;
	NCM_AUTO_CLOSE int fd = open_locked(path, &locked, err);
	off_t size = fd < 0 ? 0 : size_of(fd);

	if (fd >= 0 && locked && size > 0 && (uint64_t)size + strlen(line) > limit && rename(path, older) == 0) {
		close(fd);
		fd = open_locked(path, &locked, err);
		size = fd < 0 ? 0 : size_of(fd);
	}
	return fd < 0 ? -1 : write_line(fd, size, path, line, err);
}
