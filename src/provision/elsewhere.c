/* SPDX-License-Identifier: MIT */
/*
 * Content that lies in some store of the layout already, whoever put it there: it is linked or copied, not fetched. A
 * blob is found by its name, a file by its size; either is believed when it was hashed.
 */
#include "provision/run.h"

#include "base/mem.h"
#include "base/path.h"
#include "store/share.h"
#include "store/walk.h"

#include <dirent.h>
#include <string.h>

static const uint64_t LEAST = 1 << 20; /* smaller files are fetched sooner than found */

/* A file of a store whose names say nothing of the content. */
struct stray {
	const struct ncm_store *store;
	char *relative;
	uint64_t size;
};

struct elsewhere {
	struct stray *strays; /* by size */
	size_t count;
};

struct search {
	struct elsewhere *elsewhere;
	const struct ncm_store *store;
};

static void add_stray(void *context, const struct ncm_walk_entry *entry)
{
	const struct search *search = context;
	struct elsewhere *elsewhere = search->elsewhere;

	if (S_ISREG(entry->status->st_mode) && (uint64_t)entry->status->st_size >= LEAST)
		*NCM_PUSH(elsewhere->strays, elsewhere->count) =
		    (struct stray){search->store, ncm_strdup(entry->path), (uint64_t)entry->status->st_size};
}

static int by_size(const void *a, const void *b)
{
	const struct stray *x = a, *y = b;

	return (x->size > y->size) - (x->size < y->size);
}

/* All folders are read once a run, when the first file is missing. */
static const struct elsewhere *strays_of(struct run *run)
{
	if (run->elsewhere)
		return run->elsewhere;
	run->elsewhere = ncm_calloc(1, sizeof *run->elsewhere);
	for (size_t i = 0; i < run->layout->count; i++) {
		const struct ncm_store *store = &run->layout->stores[i];
		NCM_AUTO_CLOSE int dirfd = store->kind == NCM_STORE_FOLDERS ? ncm_store_peek(store) : -1;

		if (dirfd >= 0)
			ncm_walk(dirfd, "", add_stray, &(struct search){run->elsewhere, store});
	}
	if (run->elsewhere->count > 1)
		qsort(run->elsewhere->strays, run->elsewhere->count, sizeof(struct stray), by_size);
	return run->elsewhere;
}

void elsewhere_free(struct run *run)
{
	for (size_t i = 0; run->elsewhere && i < run->elsewhere->count; i++)
		free(run->elsewhere->strays[i].relative);
	if (run->elsewhere)
		free(run->elsewhere->strays);
	free(run->elsewhere);
	run->elsewhere = NULL;
}

static bool is_dest(const struct item *item, const char *path)
{
	for (size_t i = 0; i < item->dest_count; i++) {
		if (strcmp(item->dests[i].path, path) == 0)
			return true;
	}
	return false;
}

/* The file's absolute path if it has the item's bytes, else NULL. */
static char *try(struct run *run, struct item *item, const struct ncm_store *store, int dirfd, const char *relative)
{
	char *path = ncm_path_join(store->path, relative);

	if (!is_dest(item, path) && item_has_bytes(run, item, dirfd, relative, path))
		return path;
	free(path);
	return NULL;
}

static char *find_ollama_blob(struct run *run, struct item *item, const struct ncm_store *store, int dirfd)
{
	char blob[80];

	ncm_ollama_blob_path(&item->sha256, blob);
	return try(run, item, store, dirfd, blob);
}

/* The blob that all repositories share, if this one of a repository is a link to it. The caller frees it. */
static char *shared_blob(int dirfd, const char *blob)
{
	char target[256];
	const ssize_t size = readlinkat(dirfd, blob, target, sizeof target - 1);
	const char *at;

	target[size > 0 ? size : 0] = '\0';
	at = strstr(target, "blobs/");
	return at && store_is_shared_blob(at) ? ncm_strdup(at) : NULL;
}

/* Each repository of the cache has blobs of its own. */
static char *find_hub_blob(struct run *run, struct item *item, const struct ncm_store *store, int dirfd)
{
	DIR *dir = fdopendir(ncm_dir_beneath(dirfd, ""));
	const struct dirent *entry;
	char hex[NCM_SHA256_HEX + 1];
	char *found = NULL;

	ncm_sha256_hex(&item->sha256, hex);
	while (dir && !found && (entry = readdir(dir))) {
		NCM_AUTO_FREE char *blob = ncm_asprintf("%s/blobs/%s", entry->d_name, hex);
		NCM_AUTO_FREE char *shared = shared_blob(dirfd, blob);

		if (strstr(entry->d_name, "--"))
			found = try(run, item, store, dirfd, shared ? shared : blob);
	}
	if (dir)
		closedir(dir);
	return found;
}

static char *find_blob(struct run *run, struct item *item)
{
	char *found = NULL;

	for (size_t i = 0; i < run->layout->count && !found; i++) {
		const struct ncm_store *store = &run->layout->stores[i];
		NCM_AUTO_CLOSE int dirfd = store->kind == NCM_STORE_FOLDERS ? -1 : ncm_store_peek(store);

		if (dirfd < 0)
			continue;
		found = store->kind == NCM_STORE_OLLAMA ? find_ollama_blob(run, item, store, dirfd)
							: find_hub_blob(run, item, store, dirfd);
	}
	return found;
}

static char *find_stray(struct run *run, struct item *item)
{
	const struct elsewhere *elsewhere = strays_of(run);
	char *found = NULL;

	for (size_t i = 0; i < elsewhere->count && !found && !ncm_interrupted(); i++) {
		const struct stray *stray = &elsewhere->strays[i];
		NCM_AUTO_CLOSE int dirfd = stray->size == item->size ? ncm_store_peek(stray->store) : -1;

		if (dirfd >= 0)
			found = try(run, item, stray->store, dirfd, stray->relative);
	}
	return found;
}

char *elsewhere_find(struct run *run, struct item *item)
{
	char *found;

	if (!item->has_sha256 || item->is_manifest)
		return NULL;
	found = find_blob(run, item);
	if (!found && item->has_size && item->size >= LEAST)
		found = find_stray(run, item);
	return found;
}
