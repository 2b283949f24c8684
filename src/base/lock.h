/* SPDX-License-Identifier: MIT */
/*
 * Exclusive locks between processes. flock does the work where it works; some network file systems only pretend to, so
 * each lock is tried for that, and where it does nothing a claim does: a file beside the lock's that tells who has it.
 */
#ifndef NCM_BASE_LOCK_H
#define NCM_BASE_LOCK_H

#include <ncmodel/error.h>
#include <ncmodel/event.h>
#include <stdbool.h>

/*
 * Takes the lock `name` in dirfd (made if needed). If another process holds it: fails with BUSY when no_wait, else
 * sends one WAITING event with `what` and waits, ended by ncm_interrupt. Returns an fd for ncm_lock_release, or -1.
 * A process that ends lets go of its locks.
 */
int ncm_lock_beneath(int dirfd, const char *name, const char *what, bool no_wait, const struct ncm_sink *sink,
		     struct ncm_error *err);
void ncm_lock_release(int fd);

static inline void ncm_cleanup_lock(const int *fd)
{
	ncm_lock_release(*fd);
}
#define NCM_AUTO_LOCK __attribute__((cleanup(ncm_cleanup_lock)))

#endif
