/* SPDX-License-Identifier: MIT */
/*
 * Deduplication over all stores: content that lies in some store of the layout already, whoever put it there, is linked
 * or copied, not fetched; so is what a bundle has. A blob is found by its name, a file by its size; either is believed
 * when it was hashed.
 */
#include "plan/plan.h"

#include "base/arena.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/text_map.h"
#include "config/bundles.h"
#include "os/os.h"
#include "store/walk.h"

#include <string.h>

static const uint64_t LEAST = 1 << 20; /* smaller files are fetched sooner than found */

/* A file whose name says nothing of its content, or a blob that is not found by its digest alone. */
struct stray {
	const struct ncm_store *store;
	char *relative;
	uint64_t size;
};

/* All folders are read once a run, when the first file is missing. */
struct elsewhere {
	struct stray *strays; /* by size */
	size_t count;
	struct stray *blobs;
	size_t blob_count;
	struct ncm_text_map by_name; /* of the blobs: the first of each name */
};

struct search {
	struct elsewhere *elsewhere;
	const struct ncm_store *store;
};

static void add_stray(void *context, const struct ncm_walk_entry *entry)
{
	const struct search *search = context;
	struct elsewhere *elsewhere = search->elsewhere;

	if (entry->status->kind == OS_IS_FILE && entry->status->size >= LEAST)
		*NCM_PUSH(elsewhere->strays, elsewhere->count) =
		    (struct stray){search->store, ncm_strdup(entry->path), entry->status->size};
}

static int by_size(const void *a, const void *b)
{
	const struct stray *x = a, *y = b;

	return (x->size > y->size) - (x->size < y->size);
}

static void add_blob(void *context, const char *relative)
{
	const struct search *search = context;
	struct elsewhere *elsewhere = search->elsewhere;
	struct stray *blob = NCM_PUSH(elsewhere->blobs, elsewhere->blob_count);

	*blob = (struct stray){search->store, ncm_strdup(relative), 0};
	ncm_text_map_add(&elsewhere->by_name, ncm_path_base(blob->relative), NCM_SHA256_HEX, elsewhere->blob_count - 1);
}

static const struct elsewhere *all_elsewhere(struct look *look)
{
	const struct ncm_layout *layout = look->run->layout;

	if (look->elsewhere)
		return look->elsewhere;
	look->elsewhere = ncm_calloc(1, sizeof *look->elsewhere);
	for (size_t i = 0; i < layout->count; i++) {
		const struct ncm_store *store = &layout->stores[i];
		const int dirfd = look_at_store(look, store);

		if (dirfd < 0)
			continue;
		if (!store->kind->by_digest)
			(void)ncm_walk_store(store, dirfd, "", &(struct ncm_walk_how){.links = STORE_LINKS_OF_STORE},
					     add_stray, NULL, &(struct search){look->elsewhere, store});
		else if (store->kind->list_blobs)
			store->kind->list_blobs(dirfd, add_blob, &(struct search){look->elsewhere, store});
	}
	if (look->elsewhere->count > 1)
		qsort(look->elsewhere->strays, look->elsewhere->count, sizeof(struct stray), by_size);
	return look->elsewhere;
}

static void free_strays(struct stray *strays, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(strays[i].relative);
	free(strays);
}

void elsewhere_free(struct elsewhere *elsewhere)
{
	if (!elsewhere)
		return;
	free_strays(elsewhere->strays, elsewhere->count);
	free_strays(elsewhere->blobs, elsewhere->blob_count);
	ncm_text_map_free(&elsewhere->by_name);
	free(elsewhere);
}

static bool is_place(const struct content *content, const char *path)
{
	for (size_t i = 0; i < content->place_count; i++) {
		if (strcmp(place_bytes_path(&content->places[i]), path) == 0)
			return true;
	}
	return false;
}

/* What we write everybody may read. */
static bool is_private(int fd)
{
	struct os_stat status;

	return fd >= 0 && os_fstat(fd, &status) == 0 && !(status.mode & OS_ALL_READ) &&
	       (os_is_root() || !os_is_mine(&status));
}

/* The file's absolute path if it has the content's bytes, else NULL. */
static char *try(struct look *look, const struct content *content, const struct ncm_store *store, const char *relative,
		 struct os_stat *status)
{
	const int dirfd = look_at_store(look, store);
	NCM_AUTO_CLOSE int fd = dirfd < 0 ? -1 : store_open_inside(store, dirfd, relative);
	char *path = ncm_path_join(store->path, relative);

