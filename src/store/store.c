/* SPDX-License-Identifier: MIT */
#include "store/store.h"

#include "base/ability.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/links.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "store/staging.h"

#include <errno.h>
#include <string.h>

/* Who may rename anything in the store may work in our folder there, too. */
static bool is_of_group(const struct os_stat *root, const struct os_stat *folder)
{
	return ncm_own_is_groups(root) && folder->group == root->group && (folder->mode & OS_ALL_WRITE) == 0;
}

/* Nobody else may put anything among the files that we are going to rename into the store. */
static int keep_private(const struct ncm_store *store, int fd)
{
	struct os_stat status, root;

	if (os_fstat(fd, &status) < 0 || os_fstat(store->dirfd, &root) < 0)
		return -1;
	if ((status.mode & 07777) == 0700 || is_of_group(&root, &status))
		return 0;
	/* Root's own folder in another's store may have been put there by that one. */
	if (os_is_root() && status.owner != root.owner) {
		errno = EPERM;
		return -1;
	}
	return ncm_set_mode(fd, 0700);
}

/* The folders of a user who had the store for himself, when it is shared now. */
static void share_old(const struct ncm_store *store, int own)
{
	static const char *const folders[] = {OWN_STAGING, OWN_CHECKPOINTS, OWN_REPLACED};

	(void)ncm_own_share(own, store->dirfd);
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		NCM_AUTO_CLOSE int fd = ncm_dir_beneath(own, folders[i]);

		if (fd >= 0)
			(void)ncm_own_share(fd, own);
	}
}

/* What is renamed into the store is looked up by name: whoever owns the folder of these names chooses what gets placed.
 * The store's owner could do so in the store itself. */
static bool is_of_owner(const struct ncm_store *store, int fd, uint32_t *owner)
{
	struct os_stat status, root;

	if (os_fstat(fd, &status) < 0 || os_fstat(store->dirfd, &root) < 0)
		return false;
	*owner = status.owner;
	return status.owner == 0 || os_is_mine(&status) || status.owner == root.owner || is_of_group(&root, &status);
}

static int refuse_owner(const struct ncm_store *store, uint32_t owner, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_POLICY, "refused: %s/%s belongs to the user %u, who does not own the store",
		      store->path, ncm_store_own(store), (unsigned)owner);
	return ncm_error_hint(err, "look into it; to take it over: chown -R %u %s/%s", (unsigned)os_user(), store->path,
			      ncm_store_own(store));
}

static int open_staging(const struct ncm_store *store, struct ncm_error *err)
{
	NCM_AUTO_CLOSE int own = ncm_mkdir_beneath(store->dirfd, ncm_store_own(store), err);
	uint32_t owner = 0;
	int fd;

	if (own < 0)
		return ncm_error_wrap(err, "%s", store->path);
	share_old(store, own);
	if (ncm_own_mkdir(own, OWN_STAGING, NCM_OWN_CLOSED) == 0 ? ncm_sync_dir(own) < 0 : errno != EEXIST)
		return ncm_error_errno(err, errno, "cannot make %s/%s/staging", store->path, ncm_store_own(store));
	fd = os_open_beneath(own, OWN_STAGING, OS_FOLDER);
	if (fd >= 0 && (!is_of_owner(store, own, &owner) || !is_of_owner(store, fd, &owner))) {
		os_close(fd);
		return refuse_owner(store, owner, err);
	}
	if (fd >= 0 && keep_private(store, fd) == 0)
		return fd;
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return ncm_error_set(err, NCM_E_POLICY, "refused: %s/%s/staging is not a folder", store->path,
				     ncm_store_own(store));
	ncm_error_errno(err, errno, "cannot use %s/%s/staging", store->path, ncm_store_own(store));
	if (fd >= 0)
		os_close(fd);
	return -1;
}

static int refuse_link(const struct ncm_store *store, const char *link, struct ncm_error *err)
{
	NCM_AUTO_FREE char *barrier = ncm_asprintf("%s is a link, and who made it may not write where it leads", link);

	return ncm_store_refuse(store, barrier, err);
}

