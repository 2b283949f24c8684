/* SPDX-License-Identifier: MIT */
/*
 * Many processes append to one file. A line is one write at the end, so two never mix and no lock is needed for that;
 * the file is opened for each line, so that nobody goes on with one that was put aside. Putting aside needs a lock: the
 * file's own, held by whoever renames it, and good only while the name still is that file's.
 */
#include "log/log.h"

#include "base/mem.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

char *log_older(const char *path)
{
	return ncm_asprintf("%s.1", path);
}

/* The base directory specification wants 0700 for folders that are made. */
static int make_folders(const char *path)
{
	NCM_AUTO_FREE char *folder = ncm_path_folder(path);

	for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(folder, 0700) < 0 && errno != EEXIST)
			return -1;
		*slash = '/';
	}
	return mkdir(folder, 0700) < 0 && errno != EEXIST ? -1 : 0;
}

static int open_once(const char *path)
{
	return open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
}

/* A pipe or a device in its place would keep us waiting. */
static int open_log(const char *path, struct stat *status, struct ncm_error *err)
{
	NCM_AUTO_CLOSE int fd = open_once(path);
	int opened;

	if (fd < 0 && errno == ENOENT && make_folders(path) == 0)
		fd = open_once(path);
	if (fd < 0 || fstat(fd, status) < 0)
		return ncm_error_errno(err, errno, "cannot open %s", path);
	if (!S_ISREG(status->st_mode))
		return ncm_error_set(err, NCM_E_IO, "%s is no regular file", path);
	opened = fd;
	fd = -1;
	return opened;
}

static bool still_has_name(int fd, const char *path)
{
	struct stat own, named;

	return fstat(fd, &own) == 0 && lstat(path, &named) == 0 && own.st_dev == named.st_dev &&
	       own.st_ino == named.st_ino;
}

/* Whoever does not get the lock leaves it to the one who has it: then the file grows by a line more. */
static void put_aside(int fd, const char *path)
{
	NCM_AUTO_FREE char *older = log_older(path);

	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	if (still_has_name(fd, path))
		(void)rename(path, older);
	flock(fd, LOCK_UN);
}

/* A line that a full disk cut short must not take the next one with it. */
static bool ends_within_line(int fd, const struct stat *status)
{
	char last = '\n';

	return status->st_size > 0 && pread(fd, &last, 1, status->st_size - 1) == 1 && last != '\n';
}

static int write_line(int fd, const struct stat *status, const char *path, const char *line, size_t size,
		      struct ncm_error *err)
{
	NCM_AUTO_FREE char *text = ncm_asprintf("%s%.*s", ends_within_line(fd, status) ? "\n" : "", (int)size, line);
	const size_t length = strlen(text);
	const ssize_t written = write(fd, text, length);

	if (written == (ssize_t)length)
		return 0;
	return ncm_error_errno(err, written < 0 ? errno : ENOSPC, "cannot write to %s", path);
}

int log_append(const char *path, const char *line, size_t size, size_t limit, struct ncm_error *err)
{
	struct stat status;
	NCM_AUTO_CLOSE int fd = open_log(path, &status, err);

	if (fd >= 0 && status.st_size > 0 && (uint64_t)status.st_size + size > limit) {
		put_aside(fd, path);
		close(fd);
		fd = open_log(path, &status, err);
	}
	return fd < 0 ? -1 : write_line(fd, &status, path, line, size, err);
}
