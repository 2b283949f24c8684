/* SPDX-License-Identifier: MIT */
/*
 * What no file of models.json is and yet part of a model: Ollama's other names of a tag, and all blobs that these
 * reach; of a Hugging Face cache the links that lead to a model's blobs, and the refs of their commits.
 */
#include "move/work.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "store/ollama.h"
#include "store/staging.h"
#include "store/walk.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

enum { COMMIT = 40 /* hex digits */ };

/* One store that models leave. */
struct leaving {
	struct mover *mover;
	const struct ncm_store *store;
	int dirfd;
	json_t *commits; /* of which a link goes: "models--…/<commit>" */
	int failure;     /* errno of what could not be seen */
};

static struct item *add(struct leaving *leaving, const char *relative, bool is_name)
{
	NCM_AUTO_FREE char *path = ncm_path_join(leaving->store->path, relative);
	struct item *item = mover_add(leaving->mover, path, relative);

	item->is_name = item->is_name || is_name;
	return item;
}

static void add_blob(void *context, const struct ncm_sha256 *digest, const struct ollama_layer *layer)
{
	struct leaving *leaving = context;
	struct os_stat status;
	struct item *item;
	char relative[80];

	(void)layer;
	ncm_ollama_blob_path(digest, relative);
	if (os_lstat(leaving->dirfd, relative, &status) < 0)
		return; /* a list may name what was never pulled */
	item = add(leaving, relative, false);
	item->sha256 = *digest;
}

static int add_tag(struct leaving *leaving, const char *path, struct ncm_error *err)
{
	OLLAMA_AUTO_HELD struct ollama_held held;
	const enum ollama_found found = ollama_read_at(leaving->dirfd, path, &held);

	if (found == OLLAMA_READ && ollama_reach(leaving->dirfd, &held, add_blob, leaving) == 0) {
		add(leaving, path, true);
		return 0;
	}
	if (found == OLLAMA_ABSENT || found == OLLAMA_BROKEN)
		return 0; /* it names nothing */
	ncm_error_set(err, NCM_E_IO, "cannot read all of the manifest %s/%s", leaving->store->path, path);
	return ncm_error_hint(err, "nothing was moved; what it names has to go along");
}

static bool is_wanted(const struct leaving *leaving, const char *canonical)
{
	for (size_t i = 0; i < leaving->mover->count; i++) {
		const struct item *item = &leaving->mover->items[i];
		const char *relative = item->is_name ? ncm_path_below(item->from, leaving->store->path) : NULL;
		NCM_AUTO_FREE char *name = relative ? ollama_name_at(relative, NULL) : NULL;

		if (name && strcmp(name, canonical) == 0)
			return true;
	}
	return false;
}

static int add_ollama(struct leaving *leaving, struct ncm_error *err)
{
	struct ollama_entries entries;
	NCM_AUTO_FREE bool *wanted = NULL;
	int failed = 0;

	ollama_entries_read(leaving->dirfd, &entries);
	wanted = ncm_calloc(entries.count + 1, sizeof *wanted);
	for (size_t i = 0; i < entries.count; i++)
		wanted[i] = entries.items[i].name && is_wanted(leaving, entries.items[i].name);
	for (size_t i = 0; i < entries.count && !failed; i++) {
		if (wanted[i])
			failed = add_tag(leaving, entries.items[i].path, err);
	}
	if (!failed && !entries.complete)
		failed = ncm_error_set(err, NCM_E_IO, "cannot read all of %s/%s; nothing was moved",
				       leaving->store->path, entries.unseen ? entries.unseen : "manifests");
	ollama_entries_clear(&entries);
	return failed;
}

/* "models--ORG--NAME/snapshots/<commit>" of a path in it. The caller frees it; NULL: it is in none. */
static char *commit_of(const char *relative)
{
	const char *folder = strstr(relative, "/snapshots/");
	const char *commit = folder ? folder + strlen("/snapshots/") : NULL;

	if (!commit || strcspn(commit, "/") != COMMIT)
		return NULL;
	return ncm_asprintf("%.*s/%.*s", (int)(folder - relative), relative, COMMIT, commit);
}

/* A link that leads to what goes, by way of other links or not. */
static void find_link(void *context, const struct ncm_walk_entry *entry)
{
	struct leaving *leaving = context;
	NCM_AUTO_FREE char *path = NULL, *real = NULL, *root = NULL, *commit = NULL, *spelled = NULL;

	if (entry->status->kind != OS_IS_LINK)
		return;
	path = ncm_path_join(leaving->store->path, entry->path);
	real = os_real_path(path);
	root = real ? os_real_path(leaving->store->path) : NULL;
	if (!root || !ncm_path_below(real, root))
		return;
	spelled = ncm_path_join(leaving->store->path, ncm_path_below(real, root));
	if (!json_object_get(leaving->mover->by_path, spelled))
		return;
	commit = commit_of(entry->path);
	if (commit)
		json_object_set_new_nocheck(leaving->commits, commit, json_true());
	add(leaving, entry->path, true);
}

static void find_ref(void *context, const struct ncm_walk_entry *entry)
{
	struct leaving *leaving = context;
	const char *refs = strstr(entry->path, "/refs/");
	NCM_AUTO_CLOSE int fd = -1;
	NCM_AUTO_FREE char *text = NULL, *commit = NULL;

	if (!refs || entry->status->kind != OS_IS_FILE)
		return;
	fd = os_open(entry->dirfd, entry->name, OS_READ | OS_NO_LINK);
	text = fd < 0 ? NULL : ncm_read_fd(fd, 2 * COMMIT, NULL);
	if (!text) {
		leaving->failure = errno;
		return;
	}
	commit = ncm_asprintf("%.*s/%.*s", (int)(refs - entry->path), entry->path, COMMIT, text);
	if (json_object_get(leaving->commits, commit))
		add(leaving, entry->path, true);
}