/* Made if need be. */
static int open_folder(const struct ncm_store *store, struct ncm_error *err)
{
	NCM_AUTO_FREE char *link = NULL;
	int fd = ncm_dir_by_links(store->path, &link);

	if (fd < 0 && errno == ENOENT && !link) {
		fd = ncm_dir_open(store->path, true, err);
		if (fd < 0)
			return -1;
		os_close(fd);
		fd = ncm_dir_by_links(store->path, &link);
	}
	if (link)
		return refuse_link(store, link, err);
	return fd < 0 ? ncm_error_errno(err, errno, "cannot open the folder %s", store->path) : fd;
}

int ncm_store_open(struct ncm_store *store, struct ncm_error *err)
{
	NCM_AUTO_FREE char *denied = NULL;

	if (store->staging >= 0)
		return 0;
	if (store->dirfd < 0)
		store->dirfd = open_folder(store, err);
	if (store->dirfd >= 0)
		store->staging = open_staging(store, err);
	if (store->staging >= 0)
		return 0;
	if (!err || err->code != NCM_E_IO)
		return -1;
	denied = ncm_asprintf("run it as a user who may write there (what is being fetched is its owner's alone), or "
			      "give this store another folder: --store-path %s=PATH",
			      store->id);
	return ncm_hint_refused(err, errno, "", denied);
}

static int by_path(const void *a, const void *b)
{
	struct ncm_store *const *left = a, *const *right = b;

	return strcmp((*left)->path, (*right)->path);
}

bool ncm_stores_share(const struct ncm_store *a, const struct ncm_store *b)
{
	struct os_stat one, other;

	return strcmp(a->path, b->path) == 0 ||
	       (os_stat(OS_HERE, a->path, &one) == 0 && os_stat(OS_HERE, b->path, &other) == 0 &&
		one.device == other.device && one.inode == other.inode);
}

void ncm_stores_order(struct ncm_store **stores, size_t *count)
{
	size_t kept = 0;

	if (*count > 1)
		qsort(stores, *count, sizeof(struct ncm_store *), by_path);
	for (size_t i = 0; i < *count; i++) {
		bool shared = false;

		for (size_t k = 0; k < kept && !shared; k++)
			shared = ncm_stores_share(stores[k], stores[i]);
		if (!shared)
			stores[kept++] = stores[i];
	}
	*count = kept;
}

static size_t first_twin(const struct ncm_layout *layout, size_t store)
{
	size_t first = 0;

	while (store != NCM_NO_STORE && strcmp(layout->stores[first].path, layout->stores[store].path) != 0)
		first++;
	return store == NCM_NO_STORE ? NCM_NO_STORE : first;
}

size_t ncm_layout_store_of(const struct ncm_layout *layout, const char *path, const char *id)
{
	size_t found = NCM_NO_STORE;

	for (size_t i = 0; i < layout->count; i++) {
		const struct ncm_store *store = &layout->stores[i];

		if (!ncm_path_below(path, store->path))
			continue;
		if (id && strcmp(store->id, id) == 0)
			return first_twin(layout, i);
		if (found == NCM_NO_STORE || strlen(store->path) > strlen(layout->stores[found].path))
			found = i;
	}
	return first_twin(layout, found);
}

const struct ncm_store *ncm_layout_moved(const struct ncm_layout *layout, const char *path, const char *id)
{
	const struct ncm_store *store = id ? ncm_layout_find(layout, id) : NULL;

	return store && !ncm_path_below(path, store->path) ? store : NULL;
}

int ncm_store_lock(struct ncm_store *store, bool no_wait, const struct ncm_sink *sink, struct ncm_error *err)
{
	NCM_AUTO_FREE char *name = ncm_asprintf("%s/lock", ncm_store_own(store));
	int lock;

	if (ncm_store_open(store, err) < 0)
		return -1;
	lock = ncm_lock_beneath(store->dirfd, name, store->path, no_wait, sink, err);
	if (lock >= 0)
		ncm_store_tell_lacks(store, sink);
	return lock;
}

