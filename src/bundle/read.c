/* SPDX-License-Identifier: MIT */
/*
 * Volumes are opened: each is read from header to header, and refused if anything is in it that none of ours has. Any
 * of them says what the bundle is.
 */
#include "archive/ustar.h"
#include "base/file.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "bundle/volumes.h"
#include "digest/checkpoint.h"
#include "digest/hash.h"
#include "os/os.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_VOLUMES = 900, MOST_ENTRIES = 1000000 };

static bool is_ours(const char *path)
{
	size_t length;
	uint64_t start;

	return strcmp(path, BUNDLE_VOLUME) == 0 || strcmp(path, BUNDLE_INDEX) == 0 || strcmp(path, BUNDLE_LOCK) == 0 ||
	       bundle_part_read(path, &length, &start) ||
	       (strncmp(path, BUNDLE_CHECKPOINTS "/", sizeof BUNDLE_CHECKPOINTS) == 0 &&
		strspn(path + sizeof BUNDLE_CHECKPOINTS, "0123456789abcdef") == NCM_SHA256_HEX &&
		strlen(path + sizeof BUNDLE_CHECKPOINTS) == NCM_SHA256_HEX) ||
	       (strncmp(path, "manifests/", 10) == 0 && ncm_path_check(path, NULL));
}

static int take_entry(struct bundle_volumes *volumes, size_t volume, const struct ncm_ustar_entry *found,
		      struct ncm_error *err)
{
	size_t length;
	uint64_t start;

	if (!is_ours(found->path))
		return ncm_error_set(err, NCM_E_POLICY, "refused: \"%s\" is in no bundle", found->path);
	if (!bundle_part_read(found->path, &length, &start) && found->size > BUNDLE_LARGEST_INDEX)
		return ncm_error_set(err, NCM_E_POLICY, "refused: \"%s\" is too large", found->path);
	if (volumes->entry_count == MOST_ENTRIES)
		return ncm_error_set(err, NCM_E_POLICY, "refused: it has more than %d entries", MOST_ENTRIES);
	*NCM_PUSH(volumes->entries, volumes->entry_count) = (struct bundle_entry){
	    .path = ncm_strdup(found->path), .volume = volume, .at = found->at, .size = found->size};
	return 0;
}

/* What is damaged is told, and what follows is looked for. */
static void note_damage(struct ncm_bundle_volume *volume, struct ncm_error *why)
{
	if (!volume->why) {
		volume->state = NCM_BUNDLE_DAMAGED;
		volume->why = ncm_strdup(why->message);
	}
	ncm_error_clear(why);
}

static int scan(struct ncm_bundle *bundle, size_t number, struct ncm_error *err)
{
	struct bundle_volumes *volumes = bundle->impl;
	struct ncm_bundle_volume *volume = &bundle->volumes[number];
	const int fd = volumes->files[number];
	uint64_t at = 0;

	for (;;) {
		struct ncm_error why = NCM_ERROR_INIT;
		struct ncm_ustar_entry entry;
		int more = ncm_ustar_next(fd, volume->size, &at, &entry, &why);

		if (more > 0)
			more = take_entry(volumes, number, &entry, &why) < 0 ? -1 : 1;
		if (more == 0)
			return 0;
		if (more > 0)
			continue;
		if (why.code != NCM_E_CHECKSUM) {
			ncm_error_wrap(&why, "%s", volume->path);
			return ncm_error_move(err, &why);
		}
		note_damage(volume, &why);
		at = ncm_ustar_find(fd, volume->size, at + NCM_USTAR_BLOCK);
		if (at >= volume->size)
			return 0;
	}
}

static int tell_no_volume(const char *path, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_USAGE, "there is no %s", path);
	return ncm_error_hint(err, "give the volumes that are there, or the folder that has them");
}

