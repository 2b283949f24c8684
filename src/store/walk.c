/* SPDX-License-Identifier: MIT */
#include "store/walk.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "os/os.h"

#include <errno.h>
#include <ncmodel/event.h>
#include <stdbool.h>
#include <string.h>

enum { LEVELS = 32 };

struct ncm_walk_folder {
	uint64_t device;
	uint64_t inode;
};

struct walk {
	bool all;
	const struct ncm_store *store; /* NULL: no link is followed */
	int dirfd;                     /* the store's */
	const char *begin;             /* where the walk began, below the store */
	enum store_links links;
	struct ncm_walk_seen *seen;
	bool behind_link;
	void (*found)(void *context, const struct ncm_walk_entry *entry);
	void (*unseen)(void *context, const char *path, int errnum); /* or NULL */
	void *context;
};

static int descend(const struct walk *walk, int fd, const char *below, unsigned level);

static bool is_passed_by(const char *name, bool all)
{
	static const char *const names[] = {".", "..", ".ncmodel", ".git", "__pycache__"};

	for (size_t i = 0; i < (all ? 2 : sizeof names / sizeof *names); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

static int tell_unseen(const struct walk *walk, const char *path, int errnum)
{
	if (walk->unseen)
		walk->unseen(walk->context, path, errnum);
	return -1;
}

/* Whether a link led to what was seen before; if not, it is from now on. Without a link there is one way to each. */
static bool was_seen(const struct walk *walk, int fd)
{
	struct ncm_walk_seen *seen = walk->seen;
	struct os_stat status;

	if (os_fstat(fd, &status) < 0)
		return false;
	for (size_t i = 0; walk->behind_link && i < seen->count; i++) {
		if (seen->folders[i].device == status.device && seen->folders[i].inode == status.inode)
			return true;
	}
	*NCM_PUSH(seen->folders, seen->count) = (struct ncm_walk_folder){status.device, status.inode};
	return false;
}

void ncm_walk_seen_clear(struct ncm_walk_seen *seen)
{
	free(seen->folders);
	ncm_strings_free(&seen->links);
	*seen = (struct ncm_walk_seen){0};
}

/* A link to a folder that is followed: it waits for its turn. */
static bool is_followed(const struct walk *walk, const char *path)
{
	NCM_AUTO_FREE char *relative = walk->store ? ncm_path_join(walk->begin, path) : NULL;
	NCM_AUTO_CLOSE int fd = relative ? store_dir_by(walk->store, walk->dirfd, relative, walk->links) : -1;

	if (fd >= 0)
		ncm_strings_add(&walk->seen->links, relative);
	return fd >= 0;
}

/* One entry. Returns 0, or -1 if it is a folder that could not be seen. */
static int look_at(const struct walk *walk, int dirfd, const char *name, const char *below, unsigned level)
{
	NCM_AUTO_FREE char *path = ncm_path_join(below, name);
	struct os_stat status;

	if (os_lstat(dirfd, name, &status) < 0)
		return errno == ENOENT ? 0 : tell_unseen(walk, path, errno);
	if (status.kind == OS_IS_FOLDER)
		return level < LEVELS ? descend(walk, ncm_dir_beneath(dirfd, name), path, level + 1)
				      : tell_unseen(walk, path, ENAMETOOLONG);
	if (status.kind != OS_IS_LINK || !is_followed(walk, path))
		walk->found(walk->context, &(struct ncm_walk_entry){dirfd, name, path, &status});
	return 0;
}

/* Takes the open folder; -1 with errno if it could not be opened. */
static int descend(const struct walk *walk, int fd, const char *below, unsigned level)
{
	struct os_list *dir = NULL;
	const char *entry;
	int failed;

	if (fd >= 0 && walk->store && was_seen(walk, fd)) {
		os_close(fd);
		return 0;
	}
	dir = os_list(fd);
	failed = dir ? 0 : tell_unseen(walk, below, errno);
	while (dir && !ncm_interrupted()) {
		entry = os_list_next(dir);
		if (!entry && errno != 0)
			failed = tell_unseen(walk, below, errno);
		if (!entry)
			break;
		if (!is_passed_by(entry, walk->all) && look_at(walk, fd, entry, below, level) < 0)
			failed = -1;
	}
	os_list_end(dir);
	return ncm_interrupted() ? -1 : failed;
}

/* The links that wait, and those that are found behind them. */
static int walk_links(struct walk *walk)
{
	int failed = 0;

	walk->behind_link = true;
	for (size_t i = 0; i < walk->seen->links.count && !ncm_interrupted(); i++) {
		NCM_AUTO_FREE char *link = ncm_strdup(walk->seen->links.items[i]);
		const char *below = ncm_path_below(link, walk->begin);

		if (descend(walk, store_dir_by(walk->store, walk->dirfd, link, walk->links), below, 1) < 0)
			failed = -1;
	}
	return failed;
}

int ncm_walk_store(const struct ncm_store *store, int dirfd, const char *relative, const struct ncm_walk_how *how,
		   void (*found)(void *context, const struct ncm_walk_entry *entry),
		   void (*unseen)(void *context, const char *path, int errnum), void *context)
{
	struct ncm_walk_seen own = {0};
	struct walk walk = {
	    .all = how->all,
	    .store = store,
	    .dirfd = dirfd,
	    .begin = relative,
	    .links = how->links,
	    .seen = how->seen ? how->seen : &own,
	    .behind_link = how->behind_link,
	    .found = found,
	    .unseen = unseen,
	    .context = context,
	};
	const int first = descend(&walk, store_dir_by(store, dirfd, relative, how->links), "", 0);
	const int others = how->seen ? 0 : walk_links(&walk);

	ncm_walk_seen_clear(&own);
	return first < 0 || others < 0 ? -1 : 0;
}

int ncm_walk(int dirfd, const char *relative, void (*found)(void *context, const struct ncm_walk_entry *entry),
	     void *context)
{
	return descend(&(struct walk){.found = found, .context = context}, ncm_dir_beneath(dirfd, relative), "", 0);
}

int ncm_walk_tell(int dirfd, const char *relative, bool all,
		  void (*found)(void *context, const struct ncm_walk_entry *entry),
		  void (*unseen)(void *context, const char *path, int errnum), void *context)
{
	return descend(&(struct walk){.all = all, .found = found, .unseen = unseen, .context = context},
		       ncm_dir_beneath(dirfd, relative), "", 0);
}

int ncm_walk_all(int dirfd, const char *relative, void (*found)(void *context, const struct ncm_walk_entry *entry),
		 void *context)
{
	return descend(&(struct walk){.all = true, .found = found, .context = context},
		       ncm_dir_beneath(dirfd, relative), "", 0);
}