bool ncm_store_is_there(const struct ncm_store *store)
{
	struct os_stat status;

	return os_stat(OS_HERE, store->path, &status) == 0 && status.kind == OS_IS_FOLDER;
}

int ncm_store_peek(const struct ncm_store *store)
{
	return ncm_dir_by_links(store->path, NULL);
}

const char *ncm_store_own(const struct ncm_store *store)
{
	return store->kind->own ? store->kind->own : ".ncmodel";
}

int ncm_store_home(const struct ncm_store *store, int dirfd)
{
	NCM_AUTO_FREE char *above = ncm_strdup(ncm_store_own(store));
	char *slash = strrchr(above, '/');

	if (slash)
		*slash = '\0';
	return ncm_mkdir_beneath(dirfd, slash ? above : NULL, NULL);
}

const char *ncm_store_folder_at(const struct ncm_store *store, size_t number)
{
	const char *const *further = store->kind->folders;

	if (number < store->folder_count)
		return store->folders[number].path;
	for (number -= store->folder_count; further && *further && number > 0; number--)
		further++;
	return further ? *further : NULL;
}

const struct ncm_store_folder *ncm_store_folder_around(const struct ncm_store *store, const char *relative)
{
	const struct ncm_store_folder *found = NULL;

	for (size_t i = 0; i < store->folder_count; i++) {
		const struct ncm_store_folder *folder = &store->folders[i];

		if (ncm_path_below(relative, folder->path) && (!found || strlen(folder->path) > strlen(found->path)))
			found = folder;
	}
	return found;
}

/* The folder's path below the store, a sub-folder's with it. The caller frees it. */
static char *find_folder(const struct ncm_store *store, const char *folder)
{
	const size_t size = strcspn(folder, "/");

	for (size_t i = 0; i < store->folder_count; i++) {
		if (strlen(store->folders[i].name) == size && strncmp(store->folders[i].name, folder, size) == 0)
			return ncm_asprintf("%s%s", store->folders[i].path, folder + size);
	}
	return NULL;
}

static int no_such_folder(const struct ncm_store *store, const char *folder, struct ncm_error *err)
{
	struct ncm_buffer names = {0};

	for (size_t i = 0; i < store->folder_count; i++)
		ncm_buffer_printf(&names, "%s%s", i ? ", " : "", store->folders[i].name);
	ncm_error_set(err, NCM_E_USAGE, "store \"%s\" has no folder \"%s\"", store->id, folder);
	if (names.data)
		ncm_error_hint(err, "its folders are: %s", names.data);
	else
		ncm_error_hint(err, "it has no named folders; leave \"folder\" out, as in --to %s", store->id);
	ncm_buffer_free(&names);
	return -1;
}

/* A file that has the name that its target says. */
static char *place_file(const struct ncm_store *store, const struct ncm_store_offer *offer, struct ncm_error *err)
{
	NCM_AUTO_FREE char *below = NULL;
	char *path;

	if (offer->folder && *offer->folder) {
		below = find_folder(store, offer->folder);
		if (!below) {
			no_such_folder(store, offer->folder, err);
			return NULL;
		}
	}
	if (!ncm_path_check(offer->name, err))
		return NULL;
	path = ncm_path_join(below, offer->name);
	if (ncm_path_check(path, err))
		return path;
	free(path);
	return NULL;
}

char *ncm_store_place(const struct ncm_store *store, const struct ncm_store_offer *offer, struct ncm_error *err)
{
	const struct ncm_store_kind *kind = store->kind;

	/* Where the kind says where things go, the layout names no folders: layout.c. */
	if (kind->place && !kind->takes_only && offer->folder && *offer->folder) {
		no_such_folder(store, offer->folder, err);
		return NULL;
	}
	if (kind->admits && kind->admits(store, offer, err) < 0)
		return NULL;
	return kind->place ? kind->place(store, offer, err) : place_file(store, offer, err);
}

char *ncm_store_path(const struct ncm_store *store, const char *folder, const char *name, struct ncm_error *err)
{
	return ncm_store_place(store, &(struct ncm_store_offer){.folder = folder, .name = name, .is_spelled = true},
			       err);
}
