/* SPDX-License-Identifier: MIT */
#include "base/file.h"
#include "base/ability.h"

#include "base/buffer.h"
#include "base/escape.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>

enum { READ_BYTES = 16384 };

/* A file is read into memory of its size, so that it is not moved about while it grows there. */
static size_t expected_size(int fd, size_t limit)
{
	struct os_stat status;

	if (os_fstat(fd, &status) < 0 || status.size < READ_BYTES || status.size > limit)
		return READ_BYTES;
	return (size_t)status.size;
}

char *ncm_read_fd(int fd, size_t limit, size_t *size)
{
	struct ncm_buffer buffer = {0};

	ncm_buffer_reserve(&buffer, expected_size(fd, limit));
	for (;;) {
		char *end = ncm_buffer_reserve(&buffer, READ_BYTES);
		const ssize_t got = os_read(fd, end, buffer.room - buffer.size - 1);

		if (got == 0)
			break;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || (size_t)got > limit - buffer.size) {
			int saved = got < 0 ? errno : EFBIG;

			ncm_buffer_free(&buffer);
			errno = saved;
			return NULL;
		}
		buffer.size += (size_t)got;
	}
	buffer.data[buffer.size] = '\0';
	if (size)
		*size = buffer.size;
	return ncm_buffer_take(&buffer);
}

static char *read_file(const char *path, size_t limit, size_t *size)
{
	NCM_AUTO_CLOSE int fd = os_open(OS_HERE, path, OS_READ);
	struct os_stat status;

	if (fd < 0 || os_fstat(fd, &status) < 0)
		return NULL;
	if (status.kind != OS_IS_FILE) {
		errno = status.kind == OS_IS_FOLDER ? EISDIR : EINVAL;
		return NULL;
	}
	if (status.size > limit) {
		errno = EFBIG;
		return NULL;
	}
	return ncm_read_fd(fd, limit, size);
}

char *ncm_read_file(const char *path, size_t limit, size_t *size)
{
	char *text;
	unsigned tries = 0;

	/* The server of a network file system may lose an open file; by its name it is found again. */
	do {
		text = read_file(path, limit, size);
	} while (!text && errno == ESTALE && ++tries < 3);
	return text;
}