static int open_volume(struct ncm_bundle *bundle, const char *path, struct ncm_error *err)
{
	struct bundle_volumes *volumes = bundle->impl;
	struct ncm_bundle_volume *volume = NCM_PUSH(bundle->volumes, bundle->volume_count);
	int *fd = NCM_PUSH(volumes->files, volumes->count);
	struct os_stat status;

	*volume = (struct ncm_bundle_volume){.path = ncm_path_absolute(path)};
	*fd = os_open(OS_HERE, path, OS_READ);
	if (*fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return tell_no_volume(path, err);
	if (*fd < 0 || os_fstat(*fd, &status) < 0)
		return ncm_error_errno(err, errno, "cannot open %s", path);
	if (status.kind != OS_IS_FILE)
		return ncm_error_set(err, NCM_E_POLICY, "refused: %s is not a regular file", path);
	volume->size = status.size;
	return scan(bundle, volumes->count - 1, err);
}

/* What a volume says of itself. */
struct claim {
	struct ncm_sha256 index;
	uint64_t number, volumes;
};

static bool read_claim(const struct bundle_volumes *volumes, size_t volume, struct claim *claim)
{
	size_t size = 0;
	NCM_AUTO_FREE char *text = bundle_volumes_named(volumes, volume, BUNDLE_VOLUME, &size);
	NCM_AUTO_JSON json_t *document = text ? ncm_json_parse(text, size, "", NCM_E_MANIFEST, NULL) : NULL;
	const char *hex = ncm_json_string(document, "index_sha256");

	return document && hex && ncm_sha256_parse(hex, &claim->index) == 0 &&
	       ncm_json_u64(document, "volume", &claim->number) && ncm_json_u64(document, "volumes", &claim->volumes) &&
	       claim->number >= 1 && claim->number <= claim->volumes && claim->volumes <= MOST_VOLUMES;
}

/* A volume whose index is the one that was chosen is of this bundle, whatever became of what it says of itself. */
static bool has_our_index(const struct bundle_volumes *volumes, size_t volume)
{
	size_t size = 0;
	NCM_AUTO_FREE char *text = bundle_volumes_named(volumes, volume, BUNDLE_INDEX, &size);
	struct ncm_sha256 found;

	if (text)
		ncm_sha256_of(text, size, &found);
	return text && ncm_sha256_equal(&found, &volumes->index);
}

static int tell_strangers(const struct ncm_bundle *bundle, size_t one, size_t other, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_USAGE, "%s and %s are not of one bundle", bundle->volumes[one].path,
		      bundle->volumes[other].path);
	return ncm_error_hint(err, "give the volumes of one bundle, in any order");
}

/* Which volumes are not here, as far as the others say how many there are; `unread` are here and do not say which. */
static void add_missing(struct ncm_bundle *bundle, const bool *here, uint64_t count, uint64_t unread)
{
	uint64_t missing = 0;

	for (uint64_t i = 1; i <= count; i++)
		missing += !here[i];
	if (missing <= unread)
		return;
	for (uint64_t i = 1; i <= count; i++) {
		if (here[i])
			continue;
		*NCM_PUSH(bundle->volumes, bundle->volume_count) = (struct ncm_bundle_volume){
		    .path = ncm_asprintf("volume %llu of %llu", (unsigned long long)i, (unsigned long long)count),
		    .state = NCM_BUNDLE_MISSING,
		    .why = ncm_strdup("it is not given")};
	}
}

static int check_claims(struct ncm_bundle *bundle, size_t chosen, struct ncm_error *err)
{
	const struct bundle_volumes *volumes = bundle->impl;
	bool here[MOST_VOLUMES + 1] = {false};
	uint64_t count = 0, unread = 0;

	for (size_t i = 0; i < volumes->count; i++) {
		struct claim claim;
		const bool read = read_claim(volumes, i, &claim);
		const bool ours = read && ncm_sha256_equal(&claim.index, &volumes->index);

		if (!read || (!ours && has_our_index(volumes, i))) {
			struct ncm_error why = NCM_ERROR_INIT;

			ncm_error_set(&why, NCM_E_CHECKSUM, "damaged: " BUNDLE_VOLUME);
			note_damage(&bundle->volumes[i], &why);
			if (read)
				here[claim.number] = true;
			unread += !read;
			continue;
		}
		if (!ours)
			return tell_strangers(bundle, chosen, i, err);
		here[claim.number] = true;
		count = claim.volumes;
	}
	add_missing(bundle, here, count, unread);
	return 0;
}

/* The first index that is what its volume says. */
static int read_index(struct ncm_bundle *bundle, size_t *chosen, struct ncm_error *err)
{
	struct bundle_volumes *volumes = bundle->impl;

	for (size_t i = 0; i < volumes->count; i++) {
		size_t size = 0;
		NCM_AUTO_FREE char *text = bundle_volumes_named(volumes, i, BUNDLE_INDEX, &size);
		struct claim claim;

		*chosen = i;
		if (!text || !read_claim(volumes, i, &claim))
			continue;
		ncm_sha256_of(text, size, &volumes->index);
		volumes->index_size = size;
		if (ncm_sha256_equal(&volumes->index, &claim.index))
			return bundle_read(bundle, text, size, bundle->volumes[i].path, err);
	}
	ncm_error_set(err, NCM_E_MANIFEST, "%s%s: no sound " BUNDLE_INDEX " is in it", bundle->volumes[0].path,
		      volumes->count > 1 ? " and the others" : "");
	return ncm_error_hint(err, "`ncmodel bundle create FILE.tar` makes volumes; copy these again, or give more of "
				   "them: each has one");
}

