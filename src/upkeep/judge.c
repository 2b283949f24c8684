/* SPDX-License-Identifier: MIT */
/* May this file go? */
#include "upkeep/upkeep.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "store/inside.h"
#include "store/staging.h"

#include <errno.h>
#include <string.h>

/* Below a store no link is followed on the way but those that are part of it. */
int upkeep_open_folder(const struct upkeep *upkeep, const struct target *target, const char **name)
{
	NCM_AUTO_FREE char *folder = NULL;

	if (target->store != NOWHERE) {
		const struct store_facts *facts = &upkeep->facts[target->store];

		errno = facts->failure;
		return facts->dirfd < 0 ? -1
					: store_parent_inside(&upkeep->layout->stores[target->store], facts->dirfd,
							      target->relative, name);
	}
	*name = ncm_path_base(target->relative);
	folder = ncm_path_folder(target->relative);
	return os_open(OS_HERE, folder, OS_FOLDER);
}

int upkeep_look(const struct upkeep *upkeep, const struct target *target, const char **name, struct os_stat *status)
{
	const int folder = upkeep_open_folder(upkeep, target, name);
	int saved;

	if (folder >= 0 && os_lstat(folder, *name, status) < 0) {
		saved = errno;
		os_close(folder);
		errno = saved;
		return -1;
	}
	return folder;
}

bool upkeep_is_same(const struct os_stat *a, const struct os_stat *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size && a->mtime_ns == b->mtime_ns;
}

static bool has_changed(const struct candidate *candidate, const struct os_stat *seen)
{
	return candidate->recorded && (candidate->size != seen->size || candidate->mtime_ns != seen->mtime_ns);
}

/* Links are wanted where an application keeps them: what they lead to is another's business. */
static const char *wrong_type(const struct upkeep *upkeep, enum ncm_removal_kind kind, const struct target *target)
{
	const enum os_kind type = target->seen.kind;
	const bool may_be_link =
	    ((kind == NCM_REMOVAL_LINK || kind == NCM_REMOVAL_REPLACED) && target->store != NOWHERE) ||
	    (kind == NCM_REMOVAL_MANIFEST && upkeep_is_tag(upkeep, target->store, target->relative));

	if (type == OS_IS_FILE || (may_be_link && type == OS_IS_LINK) ||
	    (kind == NCM_REMOVAL_LEFTOVER && type == OS_IS_FOLDER))
		return NULL;
	return type == OS_IS_LINK ? "is a link" : "is not a regular file";
}

/* Whether models.json or a manifest may use it: of our own things nobody does. */
static bool is_of_models(enum ncm_removal_kind kind)
{
	return kind == NCM_REMOVAL_FILE || kind == NCM_REMOVAL_BLOB || kind == NCM_REMOVAL_LINK ||
	       kind == NCM_REMOVAL_MANIFEST;
}

/* A registered file that cannot be looked at, and that this may be the bytes of; or NULL. Another size is another file.
 */
static const char *may_be_of(const struct upkeep *upkeep, enum ncm_removal_kind kind, const struct os_stat *seen)
{
	for (size_t i = 0; i < upkeep->unseen_count && is_of_models(kind) && seen->kind == OS_IS_FILE; i++) {
		const struct unseen *unseen = &upkeep->unseen[i];

		if (!unseen->recorded || unseen->size == seen->size)
			return unseen->path;
	}
	return NULL;
}

static const char outside[] = "stays: outside every store, where ncmodel removes nothing";

static char *kept_for_others(const struct upkeep *upkeep, enum ncm_removal_kind kind, const char *path,
			     const struct target *target)
{
	const struct ncm_store *store = target->store == NOWHERE ? NULL : &upkeep->layout->stores[target->store];
	const char *key = store ? upkeep_blob_key(store, target->relative) : NULL;
	const char *user = upkeep_user(upkeep, path, &target->seen), *unseen, *name;

	if (user)
		return ncm_asprintf("used by %s", user);
	unseen = may_be_of(upkeep, kind, &target->seen);
	if (unseen)
		upkeep_undone(upkeep, "%s of models.json cannot be looked at: what may be its bytes stays", unseen);
	if (unseen)
		return ncm_asprintf("%s of models.json cannot be looked at, and may lead here", unseen);
	name = key ? upkeep_named_by(upkeep, target->store, key) : NULL;
	if (name)
		return ncm_asprintf("named by %s", name);
	if (!key || upkeep->facts[target->store].complete)
		return NULL;
	if (upkeep_kind_of(store->kind)->tell_unread)
		upkeep_kind_of(store->kind)->tell_unread(upkeep, target->store);
	return ncm_strdup(store->kind->unread);
}

