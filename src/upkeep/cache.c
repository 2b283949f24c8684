/* SPDX-License-Identifier: MIT */
/*
 * Which blobs of a Hugging Face cache are named. Every link of a snapshot names one; so what holds such links and
 * cannot be seen, because it cannot be read or is itself a link, may name any. Whoever put a link there meant
 * something by it that is not known here: nothing is removed of that repository then, and no blob of the cache.
 */
#include "upkeep/upkeep.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "store/kind_huggingface.h"
#include "store/share.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

struct linking {
	struct upkeep *upkeep;
	const struct ncm_store *store;
	struct store_facts *facts;
};

/* "models--ORG--NAME", the first part of such a path; or NULL. The caller frees it. */
static char *repository_of(const char *relative)
{
	const size_t size = strcspn(relative, "/");

	return memmem(relative, size, "--", 2) ? ncm_strndup(relative, size) : NULL;
}

/* What is not in a repository may be of all of them: "". */
static void add_unread(struct linking *linking, const char *path, const char *why)
{
	NCM_AUTO_FREE char *repository = repository_of(path);
	NCM_AUTO_FREE char *text = ncm_asprintf("%s/%s %s", linking->store->path, path, why);
	json_t *unread = linking->facts->unread;

	linking->facts->complete = false;
	if (!json_object_get(unread, repository ? repository : ""))
		ncm_json_set_string(unread, repository ? repository : "", text);
}

static void tell_missed(void *context, const char *path, int errnum)
{
	struct linking *linking = context;
	NCM_AUTO_FREE char *repository = repository_of(path);
	NCM_AUTO_FREE char *whole = ncm_path_join(linking->store->path, path);
	NCM_AUTO_FREE char *why = ncm_asprintf("cannot be read: %s", os_error_text(errnum));

	/* What lies beside the repositories names nothing. */
	if (*path && !repository)
		return;
	upkeep_cannot_read(linking->upkeep, whole, errnum);
	add_unread(linking, path, why);
}

/* Where a link says that it leads to, below the store; NULL: out of it. The caller frees it. */
static char *below_store(const struct ncm_store *store, const struct ncm_walk_entry *entry, const char *target)
{
	const size_t folder = strlen(entry->path) - strlen(entry->name);
	NCM_AUTO_FREE char *joined = ncm_path_is_absolute(target)
					 ? ncm_strdup(target)
					 : ncm_asprintf("%s/%.*s%s", store->path, (int)folder, entry->path, target);
	NCM_AUTO_FREE char *absolute = ncm_path_absolute(joined);
	const char *below = ncm_path_below(absolute, store->path);

	return below ? ncm_strdup(below) : NULL;
}

/* Where it really leads to, through whatever is on the way, below the store; or NULL. *is_file: to a file, here or
 * elsewhere. */
static char *follow_all(const struct ncm_store *store, const struct ncm_walk_entry *entry, bool *is_file)
{
	NCM_AUTO_FREE char *path = ncm_path_join(store->path, entry->path);
	NCM_AUTO_FREE char *root = os_real_path(store->path);
	NCM_AUTO_FREE char *real = os_real_path(path);
	const char *below = root && real ? ncm_path_below(real, root) : NULL;
	struct os_stat status;

	*is_file = real && os_lstat(OS_HERE, real, &status) == 0 && status.kind == OS_IS_FILE;
	return below ? ncm_strdup(below) : NULL;
}

static void add_name(struct linking *linking, const char *blob, const char *name)
{
	json_t *names = json_object_get(linking->facts->named, blob);

	if (!names) {
		names = json_array();
		json_object_set_new_nocheck(linking->facts->named, blob, names);
	}
	json_array_append_new(names, json_string_nocheck(name));
}

static bool is_named(const char *blob, bool shared)
{
	return blob && (shared ? store_is_shared_blob(blob) : store_hub_is_blob(blob));
}

/* The blob that a link says it leads to, and may not reach; or NULL. The caller frees it. */
static char *spelled_blob(const struct linking *linking, const struct ncm_walk_entry *entry, bool shared)
{
	char target[PATH_MAX];
	const ssize_t size = os_readlink(entry->dirfd, entry->name, target, sizeof target - 1);
	char *blob;

	if (size <= 0)
		return NULL;
	target[size] = '\0';
	blob = below_store(linking->store, entry, target);
	if (is_named(blob, shared))
		return blob;
	free(blob);
	return NULL;
}

/* A link that is to lead to a file names that, if it is a blob; one that leads to a folder may hide names. */
static void look_at_link(struct linking *linking, const struct ncm_walk_entry *entry, bool shared)
{
	NCM_AUTO_FREE char *spelled = spelled_blob(linking, entry, shared);
	NCM_AUTO_FREE char *real = NULL;
	bool is_file = false;

	if (spelled)
		add_name(linking, spelled, entry->path);
	real = follow_all(linking->store, entry, &is_file);
	if (real && (is_named(real, false) || is_named(real, true)) && (!spelled || strcmp(real, spelled) != 0))
		add_name(linking, real, entry->path);
	if (!is_file && !spelled)
		add_unread(linking, entry->path, "is a link that leads to a folder or to nothing, and is not followed");
}

/* Only what lies in a repository, or is taken for one, can name a blob. */
static void look_at(void *context, const struct ncm_walk_entry *entry)
{
	NCM_AUTO_FREE char *repository = entry->status->kind == OS_IS_LINK ? repository_of(entry->path) : NULL;

	if (repository && !store_hub_rest_of(entry->path, ".no_exist"))
		look_at_link(context, entry, store_hub_is_blob(entry->path));
}

void upkeep_learn_cache(struct upkeep *upkeep, size_t store)
{
	struct store_facts *facts = &upkeep->facts[store];
	struct linking linking = {upkeep, &upkeep->layout->stores[store], facts};

	json_object_clear(facts->unread);
	(void)ncm_walk_tell(facts->dirfd, "", true, look_at, tell_missed, &linking);
}

const char *upkeep_unread_repository(const struct upkeep *upkeep, size_t store, const char *relative)
{
	const json_t *unread = upkeep->facts[store].unread;
	NCM_AUTO_FREE char *repository = repository_of(relative);
	const char *why = json_string_value(json_object_get(unread, repository ? repository : ""));

	return why ? why : json_string_value(json_object_get(unread, ""));
}
