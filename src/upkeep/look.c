/* SPDX-License-Identifier: MIT */
/* Looking into folders. What cannot be read is not "not there": it is said, and nothing is concluded from its absence.
 */
#include "upkeep/upkeep.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "os/os.h"
#include "store/inside.h"

#include <errno.h>
#include <string.h>

void upkeep_cannot_read(struct upkeep *upkeep, const char *path, int errnum)
{
	NCM_AUTO_FREE char *text = NULL;

	if (ncm_store_is_closed(path, errnum))
		return;
	if (errnum == ELOOP || errnum == EXDEV)
		text = ncm_asprintf("%s is, or leads through, a link that is no part of its store: it is not followed",
				    path);
	else
		text = ncm_asprintf("cannot read %s: %s", path, os_error_text(errnum));
	ncm_strings_add_new(&upkeep->removal->failures, text);
}

char *upkeep_real_path(const struct upkeep *upkeep, const struct target *target)
{
	const char *store = target->store == NOWHERE ? NULL : upkeep->layout->stores[target->store].path;
	const char *name = ncm_path_base(target->relative);
	NCM_AUTO_FREE char *path = store ? ncm_path_join(store, target->relative) : NULL;
	NCM_AUTO_FREE char *folder = path ? ncm_path_folder(path) : NULL;
	NCM_AUTO_FREE char *root = store ? os_real_path(store) : NULL;
	NCM_AUTO_FREE char *real = folder ? os_real_path(folder) : NULL;

	if (!root || !real || strcmp(real, root) == 0 || ncm_path_below(real, root))
		return NULL;
	return ncm_path_join(real, name);
}

struct looking {
	struct upkeep *upkeep;
	const char *folder; /* absolute: where the walk began */
	void (*found)(void *context, const struct ncm_walk_entry *entry);
	void *context;
};

static void tell_found(void *context, const struct ncm_walk_entry *entry)
{
	const struct looking *looking = context;

	looking->found(looking->context, entry);
}

static void tell_missed(void *context, const char *path, int errnum)
{
	const struct looking *looking = context;
	NCM_AUTO_FREE char *whole = ncm_path_join(looking->folder, path);

	upkeep_cannot_read(looking->upkeep, whole, errnum);
}

/* Not there, and no link that leads to something which is not there just now. */
static bool is_absent(const char *path, int errnum)
{
	struct os_stat status;

	return errnum == ENOENT && os_lstat(OS_HERE, path, &status) < 0 && errno == ENOENT;
}

int upkeep_walk(struct upkeep *upkeep, size_t store, const char *relative, bool all,
		void (*found)(void *context, const struct ncm_walk_entry *entry), void *context)
{
	const struct ncm_store *in = &upkeep->layout->stores[store];
	NCM_AUTO_FREE char *folder = ncm_path_join(in->path, relative);
	struct looking looking = {upkeep, folder, found, context};
	const int dirfd = upkeep->facts[store].dirfd;
	const struct ncm_walk_how how = {.links = STORE_LINKS_OF_STORE, .all = all};
	NCM_AUTO_CLOSE int fd = store_dir_inside(in, dirfd, relative);
	const int failure = errno;

	if (fd >= 0)
		return ncm_walk_store(in, dirfd, relative, &how, tell_found, tell_missed, &looking);
	if (is_absent(folder, failure))
		return 0;
	upkeep_cannot_read(upkeep, folder, failure);
	return -1;
}

/* Takes fd. */
static int list(struct upkeep *upkeep, int fd, const char *folder,
		void (*found)(void *context, int fd, const char *folder, const char *name), void *context)
{
	struct os_list *entries = os_list(fd);
	const char *entry;
	int failure;

	while (entries && (entry = os_list_next(entries)))
		found(context, fd, folder, entry);
	failure = errno;
	os_list_end(entries);
	if (failure)
		upkeep_cannot_read(upkeep, folder, failure);
	return failure ? -1 : 0;
}

int upkeep_list_own(struct upkeep *upkeep, size_t store, const char *below,
		    void (*found)(void *context, int fd, const char *folder, const char *name), void *context)
{
	const struct ncm_store *in = &upkeep->layout->stores[store];
	NCM_AUTO_FREE char *own = store_own_path(in, below);
	NCM_AUTO_FREE char *folder = ncm_path_join(in->path, own);
	const int fd = ncm_dir_beneath(upkeep->facts[store].dirfd, own);

	if (fd >= 0)
		return list(upkeep, fd, folder, found, context);
	if (errno == ENOENT)
		return 0;
	upkeep_cannot_read(upkeep, folder, errno);
	return -1;
}

int upkeep_list_folder(struct upkeep *upkeep, const char *folder,
		       void (*found)(void *context, int fd, const char *folder, const char *name), void *context)
{
	const int fd = os_open(OS_HERE, folder, OS_FOLDER);

	if (fd >= 0)
		return list(upkeep, fd, folder, found, context);
	if (is_absent(folder, errno))
		return 0;
	upkeep_cannot_read(upkeep, folder, errno);
	return -1;
}
