/* SPDX-License-Identifier: MIT */
/*
 * What lies in a store's `.ncmodel`, and our temporaries elsewhere. Nobody works in a store whose lock is held, so what
 * a run makes only for itself is garbage then. Models.json, the lock file and checkpoints are written without that
 * lock, in no time: a temporary of theirs is garbage after a while. Who writes models.json or the lock file holds a
 * lock of its own, without which nothing beside these goes: however young, what is there is then nobody's.
 */
#include "upkeep/content.h"

#include "base/file.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/path.h"
#include "digest/checkpoint.h"
#include "os/os.h"
#include "store/staging.h"

#include <fnmatch.h>
#include <string.h>

/* After that long nobody is writing it any more. */
static time_t written_until(const struct upkeep *upkeep, const struct os_stat *status)
{
	const uint64_t hour = 3600, age = upkeep->request.gc.min_age;

	return upkeep_young_until(status, age < hour ? age : hour);
}

static void consider(struct upkeep *upkeep, const char *folder, const char *name, enum ncm_removal_kind kind,
		     const char *keep)
{
	NCM_AUTO_FREE char *path = ncm_path_join(folder, name);

	upkeep_consider(upkeep, &(struct candidate){.kind = kind, .path = path, .keep = keep});
}

static void consider_temporary(struct upkeep *upkeep, int fd, const char *folder, const char *name)
{
	NCM_AUTO_FREE char *path = ncm_path_join(folder, name);
	struct os_stat status;

	if (os_lstat(fd, name, &status) == 0)
		upkeep_consider(upkeep, &(struct candidate){.kind = NCM_REMOVAL_LEFTOVER,
							    .path = path,
							    .until = written_until(upkeep, &status)});
}

static time_t young_until(const struct upkeep *upkeep, int fd, const char *name)
{
	struct os_stat status;

	return os_lstat(fd, name, &status) < 0 ? 0 : upkeep_young_until(&status, upkeep->request.gc.min_age);
}

/* It and its journal: each of the two tells of the last run that worked on it. */
static time_t partial_until(const struct upkeep *upkeep, int fd, const char *name)
{
	NCM_AUTO_FREE char *journal = staging_journal_name(name);
	const time_t own = young_until(upkeep, fd, name), of_journal = young_until(upkeep, fd, journal);

	return own > of_journal ? own : of_journal;
}

/* Why a partial download is kept, or NULL. */
static const char *reason_to_keep(struct upkeep *upkeep, int fd, const char *name)
{
	const struct ncm_gc_options *options = &upkeep->request.gc;
	const bool young = partial_until(upkeep, fd, name) != 0;

	if (options->keep_partial)
		return "as --keep-partial says";
	if (!options->all_partial && upkeep_is_wanted(upkeep, name))
		return young ? "the profile or the lock wants it; --all --min-age 0 removes it"
			     : "the profile or the lock wants it; --all removes it";
	return young ? "it is young; --min-age 0 removes it" : NULL;
}

/* One that nothing but its age keeps waits for that. */
static void count_waiting(struct upkeep *upkeep, int fd, const char *name)
{
	const struct ncm_gc_options *options = &upkeep->request.gc;
	const time_t until = partial_until(upkeep, fd, name);
	struct os_stat status;

	if (until && !options->keep_partial && (options->all_partial || !upkeep_is_wanted(upkeep, name)) &&
	    os_lstat(fd, name, &status) == 0)
		upkeep_list_waiting(upkeep, NCM_REMOVAL_PARTIAL, &status, until);
}

/* Of use with its download alone, as long as that is kept. */
static bool is_stray_journal(struct upkeep *upkeep, int fd, const char *journal)
{
	NCM_AUTO_FREE char *download = staging_partial_of(journal);
	struct os_stat status;

	return os_lstat(fd, download, &status) < 0 || !reason_to_keep(upkeep, fd, download);
}

/* Of use as long as what it tells of is there and models.json does not know. */
static bool is_stray_intent(const struct content *content, const char *name)
{
	return json_object_get(content->registered, name) ||
	       (content->complete && !json_object_get(content->there, name));
}

