/* SPDX-License-Identifier: MIT */
/*
 * One copy of equal files. Where the file system can share blocks the kernel does it, in place: every file stays one of
 * its own, and can be written to. Elsewhere the names of the others become names of the one that is kept, each by a
 * rename over it; then they are read-only.
 */
#include "link/work.h"

#include "base/ability.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "store/commit.h"
#include "store/inside.h"
#include "store/share.h"

#include <errno.h>
#include <ncmodel/text.h>
#include <string.h>

/* Two equal files, open. */
struct pair {
	struct work *work;
	struct file *kept, *other;
	int kept_fd, other_fd;
	char *why; /* they cannot be joined */
};

static bool is_ours(const struct file *file)
{
	return os_is_root() || os_is_mine(&file->status);
}

static bool is_blob(const struct file *file)
{
	struct ncm_sha256 digest;

	return store_blob_digest(file->names[0].path, &digest);
}

/*
 * Which to keep: what we could not replace anyway; what has the most names, which is the least to do; a blob rather
 * than a file that people move about. Programs that have one of the others open are not disturbed: they keep what they
 * opened.
 */
static int by_worth(const void *a, const void *b)
{
	const struct file *x = *(struct file *const *)a, *y = *(struct file *const *)b;

	if (is_ours(x) != is_ours(y))
		return is_ours(x) - is_ours(y);
	if (x->status.links != y->status.links)
		return x->status.links > y->status.links ? -1 : 1;
	if (is_blob(x) != is_blob(y))
		return is_blob(y) - is_blob(x);
	return strcmp(x->names[0].path, y->names[0].path);
}

static bool has_foreign_names(const struct file *file)
{
	return file->status.links > file->name_count;
}

static bool are_only_read(const struct file *file)
{
	for (size_t i = 0; i < file->name_count; i++) {
		if (!store_is_only_read(file->names[i].path))
			return false;
	}
	return true;
}

/* Everybody who could read one of them can read the other, and both are ours to change. */
static bool have_same_readers(const struct file *a, const struct file *b)
{
	const bool same_owner = a->status.owner == b->status.owner && a->status.group == b->status.group;
	const bool public = (a->status.mode & b->status.mode & 0444) == 0444;

	return is_ours(a) && is_ours(b) && (same_owner || public);
}

/* Where something may be tried: in our own folder, if it is there. */
static int store_folder(const struct ncm_store *store)
{
	return store->staging >= 0 ? store->staging : store->dirfd;
}

/* Why the two cannot be one file, or NULL. The caller frees it. */
static char *objection(const struct pair *pair)
{
	const struct file *kept = pair->kept, *other = pair->other;
	char size[32];

	if (kept->status.device != other->status.device)
		return ncm_asprintf("on another file system than %s; on the same one it would save %s",
				    kept->names[0].path, ncm_format_size(file_room(other), size, sizeof size));
	/* Nothing but bytes that were read is replaced. */
	if (!pair->work->options->dry_run && !(kept->has_sha256 && other->has_sha256))
		return ncm_strdup("not compared");
	if (has_foreign_names(other))
		return ncm_asprintf("%lu more names of it, outside of what was looked through, would keep its bytes",
				    (unsigned long)(other->status.links - other->name_count));
	if (!are_only_read(kept) || !are_only_read(other))
		return ncm_strdup("a file of this name may be written to, and as one file both would change");
	if (!have_same_readers(kept, other))
		return ncm_asprintf("it and %s belong to different users", kept->names[0].path);
	if (ncm_lacks_of(store_folder(pair->work->places[kept->names[0].place].store)) & NCM_LACKS_HARD_LINKS)
		return ncm_strdup("the file system has no hard links");
	if (os_is_being_written(pair->kept_fd) || os_is_being_written(pair->other_fd))
		return ncm_strdup("in use: a program has it open for writing");
	return NULL;
}

static const char *refusal(const struct pair *pair)
{
	for (size_t i = 0; i < pair->other->name_count; i++) {
		const char *why = pair->work->places[pair->other->names[i].place].refusal;

		if (why)
			return why;
	}
	return NULL;
}

