/* SPDX-License-Identifier: MIT */
/*
 * A manifest gets the name of its tag, so that every generation of Ollama runs it. Where there is a `manifests-v2/`,
 * the manifest is a blob and the name there a link to it; the file in `manifests/` is an anchor then: it names the
 * blob, which an older server would remove when it starts (server/images.go, PruneLayers: it removes blobs that no
 * manifest in `manifests/` names and that are older than an hour).
 */
#include "store/commit.h"
#include "store/inside.h"
#include "store/ollama.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "digest/hash.h"
#include "os/os.h"
#include "store/staging.h"

#include <errno.h>
#include <string.h>

/* One commit under way. */
struct commit {
	struct ncm_store *store;
	const char *name; /* canonical */
	const void *text;
	size_t size;
	struct ncm_sha256 digest;
	struct ollama_manifest manifest;
	bool aside; /* what is replaced is nobody's that could bring it back */
	/* Manifests that are blobs and that the v2 entry reaches. */
	struct ollama_layer *blobs;
	size_t blob_count;
};

static int check_blob(const struct ncm_store *store, const struct ollama_layer *layer, struct ncm_error *err)
{
	NCM_AUTO_CLOSE int fd = -1;
	struct os_stat status;
	char path[80];

	ncm_ollama_blob_path(&layer->digest, path);
	fd = store_open_inside(store, store->dirfd, path);
	if (fd >= 0 && os_fstat(fd, &status) == 0 && status.kind == OS_IS_FILE && status.size == layer->size)
		return 0;
	if (fd < 0 && errno != ENOENT)
		return ncm_error_errno(err, errno, "cannot open %s/%s", store->path, path);
	ncm_error_set(err, NCM_E_IO, "the blob %s/%s %s", store->path, path,
		      fd < 0 ? "is gone" : "has another size than its manifest says");
	return ncm_error_hint(err, "an Ollama server that starts removes blobs that no manifest names yet; pull again");
}

static int check_blobs(const struct commit *commit, struct ncm_error *err)
{
	for (size_t i = 0; i < commit->manifest.count; i++) {
		if (check_blob(commit->store, &commit->manifest.layers[i], err) < 0)
			return -1;
	}
	return commit->manifest.has_config ? check_blob(commit->store, &commit->manifest.config, err) : 0;
}

static int stage(const struct ncm_store *store, const void *data, size_t size, char **staged)
{
	int fd = store_stage(store, staged);
	int saved;

	if (fd < 0)
		return -1;
	if (ncm_pwrite_all(fd, data, size, 0) == 0 && store_seal(fd) == 0)
		return fd;
	saved = errno;
	os_unlink(store->staging, *staged);
	os_close(fd);
	errno = saved;
	return -1;
}

/* Never through a temporary among the manifests: Ollama would take it for a broken one. */
static int put_file(const struct commit *commit, const char *path, const void *data, size_t size, struct ncm_error *err)
{
	struct publish how = {.what = PUBLISH_MADE, .replace = NCM_REPLACE, .may_copy = false};
	NCM_AUTO_FREE char *staged = NULL;
	NCM_AUTO_CLOSE int fd = stage(commit->store, data, size, &staged);

	if (fd < 0)
		return ncm_error_errno(err, errno, "cannot write %s/%s", commit->store->path, path);
	if (store_publish(commit->store, fd, staged, path, &how, NULL, err) == 0)
		return 0;
	os_unlink(commit->store->staging, staged);
	return -1;
}

/* What it names stays named by the name that it is kept under (ollama_named.c). */
static int keep_aside(const struct commit *commit, const char *path, struct ncm_error *err)
{
	const struct ncm_store *store = commit->store;
	const char *name;
	NCM_AUTO_CLOSE int folder = store_parent_inside(store, store->dirfd, path, &name);
	struct os_stat there;

	if (folder < 0 || os_lstat(folder, name, &there) < 0)
		return errno == ENOENT ? 0 : ncm_error_errno(err, errno, "cannot see %s/%s", store->path, path);
	return store_set_aside(store, folder, name, path, NULL, err);
}

/* From the folder of `path` to the manifest's blob. The caller frees it. */
static char *link_text(const struct commit *commit, const char *path)
{
	struct ncm_buffer text = {0};
	char blob[80];

	ncm_ollama_blob_path(&commit->digest, blob);
	for (const char *at = path; (at = strchr(at, '/')); at++)
		ncm_buffer_puts(&text, "../");
	ncm_buffer_puts(&text, blob);
	return ncm_buffer_take(&text);
}