/* What a registered name leads to goes along, by way of other links or not. */
static void add_behind(struct leaving *leaving, const char *path)
{
	char text[PATH_MAX];
	const ssize_t size = os_readlink(OS_HERE, path, text, sizeof text);
	NCM_AUTO_FREE char *folder = ncm_path_folder(path);
	NCM_AUTO_FREE char *joined = NULL, *target = NULL;
	const char *below;

	if (size <= 0)
		return;
	joined = ncm_path_join(folder, text);
	target = ncm_path_absolute(joined);
	below = ncm_path_below(target, leaving->store->path);
	if (!below || !*below || json_object_get(leaving->mover->by_path, target))
		return;
	add(leaving, below, false);
	add_behind(leaving, target);
}

static int add_huggingface(struct leaving *leaving, struct ncm_error *err)
{
	const size_t registered = leaving->mover->count;
	int failed;

	for (size_t i = 0; i < registered; i++) {
		NCM_AUTO_FREE char *path = ncm_strdup(leaving->mover->items[i].from);

		if (ncm_path_below(path, leaving->store->path))
			add_behind(leaving, path);
	}

	leaving->commits = json_object();
	failed = ncm_walk(leaving->dirfd, "", find_link, leaving);
	if (!failed)
		failed = ncm_walk(leaving->dirfd, "", find_ref, leaving);
	json_decref(leaving->commits);
	if (!failed && !leaving->failure)
		return 0;
	ncm_error_set(err, NCM_E_IO, "cannot read all of the cache %s", leaving->store->path);
	return ncm_error_hint(err, "nothing was moved; what names the files of a model has to go along");
}

typedef int belongings(struct leaving *leaving, struct ncm_error *err);

/* What adds them in stores of a kind; NULL: there are none. */
static belongings *belongings_of(const struct ncm_store_kind *kind)
{
	static const struct {
		const struct ncm_store_kind *kind;
		belongings *add;
	} table[] = {{&ncm_kind_ollama, add_ollama}, {&ncm_kind_huggingface, add_huggingface}};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (table[i].kind == kind)
			return table[i].add;
	}
	return NULL;
}

static int add_of_store(struct mover *mover, size_t number, struct ncm_error *err)
{
	struct leaving leaving = {.mover = mover, .store = &mover->layout->stores[number]};
	NCM_AUTO_CLOSE int dirfd = ncm_store_peek(leaving.store);

	leaving.dirfd = dirfd;
	if (dirfd < 0)
		return errno == ENOENT ? 0 : ncm_error_errno(err, errno, "cannot open %s", leaving.store->path);
	return belongings_of(leaving.store->kind)(&leaving, err);
}

int mover_add_belongings(struct mover *mover, struct ncm_error *err)
{
	NCM_AUTO_FREE bool *left = ncm_calloc(mover->layout->count + 1, sizeof *left);

	for (size_t i = 0; i < mover->count; i++) {
		const size_t store = mover->items[i].store;

		if (store != NCM_NO_STORE && belongings_of(mover->layout->stores[store].kind))
			left[store] = true;
	}
	for (size_t i = 0; i < mover->layout->count; i++) {
		if (left[i] && add_of_store(mover, i, err) < 0)
			return -1;
	}
	return 0;
}

/* Our own folder stays, and so does models.json: the readers know where it is. */
static bool is_ours(const struct leaving *leaving, const struct ncm_walk_entry *entry)
{
	NCM_AUTO_FREE char *path = ncm_path_join(leaving->store->path, entry->path);
	NCM_AUTO_FREE char *lock = ncm_layout_lock(leaving->mover->layout, leaving->mover->config);
	NCM_AUTO_FREE char *beside = ncm_asprintf("%s.checkpoints/", lock);

	return ncm_path_below(entry->path, ncm_store_own(leaving->store)) || strcmp(entry->name, ".ncmodel") == 0 ||
	       store_is_own(entry->path) || strcmp(path, leaving->mover->registry->path) == 0 ||
	       strcmp(path, lock) == 0 || strncmp(path, beside, strlen(beside)) == 0;
}

static void find_rest(void *context, const struct ncm_walk_entry *entry)
{
	struct leaving *leaving = context;
	const bool is_file = entry->status->kind == OS_IS_FILE || entry->status->kind == OS_IS_LINK;
	NCM_AUTO_FREE char *path = ncm_path_join(leaving->store->path, entry->path);
	/* A store may lie in another's folder. */
	const size_t store = ncm_layout_store_of(leaving->mover->layout, path, leaving->store->id);

	if (is_file && store == leaving->mover->source && !is_ours(leaving, entry))
		add(leaving, entry->path, entry->status->kind == OS_IS_LINK || strstr(entry->path, "/refs/") != NULL);
}

int mover_add_rest(struct mover *mover, struct ncm_error *err)
{
	struct leaving leaving = {.mover = mover, .store = &mover->layout->stores[mover->source]};
	NCM_AUTO_CLOSE int dirfd = ncm_store_peek(leaving.store);

	leaving.dirfd = dirfd;
	if (dirfd < 0)
		return errno == ENOENT ? 0 : ncm_error_errno(err, errno, "cannot open %s", leaving.store->path);
	if (ncm_walk_store(leaving.store, dirfd, "", &(struct ncm_walk_how){.all = true}, find_rest, NULL, &leaving) ==
	    0)
		return 0;
	ncm_error_set(err, NCM_E_IO, "cannot read all of %s", leaving.store->path);
	return ncm_error_hint(err, "nothing was moved");
}
