/* SPDX-License-Identifier: MIT */
#include "base/ability.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Those that linux/magic.h does not have. */
enum { ZFS_MAGIC = 0x2fc12fc1 };

bool ncm_is_unix_disk(int fd)
{
	struct statfs system;

	if (fstatfs(fd, &system) < 0)
		return true;
	switch ((uint32_t)system.f_type) {
	case EXT4_SUPER_MAGIC: /* and ext2, ext3 */
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case F2FS_SUPER_MAGIC:
	case TMPFS_MAGIC:
	case RAMFS_MAGIC:
	case OVERLAYFS_SUPER_MAGIC:
	case ZFS_MAGIC:
		return true;
	default:
		return false;
	}
}

/* On a Unix disk a refusal is a matter of rights. */
static bool is_without_looks(int fd, int errnum)
{
	if (errnum == EOPNOTSUPP || errnum == ENOSYS)
		return true;
	return (errnum == EPERM || errnum == EACCES || errnum == EINVAL) && !ncm_is_unix_disk(fd);
}

int ncm_set_mode(int fd, mode_t mode)
{
	return fchmod(fd, mode) == 0 || is_without_looks(fd, errno) ? 0 : -1;
}

int ncm_set_owner(int fd, uid_t uid, gid_t gid)
{
	return fchown(fd, uid, gid) == 0 || is_without_looks(fd, errno) ? 0 : -1;
}

int ncm_set_times(int fd, const struct timespec times[2])
{
	return futimens(fd, times) == 0 || is_without_looks(fd, errno) ? 0 : -1;
}

bool ncm_is_without_sync(int errnum)
{
	return errnum == EINVAL || errnum == EOPNOTSUPP || errnum == ENOSYS;
}

int ncm_sync(int fd)
{
	return fsync(fd) == 0 || ncm_is_without_sync(errno) ? 0 : -1;
}

int ncm_sync_data(int fd)
{
	return fdatasync(fd) == 0 || ncm_is_without_sync(errno) ? 0 : -1;
}

int ncm_sync_all(int fd)
{
	return syncfs(fd) == 0 || ncm_is_without_sync(errno) ? 0 : -1;
}

bool ncm_is_without_links(int errnum)
{
	return errnum == EPERM || errnum == EOPNOTSUPP || errnum == ENOSYS || errnum == EMLINK;
}

bool ncm_is_without_flags(int errnum)
{
	return errnum == EINVAL || errnum == ENOSYS || errnum == EOPNOTSUPP;
}
