/* SPDX-License-Identifier: MIT */
#include "base/ability.h"

#include "os/os.h"

#include <errno.h>
#include <stdint.h>

bool ncm_is_unix_disk(int fd)
{
	return os_is_unix_disk(fd);
}

/* On a Unix disk a refusal is a matter of rights. */
static bool is_without_looks(int fd, int errnum)
{
	if (errnum == EOPNOTSUPP || errnum == ENOSYS)
		return true;
	return (errnum == EPERM || errnum == EACCES || errnum == EINVAL) && !ncm_is_unix_disk(fd);
}

int ncm_set_mode(int fd, unsigned mode)
{
	return os_set_mode(fd, mode) == 0 || is_without_looks(fd, errno) ? 0 : -1;
}

int ncm_set_owner(int fd, uint32_t uid, uint32_t gid)
{
	return os_set_owner(fd, uid, gid) == 0 || is_without_looks(fd, errno) ? 0 : -1;
}

int ncm_set_times(int fd, int64_t atime_ns, int64_t mtime_ns)
{
	return os_set_times(fd, atime_ns, mtime_ns) == 0 || is_without_looks(fd, errno) ? 0 : -1;
}

bool ncm_is_without_sync(int errnum)
{
	return errnum == EINVAL || errnum == EOPNOTSUPP || errnum == ENOSYS;
}

int ncm_sync(int fd)
{
	return os_sync(fd) == 0 || ncm_is_without_sync(errno) ? 0 : -1;
}

int ncm_sync_data(int fd)
{
	return os_sync_data(fd) == 0 || ncm_is_without_sync(errno) ? 0 : -1;
}

int ncm_sync_all(int fd)
{
	return os_sync_disk(fd) == 0 || ncm_is_without_sync(errno) ? 0 : -1;
}

bool ncm_is_without_links(int errnum)
{
	return errnum == EPERM || errnum == EOPNOTSUPP || errnum == ENOSYS || errnum == EMLINK;
}

bool ncm_is_without_flags(int errnum)
{
	return errnum == EINVAL || errnum == ENOSYS || errnum == EOPNOTSUPP;
}
