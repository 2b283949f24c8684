/* SPDX-License-Identifier: MIT */
#include "store/share.h"

#include "base/ability.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "digest/hash.h"
#include "format/format.h"
#include "os/os.h"
#include "store/staging.h"

#include <errno.h>
#include <string.h>

/* The name of a file that lies in such a folder ("blobs/"), or NULL. */
static const char *name_in(const char *folder, const char *path)
{
	const char *name = ncm_path_base(path);
	const size_t size = strlen(folder), before = (size_t)(name - path);

	if (before < size || memcmp(name - size, folder, size) != 0)
		return NULL;
	return before == size || name[-(ptrdiff_t)size - 1] == '/' ? name : NULL;
}

static const char *blob_name(const char *path)
{
	return name_in("blobs/", path);
}

static bool is_digest(const char *name)
{
	return strspn(name, "0123456789abcdef") == NCM_SHA256_HEX && name[NCM_SHA256_HEX] == '\0';
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
	       (before == size || start[-1] == '/') && is_digest(name);
}

/* "…blobs/sha256/HEX": content of a bundle, or of an OCI image layout. */
static bool is_bundled(const char *path)
{
	const char *name = name_in("blobs/sha256/", path);

	return name && is_digest(name);
}

bool store_is_only_read(const char *path)
{
	const char *name = blob_name(path);
	struct ncm_sha256 digest;
	struct ncm_sha1 git;

	return store_blob_digest(path, &digest) || (name && ncm_sha1_parse(name, &git) == 0) ||
	       store_is_shared_blob(path) || is_bundled(path) || ncm_format_is_model_name(ncm_path_base(path));
}

bool store_may_gain_name(const char *path, const struct os_stat *status)
{
	return store_is_only_read(path) && (status->mode & 0444) == 0444 && (os_is_mine(status) || os_is_root());
}

bool store_is_unchanged(const struct os_stat *before, const struct os_stat *now)
{
	return before->device == now->device && before->inode == now->inode && before->size == now->size &&
	       before->mtime_ns == now->mtime_ns && before->ctime_ns == now->ctime_ns;
}

int store_make_read_only(int fd)
{
	struct os_stat status;

	if (os_fstat(fd, &status) < 0)
		return -1;
	return (status.mode & 0222) == 0 ? 0 : ncm_set_mode(fd, status.mode & 07555);
}

/* A name may lead to another file than it did. */
static int check_link(const struct ncm_store *store, int fd, const char *staged)
{
	struct os_stat source, linked;

	if (os_fstat(fd, &source) < 0 || os_lstat(store->staging, staged, &linked) < 0)
		return -1;
	if (source.device == linked.device && source.inode == linked.inode)
		return 0;
	errno = ESTALE;
	return -1;
}

char *store_stage_link(const struct ncm_store *store, int fd, int dirfd, const char *name)
{
	char *staged = staging_commit_name();
	int saved;

	if (os_link(dirfd, name, store->staging, staged) == 0) {
		if (check_link(store, fd, staged) == 0 && store_make_read_only(fd) == 0 && ncm_sync(fd) == 0)
			return staged;
		saved = errno;
		os_unlink(store->staging, staged);
		errno = saved;
	}
	free(staged);
	return NULL;
}