ssize_t ncm_pread_all(int fd, void *data, size_t size, uint64_t offset)
{
	char *bytes = data;
	size_t done = 0;

	while (done < size) {
		const ssize_t got = os_pread(fd, bytes + done, size - done, (offset + done));

		if (got < 0 && errno == EINTR && !ncm_interrupted())
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

int ncm_pwrite_all(int fd, const void *data, size_t size, uint64_t offset)
{
	const char *bytes = data;

	while (size > 0) {
		ssize_t put = os_pwrite(fd, bytes, size, offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0) {
			if (put == 0)
				errno = EIO;
			return -1;
		}
		bytes += put;
		size -= (size_t)put;
		offset += (uint64_t)put;
	}
	return 0;
}

int ncm_sync_dir(int dirfd)
{
	if (ncm_sync(dirfd) < 0 && errno != EROFS)
		return -1;
	return 0;
}

static int write_and_sync(int fd, const struct ncm_piece *pieces, size_t count)
{
	uint64_t at = 0;

	for (size_t i = 0; i < count; i++) {
		if (ncm_pwrite_all(fd, pieces[i].data, pieces[i].size, at) < 0)
			return -1;
		at += pieces[i].size;
	}
	return ncm_sync_data(fd);
}

/* Tells whose it is as far as there is room; it is one of its kind by its random digits. */
static char *temporary_name(const char *name)
{
	char suffix[17];
	const size_t room = NAME_MAX - strlen("...tmp") - (sizeof suffix - 1);

	ncm_random_hex(suffix, sizeof suffix);
	return ncm_asprintf(".%.*s.%s.tmp", (int)ncm_utf8_fit(name, room), name, suffix);
}

int ncm_write_atomic(int dirfd, const char *name, const void *data, size_t size, enum ncm_own_kind kind,
		     struct ncm_error *err)
{
	return ncm_write_atomic_pieces(dirfd, name, &(struct ncm_piece){data, size}, 1, kind, err);
}

int ncm_save(const char *path, bool make, const void *data, size_t size, struct ncm_error *err)
{
	NCM_AUTO_FREE char *absolute = ncm_path_absolute(path);
	NCM_AUTO_FREE char *folder = ncm_path_folder(absolute);
	NCM_AUTO_CLOSE int dirfd = ncm_dir_open(folder, make, err);
	struct os_stat old;

	if (dirfd < 0)
		return -1;
	if (os_lstat(dirfd, ncm_path_base(absolute), &old) == 0 && old.kind != OS_IS_FILE) {
		ncm_error_set(err, NCM_E_POLICY, "%s is there and no file: it is not replaced", path);
		return ncm_error_hint(err, "name a file; \"-\" writes to standard output");
	}
	if (ncm_write_atomic(dirfd, ncm_path_base(absolute), data, size, NCM_OWN_FILE, err) < 0)
		return ncm_error_wrap(err, "%s", path);
	return 0;
}

/* What several people use stays theirs, whoever of them writes it. */
static int open_successor(int dirfd, const char *name, const char *temporary, enum ncm_own_kind kind)
{
	const int fd = ncm_own_create(dirfd, temporary, OS_WRITE, kind);
	struct os_stat old;

	if (fd >= 0 && kind == NCM_OWN_FILE && os_lstat(dirfd, name, &old) == 0 && old.kind == OS_IS_FILE)
		ncm_own_like(fd, &old);
	return fd;
}

int ncm_hint_refused(struct ncm_error *err, int errnum, const char *before, const char *denied)
{
	switch (errnum) {
	case ESTALE: /* has a hint of its own */
		return -1;
	case EROFS:
		return ncm_error_hint(err, "%sthat disk is mounted read-only: mount it for writing first", before);
	case ENOSPC:
	case EDQUOT:
		return ncm_error_hint(err, "%sfree some space on that disk, then run the same command again", before);
	case EIO:
		return ncm_error_hint(err, "%sthat disk or its server fails: the system's log may say more", before);
	default:
		return ncm_error_hint(err, "%s%s", before, denied);
	}
}

int ncm_hint_denied(struct ncm_error *err, int errnum)
{
	if (errnum == EACCES || errnum == EPERM || errnum == EROFS)
		return ncm_hint_refused(err, errnum, "", "run it as a user who may write there");
	return -1;
}

static int cannot_write(const char *name, int errnum, struct ncm_error *err)
{
	ncm_error_errno(err, errnum, "cannot write %s", name);
	return ncm_hint_denied(err, errnum);
}

int ncm_write_atomic_pieces(int dirfd, const char *name, const struct ncm_piece *pieces, size_t count,
			    enum ncm_own_kind kind, struct ncm_error *err)
{
	NCM_AUTO_FREE char *temporary = temporary_name(name);
	int fd, failed, saved;

	fd = open_successor(dirfd, name, temporary, kind);
	if (fd < 0)
		return cannot_write(name, errno, err);
	failed = write_and_sync(fd, pieces, count);
	saved = errno;
	/* Some file systems tell of a full disk only here. */
	if (os_close(fd) < 0 && !failed) {
		failed = -1;
		saved = errno;
	}
	if (!failed && os_rename(dirfd, temporary, dirfd, name) < 0) {
		failed = -1;
		saved = errno;
	}
	if (failed) {
		os_unlink(dirfd, temporary);
		return cannot_write(name, saved, err);
	}
	if (ncm_sync_dir(dirfd) < 0)
		return ncm_error_errno(err, errno, "cannot sync the folder of %s", name);
	return 0;
}

double ncm_monotonic(void)
{
	return os_monotonic();
}

int ncm_wait(double seconds)
{
	const double end = ncm_monotonic() + seconds;

	while (!ncm_interrupted()) {
		const double left = end - ncm_monotonic();

		if (left <= 0)
			return 0;
		os_sleep_ms(left < 0.1 ? (unsigned)(left * 1e3) + 1 : 100);
	}
	return -1;
}

char *ncm_time_utc(char buf[32])
{
	time_t now = time(NULL);
	struct tm parts;

	gmtime_r(&now, &parts);
	strftime(buf, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
	return buf;
}

char *ncm_time_local(char buf[32])
{
	time_t now = time(NULL);
	struct tm parts;

	localtime_r(&now, &parts);
	strftime(buf, 32, "%Y-%m-%d %H:%M:%S", &parts);
	return buf;
}

void ncm_random_hex(char *text, size_t size)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i + 1 < size; i++) {
		unsigned char byte = 0;

		os_random(&byte, 1);
		text[i] = digits[byte & 15];
	}
	text[size - 1] = '\0';
}