static char *reason(int errnum)
{
	switch (errnum) {
	case ESTALE:
		return ncm_strdup("changed meanwhile");
	case EXDEV:
		return ncm_strdup("on another mount");
	default:
		if (ncm_is_without_links(errnum))
			return ncm_strdup("the file system has no hard links, or forbids this one");
		return ncm_strdup(os_error_text(errnum));
	}
}

static void tell_linked(const struct pair *pair, const struct name *name, const char *how)
{
	ncm_emit(pair->work->sink, &(struct ncm_event){.type = NCM_EVENT_PLACED,
						       .file = name->path,
						       .text = how,
						       .done = pair->other->status.size,
						       .total = pair->other->status.size});
}

/* Gives one name of the other file to the kept one. Returns 0, or -1 with pair->why and the state that says how bad. */
static int replace_name(struct pair *pair, struct name *name, enum ncm_link_state *state)
{
	const struct name *kept = &pair->kept->names[0];
	struct ncm_store *store = pair->work->places[name->place].store;
	struct publish how = {.replace = true, .over = &pair->other->status};
	struct ncm_error err = NCM_ERROR_INIT;
	const char *base;
	NCM_AUTO_CLOSE int folder = store_parent_inside(
	    pair->work->places[kept->place].store, pair->work->places[kept->place].store->dirfd, kept->relative, &base);
	NCM_AUTO_FREE char *staged = folder < 0 ? NULL : store_stage_link(store, pair->kept_fd, folder, base);

	if (!staged) {
		pair->why = folder < 0 ? ncm_strdup("the folder of the kept file is gone") : reason(errno);
		*state = errno == EIO ? NCM_LINK_FAILED : NCM_LINK_SKIPPED;
		return -1;
	}
	if (store_publish(store, pair->kept_fd, staged, name->relative, &how, NULL, &err) == 0) {
		file_refresh(pair->kept, pair->kept_fd);
		return 0;
	}
	os_unlink(store->staging, staged);
	*state = err.code == NCM_E_DAMAGED ? NCM_LINK_SKIPPED : NCM_LINK_FAILED;
	pair->why = ncm_strdup(err.code == NCM_E_DAMAGED ? "changed meanwhile" : err.message);
	ncm_error_clear(&err);
	return -1;
}

/* Who could read the one or the other can read the file that they are now; nobody can write to it. */
static int open_to_readers(struct pair *pair)
{
	const unsigned now = pair->kept->status.mode;
	const unsigned mode = (now | (pair->other->status.mode & 0777)) & 07555;

	if (mode != now && ncm_set_mode(pair->kept_fd, mode) < 0)
		return -1;
	file_refresh(pair->kept, pair->kept_fd);
	return 0;
}

/* The name that is next has been as it was found, but for the names that went. */
static void refresh_by_name(const struct work *work, struct file *file, const struct name *name)
{
	NCM_AUTO_CLOSE int fd =
	    os_open_beneath(work->places[name->place].store->dirfd, name->relative, OS_PATH | OS_NO_LINK);

	if (fd >= 0)
		file_refresh(file, fd);
}

/* Not every file system renames over a file that is open. */
static void close_other(struct pair *pair)
{
	os_close(pair->other_fd);
	pair->other_fd = -1;
}

static enum ncm_link_state hard_link(struct pair *pair)
{
	struct file *other = pair->other;
	const unsigned before = pair->kept->status.mode;
	const bool alone = pair->kept->status.links == 1;
	enum ncm_link_state state = NCM_LINK_HARDLINK;

	if (open_to_readers(pair) < 0) {
		pair->why = reason(errno);
		return NCM_LINK_SKIPPED;
	}
	close_other(pair);
	for (size_t i = 0; i < other->name_count; i++) {
		struct name *name = &other->names[i];

		if (i > 0)
			refresh_by_name(pair->work, other, name);
		if (replace_name(pair, name, &state) < 0)
			break;
		name->state = NCM_LINK_HARDLINK;
		free(name->detail);
		name->detail = NULL;
		claims_note_mtime(pair->work, name, &other->sha256, pair->kept->status.mtime_ns);
		tell_linked(pair, name, "hard link");
	}
	if (alone && pair->kept->status.links == 1 && ncm_set_mode(pair->kept_fd, before) == 0)
		file_refresh(pair->kept, pair->kept_fd);
	return state;
}