static int by_file_and_start(const void *a, const void *b)
{
	const struct bundle_part *x = a, *y = b;

	if (x->file != y->file)
		return x->file > y->file ? 1 : -1;
	return (x->start > y->start) - (x->start < y->start);
}

struct ncm_bundle_file *bundle_find(const struct ncm_bundle *bundle, const char *path, size_t length)
{
	size_t low = 0, high = bundle->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const int order = strncmp(bundle->files[middle].path, path, length);

		if (order == 0 && bundle->files[middle].path[length] == '\0')
			return &bundle->files[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static bool fits(const struct ncm_bundle_file *file, uint64_t start, uint64_t size)
{
	return start % NCM_CHECKPOINT_SPAN == 0 && start <= file->size && size <= file->size - start &&
	       (start + size == file->size || size % NCM_CHECKPOINT_SPAN == 0);
}

static int take_part(struct ncm_bundle *bundle, const struct bundle_entry *entry, struct ncm_error *err)
{
	struct bundle_volumes *volumes = bundle->impl;
	const struct ncm_bundle_file *file;
	size_t length;
	uint64_t start;

	if (!bundle_part_read(entry->path, &length, &start))
		return 0;
	file = bundle_find(bundle, entry->path, length);
	if (!file || !fits(file, start, entry->size))
		return ncm_error_set(err, NCM_E_POLICY, "%s: refused: \"%s\" is not what the index tells of",
				     bundle->volumes[entry->volume].path, entry->path);
	*NCM_PUSH(volumes->parts, volumes->part_count) = (struct bundle_part){.volume = entry->volume,
									      .file = (size_t)(file - bundle->files),
									      .start = start,
									      .end = start + entry->size,
									      .at = entry->at};
	return 0;
}

static int take_parts(struct ncm_bundle *bundle, struct ncm_error *err)
{
	struct bundle_volumes *volumes = bundle->impl;

	for (size_t i = 0; i < volumes->entry_count; i++) {
		if (take_part(bundle, &volumes->entries[i], err) < 0)
			return -1;
	}
	if (volumes->part_count > 1)
		qsort(volumes->parts, volumes->part_count, sizeof *volumes->parts, by_file_and_start);
	return 0;
}

static int open_all(struct ncm_bundle *bundle, const struct ncm_strings *paths, struct ncm_error *err)
{
	struct bundle_volumes *volumes = bundle->impl;
	size_t chosen = 0;

	if (paths->count == 0 || paths->count > MOST_VOLUMES)
		return ncm_error_set(err, NCM_E_USAGE, "between 1 and %d volumes can be given", MOST_VOLUMES);
	for (size_t i = 0; i < paths->count; i++) {
		if (open_volume(bundle, paths->items[i], err) < 0)
			return -1;
	}
	bundle_volumes_sort(volumes);
	if (read_index(bundle, &chosen, err) < 0 || check_claims(bundle, chosen, err) < 0)
		return -1;
	return take_parts(bundle, err);
}

struct ncm_bundle *ncm_bundle_open_volumes(const struct ncm_strings *paths, struct ncm_error *err)
{
	struct ncm_bundle *bundle = ncm_calloc(1, sizeof *bundle);
	struct bundle_volumes *volumes = ncm_calloc(1, sizeof *volumes);

	volumes->lock = -1;
	bundle->impl = volumes;
	bundle->path = ncm_path_absolute(paths->count > 0 ? paths->items[0] : ".");
	if (open_all(bundle, paths, err) == 0)
		return bundle;
	ncm_bundle_free(bundle);
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void ncm_bundle_find_volumes(const char *folder, struct ncm_strings *paths)
{
	NCM_AUTO_CLOSE int dirfd = os_open(OS_HERE, folder, OS_FOLDER);
	struct os_list *list = dirfd < 0 || os_has(dirfd, BUNDLE_INDEX) ? NULL : os_list(os_dup(dirfd));
	const size_t first = paths->count;
	const char *name;

	while (list && (name = os_list_next(list))) {
		if (*name != '.' && ncm_path_has_suffix(name, BUNDLE_ENDING))
			ncm_strings_take(paths, ncm_path_join(folder, name));
	}
	os_list_end(list);
	if (paths->count > first + 1)
		qsort(paths->items + first, paths->count - first, sizeof *paths->items, by_name);
}

void bundle_volumes_free(struct bundle_volumes *volumes)
{
	if (!volumes)
		return;
	ncm_lock_release(volumes->lock);
	for (size_t i = 0; i < volumes->count; i++) {
		if (volumes->files[i] >= 0)
			os_close(volumes->files[i]);
	}
	for (size_t i = 0; i < volumes->entry_count; i++)
		free(volumes->entries[i].path);
	free(volumes->files);
	free(volumes->entries);
	free(volumes->parts);
	free(volumes->spoilt);
	free(volumes);
}