/* A relative link; where links fail a hard link, where those fail a copy, as Ollama does. */
static int stage_name(const struct commit *commit, const char *path, char **staged)
{
	const struct ncm_store *store = commit->store;
	NCM_AUTO_FREE char *text = link_text(commit, path);
	char blob[80];
	int fd;

	ncm_ollama_blob_path(&commit->digest, blob);
	*staged = staging_commit_name();
	if (ncm_own_symlink(text, store->staging, *staged) == 0 ||
	    os_link(store->dirfd, blob, store->staging, *staged) == 0)
		return 0;
	free(*staged);
	fd = stage(store, commit->text, commit->size, staged);
	if (fd >= 0)
		os_close(fd);
	return fd < 0 ? -1 : 0;
}

/* In one step: at no moment is there nothing of that name. */
static int put_name(const struct commit *commit, const char *path, struct ncm_error *err)
{
	const struct ncm_store *store = commit->store;
	NCM_AUTO_FREE char *staged = NULL;
	const char *name;
	NCM_AUTO_CLOSE int folder = store_parent(store, path, &name, err);
	int failed;

	if (folder < 0)
		return -1;
	if (stage_name(commit, path, &staged) < 0)
		return ncm_error_errno(err, errno, "cannot write %s/%s", store->path, path);
	failed = os_rename(store->staging, staged, folder, name) < 0 || ncm_sync_dir(folder) < 0;
	if (failed)
		ncm_error_errno(err, errno, "cannot place %s/%s", store->path, path);
	/* It stays after a rename onto another link of the same file, which does nothing. */
	os_unlink(store->staging, staged);
	return failed ? -1 : 0;
}

static void add_blob(struct commit *commit, const struct ncm_sha256 *digest, uint64_t size, bool is_list)
{
	static char manifest_type[] = OLLAMA_MANIFEST_TYPE, list_type[] = OLLAMA_LIST_TYPE;

	for (size_t i = 0; i < commit->blob_count; i++) {
		if (ncm_sha256_equal(&commit->blobs[i].digest, digest))
			return;
	}
	*NCM_PUSH(commit->blobs, commit->blob_count) =
	    (struct ollama_layer){.type = is_list ? list_type : manifest_type, .digest = *digest, .size = size};
}

/* What an old server must not remove of a v2 entry. */
static void add_blobs_of(struct commit *commit, const struct ollama_held *held)
{
	const struct ollama_manifest *manifest = &held->manifest;

	add_blob(commit, &held->digest, held->size, manifest->is_list);
	for (size_t i = 0; i < manifest->child_count; i++) {
		OLLAMA_AUTO_HELD struct ollama_held child = {0};

		if (!manifest->children[i].manifest &&
		    ollama_read_blob(commit->store->dirfd, &manifest->children[i].digest, &child) == OLLAMA_READ)
			add_blob(commit, &child.digest, child.size, false);
	}
}

/* Whether the v2 entry holds the manifest already: then its blobs are noted. */
static int look_at_v2(struct commit *commit, const char *path, bool *is_there, bool *is_right, struct ncm_error *err)
{
	OLLAMA_AUTO_HELD struct ollama_held held = {0};
	const int dirfd = commit->store->dirfd;
	const enum ollama_found found = ollama_read_at(dirfd, path, &held);
	enum ollama_holds holds = OLLAMA_HOLDS_ANOTHER;

	*is_there = found != OLLAMA_ABSENT || held.is_link;
	if (found == OLLAMA_READ)
		holds = ollama_held_compare(dirfd, &held, &(struct ollama_known){.digest = commit->digest}, NULL);
	if (found == OLLAMA_UNREADABLE || holds == OLLAMA_HOLDS_UNKNOWN)
		return ncm_error_errno(err, errno, "cannot read %s/%s, which Ollama runs", commit->store->path, path);
	*is_right = holds == OLLAMA_HOLDS_IT;
	if (*is_right)
		add_blobs_of(commit, &held);
	return 0;
}

static int put_v2_at(struct commit *commit, const char *path, struct ncm_error *err)
{
	if (commit->aside && keep_aside(commit, path, err) < 0)
		return -1;
	return put_name(commit, path, err);
}

/*
 * Every spelling that is there gets the manifest; where there is none, the first. Looks first (`put` false), for the
 * anchor has to be there before an old server can see what it is to keep.
 */
static int each_v2(struct commit *commit, bool put, struct ncm_error *err)
{
	char *paths[2];
	const size_t count = ollama_name_paths(commit->name, true, paths);
	bool is_there[2] = {0}, is_right[2] = {0};
	int failed = 0;

	for (size_t i = 0; i < count && !failed; i++)
		failed = look_at_v2(commit, paths[i], &is_there[i], &is_right[i], err);
	for (size_t i = 0; i < count && !failed; i++) {
		const bool wanted = is_there[i] || (i == 0 && !(count > 1 && is_there[1]));

		if (!wanted || is_right[i])
			continue;
		if (put)
			failed = put_v2_at(commit, paths[i], err);
		else
			add_blob(commit, &commit->digest, commit->size, false);
	}
	for (size_t i = 0; i < count; i++)
		free(paths[i]);
	return failed;
}

