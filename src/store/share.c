/* SPDX-License-Identifier: MIT */
#include "store/share.h"

#include "base/ability.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "digest/hash.h"
#include "format/format.h"
#include "store/staging.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/vfs.h>

/* The name of a file that lies in a folder "blobs", or NULL. */
static const char *blob_name(const char *path)
{
	static const char folder[] = "blobs/";
	const char *name = ncm_path_base(path);
	const size_t size = strlen(folder), before = (size_t)(name - path);

	if (before < size || memcmp(name - size, folder, size) != 0)
		return NULL;
	return before == size || name[-(ptrdiff_t)size - 1] == '/' ? name : NULL;
}

bool store_blob_digest(const char *path, struct ncm_sha256 *digest)
{
	const char *name = blob_name(path);

	if (name && strncmp(name, "sha256-", 7) == 0)
		name += 7;
	return name && strlen(name) == NCM_SHA256_HEX && ncm_sha256_parse(name, digest) == 0;
}

bool store_is_shared_blob(const char *path)
{
	static const char folder[] = "blobs/xx/";
	const char *name = ncm_path_base(path);
	const size_t size = strlen(folder), before = (size_t)(name - path);
	const char *start = before < size ? "" : name - size;

	return strncmp(start, "blobs/", 6) == 0 && strncmp(start + 6, name, 2) == 0 && start[8] == '/' &&
	       (before == size || start[-1] == '/') && strspn(name, "0123456789abcdef") == NCM_SHA256_HEX &&
	       name[NCM_SHA256_HEX] == '\0';
}

bool store_is_only_read(const char *path)
{
	const char *name = blob_name(path);
	struct ncm_sha256 digest;
	struct ncm_sha1 git;

	return store_blob_digest(path, &digest) || (name && ncm_sha1_parse(name, &git) == 0) ||
	       store_is_shared_blob(path) || ncm_format_is_model_name(ncm_path_base(path));
}

bool store_may_gain_name(const char *path, const struct stat *status)
{
	return store_is_only_read(path) && (status->st_mode & 0444) == 0444 &&
	       (status->st_uid == geteuid() || geteuid() == 0);
}

bool store_is_unchanged(const struct stat *before, const struct stat *now)
{
	return before->st_dev == now->st_dev && before->st_ino == now->st_ino && before->st_size == now->st_size &&
	       ncm_mtime_ns(before) == ncm_mtime_ns(now) && before->st_ctim.tv_sec == now->st_ctim.tv_sec &&
	       before->st_ctim.tv_nsec == now->st_ctim.tv_nsec;
}

int store_make_read_only(int fd)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -1;
	return (status.st_mode & 0222) == 0 ? 0 : ncm_set_mode(fd, status.st_mode & 07555);
}

/* A name may lead to another file than it did. */
static int check_link(const struct ncm_store *store, int fd, const char *staged)
{
	struct stat source, linked;

	if (fstat(fd, &source) < 0 || fstatat(store->staging, staged, &linked, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	if (source.st_dev == linked.st_dev && source.st_ino == linked.st_ino)
		return 0;
	errno = ESTALE;
	return -1;
}

char *store_stage_link(const struct ncm_store *store, int fd, int dirfd, const char *name)
{
	char *staged = staging_commit_name();
	int saved;

	if (linkat(dirfd, name, store->staging, staged, 0) == 0) {
		if (check_link(store, fd, staged) == 0 && store_make_read_only(fd) == 0 && ncm_sync(fd) == 0)
			return staged;
		saved = errno;
		unlinkat(store->staging, staged, 0);
		errno = saved;
	}
	free(staged);
	return NULL;
}

/* NFS and SMB refuse a lease for reasons of their own. */
static bool is_remote(int fd)
{
	struct statfs system;

	if (fstatfs(fd, &system) < 0)
		return false;
	switch ((uint32_t)system.f_type) {
	case NFS_SUPER_MAGIC:
	case CIFS_SUPER_MAGIC:
	case SMB2_SUPER_MAGIC:
		return true;
	default:
		return false;
	}
}

bool store_is_being_written(int fd)
{
	bool busy;

	/* Who opens the file meanwhile has us told; not by SIGIO, which would end the process. */
	if (is_remote(fd) || fcntl(fd, F_SETSIG, SIGURG) < 0)
		return false;
	busy = fcntl(fd, F_SETLEASE, F_RDLCK) < 0 && errno == EAGAIN;
	if (!busy)
		fcntl(fd, F_SETLEASE, F_UNLCK);
	return busy;
}
