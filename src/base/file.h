/* SPDX-License-Identifier: MIT */
/* Whole-file reads, atomic writes, syncs and clocks. */
#ifndef NCM_BASE_FILE_H
#define NCM_BASE_FILE_H

#include "base/own.h"

#include <ncmodel/error.h>
#include <ncmodel/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads a whole file of at most `limit` bytes, NUL added. NULL on error, errno kept (EFBIG over the limit). */
char *ncm_read_file(const char *path, size_t limit, size_t *size);
char *ncm_read_fd(int fd, size_t limit, size_t *size);
/*
 * Reads `size` bytes at an offset. A read may stop short of them on a network or FUSE mount and after a signal: it goes
 * on until they are all there or the file really ends. Returns how many bytes, fewer than `size` only at the end of the
 * file, or -1 with errno: of a read, or EINTR when the user interrupted.
 */
ssize_t ncm_pread_all(int fd, void *data, size_t size, uint64_t offset);
/* Writes all bytes at an offset. Returns 0, or -1 with errno. */
int ncm_pwrite_all(int fd, const void *data, size_t size, uint64_t offset);
/*
 * Replaces `name` in dirfd: temporary file in the same folder → fdatasync → rename → fsync of the folder. A crash
 * leaves the old content or the new. An NCM_OWN_FILE that replaces another keeps its mode and group, and root leaves it
 * its owner. Returns 0, or -1 with *err.
 */
int ncm_write_atomic(int dirfd, const char *name, const void *data, size_t size, enum ncm_own_kind kind,
		     struct ncm_error *err);
/*
 * The same at a path that the user gave for a page or a manifest of ours; with `make`, folders that are missing are
 * made. What lies there and is no file (a link, a device, a pipe) is not replaced: POLICY, with the hint.
 */
int ncm_save(const char *path, bool make, const void *data, size_t size, struct ncm_error *err);
/* The same for content that lies in several places, in order. */
struct ncm_piece {
	const void *data;
	size_t size;
};
int ncm_write_atomic_pieces(int dirfd, const char *name, const struct ncm_piece *pieces, size_t count,
			    enum ncm_own_kind kind, struct ncm_error *err);
/*
 * The hint where something could not be written or deleted: `denied` is what helps against permissions, and nothing
 * against a disk that is read-only, full or failing. `before` is said first, whatever it is. Returns -1.
 */
int ncm_hint_refused(struct ncm_error *err, int errnum, const char *before, const char *denied);
/* The same where the system refused for want of rights; else there is nothing to say. Always returns -1. */
int ncm_hint_denied(struct ncm_error *err, int errnum);
int ncm_sync_dir(int dirfd); /* 0, or -1 with errno; a file system that cannot is fine */
/* Seconds of a clock that never jumps. */
double ncm_monotonic(void);
/* Waits. Returns 0, or -1 as soon as the user interrupts. */
int ncm_wait(double seconds);
/* Now as RFC 3339 UTC ("2026-11-21T06:30:00Z") and as local "YYYY-MM-DD HH:MM:SS". Return buf. */
char *ncm_time_utc(char buf[32]);
char *ncm_time_local(char buf[32]);
/* Fills with random hex digits and a NUL; size counts the NUL. */
void ncm_random_hex(char *text, size_t size);

#endif
