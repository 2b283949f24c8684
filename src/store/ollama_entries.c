/* SPDX-License-Identifier: MIT */
/* What is in the two folders of manifests, and what it says. */
#include "store/ollama.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "digest/hash.h"
#include "os/os.h"
#include "store/store.h"
#include "store/walk.h"

#include <errno.h>
#include <string.h>

enum { MANIFEST_BYTES = 4 << 20 };

struct listing {
	struct ollama_entries *entries;
	const char *folder;
};

static void add_entry(void *context, const struct ncm_walk_entry *found)
{
	const struct listing *listing = context;
	struct ollama_entry *entry = NCM_PUSH(listing->entries->items, listing->entries->count);

	entry->path = ncm_path_join(listing->folder, found->path);
	entry->name = ollama_name_at(entry->path, &entry->is_v2);
	entry->is_shadow = entry->name && ollama_name_is_shadow(entry->name);
}

static int by_path(const void *a, const void *b)
{
	const struct ollama_entry *x = a, *y = b;

	if (x->is_v2 != y->is_v2)
		return x->is_v2 ? -1 : 1;
	return strcmp(x->path, y->path);
}

/* Returns whether the folder is there. */
static bool list_folder(int dirfd, const char *folder, struct ollama_entries *entries)
{
	struct os_stat status;

	if (os_lstat(dirfd, folder, &status) < 0 && errno == ENOENT)
		return false;
	if (ncm_walk_store(&store_of_ollama, dirfd, folder, &(struct ncm_walk_how){.all = true}, add_entry, NULL,
			   &(struct listing){entries, folder}) < 0) {
		entries->complete = false;
		entries->unseen = folder;
	}
	return true;
}

void ollama_entries_read(int dirfd, struct ollama_entries *entries)
{
	bool v2, legacy;

	*entries = (struct ollama_entries){.complete = true};
	v2 = list_folder(dirfd, OLLAMA_MANIFESTS_V2, entries);
	legacy = list_folder(dirfd, OLLAMA_MANIFESTS, entries);
	/* Ollama makes one of them before it does anything: what has neither may be a mount that is not there. */
	entries->complete = entries->complete && (v2 || legacy);
	if (entries->count > 1)
		qsort(entries->items, entries->count, sizeof *entries->items, by_path);
}

void ollama_entries_clear(struct ollama_entries *entries)
{
	for (size_t i = 0; i < entries->count; i++) {
		free(entries->items[i].path);
		free(entries->items[i].name);
	}
	free(entries->items);
	*entries = (struct ollama_entries){0};
}

void ollama_held_clear(struct ollama_held *held)
{
	free(held->text);
	free(held->why);
	ollama_manifest_clear(&held->manifest);
	*held = (struct ollama_held){0};
}

static enum ollama_found broken(struct ollama_held *held, const char *why)
{
	free(held->why);
	held->why = ncm_strdup(why);
	return OLLAMA_BROKEN;
}

/* Takes the open file. `what` names it. */
static enum ollama_found read_open(int fd, const char *what, struct ollama_held *held)
{
	struct ncm_error why = NCM_ERROR_INIT;
	struct os_stat status;

	if (os_fstat(fd, &status) < 0)
		return OLLAMA_UNREADABLE;
	if (status.kind != OS_IS_FILE)
		return broken(held, "is not a regular file");
	held->text = ncm_read_fd(fd, MANIFEST_BYTES, &held->size);
	if (!held->text)
		return errno == EFBIG ? broken(held, "is too large for a manifest") : OLLAMA_UNREADABLE;
	ncm_sha256_of(held->text, held->size, &held->digest);
	if (ollama_manifest_parse(held->text, held->size, what, &held->manifest, &why) == 0)
		return OLLAMA_READ;
	broken(held, why.message);
	ncm_error_clear(&why);
	return OLLAMA_BROKEN;
}

static enum ollama_found read_failure(struct ollama_held *held)
{
	if (errno == ENOENT || errno == ENOTDIR)
		return OLLAMA_ABSENT;
	return errno == ELOOP || errno == EXDEV ? broken(held, "leads through a link") : OLLAMA_UNREADABLE;
}

/* The server of a network file system may lose an open file; by its name it is found again. */
static bool is_lost(enum ollama_found found, unsigned *tries)
{
	return found == OLLAMA_UNREADABLE && errno == ESTALE && ++*tries < 3;
}

static enum ollama_found read_blob(int dirfd, const struct ncm_sha256 *digest, struct ollama_held *held)
{
	NCM_AUTO_CLOSE int fd = -1;
	enum ollama_found found;
	char path[80];

	ncm_ollama_blob_path(digest, path);
	fd = store_open_inside(&store_of_ollama, dirfd, path);
	if (fd < 0)
		return read_failure(held);
	found = read_open(fd, path, held);
	if ((found == OLLAMA_READ || (found == OLLAMA_BROKEN && held->text)) &&
	    !ncm_sha256_equal(&held->digest, digest))
		return broken(held, "does not have the digest that its name says");
	return found;
}

enum ollama_found ollama_read_blob(int dirfd, const struct ncm_sha256 *digest, struct ollama_held *held)
{
	enum ollama_found found;
	unsigned tries = 0;

	do {
		found = read_blob(dirfd, digest, held);
	} while (is_lost(found, &tries));
	return found;
}

/* Both are absent, or one file. */
static bool leads_to(int folder, const char *name, int dirfd, const char *blob)
{
	struct os_stat behind, expected;
	const bool has_blob = os_lstat(dirfd, blob, &expected) == 0;

	if (os_stat(folder, name, &behind) < 0)
		return !has_blob;
	return has_blob && behind.device == expected.device && behind.inode == expected.inode;
}

/*
 * A link is one of Ollama's if it leads to a blob of this very store. Of one that was moved aside the name alone is
 * right: it was relative to another folder.
 */
static enum ollama_found read_link(int dirfd, const char *path, struct ollama_held *held)
{
	const char *name;
	NCM_AUTO_CLOSE int folder = store_parent_inside(&store_of_ollama, dirfd, path, &name);
	const bool moved = !ollama_is_manifest_path(path);
	char blob[80], target[1024];
	ssize_t size;

	size = folder < 0 ? -1 : os_readlink(folder, name, target, sizeof target - 1);
	if (size < 0)
		return read_failure(held);
	target[size] = '\0';
	if (strncmp(ncm_path_base(target), "sha256-", 7) != 0 ||
	    ncm_sha256_parse(ncm_path_base(target) + 7, &held->link) < 0)
		return broken(held, "is a link to something that is no blob");
	held->is_link = true;
	ncm_ollama_blob_path(&held->link, blob);
	if (!moved && !leads_to(folder, name, dirfd, blob))
		return broken(held, "is a link out of its store");
	return ollama_read_blob(dirfd, &held->link, held);
}

static enum ollama_found read_at(int dirfd, const char *path, struct ollama_held *held)
{
	NCM_AUTO_CLOSE int fd = store_open_inside(&store_of_ollama, dirfd, path);

	*held = (struct ollama_held){0};
	if (fd >= 0)
		return read_open(fd, path, held);
	return errno == ELOOP ? read_link(dirfd, path, held) : read_failure(held);
}

enum ollama_found ollama_read_at(int dirfd, const char *path, struct ollama_held *held)
{
	enum ollama_found found;
	unsigned tries = 0;

	do {
		found = read_at(dirfd, path, held);
	} while (is_lost(found, &tries));
	return found;
}
