/* SPDX-License-Identifier: MIT */
#include "verify/repair.h"

#include "base/ability.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "digest/checkpoint.h"
#include "os/os.h"
#include "store/inside.h"

#include <errno.h>

static int open_in_store(const struct ncm_repair *repair, int flags)
{
	return store_open_by(repair->store, repair->store_dirfd, repair->relative, STORE_LINKS_OF_STORE, flags);
}

/* A file with several names is read-only, for its owner too: until it is open. */
static int open_read_only(const struct ncm_repair *repair)
{
	NCM_AUTO_CLOSE int fd = open_in_store(repair, OS_READ);
	struct os_stat status;
	int opened, saved;

	if (fd < 0 || os_fstat(fd, &status) < 0 || ncm_set_mode(fd, status.mode | OS_OWNER_WRITES) < 0)
		return -1;
	opened = open_in_store(repair, OS_READ | OS_WRITE);
	saved = errno;
	(void)ncm_set_mode(fd, status.mode);
	errno = saved;
	return opened;
}

static int open_damaged(const struct ncm_repair *repair, struct ncm_error *err)
{
	int fd = open_in_store(repair, OS_READ | OS_WRITE);
	struct os_stat status;

	if (fd < 0 && errno == EACCES)
		fd = open_read_only(repair);
	if (fd < 0)
		return ncm_error_errno(err, errno, "cannot repair %s in its place", repair->relative);
	if (os_fstat(fd, &status) == 0 && status.kind == OS_IS_FILE && status.size == repair->size)
		return fd;
	os_close(fd);
	return ncm_error_set(err, NCM_E_DAMAGED, "%s was changed while it was to be repaired", repair->relative);
}

static int repair_span(const struct ncm_repair *repair, const struct ncm_checkpoints *checkpoints, size_t span, int fd,
		       uint8_t *bytes, struct ncm_error *err)
{
	const uint64_t start = ncm_span_start(span), end = ncm_span_end(checkpoints, span);
	const ssize_t size = ncm_pread_all(repair->partial_fd, bytes, (size_t)(end - start), start);
	struct ncm_span_proof proof;

	if (size < 0) {
		if (ncm_interrupted())
			return ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted while %s was repaired",
					     repair->relative);
		return ncm_error_errno(err, errno, "cannot read what was fetched of %s", repair->relative);
	}
	ncm_span_begin(&proof, checkpoints, span);
	ncm_span_update(&proof, bytes, (size_t)size);
	if (!ncm_span_holds(&proof))
		return ncm_error_set(err, NCM_E_CHECKSUM,
				     "%s: bytes %llu-%llu that were fetched are not the right ones", repair->relative,
				     (unsigned long long)start, (unsigned long long)end - 1);
	if (ncm_pwrite_all(fd, bytes, (size_t)size, start) < 0 || ncm_sync_data(fd) < 0)
		return ncm_error_errno(err, errno, "cannot write to %s", repair->relative);
	return 0;
}

static int repair_ranges(const struct ncm_repair *repair, const struct ncm_checkpoints *checkpoints, int fd,
			 struct ncm_error *err)
{
	NCM_AUTO_FREE uint8_t *bytes = ncm_malloc(NCM_CHECKPOINT_SPAN);

	for (size_t i = 0; i < repair->count; i++) {
		size_t span = (size_t)(repair->ranges[i].start / NCM_CHECKPOINT_SPAN);

		for (; span < ncm_span_count(checkpoints) && ncm_span_start(span) < repair->ranges[i].end; span++) {
			if (repair_span(repair, checkpoints, span, fd, bytes, err) < 0)
				return -1;
		}
	}
	return 0;
}

int ncm_repair_in_place(const struct ncm_repair *repair, struct os_stat *status, struct ncm_error *err)
{
	NCM_AUTO_CLOSE int fd = open_damaged(repair, err);
	struct ncm_checkpoints checkpoints;
	int failed;

	if (fd < 0)
		return -1;
	if (repair->count == 0 || ncm_checkpoints_read(repair->home, repair->sha256, repair->size, &checkpoints) < 0)
		return ncm_error_set(err, NCM_E_CHECKSUM, "nothing says which part of %s is damaged", repair->relative);
	failed = repair_ranges(repair, &checkpoints, fd, err);
	ncm_checkpoints_clear(&checkpoints);
	if (!failed && os_fstat(fd, status) < 0)
		return ncm_error_errno(err, errno, "cannot see %s", repair->relative);
	return failed;
}