char *upkeep_reason_to_stay(const struct upkeep *upkeep, size_t index)
{
	const struct ncm_removal_file *file = &upkeep->removal->files[index];

	return kept_for_others(upkeep, file->kind, file->path, &upkeep->targets[index]);
}

/* What rm may not delete forbids all of it: nothing is to be half removed. gc says so once for each folder. */
static void cannot_delete(struct upkeep *upkeep, const char *path, int errnum)
{
	NCM_AUTO_FREE char *folder = ncm_path_folder(path);

	if (upkeep->request.collect && !json_object_get(upkeep->listed, folder)) {
		upkeep_undone(upkeep, "cannot delete from %s: %s", folder, os_error_text(errnum));
		json_object_set_new_nocheck(upkeep->listed, folder, json_true());
	} else if (!upkeep->request.collect && upkeep->error.code == NCM_OK) {
		ncm_error_errno(&upkeep->error, errnum, "cannot delete %s", path);
		ncm_hint_refused(&upkeep->error, errnum, "nothing was removed; ",
				 "run it as a user who may write to that folder");
	}
}

/* Nothing lies there but what we keep for ourselves; a path that leads there is no model's. */
static bool is_own(const char *relative)
{
	const char *base = ncm_path_base(relative);

	return store_is_own(relative) || strcmp(base, "models.json") == 0 || strcmp(base, "ncmodel.lock") == 0;
}

/* Where a folder of the layout is a link into another application's store, that one's rules would be passed by. */
static char *in_other_store(const struct upkeep *upkeep, const struct target *target)
{
	NCM_AUTO_FREE char *real = upkeep_real_path(upkeep, target);

	for (size_t i = 0; real && i < upkeep->layout->count; i++) {
		const struct ncm_store *store = &upkeep->layout->stores[i];
		NCM_AUTO_FREE char *root = store->kind->by_digest ? os_real_path(store->path) : NULL;

		if (root && ncm_path_below(real, root))
			return ncm_asprintf("lies in the store %s (%s)", store->id, real);
	}
	return NULL;
}

static bool leads_to(const char *link, const char *target)
{
	NCM_AUTO_FREE char *now = os_real_path(link);
	NCM_AUTO_FREE char *then = os_real_path(target);

	/* If what it led to is gone, the link is nobody's any more. */
	return now ? strcmp(now, then ? then : target) == 0 : !then;
}

/* Why the file is another one than was registered, or NULL. */
static const char *changed(const struct candidate *candidate, const struct os_stat *seen)
{
	if (candidate->target && seen->kind != OS_IS_LINK)
		return "was a link when it was registered; only --force takes it";
	if (candidate->target && !leads_to(candidate->path, candidate->target))
		return "leads elsewhere since it was registered; only --force takes it";
	/* A note has what it was itself, models.json what it leads to. */
	if ((seen->kind != OS_IS_LINK || candidate->noted) && has_changed(candidate, seen))
		return "changed since it was registered; only --force takes it";
	return NULL;
}

/* Why the word of who named the file is not enough, or NULL. The caller frees it. */
static char *doubt(const struct upkeep *upkeep, const struct candidate *candidate, const struct os_stat *file,
		   int folder)
{
	const struct authority *by = candidate->by || upkeep->request.collect ? candidate->by : &upkeep->said;
	struct os_stat status;

	if (!by || (os_fstat(folder, &status) == 0 && authority_is_believed(by, &status, file)))
		return NULL;
	if (by->anybody)
		return ncm_strdup(
		    "anybody may write what says that it is ours, so that is not believed; if it is yours, "
		    "remove it yourself");
	return ncm_strdup(
	    "not all who may have written that it is ours could remove it themselves, so that is not believed; "
	    "if it is yours, remove it yourself");
}

/* rm may not leave half of a repository, so it does nothing then. */
static char *in_unread_repository(struct upkeep *upkeep, const struct candidate *candidate, const struct target *target)
{
	const char *unread;

	upkeep_learn_names(upkeep, target->store, false);
	unread = upkeep_kind_of(upkeep->layout->stores[target->store].kind)
		     ->unread_around(upkeep, target->store, target->relative);
	if (!unread)
		return NULL;
	if (!upkeep->request.collect && upkeep->error.code == NCM_OK) {
		ncm_error_set(&upkeep->error, NCM_E_IO, "cannot remove %s: %s", candidate->path, unread);
		ncm_error_hint(&upkeep->error, "nothing was removed; what names the files of a repository has to be "
					       "readable, and no link");
	}
	return ncm_asprintf("nothing of its repository is removed: %s", unread);
}