static void find_staged(void *context, int fd, const char *folder, const char *name)
{
	const struct content *content = context;
	struct upkeep *upkeep = content->upkeep;

	switch (staging_kind_of(name)) {
	case STAGING_PARTIAL:
	case STAGING_REPAIR:
		consider(upkeep, folder, name, NCM_REMOVAL_PARTIAL, reason_to_keep(upkeep, fd, name));
		count_waiting(upkeep, fd, name);
		return;
	case STAGING_JOURNAL:
		if (is_stray_journal(upkeep, fd, name))
			consider(upkeep, folder, name, NCM_REMOVAL_LEFTOVER, NULL);
		return;
	case STAGING_INTENT:
		if (is_stray_intent(content, name))
			consider(upkeep, folder, name, NCM_REMOVAL_LEFTOVER, NULL);
		return;
	case STAGING_UNPACKED:
	case STAGING_COMMIT:
	case STAGING_TEMPORARY:
		consider(upkeep, folder, name, NCM_REMOVAL_LEFTOVER, NULL);
		return;
	case STAGING_UNKNOWN:
		return;
	}
}

static bool may_prove_something(const struct content *content, const struct ncm_sha256 *digest)
{
	const struct ncm_store *store = &content->upkeep->layout->stores[content->store];
	NCM_AUTO_CLOSE int home = ncm_store_home(store, content->upkeep->facts[content->store].dirfd);
	const char *key;
	json_t *size;

	json_object_foreach(content->sizes, key, size)
	{
		if (ncm_checkpoints_exist(home, digest, (uint64_t)json_integer_value(size)))
			return true;
	}
	return false;
}

/* Nothing tells which unregistered file has this digest; one whose size fits may. */
static void find_checkpoints(void *context, int fd, const char *folder, const char *name)
{
	const struct content *content = context;
	struct ncm_sha256 digest;

	if (staging_is_written(name, "")) {
		consider_temporary(content->upkeep, fd, folder, name);
	} else if (strlen(name) == NCM_SHA256_HEX && ncm_sha256_parse(name, &digest) == 0 && content->complete &&
		   !json_object_get(content->upkeep->by_digest, name) && !may_prove_something(content, &digest)) {
		consider(content->upkeep, folder, name, NCM_REMOVAL_CHECKPOINTS, NULL);
	}
}

static void find_intents(void *context, int fd, const char *folder, const char *name)
{
	const struct content *content = context;

	(void)folder;
	(void)fd;
	if (staging_kind_of(name) == STAGING_INTENT)
		content->upkeep->has_intents = true;
}

void upkeep_collect_own(struct upkeep *upkeep, size_t store)
{
	struct content content = {.upkeep = upkeep, .store = store};

	upkeep->has_intents = false;
	(void)upkeep_list_own(upkeep, store, OWN_STAGING, find_intents, &content);
	content.with_intents = upkeep->has_intents;
	content_learn(&content);
	(void)upkeep_list_own(upkeep, store, OWN_STAGING, find_staged, &content);
	(void)upkeep_list_own(upkeep, store, OWN_CHECKPOINTS, find_checkpoints, &content);
	content_clear(&content);
}

struct beside {
	struct upkeep *upkeep;
	const char *stem;
};

static void find_temporary(void *context, int fd, const char *folder, const char *name)
{
	const struct beside *beside = context;

	if (staging_is_written(name, beside->stem))
		consider_temporary(beside->upkeep, fd, folder, name);
}

/*
 * Temporaries of files that are replaced atomically: of one, or of all whose names begin so. What is to be deleted now
 * is listed under the lock of those who write it, if they have one; a later temporary has another name.
 */
static void collect_beside(struct upkeep *upkeep, const char *path, const char *lock)
{
	const char *stem = ncm_path_base(path);
	NCM_AUTO_FREE char *folder = ncm_path_folder(path);
	NCM_AUTO_FREE char *own = staging_notes_folder(path);
	NCM_AUTO_CLOSE int fd = lock && upkeep->request.again ? os_open(OS_HERE, own, OS_FOLDER) : -1;
	NCM_AUTO_LOCK int held = fd < 0 ? -1 : ncm_lock_beneath(fd, lock, path, true, NULL, NULL);

	if (fd >= 0 && held < 0)
		return;
	(void)upkeep_list_folder(upkeep, folder, find_temporary, &(struct beside){upkeep, stem});
}

/* Since when nothing came to it: its journals are replaced there. */
static time_t import_until(const struct upkeep *upkeep, int import)
{
	NCM_AUTO_CLOSE int blobs = ncm_dir_beneath(import, "blobs/sha256");
	struct os_stat status;

	return os_fstat(blobs < 0 ? import : blobs, &status) < 0
		   ? 0
		   : upkeep_young_until(&status, upkeep->request.gc.min_age);
}