static bool has_layer(const struct ollama_manifest *manifest, const struct ncm_sha256 *digest)
{
	for (size_t i = 0; i < manifest->count; i++) {
		if (ncm_sha256_equal(&manifest->layers[i].digest, digest))
			return true;
	}
	return false;
}

/* An anchor that Ollama wrote stays if it says what ours would. */
static bool is_anchor(const struct commit *commit, const struct ollama_held *held)
{
	if (held->manifest.is_list ||
	    ollama_held_compare(commit->store->dirfd, held, &(struct ollama_known){.digest = commit->digest}, NULL) !=
		OLLAMA_HOLDS_IT)
		return false;
	for (size_t i = 0; i < commit->blob_count; i++) {
		if (!has_layer(&held->manifest, &commit->blobs[i].digest))
			return false;
	}
	return true;
}

static int put_legacy(const struct commit *commit, const char *path, struct ncm_error *err)
{
	OLLAMA_AUTO_HELD struct ollama_held held = {0};
	NCM_AUTO_FREE char *anchor = NULL;
	const void *text = commit->text;
	size_t size = commit->size;
	const bool is_read = ollama_read_at(commit->store->dirfd, path, &held) == OLLAMA_READ;

	if (is_read && commit->blob_count > 0 && is_anchor(commit, &held))
		return 0;
	if (commit->blob_count > 0)
		text = anchor = ollama_manifest_write(&commit->manifest, commit->blobs, commit->blob_count, &size);
	if (commit->aside && keep_aside(commit, path, err) < 0)
		return -1;
	return put_file(commit, path, text, size, err);
}

/* Nothing there is for older servers alone: only where Ollama 0.40 made the folder does it have to be kept right. */
static int has_v2(const struct ncm_store *store, bool *has, struct ncm_error *err)
{
	NCM_AUTO_CLOSE int fd = store_dir_inside(store, store->dirfd, OLLAMA_MANIFESTS_V2);
	const int failure = errno;
	struct os_stat link;

	*has = fd >= 0;
	if (fd >= 0)
		return 0;
	/* A link that leads nowhere, to a disk that is away say, is no absent folder. */
	if (failure == ENOENT && os_lstat(store->dirfd, OLLAMA_MANIFESTS_V2, &link) < 0 && errno == ENOENT)
		return 0;
	errno = failure;
	return ncm_error_errno(err, errno, "cannot open %s/%s", store->path, OLLAMA_MANIFESTS_V2);
}

static int put_manifest_blob(const struct commit *commit, struct ncm_error *err)
{
	OLLAMA_AUTO_HELD struct ollama_held held = {0};
	char path[80];

	if (ollama_read_blob(commit->store->dirfd, &commit->digest, &held) == OLLAMA_READ)
		return 0;
	ncm_ollama_blob_path(&commit->digest, path);
	return put_file(commit, path, commit->text, commit->size, err);
}

static int put_both(struct commit *commit, const char *legacy, struct ncm_error *err)
{
	if (each_v2(commit, false, err) < 0 || put_manifest_blob(commit, err) < 0 ||
	    put_legacy(commit, legacy, err) < 0)
		return -1;
	return each_v2(commit, true, err);
}

static int run(struct commit *commit, const char *legacy, struct ncm_error *err)
{
	bool v2;

	if (check_blobs(commit, err) < 0 || has_v2(commit->store, &v2, err) < 0)
		return -1;
	if ((v2 ? put_both(commit, legacy, err) : put_legacy(commit, legacy, err)) < 0)
		return -1;
	/* If one went meanwhile, the manifest stays all the same: it keeps the others from being removed too. */
	return check_blobs(commit, err);
}

int ncm_ollama_commit(struct ncm_store *store, const char *name, const void *manifest, size_t size, bool aside,
		      struct ncm_error *err)
{
	NCM_AUTO_FREE char *path = ncm_ollama_manifest_path(name, err);
	NCM_AUTO_FREE char *canonical = path ? ollama_name_canonical(name) : NULL;
	struct commit commit = {.store = store, .name = canonical, .text = manifest, .size = size, .aside = aside};
	int failed;

	if (!path || ollama_manifest_parse(manifest, size, name, &commit.manifest, err) < 0)
		return -1;
	ncm_sha256_of(manifest, size, &commit.digest);
	failed = run(&commit, path, err);
	ollama_manifest_clear(&commit.manifest);
	free(commit.blobs);
	return failed;
}
