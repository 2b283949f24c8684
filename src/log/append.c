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
#include "os/os.h"

#include <errno.h>
#include <string.h>

enum { LOCK_TRIES = 50, LOCK_PAUSE = 2 /* ms */, REOPENINGS = 10 };

char *log_older(const char *path)
{
	return ncm_asprintf("%s.1", path);
}

/* The base directory specification wants 0700 for folders that are made. */
static int open_folder(const char *path)
{
	NCM_AUTO_FREE char *folder = ncm_path_folder(path);

	return os_open(OS_HERE, *folder ? folder : ".", OS_PATH | OS_FOLDER);
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
	return ncm_own_open(folder, ncm_path_base(path), OS_READ | OS_WRITE | OS_APPEND, NCM_OWN_PRIVATE);
}

/* A pipe or a device in its place would keep us waiting. */
static int open_log(const char *path, struct ncm_error *err)
{
	NCM_AUTO_CLOSE int fd = open_once(path);
	struct os_stat status;
	int opened;

	if (fd < 0 && errno == ENOENT && make_folders(path) == 0)
		fd = open_once(path);
	if (fd < 0 || os_fstat(fd, &status) < 0)
		return ncm_error_errno(err, errno, "cannot open %s", path);
	if (status.kind != OS_IS_FILE)
		return ncm_error_set(err, NCM_E_IO, "%s is no regular file", path);
	opened = fd;
	fd = -1;
	return opened;
}

/* Whoever holds it writes one line; one that was stopped then is not waited for. Closing the file lets go of it. */
static bool lock(int fd)
{
	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		if (os_lock(fd, OS_LOCK_ALONE) == 0)
			return true;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return false;
		os_sleep_ms(LOCK_PAUSE);
	}
	return false;
}

static bool still_has_name(int fd, const char *path)
{
	struct os_stat own, named;

	return os_fstat(fd, &own) == 0 && os_lstat(OS_HERE, path, &named) == 0 && os_is_same(&own, &named);
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
		os_close(fd);
	}
}

/* A line that a full disk cut short must not take the next one with it. */
static bool ends_within_line(int fd, uint64_t size)
{
	char last = '\n';

	return size > 0 && os_pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

static int write_line(int fd, uint64_t before, const char *path, const char *line, struct ncm_error *err)
{
	NCM_AUTO_FREE char *text = ncm_asprintf("%s%s", ends_within_line(fd, before) ? "\n" : "", line);
	const size_t length = strlen(text);
	const ssize_t written = os_write(fd, text, length);

	if (written == (ssize_t)length)
		return 0;
	return ncm_error_errno(err, written < 0 ? errno : ENOSPC, "cannot write to %s", path);
}

static uint64_t size_of(int fd)
{
	struct os_stat status;

	return os_fstat(fd, &status) == 0 ? status.size : 0;
}

int log_append(const char *path, const char *line, size_t limit, struct ncm_error *err)
{
	NCM_AUTO_FREE char *older = log_older(path);
	bool locked;
	NCM_AUTO_CLOSE int fd = open_locked(path, &locked, err);
	uint64_t size = fd < 0 ? 0 : size_of(fd);

	if (fd >= 0 && locked && size > 0 && size + strlen(line) > limit &&
	    os_rename(OS_HERE, path, OS_HERE, older) == 0) {
		os_close(fd);
		fd = open_locked(path, &locked, err);
		size = fd < 0 ? 0 : size_of(fd);
	}
	return fd < 0 ? -1 : write_line(fd, size, path, line, err);
}
