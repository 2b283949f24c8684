/* SPDX-License-Identifier: MIT */
/* The way back: every name of a file that several share gets bytes of its own. */
#include "link/work.h"

#include "base/ability.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/commit.h"
#include "store/share.h"

#include <errno.h>
#include <ncmodel/text.h>
#include <string.h>

/* Whether a name's own bytes can be shared blocks: tried, and thrown away. */
static bool can_clone(const struct work *work, const struct file *file, const struct name *name)
{
	const struct ncm_store *store = work->places[name->place].store;
	NCM_AUTO_CLOSE int from = file_open(work, file, name);
	NCM_AUTO_FREE char *staged = NULL;
	NCM_AUTO_CLOSE int to = from < 0 || store->staging < 0 ? -1 : store_stage(store, &staged);
	const bool cloned = to >= 0 && os_clone(from, to) == 0;

	if (to >= 0)
		os_unlink(store->staging, staged);
	return cloned;
}

/* What each file system has to have room for. */
struct need {
	struct ncm_space space;
	const char *path;
	uint64_t bytes;
};

static void add_need(struct need **needs, size_t *count, const char *path, uint64_t bytes)
{
	struct ncm_space space;
	struct need *need;
	size_t at = 0;

	if (ncm_space_of(path, &space, NULL) < 0)
		return;
	while (at < *count && (*needs)[at].space.device != space.device)
		at++;
	need = at < *count ? &(*needs)[at] : NCM_PUSH(*needs, *count);
	need->space = space;
	need->path = path;
	need->bytes += bytes;
}

static int check_needs(const struct work *work, const struct need *needs, size_t count, struct ncm_error *err)
{
	char need[32], reserve[32], free_now[32];

	for (size_t i = 0; i < count; i++) {
		uint64_t all;

		if (!__builtin_add_overflow(needs[i].bytes, work->config->reserve, &all) && all <= needs[i].space.free)
			continue;
		ncm_error_set(err, NCM_E_NO_SPACE, "not enough disk space at %s: %s needed and %s reserve, %s free",
			      needs[i].path, ncm_format_size(needs[i].bytes, need, sizeof need),
			      ncm_format_size(work->config->reserve, reserve, sizeof reserve),
			      ncm_format_size(needs[i].space.free, free_now, sizeof free_now));
		return ncm_error_hint(err, "free some space, or unlink one store or folder at a time");
	}
	return 0;
}

/* Sets what each group takes. */
static int measure(struct work *work, struct ncm_error *err)
{
	struct need *needs = NULL;
	size_t count = 0;
	int failed;

	for (size_t i = 0; i < work->group_count; i++) {
		const struct file *file = work->groups[i].files[0];

		for (size_t k = 1; k < file->name_count; k++) {
			if (!work->options->dry_run && can_clone(work, file, &file->names[k]))
				continue;
			work->groups[i].gain += file_room(file);
			add_need(&needs, &count, work->places[file->names[k].place].store->path, file_room(file));
		}
	}
	failed = work->options->dry_run ? 0 : check_needs(work, needs, count, err);
	free(needs);
	return failed;
}

static bool is_unlike(const struct file *file, int fd)
{
	struct os_stat now;

	return os_fstat(fd, &now) < 0 || !store_is_unchanged(&file->status, &now);
}

/* Times stay as they were, so that models.json stays true; root keeps the owner. */
static int dress(const struct file *file, int fd)
{
	if (os_is_root() && ncm_set_owner(fd, file->status.owner, file->status.group) < 0)
		return -1;
	if (ncm_set_mode(fd, file->status.mode | OS_OWNER_WRITES) < 0 ||
	    ncm_set_times(fd, file->status.atime_ns, file->status.mtime_ns) < 0)
		return -1;
	return ncm_sync(fd);
}

static int fill(const struct file *file, int from, int to)
{
	if (os_clone(from, to) < 0 && store_copy(from, to, NULL) < 0)
		return -1;
	if (is_unlike(file, from)) {
		errno = ESTALE;
		return -1;
	}
	return dress(file, to);
}

/* Gives one name of the open file its own bytes. Returns 0, or -1 with *err. */
static int part(const struct work *work, struct file *file, int fd, const struct name *name, struct ncm_error *err)
{
	struct ncm_store *store = work->places[name->place].store;
	struct publish how = {.replace = true, .over = &file->status};
	NCM_AUTO_FREE char *staged = NULL;
	NCM_AUTO_CLOSE int own = store_stage(store, &staged);
	int failed;

	if (own < 0)
		return ncm_error_errno(err, errno, "cannot stage %s", name->path);
	failed = fill(file, fd, own);
	if (failed && errno == ESTALE)
		ncm_error_set(err, NCM_E_DAMAGED, "changed meanwhile");
	else if (failed)
		ncm_error_errno(err, errno, "cannot copy");
	else
		failed = store_publish(store, own, staged, name->relative, &how, NULL, err);
	if (failed)
		os_unlink(store->staging, staged);
	else
		file_refresh(file, fd);
	return failed;
}

static void set(struct name *name, enum ncm_link_state state, const char *detail)
{
	name->state = state;
	name->detail = ncm_strdup_null(detail);
}

static void part_names(struct work *work, struct file *file, int fd)
{
	for (size_t i = 1; i < file->name_count && !ncm_interrupted(); i++) {
		struct name *name = &file->names[i];
		const char *refusal = work->places[name->place].refusal;
		struct ncm_error err = NCM_ERROR_INIT;

		if (refusal)
			set(name, NCM_LINK_FAILED, refusal);
		else if (part(work, file, fd, name, &err) < 0)
			set(name, err.code == NCM_E_DAMAGED ? NCM_LINK_SKIPPED : NCM_LINK_FAILED, err.message);
		else
			set(name, NCM_LINK_COPIED, NULL);
		ncm_error_clear(&err);
	}
}

/* Nobody knows what names outside of the stores are for: while there are any the file stays as it is. */
static bool make_writable(struct file *file, int fd)
{
	if (file->status.links != file->name_count || (file->status.mode & OS_OWNER_WRITES) ||
	    ncm_set_mode(fd, file->status.mode | OS_OWNER_WRITES) < 0)
		return false;
	file_refresh(file, fd);
	return true;
}

static void part_group(struct work *work, struct group *group)
{
	struct file *file = group->files[0];
	NCM_AUTO_CLOSE int fd = file_open(work, file, &file->names[0]);
	bool writable;

	if (fd < 0) {
		file_tell(file, NCM_LINK_SKIPPED, errno == ESTALE ? "changed meanwhile" : "cannot be opened");
		return;
	}
	if (!os_is_root() && !os_is_mine(&file->status)) {
		file_tell(file, NCM_LINK_SKIPPED, "it belongs to another user");
		return;
	}
	/* First: a run that is stopped leaves nothing read-only that would not be found again. */
	writable = make_writable(file, fd);
	part_names(work, file, fd);
	if (writable && file->status.links > 1 && store_make_read_only(fd) == 0)
		file_refresh(file, fd);
}

int groups_part(struct work *work, struct ncm_error *err)
{
	for (size_t i = 0; i < work->group_count; i++)
		file_tell(work->groups[i].files[0], NCM_LINK_LINKED, NULL);
	if (measure(work, err) < 0)
		return -1;
	for (size_t i = 0; i < work->group_count; i++) {
		struct group *group = &work->groups[i];

		if (!work->options->dry_run && !ncm_interrupted())
			part_group(work, group);
		if (group->files[0]->names[0].state == NCM_LINK_LINKED)
			group->files[0]->names[0].state = NCM_LINK_KEPT;
	}
	return 0;
}
