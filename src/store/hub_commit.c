/* SPDX-License-Identifier: MIT */
#include "store/hub.h"

#include "base/ability.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "store/commit.h"
#include "store/inside.h"
#include "store/kind_huggingface.h"
#include "store/names.h"
#include "store/share.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* Where the link at a path below the store leads; NULL: it is none, or leads out of it. The caller frees it. */
static char *behind(const struct ncm_store *store, int dirfd, const char *relative)
{
	const char *name;
	NCM_AUTO_CLOSE int parent = dirfd < 0 ? -1 : store_parent_inside(store, dirfd, relative, &name);
	char text[PATH_MAX];
	const ssize_t size = parent < 0 ? -1 : os_readlink(parent, name, text, sizeof text - 1);

	if (size <= 0)
		return NULL;
	text[size] = '\0';
	return hub_link_target(relative, text);
}

/* The blob that the link in the snapshot leads to, of its repository's own. The caller frees it. */
static char *linked_blob(const struct ncm_store *store, int dirfd, const char *snapshot_path)
{
	NCM_AUTO_FREE char *folder = hub_blob_path(snapshot_path, "");
	char *blob = behind(store, dirfd, snapshot_path);

	if (blob && strncmp(blob, folder, strlen(folder)) == 0 && !strchr(blob + strlen(folder), '/'))
		return blob;
	free(blob);
	return NULL;
}

char *hub_blob_of(const struct ncm_store *store, const char *snapshot_path, const struct ncm_sha256 *sha256,
		  const struct ncm_sha1 *git_sha1)
{
	NCM_AUTO_CLOSE int dirfd = ncm_store_peek(store);
	char *linked = git_sha1 ? NULL : linked_blob(store, dirfd, snapshot_path);
	char hex[NCM_SHA256_HEX + 1];
	struct ncm_sha1 unused;

	if (linked && (!sha256 || ncm_sha1_parse(ncm_path_base(linked), &unused) == 0))
		return linked;
	free(linked);
	if (git_sha1)
		return hub_blob_path(snapshot_path, ncm_sha1_hex(git_sha1, hex));
	return sha256 ? hub_blob_path(snapshot_path, ncm_sha256_hex(sha256, hex)) : NULL;
}

char *hub_bytes_of(const struct ncm_store *store, const char *blob)
{
	NCM_AUTO_CLOSE int dirfd = ncm_store_peek(store);
	char *shared = behind(store, dirfd, blob);

	if (shared && strncmp(shared, "blobs/", 6) == 0 && store_is_shared_blob(shared))
		return shared;
	free(shared);
	return ncm_strdup(blob);
}

bool hub_is_plain(const struct ncm_store *store, int dirfd, const char *snapshot_path)
{
	NCM_AUTO_CLOSE int fd = store_open_inside(store, dirfd, snapshot_path);
	struct os_stat status;

	return fd >= 0 && os_fstat(fd, &status) == 0 && status.kind == OS_IS_FILE;
}

bool hub_is_named(const struct ncm_store *store, int dirfd, const char *snapshot_path, const char *blob,
		  const char *reference)
{
	NCM_AUTO_FREE char *linked = behind(store, dirfd, snapshot_path);
	NCM_AUTO_FREE char *ref = reference ? hub_ref_path(snapshot_path, reference, NULL) : NULL;

	if (ref && !os_has(dirfd, ref))
		return false;
	return linked ? blob && strcmp(linked, blob) == 0 : hub_is_plain(store, dirfd, snapshot_path);
}

static int without_links(const struct ncm_store *store, int errnum, const char *snapshot_path, struct ncm_error *err)
{
	if (errnum != EPERM && errnum != EOPNOTSUPP && errnum != ENOSYS && errnum != EINVAL)
		return ncm_error_errno(err, errnum, "cannot make the link %s/%s", store->path, snapshot_path);
	ncm_error_set(err, NCM_E_POLICY,
		      "the file system of %s has no symbolic links, which a Hugging Face cache is made of",
		      store->path);
	return ncm_error_hint(err,
			      "give the cache a folder on another disk (HF_HUB_CACHE), or choose another store with "
			      "--to");
}

/* What leads elsewhere goes: what a commit has at a path does not change, so it was wrong. */
static int make_link(const struct ncm_store *store, int parent, const char *name, const char *snapshot_path,
		     const char *blob, struct ncm_error *err)
{
	NCM_AUTO_FREE char *text = hub_link_text(snapshot_path, blob);
	struct os_stat status;

	if (os_lstat(parent, name, &status) == 0) {
		if (status.kind != OS_IS_LINK)
			return store_in_the_way(store, snapshot_path, err);
		if (os_unlink(parent, name) < 0)
			return ncm_error_errno(err, errno, "cannot replace the link %s/%s", store->path, snapshot_path);
	}
	return ncm_own_symlink(text, parent, name) == 0 ? 0 : without_links(store, errno, snapshot_path, err);
}

int hub_link(struct ncm_store *store, const char *snapshot_path, const char *blob, struct ncm_error *err)
{
	const char *name;
	NCM_AUTO_CLOSE int parent = -1;

	if (hub_is_named(store, store->dirfd, snapshot_path, blob, NULL))
		return 0;
	parent = store_parent(store, snapshot_path, &name, err);
	return parent < 0 ? -1 : make_link(store, parent, name, snapshot_path, blob, err);
}