/* Volumes of a bundle that were being unpacked: the next import would go on with them. */
static void find_import(void *context, int fd, const char *folder, const char *name)
{
	struct upkeep *upkeep = context;
	NCM_AUTO_CLOSE int import = staging_is_import(name) ? os_open_beneath(fd, name, OS_FOLDER) : -1;
	NCM_AUTO_LOCK int held =
	    import < 0 ? -1 : ncm_lock_beneath(import, STAGING_IMPORT_LOCK, name, true, NULL, NULL);
	NCM_AUTO_FREE char *path = ncm_path_join(folder, name);
	const char *keep = upkeep->request.gc.keep_partial ? "as --keep-partial says"
			   : held < 0                      ? "an import is under way"
							   : NULL;

	if (import >= 0)
		upkeep_consider(upkeep, &(struct candidate){.kind = NCM_REMOVAL_LEFTOVER,
							    .path = path,
							    .keep = keep,
							    .until = import_until(upkeep, import)});
}

void upkeep_collect_beside_registry(struct upkeep *upkeep)
{
	NCM_AUTO_FREE char *lock = ncm_layout_lock(upkeep->layout, upkeep->request.config);
	NCM_AUTO_FREE char *folder = upkeep_notes_folder(upkeep);
	NCM_AUTO_FREE char *notes = ncm_path_join(folder, staging_note_start(NOTE_REMOVING));
	NCM_AUTO_FREE char *moves = ncm_path_join(folder, staging_note_start(NOTE_MOVING));

	collect_beside(upkeep, upkeep->registry->path, "registry.lock");
	collect_beside(upkeep, lock, "lock-file.lock");
	collect_beside(upkeep, notes, NULL); /* upkeep.lock is held */
	collect_beside(upkeep, moves, NULL);
	(void)upkeep_list_folder(upkeep, folder, find_import, upkeep);
}

/*
 * What --force and repairs put aside (store/aside.c): `.ncmodel/replaced/<time>/<path below the store>`, the time as
 * YYYYMMDDTHHMMSSZ, and "-2" and so on behind it where one second had several. Nobody is known to bring these bytes
 * back, so they go by name alone, when they are asked for.
 */
static const char time_pattern[] = "[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]T[0-9][0-9][0-9][0-9][0-9][0-9]Z";

/* A time, or one with a number. */
static bool is_time(const char *name)
{
	const size_t size = strcspn(name, "-");
	NCM_AUTO_FREE char *time = ncm_strndup(name, size);
	const char *number = name + size;

	return fnmatch(time_pattern, time, 0) == 0 &&
	       (!*number || (number[1] && strspn(number + 1, "0123456789") == strlen(number + 1)));
}

struct search {
	struct upkeep *upkeep;
	size_t store;
};

/* "20261128T093000Z" as "2026-11-28T09:30:00Z". The caller frees it. */
static char *readable(const char *time)
{
	return ncm_asprintf("%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", time, time + 4, time + 6, time + 9, time + 11, time + 13);
}

static void consider_replaced(void *context, const struct ncm_walk_entry *entry)
{
	const struct search *search = context;
	const struct ncm_store *in = &search->upkeep->layout->stores[search->store];
	const char *slash = strchr(entry->path, '/');
	NCM_AUTO_FREE char *time = slash ? ncm_strndup(entry->path, (size_t)(slash - entry->path)) : NULL;
	NCM_AUTO_FREE char *below = ncm_path_join(OWN_REPLACED, entry->path);
	NCM_AUTO_FREE char *own = store_own_path(in, below);
	NCM_AUTO_FREE char *path = ncm_path_join(in->path, own);
	struct ncm_removal *removal = search->upkeep->removal;
	const size_t before = removal->count;

	if (!time || !is_time(time))
		return;
	upkeep_consider(search->upkeep,
			&(struct candidate){.kind = NCM_REMOVAL_REPLACED, .path = path, .store = in->id, .lost = true});
	if (removal->count == before)
		return;
	removal->files[before].was = ncm_path_join(in->path, slash + 1);
	removal->files[before].since = readable(time);
}

void upkeep_collect_replaced(struct upkeep *upkeep, size_t store)
{
	struct search search = {upkeep, store};
	NCM_AUTO_FREE char *own = store_own_path(&upkeep->layout->stores[store], OWN_REPLACED);

	(void)upkeep_walk(upkeep, store, own, true, consider_replaced, &search);
}