/* Without a reason when this file system cannot do it after all: XFS tells only now whether it was made to. */
static enum ncm_link_state share_blocks(struct pair *pair)
{
	if (dedupe(pair->kept_fd, pair->other_fd, pair->other->status.size) == 0) {
		tell_linked(pair, &pair->other->names[0], "reflink");
		return NCM_LINK_REFLINK;
	}
	if (errno == ESTALE || errno == EINTR || errno == EIO)
		pair->why = reason(errno);
	return errno == EIO ? NCM_LINK_FAILED : NCM_LINK_SKIPPED;
}

static enum ncm_link_state join_open(struct pair *pair)
{
	const bool dry_run = pair->work->options->dry_run;
	enum ncm_link_state state;

	if (!dry_run && refusal(pair)) {
		pair->why = ncm_strdup(refusal(pair));
		return NCM_LINK_FAILED;
	}
	if (dedupe_is_possible(pair->kept_fd, pair->other_fd)) {
		state = dry_run ? NCM_LINK_TO_LINK : share_blocks(pair);
		if (state != NCM_LINK_SKIPPED || pair->why)
			return state;
	}
	pair->why = objection(pair);
	if (pair->why)
		return NCM_LINK_SKIPPED;
	return dry_run ? NCM_LINK_TO_LINK : hard_link(pair);
}

static void tell(const struct pair *pair, enum ncm_link_state state)
{
	for (size_t i = 0; i < pair->other->name_count; i++) {
		struct name *name = &pair->other->names[i];

		if (name->state == NCM_LINK_HARDLINK)
			continue;
		name->state = state;
		free(name->detail);
		name->detail = ncm_strdup_null(pair->why);
	}
}

/* Whether the other file shares the kept one's bytes then (or would). */
static bool join(struct work *work, struct group *group, struct file *kept, struct file *other)
{
	NCM_AUTO_CLOSE int kept_fd = file_open(work, kept, &kept->names[0]);
	const int other_fd = kept_fd < 0 ? -1 : file_open(work, other, &other->names[0]);
	struct pair pair = {work, kept, other, kept_fd, other_fd, NULL};
	enum ncm_link_state state = NCM_LINK_SKIPPED;

	if (files_share_blocks(kept, other))
		state = NCM_LINK_LINKED;
	else if (other_fd < 0)
		pair.why = reason(errno);
	else
		state = join_open(&pair);
	if (pair.other_fd >= 0)
		close_other(&pair);
	tell(&pair, state);
	free(pair.why);
	if (state == NCM_LINK_SKIPPED || state == NCM_LINK_FAILED)
		return false;
	if (state != NCM_LINK_LINKED && &work->files[other->twin] == other)
		group->gain += file_room(other);
	return true;
}

/* Why it is not joined with what was kept before stays told. */
static void tell_kept(struct file *file)
{
	for (size_t i = 0; i < file->name_count; i++)
		file->names[i].state = i == 0 ? NCM_LINK_KEPT : NCM_LINK_LINKED;
}

/* Others made links before us, and a run of ours may have been stopped before it did this. */
static void protect(const struct work *work, struct file *file)
{
	NCM_AUTO_CLOSE int fd = -1;

	if (file->name_count < 2 || (file->status.mode & 0222) == 0 || !are_only_read(file) || !is_ours(file))
		return;
	fd = file_open(work, file, &file->names[0]);
	if (fd >= 0 && store_make_read_only(fd) == 0)
		file_refresh(file, fd);
}

/*
 * What cannot be joined with the file that is kept may be so with another: each round keeps the best of those that are
 * left.
 */
void group_join(struct work *work, struct group *group)
{
	NCM_AUTO_FREE struct file **left = ncm_calloc(group->count, sizeof *left);
	size_t count = group->count;

	if (count > 1)
		qsort(group->files, count, sizeof *group->files, by_worth);
	memcpy(left, group->files, count * sizeof *left);
	while (count > 0 && !ncm_interrupted()) {
		struct file *kept = left[0];
		const bool first = count == group->count;
		size_t others = 0;

		for (size_t i = 1; i < count; i++) {
			if (ncm_interrupted() || !join(work, group, kept, left[i]))
				left[others++] = left[i];
		}
		if (first || others + 1 < count)
			tell_kept(kept);
		count = others;
	}
	for (size_t i = 0; i < group->count && !work->options->dry_run; i++)
		protect(work, group->files[i]);
}
