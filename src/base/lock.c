/* SPDX-License-Identifier: MIT */
#include "base/lock.h"

#include "base/claim.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/own.h"
#include "base/path.h"
#include "os/os.h"

#include <errno.h>

/* Another user's may be his to write alone: it holds nothing, and to lock it is enough to read it. */
static int open_lock(int dirfd, const char *name)
{
	const int fd = ncm_own_open(dirfd, name, OS_READ | OS_WRITE, NCM_OWN_FILE);

	return fd < 0 && errno == EACCES ? os_open_beneath(dirfd, name, OS_READ | OS_NO_LINK) : fd;
}

/* Whether a second descriptor of the same file is kept out, as it must be while we hold the lock. */
static bool flock_works(int dirfd, const char *name)
{
	NCM_AUTO_CLOSE int second = open_lock(dirfd, name);

	return second >= 0 && os_lock(second, OS_LOCK_ALONE) < 0 && errno == EWOULDBLOCK;
}

/* Returns an fd that holds the lock, or -1 with errno: EWOULDBLOCK if another process does. */
static int try(int dirfd, const char *name)
{
	int fd = open_lock(dirfd, name);
	int failed, saved;

	if (fd < 0)
		return -1;
	do {
		failed = os_lock(fd, OS_LOCK_ALONE);
	} while (failed < 0 && errno == EINTR);
	if (!failed && flock_works(dirfd, name))
		return fd;
	saved = failed < 0 ? errno : 0;
	os_close(fd);
	errno = saved;
	return saved == EWOULDBLOCK ? -1 : ncm_claim_take(dirfd, name);
}

int ncm_lock_beneath(int dirfd, const char *name, const char *what, bool no_wait, const struct ncm_sink *sink,
		     struct ncm_error *err)
{
	const unsigned pause = 80 + (unsigned)(os_pid() % 64);
	bool told = false;

	/* Polled, not blocked in the kernel: an interrupt must end the wait. */
	for (;;) {
		int fd = try(dirfd, name);

		if (fd >= 0)
			return fd;
		if (errno != EWOULDBLOCK) {
			const int why = errno;

			ncm_error_errno(err, why, "cannot lock %s", what);
			return ncm_hint_denied(err, why);
		}
		if (ncm_interrupted())
			return ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted while waiting for %s", what);
		if (no_wait) {
			ncm_error_set(err, NCM_E_BUSY, "another ncmodel is working on %s", what);
			return ncm_error_hint(err, "wait for it to end, or leave out --no-wait");
		}
		if (!told)
			ncm_emit_text(sink, NCM_EVENT_WAITING, "waiting: another ncmodel is working on %s", what);
		told = true;
		os_sleep_ms(pause);
	}
}

void ncm_lock_release(int fd)
{
	if (fd < 0)
		return;
	ncm_claim_drop(fd);
	os_close(fd);
}
