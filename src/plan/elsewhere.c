/* SPDX-License-Identifier: MIT */
/*
 * Deduplication over all stores: content that lies in some store of the layout already, whoever put it there, is linked
 * or copied, not fetched; so is what a bundle has. A blob is found by its name, a file by its size; either is believed
 * when it was hashed. A blob that has to be copied is hashed then, and read but once; until then its name counts.
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

/* Whether an open file (-1: none) can be had by copying alone, and may be what it is called: its size fits, and nobody
 * has read it yet. */
static bool may_be_copied(const struct look *look, const struct content *content, int fd, const struct twin *twin)
{
	size_t registered;

	(void)registry_at(look->run->lookup, twin->path, &registered);
	if (fd < 0 || registered > 0 || twin->status.kind != OS_IS_FILE || !content->has_size ||
	    twin->status.size != content->size || look_knows(look, &twin->status))
		return false;
	for (size_t i = 0; i < content->place_count; i++) {
		if (place_can_be_linked(twin->path, &content->places[i]))
			return false;
	}
	return true;
}

/* Whether an open file (-1: none), which has the content's digest for its name, is its twin. */
static bool is_named_twin(struct look *look, const struct content *content, int fd, struct twin *twin)
{
	if (fd < 0 || os_fstat(fd, &twin->status) < 0)
		return false;
	twin->unread = may_be_copied(look, content, fd, twin);
	return twin->unread || has_bytes(look, content, fd, twin->path, &twin->status);
}

/* Takes the path. */
static bool is_twin(struct look *look, const struct content *content, int fd, char *path, bool named, struct twin *twin)
{
	*twin = (struct twin){.path = path};
	if (!is_place(content, path) &&
	    (named ? is_named_twin(look, content, fd, twin) : has_bytes(look, content, fd, path, &twin->status)))
		return true;
	free(path);
	*twin = (struct twin){0};
	return false;
}

static bool try(struct look *look, const struct content *content, const struct ncm_store *store, const char *relative,
		bool named, struct twin *twin)
{
	const int dirfd = look_at_store(look, store);
	NCM_AUTO_CLOSE int fd = dirfd < 0 ? -1 : store_open_inside(store, dirfd, relative);

	return !is_private(fd) && is_twin(look, content, fd, ncm_path_join(store->path, relative), named, twin);
}

static bool find_blob(struct look *look, const struct content *content, struct twin *twin)
{
	const struct ncm_layout *layout = look->run->layout;
	bool found = false;

	for (size_t i = 0; i < layout->count && !found; i++) {
		char blob[80];

		if (!layout->stores[i].kind->blob_of)
			continue;
		layout->stores[i].kind->blob_of(&content->sha256, blob);
		found = try(look, content, &layout->stores[i], blob, true, twin);
	}
	return found;
}

static bool find_listed_blob(struct look *look, const struct content *content, struct twin *twin)
{
	const struct elsewhere *elsewhere = all_elsewhere(look);
	char hex[NCM_SHA256_HEX + 1];
	const uint32_t *number =
	    ncm_text_map_find(&elsewhere->by_name, ncm_sha256_hex(&content->sha256, hex), NCM_SHA256_HEX);
	const struct stray *blob = number ? &elsewhere->blobs[*number] : NULL;
	NCM_AUTO_FREE char *shared = NULL;

	if (!blob)
		return false;
	if (blob->store->kind->blob_behind)
		shared = blob->store->kind->blob_behind(look_at_store(look, blob->store), blob->relative);
	return try(look, content, blob->store, shared ? shared : blob->relative, true, twin);
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

static bool find_stray(struct look *look, const struct content *content, struct twin *twin)
{
	const struct elsewhere *elsewhere = all_elsewhere(look);
	bool found = false;

	for (size_t i = first_of_size(elsewhere, content->size); !found && i < elsewhere->count && !ncm_interrupted();
	     i++) {
		const struct stray *stray = &elsewhere->strays[i];

		if (stray->size != content->size)
			break;
		found = try(look, content, stray->store, stray->relative, false, twin);
	}
	return found;
}

/* Where models.json knows the same bytes to be. */
static bool find_registered(struct look *look, const struct content *content, struct twin *twin)
{
	size_t count;
	const struct registry_ref *refs = registry_having(look->run->lookup, &content->sha256, &count);
	bool found = false;

	for (size_t i = 0; i < count && !found; i++) {
		const char *path = refs[i].file->abs;
		NCM_AUTO_CLOSE int fd = os_open(OS_HERE, path, OS_READ | OS_NO_LINK);

		/* A record may name any file, and may be believed without reading it. */
		found = !is_private(fd) && authority_is_believed_of(&look->said, path) &&
			is_twin(look, content, fd, ncm_strdup(path), false, twin);
	}
	return found;
}

/* A folder that the user named has it by its digest. Who may read it there does not matter: it was named to be read. */
static bool find_bundled(struct look *look, const struct content *content, struct twin *twin)
{
	const struct ncm_config *config = look->run->config;
	char hex[NCM_SHA256_HEX + 1];
	bool found = false;

	ncm_sha256_hex(&content->sha256, hex);
	for (size_t i = 0; i < config->bundle_count && !found; i++) {
		char *path = config_bundle_blob(config->bundles[i], hex);
		NCM_AUTO_CLOSE int fd =
		    config_bundle_is_address(config->bundles[i]) ? -1 : os_open(OS_HERE, path, OS_READ | OS_NO_LINK);

		found = is_twin(look, content, fd, path, true, twin);
	}
	return found;
}

bool elsewhere_find(struct look *look, const struct content *content, struct twin *twin)
{
	*twin = (struct twin){0};
	if (!content->has_sha256 || ncm_sha256_is_zero(&content->sha256))
		return false;
	return find_registered(look, content, twin) || find_blob(look, content, twin) ||
	       find_bundled(look, content, twin) || find_listed_blob(look, content, twin) ||
	       (content->has_size && content->size >= LEAST && find_stray(look, content, twin));
}
