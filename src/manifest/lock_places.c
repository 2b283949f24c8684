/* SPDX-License-Identifier: MIT */
/*
 * Places of pinned bytes besides the one that an entry pins: whoever served them once may be asked for them when that
 * one has them no longer. Sorted and few, so that equal knowledge is equal text.
 */
#include "manifest/lock_json.h"

#include "base/address.h"
#include "base/mem.h"
#include "base/strings.h"
#include "source/source.h"

#include <string.h>

enum { LONGEST_PLACE = 4000 };

/* A place that needs a secret cannot be asked by who has none. */
static bool may_be_kept(const char *place)
{
	return strlen(place) <= LONGEST_PLACE && !ncm_text_has_secret(place) && !ncm_address_is_signed(place);
}

static void add_places(struct ncm_strings *to, const struct ncm_strings *from)
{
	for (size_t i = 0; i < from->count; i++) {
		if (may_be_kept(from->items[i]))
			ncm_strings_add(to, from->items[i]);
	}
}

void lock_places_copy(struct ncm_strings *to, const struct ncm_strings *from)
{
	*to = (struct ncm_strings){0};
	add_places(to, from);
	ncm_strings_unite(to);
	while (to->count > NCM_LOCK_PLACES_MOST)
		free(to->items[--to->count]);
}

/* Whether one place stands for the other, at whatever revision. */
static bool covers(const char *known, const char *place)
{
	return known && (strcmp(known, place) == 0 || ncm_source_holds(known, place));
}

/* Of what is known at several revisions the last is kept. */
static bool add(const struct ncm_lock_entry *entry, struct ncm_lock_file *file, const char *place)
{
	if (!may_be_kept(place) || ncm_source_check(place, true, NULL, NULL) < 0 || covers(entry->uri, place) ||
	    covers(entry->pinned, place))
		return false;
	for (size_t i = 0; i < file->places.count; i++) {
		if (strcmp(file->places.items[i], place) == 0)
			return false;
		if (!covers(file->places.items[i], place))
			continue;
		free(file->places.items[i]);
		file->places.items[i] = ncm_strdup(place);
		ncm_strings_unite(&file->places);
		return true;
	}
	if (file->places.count >= NCM_LOCK_PLACES_MOST)
		return false;
	ncm_strings_add(&file->places, place);
	ncm_strings_unite(&file->places);
	return true;
}

static bool has(const struct ncm_lock_file *file, const struct ncm_sha256 *sha256)
{
	return file->has_sha256 && ncm_sha256_equal(&file->sha256, sha256);
}

bool ncm_lock_note_place(struct ncm_lock *lock, const char *uri, const struct ncm_sha256 *sha256, const char *place)
{
	const struct ncm_lock_entry *entry = ncm_lock_find(lock, uri);
	bool noted = false;

	for (size_t i = 0; entry && i < entry->file_count; i++) {
		if (has(&entry->files[i], sha256))
			noted = add(entry, &entry->files[i], place) || noted;
	}
	return noted;
}

/* What a file is asked for at its entry's own source. The caller frees it. */
static char *own_place(const struct ncm_lock_entry *entry, const struct ncm_lock_file *file)
{
	const char *uri = entry->pinned ? entry->pinned : entry->uri;
	char *spelled = entry->revision ? ncm_source_file_at(uri, file->path, entry->revision) : NULL;

	return spelled ? spelled : ncm_strdup(uri);
}

static void keep(struct ncm_lock_entry *entry, struct ncm_lock_file *file, const struct ncm_lock_entry *before,
		 const struct ncm_lock_file *old)
{
	NCM_AUTO_FREE char *own = own_place(before, old);

	for (size_t i = 0; i < old->places.count; i++)
		(void)add(entry, file, old->places.items[i]);
	(void)add(entry, file, own);
}

void lock_places_keep(struct ncm_lock_entry *entry, const struct ncm_lock_entry *before)
{
	for (size_t i = 0; i < entry->file_count; i++) {
		struct ncm_lock_file *file = &entry->files[i];

		/* Where it was, in most cases. */
		for (size_t k = 0; file->has_sha256 && k < before->file_count; k++) {
			const struct ncm_lock_file *old = &before->files[(i + k) % before->file_count];

			if (!has(old, &file->sha256))
				continue;
			keep(entry, file, before, old);
			break;
		}
	}
}

void ncm_lock_places(const struct ncm_lock *lock, const struct ncm_sha256 *sha256, struct ncm_strings *places)
{
	for (size_t i = 0; i < lock->count; i++) {
		const struct ncm_lock_entry *entry = &lock->entries[i];

		for (size_t k = 0; k < entry->file_count; k++) {
			if (!has(&entry->files[k], sha256))
				continue;
			ncm_strings_take(places, own_place(entry, &entry->files[k]));
			add_places(places, &entry->files[k].places);
		}
	}
	ncm_strings_unite(places);
}