/* A small file as a whole, or the old one: staged outside of what huggingface_hub reads. */
static int put_text(struct ncm_store *store, const char *relative, const char *text, enum ncm_replacing replace,
		    struct ncm_error *err)
{
	struct publish how = {.what = PUBLISH_MADE, .replace = replace, .may_copy = true};
	NCM_AUTO_FREE char *staged = NULL;
	NCM_AUTO_CLOSE int fd = store_stage(store, &staged);

	if (fd < 0 || ncm_pwrite_all(fd, text, strlen(text), 0) < 0 || store_seal(fd) < 0)
		ncm_error_errno(err, errno, "cannot write %s/%s", store->path, relative);
	else if (store_publish(store, fd, staged, relative, &how, NULL, err) == 0)
		return 0;
	if (fd >= 0)
		os_unlink(store->staging, staged);
	return -1;
}

static bool says(const struct ncm_store *store, const char *relative, const char *text)
{
	NCM_AUTO_CLOSE int fd = store_open_inside(store, store->dirfd, relative);
	NCM_AUTO_FREE char *found = fd < 0 ? NULL : ncm_read_fd(fd, 2 * HUB_COMMIT, NULL);

	return found && strcmp(found, text) == 0;
}

/* Programs that make backups pass the cache by (https://bford.info/cachedir/). Nothing depends on it. */
static void mark_cache(struct ncm_store *store)
{
	static const char text[] = "Signature: 8a477f597d28d172789f06886806bc55\n"
				   "# This file is a cache directory tag created by huggingface_hub.\n"
				   "# For information about cache directory tags, see:\n"
				   "#\thttps://bford.info/cachedir/\n";
	struct ncm_error unused = NCM_ERROR_INIT;

	if (!os_has(store->dirfd, "CACHEDIR.TAG"))
		(void)put_text(store, "CACHEDIR.TAG", text, NCM_KEEP_OUT, &unused);
	ncm_error_clear(&unused);
}

int hub_refer(struct ncm_store *store, const char *snapshot_path, const char *reference, struct ncm_error *err)
{
	const char *commit = strstr(snapshot_path, "/snapshots/") + strlen("/snapshots/");
	NCM_AUTO_FREE char *text = ncm_strndup(commit, HUB_COMMIT);
	NCM_AUTO_FREE char *ref = reference ? hub_ref_path(snapshot_path, reference, err) : NULL;

	mark_cache(store);
	if (!reference || (ref && says(store, ref, text)))
		return 0;
	return ref ? put_text(store, ref, text, NCM_REPLACE, err) : -1;
}

int hub_guard(const struct ncm_store *store, const char *blob)
{
	NCM_AUTO_FREE char *folder = ncm_asprintf(".locks/%.*s", (int)strcspn(blob, "/"), blob);
	NCM_AUTO_FREE char *name = ncm_asprintf("%s.lock", ncm_path_base(blob));
	NCM_AUTO_CLOSE int locks = ncm_mkdir_beneath(store->dirfd, folder, NULL);
	const int fd = locks < 0 ? -1 : ncm_own_open(locks, name, OS_READ | OS_WRITE, NCM_OWN_FILE);

	if (fd >= 0)
		(void)os_lock(fd, OS_LOCK_ALONE);
	return fd;
}

/* A file of a cache without links stays one, and where none can be made it gets no blob: so huggingface_hub does it. */
static void find_bytes(const struct ncm_store *store, const char *relative, const struct ncm_sha256 *sha256,
		       const struct ncm_sha1 *git_sha1, char **blob, char **bytes)
{
	NCM_AUTO_CLOSE int dirfd = ncm_store_peek(store);

	if (!hub_is_snapshot_path(relative) || (dirfd >= 0 && hub_is_plain(store, dirfd, relative)) ||
	    ncm_lacks_at(store->path) & NCM_LACKS_SYMLINKS)
		return;
	*blob = hub_blob_of(store, relative, sha256, git_sha1);
	*bytes = *blob ? hub_bytes_of(store, *blob) : NULL;
}

static bool is_named(const struct ncm_store *store, int dirfd, const char *relative, const char *blob,
		     const char *reference)
{
	return !hub_is_snapshot_path(relative) || hub_is_named(store, dirfd, relative, blob, reference);
}

/* What a commit consists of does not change: one that is there stays. */
static int list(struct ncm_store *store, const char *relative, const char *listing, struct ncm_error *err)
{
	NCM_AUTO_FREE char *path = hub_is_snapshot_path(relative) ? hub_tree_path(relative) : NULL;

	if (!path || os_has(store->dirfd, path))
		return 0;
	return put_text(store, path, listing, NCM_REPLACE, err);
}

static int refer(struct ncm_store *store, const char *relative, const char *reference, struct ncm_error *err)
{
	return hub_is_snapshot_path(relative) ? hub_refer(store, relative, reference, err) : 0;
}

const struct store_names hub_names = {.find_bytes = find_bytes,
				      .is_bytes = store_hub_is_blob,
				      .is_named = is_named,
				      .give = hub_link,
				      .list = list,
				      .refer = refer,
				      .guard = hub_guard};