/* Why the file is not this run's to remove at all, or NULL. The caller frees it. */
static char *not_ours(struct upkeep *upkeep, const struct candidate *candidate, const struct target *target, int folder)
{
	char *why = NULL;

	if (!is_of_models(candidate->kind))
		return doubt(upkeep, candidate, &target->seen, folder);
	if (target->store == NOWHERE)
		return ncm_strdup(outside);
	if (is_own(target->relative))
		return ncm_strdup("is no model's file");
	if (upkeep_kind_of(upkeep->layout->stores[target->store].kind)->unread_around)
		why = in_unread_repository(upkeep, candidate, target);
	else
		why = in_other_store(upkeep, target);
	return why ? why : doubt(upkeep, candidate, &target->seen, folder);
}

static char *judge(struct upkeep *upkeep, const struct candidate *candidate, const struct target *target, int folder)
{
	const char *wrong = wrong_type(upkeep, candidate->kind, target), *other;
	const bool is_blob =
	    target->store != NOWHERE && upkeep_blob_key(&upkeep->layout->stores[target->store], target->relative);
	char *why = NULL;

	if (is_blob)
		upkeep_learn_names(upkeep, target->store, false);
	why = candidate->keep ? ncm_strdup(candidate->keep) : not_ours(upkeep, candidate, target, folder);
	if (!why)
		why = kept_for_others(upkeep, candidate->kind, candidate->path, target);
	if (!why && wrong)
		why = ncm_strdup(wrong);
	/* A blob's name says what it is, whoever put it there anew. */
	other = !why && !is_blob && !upkeep->request.force ? changed(candidate, &target->seen) : NULL;
	if (other)
		why = ncm_strdup(other);
	if (!why && !candidate->until && os_access(folder, ".", OS_MAY_WRITE | OS_MAY_ENTER) < 0) {
		cannot_delete(upkeep, candidate->path, errno);
		why = ncm_strdup("you may not delete from its folder");
	}
	return why;
}

/* The value tells for which model. */
static void add_leaving(struct upkeep *upkeep, const struct target *target, const struct candidate *candidate)
{
	static const char manifests[] = "manifests/";
	const char *name = target->relative;

	if (target->store == NOWHERE ||
	    (candidate->kind != NCM_REMOVAL_MANIFEST && candidate->kind != NCM_REMOVAL_LINK))
		return;
	if (strncmp(name, manifests, sizeof manifests - 1) == 0)
		name += sizeof manifests - 1;
	json_object_set_new_nocheck(upkeep->facts[target->store].leaving, name,
				    candidate->model ? json_string_nocheck(candidate->model) : json_true());
}

/* errno says why. Takes the target. */
static void cannot_see(struct upkeep *upkeep, const struct candidate *candidate, struct target *target)
{
	const bool absent = errno == ENOENT || errno == ENOTDIR, link = errno == ELOOP || errno == EXDEV;

	if (absent && candidate->noted && target->store != NOWHERE) {
		*NCM_PUSH(upkeep->absent, upkeep->absent_count) = *target;
		return;
	}
	if (link && !candidate->quiet) {
		upkeep_list(upkeep, candidate, target, ncm_strdup("leads through a link out of its store, and stays"));
		return;
	}
	if (!absent && target->store == NOWHERE && is_of_models(candidate->kind)) {
		upkeep_list(upkeep, candidate, target, ncm_strdup(outside));
		return;
	}
	free(target->relative);
	if (!absent && !link)
		cannot_delete(upkeep, candidate->path, errno);
}

bool upkeep_consider(struct upkeep *upkeep, const struct candidate *candidate)
{
	struct target target = {.store = upkeep_store_of(upkeep, candidate->path, candidate->store)};
	NCM_AUTO_CLOSE int folder = -1;
	const char *name;
	char *why;

	if (json_object_get(upkeep->listed, candidate->path))
		return false;
	target.relative = ncm_strdup(target.store == NOWHERE
					 ? candidate->path
					 : ncm_path_below(candidate->path, upkeep->layout->stores[target.store].path));
	folder = upkeep_look(upkeep, &target, &name, &target.seen);
	if (folder < 0) {
		cannot_see(upkeep, candidate, &target);
		return false;
	}
	why = judge(upkeep, candidate, &target, folder);
	if (why && candidate->quiet) {
		free(why);
		free(target.relative);
		return false;
	}
	if (!why && candidate->until) {
		upkeep_list_waiting(upkeep, candidate->kind, &target.seen, candidate->until);
		free(target.relative);
		return false;
	}
	if (!why)
		add_leaving(upkeep, &target, candidate);
	return upkeep_list(upkeep, candidate, &target, why)->state == NCM_REMOVAL_GOES;
}