	if (!is_place(content, path) && !is_private(fd) && has_bytes(look, content, fd, path, status))
		return path;
	free(path);
	return NULL;
}

static char *find_blob(struct look *look, const struct content *content, struct os_stat *status)
{
	const struct ncm_layout *layout = look->run->layout;
	char *found = NULL;

	for (size_t i = 0; i < layout->count && !found; i++) {
		char blob[80];

		if (!layout->stores[i].kind->blob_of)
			continue;
		layout->stores[i].kind->blob_of(&content->sha256, blob);
		found = try(look, content, &layout->stores[i], blob, status);
	}
	return found;
}

static char *find_listed_blob(struct look *look, const struct content *content, struct os_stat *status)
{
	const struct elsewhere *elsewhere = all_elsewhere(look);
	char hex[NCM_SHA256_HEX + 1];
	const uint32_t *number =
	    ncm_text_map_find(&elsewhere->by_name, ncm_sha256_hex(&content->sha256, hex), NCM_SHA256_HEX);
	const struct stray *blob = number ? &elsewhere->blobs[*number] : NULL;
	NCM_AUTO_FREE char *shared = NULL;

	if (!blob)
		return NULL;
	if (blob->store->kind->blob_behind)
		shared = blob->store->kind->blob_behind(look_at_store(look, blob->store), blob->relative);
	return try(look, content, blob->store, shared ? shared : blob->relative, status);
}

/* The first stray of at least that size. */
static size_t first_of_size(const struct elsewhere *elsewhere, uint64_t size)
{
	size_t low = 0, high = elsewhere->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (elsewhere->strays[middle].size < size)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static char *find_stray(struct look *look, const struct content *content, struct os_stat *status)
{
	const struct elsewhere *elsewhere = all_elsewhere(look);
	char *found = NULL;

	for (size_t i = first_of_size(elsewhere, content->size); !found && i < elsewhere->count && !ncm_interrupted();
	     i++) {
		const struct stray *stray = &elsewhere->strays[i];

		if (stray->size != content->size)
			break;
		found = try(look, content, stray->store, stray->relative, status);
	}
	return found;
}

/* Where models.json knows the same bytes to be. */
static char *find_registered(struct look *look, const struct content *content, struct os_stat *status)
{
	size_t count;
	const struct registry_ref *refs = registry_having(look->run->lookup, &content->sha256, &count);

	for (size_t i = 0; i < count; i++) {
		const char *path = refs[i].file->abs;
		NCM_AUTO_CLOSE int fd = os_open(OS_HERE, path, OS_READ | OS_NO_LINK);

		/* A record may name any file, and may be believed without reading it. */
		if (!is_place(content, path) && !is_private(fd) && authority_is_believed_of(&look->said, path) &&
		    has_bytes(look, content, fd, path, status))
			return ncm_strdup(path);
	}
	return NULL;
}

/* A folder that the user named has it by its digest. Who may read it there does not matter: it was named to be read. */
static char *find_bundled(struct look *look, const struct content *content, struct os_stat *status)
{
	const struct ncm_config *config = look->run->config;
	char hex[NCM_SHA256_HEX + 1];

	ncm_sha256_hex(&content->sha256, hex);
	for (size_t i = 0; i < config->bundle_count; i++) {
		char *path = config_bundle_blob(config->bundles[i], hex);
		NCM_AUTO_CLOSE int fd =
		    config_bundle_is_address(config->bundles[i]) ? -1 : os_open(OS_HERE, path, OS_READ | OS_NO_LINK);

		if (!is_place(content, path) && has_bytes(look, content, fd, path, status))
			return path;
		free(path);
	}
	return NULL;
}

char *elsewhere_find(struct look *look, const struct content *content, struct os_stat *status)
{
	char *found;

	if (!content->has_sha256 || ncm_sha256_is_zero(&content->sha256))
		return NULL;
	found = find_registered(look, content, status);
	if (!found)
		found = find_blob(look, content, status);
	if (!found)
		found = find_bundled(look, content, status);
	if (!found)
		found = find_listed_blob(look, content, status);
	if (!found && content->has_size && content->size >= LEAST)
		found = find_stray(look, content, status);
	return found;
}
