/* SPDX-License-Identifier: MIT */
/*
 * What lies in a store's `.ncmodel`, and our temporaries elsewhere. Nobody works in a store whose lock is held, so what
 * a run makes only for itself is garbage then. Models.json, the lock file and checkpoints are written without that
 * lock, in no time: a temporary of theirs is garbage after a while.
 */
#include "upkeep/content.h"

#include "base/mem.h"
#include "base/path.h"
#include "digest/checkpoint.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <unistd.h>

/* After that long nobody is writing it any more. */
static bool is_unwritten(const struct upkeep *upkeep, const struct stat *status)
{
	const uint64_t hour = 3600, age = upkeep->request.gc.min_age;

	return upkeep_is_old(status, age < hour ? age : hour);
}

static bool matches(const char *name, const char *const *patterns, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (fnmatch(patterns[i], name, 0) == 0)
			return true;
	}
	return false;
}

static void consider(struct upkeep *upkeep, const char *folder, const char *name, enum ncm_removal_kind kind,
		     const char *keep)
{
	NCM_AUTO_FREE char *path = ncm_path_join(folder, name);

	upkeep_consider(upkeep, &(struct candidate){.kind = kind, .path = path, .keep = keep});
}

/* Calls `found` with each name in a folder of `.ncmodel`. */
static void each_name(const struct content *content, const char *below,
		      void (*found)(const struct content *content, const char *folder, int fd, const char *name))
{
	const struct ncm_store *store = &content->upkeep->layout->stores[content->store];
	NCM_AUTO_FREE char *own = upkeep_own_path(store, below);
	NCM_AUTO_FREE char *folder = ncm_path_join(store->path, own);
	const int fd = ncm_dir_beneath(content->upkeep->facts[content->store].dirfd, own);
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (fd >= 0 && !entries)
		close(fd);
	while (entries && (entry = readdir(entries))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			found(content, folder, fd, entry->d_name);
	}
	if (entries)
		closedir(entries);
}

/* Why a partial download is kept, or NULL. */
static const char *reason_to_keep(struct upkeep *upkeep, int fd, const char *name)
{
	const struct ncm_gc_options *options = &upkeep->request.gc;
	NCM_AUTO_FREE char *journal = ncm_asprintf("%s.journal", name);
	struct stat status;

	if (options->keep_partial)
		return "as --keep-partial says";
	/* Each of the two tells of the last run that worked on it. */
	if ((fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && !upkeep_is_old(&status, options->min_age)) ||
	    (fstatat(fd, journal, &status, AT_SYMLINK_NOFOLLOW) == 0 && !upkeep_is_old(&status, options->min_age)))
		return "it is young; --min-age 0 removes it";
	if (!options->all_partial && upkeep_is_wanted(upkeep, name))
		return "the profile or the lock wants it; --all removes it";
	return NULL;
}

/* The download that a journal is of, if that is there; or NULL. The caller frees it. */
static char *download_of(int fd, const char *journal)
{
	char *name = ncm_strndup(journal, strlen(journal) - strlen(".journal"));
	struct stat status;

	if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
		return name;
	free(name);
	return NULL;
}

static void find_staged(const struct content *content, const char *folder, int fd, const char *name)
{
	static const char *const garbage[] = {"commit-????????????????", "*.part.journal.new", "*.part.dir",
					      "*.part.dir.old", ".*.????????????????.tmp"};
	struct upkeep *upkeep = content->upkeep;
	NCM_AUTO_FREE char *download = NULL;

	if (matches(name, garbage, sizeof garbage / sizeof *garbage)) {
		consider(upkeep, folder, name, NCM_REMOVAL_LEFTOVER, NULL);
	} else if (ncm_path_has_suffix(name, ".part")) {
		consider(upkeep, folder, name, NCM_REMOVAL_PARTIAL, reason_to_keep(upkeep, fd, name));
	} else if (ncm_path_has_suffix(name, ".part.journal")) {
		download = download_of(fd, name);
		if (!download || !reason_to_keep(upkeep, fd, download))
			consider(upkeep, folder, name, NCM_REMOVAL_LEFTOVER, NULL);
	} else if (fnmatch("placing-????????????????????????????????", name, 0) == 0) {
		/* Of use as long as what it tells of is there and models.json does not know. */
		if (json_object_get(content->registered, name) || !json_object_get(content->there, name))
			consider(upkeep, folder, name, NCM_REMOVAL_LEFTOVER, NULL);
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
static void find_checkpoints(const struct content *content, const char *folder, int fd, const char *name)
{
	struct ncm_sha256 digest;
	struct stat status;

	if (fnmatch(".*.????????????????.tmp", name, 0) == 0) {
		if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && is_unwritten(content->upkeep, &status))
			consider(content->upkeep, folder, name, NCM_REMOVAL_LEFTOVER, NULL);
	} else if (strlen(name) == NCM_SHA256_HEX && ncm_sha256_parse(name, &digest) == 0 &&
		   !json_object_get(content->upkeep->by_digest, name) && !may_prove_something(content, &digest)) {
		consider(content->upkeep, folder, name, NCM_REMOVAL_CHECKPOINTS, NULL);
	}
}

static void find_intents(const struct content *content, const char *folder, int fd, const char *name)
{
	(void)folder;
	(void)fd;
	if (strncmp(name, "placing-", strlen("placing-")) == 0)
		content->upkeep->has_intents = true;
}

void upkeep_collect_own(struct upkeep *upkeep, size_t store)
{
	struct content content = {.upkeep = upkeep, .store = store};

	upkeep->has_intents = false;
	each_name(&content, "staging", find_intents);
	content.with_intents = upkeep->has_intents;
	content_learn(&content);
	each_name(&content, "staging", find_staged);
	each_name(&content, "checkpoints", find_checkpoints);
	content_clear(&content);
}

/* ".<stem>….<random>.tmp", as ncm_write_atomic names what it writes. */
static bool is_temporary_of(const char *name, const char *stem)
{
	return *name == '.' && strncmp(name + 1, stem, strlen(stem)) == 0 &&
	       fnmatch(".*.????????????????.tmp", name, 0) == 0;
}

/* Temporaries of files that are replaced atomically: of one, or of all whose names begin so. */
static void collect_beside(struct upkeep *upkeep, const char *path)
{
	NCM_AUTO_FREE char *folder = ncm_strndup(path, (size_t)(ncm_path_base(path) - path));
	const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	struct stat status;

	if (fd >= 0 && !entries)
		close(fd);
	while (entries && (entry = readdir(entries))) {
		if (is_temporary_of(entry->d_name, ncm_path_base(path)) &&
		    fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && is_unwritten(upkeep, &status))
			consider(upkeep, folder, entry->d_name, NCM_REMOVAL_LEFTOVER, NULL);
	}
	if (entries)
		closedir(entries);
}

void upkeep_collect_beside_registry(struct upkeep *upkeep)
{
	const char *registry = upkeep->registry->path;
	NCM_AUTO_FREE char *lock = ncm_layout_lock(upkeep->layout, upkeep->request.config);
	NCM_AUTO_FREE char *notes =
	    ncm_asprintf("%.*s.ncmodel/removing-", (int)(ncm_path_base(registry) - registry), registry);

	collect_beside(upkeep, registry);
	collect_beside(upkeep, lock);
	collect_beside(upkeep, notes);
}
